//go:build !race

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/settings"
)

// use is an action on a resource that a function used, or that Lambda used in
// the function's name.
type use struct {
	role, action, resource string
	// byLambda says that Lambda does it, not code inside the function.
	byLambda bool
}

// deployed is the template's installation in the embedded AWS: the names that
// the template leaves to CloudFormation are given, and everything refers to them
// as the template does.
type deployed struct {
	template template
	names    resolver
	aws      *localaws.AWS
}

func deploy(t *testing.T, x template) *deployed {
	t.Helper()
	return deployIn(t, x, "")
}

// deployIn is deploy in an account of an organization.
func deployIn(t *testing.T, x template, organization string) *deployed {
	t.Helper()
	d := &deployed{template: x, names: placeholders(x), aws: localaws.New(localaws.Options{Seed: 7, EventDelay: 20 * time.Second, Organization: organization})}
	_, wakeUps := x.named(t, "AWS::SQS::Queue", "WakeUps")
	visibility := time.Duration(wakeUps["VisibilityTimeout"].(float64)) * time.Second
	for id, r := range x.Resources {
		switch r.Type {
		case "AWS::SQS::Queue":
			url, err := d.aws.CreateQueue(id, localaws.QueueOptions{VisibilityTimeout: visibility})
			if err != nil {
				t.Fatal(err)
			}
			d.names["Ref "+id], d.names[id+".Arn"] = url, d.aws.QueueARN(id)
		case "AWS::SNS::Topic":
			arn, err := d.aws.CreateTopic(id)
			if err != nil {
				t.Fatal(err)
			}
			d.names["Ref "+id] = arn
		case "AWS::DynamoDB::Table":
			if err := d.aws.CreateTable(id, keyOf(t, r, 0), keyOf(t, r, 1)); err != nil {
				t.Fatal(err)
			}
			d.names["Ref "+id], d.names[id+".Arn"] = id, d.aws.TableARN(id)
		case "AWS::Logs::LogGroup":
			d.names[id+".Arn"] = "arn:aws:logs:eu-west-1:111122223333:log-group:" + id + ":*"
		case "AWS::IAM::Role":
			// The access key is named like the role's logical id.
			d.aws.AddRole(id, id, "session")
		}
	}
	if _, err := d.aws.CreateTopic("chat"); err != nil {
		t.Fatal(err)
	}
	for id, rule := range x.of("AWS::Events::Rule") {
		target, _ := at(rule.Properties, "Targets", 0, "Arn", "Fn::GetAtt", 0).(string)
		if x.Resources[target].Type != "AWS::SQS::Queue" {
			continue
		}
		pattern, err := json.Marshal(rule.Properties["EventPattern"])
		if err != nil {
			t.Fatal(err)
		}
		if err := d.aws.PutRule(id, string(pattern), target); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func keyOf(t *testing.T, table cfnResource, i int) string {
	t.Helper()
	name, ok := at(table.Properties, "KeySchema", i, "AttributeName").(string)
	if !ok {
		t.Fatalf("the table has no key %d", i)
	}
	return name
}

// environment returns a function's settings as Lambda gives them to it.
func (d *deployed) environment(t *testing.T, name string) func(string) string {
	t.Helper()
	_, f := d.template.named(t, "AWS::Lambda::Function", name)
	values := map[string]string{settings.Region: d.aws.Region(), settings.TaskRoot: "/var/task"}
	for key, value := range at(f, "Environment", "Variables").(map[string]any) {
		values[key] = d.names.text(t, value)
	}
	return func(key string) string { return values[key] }
}

// role returns the logical id of a function's role, which is the access key that
// the embedded AWS knows it by.
func (d *deployed) role(t *testing.T, name string) string {
	t.Helper()
	_, f := d.template.named(t, "AWS::Lambda::Function", name)
	return at(f, "Role", "Fn::GetAtt", 0).(string)
}

// TestFunctionSettings: each function starts with the settings that it is
// deployed with, and every one of them is there.
func TestFunctionSettings(t *testing.T) {
	d := deploy(t, synthesized(t, minimal()))
	if _, err := settings.ForGuardrail(d.environment(t, "Guardrail")); err != nil {
		t.Errorf("guardrail: %v", err)
	}
	if _, err := settings.ForSweep(d.environment(t, "Sweep")); err != nil {
		t.Errorf("sweep: %v", err)
	}
	silent := deploy(t, synthesized(t, with(map[string]any{keyDigestHour: off})))
	if got, err := settings.ForSweep(silent.environment(t, "Sweep")); err != nil || got.Table == "" || got.TopicARN != "" {
		t.Errorf("sweep without a digest: %+v, %v", got, err)
	}
	context := everything()
	context[keyChatTopicARN] = chatTopic
	full := deploy(t, synthesized(t, context))
	for _, file := range []string{"settings.go", "mails.go"} {
		source, err := os.ReadFile(filepath.Join("..", "pkg", "settings", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"(ENDPOINTGUARD_[A-Z_]+)"`).FindAllStringSubmatch(string(source), -1) {
			if full.environment(t, "Guardrail")(m[1]) == "" && full.environment(t, "Sweep")(m[1]) == "" {
				t.Errorf("the setting %s is not deployed", m[1])
			}
		}
	}
	got, err := settings.ForSweep(full.environment(t, "Sweep"))
	if err != nil || got.TopicARN == "" || got.ChatTopic == "" || got.Table == "" {
		t.Errorf("the sweep's digest: %+v, %v", got, err)
	}
}

// strict makes the guardrail use all that it can do: it closes endpoints, which
// needs the network's facts, and goes back to what was before; one violation it
// only tells, and again in the digest.
const strict = `version: 1
rules:
  - name: closed
    except: {clusters: [told]}
    require: {publicAccess: disabled}
    respond: revert
  - name: told
    require: {publicAccess: disabled}
    respond: alert
`

// TestLeastPrivilege: what the functions used, each call with its resource, is
// allowed by their roles, and no action is allowed that was not used.
func TestLeastPrivilege(t *testing.T) {
	for _, mode := range []string{settings.ModeAlert, settings.ModeEnforce} {
		t.Run(mode, func(t *testing.T) {
			x := synthesized(t, with(map[string]any{keyMode: mode, keyDigestHour: 0.0, keyChatTopicARN: chatTopic}))
			used := map[use]bool{}
			synctest.Test(t, func(t *testing.T) {
				d := deploy(t, x)
				d.live(t)
				d.recorded(t, used)
				d.inTheirName(t, used)
				d.judge(t, used)
			})
		})
	}
}

const chatTopic = "arn:aws:sns:eu-west-1:111122223333:chat"

// live is a day of the account: clusters that are there when the guardrail comes
// and are found by the sweep, one that is opened, one that is made open, one
// that two change at once.
func (d *deployed) live(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	guardrail, err := settings.ForGuardrail(d.environment(t, "Guardrail"))
	if err != nil {
		t.Fatal(err)
	}
	handler, err := function.New(guardrail, []byte(strict), d.aws.Config(d.role(t, "Guardrail")), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	sweep, err := settings.ForSweep(d.environment(t, "Sweep"))
	if err != nil {
		t.Fatal(err)
	}
	sweeper, err := function.NewSweeper(sweep, d.aws.Config(d.role(t, "Sweep")), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	queue, _ := d.template.named(t, "AWS::SQS::Queue", "WakeUps")
	over := make(chan error, 1)
	go func() {
		over <- d.aws.Poll(ctx, queue, localaws.FunctionOptions{Timeout: time.Minute, BatchSize: 1}, handler.Invoke)
	}()

	d.aws.PutCluster(localaws.Cluster{Name: "open", Public: true})
	d.aws.PutCluster(localaws.Cluster{Name: "told", Public: true, Private: true})
	d.aws.PutCluster(localaws.Cluster{Name: "closed", Private: true})
	d.aws.PutCluster(localaws.Cluster{Name: "private", Private: true})
	if _, err := sweeper.Invoke(ctx, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour)
	people := eks.NewFromConfig(d.aws.Config("ALICE"))
	if _, err := people.UpdateClusterConfig(ctx, &eks.UpdateClusterConfigInput{
		Name: aws.String("closed"), ResourcesVpcConfig: &types.VpcConfigRequest{
			EndpointPublicAccess: aws.Bool(true), EndpointPrivateAccess: aws.Bool(true), PublicAccessCidrs: []string{"198.51.100.0/24"},
		},
	}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour)
	d.unnamedUpdate(t, "private")
	time.Sleep(time.Hour)
	if _, err := people.CreateCluster(ctx, &eks.CreateClusterInput{
		Name: aws.String("new"), RoleArn: aws.String("arn:aws:iam::111122223333:role/eks"),
		ResourcesVpcConfig: &types.VpcConfigRequest{SubnetIds: []string{"subnet-1", "subnet-2"}},
	}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(24 * time.Hour)
	if _, err := sweeper.Invoke(ctx, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("the function stopped: %v", err)
	}
}

// unnamedUpdate is an event that doesn't say which update it began: the
// guardrail asks the history of the cluster for it.
func (d *deployed) unnamedUpdate(t *testing.T, cluster string) {
	t.Helper()
	data, err := fs.ReadFile(events.Samples(), "update-open-sso.json")
	if err != nil {
		t.Fatal(err)
	}
	var sample struct{ Detail map[string]any }
	if err := json.Unmarshal(data, &sample); err != nil {
		t.Fatal(err)
	}
	at(sample.Detail, "requestParameters").(map[string]any)["name"] = cluster
	sample.Detail["responseElements"] = nil
	sample.Detail["eventTime"] = time.Now().UTC().Format(time.RFC3339)
	sample.Detail["awsRegion"] = d.aws.Region()
	if err := d.aws.PutEvent(d.aws.Event("aws.eks", "AWS API Call via CloudTrail", sample.Detail)); err != nil {
		t.Fatal(err)
	}
}

// recorded takes the calls that the embedded AWS wrote down.
func (d *deployed) recorded(t *testing.T, used map[use]bool) {
	t.Helper()
	for _, call := range d.aws.Calls() {
		if d.template.Resources[call.AccessKeyID].Type != "AWS::IAM::Role" {
			continue
		}
		if call.Error == "AccessDenied" {
			t.Errorf("%s: %s", call.Action, call.Message)
		}
		for _, resource := range call.Resources {
			used[use{call.AccessKeyID, call.Action, resource, false}] = true
		}
	}
}

// inTheirName adds what Lambda does with a function's role. Source: the Lambda
// developer guide, "Using Lambda with Amazon SQS" and "Sending Lambda function
// logs to CloudWatch Logs".
func (d *deployed) inTheirName(t *testing.T, used map[use]bool) {
	t.Helper()
	for _, name := range []string{"Guardrail", "Sweep"} {
		logs, _ := d.template.named(t, "AWS::Logs::LogGroup", name)
		stream := strings.TrimSuffix(d.names[logs+".Arn"], "*") + "log-stream:2026/11/23/[$LATEST]1"
		used[use{d.role(t, name), "logs:CreateLogStream", stream, true}] = true
		used[use{d.role(t, name), "logs:PutLogEvents", stream, true}] = true
	}
	_, mapping := d.template.named(t, "AWS::Lambda::EventSourceMapping", "Guardrail")
	for _, action := range []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} {
		used[use{d.role(t, "Guardrail"), action, d.names.text(t, mapping["EventSourceArn"]), true}] = true
	}
	_, failed := d.template.named(t, "AWS::Lambda::EventInvokeConfig", "Sweep")
	used[use{d.role(t, "Sweep"), "sqs:SendMessage", d.names.text(t, at(failed, "DestinationConfig", "OnFailure", "Destination")), true}] = true
}

// judge holds the uses against the roles, both ways.
func (d *deployed) judge(t *testing.T, used map[use]bool) {
	t.Helper()
	for u := range used {
		if !slices.ContainsFunc(d.statements(t, u.role), func(s statement) bool { return s.allows(u) }) {
			t.Errorf("%s used %s on %s, which its role does not allow", u.role, u.action, u.resource)
		}
	}
	for id := range d.template.of("AWS::IAM::Role") {
		for _, s := range d.statements(t, id) {
			for _, action := range s.actions {
				for _, resource := range s.resources {
					one := statement{actions: []string{action}, resources: []string{resource}, inside: s.inside}
					if !slices.ContainsFunc(keysOf(used), func(u use) bool { return u.role == id && one.allows(u) }) {
						t.Errorf("%s allows %s on %s (%s), and nothing used it", id, action, resource, s.sid)
					}
				}
			}
		}
	}
}

func keysOf(used map[use]bool) []use {
	var out []use
	for u := range used {
		out = append(out, u)
	}
	return out
}

// statement is one of a role's policies, with everything resolved.
type statement struct {
	sid                string
	actions, resources []string
	inside             bool // only from inside the function
}

func (s statement) allows(u use) bool {
	return matchesAny(s.actions, u.action) && matchesAny(s.resources, u.resource) && (!s.inside || !u.byLambda)
}

// statements returns those of a role that allow. The only conditions that there are
// without a customer key are on the region, and all calls go to the stack's, and on the
// function, whose name must fit. What is denied is of other updates than ours.
func (d *deployed) statements(t *testing.T, role string) []statement {
	t.Helper()
	var out []statement
	for _, p := range list(d.template.Resources[role].Properties["Policies"]) {
		for _, s := range list(at(p, "PolicyDocument", "Statement")) {
			if at(s, "Effect") == "Deny" {
				for operator, keys := range at(s, "Condition").(map[string]any) {
					for key, value := range keys.(map[string]any) {
						want := map[string]string{"Null": "false", "Bool": "true"}[operator]
						if !strings.HasPrefix(key, "eks:") || strings.HasPrefix(key, "eks:endpoint") || want == "" || value != want || at(s, "Action") != "eks:UpdateClusterConfig" {
							t.Errorf("it denies %v", s)
						}
					}
				}
				continue
			}
			conditions, _ := d.resolved(t, at(s, "Condition")).(map[string]any)
			own := at(conditions, "ArnLike", "lambda:SourceFunctionArn")
			if own != nil {
				function := "arn:aws:lambda:eu-west-1:111122223333:function:endpointguard-eu-west-1-" + strings.Replace(role, "Role", "", 1) + "-1ABCDEFGHIJKL"
				if !matchesAny(words(own), function) || matchesAny(words(own), strings.Replace(function, "endpointguard", "mallory", 1)) {
					t.Errorf("%v is for the function %v", at(s, "Sid"), own)
				}
				delete(conditions, "ArnLike")
			}
			want := map[string]any{"StringEquals": map[string]any{"aws:RequestedRegion": d.aws.Region()}}
			if len(conditions) > 0 && !cmp.Equal(conditions, want) || at(s, "Effect") != "Allow" {
				t.Fatalf("the test cannot judge the statement %v", s)
			}
			one := statement{sid: fmt.Sprint(at(s, "Sid")), actions: words(at(s, "Action")), inside: own != nil}
			for _, resource := range list(at(s, "Resource")) {
				one.resources = append(one.resources, d.names.text(t, resource))
			}
			out = append(out, one)
		}
	}
	return out
}
