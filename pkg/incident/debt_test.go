package incident

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// debts are mails that are owed, by the references of what they are about; a small
// letter is a card alone.
func debts(refs string) []Debt {
	var out []Debt
	for n, ref := range refs {
		out = append(out, Debt{
			Kind: NoticeDetected, At: start.Add(time.Duration(n-60) * time.Minute), Card: ref >= 'a', Incident: &Incident{Ref: string(ref)},
		})
	}
	return out
}

// written are debts as they are in debts, and their kinds.
func written(owed []Debt) []string {
	var out []string
	for _, d := range owed {
		line := string(d.Kind)
		if d.Incident != nil {
			line += " " + d.Incident.Ref
		}
		if d.Left != nil {
			line += " " + d.Left.Ref
		}
		if d.Card {
			line += " card"
		}
		if d.Backlog != nil {
			for _, l := range d.Backlog.Listed {
				line += " " + l.Ref
			}
			if d.Backlog.Unlisted > 0 {
				line += fmt.Sprintf(" and %d", d.Backlog.Unlisted)
			}
		}
		out = append(out, line)
	}
	return out
}

// backlog is a list of one mail that is owed.
func backlog(ref string) []Debt {
	return []Debt{{Kind: NoticeBacklog, At: start, Backlog: (*Backlog)(nil).with(debts(ref)[0])}}
}

// TestABacklogIsBounded: however many mails are owed, the record has room for them, the
// first stay whole, and none goes without being counted.
func TestABacklogIsBounded(t *testing.T) {
	var r Record
	const many = 500
	for n := range many {
		i := &Incident{Ref: fmt.Sprint(n), OpenedAt: start, Final: &Final{Outcome: Violation}}
		r = owe(r, Notice{Kind: NoticeOutcome, At: start.Add(time.Duration(n) * time.Minute), Record: Record{Incident: i}}, false)
	}
	if len(r.Owed) != maxOwed {
		t.Errorf("%d debts", len(r.Owed))
	}
	count := 0
	for n, d := range r.Owed {
		if n < firstOwed && d.Incident.Ref != fmt.Sprint(n) {
			t.Errorf("debt %d is about %s", n, d.Incident.Ref)
		}
		count += max(1, d.Backlog.Count())
	}
	b := r.Owed[firstOwed].Backlog
	if b == nil || len(b.Listed) != maxListed || b.Listed[0].Ref != fmt.Sprint(firstOwed) || b.Listed[maxListed-1].Ref != fmt.Sprint(many-maxOwed+firstOwed) {
		t.Fatalf("%+v", b)
	}
	if between := b.To.Sub(b.From); between != time.Duration(b.Unlisted-1)*time.Minute {
		t.Errorf("%d within %s are only counted", b.Unlisted, between)
	}
	if count != many {
		t.Errorf("%d of %d are accounted for", count, many)
	}
}

// TestNobodyHeardOfIt: an outcome takes nothing back that no mail has announced.
func TestNobodyHeardOfIt(t *testing.T) {
	for name, tc := range map[string]struct {
		owed []Debt
		want bool // that the outcome knows of the discovery's mail
	}{
		"its discovery is owed":      {debts("A"), false},
		"it is, in a list":           {backlog("A"), false},
		"only its card is":           {debts("a"), true},
		"the discovery of another's": {debts("B"), true},
	} {
		i := &Incident{Ref: "A", DetectedMailed: start, Final: &Final{Outcome: Enforced}}
		r := Record{Incident: i, Owed: tc.owed}
		got := NotTold(r, Input{Now: start}, Tell{Notice: Notice{Kind: NoticeOutcome, Record: r, At: start}})
		last := got.Owed[len(got.Owed)-1]
		if last.Incident.DetectedMailed.IsZero() == tc.want || i.DetectedMailed.IsZero() {
			t.Errorf("%s: told of at %s, before at %s", name, last.Incident.DetectedMailed, i.DetectedMailed)
		}
	}
}

func TestSinceWhenAMailIsOwed(t *testing.T) {
	for refs, want := range map[string]time.Time{"": {}, "A": start.Add(-time.Hour), "AB": start.Add(-time.Hour)} {
		if got := (Record{Owed: debts(refs)}).OwedSince(); !got.Equal(want) {
			t.Errorf("%q: %s, want %s", refs, got, want)
		}
	}
}

// TestACardHoldsNoMailBack: only a mail does, wherever among the debts it is.
func TestACardHoldsNoMailBack(t *testing.T) {
	for refs, want := range map[string]bool{"": false, "a": false, "A": true, "aB": true, "Ab": true, "ab": false} {
		if got := (Record{Owed: debts(refs)}).OwesMail(); got != want {
			t.Errorf("%q: %t", refs, got)
		}
	}
}

// TestWhatIsOwedOfWhatIsOwed: a mail that is not taken comes after those before it, and
// the discovery of what it tells the outcome of is not owed any more.
func TestWhatIsOwedOfWhatIsOwed(t *testing.T) {
	about := func(ref string) Record {
		return Record{Incident: &Incident{Ref: ref, Final: &Final{Outcome: Enforced}}, Left: &Departure{Ref: "left"}}
	}
	left := Debt{Kind: NoticeLeft, Left: &Departure{Ref: "before"}}
	stuck := Debt{Kind: NoticeStuck, Incident: &Incident{Ref: "A"}}
	for name, tc := range map[string]struct {
		owed   []Debt
		notice NoticeKind
		ref    string
		card   bool
		want   []string
	}{
		"the first":                 {nil, NoticeDetected, "A", false, []string{"detected A"}},
		"a card":                    {nil, NoticeDetected, "A", true, []string{"detected A card"}},
		"a cluster's leave":         {nil, NoticeLeft, "A", false, []string{"left left"}},
		"another's":                 {debts("A"), NoticeDetected, "B", false, []string{"detected A", "detected B"}},
		"the outcome of it":         {debts("A"), NoticeOutcome, "A", false, []string{"outcome A"}},
		"the outcome, its card":     {debts("a"), NoticeOutcome, "A", true, []string{"detected a card", "outcome A card"}},
		"the outcome of another":    {debts("AB"), NoticeOutcome, "B", false, []string{"detected A", "outcome B"}},
		"that it is stuck":          {debts("A"), NoticeStuck, "A", false, []string{"detected A", "stuck A"}},
		"the outcome of what stuck": {append(debts("A"), stuck), NoticeOutcome, "A", false, []string{"stuck A", "outcome A"}},
		"beside a leave":            {[]Debt{left}, NoticeOutcome, "A", false, []string{"left before", "outcome A"}},
		"the tenth":                 {debts("ABCDEFGHI"), NoticeDetected, "X", false, append(written(debts("ABCDEFGHI")), "detected X")},
		"an eleventh":               {debts("ABCDEFGHIJ"), NoticeDetected, "X", false, append(append(written(debts("ABCDE")), "backlog F G"), append(written(debts("HIJ")), "detected X")...)},
		"an eleventh, cards among them": {
			debts("ABCDEfGHIJ"), NoticeDetected, "X", true,
			append(append(written(debts("ABCDE")), "backlog card f", "backlog G H"), append(written(debts("IJ")), "detected X card")...),
		},
		"the outcome of one that is listed":   {fold(debts("ABCDEFGHIJKL")), NoticeOutcome, "G", false, append(append(written(debts("ABCDE")), "backlog F H I"), append(written(debts("ABCDEFGHIJKL"))[9:], "outcome G")...)},
		"the outcome of the only one that is": {backlog("A"), NoticeOutcome, "A", false, []string{"outcome A"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(tc.owed)
			at := start.Add(time.Second)
			got := owe(Record{Owed: tc.owed}, Notice{Kind: tc.notice, Record: about(tc.ref), At: at}, tc.card).Owed
			if diff := cmp.Diff(tc.want, written(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !got[len(got)-1].At.Equal(at) {
				t.Errorf("it says what was so at %s", got[len(got)-1].At)
			}
			if diff := cmp.Diff(before, tc.owed, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the record before is another now:\n%s", diff)
			}
		})
	}
}

// TestOfNoIncidentNoDiscoveryIsForgotten: of what a notice is about.
func TestOfNoIncidentNoDiscoveryIsForgotten(t *testing.T) {
	i := &Incident{Ref: "A"}
	for name, tc := range map[string]struct {
		debt Debt
		i    *Incident
		want bool
	}{
		"it":                   {Debt{Kind: NoticeDetected, Incident: i}, &Incident{Ref: "A"}, true},
		"another kind":         {Debt{Kind: NoticeStuck, Incident: i}, i, false},
		"another":              {Debt{Kind: NoticeDetected, Incident: i}, &Incident{Ref: "B"}, false},
		"none":                 {Debt{Kind: NoticeDetected, Incident: i}, nil, false},
		"a debt about none":    {Debt{Kind: NoticeDetected}, i, false},
		"neither about any":    {Debt{Kind: NoticeDetected}, nil, false},
		"no kind of it at all": {Debt{}, nil, false},
	} {
		if got := tc.debt.about(tc.i, NoticeDetected); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestAMailThatIsNotTaken: what it is about goes on; it is offered again after a time
// that grows, unless it was not offered yet.
func TestAMailThatIsNotTaken(t *testing.T) {
	i := &Incident{Ref: "X"}
	intent := &Intent{Kind: IntentTell, Notice: NoticeDetected}
	base := Record{Incident: i, Intent: intent, OwedTries: 2, OwedDue: start.Add(time.Minute)}
	in := Input{Now: start}
	notice := Notice{Kind: NoticeDetected, Record: base, At: start.Add(-time.Second)}
	for name, tc := range map[string]struct {
		owed  []Debt
		take  func(r Record) Record
		want  []string
		tries int
		due   time.Duration
		told  bool
	}{
		"the first":            {nil, func(r Record) Record { return NotTold(r, in, Tell{Notice: notice}) }, []string{"detected X"}, 3, 40 * time.Second, true},
		"behind a card":        {debts("a"), func(r Record) Record { return NotTold(r, in, Tell{Notice: notice}) }, []string{"detected a card", "detected X"}, 3, 40 * time.Second, true},
		"behind another":       {debts("A"), func(r Record) Record { return NotTold(r, in, Tell{Notice: notice}) }, []string{"detected A", "detected X"}, 2, time.Minute, true},
		"one that is owed":     {debts("AB"), func(r Record) Record { return NotTold(r, in, Tell{Notice: notice, Owed: true}) }, []string{"detected A", "detected B"}, 3, 40 * time.Second, false},
		"its card":             {debts("A"), func(r Record) Record { return NotPosted(r, in, Tell{Notice: notice}) }, []string{"detected A", "detected X card"}, 3, 40 * time.Second, false},
		"the card of one owed": {debts("A"), func(r Record) Record { return NotPosted(r, in, Tell{Notice: notice, Owed: true}) }, []string{"detected A", "detected X card"}, 3, 40 * time.Second, false},
		"a card that is owed":  {debts("a"), func(r Record) Record { return NotPosted(r, in, Tell{Notice: notice, Owed: true, CardOnly: true}) }, []string{"detected a card"}, 3, 40 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := base
			before.Owed = tc.owed
			got := tc.take(before)
			if diff := cmp.Diff(tc.want, written(got.Owed)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.OwedTries != tc.tries || !got.OwedDue.Equal(start.Add(tc.due)) || got.Intent != nil {
				t.Errorf("tried %d times, again at %s, %+v", got.OwedTries, got.OwedDue, got.Intent)
			}
			if told := got.Incident.DetectedMailed.Equal(start); told != tc.told {
				t.Errorf("it goes on as if it had been taken: %t", told)
			}
			if before.Intent != intent || !i.DetectedMailed.IsZero() || len(before.Owed) != len(tc.owed) {
				t.Errorf("the record before is another now: %+v", before)
			}
		})
	}
}

func TestAMailThatIsTakenIsNotOwed(t *testing.T) {
	for refs, want := range map[string][]Debt{"A": nil, "AB": debts("AB")[1:], "ABC": debts("ABC")[1:]} {
		before := Record{Owed: debts(refs), OwedTries: 3, OwedDue: start, Intent: &Intent{Kind: IntentTell}}
		got := Paid(before)
		if diff := cmp.Diff(Record{Owed: want}, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", refs, diff)
		}
		if len(before.Owed) != len(refs) || before.Intent == nil {
			t.Errorf("the record before is another now: %+v", before)
		}
	}
}

// TestWhenAMailIsOfferedAgain: once its time has come, and nothing is about to be done.
func TestWhenAMailIsOfferedAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		owed   string
		due    time.Duration
		intent *Intent
		want   bool
	}{
		"its time has come":       {"A", 0, nil, true},
		"of several":              {"AB", -time.Minute, nil, true},
		"it has not":              {"A", 1, nil, false},
		"none is owed":            {"", 0, nil, false},
		"another is about to be":  {"A", 0, &Intent{Kind: IntentTell, Until: start.Add(1)}, false},
		"whoever was is over":     {"A", 0, &Intent{Kind: IntentTell, Until: start}, true},
		"and its time is not yet": {"A", 1, &Intent{Kind: IntentTell}, false},
	} {
		e := &evaluation{Record: Record{Owed: debts(tc.owed), OwedDue: start.Add(tc.due), Intent: tc.intent}, now: start}
		if got := e.payable(); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestAMailIsOfferedAgainAsItWas: about what it was about then, and claimed by who
// offers it.
func TestAMailIsOfferedAgainAsItWas(t *testing.T) {
	for _, card := range []bool{false, true} {
		e := &evaluation{in: Input{By: "this", Deadline: start.Add(time.Minute)}, now: start}
		e.Record = Record{
			Schema: Schema, Version: 7, Cluster: endpoint.ID{ARN: "arn"}, Name: "demo", Account: "111122223333", Region: "eu-west-1",
			Incident: &Incident{Ref: "open"}, Owed: debts("AB"),
		}
		e.Owed[0].Card, e.Owed[0].Left = card, &Departure{Ref: "left"}
		want := Tell{Owed: true, CardOnly: card, Notice: Notice{Kind: NoticeDetected, At: start.Add(-time.Hour), Record: Record{
			Schema: Schema, Cluster: endpoint.ID{ARN: "arn"}, Name: "demo", Account: "111122223333", Region: "eu-west-1",
			Incident: &Incident{Ref: "A"}, Left: &Departure{Ref: "left"},
		}}}
		present := *e
		present.Incident = nil
		want.Notice.Late = &Late{At: start, More: 1}
		if diff := cmp.Diff(Step(want), e.pay(&present)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(&Intent{Kind: IntentTell, Notice: NoticeOwed, By: "this", Until: start.Add(time.Minute)}, e.Intent); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestWhatComesBeforeAMailThatIsOwed: whatever is done about the cluster. Another mail
// and the check's end come after it; what the digest tells waits for none.
func TestWhatComesBeforeAMailThatIsOwed(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(d *desk, in *Input)
		want    string
	}{
		"a re-check": {func(_ *desk, in *Input) { in.Cluster.Status, in.HistoryRead = endpoint.StatusUpdating, true }, "owed"},
		"the end":    {func(*desk, *Input) {}, "owed"},
		"another mail": {func(_ *desk, in *Input) {
			in.Policy, in.Cluster.Access, in.HistoryRead, in.History.Whole = tell, world, true, true
		}, "owed"},
		"what is to be read": {func(_ *desk, in *Input) { in.Cluster.Access = world }, "incident.Read"},
		"the brake": {func(_ *desk, in *Input) {
			in.Cluster.Access, in.HistoryRead, in.History.Whole, in.Network = world, true, true, goodVPC
			in.Network.Read = true
		}, "incident.Ask"},
		"a change": {func(_ *desk, in *Input) {
			in.Cluster.Access, in.HistoryRead, in.History.Whole, in.Network, in.Brake = world, true, true, goodVPC, BrakeGranted
			in.Network.Read = true
		}, "incident.Apply"},
		"what the digest tells": {func(d *desk, in *Input) {
			d.r.TugSince, in.Limits.TugPerHour = start, 1
			in.Cluster.Access, in.Cluster.Status, in.HistoryRead, in.History.Whole = world, endpoint.StatusUpdating, true, true
			in.Network.Read = true
		}, "folded"},
		"another invocation": {func(d *desk, _ *Input) {
			d.r.Intent = &Intent{Kind: IntentApply, By: "another", Until: start.Add(time.Minute)}
		}, "incident.Later"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, enforce, private)
			d.r.Owed = debts("A")
			in := d.input(Message{}, "this")
			tc.prepare(d, &in)
			r, step := Next(d.r, in)
			got := fmt.Sprintf("%T", step)
			if s, ok := step.(Tell); ok && s.Owed {
				got = "owed"
			} else if ok && s.Folded {
				got = "folded"
			}
			if got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			if got == "owed" && (r.Intent == nil || r.Intent.Notice != NoticeOwed || r.Check != (Check{})) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestAReCheckWithNothingToDoIsTheLast: a copy of it has nothing to say either.
func TestAReCheckWithNothingToDoIsTheLast(t *testing.T) {
	for name, tc := range map[string]struct {
		check, want Check
		number      int
		status      endpoint.Status
		access      endpoint.Access
	}{
		"the awaited one":                       {Check{Number: 3, Due: start}, Check{Number: 4}, 3, endpoint.StatusActive, private},
		"a later":                               {Check{Number: 3}, Check{Number: 6}, 5, endpoint.StatusActive, private},
		"an earlier":                            {Check{Number: 3}, Check{Number: 3}, 2, endpoint.StatusActive, private},
		"no re-check":                           {Check{Number: 3}, Check{Number: 3}, 0, endpoint.StatusActive, private},
		"one leads to another":                  {Check{Number: 3, Due: start}, Check{Number: 4, Due: start.Add(s15)}, 3, endpoint.StatusUpdating, private},
		"an old one, and another is on its way": {Check{Number: 3, Due: start.Add(time.Minute)}, Check{Number: 3, Due: start.Add(time.Minute)}, 2, endpoint.StatusActive, private},
		"after several steps":                   {Check{Number: 3, Due: start}, Check{Number: 4, Due: start.Add(s15)}, 3, endpoint.StatusUpdating, world},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, enforce, tc.access)
			d.r.Check, d.cluster.Status = tc.check, tc.status
			d.look(Message{Check: tc.number})
			if diff := cmp.Diff(tc.want, d.r.Check); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What was never offered is due at once, not never: an earlier mail was taken, and the
// process that was to go on with the next has died.
func TestWhatWasNeverOfferedIsDue(t *testing.T) {
	for name, tc := range map[string]struct {
		owed        string
		due, former time.Duration // after now, 0 for none
		want        time.Duration
		none        bool
	}{
		"nothing":                            {"", 0, 0, 0, true},
		"never offered":                      {"A", 0, 0, 0, false},
		"offered, and put off":               {"A", 5, 0, 5, false},
		"put off until before now":           {"A", -5, 0, 0, false},
		"a former cluster's before it":       {"A", 5, 3, 3, false},
		"a former cluster's after it":        {"A", 5, 9, 5, false},
		"a former cluster's, with none ours": {"", 0, 9, 9, false},
	} {
		e := &evaluation{Record: Record{Owed: debts(tc.owed)}, now: start}
		if tc.due != 0 {
			e.OwedDue = start.Add(tc.due)
		}
		if tc.former != 0 {
			e.in.Former = start.Add(tc.former)
		}
		want := start.Add(tc.want)
		if tc.none {
			want = time.Time{}
		}
		if got := e.due(); !got.Equal(want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestWhatACrashHeldUpIsAsOldAsItsDecision: who owes it since when is told by that.
func TestWhatACrashHeldUpIsAsOldAsItsDecision(t *testing.T) {
	i := &Incident{Ref: "EG-1", Final: &Final{Outcome: Violation, At: start}}
	for told, want := range map[time.Time]time.Time{start.Add(time.Hour): start, start.Add(-time.Minute): start.Add(-time.Minute)} {
		r := owe(Record{}, Notice{Kind: NoticeOutcome, At: told, Record: Record{Incident: i}}, false)
		if got := r.OwedSince(); !got.Equal(want) {
			t.Errorf("told at %s, it is owed since %s", told, got)
		}
	}
	if r := owe(Record{}, Notice{Kind: NoticeStuck, At: start.Add(time.Hour), Record: Record{Incident: i}}, false); !r.OwedSince().Equal(start.Add(time.Hour)) {
		t.Errorf("%s", r.OwedSince())
	}
}

// TestWhatOursHasEndedIsNotSaidToBeOpenLate: by EKS's word, or by looks that agree for long
// enough, though the incident is not over.
func TestWhatOursHasEndedIsNotSaidToBeOpenLate(t *testing.T) {
	for name, tc := range map[string]struct {
		status endpoint.UpdateStatus
		steady time.Duration
		shows  endpoint.Access
		watch  []Cause
		want   Matter
	}{
		"EKS said so":               {endpoint.UpdateSuccessful, 0, private, nil, MatterOver},
		"a look shows it":           {endpoint.UpdateInProgress, 0, private, nil, MatterOver},
		"what was before is unread": {endpoint.UpdateInProgress, 0, private, []Cause{{UpdateID: "unread", At: start.Add(-time.Hour)}}, MatterOver},
		"what came after is unread": {endpoint.UpdateInProgress, 0, private, []Cause{{UpdateID: "unread", At: start}}, MatterSame},
		"it is open":                {endpoint.UpdateSuccessful, time.Hour, world, nil, MatterSame},
		"somebody is at it":         {endpoint.UpdateSuccessful, time.Hour, private, []Cause{{UpdateID: "u", At: start}}, MatterSame},
	} {
		i := &Incident{Ref: "EG-1", Opening: world, Attempts: []Attempt{{UpdateID: "ours", Status: tc.status, Desired: private, CreatedAt: start.Add(-time.Minute)}}}
		e := &evaluation{
			Record: Record{Incident: i, Watch: tc.watch, Steady: &Seen{Access: tc.shows, At: start.Add(-tc.steady)}}, now: start,
			in: Input{Policy: enforce, Cluster: endpoint.Cluster{Name: "demo", Access: tc.shows}, Updates: map[string]UpdateRead{"unread": {Unread: true}}},
		}
		if got := e.late(Debt{Incident: i}); got.Matter != tc.want {
			t.Errorf("%s: %d", name, got.Matter)
		}
	}
}

// TestWhatTheRulesAllowByNowIsNotSaidToBeOpenLate: a late mail of a discovery announces no
// change that the policy, or the cluster's tags, have made needless, though the incident
// is not over.
func TestWhatTheRulesAllowByNowIsNotSaidToBeOpenLate(t *testing.T) {
	forbidding, allowing := enforce, rules(policy.Rule{Name: "inside", Require: policy.Requirement{PrivateAccess: true}, Respond: policy.Enforce})
	for name, tc := range map[string]struct {
		shows endpoint.Access
		asked *endpoint.Access
		now   *policy.Policy
		watch []Cause
		want  Matter
		sure  bool
	}{
		"still forbidden":                       {world, nil, forbidding, nil, MatterSame, true},
		"allowed":                               {world, nil, allowing, nil, MatterOver, true},
		"allowed, and the change is under way":  {office, &world, allowing, []Cause{{UpdateID: "u", At: start}}, MatterOver, true},
		"closed by what a look shows, not sure": {private, nil, forbidding, nil, MatterSame, false},
		"asked for in vain, another is at it":   {private, &world, forbidding, []Cause{{UpdateID: "harmless", At: start}}, MatterSame, false},
		"asked for, and EKS did not do it":      {private, &world, forbidding, nil, MatterSame, false},
		"asked for, and not in force yet":       {private, &world, forbidding, []Cause{{UpdateID: "u", At: start}}, MatterSame, true},
	} {
		i := &Incident{Ref: "EG-1", Opening: world, Asked: tc.asked}
		e := &evaluation{Record: Record{Incident: i, Watch: tc.watch}, now: start.Add(time.Hour), in: Input{
			Policy: tc.now, Cluster: endpoint.Cluster{Name: "demo", Access: tc.shows},
			Updates: map[string]UpdateRead{"harmless": {Update: endpoint.Update{Asked: request(private)}}},
		}}
		got := e.late(Debt{Kind: NoticeDetected, Incident: i})
		if got.Matter != tc.want {
			t.Errorf("%s: %d", name, got.Matter)
		}
		if got.Seen != tc.sure || got.Unsure == tc.sure {
			t.Errorf("%s: seen %t, unsure %t", name, got.Seen, got.Unsure)
		}
		if over := got.Matter == MatterOver; over != got.Ended.Equal(e.now) {
			t.Errorf("%s: over since %s", name, got.Ended)
		}
	}
}
