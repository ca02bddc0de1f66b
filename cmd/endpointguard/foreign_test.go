package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestNothingOfAForeignFileIsShown gives each command that reads a policy files that
// are none: what is in them, which may be a secret, must not come into its output.
func TestNothingOfAForeignFileIsShown(t *testing.T) {
	const secret = "hunter2"
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{
		"key.pem":      "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,hunter2\n\nhunter2==\n-----END RSA PRIVATE KEY-----\n",
		"id_ed25519":   "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2==\n-----END OPENSSH PRIVATE KEY-----\n",
		"picture.png":  "\x89PNG\r\n\x1a\n\xffhunter2",
		"deploy.sh":    "#!/bin/sh\nexport TOKEN=hunter2\ncurl -H \"Authorization: Bearer hunter2\" https://example.com\n",
		"credentials":  "[default]\naws_secret_access_key = hunter2\n",
		"list.yaml":    "- password: hunter2\n",
		"word":         "hunter2",
		".env":         "TOKEN=hunter2\n",
		"kubeconfig":   "apiVersion: v1\nusers:\n  - user: {token: hunter2}\n    a: b: hunter2\n",
		"secrets.json": `{"password": "hunter2"}`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		about := name + ".test.yaml"
		cases := "version: 1\npolicy: " + name + "\ncases:\n  - name: a\n    given: {access: {public: true, private: true}}\n    expect: {outcome: compliant}\n"
		if err := os.WriteFile(about, []byte(cases), 0o600); err != nil {
			t.Fatal(err)
		}
		runs := [][]string{{"validate", name}, {"validate", "--json", name}, {"test", name}, {"test", about}, {"test", "--json", "--policy", name, about}}
		for _, cmd := range newRoot(io.Discard).Commands() {
			if cmd.Flags().Lookup("policy") != nil && cmd.Name() != "test" {
				runs = append(runs, append(arguments(cmd, about), "--policy", name))
			}
		}
		if len(runs) < 10 {
			t.Errorf("only %d command lines read a policy", len(runs))
		}
		for _, args := range runs {
			t.Run(filepath.Base(name)+" "+strings.Join(args, " "), func(t *testing.T) {
				status, out, errs := execute(t, args...)
				if status == statusFine {
					t.Errorf("status %d", status)
				}
				if strings.Contains(out+errs, secret) {
					t.Errorf("it is shown:\n%s\n%s", out, errs)
				}
				if !strings.Contains(out+errs, name) || !strings.Contains(out+errs, "this is not a policy") && !strings.Contains(out+errs, "is not UTF-8") {
					t.Errorf("the file is not named as what it is not:\n%s\n%s", out, errs)
				}
			})
		}
	}
}

// arguments are a command and what it needs beside a policy.
func arguments(cmd *cobra.Command, file string) []string {
	switch cmd.Name() {
	case "explain":
		return []string{"explain", "--access", "public=true,private=true"}
	case "replay":
		return []string{"replay", file}
	}
	return []string{cmd.Name()}
}
