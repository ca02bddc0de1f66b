//go:build !race

package main

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/grant"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/settings"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

const (
	mailsElsewhere = "arn:aws:sns:eu-west-1:444455556666:security-mails"
	chatElsewhere  = "arn:aws:sns:eu-west-1:444455556666:security-chat"
	mailsKey       = "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	chatKey        = "arn:aws:kms:eu-west-1:444455556666:key/4321abcd-12ab-34cd-56ef-1234567890ab"
	ourOrg         = "o-a1b2c3d4e5"
)

// TestTopicsElsewhereWithKeysElsewhere: with the settings for them, the roles as they
// are deployed and the policies that the command line writes, both functions mail to
// topics of another account that are encrypted with its keys; without any one of these
// they don't.
func TestTopicsElsewhereWithKeysElsewhere(t *testing.T) {
	full := map[string]any{keyTopicARN: mailsElsewhere, keyChatTopicARN: chatElsewhere, keyTopicKey: mailsKey, keyChatTopicKey: chatKey, keyDigestHour: 0.0}
	account, organization := grant.To{Name: "endpointguard", Account: "111122223333"}, grant.To{Name: "endpointguard", Organization: ourOrg}
	for _, test := range []struct {
		name         string
		without      []string // settings
		to           grant.To
		organization string // of the account that mails
		refused      string // the error, "" for none
	}{
		{"for the account", nil, account, "", ""},
		{"for the organization", nil, organization, ourOrg, ""},
		{"for another account", nil, grant.To{Name: "endpointguard", Account: "777788889999"}, "", "AuthorizationError"},
		{"for another organization", nil, organization, "o-zzzzzzzzzz", "AuthorizationError"},
		{"for another installation", nil, grant.To{Name: "other", Account: "111122223333"}, "", "AuthorizationError"},
		{"without the setting of the key", []string{keyTopicKey}, account, "", "KMSAccessDenied"},
		{"without the setting of the chat's key", []string{keyChatTopicKey}, account, "", "KMSAccessDenied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			context := with(full)
			for _, key := range test.without {
				delete(context, key)
			}
			x := synthesized(t, context)
			synctest.Test(t, func(t *testing.T) {
				d := deployIn(t, x, test.organization)
				d.elsewhere(t, test.to)
				mailed := d.mailTo(t)
				for who, err := range mailed {
					switch {
					case test.refused == "" && err != nil:
						t.Errorf("%s: %v", who, err)
					case test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)):
						t.Errorf("%s: %v, want %s", who, err, test.refused)
					}
				}
				want := 3 // of the violation, the test, the digest
				if test.refused != "" {
					want = 0
				}
				if n := len(d.aws.Mails(mailsElsewhere)); n != want && !strings.Contains(test.name, "chat's") {
					t.Errorf("%d mails arrived, want %d", n, want)
				}
			})
		})
	}
}

// elsewhere makes the topics and keys of the other account, with the policies that the
// command line writes, and gives the functions the rights of their roles.
func (d *deployed) elsewhere(t *testing.T, to grant.To) {
	t.Helper()
	document := func(write func(string, grant.To) (grant.Document, error), topic string) string {
		policy, err := write(topic, to)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(policy)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for topic, key := range map[string]string{mailsElsewhere: mailsKey, chatElsewhere: chatKey} {
		if err := d.aws.CreateTopicElsewhere(localaws.TopicElsewhere{ARN: topic, Policy: document(grant.Topic, topic), Key: key}); err != nil {
			t.Fatal(err)
		}
		if err := d.aws.CreateKey(key, document(grant.Key, topic)); err != nil {
			t.Fatal(err)
		}
	}
	for id, role := range d.template.of("AWS::IAM::Role") {
		// As CloudFormation names it.
		name := "endpointguard-eu-west-1-" + id + "-1ABCDEFGHIJKL"
		d.aws.AddCaller(id, localaws.Caller{
			Type: "AssumedRole", ARN: "arn:aws:sts::111122223333:assumed-role/" + name + "/session", SessionIssuerARN: "arn:aws:iam::111122223333:role/" + name,
			SourceFunctionARN: "arn:aws:lambda:eu-west-1:111122223333:function:endpointguard-eu-west-1-" + strings.Replace(id, "Role", "", 1) + "-1ABC",
		})
		policy, err := json.Marshal(d.resolved(t, at(role.Properties, "Policies", 0, "PolicyDocument")))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.aws.Allow(id, string(policy)); err != nil {
			t.Fatal(err)
		}
	}
}

// resolved is a part of the template with everything put in that it refers to.
func (d *deployed) resolved(t *testing.T, value any) any {
	t.Helper()
	switch v := value.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = d.resolved(t, v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, item := range v {
			if name == "Ref" || strings.HasPrefix(name, "Fn::") {
				return d.names.text(t, value)
			}
			out[name] = d.resolved(t, item)
		}
		return out
	default:
		return value
	}
}

// mailTo has each function mail once, the guardrail a test and the sweep its digest,
// and returns how that went.
func (d *deployed) mailTo(t *testing.T) map[string]error {
	t.Helper()
	g, err := settings.ForGuardrail(d.environment(t, "Guardrail"))
	if err != nil {
		t.Fatal(err)
	}
	handler, err := function.New(g, []byte(strict), d.aws.Config(d.role(t, "Guardrail")), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s, err := settings.ForSweep(d.environment(t, "Sweep"))
	if err != nil {
		t.Fatal(err)
	}
	d.aws.PutCluster(localaws.Cluster{Name: "told", Public: true, Private: true})
	var log strings.Builder
	sweeper, err := function.NewSweeper(s, d.aws.Config(d.role(t, "Sweep")), &log)
	if err != nil {
		t.Fatal(err)
	}
	// The digest needs something to tell.
	body, err := wakeup.Message{Cluster: "told", Account: d.aws.Account(), Region: d.aws.Region(), Sweep: true}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	batch, err := json.Marshal(map[string]any{"Records": []any{map[string]any{"messageId": "1", "body": string(body)}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := handler.Invoke(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	out := map[string]error{}
	_, out["guardrail"] = handler.Invoke(t.Context(), []byte(`{"smoke": true}`))
	time.Sleep(time.Minute)
	_, out["sweep"] = sweeper.Invoke(t.Context(), []byte(`{}`))
	if out["sweep"] == nil && strings.Contains(log.String(), "was not taken") {
		out["sweep"] = errors.New(log.String()) // A card alone is only logged.
	}
	return out
}
