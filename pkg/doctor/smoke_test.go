package doctor

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// invoked answers an invocation.
type invoked struct {
	payload string // of the answer
	failed  string // the function's error, "" for none
	err     error
	asked   []string
}

func (i *invoked) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	i.asked = append(i.asked, *in.FunctionName+" "+string(in.Payload))
	out := &lambda.InvokeOutput{Payload: []byte(i.payload)}
	if i.failed != "" {
		out.FunctionError = aws.String(i.failed)
	}
	return out, i.err
}

func TestSmoke(t *testing.T) {
	for name, test := range map[string]struct {
		answer invoked
		state  State
		what   string
	}{
		"sent":       {invoked{payload: `{"reference":"TEST-1","topics":["arn:t"]}`}, Fine, "TEST-1 is on its way by [arn:t]"},
		"failed":     {invoked{failed: "Unhandled", payload: `{"errorMessage":"sns:Publish: refused"}`}, Wrong, "could not send it: sns:Publish: refused"},
		"an old one": {invoked{payload: `{"batchItemFailures":[]}`}, Unknown, "the function answered"},
		"no topic":   {invoked{payload: `{"reference":"TEST-1"}`}, Unknown, "the function answered"},
		"refused":    {invoked{err: errors.New("no")}, Unknown, "lambda:InvokeFunction"},
	} {
		f := Smoke(t.Context(), &test.answer, Installation{Guardrail: "guard"})
		if f.State != test.state || !strings.Contains(f.What, test.what) || f.State != Fine && f.Fix == "" || strings.Join(test.answer.asked, ";") != `guard {"smoke": true}` {
			t.Errorf("%s: %+v after %q", name, f, test.answer.asked)
		}
	}
}

// TestAnotherTemplate: with a template of one's own a stack that somebody deployed
// another template to is seen, and what it has is compared with the own one.
func TestAnotherTemplate(t *testing.T) {
	a := healthy(t)
	d := a.doctor()
	d.Template = Template{Name: "mine.json", Text: []byte(a.template)}
	_, findings, err := d.Examine(t.Context(), stackName)
	if err != nil || !Healthy(findings) || findings[1].What != "the stack's is mine.json" {
		t.Fatalf("%+v, %v", findings, err)
	}
	// Whoever may deploy takes the brake off, in the template and in the function.
	a.template = strings.Replace(a.template, `"ENDPOINTGUARD_BRAKE": "20"`, `"ENDPOINTGUARD_BRAKE": "0"`, 1)
	a.environment("ENDPOINTGUARD_BRAKE", "0")
	if _, findings, err = a.doctor().Examine(t.Context(), stackName); err != nil || !Healthy(findings) {
		t.Errorf("by the stack's own template all is as it says: %+v, %v", findings, err)
	}
	_, findings, err = d.Examine(t.Context(), stackName)
	found := map[string]Finding{}
	for _, f := range findings {
		found[f.Check] = f
	}
	if err != nil || found["template"].State != Wrong || found["settings guardrail"].State != Wrong {
		t.Errorf("template: %+v, settings: %+v, %v", found["template"], found["settings guardrail"], err)
	}
	a.errs["GetTemplate"] = refused("AccessDenied")
	_, findings, _ = d.Examine(t.Context(), stackName)
	if findings[1].State != Unknown || findings[1].Check != "template" {
		t.Errorf("%+v", findings[1])
	}
}
