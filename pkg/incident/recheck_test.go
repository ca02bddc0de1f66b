package incident

import (
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
)

// TestWhenTheNextLookIsAskedFor: unless one that is on its way comes soon enough. One
// that is two minutes late is taken for lost.
func TestWhenTheNextLookIsAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		due   time.Duration // of the one that is on its way, from now
		delay time.Duration
		want  time.Duration // 0 for none
	}{
		"none is on its way":          {-24 * time.Hour, 15 * time.Second, 15 * time.Second},
		"at once is a second later":   {-24 * time.Hour, 0, time.Second},
		"one comes before":            {10 * time.Second, 15 * time.Second, 0},
		"one comes then":              {15 * time.Second, 15 * time.Second, 0},
		"one comes a little later":    {20 * time.Second, 15 * time.Second, 0},
		"one comes later":             {20*time.Second + 1, 15 * time.Second, 15 * time.Second},
		"one comes much later":        {time.Hour, 15 * time.Second, 15 * time.Second},
		"one is a little late":        {-2*time.Minute + 1, 15 * time.Second, 0},
		"one is too late":             {-2 * time.Minute, 15 * time.Second, 15 * time.Second},
		"at once, and one comes soon": {6 * time.Second, 0, 0},
	} {
		e := &evaluation{now: start, in: Input{Message: Message{ID: "m"}}, looked: true}
		e.Check = Check{Number: 3, Due: start.Add(tc.due), From: "before"}
		e.Incident = &Incident{}
		before := e.Check
		switch step := e.wait(tc.delay).(type) {
		case Wait:
			if step.Delay != tc.want || step.Number != 4 || e.Check != (Check{Number: 4, Due: start.Add(tc.want), From: "m"}) || !e.Incident.LookedAt.Equal(start) {
				t.Errorf("%s: %+v, %+v", name, step, e.Check)
			}
		case Done:
			if tc.want != 0 || step.Outcome != "" || e.Check != before {
				t.Errorf("%s: %+v, %+v", name, step, e.Check)
			}
		}
	}
	// One that the ledger does not know of counts, too.
	e := &evaluation{now: start, in: Input{Message: Message{Check: 7}}}
	if step := e.wait(time.Second).(Wait); step.Number != 8 {
		t.Errorf("%+v", step)
	}
}

func TestWhichLookIsTheOneThatIsWaitedFor(t *testing.T) {
	for _, tc := range []struct {
		check, awaited int
		want           bool
	}{{0, 0, false}, {0, 1, false}, {1, 0, true}, {1, 1, true}, {1, 2, false}, {2, 1, true}} {
		e := &evaluation{Record: Record{Check: Check{Number: tc.awaited}}, in: Input{Message: Message{Check: tc.check}}}
		if got := e.isAwaitedRecheck(); got != tc.want {
			t.Errorf("%d, while %d is waited for: %t", tc.check, tc.awaited, got)
		}
	}
}

// TestTroubleForTwoHours is told, once, unless it is the mail that is not taken.
func TestTroubleForTwoHours(t *testing.T) {
	for name, tc := range map[string]struct {
		since  time.Duration
		change func(*evaluation)
		want   bool
	}{
		"not yet":                   {2*time.Hour - 1, nil, false},
		"two hours":                 {2 * time.Hour, nil, true},
		"it was told":               {2 * time.Hour, func(e *evaluation) { e.Incident.StuckMailed = start }, false},
		"it is over":                {2 * time.Hour, func(e *evaluation) { e.Incident.Final = &Final{Outcome: Enforced} }, false},
		"a mail is not taken":       {2 * time.Hour, func(e *evaluation) { e.Intent = &Intent{Kind: IntentTell, Notice: NoticeDetected} }, false},
		"it is a change that hangs": {2 * time.Hour, func(e *evaluation) { e.Intent = &Intent{Kind: IntentApply} }, true},
		"nothing is open":           {2 * time.Hour, func(e *evaluation) { e.Incident = nil }, false},
	} {
		e := &evaluation{now: start, in: Input{Trouble: "503"}}
		e.Incident = &Incident{OpenedAt: start.Add(-tc.since)}
		if tc.change != nil {
			tc.change(e)
		}
		step := e.troubled()
		tell, ok := step.(Tell)
		if ok != tc.want || ok && tell.Notice.Kind != NoticeStuck || !ok && (e.Trouble != 1 || waits(step) != 10*time.Second) {
			t.Errorf("%s: %+v", name, step)
		}
		if !ok && e.Intent != nil && !e.Intent.Until.Equal(start) {
			t.Errorf("%s: what was claimed is kept until %s", name, e.Intent.Until)
		}
	}
	e := &evaluation{now: start, in: Input{Trouble: "503", Message: Message{Event: &cloudtrail.Event{}}}}
	if later, ok := e.troubled().(Later); !ok || later.Delay != 10*time.Second || later.Why != "503" {
		t.Errorf("%+v", later)
	}
}

// TestTroubleBeforeTheLook: for how long looks have shown the same is not forgotten
// because of one that was not made.
func TestTroubleBeforeTheLook(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.wakes()
	steady, compliant := *d.r.Steady, *d.r.Compliant
	for name, in := range map[string]Input{"in trouble": {Trouble: "503"}, "it is gone": {Gone: true}} {
		in.Now, in.By, in.Policy = start.Add(time.Minute), "this", enforce
		r, _ := Next(d.r, in)
		if r.Steady == nil || !r.Steady.At.Equal(steady.At) || !r.Compliant.Access.Equal(compliant.Access) || !r.Compliant.At.Equal(compliant.At) {
			t.Errorf("%s: %+v, %+v", name, r.Steady, r.Compliant)
		}
	}
}
