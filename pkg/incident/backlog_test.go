package incident

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// owing is a record of which so many mails of a discovery were not taken, one a minute:
// that of the first is number 0.
func owing(mails int) Record {
	var r Record
	for n := range mails {
		r = owe(r, Notice{Kind: NoticeDetected, At: minute(n), Record: Record{Incident: &Incident{Ref: fmt.Sprint(n)}}}, false)
	}
	return r
}

func minute(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }

// numbers are those from the first to the last, as texts.
func numbers(first, last int) []string {
	var out []string
	for n := first; n <= last; n++ {
		out = append(out, fmt.Sprint(n))
	}
	return out
}

// TestWhatStaysWholeOfABacklog: the first five mails and the last four; those between
// them are in one list, a hundred of them named, and what is beyond is counted, with the
// times between which it was to be handed over.
func TestWhatStaysWholeOfABacklog(t *testing.T) {
	for name, tc := range map[string]struct {
		mails    int
		listed   []string
		unlisted int
		from, to time.Time
		last     []string
	}{
		"no list yet":              {mails: 10, last: numbers(5, 9)},
		"the shortest list":        {mails: 11, listed: numbers(5, 6), last: numbers(7, 10)},
		"one more":                 {mails: 12, listed: numbers(5, 7), last: numbers(8, 11)},
		"a hundred are named":      {mails: 109, listed: numbers(5, 104), last: numbers(105, 108)},
		"one is only counted":      {mails: 110, listed: append(numbers(5, 54), numbers(56, 105)...), unlisted: 1, from: minute(55), to: minute(55), last: numbers(106, 109)},
		"two are only counted":     {mails: 111, listed: append(numbers(5, 54), numbers(57, 106)...), unlisted: 2, from: minute(55), to: minute(56), last: numbers(107, 110)},
		"most of them are counted": {mails: 400, listed: append(numbers(5, 54), numbers(346, 395)...), unlisted: 291, from: minute(55), to: minute(345), last: numbers(396, 399)},
	} {
		t.Run(name, func(t *testing.T) {
			owed := owing(tc.mails).Owed
			var whole, listed []string
			count := 0
			for _, d := range owed {
				if count += d.Backlog.Count(); d.Backlog == nil {
					whole, count = append(whole, d.Incident.Ref), count+1
					continue
				}
				for _, l := range d.Backlog.Listed {
					listed = append(listed, l.Ref)
				}
				if b := d.Backlog; b.Unlisted != tc.unlisted || !b.From.Equal(tc.from) || !b.To.Equal(tc.to) || !d.At.Equal(minute(5)) || d.Card {
					t.Errorf("%d from %s to %s are only counted, owed since %s", b.Unlisted, b.From, b.To, d.At)
				}
			}
			if diff := cmp.Diff(append(numbers(0, 4), tc.last...), whole); diff != "" {
				t.Errorf("whole are (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.listed, listed); diff != "" {
				t.Errorf("listed are (-want +got):\n%s", diff)
			}
			if count != tc.mails || len(owed) > maxOwed {
				t.Errorf("%d debts stand for %d mails", len(owed), count)
			}
		})
	}
}

// TestAListThatWasWrittenStays as it was: a record that could not be saved is decided
// from once more.
func TestAListThatWasWrittenStays(t *testing.T) {
	r := owing(120)
	before := written(r.Owed)
	for range 2 {
		owe(r, Notice{Kind: NoticeDetected, At: minute(120), Record: Record{Incident: &Incident{Ref: "120"}}}, false)
		owe(r, Notice{Kind: NoticeOutcome, At: minute(120), Record: Record{Incident: &Incident{Ref: "7", Final: &Final{}}}}, false)
	}
	if diff := cmp.Diff(before, written(r.Owed)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// TestWhatAListSaysOfAMail: what it was about, since when that was, whose doing it was,
// and what it broke; no more of it than there is room for.
func TestWhatAListSaysOfAMail(t *testing.T) {
	alice := cloudtrail.Actor{Type: "IAMUser", Name: "alice", UserAgent: "Terraform/1.9"}
	bob := cloudtrail.Actor{Type: "IAMUser", Name: "bob"}
	long := strings.Repeat("x", 100)
	at, before := start, start.Add(-time.Hour)
	notes := func(names ...string) (out []RuleNote) {
		for _, name := range names {
			out = append(out, RuleNote{Name: name})
		}
		return out
	}
	for name, tc := range map[string]struct {
		debt Debt
		want Listed
	}{
		"a discovery": {
			Debt{Kind: NoticeDetected, Incident: &Incident{
				Ref: "EG-1", OpenedAt: at, Opening: world, Rules: notes("closed", "limited"), Final: &Final{Outcome: Failed},
				Causes: []Cause{{UpdateID: "nobody tells", At: at}, {EventID: "e1", Actor: alice, At: before}, {EventID: "e2", Actor: bob, At: at}},
			}},
			Listed{Kind: NoticeDetected, Ref: "EG-1", Since: before, By: "alice (IAM user) with Terraform/1.9", EventID: "e1", Rules: []string{"closed", "limited"}, World: true},
		},
		"an outcome": {
			Debt{Kind: NoticeOutcome, Incident: &Incident{Ref: "EG-1", OpenedAt: at, Opening: office, Final: &Final{Outcome: Blocked}}},
			Listed{Kind: NoticeOutcome, Ref: "EG-1", Since: at, Outcome: Blocked},
		},
		"that it is stuck, of a violation found before": {
			Debt{Kind: NoticeStuck, Incident: &Incident{Ref: "EG-1", OpenedAt: at, FoundAt: before, Opening: office}},
			Listed{Kind: NoticeStuck, Ref: "EG-1", Since: before},
		},
		"of an empty list of addresses, by its family": {
			Debt{Kind: NoticeDetected, Incident: &Incident{Ref: "EG-1", OpenedAt: at, Opening: endpoint.Access{Public: true, CIDRs: cidrs("::/0")}, Family: endpoint.IPv6}},
			Listed{Kind: NoticeDetected, Ref: "EG-1", Since: at, World: true},
		},
		"a leave": {
			Debt{Kind: NoticeLeft, Left: &Departure{Ref: "EG-2", At: before, Rules: []string{"closed"}, Now: world, By: &Cause{EventID: "e3", Actor: bob}}},
			Listed{Kind: NoticeLeft, Ref: "EG-2", Since: at, By: "bob (IAM user)", EventID: "e3", Rules: []string{"closed"}, World: true},
		},
		"a leave by nobody knows whom": {
			Debt{Kind: NoticeLeft, Left: &Departure{Ref: "EG-2", Rules: []string{long}, Now: private}},
			Listed{Kind: NoticeLeft, Ref: "EG-2", Since: at, Rules: []string{cut(long, shorter)}},
		},
		"more than there is room for": {
			Debt{Kind: NoticeDetected, Incident: &Incident{
				Ref: "EG-1", OpenedAt: at, Rules: notes(long, "b", "c", "d"),
				Causes: []Cause{{EventID: long, Actor: cloudtrail.Actor{Type: "IAMUser", Name: long}, At: at}},
			}},
			Listed{Kind: NoticeDetected, Ref: "EG-1", Since: at, By: cut(long+" (IAM user)", shorter), EventID: cut(long, shorter), Rules: []string{cut(long, shorter), "b", "c"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.debt.At, tc.want.At = at, at
			// It is the sixth of eleven mails: the first that is listed.
			r := owing(firstOwed)
			r.Owed = append(r.Owed, tc.debt)
			r.Owed = append(r.Owed, debts("ABCD")...)
			before := newDesk(t, enforce, private).stored(r)
			got := owe(r, Notice{Kind: NoticeDetected, At: at, Record: Record{Incident: &Incident{Ref: "last"}}}, false).Owed[firstOwed]
			if got.Backlog == nil || len(got.Backlog.Listed) != 2 {
				t.Fatalf("%+v", got)
			}
			if diff := cmp.Diff(tc.want, got.Backlog.Listed[0], cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before.Owed, r.Owed, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
				t.Errorf("the record before is another now:\n%s", diff)
			}
		})
	}
}

// heldUp is what a late mail must say: of which incident, by its number in the story,
// something is open, and since when what the mail was to tell is over.
type heldUp struct {
	Seen, Gone, Back bool
	Matter           Matter
	Ref              string
	Ended            time.Time
	Rules            int // that the cluster breaks
	More             int
}

func (d *desk) heldUp(l *Late, looked endpoint.Cluster) heldUp {
	d.t.Helper()
	if l == nil {
		d.t.Fatal("the mail does not say that it is late")
	}
	if !l.At.Equal(d.now) {
		d.t.Errorf("it says what is so at %s", l.At)
	}
	if l.Seen && !l.Gone && (!l.Access.Equal(looked.Access) || l.Status != looked.Status || l.Family != looked.Family) {
		d.t.Errorf("it shows %+v", l)
	}
	return heldUp{l.Seen, l.Gone, l.Back, l.Matter, l.Ref, l.Ended, len(l.Rules), l.More}
}

// TestWhatALateMailSays of what is so when it is taken at last.
func TestWhatALateMailSays(t *testing.T) {
	const first, second = "first", "second" // what was found
	after := start.Add
	for name, tc := range map[string]struct {
		policy *policy.Policy
		access endpoint.Access
		play   func(d *desk) // without any mail
		want   heldUp
	}{
		"it stands as it was": {
			tell, world, func(d *desk) { d.wakes().after(time.Hour) },
			heldUp{Seen: true, Matter: MatterSame, Ref: first, Rules: 1},
		},
		"somebody has closed it": {
			tell, world, func(d *desk) { d.wakes().becomes(private).after(time.Minute).wakes().after(time.Hour) },
			heldUp{Seen: true, Matter: MatterOver, Ended: after(61 * time.Second)},
		},
		"somebody has closed it, as this look shows": {
			tell, world, func(d *desk) { d.wakes().becomes(private).after(time.Hour) },
			heldUp{Seen: true, Matter: MatterOver, Ended: after(time.Hour + time.Second)},
		},
		"ours has closed it": {
			enforce, world, func(d *desk) {
				d.wakes()
				d.ends("ours-0", endpoint.UpdateSuccessful)
				d.after(time.Minute).recheck().after(time.Minute).recheck().after(time.Hour)
			},
			heldUp{Seen: true, Matter: MatterOver, Ended: after(time.Minute)},
		},
		"it is open to others by now, which was told since": {
			tell, world, func(d *desk) { d.wakes().becomes(elsewhere).after(time.Minute).wakes().after(time.Hour) },
			heldUp{Seen: true, Matter: MatterOther, Ref: second, Ended: after(61 * time.Second), Rules: 1, More: 1},
		},
		"it is open to others, as this look shows": {
			tell, world, func(d *desk) { d.wakes().becomes(elsewhere).after(time.Hour) },
			heldUp{Seen: true, Matter: MatterOther, Ref: second, Ended: after(time.Hour + time.Second), Rules: 1},
		},
		"it is closed, and being changed": {
			tell, world, func(d *desk) {
				d.wakes().becomes(private).after(time.Minute).wakes().after(time.Hour)
				d.asks("u1", office) // of which no event has come
			},
			heldUp{Seen: true, Matter: MatterOther, Ref: second, Ended: after(61*time.Minute + time.Second)},
		},
		"ours has closed it, and it is open again": {
			enforce, world, func(d *desk) {
				d.wakes()
				d.ends("ours-0", endpoint.UpdateSuccessful)
				d.after(time.Minute).recheck().after(time.Minute).recheck().after(time.Hour).becomes(world)
			},
			heldUp{Seen: true, Matter: MatterOther, Ref: second, Ended: after(62*time.Minute + time.Second), Rules: 1},
		},
		"ours has closed it, and another is opening it": {
			enforce, world, func(d *desk) {
				d.wakes()
				d.ends("ours-0", endpoint.UpdateSuccessful)
				d.after(time.Minute).recheck().after(time.Minute).recheck().after(time.Hour)
				d.comes(d.asks("u1", world))
				d.after(time.Hour)
			},
			heldUp{Seen: true, Matter: MatterOther, Ref: second, Ended: after(62 * time.Minute), More: 1},
		},
		"it was deleted": {
			tell, world, func(d *desk) {
				d.wakes()
				d.gone = true
				d.after(time.Minute).wakes().after(time.Hour)
			},
			heldUp{Seen: true, Gone: true, Ended: after(time.Hour + time.Minute)},
		},
		"EKS does not know it, for the first time": {
			tell, world, func(d *desk) {
				d.wakes()
				d.gone = true
				d.after(time.Hour)
			},
			heldUp{Ended: after(time.Hour)},
		},
		"it can't be looked at": {
			tell, world, func(d *desk) {
				d.wakes()
				d.trouble, d.cluster = "AWS does not answer", endpoint.Cluster{}
				d.after(time.Hour)
			},
			heldUp{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, tc.policy, tc.access)
			d.mute = true
			tc.play(d)
			if len(d.mails) > 0 || len(d.r.Owed) == 0 {
				t.Fatalf("%q", d.log)
			}
			found := map[string]string{"": ""}
			for i, owed := range d.r.Owed {
				found[owed.Incident.Ref] = []string{first, second}[i]
			}
			d.mute = false
			looked := d.cluster // before anything is asked of EKS
			d.wakes()
			if d.r.Incident != nil && found[d.r.Incident.Ref] == "" {
				found[d.r.Incident.Ref] = second
			}
			if len(d.mails) == 0 {
				t.Fatalf("nothing is mailed: %q", d.log)
			}
			for _, n := range d.mails {
				if found[n.Record.Incident.Ref] == "" {
					found[n.Record.Incident.Ref] = second
				}
			}
			got := d.heldUp(d.mails[0].Late, looked)
			got.Ref = found[got.Ref]
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s%q", diff, d.log)
			}
		})
	}
}
