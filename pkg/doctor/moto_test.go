package doctor

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	stacktypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ruletypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	functiontypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// motoAccount is what moto serves.
const motoAccount = "123456789012"

// moto is a moto server with the template deployed that the CDK app makes.
type moto struct {
	url  string
	cfg  aws.Config
	code []byte
}

func startMoto(t *testing.T) *moto {
	t.Helper()
	if testing.Short() {
		t.Skip("it deploys")
	}
	server, err := exec.LookPath("moto_server")
	if err != nil {
		missing(t, "moto_server", "pip install 'moto[server]'")
	}
	if _, err := exec.LookPath("aws"); err != nil {
		missing(t, "aws", "pip install awscli")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	process := exec.CommandContext(t.Context(), server, "-H", "127.0.0.1", "-p", fmt.Sprint(port))
	var log bytes.Buffer
	process.Stdout, process.Stderr = &log, &log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		if trace := strings.LastIndex(log.String(), "Traceback"); trace >= 0 {
			text := log.String()[trace:]
			t.Logf("moto: %s", text[max(0, len(text)-1500):])
		}
	})
	m := &moto{url: fmt.Sprintf("http://localhost:%d", port)}
	m.cfg = aws.Config{
		Region: "eu-west-1", BaseEndpoint: &m.url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient: &http.Client{Transport: &http.Transport{}},
	}
	for answers := false; !answers; {
		select {
		case <-t.Context().Done():
			t.Fatal("moto does not answer")
		case <-time.After(50 * time.Millisecond):
		}
		if answer, err := http.Get(m.url + "/moto-api/data.json"); err == nil {
			answers = answer.Body.Close() == nil
		}
	}
	return m
}

// missing skips a test for want of a tool, and fails it in CI.
func missing(t *testing.T, tool, install string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI needs %s: %s", tool, install)
	}
	t.Skipf("%s is not on this machine: %s", tool, install)
}

// put makes a bucket, or an object in one.
func (m *moto) put(t *testing.T, path string, body []byte) {
	t.Helper()
	m.send(t, http.MethodPut, "s3", path, "", body)
}

func (m *moto) send(t *testing.T, method, service, path, target string, body []byte) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, m.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if target != "" {
		request.Header.Set("X-Amz-Target", target)
	} else if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		t.Fatalf("%s: %s %v %s", path, answer.Status, err, text)
	}
	return text
}

const deployedPolicy = "version: 1\n"

// deploy makes the stack of the template of infra/testdata, with a code of its own.
func (m *moto) deploy(t *testing.T, file string) string {
	t.Helper()
	m.code = bundle(t, "the code", deployedPolicy)
	bucket := "cdk-hnb659fds-assets-" + motoAccount + "-eu-west-1"
	m.put(t, "/"+bucket, []byte(`<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>`))
	// What the CDK's bootstrap leaves behind.
	m.send(t, http.MethodPost, "ssm", "/", "AmazonSSM.PutParameter", []byte(`{"Name": "/cdk-bootstrap/hnb659fds/version", "Value": "30", "Type": "String"}`))
	m.put(t, "/"+bucket+"/HASH.zip", m.code)
	text, err := os.ReadFile(filepath.Join("..", "..", "infra", "testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(m.code)
	template := regexp.MustCompile(`("(?:Guardrail|Sweep)CodeSha256": \{\s*"Value": ")HASH`).
		ReplaceAllString(string(text), "${1}"+base64.StdEncoding.EncodeToString(hash[:]))
	var compact bytes.Buffer // What is sent with the call may have 51,200 bytes.
	if err := json.Compact(&compact, []byte(template)); err != nil {
		t.Fatal(err)
	}
	stacks := cloudformation.NewFromConfig(m.cfg)
	if _, err := stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: aws.String(stackName), TemplateBody: aws.String(compact.String()), Capabilities: []stacktypes.Capability{stacktypes.CapabilityCapabilityIam},
	}); err != nil {
		t.Fatal(err)
	}
	m.finish(t)
	return template
}

// finish does what moto's CloudFormation leaves undone of the template.
func (m *moto) finish(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	in, err := Find(ctx, m.doctor(t).Stacks, stackName)
	if err != nil {
		t.Fatal(err)
	}
	d, f := m.doctor(t).template(ctx, in)
	if d == nil {
		t.Fatal(f)
	}
	do := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	queues, topics, roles := sqs.NewFromConfig(m.cfg), sns.NewFromConfig(m.cfg), iam.NewFromConfig(m.cfg)
	for id, r := range d.Resources {
		p, err := d.resolved(id)
		do(id, err)
		switch r.Type {
		case "AWS::SQS::QueuePolicy":
			_, err = queues.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
				QueueUrl: aws.String(p["Queues"].([]any)[0].(string)), Attributes: map[string]string{"Policy": asText(p["PolicyDocument"])},
			})
		case "AWS::SNS::TopicPolicy":
			_, err = topics.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{
				TopicArn: aws.String(p["Topics"].([]any)[0].(string)), AttributeName: aws.String("Policy"), AttributeValue: aws.String(asText(p["PolicyDocument"])),
			})
		case "AWS::SNS::Subscription":
			_, err = topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: aws.String(asText(p["TopicArn"])), Protocol: aws.String(asText(p["Protocol"])), Endpoint: aws.String(asText(p["Endpoint"]))})
		case "AWS::IAM::Role":
			for _, one := range p["Policies"].([]any) {
				_, err = roles.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
					RoleName: aws.String(in.Resources[id]), PolicyName: aws.String(one.(map[string]any)["PolicyName"].(string)),
					PolicyDocument: aws.String(asText(one.(map[string]any)["PolicyDocument"])),
				})
			}
		case "AWS::CloudWatch::Alarm":
			p["AlarmName"] = in.Resources[id]
			m.cloudwatch(t, "PutMetricAlarm", p)
		}
		do(id, err)
	}
}

func bundle(t *testing.T, code, policy string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, file := range [][2]string{{"bootstrap", code}, {"policy.yaml", policy}} {
		f, err := w.Create(file[0])
		if err == nil {
			_, err = f.Write([]byte(file[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (m *moto) doctor(t *testing.T) Doctor {
	t.Helper()
	return Doctor{
		Stacks: unmade{cloudformation.NewFromConfig(m.cfg)}, Rules: eventbridge.NewFromConfig(m.cfg), Trails: cloudtrail.NewFromConfig(m.cfg),
		Queues: sqs.NewFromConfig(m.cfg), Functions: functions{lambda.NewFromConfig(m.cfg)}, Topics: sns.NewFromConfig(m.cfg),
		Roles: iam.NewFromConfig(m.cfg), Alarms: alarms{m, t}, Tables: dynamodb.NewFromConfig(m.cfg),
		Download: func(context.Context, string) ([]byte, error) { return m.code, nil },
		Version:  "0.2.0", Policy: Policy{Name: "policy.yaml", Text: []byte(deployedPolicy), Hash: "abc"},
	}
}

// unmade is moto's CloudFormation with the alarms that it does not make.
type unmade struct{ Stacks }

func (u unmade) DescribeStackResources(ctx context.Context, in *cloudformation.DescribeStackResourcesInput, options ...func(*cloudformation.Options)) (*cloudformation.DescribeStackResourcesOutput, error) {
	out, err := u.Stacks.DescribeStackResources(ctx, in, options...)
	if err != nil {
		return nil, err
	}
	got, err := u.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: in.StackName})
	if err != nil {
		return nil, err
	}
	var d deployed
	if err := json.Unmarshal([]byte(*got.TemplateBody), &d); err != nil {
		return nil, err
	}
	for id, r := range d.Resources {
		if r.Type == "AWS::CloudWatch::Alarm" {
			out.StackResources = append(out.StackResources, stacktypes.StackResource{LogicalResourceId: &id, PhysicalResourceId: aws.String(stackName + "-" + id), ResourceType: aws.String(r.Type)})
		}
	}
	return out, nil
}

// functions is moto's Lambda with what it does not know: the setting of loops, and an
// architecture that a template gives.
type functions struct{ Functions }

func (functions) GetFunctionRecursionConfig(context.Context, *lambda.GetFunctionRecursionConfigInput, ...func(*lambda.Options)) (*lambda.GetFunctionRecursionConfigOutput, error) {
	return &lambda.GetFunctionRecursionConfigOutput{RecursiveLoop: functiontypes.RecursiveLoopAllow}, nil
}

func (f functions) GetFunction(ctx context.Context, in *lambda.GetFunctionInput, options ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error) {
	out, err := f.Functions.GetFunction(ctx, in, options...)
	if err == nil {
		out.Configuration.Architectures = []functiontypes.Architecture{functiontypes.ArchitectureArm64}
	}
	return out, err
}

// GetPolicy leaves out what moto writes into a policy and AWS does not.
func (f functions) GetPolicy(ctx context.Context, in *lambda.GetPolicyInput, options ...func(*lambda.Options)) (*lambda.GetPolicyOutput, error) {
	out, err := f.Functions.GetPolicy(ctx, in, options...)
	if err == nil {
		policy := strings.ReplaceAll(*out.Policy, *in.FunctionName+`:"`, *in.FunctionName+`"`)
		out.Policy = aws.String(regexp.MustCompile(`"FunctionName": "[^"]*",? ?`).ReplaceAllString(policy, ""))
	}
	return out, err
}

// aws runs the AWS CLI as somebody would who follows a fix.
func (m *moto) aws(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "aws", append(args, "--endpoint-url", m.url, "--region", "eu-west-1", "--output", "json")...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("aws %s: %v: %s", strings.Join(args, " "), err, failed.String())
	}
	return out
}

// cloudwatch makes a call in the older protocol: moto does not speak the newer one of
// the SDK.
func (m *moto) cloudwatch(t *testing.T, action string, parameters map[string]any) []byte {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2010-08-01"}}
	flatten(form, "", parameters)
	return m.send(t, http.MethodPost, "monitoring", "/", "", []byte(form.Encode()))
}

func flatten(form url.Values, name string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, item := range v {
			flatten(form, strings.TrimPrefix(name+"."+key, "."), item)
		}
	case []any:
		for i, item := range v {
			flatten(form, fmt.Sprintf("%s.member.%d", name, i+1), item)
		}
	default:
		form.Set(name, asText(v))
	}
}

// node is a part of an answer in the older protocol.
type node struct {
	XMLName  xml.Name
	Text     string `xml:",chardata"`
	Children []node `xml:",any"`
}

var numbers = []string{"Threshold", "Period", "EvaluationPeriods", "DatapointsToAlarm"}

func (n node) value() any {
	name := n.XMLName.Local
	switch {
	case len(n.Children) > 0 && n.Children[0].XMLName.Local == "member":
		var out []any
		for _, c := range n.Children {
			out = append(out, c.value())
		}
		return out
	case len(n.Children) > 0:
		out := map[string]any{}
		for _, c := range n.Children {
			if !strings.HasSuffix(c.XMLName.Local, "Timestamp") {
				out[c.XMLName.Local] = c.value()
			}
		}
		return out
	case slices.Contains(numbers, name):
		f, _ := strconv.ParseFloat(n.Text, 64)
		return f
	case name == "ActionsEnabled" || name == "ReturnData":
		return n.Text == "true"
	case n.Text == "":
		return nil
	}
	return n.Text
}

// alarms asks moto for its alarms.
type alarms struct {
	m *moto
	t *testing.T
}

func (a alarms) DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error) {
	var answer struct {
		Alarms node `xml:"DescribeAlarmsResult>MetricAlarms"`
	}
	if err := xml.Unmarshal(a.m.cloudwatch(a.t, "DescribeAlarms", nil), &answer); err != nil {
		return nil, err
	}
	out := &cloudwatch.DescribeAlarmsOutput{}
	return out, json.Unmarshal([]byte(asText(map[string]any{"MetricAlarms": answer.Alarms.value()})), out)
}

// examine returns the findings by their check. Those of the trail and of people who
// have not confirmed are left out: moto has neither.
func (m *moto) examine(t *testing.T, d Doctor) (Installation, map[string]Finding) {
	t.Helper()
	in, findings, err := d.Examine(t.Context(), stackName)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Finding{}
	for _, f := range findings {
		if f.Check != "trail" && !strings.Contains(f.Fix, `"Subscriptions"`) {
			out[f.Check] = f
		}
	}
	return in, out
}

func amiss(findings map[string]Finding) []string {
	var out []string
	for _, f := range findings {
		if f.State != Fine {
			out = append(out, fmt.Sprintf("%s: %s: %s -> %s", f.State, f.Check, f.What, f.Fix))
		}
	}
	slices.Sort(out)
	return out
}

// TestAFreshDeploymentIsFine: what CloudFormation made of the template is as the
// template says, for the smallest installation and for one with everything.
func TestAFreshDeploymentIsFine(t *testing.T) {
	for _, file := range []string{"alert.template.json", "everything.template.json"} {
		t.Run(file, func(t *testing.T) {
			m := startMoto(t)
			m.deploy(t, file)
			d := m.doctor(t)
			_, findings := m.examine(t, d)
			if f := findings["ledger"]; strings.HasPrefix(f.What, "its key is not set") {
				delete(findings, "ledger") // Moto does not tell of a table's key.
			}
			if left := amiss(findings); len(left) > 0 {
				t.Errorf("%s", strings.Join(left, "\n"))
			}
		})
	}
}

// restore does what a deployment that reverts drift does to what the cases below
// change.
func (m *moto) restore(t *testing.T) {
	t.Helper()
	d := m.deployed(t)
	functions, rules, roles := lambda.NewFromConfig(m.cfg), eventbridge.NewFromConfig(m.cfg), iam.NewFromConfig(m.cfg)
	for id, r := range d.Resources {
		p, err := d.resolved(id)
		if err != nil {
			t.Fatal(err)
		}
		name := d.in.Resources[id]
		switch r.Type {
		case "AWS::Lambda::Function":
			variables := map[string]string{}
			for key, value := range at(p, "Environment", "Variables").(map[string]any) {
				variables[key] = asText(value)
			}
			_, err = functions.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
				FunctionName: &name, Role: aws.String(asText(p["Role"])), Handler: aws.String("bootstrap"), Timeout: aws.Int32(int32(p["Timeout"].(float64))),
				Environment: &functiontypes.Environment{Variables: variables},
			})
		case "AWS::IAM::Role":
			_, err = roles.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: &name, PolicyDocument: aws.String(asText(p["AssumeRolePolicyDocument"]))})
		case "AWS::SQS::Queue":
			_, err = sqs.NewFromConfig(m.cfg).SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &name, Attributes: map[string]string{"VisibilityTimeout": asText(cmp.Or(p["VisibilityTimeout"], any(30.0)))}})
		case "AWS::Events::Rule":
			target := at(p, "Targets").([]any)[0].(map[string]any)
			var one ruletypes.Target
			decode(t, target, &one, "Id", "Arn", "DeadLetterConfig", "InputTransformer")
			_, err = rules.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: &name, Targets: []ruletypes.Target{one}})
			if schedule, ok := p["ScheduleExpression"].(string); ok && err == nil {
				_, err = rules.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: &name, ScheduleExpression: &schedule})
			}
		}
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
	}
	m.finish(t)
}

// at reads a member deep in JSON.
func at(value any, path ...string) any {
	for _, name := range path {
		m, _ := value.(map[string]any)
		value = m[name]
	}
	return value
}

func (m *moto) deployed(t *testing.T) *deployed {
	t.Helper()
	doctor := m.doctor(t)
	in, err := Find(t.Context(), doctor.Stacks, stackName)
	if err != nil {
		t.Fatal(err)
	}
	d, f := doctor.template(t.Context(), in)
	if d == nil {
		t.Fatal(f)
	}
	return d
}

// TestTamperingIsSeen: whoever changes the installation beside CloudFormation is seen
// by the check of what he changed, and the fix that the finding names puts it right.
func TestTamperingIsSeen(t *testing.T) {
	m := startMoto(t)
	m.deploy(t, "alert.template.json")
	d := m.deployed(t)
	in := d.in
	functions, queues, topics, rules, roles := lambda.NewFromConfig(m.cfg), sqs.NewFromConfig(m.cfg), sns.NewFromConfig(m.cfg), eventbridge.NewFromConfig(m.cfg), iam.NewFromConfig(m.cfg)
	role := in.Resources[d.id("AWS::IAM::Role", "GuardrailRole")]
	setting := func(function, name, value string) func() error {
		return func() error {
			got, err := functions.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &function})
			if err != nil {
				return err
			}
			got.Environment.Variables[name] = value
			_, err = functions.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
				FunctionName: &function, Environment: &functiontypes.Environment{Variables: got.Environment.Variables},
			})
			return err
		}
	}
	other := "arn:aws:iam::" + motoAccount + ":role/mallory"
	changed := func(kind, construct string) string {
		p, err := d.properties(kind, construct)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Replace(asText(p["PolicyDocument"]), in.roleARN(role), other, 1)
	}
	for _, test := range []struct {
		name, check, what string
		change            func() error
	}{
		{"another policy file", "settings guardrail", `ENDPOINTGUARD_POLICY_FILE is "/tmp/lax.yaml", and "/var/task/policy.yaml" was deployed`, setting(in.Guardrail, "ENDPOINTGUARD_POLICY_FILE", "/tmp/lax.yaml")},
		{"another account", "settings guardrail", `ENDPOINTGUARD_ACCOUNT is "444455556666"`, setting(in.Guardrail, "ENDPOINTGUARD_ACCOUNT", "444455556666")},
		{"another queue", "settings guardrail", "ENDPOINTGUARD_QUEUE_URL is", setting(in.Guardrail, "ENDPOINTGUARD_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/444455556666/q")},
		{"no brake", "settings guardrail", `ENDPOINTGUARD_BRAKE is "0", and "20" was deployed`, setting(in.Guardrail, "ENDPOINTGUARD_BRAKE", "0")},
		{"a wrapper around the code", "settings guardrail", `AWS_LAMBDA_EXEC_WRAPPER is "/opt/w", and not set was deployed`, setting(in.Guardrail, "AWS_LAMBDA_EXEC_WRAPPER", "/opt/w")},
		{"another AWS", "settings guardrail", "AWS_ENDPOINT_URL_EKS is", setting(in.Guardrail, "AWS_ENDPOINT_URL_EKS", "http://192.0.2.1")},
		{"the sweep's queue", "settings sweep", "ENDPOINTGUARD_QUEUE_URL is", setting(in.Sweep, "ENDPOINTGUARD_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/444455556666/q")},
		{"no digest", "settings sweep", `ENDPOINTGUARD_DIGEST_HOUR is not set, and "7" was deployed`, setting(in.Sweep, "ENDPOINTGUARD_DIGEST_HOUR", "")},
		{"foreign code", "code guardrail", "it runs the code", func() error {
			_, err := functions.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &in.Guardrail, ZipFile: bundle(t, "foreign", deployedPolicy)})
			return err
		}},
		{"foreign code of the sweep", "code sweep", "it runs the code", func() error {
			_, err := functions.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &in.Sweep, ZipFile: bundle(t, "foreign", deployedPolicy)})
			return err
		}},
		{"a layer", "code guardrail", "layer", func() error {
			layer, err := functions.PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{LayerName: aws.String("l"), Content: &functiontypes.LayerVersionContentInput{ZipFile: bundle(t, "layer", "")}})
			if err != nil {
				return err
			}
			_, err = functions.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &in.Guardrail, Layers: []string{*layer.LayerVersionArn}})
			return err
		}},
		{"another handler", "code guardrail", `Handler is "other"`, func() error {
			_, err := functions.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &in.Guardrail, Handler: aws.String("other")})
			return err
		}},
		{"another role", "role guardrail", "the function has the role " + other, func() error {
			_, err := functions.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &in.Guardrail, Role: &other})
			return err
		}},
		{"more rights", "role guardrail", "more, which was not deployed", func() error {
			_, err := roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String("more"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)})
			return err
		}},
		{"a managed policy", "role guardrail", "ReadOnly, which was not deployed", func() error {
			made, err := roles.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("ReadOnly"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}`)})
			if err != nil {
				return err
			}
			_, err = roles.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &role, PolicyArn: made.Policy.Arn})
			return err
		}},
		{"fewer rights", "role guardrail", "WithoutItNothingIsRemembered is missing or changed", func() error {
			p, err := d.properties("AWS::IAM::Role", "GuardrailRole")
			if err != nil {
				return err
			}
			document := strings.Replace(asText(at(p["Policies"].([]any)[0], "PolicyDocument")), `"dynamodb:PutItem"`, `"dynamodb:GetItem"`, 1)
			_, err = roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String("function"), PolicyDocument: &document})
			return err
		}},
		{"another may assume it", "role guardrail", "who may assume it: the statement", func() error {
			_, err := roles.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: &role, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[
				{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"},{"Effect":"Allow","Principal":{"AWS":"` + other + `"},"Action":"sts:AssumeRole"}]}`)})
			return err
		}},
		{"another role may send", "queue settings", "WithoutItAnyoneWithSqsRightsCouldSend", func() error {
			_, err := queues.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &in.Queue, Attributes: map[string]string{"Policy": changed("AWS::SQS::QueuePolicy", "WakeUpsPolicy")}})
			return err
		}},
		{"messages come back at once", "queue settings", `VisibilityTimeout is "1", and "360" was deployed`, func() error {
			_, err := queues.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &in.Queue, Attributes: map[string]string{"VisibilityTimeout": "1"}})
			return err
		}},
		{"another may publish", "topic settings", "WithoutItAnyoneWithSnsRightsCouldMail", func() error {
			_, err := topics.SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{TopicArn: &in.AlertTopic, AttributeName: aws.String("Policy"), AttributeValue: aws.String(changed("AWS::SNS::TopicPolicy", "AlertsPolicy"))})
			return err
		}},
		{"silent alarms", "alarm RefusedAlarm", "its actions are disabled", func() error {
			p, err := d.properties("AWS::CloudWatch::Alarm", "RefusedAlarm")
			if err != nil {
				return err
			}
			p["ActionsEnabled"], p["AlarmName"] = false, in.Resources[d.id("AWS::CloudWatch::Alarm", "RefusedAlarm")]
			m.cloudwatch(t, "PutMetricAlarm", p)
			return nil
		}},
		{"an alarm that is never raised", "alarm OwedMailAlarm", "Threshold is 999999, and 3600 was deployed", func() error {
			p, err := d.properties("AWS::CloudWatch::Alarm", "OwedMailAlarm")
			if err != nil {
				return err
			}
			p["Threshold"], p["AlarmName"] = 999999.0, in.Resources[d.id("AWS::CloudWatch::Alarm", "OwedMailAlarm")]
			m.cloudwatch(t, "PutMetricAlarm", p)
			return nil
		}},
		{"an alarm less", "alarm BacklogAlarm", "is gone", func() error {
			m.cloudwatch(t, "DeleteAlarms", map[string]any{"AlarmNames": []any{in.Resources[d.id("AWS::CloudWatch::Alarm", "BacklogAlarm")]}})
			return nil
		}},
		{"a filter", "mails", `alice@example.com has the filter policy {"outcome":["none"]}`, func() error {
			list, err := topics.ListSubscriptionsByTopic(t.Context(), &sns.ListSubscriptionsByTopicInput{TopicArn: &in.AlertTopic})
			if err != nil {
				return err
			}
			_, err = topics.SetSubscriptionAttributes(t.Context(), &sns.SetSubscriptionAttributesInput{
				SubscriptionArn: list.Subscriptions[0].SubscriptionArn, AttributeName: aws.String("FilterPolicy"), AttributeValue: aws.String(`{"outcome": ["none"]}`),
			})
			return err
		}},
		{"a rarer sweep", "rule SweepSchedule", `ScheduleExpression is "rate(365 days)", and "rate(1 hour)" was deployed`, func() error {
			_, err := rules.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String(in.Resources["SweepSchedule"]), ScheduleExpression: aws.String("rate(365 days)")})
			return err
		}},
		{"a sweep of nothing", "rule SweepSchedule", "clusters", func() error {
			_, err := rules.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String(in.Resources["SweepSchedule"]), Targets: []ruletypes.Target{{
				Id: aws.String("endpointguard"), Arn: aws.String(in.functionARN(in.Sweep)), Input: aws.String(`{"clusters": []}`),
				DeadLetterConfig: &ruletypes.DeadLetterConfig{Arn: aws.String(in.queueARN(in.DeadLetters))},
			}}})
			return err
		}},
		{"another queue wakes it", "queue wakes function", "wakes the function, too, which was not deployed", func() error {
			if _, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("mallory")}); err != nil {
				return err
			}
			_, err := functions.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{FunctionName: &in.Guardrail, EventSourceArn: aws.String("arn:aws:sqs:eu-west-1:" + motoAccount + ":mallory")})
			return err
		}},
		{"another may invoke it", "callers guardrail", "the statement mallory was not deployed", func() error {
			_, err := functions.AddPermission(t.Context(), &lambda.AddPermissionInput{FunctionName: &in.Guardrail, StatementId: aws.String("mallory"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("444455556666")})
			return err
		}},
		{"no ledger", "ledger", "is gone", func() error {
			_, err := dynamodb.NewFromConfig(m.cfg).DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String(in.Resources[d.id("AWS::DynamoDB::Table", "Ledger")])})
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.change(); err != nil {
				t.Fatal(err)
			}
			_, findings := m.examine(t, m.doctor(t))
			f := findings[test.check]
			if left := amiss(findings); len(left) != 1 || f.State != Wrong || !strings.Contains(f.What, test.what) || f.Fix == "" {
				t.Errorf("want %s: …%s…, found\n%s", test.check, test.what, strings.Join(left, "\n"))
			}
			if command, ok := strings.CutPrefix(f.Fix, "aws "); ok && !strings.HasPrefix(command, "cloudwatch") { // which moto cannot
				m.aws(t, strings.Fields(strings.ReplaceAll(command, "'", ""))...)
				_, findings = m.examine(t, m.doctor(t))
				if left := amiss(findings); len(left) > 0 {
					t.Fatalf("after %s\n%s", f.Fix, strings.Join(left, "\n"))
				}
				return
			}
			m.restore(t)
		})
	}
}
