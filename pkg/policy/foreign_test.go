package policy_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/policy"
)

// secret is in every foreign file, and must not be in what is said of it.
const secret = "hunter2"

// A file that is no policy may be anything: it is named as what it is not, and
// nothing of it is told.
func TestNothingOfAForeignFileIsTold(t *testing.T) {
	for name, c := range map[string]struct{ doc, want string }{
		"a private key":            {"-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2AAAA+b/c=\nhunter2==\n-----END OPENSSH PRIVATE KEY-----\n", "this is not a policy: it is text, not a mapping"},
		"an encrypted private key": {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,hunter2\n\nhunter2==\n-----END RSA PRIVATE KEY-----\n", "this is not a policy: it is not YAML"},
		"a key alone":              {"hunter2", "it is text"},
		"a key in quotes":          {`"hunter2"`, "it is text"},
		"a number":                 {"4111111111111111 # hunter2", "it is a number"},
		"an open quote":            {"'hunter2\n", "it is not YAML"},
		"AWS credentials":          {"[default]\naws_access_key_id = AKIAhunter2\naws_secret_access_key = hunter2\n", "it is not YAML"},
		"an environment":           {"TOKEN=hunter2\nOTHER='hunter2'\n", "it is text"},
		"a shell script":           {"#!/bin/sh\nset -e\nexport TOKEN=hunter2\ncurl -H \"Authorization: Bearer hunter2\" https://example.com | jq '.a: b'\n", "it is not YAML"},
		"a script with a policy":   {"#!/bin/sh\nTOKEN=hunter2: x\ncat > policy.yaml <<END\nversion: 1\nrules: []\nEND\n", "this is not a policy"},
		"a script with tabs":       {"#!/bin/sh\nif true; then\n\techo hunter2: x\nfi\n", "it is not YAML"},
		"a netrc":                  {"machine example.com login a password hunter2\n", "it is text"},
		"JSON":                     {`{"aws_secret_access_key": "hunter2", "hunter2": true}`, "it has none of the keys of one"},
		"JSON lines":               {"{\"a\": \"hunter2\"}\n{\"b\": \"hunter2\"}\n", "it is not YAML"},
		"broken JSON":              {`{"token": "hunter2", "x": [`, "it is not YAML"},
		"a list":                   {"- hunter2\n- b\n", "it is a list"},
		"a kubeconfig":             {"apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {token: hunter2}\n", "it has none of the keys of one"},
		"a Kubernetes secret":      {"apiVersion: v1\ndata: {password: hunter2}\n---\nhunter2: x\n", "it has none of the keys of one"},
		"aliases":                  {"a: &hunter2 b\nc: *hunter2\n", "it has none of the keys of one"},
		"a bad alias":              {"password: *\nx: hunter2\n", "it is not YAML"},
		"a value with a sign":      {"password: @hunter2\n", "it is not YAML"},
		"a tag":                    {"!hunter2 a: b\n", "it has none of the keys of one"},
		"an unknown tag":           {"!hunter2!x a: b\n", "it is not YAML"},
		"no UTF-8":                 {"\x89PNG\r\n\xff\xfehunter2\r\n", "not UTF-8"},
		"no text":                  {"\x89PNG\r\n\x1a\n\x00\x00hunter2", "binary data"},
		"UTF-16":                   {"\xff\xfeh\x00u\x00hunter2", "UTF-16"},
		"control characters":       {"\x1b[31mhunter2\x07\n", "control character"},
		"odd blanks":               {"password:\u00a0hunter2\n  b: c\n", "it is not YAML"},
		"deep brackets":            {strings.Repeat("[", 100) + "hunter2", "nested deeper"},
		"comments":                 {"# hunter2\n", "the document is empty"},
		"a version of another":     {"version = 1\n\n[[package]]\nname = \"hunter2\"\n", "it is text"},
	} {
		t.Run(name, func(t *testing.T) {
			p, problems := policy.Parse("f", []byte(c.doc))
			if p != nil || !strings.Contains(problems.String(), c.want) {
				t.Errorf("%q is not told:\n%s", c.want, problems)
			}
			if strings.Contains(problems.String(), secret) {
				t.Errorf("it is shown:\n%s", problems)
			}
			for _, problem := range problems {
				if problem.Source != "" {
					t.Errorf("a line is shown: %+v", problem)
				}
			}
		})
	}
}

// The same of text of any kind that doesn't begin like a policy.
func TestNothingOfAnyForeignTextIsTold(t *testing.T) {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"secretword", ": ", "\n", "\n  ", "- ", "[", "]", "{", "}", "\"", "'", "#", " #", "&", "*", "!", "|\n", "@", "%", ", ", "? ", "\t", "---\n", "=", "\u00a0", "\x1b", "\xff", "version: 1", "rules:"}),
		rapid.Just("secretword"),
	)
	rapid.Check(t, func(t *rapid.T) {
		doc := "secretword" + strings.Join(rapid.SliceOfN(piece, 0, 30).Draw(t, "pieces"), "")
		_, problems := policy.Parse("f", []byte(doc))
		ours := strings.Contains(doc, "\nversion:") || strings.Contains(doc, "\nrules:")
		if !ours && strings.Contains(problems.String(), "secretword") {
			t.Errorf("%q is shown:\n%s", doc, problems)
		}
	})
}
