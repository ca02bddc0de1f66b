//go:build !race

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/infra/bundle"
	"github.com/endpointguard/endpointguard/pkg/buildflags"
	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// motoAccount is the account that moto serves.
const motoAccount = "123456789012"

// deployedPolicy closes what is opened, and goes back to what was before.
const deployedPolicy = `version: 1
rules:
  - name: closed
    require: {publicAccess: disabled}
    respond: revert
`

// TestDeployed deploys with the real CDK into moto's CloudFormation, twice, and
// runs what was deployed: events through the deployed rules into the deployed
// queue, the built functions with the deployed settings over moto's SQS, SNS and
// DynamoDB and the embedded AWS's EKS, mails in a queue that is subscribed to the
// deployed topic. Then it is destroyed.
func TestDeployed(t *testing.T) {
	if testing.Short() {
		t.Skip("it deploys")
	}
	m := startMoto(t)
	settings := []string{"-c", "mode=enforce", "-c", "retain=false", "-c", "alertEmails=alice@example.com", "-c", "policyFile=" + writeFile(t, "policy.yaml", deployedPolicy)}
	m.cdk(t, "bootstrap", "--app", "", "aws://123456789012/eu-west-1") // moto's account
	m.cdk(t, append([]string{"deploy", "--require-approval", "never"}, settings...)...)
	m.describe(t)
	before := m.stack(t)
	if out := m.cdk(t, append([]string{"deploy", "--require-approval", "never"}, settings...)...); !strings.Contains(out, "(no changes)") {
		t.Errorf("deployed again it changes something:\n%s", out)
	}
	if diff := cmp.Diff(before, m.stack(t)); diff != "" {
		t.Errorf("deployed again (-before +after):\n%s", diff)
	}

	t.Run("samples", m.samples)
	t.Run("life", m.life)

	m.cdk(t, append([]string{"destroy", "--force"}, settings...)...)
	for _, left := range m.leftOver(t) {
		t.Errorf("destroyed, it leaves %s", left)
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// moto is a running moto server, and what was deployed to it.
type moto struct {
	url    string
	output string // of the CDK
	sqs    *sqs.Client

	resources map[string]string // physical ids by type and start of the logical id
	mailbox   string            // the URL of a queue that is subscribed to the topic
}

// missing skips a test for want of a tool, and fails it in CI.
func missing(t *testing.T, tool, install string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI needs %s: %s", tool, install)
	}
	t.Skipf("%s is not on this machine: %s", tool, install)
}

func startMoto(t *testing.T) *moto {
	t.Helper()
	server, err := exec.LookPath("moto_server")
	if err != nil {
		missing(t, "moto_server", "pip install 'moto[server]'")
	}
	if _, err := exec.LookPath("npx"); err != nil {
		missing(t, "npx", "install Node.js 22")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	// The name matters: from 127.0.0.1 moto would take the assets' bucket for
	// another one.
	m := &moto{url: fmt.Sprintf("http://localhost:%d", port), output: t.TempDir(), resources: map[string]string{}}
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
	until(t, "moto answers", func() bool {
		answer, err := http.Get(m.url + "/moto-api/data.json")
		if err != nil {
			return false
		}
		return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	})
	m.sqs = sqs.NewFromConfig(m.config())
	return m
}

// until looks again and again until something is so, as long as go test lets it: how
// long something takes is the machine's affair.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	var late <-chan time.Time
	if end, ok := t.Deadline(); ok {
		late = time.After(time.Until(end) - 10*time.Second)
	}
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for !so() {
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("still not so: %s", what)
		}
	}
}

func (m *moto) config() aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(m.url), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient: &http.Client{Transport: &http.Transport{}},
	}
}

// environment is that of a process which talks to moto, and to nothing else of
// this machine's AWS settings.
func (m *moto) environment(more ...string) []string {
	var out []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") && !strings.HasPrefix(variable, "CDK_") {
			out = append(out, variable)
		}
	}
	return append(append(out,
		"AWS_ENDPOINT_URL="+m.url, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1",
		"AWS_EC2_METADATA_DISABLED=true", "CDK_DISABLE_CLI_TELEMETRY=true",
	), more...)
}

// cdk runs the CDK's command line as the README says.
func (m *moto) cdk(t *testing.T, args ...string) string {
	t.Helper()
	npx := append([]string{"--yes", "aws-cdk@2.1148.1"}, args...)
	cmd := exec.CommandContext(t.Context(), "npx", append(npx, "--no-notices", "--no-color", "--output", m.output)...)
	cmd.Dir, cmd.Env = "..", m.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("cdk %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

// call makes one call of a JSON protocol that the tests have no client for. Moto
// looks at the service in the signature, not at the signature.
func (m *moto) call(t *testing.T, service, target string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	m.post(t, service, map[string]string{"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}, body, out)
}

// query makes one call of the query protocol and returns the XML.
func (m *moto) query(t *testing.T, service, action, version string, parameters map[string]string) []byte {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {version}}
	for name, value := range parameters {
		form.Set(name, value)
	}
	return m.post(t, service, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, []byte(form.Encode()), nil)
}

func (m *moto) post(t *testing.T, service string, headers map[string]string, body []byte, out any) []byte {
	t.Helper()
	method, path := http.MethodPost, "/"
	if headers["path"] != "" {
		method, path = http.MethodGet, headers["path"]
	}
	if headers["method"] != "" {
		method = headers["method"]
	}
	request, err := http.NewRequestWithContext(t.Context(), method, m.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode >= 300 {
		t.Fatalf("%s %v: %s\n%s", service, headers, answer.Status, text)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatalf("%s: %v\n%s", service, err, text)
		}
	}
	return text
}

// describe finds what was deployed, and subscribes a mailbox.
func (m *moto) describe(t *testing.T) {
	t.Helper()
	var described struct {
		Resources []struct {
			ID       string `xml:"LogicalResourceId"`
			Type     string `xml:"ResourceType"`
			Physical string `xml:"PhysicalResourceId"`
		} `xml:"DescribeStackResourcesResult>StackResources>member"`
	}
	text := m.query(t, "cloudformation", "DescribeStackResources", "2010-05-15", map[string]string{"StackName": "endpointguard-eu-west-1"})
	if err := xml.Unmarshal(text, &described); err != nil {
		t.Fatal(err)
	}
	for _, r := range described.Resources {
		name := regexp.MustCompile(`[0-9A-F]{8}$`).ReplaceAllString(r.ID, "")
		m.resources[r.Type+" "+name] = r.Physical
	}
	created, err := m.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("mailbox")})
	if err != nil {
		t.Fatal(err)
	}
	m.mailbox = *created.QueueUrl
	// Moto takes a rule with a schedule for one that matches every event, and
	// knows no functions as targets.
	m.call(t, "events", "AWSEvents.RemoveTargets", map[string]any{
		"Rule": m.of(t, "AWS::Events::Rule SweepSchedule"), "Ids": []string{"endpointguard"},
	}, nil)
	m.query(t, "sns", "Subscribe", "2010-03-31", map[string]string{
		"TopicArn": m.of(t, "AWS::SNS::Topic Alerts"), "Protocol": "sqs", "Endpoint": "arn:aws:sqs:eu-west-1:" + motoAccount + ":mailbox",
	})
	// Moto runs no function without Docker, and what it would give to one becomes
	// a dead letter: the test takes the mapping's place.
	mapping := "/2015-03-31/event-source-mappings/" + m.of(t, "AWS::Lambda::EventSourceMapping GuardrailWakeUps")
	var state struct{ State string }
	m.post(t, "lambda", map[string]string{"path": mapping}, nil, &state)
	if state.State != "Enabled" {
		t.Errorf("the event source mapping is %q", state.State)
	}
	m.post(t, "lambda", map[string]string{"path": mapping, "method": http.MethodPut}, []byte(`{"Enabled": false}`), nil)
}

func (m *moto) of(t *testing.T, name string) string {
	t.Helper()
	id := m.resources[name]
	if id == "" {
		t.Fatalf("nothing was deployed as %s; there is %v", name, m.resources)
	}
	return id
}

// stack is what moto says of the stack: its template and when it was changed.
func (m *moto) stack(t *testing.T) string {
	t.Helper()
	out := m.query(t, "cloudformation", "DescribeStacks", "2010-05-15", map[string]string{"StackName": "endpointguard-eu-west-1"})
	text := regexp.MustCompile(`(?s)<ResponseMetadata>.*?</ResponseMetadata>`).ReplaceAllString(string(out), "")
	template := m.query(t, "cloudformation", "GetTemplate", "2010-05-15", map[string]string{"StackName": "endpointguard-eu-west-1"})
	return text + regexp.MustCompile(`(?s)<ResponseMetadata>.*?</ResponseMetadata>`).ReplaceAllString(string(template), "")
}

// put gives events to moto's EventBridge.
func (m *moto) put(t *testing.T, event []byte) {
	t.Helper()
	var e struct {
		Source     string          `json:"source"`
		DetailType string          `json:"detail-type"`
		Detail     json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		t.Fatal(err)
	}
	var answer struct{ FailedEntryCount int }
	m.call(t, "events", "AWSEvents.PutEvents", map[string]any{"Entries": []any{map[string]any{
		"Source": e.Source, "DetailType": e.DetailType, "Detail": string(e.Detail),
	}}}, &answer)
	if answer.FailedEntryCount > 0 {
		t.Fatalf("moto does not take the event %s", event)
	}
}

// samples: of the sample events those arrive in the queue that should.
func (m *moto) samples(t *testing.T) {
	samples, err := fs.Glob(events.Samples(), "*.json")
	if err != nil || len(samples) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	var want []string
	for _, name := range samples {
		event, err := fs.ReadFile(events.Samples(), name)
		if err != nil {
			t.Fatal(err)
		}
		m.put(t, event)
		var e struct{ Detail struct{ EventID string } }
		if err := json.Unmarshal(event, &e); err != nil {
			t.Fatal(err)
		}
		if name != "update-denied.json" && name != "update-refused-both-off.json" {
			want = append(want, e.Detail.EventID)
		}
	}
	queue := m.of(t, "AWS::SQS::Queue WakeUps")
	var got []string
	until(t, "the samples arrive", func() bool {
		for _, message := range m.receive(t, queue, 1) {
			var e struct{ Detail struct{ EventID string } }
			if err := json.Unmarshal([]byte(*message.Body), &e); err != nil {
				t.Fatalf("%v: %s", err, *message.Body)
			}
			got = append(got, e.Detail.EventID)
			m.settle(t, queue, message, true)
		}
		return len(got) >= len(want)
	})
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arrived (-want +got):\n%s", diff)
	}
	if more := m.receive(t, queue, 0); len(more) > 0 {
		t.Errorf("and more: %s", *more[0].Body)
	}
}

func (m *moto) receive(t *testing.T, queue string, seconds int32) []types.Message {
	t.Helper()
	out, err := m.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &queue, MaxNumberOfMessages: 10, WaitTimeSeconds: seconds,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		if t.Context().Err() != nil {
			return nil
		}
		t.Fatal(err)
	}
	return out.Messages
}

// settle does what Lambda does with a message after the function: it deletes it,
// or leaves it; the time until it is seen again is not waited for.
func (m *moto) settle(t *testing.T, queue string, message types.Message, done bool) {
	t.Helper()
	var err error
	if done {
		_, err = m.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: message.ReceiptHandle})
	} else {
		_, err = m.sqs.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &queue, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 0})
	}
	if err != nil && t.Context().Err() == nil {
		t.Error(err)
	}
}

// life: clusters are opened, created open and found open; answers of moto's are
// lost and the function is killed; all clusters end closed and are mailed.
func (m *moto) life(t *testing.T) {
	eksAWS := localaws.New(localaws.Options{
		Account: motoAccount, Region: "eu-west-1", Seed: 3,
		Durations: localaws.Durations{Create: 5 * time.Second, EndpointUpdate: 2 * time.Second},
	})
	t.Cleanup(eksAWS.Close)
	server := httptest.NewServer(eksAWS)
	t.Cleanup(server.Close)
	// CloudTrail and EventBridge of the embedded AWS end in a tap, from where
	// the events go on to moto's.
	tap(t, eksAWS)

	proxy := &proxy{target: m.url, broken: map[string]int{"DynamoDB_20120810.PutItem": 1, "Publish": 1, "AmazonSQS.SendMessage": 1}}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)

	guardrail := m.start(t, eksAWS, server.URL, front.URL, "guardrail", "AWS::Lambda::Function Guardrail")
	sweep := m.start(t, eksAWS, server.URL, front.URL, "sweep", "AWS::Lambda::Function Sweep")
	// The first change dies with its function, after EKS took it.
	eksAWS.Inject(localaws.Fault{Service: "eks", Operation: "UpdateClusterConfig", Caller: "guardrail", Drop: localaws.DropAfter, Do: guardrail.kill})

	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for range 3 {
		running.Go(func() { m.bridge(ctx, t, guardrail) })
	}
	running.Go(func() { m.forward(ctx, t, eksAWS) })

	alice := eks.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("alice", "x", ""),
	})
	eksAWS.PutCluster(localaws.Cluster{Name: "opened", Private: true})
	eksAWS.PutCluster(localaws.Cluster{Name: "found", Public: true, Private: true})
	if _, err := alice.UpdateClusterConfig(t.Context(), &eks.UpdateClusterConfigInput{
		Name: aws.String("opened"), ResourcesVpcConfig: &ekstypes.VpcConfigRequest{
			EndpointPublicAccess: aws.Bool(true), EndpointPrivateAccess: aws.Bool(true), PublicAccessCidrs: []string{"0.0.0.0/0"},
		},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.CreateCluster(t.Context(), &eks.CreateClusterInput{
		Name: aws.String("created"), RoleArn: aws.String("arn:aws:iam::" + motoAccount + ":role/eks"),
		ResourcesVpcConfig: &ekstypes.VpcConfigRequest{SubnetIds: []string{"subnet-1", "subnet-2"}},
	}); err != nil {
		t.Fatal(err)
	}
	// The event of a deployment starts the sweep, which finds the third.
	answer, err := sweep.function.Invoke(t.Context(), []byte(`{"source":"aws.cloudformation","detail-type":"CloudFormation Stack Status Change"}`))
	if err != nil || !strings.Contains(string(answer), `"woken":`) {
		t.Fatalf("the sweep: %s, %v", answer, err)
	}

	clusters := []string{"created", "found", "opened"}
	mails := map[string][]mailed{}
	until(t, "every cluster is mailed as enforced", func() bool {
		for _, mail := range m.mails(t) {
			mails[mail.Cluster] = append(mails[mail.Cluster], mail)
		}
		return !slices.ContainsFunc(clusters, func(name string) bool {
			return !slices.ContainsFunc(mails[name], func(mail mailed) bool { return mail.Outcome == "enforced" })
		})
	})
	for _, name := range clusters {
		if c, _ := eksAWS.Cluster(name); c.Public || !c.Private || c.Status != "ACTIVE" {
			t.Errorf("cluster %s ends with public=%v private=%v, %s", name, c.Public, c.Private, c.Status)
		}
		kinds := map[string]string{}
		for _, mail := range mails[name] {
			if other, again := kinds[mail.Subject]; again && other != mail.Incident {
				t.Errorf("%s: mailed twice under two references: %s", name, mail.Subject)
			}
			kinds[mail.Subject] = mail.Incident
		}
		if len(kinds) > 2 {
			t.Errorf("%s: %d different mails: %v", name, len(kinds), kinds)
		}
	}
	if guardrail.deaths() != 1 {
		t.Errorf("the function died %d times, want once", guardrail.deaths())
	}
	if left := proxy.left(); len(left) > 0 {
		t.Errorf("no answer was lost of %v", left)
	}
	for _, message := range m.receive(t, m.of(t, "AWS::SQS::Queue DeadLetters"), 0) {
		t.Errorf("a dead letter: %s", *message.Body)
	}
}

const tapQueue = "tap"

func tap(t *testing.T, a *localaws.AWS) {
	t.Helper()
	if _, err := a.CreateQueue(tapQueue, localaws.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := a.PutRule(tapQueue, `{"source": ["aws.eks"]}`, tapQueue); err != nil {
		t.Fatal(err)
	}
}

// forward gives the embedded AWS's events to moto's EventBridge.
func (m *moto) forward(ctx context.Context, t *testing.T, a *localaws.AWS) {
	err := a.Poll(ctx, tapQueue, localaws.FunctionOptions{Timeout: time.Minute}, func(_ context.Context, batch []byte) ([]byte, error) {
		var in struct{ Records []struct{ Body string } }
		if err := json.Unmarshal(batch, &in); err != nil {
			return nil, err
		}
		for _, record := range in.Records {
			m.put(t, []byte(record.Body))
		}
		return []byte(`{}`), nil
	})
	if err != nil && ctx.Err() == nil {
		t.Error(err)
	}
}

// process is a built function that runs on this machine under the embedded
// AWS's runtime API, with the settings of the deployed one. When it dies it is
// started again, as Lambda does.
type process struct {
	function *localaws.Function
	start    func() *exec.Cmd

	mu      sync.Mutex
	cmd     *exec.Cmd
	died    chan struct{} // closed when the present one is dead
	killed  int
	stopped bool
}

func (m *moto) start(t *testing.T, a *localaws.AWS, runtimeURL, frontURL, name, resource string) *process {
	t.Helper()
	folder := t.TempDir()
	binary := filepath.Join(folder, "bootstrap")
	args, env := buildflags.Own()
	build := exec.CommandContext(t.Context(), "go", slices.Concat([]string{"build", "-buildvcs=false", "-o", binary}, args, []string{"./functions/" + name})...)
	build.Dir, build.Env = "..", append(append(os.Environ(), env...), "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var deployed struct {
		Timeout     int
		Environment struct{ Variables map[string]string }
	}
	m.post(t, "lambda", map[string]string{"path": "/2015-03-31/functions/" + m.of(t, resource) + "/configuration"}, nil, &deployed)
	// A function that died holds its incident until its time is over: a third of
	// it, so that the test needn't wait for so long.
	function, err := a.Function(name, "", localaws.FunctionOptions{Timeout: time.Duration(deployed.Timeout) * time.Second / 3})
	if err != nil {
		t.Fatal(err)
	}
	environment := m.environment("AWS_ENDPOINT_URL="+frontURL, "AWS_ENDPOINT_URL_EKS="+runtimeURL, "AWS_ENDPOINT_URL_EC2="+runtimeURL,
		"AWS_ACCESS_KEY_ID="+name, "AWS_LAMBDA_RUNTIME_API="+function.RuntimeAPI(strings.TrimPrefix(runtimeURL, "http://")), "LAMBDA_TASK_ROOT="+folder)
	// Its calls are its role's, as CloudTrail tells of them.
	if _, role, ok := strings.Cut(deployed.Environment.Variables["ENDPOINTGUARD_ROLE_ARN"], ":role/"); ok {
		a.AddRole(name, role, name)
	}
	for key, value := range deployed.Environment.Variables {
		if key == "ENDPOINTGUARD_POLICY_FILE" {
			if value != "/var/task/policy.yaml" {
				t.Errorf("the deployed policy is at %s", value)
			}
			value = filepath.Join(folder, "policy.yaml")
		}
		environment = append(environment, key+"="+value)
	}
	if err := os.WriteFile(filepath.Join(folder, "policy.yaml"), m.policy(t), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &process{function: function, start: func() *exec.Cmd {
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary)
		cmd.Env = environment
		cmd.Stdout, cmd.Stderr = testLog{t, name}, testLog{t, name}
		return cmd
	}}
	supervised := make(chan error, 1)
	go func() { supervised <- p.supervise() }()
	t.Cleanup(func() {
		p.mu.Lock()
		p.stopped = true
		_ = p.cmd.Process.Kill()
		p.mu.Unlock()
		if err := <-supervised; err != nil {
			t.Error(err)
		}
	})
	until(t, name+" runs", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.cmd != nil && p.cmd.Process != nil
	})
	return p
}

// policy is the document in the deployed bundle.
func (m *moto) policy(t *testing.T) []byte {
	t.Helper()
	zips, err := filepath.Glob(filepath.Join(m.output, "asset.*.zip"))
	if err != nil {
		t.Fatal(err)
	}
	for _, zip := range zips {
		files, err := bundle.Read(zip)
		if err != nil {
			t.Fatal(err)
		}
		if policy, ok := files["policy.yaml"]; ok {
			return policy
		}
	}
	t.Fatalf("no bundle with a policy in %v", zips)
	return nil
}

func (p *process) supervise() error {
	for {
		p.mu.Lock()
		if p.stopped {
			p.mu.Unlock()
			return nil
		}
		cmd := p.start()
		err := cmd.Start()
		p.cmd, p.died = cmd, make(chan struct{})
		died := p.died
		p.mu.Unlock()
		if err != nil {
			return err
		}
		_ = cmd.Wait() // It only ends by being killed.
		close(died)
	}
}

func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed++
	_ = p.cmd.Process.Kill()
}

func (p *process) deaths() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

func (p *process) death() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.died
}

// invoke runs the function once. Its process may die meanwhile.
func (p *process) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	died := p.death()
	go func() {
		select {
		case <-died:
			cancel(errors.New("the process died"))
		case <-ctx.Done():
		}
	}()
	return p.function.Invoke(ctx, payload)
}

// bridge is the event source mapping that moto doesn't have.
func (m *moto) bridge(ctx context.Context, t *testing.T, p *process) {
	queue := m.of(t, "AWS::SQS::Queue WakeUps")
	for ctx.Err() == nil {
		out, err := m.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &queue, MaxNumberOfMessages: 1, WaitTimeSeconds: 1,
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		if err != nil {
			if ctx.Err() == nil {
				t.Errorf("receive: %v", err)
			}
			return
		}
		for _, message := range out.Messages {
			payload, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
				"messageId": message.MessageId, "receiptHandle": message.ReceiptHandle, "body": message.Body, "attributes": message.Attributes,
				"eventSource": "aws:sqs", "awsRegion": "eu-west-1",
			}}})
			if err != nil {
				t.Errorf("payload: %v", err)
				return
			}
			answer, err := p.invoke(ctx, payload)
			var told struct {
				Failures []any `json:"batchItemFailures"`
			}
			done := err == nil && json.Unmarshal(answer, &told) == nil && len(told.Failures) == 0
			if ctx.Err() == nil {
				m.settle(t, queue, message, done)
			}
		}
	}
}

// proxy stands between the functions and moto, and loses answers: what was asked
// has been done, and the caller doesn't know.
type proxy struct {
	target string

	mu     sync.Mutex
	broken map[string]int // how many answers are still to be lost, by target or action
}

func (p *proxy) left() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broken
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	forward, err := http.NewRequestWithContext(r.Context(), r.Method, p.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	forward.Header = r.Header.Clone()
	answer, err := http.DefaultTransport.RoundTrip(forward)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || p.loses(r.Header.Get("X-Amz-Target"), body) {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(text)
}

func (p *proxy) loses(target string, body []byte) bool {
	if target == "" {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return false
		}
		target = form.Get("Action")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n, named := p.broken[target]
	if !named {
		return false
	}
	if n--; n == 0 {
		delete(p.broken, target)
	} else {
		p.broken[target] = n
	}
	return true
}

// mailed is a mail as a subscriber gets it.
type mailed struct {
	Subject, Text, Cluster, Outcome, Incident string
}

func (m *moto) mails(t *testing.T) []mailed {
	t.Helper()
	var out []mailed
	for _, message := range m.receive(t, m.mailbox, 0) {
		var envelope struct {
			Subject, Message  string
			MessageAttributes map[string]struct{ Value string }
		}
		if err := json.Unmarshal([]byte(*message.Body), &envelope); err != nil {
			t.Fatalf("%v: %s", err, *message.Body)
		}
		attribute := func(name string) string { return envelope.MessageAttributes[name].Value }
		out = append(out, mailed{envelope.Subject, envelope.Message, attribute("cluster"), attribute("outcome"), attribute("reference")})
		m.settle(t, m.mailbox, message, true)
	}
	return out
}

// leftOver names what is still there of an installation.
func (m *moto) leftOver(t *testing.T) []string {
	t.Helper()
	var out []string
	note := func(text []byte) {
		for _, found := range regexp.MustCompile(`endpointguard-eu-west-1[0-9A-Za-z-]*`).FindAllString(string(text), -1) {
			if !slices.Contains(out, found) {
				out = append(out, found)
			}
		}
	}
	json11 := func(service, target string) {
		note(m.post(t, service, map[string]string{"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}, []byte(`{}`), nil))
	}
	json11("sqs", "AmazonSQS.ListQueues")
	json11("events", "AWSEvents.ListRules")
	json11("dynamodb", "DynamoDB_20120810.ListTables")
	// Moto makes a log group for each function whatever its settings say.
	logs := m.post(t, "logs", map[string]string{"X-Amz-Target": "Logs_20140328.DescribeLogGroups", "Content-Type": "application/x-amz-json-1.1"}, []byte(`{}`), nil)
	note(regexp.MustCompile(`/aws/lambda/[0-9A-Za-z-]*`).ReplaceAll(logs, nil))
	note(m.query(t, "sns", "ListTopics", "2010-03-31", nil))
	note(m.query(t, "iam", "ListRoles", "2010-05-08", nil))
	note(m.post(t, "lambda", map[string]string{"path": "/2015-03-31/functions/"}, nil, nil))
	note(m.post(t, "lambda", map[string]string{"path": "/2015-03-31/event-source-mappings/"}, nil, nil))
	return out
}

// testLog writes a process's lines into the test's log.
type testLog struct {
	t    *testing.T
	name string
}

func (l testLog) Write(p []byte) (int, error) {
	for line := range strings.SplitSeq(strings.TrimRight(string(p), "\n"), "\n") {
		l.t.Logf("%s: %.600s", l.name, line)
	}
	return len(p), nil
}
