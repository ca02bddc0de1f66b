package incident

import (
	stdcmp "cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// desk plays the loop around Next over facts that a test sets: it answers every
// step and notes it as a line, so that a test reads as a story.
type desk struct {
	t        *testing.T
	r        Record
	now      time.Time
	policy   *policy.Policy
	cluster  endpoint.Cluster
	gone     bool
	updates  map[string]endpoint.Update
	network  endpoint.Network
	untold   string   // why EC2 does not tell all of it
	answers  []Answer // to Applies, in turn; then they are accepted
	trouble  string
	check    int // the number of the re-check that is on its way
	calls    int
	log      []string
	done     Done
	mails    []Notice
	brake    brake.State
	limit    int               // of clusters changed within an hour; 0 is none
	die      string            // the step that the invocation dies at, after the record was saved
	tokens   map[string]string // the update that each client request token began
	unread   int               // the reads of EKS's history that do not come to its end
	reads    int               // how often EKS's history was read
	unlisted string            // why EKS's history can't be read
	refused  string            // why no update can be read
	former   time.Time         // when a former cluster of the name is to be looked at
	mute     bool              // no mail is taken
}

var (
	start    = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	ownRole  = "arn:aws:iam::111122223333:role/endpointguard"
	world    = endpoint.Access{Public: true, Private: true, CIDRs: cidrs("0.0.0.0/0")}
	office   = endpoint.Access{Public: true, Private: true, CIDRs: cidrs("198.51.100.0/24")}
	private  = endpoint.Access{Private: true, CIDRs: cidrs("0.0.0.0/0")}
	exposed  = endpoint.Access{Public: true, CIDRs: cidrs("0.0.0.0/0")}
	goodVPC  = endpoint.Network{DNSSupport: endpoint.Yes, DNSHostnames: endpoint.Yes, AmazonDNS: endpoint.Yes, Ingress443: endpoint.Yes}
	enforce  = rules(closed("closed", policy.Enforce))
	revert   = rules(limited("limited", policy.Revert))
	tell     = rules(closed("closed", policy.Alert))
	bothWays = rules(policy.Rule{Name: "inside", Require: policy.Requirement{PrivateAccess: true}, Respond: policy.Enforce}, closed("closed", policy.Alert))
)

func cidrs(words ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, w := range words {
		out = append(out, netip.MustParsePrefix(w))
	}
	return out
}

func rules(r ...policy.Rule) *policy.Policy { return &policy.Policy{Rules: r} }

func closed(name string, respond policy.Response) policy.Rule {
	return policy.Rule{Name: name, Require: policy.Requirement{PublicAccess: policy.PublicDisabled}, Respond: respond}
}

// limited admits what lies in 198.51.100.0/24.
func limited(name string, respond policy.Response) policy.Rule {
	return policy.Rule{
		Name: name, Respond: respond,
		Require: policy.Requirement{PublicAccess: policy.PublicRestricted, AllowedCIDRs: cidrs("198.51.100.0/24")},
	}
}

func newDesk(t *testing.T, p *policy.Policy, a endpoint.Access) *desk {
	d := &desk{t: t, now: start, policy: p, updates: map[string]endpoint.Update{}, network: goodVPC, tokens: map[string]string{}}
	d.cluster = endpoint.Cluster{
		ID:        endpoint.ID{ARN: "arn:aws:eks:eu-west-1:111122223333:cluster/demo", CreatedAt: start.Add(-24 * time.Hour)},
		Partition: "aws", Account: "111122223333", Region: "eu-west-1", Name: "demo",
		Status: endpoint.StatusActive, Access: a, Family: endpoint.IPv4, VPC: "vpc-1",
	}
	d.r = NewRecord(d.cluster)
	return d
}

func request(a endpoint.Access) endpoint.Request {
	return endpoint.Request{Public: &a.Public, Private: &a.Private, CIDRs: &a.CIDRs}
}

// asks begins somebody's update and returns its event.
func (d *desk) asks(id string, a endpoint.Access) *cloudtrail.Event {
	d.updates[id] = endpoint.Update{
		ID: id, Type: endpoint.EndpointAccessUpdate, Status: endpoint.UpdateInProgress, Asked: request(a), CreatedAt: d.now,
	}
	d.cluster.Status = endpoint.StatusUpdating
	return &cloudtrail.Event{
		ID: "event-" + id, Time: d.now, Name: cloudtrail.UpdateClusterConfig, Cluster: "demo", UpdateID: id, Asked: request(a),
		Actor: cloudtrail.Actor{Type: "IAMUser", Name: "alice", RoleARN: "arn:aws:iam::111122223333:role/alice"},
	}
}

// becomes is an update of somebody's from its beginning to its end, of which no event
// comes.
func (d *desk) becomes(a endpoint.Access) *desk {
	d.now = d.now.Add(time.Second)
	id := fmt.Sprintf("quiet-%d", len(d.updates))
	d.asks(id, a)
	d.ends(id, endpoint.UpdateSuccessful)
	d.cluster.Access = a
	return d
}

// ownEvent is CloudTrail's event of a call of the guardrail's own role.
func (d *desk) ownEvent(id string) *cloudtrail.Event {
	return &cloudtrail.Event{
		ID: "event-" + id, Time: d.updates[id].CreatedAt, Name: cloudtrail.UpdateClusterConfig, Cluster: "demo", UpdateID: id, Asked: d.updates[id].Asked,
		Actor: cloudtrail.Actor{Type: "AssumedRole", RoleARN: ownRole},
	}
}

// ends finishes an update, with its effect if it went well.
func (d *desk) ends(id string, status endpoint.UpdateStatus) {
	u := d.updates[id]
	u.Status = status
	if status == endpoint.UpdateSuccessful {
		d.cluster.Access = u.Asked.Over(d.cluster.Access)
	} else {
		u.Errors = []endpoint.UpdateError{{Code: "IpNotAvailable", Message: "no address is left"}}
	}
	d.updates[id] = u
	d.cluster.Status = endpoint.StatusActive
}

func (d *desk) input(m Message, by string) Input {
	in := Input{
		Now: d.now, By: by, Deadline: d.now.Add(time.Minute), Message: m, OwnRole: ownRole, Policy: d.policy,
		Limits: Limits{TugPerHour: 3, TugDays: 5}, Cluster: d.cluster, Gone: d.gone, Updates: map[string]UpdateRead{}, Trouble: d.trouble, Former: d.former,
	}
	d.fill(&in, d.r.Wanted(), false)
	return in
}

func (d *desk) fill(in *Input, ids []string, afterLook bool) {
	for _, id := range ids {
		if d.refused != "" {
			in.Updates[id], in.HistoryTrouble = UpdateRead{Unread: true, AfterLook: afterLook}, d.refused
			continue
		}
		u, ok := d.updates[id]
		in.Updates[id] = UpdateRead{Update: u, Missing: !ok, AfterLook: afterLook}
	}
}

// look handles a message as an invocation of its own.
func (d *desk) look(m Message) *desk {
	d.t.Helper()
	d.calls++
	in := d.input(m, fmt.Sprint("invocation ", d.calls))
	for range 30 {
		next, step := Next(d.r, in)
		again, _ := Next(d.r, in)
		if diff := cmp.Diff(next, again, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			d.t.Fatalf("Next is not pure: %s", diff)
		}
		d.r = d.stored(next)
		switch s := step.(type) {
		case Read:
			d.fill(&in, s.Updates, true)
			if s.History {
				d.reads++
				in.HistoryRead, in.HistoryTrouble = true, stdcmp.Or(d.unlisted, d.refused)
				in.History = d.history()
			}
			if s.Network {
				in.Network = d.network
				in.Network.Read, in.NetworkTrouble = true, d.untold
			}
			if s.Look {
				in.Cluster = d.cluster
			}
		case Ask:
			var granted bool
			d.brake, granted, _ = d.brake.Ask(s.Entry, d.limit, d.now)
			in.Brake, in.BrakeUntil = BrakeHeld, d.brake.Free(s.Entry, d.limit)
			if granted {
				in.Brake = BrakeGranted
			}
		case Apply:
			if d.die == "apply" {
				return d.note("dies before asking for %s", s.Desired)
			}
			a := d.answer(s)
			d.note("asks for %s: %s", s.Desired, answerText(a))
			if d.die == "applied" {
				return d.note("dies")
			}
			in.Busy = a.Sort != "" && a.Sort != trouble.Refused && a.Sort != trouble.Transient
			if a.Sort == trouble.Transient {
				in.Trouble = a.Text
			}
			d.r = d.stored(Applied(d.r, in, a))
		case Tell:
			if behind := !s.Owed && d.r.OwesMail(); !s.Folded && (behind || d.mute) {
				d.note("owes %s", noticeText(s.Notice))
				d.r = d.stored(NotTold(d.r, in, s))
				continue
			}
			d.mails = append(d.mails, s.Notice)
			if s.Owed {
				d.note("mails %s late", noticeText(s.Notice))
				d.r = d.stored(Paid(d.r))
				continue
			}
			if s.Folded {
				d.mails = d.mails[:len(d.mails)-1]
				d.note("folds %s", s.Notice.Kind)
				d.r = d.stored(Told(d.r, in, s.Notice.Kind))
				continue
			}
			d.note("mails %s", noticeText(s.Notice))
			if d.die == "tell" {
				return d.note("dies")
			}
			d.r = d.stored(Told(d.r, in, s.Notice.Kind))
		case Wait:
			d.check = s.Number
			return d.note("waits %s", s.Delay)
		case Later:
			return d.note("later %s", s.Delay)
		case Done:
			d.done = s
			if s.Outcome != "" {
				d.note("%s", s.Outcome)
			} else {
				d.note("rests")
			}
			return d
		}
	}
	d.t.Fatalf("no end after 30 steps: %v", d.log)
	return d
}

// history is EKS's own list of the updates, of which those that the record knows to
// be over are not described again.
func (d *desk) history() endpoint.History {
	switch {
	case d.unlisted != "":
		return endpoint.History{}
	case d.refused != "":
		return endpoint.History{Listed: slices.Sorted(maps.Keys(d.updates))}
	}
	h := endpoint.History{Whole: true}
	if d.unread > 0 {
		d.unread--
		part := endpoint.Update{ID: fmt.Sprint("part-", d.unread), Type: "LoggingUpdate", Status: endpoint.UpdateSuccessful}
		return endpoint.History{Read: []endpoint.Update{part}}
	}
	for id, u := range d.updates {
		h.Listed = append(h.Listed, id)
		if !d.r.History.Knows(id) {
			h.Read = append(h.Read, u)
		}
	}
	return h
}

// stored is the record as it comes back from the ledger.
func (d *desk) stored(r Record) Record {
	d.t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		d.t.Fatal(err)
	}
	var out Record
	if err := json.Unmarshal(data, &out); err != nil {
		d.t.Fatal(err)
	}
	return out
}

func (d *desk) answer(s Apply) Answer {
	if len(d.answers) > 0 {
		a := d.answers[0]
		d.answers = d.answers[1:]
		return a
	}
	if id, ok := d.tokens[s.Token]; ok {
		return Answer{Update: d.updates[id]}
	}
	id := fmt.Sprintf("ours-%d", len(d.updates))
	d.tokens[s.Token] = id
	d.updates[id] = endpoint.Update{
		ID: id, Type: endpoint.EndpointAccessUpdate, Status: endpoint.UpdateInProgress, Asked: request(s.Desired), CreatedAt: d.now,
	}
	d.cluster.Status = endpoint.StatusUpdating
	return Answer{Update: d.updates[id]}
}

// noticeText is what a mail tells: an outcome, or of which kind it is.
func noticeText(n Notice) string {
	if n.Kind == NoticeOutcome {
		return string(n.Outcome())
	}
	return string(n.Kind)
}

func answerText(a Answer) string {
	if a.Sort != "" {
		return string(a.Sort)
	}
	return a.Update.ID
}

// comes handles an event, recheck the re-check that is on its way, wakes a sweep's.
func (d *desk) comes(e *cloudtrail.Event) *desk { return d.look(Message{Event: e}) }
func (d *desk) recheck() *desk                  { return d.look(Message{Check: d.check}) }
func (d *desk) wakes() *desk                    { return d.look(Message{Sweep: true}) }

func (d *desk) after(wait time.Duration) *desk {
	d.now = d.now.Add(wait)
	return d
}

func (d *desk) note(format string, args ...any) *desk {
	d.log = append(d.log, fmt.Sprintf(format, args...))
	return d
}

// told compares the story so far, and starts a new one.
func (d *desk) told(want ...string) {
	d.t.Helper()
	if diff := cmp.Diff(want, d.log); diff != "" {
		d.t.Fatalf("the story differs (-want +got):\n%s", diff)
	}
	d.log = nil
}
