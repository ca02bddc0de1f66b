package function_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// TestATestMail: one marked mail to each topic, in which is nothing of what was asked,
// and an error when a topic does not take it.
func TestATestMail(t *testing.T) {
	a := localaws.New(localaws.Options{})
	for _, name := range []string{"t", "chat"} {
		if _, err := a.CreateTopic(name); err != nil {
			t.Fatal(err)
		}
	}
	s := config(a)
	s.ChatTopic = a.TopicARN("chat")
	var out bytes.Buffer
	h, err := function.New(s, []byte(document), a.Config("AKIDGUARDRAIL"), &out)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := h.Invoke(t.Context(), []byte(`{"smoke": true, "by": "mallory", "reference": "EG-MALLORY"}`))
	if err != nil {
		t.Fatal(err)
	}
	var sent struct {
		Reference string
		Topics    []string
	}
	if err := json.Unmarshal(answer, &sent); err != nil || !slices.Equal(sent.Topics, []string{s.TopicARN, s.ChatTopic}) {
		t.Fatalf("%s, %v", answer, err)
	}
	mails := append(a.Mails("t"), a.Mails("chat")...)
	if len(mails) != 2 {
		t.Fatalf("%d mails", len(mails))
	}
	for _, m := range mails {
		if !strings.Contains(m.Message, "TEST") || !strings.Contains(m.Message, sent.Reference) || m.Attributes["outcome"] != "test" ||
			m.Attributes["reference"] != sent.Reference || strings.Contains(strings.ToLower(m.Message), "mallory") {
			t.Errorf("%+v", m)
		}
	}
	if !strings.HasPrefix(mails[0].Subject, "TEST, ") {
		t.Errorf("subject %q", mails[0].Subject)
	}
	for _, call := range a.Calls() {
		if call.Action != "sns:Publish" {
			t.Errorf("it also called %s", call.Action)
		}
	}

	a.Inject(localaws.KeyRefused("sns", localaws.KeyDisabled))
	if answer, err := h.Invoke(t.Context(), []byte(`{"smoke": true}`)); err == nil || !strings.Contains(err.Error(), "KMSDisabled") {
		t.Errorf("the topic's key is disabled: %s, %v", answer, err)
	}
	// A batch is a batch, whatever else it says.
	if _, err := h.Invoke(t.Context(), []byte(`{"smoke": true, "Records": []}`)); err == nil || !strings.Contains(err.Error(), "no SQS messages") {
		t.Errorf("%v", err)
	}
}
