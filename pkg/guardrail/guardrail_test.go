package guardrail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/mail"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/trouble"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

var start = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

var delivery = Delivery{Message: "message", Invocation: "invocation"}

// fake is everything that a guardrail talks to. Its errors are given by the
// name of the call.
type fake struct {
	cluster endpoint.Cluster
	errs    map[string]error
	records map[time.Time]incident.Record
	sent    []wakeup.Message
	delays  []time.Duration
	mails   []mail.Mail
	calls   []string
	now     time.Time
	skip    map[string]int    // how many calls that are to fail go well first, by their name
	update  endpoint.Update   // every one, but for its id
	hangs   string            // the call that takes until its context's end
	during  map[string]func() // what happens while a call is made
}

func (f *fake) call(name string) error {
	f.calls = append(f.calls, name)
	if f.during[name] != nil {
		f.during[name]()
	}
	if f.errs[name] != nil && f.skip[name] > 0 {
		f.skip[name]--
		return nil
	}
	return f.errs[name]
}

// wait hangs, if the call is the one that does.
func (f *fake) wait(ctx context.Context, name string) error {
	if f.hangs == name {
		<-ctx.Done()
		f.calls = append(f.calls, name)
		return ctx.Err()
	}
	return f.call(name)
}

func (f *fake) Cluster(ctx context.Context, _ string) (endpoint.Cluster, error) {
	return f.cluster, f.wait(ctx, "cluster")
}

func (f *fake) Update(ctx context.Context, _, id string) (endpoint.Update, error) {
	u := f.update
	u.ID = id
	return u, f.wait(ctx, "update")
}

func (f *fake) History(ctx context.Context, _ string, _ func(string) bool) (endpoint.History, error) {
	return endpoint.History{Whole: true}, f.wait(ctx, "history")
}

func (f *fake) Network(ctx context.Context, _ endpoint.Cluster) (endpoint.Network, error) {
	if err := f.wait(ctx, "network"); err != nil {
		return endpoint.Network{}, err
	}
	return endpoint.Network{DNSSupport: endpoint.Yes, DNSHostnames: endpoint.Yes, AmazonDNS: endpoint.Yes, Ingress443: endpoint.Yes}, nil
}

func (f *fake) Apply(ctx context.Context, _ string, _ endpoint.Access, _ string) (endpoint.Update, error) {
	return endpoint.Update{ID: "ours"}, f.wait(ctx, "apply")
}

// Load returns the newest first: the ledger promises no order.
func (f *fake) Load(ctx context.Context, _ string) ([]incident.Record, error) {
	newest := func(a, b incident.Record) int { return b.Cluster.CreatedAt.Compare(a.Cluster.CreatedAt) }
	return slices.SortedFunc(maps.Values(f.records), newest), f.wait(ctx, "load")
}

func (f *fake) Save(ctx context.Context, r incident.Record) (int64, error) {
	if err := f.wait(ctx, "save"); err != nil {
		return 0, err
	}
	if r.Version != f.records[r.Cluster.CreatedAt].Version {
		return 0, sorted(trouble.LostRace)
	}
	r.Version++
	f.records[r.Cluster.CreatedAt] = r
	return r.Version, nil
}

func (f *fake) Send(ctx context.Context, body []byte, delay time.Duration) error {
	if err := f.wait(ctx, "send"); err != nil {
		return err
	}
	w, ours, err := wakeup.Decode(body)
	if !ours || err != nil {
		return fmt.Errorf("sent %s: %w", body, err)
	}
	f.sent, f.delays = append(f.sent, w), append(f.delays, delay)
	return nil
}

func (f *fake) Publish(ctx context.Context, m mail.Mail) error {
	f.mails = append(f.mails, m)
	return f.wait(ctx, "publish")
}

func (f *fake) Post(ctx context.Context, _ mail.Mail) error { return f.wait(ctx, "card") }

func newFake() (*fake, *Guardrail) {
	f := &fake{now: start, errs: map[string]error{}, skip: map[string]int{}, records: map[time.Time]incident.Record{}, cluster: endpoint.Cluster{
		ID:        endpoint.ID{ARN: "arn:aws:eks:eu-west-1:111122223333:cluster/demo", CreatedAt: start.Add(-24 * time.Hour)},
		Partition: "aws", Account: "111122223333", Region: "eu-west-1", Name: "demo", Status: endpoint.StatusActive,
		Access: endpoint.Access{Private: true}, Family: endpoint.IPv4,
	}, update: endpoint.Update{Type: endpoint.EndpointAccessUpdate, Status: endpoint.UpdateInProgress}}
	g := &Guardrail{
		Place:    Place{Partition: "aws", Account: "111122223333", Region: "eu-west-1"},
		Policy:   &policy.Policy{Rules: []policy.Rule{{Name: "closed", Require: policy.Requirement{PublicAccess: policy.PublicDisabled}, Respond: policy.Enforce}}},
		Clusters: f, Updates: f, Networks: f, Changer: f, Ledger: f, Queue: f, Topic: f, Now: func() time.Time { return f.now }, Until: time.Until,
	}
	return f, g
}

func (f *fake) handle(t *testing.T, g *Guardrail, w wakeup.Message) (Report, error) {
	t.Helper()
	return f.deliver(t, g, w, delivery)
}

// deliver hands a message over in an invocation that has an hour.
func (f *fake) deliver(t *testing.T, g *Guardrail, w wakeup.Message, d Delivery) (Report, error) {
	t.Helper()
	if w.Account == "" {
		w.Cluster, w.Account, w.Region = "demo", "111122223333", "eu-west-1"
	}
	body, err := w.Encode()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	return g.Handle(ctx, body, d)
}

func sorted(sort trouble.Sort) error {
	return &trouble.Error{Sort: sort, Op: "op", Err: errors.New("x")}
}

func TestOtherPlacesAreIgnored(t *testing.T) {
	for _, w := range []wakeup.Message{
		{Cluster: "demo", Account: "444455556666", Region: "eu-west-1"},
		{Cluster: "demo", Account: "111122223333", Region: "us-east-1"},
	} {
		f, g := newFake()
		r, err := f.handle(t, g, w)
		if err != nil || r.Outcome != incident.Ignored || !strings.Contains(r.Why, w.Account) || len(f.calls) > 0 {
			t.Errorf("%+v, %v, calls %v", r, err, f.calls)
		}
	}
}

func TestWhatIsNoConcernOrUnreadable(t *testing.T) {
	_, g := newFake()
	record := map[string]any{
		"eventVersion": "1.08", "eventSource": "eks.amazonaws.com", "eventName": "UpdateClusterConfig", "awsRegion": "eu-west-1",
		"recipientAccountId": "111122223333", "eventID": "e1", "eventTime": "2026-03-02T10:00:00Z", "errorCode": "AccessDenied",
		"userIdentity": map[string]any{"type": "Root"}, "requestParameters": map[string]any{"name": "demo"},
	}
	body, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := g.Handle(t.Context(), body, delivery); err != nil || r.Outcome != incident.Ignored || !strings.Contains(r.Why, "AccessDenied") || r.Event != "e1" {
		t.Errorf("a failed call: %+v, %v", r, err)
	}
	for _, body := range []string{"", "{", `{"endpointguard":1}`, `[]`, `{"eventName":7}`} {
		if r, err := g.Handle(t.Context(), []byte(body), delivery); !errors.Is(err, ErrUnreadable) || r.Outcome != incident.Unreadable || r.Why == "" {
			t.Errorf("%q: %+v, %v", body, r, err)
		}
	}
}

func TestAClusterThatIsNotThereYet(t *testing.T) {
	f, g := newFake()
	f.errs["cluster"] = sorted(trouble.Gone)
	e := &cloudtrail.Event{Name: cloudtrail.CreateCluster, ID: "e1", Time: start}
	if r, err := f.handle(t, g, wakeup.Message{Event: e}); err != nil || r.Outcome != "" {
		t.Errorf("%+v, %v", r, err)
	}
	if len(f.sent) != 1 || f.sent[0].Event == nil || f.sent[0].Event.ID != "e1" || f.sent[0].Tries != 1 || f.delays[0] != 15*time.Second {
		t.Fatalf("put back: %+v after %v", f.sent, f.delays)
	}
	f.now = start.Add(6 * time.Minute)
	if r, err := f.handle(t, g, f.sent[0]); err != nil || r.Outcome != incident.Gone || len(f.sent) != 1 {
		t.Errorf("after five minutes: %+v, %v", r, err)
	}
	if r, err := f.handle(t, g, wakeup.Message{}); err != nil || r.Outcome != incident.Gone {
		t.Errorf("a wake-up for no cluster: %+v, %v", r, err)
	}
}

func TestAWSDoesNotLetItBeHandled(t *testing.T) {
	for _, call := range []string{"load", "cluster", "save"} {
		t.Run(call, func(t *testing.T) {
			f, g := newFake()
			f.errs[call] = sorted(trouble.Transient)
			w := wakeup.Message{Event: &cloudtrail.Event{ID: "e1", Name: cloudtrail.UpdateClusterConfig}}
			for range 12 {
				r, err := f.handle(t, g, w)
				if err != nil || r.Trouble == "" || r.Outcome != "" {
					t.Fatalf("%+v, %v", r, err)
				}
				w = f.sent[len(f.sent)-1]
				if w.Event == nil || w.Event.ID != "e1" {
					t.Fatalf("the event is lost: %+v", w)
				}
				f.now = f.now.Add(time.Minute)
			}
			if first, last := f.delays[0], f.delays[11]; first != 5*time.Second || last != 15*time.Minute {
				t.Errorf("delays %v", f.delays)
			}
			f.now = f.now.Add(25 * time.Hour)
			if _, err := f.handle(t, g, w); err == nil || !strings.Contains(err.Error(), "given up") {
				t.Errorf("a day later: %v", err)
			}
		})
	}
}

func TestRefusalsAreFlagged(t *testing.T) {
	f, g := newFake()
	f.errs["cluster"] = sorted(trouble.Refused)
	f.records[f.cluster.CreatedAt] = incident.NewRecord(f.cluster)
	if r, err := f.handle(t, g, wakeup.Message{}); err != nil || !r.Refused || len(f.sent) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestTheQueueIsDown(t *testing.T) {
	f, g := newFake()
	f.errs["load"], f.errs["send"] = sorted(trouble.Transient), sorted(trouble.Transient)
	if _, err := f.handle(t, g, wakeup.Message{}); err == nil || !strings.Contains(err.Error(), "put back the message about cluster demo") {
		t.Errorf("%v", err)
	}
	f, g = newFake()
	f.cluster.Status = endpoint.StatusUpdating
	f.errs["send"] = sorted(trouble.Transient)
	if _, err := f.handle(t, g, wakeup.Message{}); err == nil {
		t.Error("a chain ended without anybody knowing")
	}
}

func TestALostRaceComesBack(t *testing.T) {
	f, g := newFake()
	f.errs["save"] = sorted(trouble.LostRace)
	f.cluster.Access.Public = true
	r, err := f.handle(t, g, wakeup.Message{Event: &cloudtrail.Event{ID: "e1", Name: cloudtrail.UpdateClusterConfig}})
	if err != nil || len(f.sent) != 1 || f.delays[0] != soon || f.sent[0].Event == nil {
		t.Errorf("%+v, %v, sent %+v", r, err, f.sent)
	}
	if len(f.mails) > 0 || strings.Contains(strings.Join(f.calls, " "), "apply") {
		t.Errorf("the loser of the race acted: %v", f.calls)
	}
}

// TestARaceLostWhileWaiting: the re-check was sent when the record could not be
// written. The event comes back nevertheless, or nobody would know of it.
func TestARaceLostWhileWaiting(t *testing.T) {
	f, g := newFake()
	f.cluster.Status = endpoint.StatusUpdating
	f.errs["save"] = sorted(trouble.LostRace)
	_, err := f.handle(t, g, wakeup.Message{Event: &cloudtrail.Event{ID: "e1", Name: cloudtrail.UpdateClusterConfig}})
	if err != nil {
		t.Fatal(err)
	}
	back := slices.ContainsFunc(f.sent, func(w wakeup.Message) bool { return w.Event != nil && w.Event.ID == "e1" })
	if !back {
		t.Errorf("the event is lost: sent %+v", f.sent)
	}
}

// TestANameUsedAgain: the event of a new cluster that EKS does not show yet is
// kept, though the ledger knows a former cluster of the name.
func TestANameUsedAgain(t *testing.T) {
	f, g := newFake()
	former := incident.NewRecord(f.cluster)
	former.GoneAt = start.Add(-time.Hour)
	f.records[f.cluster.CreatedAt] = former
	f.errs["cluster"] = sorted(trouble.Gone)
	created := cloudtrail.Event{ID: "e1", Name: cloudtrail.CreateCluster, Time: start.Add(-time.Second)}
	if _, err := f.handle(t, g, wakeup.Message{Event: &created}); err != nil {
		t.Fatal(err)
	}
	if len(f.sent) != 1 || f.sent[0].Event == nil || f.delays[0] != 15*time.Second {
		t.Fatalf("sent %+v after %v", f.sent, f.delays)
	}
	delete(f.errs, "cluster")
	f.cluster.CreatedAt, f.cluster.Access.Public = created.Time, true
	if _, err := f.handle(t, g, f.sent[0]); err != nil {
		t.Fatal(err)
	}
	if is := f.records[created.Time]; is.Incident == nil && is.Compliant == nil && is.Standing == nil {
		t.Errorf("the new cluster was not looked at: %+v", is)
	}
}

func TestANewClusterOfTheSameName(t *testing.T) {
	f, g := newFake()
	old := incident.NewRecord(f.cluster)
	old.Incident = &incident.Incident{Ref: "EG-OLD", OpenedAt: start.Add(-time.Hour), DetectedMailed: start.Add(-time.Hour)}
	old.Check = incident.Check{Number: 7, Due: start}
	f.records[f.cluster.CreatedAt] = old
	f.cluster.CreatedAt = start.Add(-time.Minute)
	r, err := f.handle(t, g, wakeup.Message{CreatedAt: old.Cluster.CreatedAt, Check: 7})
	if err != nil || len(f.mails) != 1 || f.mails[0].Attributes["outcome"] != "gone" {
		t.Fatalf("%+v, %v, mails %+v", r, err, f.mails)
	}
	if was := f.records[old.Cluster.CreatedAt]; was.Incident != nil {
		t.Errorf("the old cluster's incident is open: %+v", was)
	}
	if is := f.records[f.cluster.CreatedAt]; is.Compliant == nil {
		t.Errorf("the new cluster was not looked at: %+v", is)
	}
	f.mails = nil
	if _, err := f.handle(t, g, wakeup.Message{}); err != nil || len(f.mails) > 0 {
		t.Errorf("it is told again: %v, %+v", err, f.mails)
	}
}

func TestASupersededRecheckCostsOneRead(t *testing.T) {
	f, g := newFake()
	r := incident.NewRecord(f.cluster)
	r.Check.Number = 3
	f.records[f.cluster.CreatedAt] = r
	got, err := f.handle(t, g, wakeup.Message{CreatedAt: f.cluster.CreatedAt, Check: 2})
	if err != nil || got.Outcome != incident.Ignored {
		t.Errorf("%+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"load"}, f.calls); diff != "" {
		t.Error(diff)
	}
}

// TestTheMailIsNotTaken: it is owed, and offered until it is taken; what it is about
// does not wait for it.
func TestTheMailIsNotTaken(t *testing.T) {
	f, g := newFake()
	f.cluster.Access = endpoint.Access{Public: true}
	g.Policy = g.Policy.AlertOnly()
	f.errs["publish"] = sorted(trouble.Refused)
	r, err := f.handle(t, g, wakeup.Message{})
	if err != nil || len(r.Mails) > 0 || len(r.Closed) != 1 || r.Outcome != incident.Violation || !r.Refused || len(f.sent) != 1 || f.delays[0] != 10*time.Second {
		t.Fatalf("%+v, %v, delays %v", r, err, f.delays)
	}
	for n, want := range []time.Duration{20 * time.Second, 40 * time.Second} {
		f.now = f.now.Add(f.delays[n])
		if _, err := f.handle(t, g, f.sent[n]); err != nil || len(f.sent) != n+2 || f.delays[n+1] != want {
			t.Fatalf("%v, delays %v", err, f.delays)
		}
	}
	offered := len(f.mails)
	if r, err = f.handle(t, g, wakeup.Message{Sweep: true}); err != nil || len(f.mails) != offered || r.OwedFor != 30*time.Second {
		t.Errorf("it is offered before its time: %+v, %v", r, err)
	}
	delete(f.errs, "publish")
	f.now = f.now.Add(f.delays[2])
	r, err = f.handle(t, g, f.sent[2])
	if err != nil || len(r.Mails) != 1 || len(r.Closed) > 0 || r.OwedFor != 0 || len(f.records[f.cluster.CreatedAt].Owed) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	first, last := f.mails[0], f.mails[len(f.mails)-1]
	if last.Subject != strings.Replace(first.Subject, " - EKS", " (late mail) - EKS", 1) || last.Attributes["reference"] != first.Attributes["reference"] ||
		!strings.HasPrefix(last.Text, "LATE: this mail was to be sent at "+start.Format("2006-01-02 15:04:05 UTC")) {
		t.Errorf("the mail does not say that it is late, and what it was to say:\n%s\n%s", first.Text, last.Text)
	}
}

// TestAClusterIsClosedThoughNoMailIsTaken: and both mails come later, in their order.
func TestAClusterIsClosedThoughNoMailIsTaken(t *testing.T) {
	f, g := newFake()
	f.cluster.Access, f.cluster.Status = endpoint.Access{Public: true, Private: true}, endpoint.StatusUpdating
	f.errs["publish"] = sorted(trouble.Refused)
	if _, err := f.handle(t, g, wakeup.Message{}); err != nil || len(f.records[f.cluster.CreatedAt].Owed) != 1 {
		t.Fatalf("%v, %+v", err, f.records)
	}
	f.cluster.Status, f.now = endpoint.StatusActive, f.now.Add(10*time.Second)
	r, err := f.handle(t, g, f.sent[0])
	if err != nil || !slices.Contains(f.calls, "apply") || r.Stage != incident.Updating {
		t.Errorf("%+v, %v, calls %v", r, err, f.calls)
	}
}

func TestEKSDoesNotAnswerAnApply(t *testing.T) {
	f, g := newFake()
	f.cluster.Access = endpoint.Access{Public: true, Private: true}
	f.errs["apply"] = sorted(trouble.Transient)
	r, err := f.handle(t, g, wakeup.Message{})
	if err != nil || len(r.Updates) > 0 || r.Trouble == "" || len(f.sent) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if rec := f.records[f.cluster.CreatedAt]; rec.Intent == nil || rec.Intent.Kind != incident.IntentApply {
		t.Errorf("the intent is gone: %+v", rec)
	}
	f.errs["apply"] = sorted(trouble.NotNow)
	f.now = f.now.Add(f.delays[0])
	r, err = f.handle(t, g, f.sent[0])
	if err != nil || r.Stage != incident.Waiting || r.Answer == "" {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestMailsKeepTheirOrder: while one is owed a newer one waits behind it, and none is
// offered before its time.
func TestMailsKeepTheirOrder(t *testing.T) {
	f, g := newFake()
	f.cluster.Access, f.cluster.Status = endpoint.Access{Public: true, Private: true}, endpoint.StatusUpdating
	g.Policy = g.Policy.AlertOnly()
	f.errs["publish"] = sorted(trouble.Refused)
	if _, err := f.handle(t, g, wakeup.Message{}); err != nil {
		t.Fatal(err)
	}
	offered := len(f.mails)
	delete(f.errs, "publish")
	f.cluster.Status = endpoint.StatusActive
	if r, err := f.handle(t, g, wakeup.Message{}); err != nil || len(f.mails) != offered || len(r.Closed) != 1 {
		t.Fatalf("%+v, %v, %d mails", r, err, len(f.mails))
	}
	// The discovery is not owed any more once its outcome is.
	f.now = f.now.Add(10 * time.Second)
	if r, err := f.handle(t, g, wakeup.Message{}); err != nil || len(r.Mails) != 1 || r.Mails[0].Kind != incident.NoticeOutcome {
		t.Errorf("%+v, %v", r, err)
	}
}
