package topic

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/endpointguard/endpointguard/pkg/mail"
)

// TestAttributes: filter policies match strings, and any element of the array rule.
func TestAttributes(t *testing.T) {
	var form url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		form = r.Form
		_, _ = w.Write([]byte(`<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>`))
	}))
	defer server.Close()
	topic := New(sns.New(sns.Options{BaseEndpoint: &server.URL, Region: "eu-west-1", Credentials: aws.AnonymousCredentials{}}), "arn:aws:sns:eu-west-1:111122223333:t")
	got := func() map[string]string {
		out := map[string]string{}
		for _, n := range []string{"1", "2", "3"} {
			entry := "MessageAttributes.entry." + n
			if name := form.Get(entry + ".Name"); name != "" {
				out[name] = form.Get(entry+".Value.DataType") + " " + form.Get(entry+".Value.StringValue")
			}
		}
		return out
	}
	m := mail.Mail{Subject: "s", Text: "t", Card: "{}", Attributes: map[string]string{"outcome": "blocked", "cluster": ""}, Rules: []string{"office-only", `a "b"`}}
	for name, send := range map[string]func() error{
		"mail": func() error { return topic.Publish(t.Context(), m) }, "card": func() error { return topic.Post(t.Context(), m) },
	} {
		if err := send(); err != nil {
			t.Fatal(name, err)
		}
		if a := got(); len(a) != 2 || a["outcome"] != "String blocked" || a["rule"] != `String.Array ["office-only","a \"b\""]` {
			t.Errorf("%s: %v", name, a)
		}
	}
	m.Rules = nil
	if err := topic.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if a := got(); len(a) != 1 {
		t.Errorf("an empty array, which SNS refuses: %v", a)
	}
}
