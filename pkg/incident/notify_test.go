package incident

import (
	"slices"
	"testing"
	"time"
)

// TestAMailTellsWhenItWasLookedAt, and it is claimed by who sends it.
func TestAMailTellsWhenItWasLookedAt(t *testing.T) {
	e := &evaluation{in: Input{By: "this", Deadline: start.Add(time.Minute)}, now: start, looked: true}
	e.Incident = &Incident{Ref: "EG-AAAAAAAA"}
	tell := e.tell(NoticeDetected).(Tell)
	if i := tell.Notice.Record.Incident; !i.LookedAt.Equal(start) || tell.Folded || !tell.Notice.At.Equal(start) || tell.Notice.Kind != NoticeDetected {
		t.Errorf("%+v", tell)
	}
	if want := (Intent{Kind: IntentTell, Notice: NoticeDetected, By: "this", Until: start.Add(time.Minute)}); e.Intent == nil || *e.Intent != want {
		t.Errorf("%+v", e.Intent)
	}
	// What the digest tells is nobody's to send.
	e.Intent, e.TugSince = nil, start
	if tell = e.tell(NoticeDetected).(Tell); !tell.Folded || tell.Notice.Kind != NoticeDetected || e.Intent != nil {
		t.Errorf("%+v, %+v", tell, e.Intent)
	}
}

// TestWhatIsNotedOfAMail: that it was sent, and what was left to the digest.
func TestWhatIsNotedOfAMail(t *testing.T) {
	for name, tc := range map[string]struct {
		kind NoticeKind
		r    Record
		want func(Record) bool
	}{
		"a discovery": {NoticeDetected, Record{Incident: &Incident{}}, func(r Record) bool {
			return r.Incident.DetectedMailed.Equal(start) && r.Incident.StuckMailed.IsZero() && len(r.Incident.Folded) == 0
		}},
		"one that is stuck": {NoticeStuck, Record{Incident: &Incident{}}, func(r Record) bool {
			return r.Incident.StuckMailed.Equal(start) && r.Incident.DetectedMailed.IsZero()
		}},
		"an outcome": {NoticeOutcome, Record{Incident: &Incident{Final: &Final{Outcome: Enforced}}}, func(r Record) bool {
			return r.Incident == nil && len(r.Closings) == 1
		}},
		"an outcome, and there is none": {NoticeOutcome, Record{Incident: &Incident{}}, func(r Record) bool {
			return r.Incident != nil && len(r.Closings) == 0
		}},
		"a discovery, and nothing is open": {NoticeDetected, Record{}, func(r Record) bool { return r.Incident == nil }},
		"one that is stuck, and nothing is open": {NoticeStuck, Record{}, func(r Record) bool {
			return r.Incident == nil
		}},
		"a leave": {NoticeLeft, Record{Left: &Departure{}, Incident: &Incident{Final: &Final{}}}, func(r Record) bool {
			return r.Left == nil && r.Incident != nil
		}},
		"a discovery, left to the digest": {NoticeDetected, Record{TugSince: start, Incident: &Incident{Folded: []NoticeKind{NoticeStuck}}}, func(r Record) bool {
			return slices.Equal(r.Incident.Folded, []NoticeKind{NoticeStuck, NoticeDetected}) && r.Incident.DetectedMailed.Equal(start)
		}},
	} {
		tc.r.Intent = &Intent{Kind: IntentTell, Notice: tc.kind}
		got := Told(tc.r, Input{Now: start}, tc.kind)
		if got.Intent != nil || !tc.want(got) {
			t.Errorf("%s: %+v, %+v", name, got, got.Incident)
		}
		if tc.r.Intent == nil || tc.r.Incident != nil && !tc.r.Incident.DetectedMailed.IsZero() {
			t.Errorf("%s: the record that was given is changed", name)
		}
	}
}

// TestWhatAMailSaysBecameOfIt: its outcome, where it has one.
func TestWhatAMailSaysBecameOfIt(t *testing.T) {
	final := Record{Incident: &Incident{Final: &Final{Outcome: Blocked}}}
	for _, tc := range []struct {
		n    Notice
		want Outcome
	}{
		{Notice{Kind: NoticeDetected, Record: final}, ""},
		{Notice{Kind: NoticeStuck, Record: final}, Stuck},
		{Notice{Kind: NoticeOutcome, Record: final}, Blocked},
		{Notice{Kind: NoticeLeft, Record: Record{Left: &Departure{}}}, OutOfScope},
		{Notice{Kind: NoticeLeft, Record: Record{Left: &Departure{Enforced: true}}}, ""},
	} {
		if got := tc.n.Outcome(); got != tc.want {
			t.Errorf("%s: %q", tc.n.Kind, got)
		}
	}
}
