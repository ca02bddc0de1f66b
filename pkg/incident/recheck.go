package incident

import (
	"slices"
	"time"
)

// troubled is for a check that AWS did not let be made.
func (t *evaluation) troubled() Step {
	telling := t.Intent != nil && t.Intent.Kind == IntentTell // it is the mail that is not taken
	if i := t.Incident; i != nil && !telling && i.Final == nil && t.now.Sub(i.OpenedAt) >= stuckAfter && i.StuckMailed.IsZero() {
		i.Obstacle, i.Shown = t.in.Trouble, nil
		return t.tell(NoticeStuck)
	}
	if i := t.Intent; i != nil {
		// This invocation gives up what it claimed, for whoever comes next.
		released := *i
		released.Until = t.now
		t.Intent = &released
	}
	return t.hindered(t.in.Trouble)
}

// hindered asks for a re-check after something that AWS did not let be done, later from
// check to check.
func (t *evaluation) hindered(why string) Step {
	t.Trouble++
	return t.again(troubleDelay(t.Trouble), why)
}

// again asks for a re-check, with what the message tells and the record does not have
// yet.
func (t *evaluation) again(delay time.Duration, why string) Step {
	if began := t.in.Message.Began; t.in.Message.Event != nil || began != "" && !slices.Contains(t.Ours, began) {
		return Later{Delay: delay, Why: why}
	}
	return t.wait(delay)
}

// isAwaitedRecheck reports whether the message is the re-check that the record waits
// for.
func (t *evaluation) isAwaitedRecheck() bool {
	return t.in.Message.Check > 0 && t.in.Message.Check >= t.Check.Number
}

// wait asks for a re-check, unless one that is on its way comes soon enough.
func (t *evaluation) wait(delay time.Duration) Step {
	if due := t.due(); !due.IsZero() {
		delay = min(delay, due.Sub(t.now))
	}
	delay = max(delay, time.Second)
	if t.in.Replaced {
		return Wait{Delay: delay} // with the newer cluster's re-check
	}
	due := t.now.Add(delay)
	if t.Check.Due.After(t.now.Add(-overdue)) && !t.Check.Due.After(due.Add(5*time.Second)) {
		return Done{Why: "the next check is due at " + t.Check.Due.UTC().Format(time.RFC3339)}
	}
	t.seen()
	number := max(t.Check.Number, t.in.Message.Check) + 1
	if t.waitsBecauseOf(t.in.Message) {
		// Whichever of the two comes first is the one that is waited for: should this
		// check, too, die before it sends, the other is not superseded for nothing.
		number = t.Check.Number
	}
	t.Check = Check{Number: number, Due: due, From: t.in.Message.ID}
	return Wait{Delay: delay, Number: t.Check.Number}
}
