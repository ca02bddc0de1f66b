package function_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/settings"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

const document = `version: 1
rules:
  - name: closed
    require: {publicAccess: disabled}
    respond: alert
`

type scene struct {
	aws *localaws.AWS
	h   *function.Handler
	out *bytes.Buffer
}

func newScene(t *testing.T) scene {
	t.Helper()
	a := localaws.New(localaws.Options{})
	if _, err := a.CreateQueue("q", localaws.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.CreateTopic("t"); err != nil {
		t.Fatal(err)
	}
	if err := a.CreateTable("t", ledger.PartitionKey, ledger.SortKey); err != nil {
		t.Fatal(err)
	}
	s := scene{aws: a, out: &bytes.Buffer{}}
	h, err := function.New(config(a), []byte(document), a.Config("AKIDGUARDRAIL"), s.out)
	if err != nil {
		t.Fatal(err)
	}
	s.h = h
	return s
}

func config(a *localaws.AWS) settings.Guardrail {
	return settings.Guardrail{
		FunctionName: "guardrail-of-a-test",
		Mode:         settings.ModeEnforce, Partition: "aws", Account: a.Account(), Region: a.Region(), Table: "t",
		QueueURL: a.QueueURL("q"), TopicARN: a.TopicARN("t"), PolicyFile: "policy.yaml", LogLevel: "info",
	}
}

func batch(bodies ...string) []byte {
	var in events.SQSEvent
	for i, body := range bodies {
		in.Records = append(in.Records, events.SQSMessage{MessageId: string(rune('a' + i)), Body: body})
	}
	out, _ := json.Marshal(in)
	return out
}

func (s scene) invoke(t *testing.T, payload []byte) (failed []string) {
	t.Helper()
	answer, err := s.h.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var out events.SQSEventResponse
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatal(err)
	}
	for _, f := range out.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	return failed
}

const wakeUp = `{"endpointguard":1,"wakeUp":{"cluster":"demo","account":"111122223333","region":"eu-west-1","sweep":true}}`

func TestOnlyWhatFailedIsDeliveredAgain(t *testing.T) {
	s := newScene(t)
	s.aws.PutCluster(localaws.Cluster{Name: "demo", Private: true})
	failed := s.invoke(t, batch(wakeUp, "nonsense", wakeUp, `{"endpointguard":9}`, `{"detail":{}}`))
	if got := strings.Join(failed, ""); got != "bde" {
		t.Errorf("failed: %s, want those that can't be read", got)
	}
	for _, want := range []string{`"outcome":"compliant"`, `"outcome":"unreadable"`, `"level":"ERROR"`} {
		if !strings.Contains(s.out.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, s.out)
		}
	}
}

func TestACompliantClusterCostsTwoCalls(t *testing.T) {
	s := newScene(t)
	s.aws.PutCluster(localaws.Cluster{Name: "demo", Private: true})
	s.invoke(t, batch(wakeUp)) // the first look is written down
	s.aws.ForgetCalls()
	s.invoke(t, batch(wakeUp))
	var actions []string
	for _, c := range s.aws.Calls() {
		actions = append(actions, c.Action)
	}
	if got := strings.Join(actions, " "); got != "dynamodb:Query eks:DescribeCluster" {
		t.Errorf("calls: %s", got)
	}
}

func TestMetricsOfAnIncident(t *testing.T) {
	s := newScene(t)
	s.aws.PutCluster(localaws.Cluster{Name: "demo", Public: true})
	s.invoke(t, batch(wakeUp))
	metrics := map[string]float64{}
	for line := range strings.Lines(s.out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if m["_aws"] == nil {
			continue
		}
		for name, value := range m {
			if n, ok := value.(float64); ok {
				metrics[name] += n
			}
		}
		if m[function.DimensionFunction] != "guardrail-of-a-test" {
			t.Errorf("no function is named: %s", line)
		}
		if m[function.MetricOutcome] != nil && m["Outcome"] != "violation" {
			t.Errorf("outcome: %s", line)
		}
	}
	if metrics[function.MetricOpened] != 1 || metrics[function.MetricOutcome] != 1 {
		t.Errorf("metrics: %v", metrics)
	}
}

func TestModeAlertChangesNothing(t *testing.T) {
	a := newScene(t).aws
	a.PutCluster(localaws.Cluster{Name: "demo", Public: true})
	s := config(a)
	s.Mode = settings.ModeAlert
	out := &bytes.Buffer{}
	h, err := function.New(s, []byte(strings.Replace(document, "alert", "enforce", 1)), a.Config("AKIDGUARDRAIL"), out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Invoke(t.Context(), batch(wakeUp)); err != nil {
		t.Fatal(err)
	}
	for _, c := range a.Calls() {
		if c.Action == "eks:UpdateClusterConfig" {
			t.Error("the cluster was changed")
		}
	}
	if mails := a.Mails("t"); len(mails) != 1 || mails[0].Attributes["outcome"] != "violation" {
		t.Errorf("mails: %+v", mails)
	}
}

func TestWrongPayloads(t *testing.T) {
	s := newScene(t)
	for _, payload := range []string{"", "nonsense", "{}", `{"Records":7}`, `{"Records":[]}`} {
		if answer, err := s.h.Invoke(t.Context(), []byte(payload)); err == nil || !strings.Contains(err.Error(), "trigger is its queue") {
			t.Errorf("%q: %s, %v", payload, answer, err)
		}
	}
}

func TestAnInvalidPolicyStopsTheFunction(t *testing.T) {
	a := localaws.New(localaws.Options{})
	_, err := function.New(config(a), []byte("version: 1\nrules:\n  - nam: x\n"), a.Config("AKID"), &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "policy.yaml:3:5") {
		t.Errorf("%v", err)
	}
}

func TestFromEnvironment(t *testing.T) {
	for _, name := range []string{settings.Mode, settings.Account, settings.Table, settings.QueueURL, settings.TopicARN, settings.RoleARN} {
		t.Setenv(name, "")
	}
	if _, err := function.FromEnvironment(context.Background()); err == nil || !strings.Contains(err.Error(), settings.Table) {
		t.Errorf("%v", err)
	}
	for name, value := range map[string]string{
		settings.Mode: "alert", settings.Account: "111122223333", settings.Table: "table", settings.QueueURL: "http://localhost/q", settings.Region: "eu-west-1",
		settings.TopicARN: "arn:aws:sns:eu-west-1:111122223333:t", settings.RoleARN: "arn:aws:iam::111122223333:role/r", settings.TaskRoot: t.TempDir(),
	} {
		t.Setenv(name, value)
	}
	if _, err := function.FromEnvironment(context.Background()); err == nil || !strings.Contains(err.Error(), "read the policy") {
		t.Errorf("%v", err)
	}
	t.Setenv(settings.PolicyFile, "../../policy.yaml")
	t.Setenv("AWS_CA_BUNDLE", "")
	if _, err := function.FromEnvironment(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestAPanicFailsItsMessageAlone(t *testing.T) {
	s := newScene(t)
	s.aws.PutCluster(localaws.Cluster{Name: "demo", Private: true})
	broken := s.h.WithClock(nil)
	answer, err := broken.Invoke(t.Context(), batch(wakeUp))
	if err != nil || !strings.Contains(string(answer), `"itemIdentifier":"a"`) {
		t.Errorf("%s, %v", answer, err)
	}
	if !strings.Contains(s.out.String(), `"msg":"panic"`) {
		t.Errorf("the log: %s", s.out)
	}
}

// TestTheLedgerIsGone: a table that is gone is an error of the function sweep and a
// refusal of the guardrail's at the next look, without a digest, too: each raises its
// alarm with the five minutes that it is over.
func TestTheLedgerIsGone(t *testing.T) {
	s := newScene(t)
	s.aws.PutCluster(localaws.Cluster{Name: "c", Public: true, Private: true})
	s.aws.Inject(localaws.Missing("dynamodb"))
	body, err := wakeup.Message{Cluster: "c", Account: s.aws.Account(), Region: s.aws.Region(), Sweep: true}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.h.Invoke(t.Context(), batch(string(body))); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.out.String(), `"`+function.MetricRefused+`":1`) {
		t.Errorf("the guardrail measures no refusal:\n%s", s.out)
	}
	sweep, a, _ := sweeper(t)
	a.Inject(localaws.Missing("dynamodb"))
	if _, err := sweep.Invoke(t.Context(), []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") {
		t.Errorf("the sweep without a digest: %v", err)
	}
	if n := len(swept(t, a)); n != 3 {
		t.Errorf("%d clusters are woken, want all 3: the guardrail must see it, too", n)
	}
}
