// Package simulation runs the deployed code over the embedded AWS in virtual
// time: stories of single incidents, kills at every call, seeded histories.
package simulation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/settings"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

const (
	account = "111122223333"
	region  = "eu-west-1"

	queueName   = "endpointguard"
	deadLetters = "endpointguard-dead-letters"
	tableName   = "endpointguard"
	topicName   = "endpointguard"

	guard     = "AKIDGUARDRAIL" // the access keys of the callers
	alice     = "AKIDALICE"
	bob       = "AKIDBOB"
	terraform = "AKIDTERRAFORM"

	timeout    = time.Minute // of the function
	visibility = 6 * timeout
	// maxReceives is how often a message is delivered before it is a dead letter, as
	// it is deployed.
	maxReceives = 5
)

// The policy of the simulated company: an office that clusters named office-*
// may be reached from, nobody else, and nodes that stay inside.
const companyPolicy = `version: 1
rules:
  - name: inside
    except: {clusters: [partner-*]}
    require: {privateAccess: enabled}
    respond: enforce
  - name: office-only
    match: {clusters: [office-*]}
    require:
      publicAccess: restricted
      allowedCidrs: [198.51.0.0/16]
    respond: revert
  - name: closed
    match: {clusters: [closed-*]}
    require: {publicAccess: disabled}
    respond: enforce
  - name: secret
    match: {tags: {secret: "yes"}}
    require: {publicAccess: disabled}
    respond: enforce
  - name: narrow
    match: {clusters: [told-*, office-*]}
    require:
      publicAccess: restricted
      notWiderThan: {ipv4: 20}
    respond: alert
`

// world is an account with the guardrail deployed in it.
type world struct {
	t       *testing.T
	aws     *localaws.AWS
	law     law // in force
	mode    string
	brake   int
	people  map[string]*eks.Client
	workers []*localaws.Function
	poison  []string // the unreadable messages that were sent
	log     *bytes.Buffer
	// functions are all that were made, patterns those of the rules.
	functions []*localaws.Function
	patterns  [][]byte

	// staleReads is for how long EKS shows old values.
	staleReads time.Duration

	mu      sync.Mutex
	faults  []string                     // what the never list was broken by
	good    map[string][]endpoint.Access // the states each cluster went through, by name
	guards  map[string]law               // what each access key of the guardrail judges by
	tokens  map[string]string            // the update that each of its request tokens began
	retag   map[string]retagged          // the last change of each cluster's tags
	applied map[string]int               // updates that EKS took from the guardrail
	wars    map[string]bool              // by name: a tug of war over the cluster was mailed
	// failures counts, by message id, the deliveries that came to no end.
	failures map[string]int
	late     bool            // a mail was not taken, and may come late
	done     map[string]bool // by message id: a delivery of it came to its end
	orphans  map[string]bool // clusters of which a later delivery then did not
	let      []passed        // whom the brake let through within the last hour

	lives   map[string][]*life   // of every cluster that there ever was, by name
	enacted []enacted            // the policies, from the first
	own     map[string]bool      // the updates that EKS began for the guardrail
	heard   map[string]time.Time // when EKS's answer told it of one
	// announced is when the event of one came to the queue.
	announced map[string]time.Time
	told      map[string]bool // updates that a mail accounted for
	said      map[string]bool // mails, by cluster, reference and outcome
	messages  messages
	// forgetful is set once the ledger was put back to an earlier copy.
	forgetful bool
	// dark is set where EKS lets no update be read, ever: nobody can know then that a call
	// whose answer was lost is over.
	dark bool
	// updateLag is how long EKS shows an update as in progress that is over.
	updateLag time.Duration

	onGuard func(localaws.Call) // told of each call of the guardrail's, nil for nobody
}

// retagged is what a cluster's tags were before they were changed.
type retagged struct {
	at   time.Time
	tags map[string]string
}

func newWorld(t *testing.T, o localaws.Options) *world {
	t.Helper()
	o.Account, o.Region = account, region
	w := &world{t: t, mode: settings.ModeEnforce, brake: 20, people: map[string]*eks.Client{}, log: &bytes.Buffer{}, good: map[string][]endpoint.Access{}, guards: map[string]law{guard: companys}, tokens: map[string]string{}, retag: map[string]retagged{}, applied: map[string]int{}, wars: map[string]bool{}, failures: map[string]int{}, done: map[string]bool{}, orphans: map[string]bool{}}
	w.lives, w.own, w.messages = map[string][]*life{}, map[string]bool{}, newMessages()
	w.heard, w.announced = map[string]time.Time{}, map[string]time.Time{}
	w.staleReads = o.StaleReads
	w.told, w.said = map[string]bool{}, map[string]bool{}
	o.OnCall = w.watch
	deliver := o.DeliverEvent
	o.DeliverEvent = func(event []byte) []time.Duration {
		delays := []time.Duration{cmp.Or(o.EventDelay, 20*time.Second)}
		if deliver != nil {
			delays = deliver(event)
		}
		w.delivered(event, delays)
		return delays
	}
	w.aws = localaws.New(o)
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.aws.CreateQueue(deadLetters, localaws.QueueOptions{})
	check(err)
	_, err = w.aws.CreateQueue(queueName, localaws.QueueOptions{VisibilityTimeout: visibility, DeadLetters: deadLetters, MaxReceives: maxReceives})
	check(err)
	_, err = w.aws.CreateTopic(topicName)
	check(err)
	check(w.aws.CreateTable(tableName, ledger.PartitionKey, ledger.SortKey))
	for _, rule := range []string{events.EndpointAccess, events.ClusterTags} {
		pattern, err := fs.ReadFile(events.Rules(), rule)
		check(err)
		check(w.aws.PutRule(rule, string(pattern), queueName))
		w.patterns = append(w.patterns, pattern)
	}
	w.aws.AddRole(guard, "endpointguard", "endpointguard")
	w.aws.AddCaller(alice, localaws.Caller{UserName: "alice", ARN: "arn:aws:iam::" + account + ":user/alice", SourceIP: "203.0.113.9", UserAgent: "console"})
	w.aws.AddRole(bob, "AWSReservedSSO_Admin_0123456789abcdef", "bob@example.com")
	w.aws.AddRole(terraform, "terraform", "aws-go-sdk-1700000000")
	for _, key := range []string{alice, bob, terraform} {
		w.people[key] = eks.NewFromConfig(steady(w.aws.Config(key)))
	}
	return w
}

// steady gives the SDK's retries fixed delays: with jitter no trace would repeat.
func steady(cfg aws.Config) aws.Config {
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
				return 100 * time.Millisecond << attempt, nil
			})
		})
	}
	return cfg
}

func (w *world) settings() settings.Guardrail {
	return settings.Guardrail{
		Mode: w.mode, Partition: "aws", Account: account, Region: region, Table: tableName,
		QueueURL: w.aws.QueueURL(queueName), TopicARN: w.aws.TopicARN(topicName),
		RoleARN: "arn:aws:iam::" + account + ":role/endpointguard", PolicyFile: "policy.yaml", LogLevel: "info",
		Brake: w.brake, TugPerHour: 3, TugDays: 5,
	}
}

// handler is the deployed function with its own connection to the AWS.
func (w *world) handler(document string, wrap ...func(http.RoundTripper) http.RoundTripper) localaws.Handler {
	w.t.Helper()
	return w.handlerAs(guard, document, wrap...)
}

func (w *world) handlerAs(key, document string, wrap ...func(http.RoundTripper) http.RoundTripper) localaws.Handler {
	w.t.Helper()
	p := &process{w: w}
	h, err := w.handlerOf(key, document, append(slices.Clone(wrap), p.wrap)...)
	if err != nil {
		w.t.Fatal(err)
	}
	return p.handler(h.Invoke)
}

func (w *world) handlerOf(key, document string, wrap ...func(http.RoundTripper) http.RoundTripper) (*function.Handler, error) {
	s := w.settings()
	if w.guards[key].alerts() {
		s.Mode = settings.ModeAlert
	}
	return function.New(s, []byte(document), steady(w.aws.Config(key, wrap...)), w.log)
}

func (w *world) function(name string, gate *localaws.Gate) *localaws.Function {
	w.t.Helper()
	f, err := w.aws.Function(name, queueName, localaws.FunctionOptions{Timeout: timeout, BatchSize: 1, Gate: gate})
	if err != nil {
		w.t.Fatal(err)
	}
	w.functions = append(w.functions, f)
	return f
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

// run lets one worker handle what comes, until a time.
func (w *world) run(f *localaws.Function, h localaws.Handler, until time.Time) {
	w.t.Helper()
	for range 100_000 {
		ran, err := f.RunOnce(w.t.Context(), h)
		if err != nil {
			w.t.Fatal(err)
		}
		if ran {
			continue
		}
		next, ok := w.aws.Next(queueName)
		if !ok || next.After(until) {
			if d := time.Until(until); d > 0 {
				pass(d)
			}
			return
		}
		if d := time.Until(next); d > 0 {
			pass(d)
		} else {
			pass(time.Millisecond)
		}
	}
	w.t.Fatal("the queue never empties")
}

// runFor is run for a while, with a handler and a worker of its own.
func (w *world) runFor(d time.Duration) {
	w.t.Helper()
	if len(w.workers) == 0 {
		w.workers = append(w.workers, w.function("guardrail", nil))
	}
	w.run(w.workers[0], w.handler(companyPolicy), time.Now().Add(d))
}

// set asks EKS for an endpoint access as one of the people.
func (w *world) set(key, cluster string, a endpoint.Access) error {
	in := &types.VpcConfigRequest{EndpointPublicAccess: &a.Public, EndpointPrivateAccess: &a.Private}
	for _, p := range a.CIDRs {
		in.PublicAccessCidrs = append(in.PublicAccessCidrs, p.String())
	}
	_, err := w.people[key].UpdateClusterConfig(context.Background(), &eks.UpdateClusterConfigInput{Name: &cluster, ResourcesVpcConfig: in})
	return err
}

func (w *world) create(key, cluster string, a *endpoint.Access) error {
	in := &types.VpcConfigRequest{SubnetIds: []string{"subnet-1", "subnet-2"}}
	if a != nil {
		in.EndpointPublicAccess, in.EndpointPrivateAccess = &a.Public, &a.Private
		for _, p := range a.CIDRs {
			in.PublicAccessCidrs = append(in.PublicAccessCidrs, p.String())
		}
	}
	_, err := w.people[key].CreateCluster(context.Background(), &eks.CreateClusterInput{
		Name: &cluster, RoleArn: aws.String("arn:aws:iam::" + account + ":role/eks"), ResourcesVpcConfig: in,
	})
	return err
}

func (w *world) mustSet(key, cluster string, a endpoint.Access) {
	w.t.Helper()
	if err := w.set(key, cluster, a); err != nil {
		w.t.Fatal(err)
	}
}

// sweep wakes the guardrail for every cluster, as the schedule does.
func (w *world) sweep() {
	for _, name := range w.aws.Clusters() {
		body, err := wakeup.Message{Cluster: name, Account: account, Region: region, Sweep: true}.Encode()
		if err == nil {
			w.mu.Lock()
			w.messages.sweeps[name] = append(w.messages.sweeps[name], time.Now())
			w.mu.Unlock()
			err = w.aws.Send(queueName, string(body), 0)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) put(name string, a endpoint.Access) {
	c := localaws.Cluster{Name: name, Public: a.Public, Private: a.Private, VPC: "vpc-1", CreatedAt: time.Now().Add(-24 * time.Hour)}
	for _, p := range a.CIDRs {
		c.CIDRs = append(c.CIDRs, p.String())
	}
	w.aws.PutCluster(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lifeOf(name)
}

// true state of a cluster, as the policy sees it.
func truth(c localaws.Cluster) endpoint.Cluster {
	out := endpoint.Cluster{
		ID: endpoint.ID{ARN: c.ARN, CreatedAt: c.CreatedAt}, Partition: "aws", Account: account, Region: region, Name: c.Name,
		Status: endpoint.Status(c.Status), Family: endpoint.IPv4, Tags: c.Tags, VPC: c.VPC, Access: endpoint.Access{Public: c.Public, Private: c.Private},
		OutpostsLocal: len(c.OutpostARNs) > 0, Connected: c.Connector != "", HybridNodes: len(c.RemoteNodeNetworks) > 0,
	}
	for _, s := range c.CIDRs {
		out.Access.CIDRs = append(out.Access.CIDRs, netip.MustParsePrefix(s))
	}
	return out
}

func (w *world) cluster(name string) endpoint.Cluster {
	w.t.Helper()
	c, ok := w.aws.Cluster(name)
	if !ok {
		w.t.Fatalf("there is no cluster %s", name)
	}
	return truth(c)
}

func (w *world) broken(format string, args ...any) {
	w.faults = append(w.faults, time.Now().UTC().Format(time.TimeOnly)+" "+fmt.Sprintf(format, args...))
}

// watch holds the never list over every call that reaches the AWS.
func (w *world) watch(c localaws.Call) {
	w.mu.Lock()
	if c.Service == "eks" && c.Before != nil && c.Operation != "DescribeCluster" {
		// Nothing but an update's end changes a cluster between two calls.
		w.note(c.Before.Name, truth(*c.Before).Access)
	}
	w.witness(c)
	w.sent(c)
	l, ours := w.guards[c.AccessKeyID]
	if ours {
		if c.Operation == "PutItem" && c.Error == "" {
			w.written(c)
		}
		w.hold(c, l)
		if c.Operation == "Publish" && c.Error == "" {
			mails := w.aws.Mails(topicName)
			w.credit(l, mails[len(mails)-1])
			w.lately(l, mails[len(mails)-1], w.staleReads)
		}
	}
	w.mu.Unlock()
	if ours && w.onGuard != nil {
		w.onGuard(c)
	}
}

func (w *world) hold(c localaws.Call, l law) {
	if c.Service == "eks" && !strings.HasPrefix(c.Operation, "Describe") && !strings.HasPrefix(c.Operation, "List") && c.Operation != "UpdateClusterConfig" {
		w.broken("the guardrail called %s", c.Action)
	}
	if c.Operation != "UpdateClusterConfig" || c.Endpoint == nil {
		return
	}
	name := c.Endpoint.Cluster
	asked := endpoint.Request{Public: c.Endpoint.Public, Private: c.Endpoint.Private}
	if c.Endpoint.CIDRs != nil {
		var list []netip.Prefix
		for _, s := range *c.Endpoint.CIDRs {
			list = append(list, netip.MustParsePrefix(s))
		}
		asked.CIDRs = &list
	}
	if asked.Public == nil || asked.Private == nil {
		w.broken("%s: not all values were sent", name)
		return
	}
	// What EKS refuses was asked for all the same.
	if *asked.Public && (asked.CIDRs == nil || len(*asked.CIDRs) == 0) {
		w.broken("never 1: %s: public access on with an empty list", name)
	}
	if len(c.Endpoint.Others) > 0 {
		w.broken("never 5: %s: other kinds of update in the same call: %v", name, c.Endpoint.Others)
	}
	if c.Error != "" || c.Before == nil {
		return
	}
	before := truth(*c.Before)
	if !w.fresh(c, before) {
		return
	}
	w.applied[name]++
	w.brakes(name)
	wanted := asked.Over(before.Access)
	was, is := before.Access.Reachable(before.Family), wanted.Reachable(before.Family)
	if !endpoint.Subset(was, is) && !wanted.Private {
		w.broken("never 2: %s: narrowed with private access off", name)
	}
	w.opens(l, c, before, wanted)
	if _, enforced := l.judge(before, time.Now()); enforced {
		return
	}
	// Tags can change between a look and the call that it led to.
	if tags := w.retag[name]; time.Since(tags.at) < timeout {
		then := before
		then.Tags = tags.tags
		if _, enforced := l.judge(then, time.Now()); enforced {
			return
		}
	}
	w.broken("never 4: %s was changed although no rule that is enforced is broken (%s)", name, before.Access)
}

// passed is a cluster that was changed.
type passed struct {
	at   time.Time
	name string
}

// brakes: not many more clusters are changed within an hour than the brake
// admits. One that it let through may be changed again for an hour.
func (w *world) brakes(name string) {
	w.let = slices.DeleteFunc(w.let, func(p passed) bool { return time.Since(p.at) > time.Hour })
	w.let = append(w.let, passed{time.Now(), name})
	names := map[string]bool{}
	for _, p := range w.let {
		names[p.name] = true
	}
	if len(names) > 2*w.brake {
		w.broken("%d clusters were changed within an hour, the brake admits %d", len(names), w.brake)
	}
}

// fresh reports whether a call that EKS took began an update. One whose token
// EKS knows begins none; that is right for a repeated call alone.
func (w *world) fresh(c localaws.Call, before endpoint.Cluster) bool {
	token, _ := c.Params["clientRequestToken"].(string)
	if token == "" {
		w.broken("%s: an update without a request token", before.Name)
		return true
	}
	key := before.CreatedAt.String() + token
	id, known := w.tokens[key]
	now, _ := w.aws.Cluster(before.Name)
	if n := len(now.Updates); n > len(c.Before.Updates) {
		w.tokens[key], w.own[now.Updates[n-1].ID] = now.Updates[n-1].ID, true
	}
	if !known {
		return true
	}
	for _, u := range c.Before.Updates {
		// It may be shown as in progress for a while, and an invocation goes by what it read.
		over := u.Status != "InProgress" && time.Since(u.EndsAt) > w.updateLag+timeout
		if u.ID == id && over && !w.forgetful && !w.dark {
			w.broken("%s: the request token of an update that is %s since %s was used again", before.Name, u.Status, u.EndsAt.UTC().Format(time.TimeOnly))
		}
	}
	return false
}

// remember notes the states of all clusters: what was open right before.
func (w *world) remember() {
	for _, name := range w.aws.Clusters() {
		c, ok := w.aws.Cluster(name)
		if !ok {
			continue
		}
		w.mu.Lock()
		w.note(name, truth(c).Access)
		w.observe(c)
		w.mu.Unlock()
	}
}

func (w *world) note(name string, a endpoint.Access) {
	if list := w.good[name]; len(list) == 0 || !list[len(list)-1].Equal(a) {
		w.good[name] = append(list, a)
	}
}

// mailed returns the outcome attribute of each mail about a cluster, in order.
func (w *world) mailed(cluster string) []string {
	var out []string
	for _, m := range w.aws.Mails(topicName) {
		if m.Attributes["cluster"] == cluster {
			out = append(out, m.Attributes["outcome"])
		}
	}
	return out
}

func (w *world) references(cluster string) map[string]bool {
	out := map[string]bool{}
	for _, m := range w.aws.Mails(topicName) {
		if m.Attributes["cluster"] == cluster {
			out[m.Attributes["reference"]] = true
		}
	}
	return out
}

// owed reports whether a mail about a cluster was not taken before, as the ledger has
// it. The caller holds w.mu.
func (w *world) owed(cluster string) bool {
	if !w.late {
		return false
	}
	for _, item := range w.aws.Items(tableName) {
		record, _ := item["record"].(map[string]any)
		text, _ := record["S"].(string)
		if strings.Contains(text, `"name":"`+cluster+`"`) && strings.Contains(text, `"owed":[`) {
			return true
		}
	}
	return false
}

func (w *world) owedOf(cluster string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.owed(cluster)
}

// undeliverable reports whether each delivery of a message ended with a process that
// died, did not start, or could not send: only then it may end in the dead letters.
func (w *world) undeliverable(m localaws.Message) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failures[m.ID] >= maxReceives
}

// buried reports whether a message about a cluster is in the dead letters for that, or
// nothing is left of the message of a process that died: it had been delivered twice,
// and was deleted after the first time. Until the sweep nothing brings it up then.
func (w *world) buried(cluster string) bool {
	w.mu.Lock()
	orphan := w.orphans[cluster]
	w.mu.Unlock()
	return orphan || slices.ContainsFunc(w.aws.Messages(deadLetters), func(m localaws.Message) bool {
		return w.undeliverable(m) && about(m.Body) == cluster
	})
}

// report tells, once, what the claims noted.
func (w *world) report() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, fault := range w.faults {
		w.t.Error(fault)
	}
	w.faults = nil
}

// quiet checks what must hold once nothing is going on any more.
func (w *world) quiet() {
	w.t.Helper()
	w.checkCrowds()
	w.checkRuns()
	w.mu.Lock()
	for _, fault := range w.faults {
		w.t.Error(fault)
	}
	w.mu.Unlock()
	for _, m := range w.aws.Messages(queueName) {
		w.t.Errorf("left in the queue: %s", m.Body)
	}
	unreadable := 0
	for _, m := range w.aws.Messages(deadLetters) {
		switch {
		case slices.Contains(w.poison, m.Body):
			unreadable++
		case !w.undeliverable(m):
			w.t.Errorf("in the dead letters: %s", m.Body)
		}
	}
	if unreadable != len(w.poison) {
		w.t.Errorf("%d unreadable messages in the dead letters, there were %d", unreadable, len(w.poison))
	}
	for _, r := range w.records() {
		if r.Open() {
			w.t.Errorf("the guardrail is not done with cluster %s: %s", r.Name, openThing(r))
		}
	}
	if w.t.Failed() {
		w.t.Logf("log:\n%s", w.log)
		for _, m := range w.aws.Mails(topicName) {
			w.t.Logf("mail: %s", m.Subject)
		}
	}
}

// records are those in the ledger.
func (w *world) records() []incident.Record {
	var out []incident.Record
	for _, item := range w.aws.Items(tableName) {
		if item["record"] == nil {
			continue // the brake's, or the digest's
		}
		var r incident.Record
		text, _ := item["record"].(map[string]any)["S"].(string)
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			w.t.Errorf("ledger: %v: %v", err, item)
		}
		out = append(out, r)
	}
	return out
}

var errKilled = errors.New("the process was killed")

// mortal lets a process die at its n-th call to the AWS, counted over all
// invocations: before the call, or right after it took effect. A dead process
// makes no more calls and gives no answer; the next invocation is a new one.
type mortal struct {
	mu    sync.Mutex
	calls int
	at    int
	after bool
	dead  bool
}

func (m *mortal) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		m.mu.Lock()
		m.calls++
		hit := m.calls == m.at
		if m.dead {
			m.mu.Unlock()
			return nil, errKilled
		}
		m.dead = hit
		m.mu.Unlock()
		if hit && !m.after {
			return nil, errKilled
		}
		answer, err := next.RoundTrip(r)
		if hit {
			if err == nil {
				_ = answer.Body.Close()
			}
			return nil, errKilled
		}
		return answer, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// handler is what the process answers: nothing, once it is dead.
func (m *mortal) handler(h localaws.Handler) localaws.Handler {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		m.mu.Lock()
		m.dead = false
		m.mu.Unlock()
		answer, err := h(ctx, event)
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.dead {
			return nil, errKilled
		}
		return answer, err
	}
}

func access(public, private bool, cidrs ...string) endpoint.Access {
	a := endpoint.Access{Public: public, Private: private}
	for _, s := range cidrs {
		a.CIDRs = append(a.CIDRs, netip.MustParsePrefix(s))
	}
	return a
}

// atWar reports whether the ledger ever said that a tug of war over the cluster
// was mailed.
func (w *world) atWar(cluster string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wars[cluster]
}

// written looks at what is put into the ledger.
func (w *world) written(c localaws.Call) {
	item, _ := c.Params["Item"].(map[string]any)
	record, _ := item["record"].(map[string]any)
	text, _ := record["S"].(string)
	if !strings.Contains(text, `"tugSince"`) {
		return
	}
	var r incident.Record
	if json.Unmarshal([]byte(text), &r) == nil {
		w.wars[r.Name] = true
	}
}
