package incident

import (
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// Next says what to do now about a cluster, and how the record reads once that
// is begun. The record is to be saved before an Apply, a Tell or a Wait is carried
// out, and after anything else if it changed. Next is called again after every step
// but Wait, Later and Done, with what the step brought.
func Next(r Record, in Input) (Record, Step) {
	t := &evaluation{Record: r.clone(), in: in, now: in.Now}
	step := t.next()
	_, waits := step.(Wait)
	_, ends := step.(Done)
	tell, tells := step.(Tell)
	tells = tells && !tell.Folded // what is owed comes first: mails keep their order
	if debtor := (&evaluation{Record: r.clone(), in: in, now: in.Now}); (waits || ends || tells) && debtor.payable() {
		return debtor.Record, debtor.pay(t)
	}
	if due := t.due(); ends && !due.IsZero() {
		step = t.wait(due.Sub(t.now))
	}
	if _, done := step.(Done); done && t.Check.Due.IsZero() && t.isAwaitedRecheck() {
		// A copy of it has nothing more to say.
		t.Check = Check{Number: in.Message.Check + 1}
	}
	switch step.(type) {
	case Wait, Done:
		if in.Trouble == "" && in.HistoryTrouble == "" && in.NetworkTrouble == "" {
			t.Trouble = 0 // only a check that AWS let come to its end
		}
	}
	return t.Record, step
}

// Wanted are the updates that a check must read before it looks at the cluster,
// so that the look is the later of the two.
func (r Record) Wanted() []string {
	var ids []string
	for _, w := range r.Watch {
		if w.UpdateID != "" && !w.over() {
			ids = append(ids, w.UpdateID)
		}
	}
	if r.Incident != nil {
		for _, a := range r.Incident.Attempts {
			if a.inProgress() {
				ids = append(ids, a.UpdateID)
			}
		}
	}
	return ids
}

// Superseded reports whether the message is a re-check that a later one replaced.
// The message whose check asked for that later one is not: if it comes again, that
// check did not come to its end, and the later one may never have been sent.
func (r Record) Superseded(m Message) bool {
	return m.Check > 0 && m.Check < r.Check.Number && !r.waitsBecauseOf(m)
}

// waitsBecauseOf reports whether it was the message's own check that asked for the re-check
// that is on its way.
func (r Record) waitsBecauseOf(m Message) bool { return m.ID != "" && m.ID == r.Check.From }

// attempt returns the last attempt of the open incident, nil when there is none.
func (r Record) attempt() *Attempt {
	if r.Incident == nil || len(r.Incident.Attempts) == 0 {
		return nil
	}
	return &r.Incident.Attempts[len(r.Incident.Attempts)-1]
}

// evaluation is one call of Next.
type evaluation struct {
	Record
	in  Input
	now time.Time
	// why says what the event was taken for.
	why string
	// harmless is set for an event that asked for what the policy admits.
	harmless bool
	// own is set for an event of the guardrail's own.
	own bool
	// looked is set once the cluster's status was taken into the incident.
	looked bool
}

func (t *evaluation) next() Step {
	if i := t.Intent; i != nil && i.By != t.in.By && t.now.Before(i.Until) && i.Until.Sub(t.now) <= longestInvocation {
		return Later{Delay: i.Until.Sub(t.now) + time.Second, Why: "another invocation is at work on the cluster"}
	}
	if t.isAwaitedRecheck() || t.waitsBecauseOf(t.in.Message) {
		// The re-check that was on its way is here, or was perhaps never sent.
		t.Check.Due = time.Time{}
	}
	if t.in.Cluster.Name != "" {
		t.rememberLook()
	}
	switch {
	case t.in.Trouble != "":
		return t.troubled()
	case t.in.Gone:
		return t.gone()
	}
	t.GoneAt = time.Time{}
	if step := t.refreshUpdates(); step != nil {
		return step
	}
	if i := t.Intent; i != nil && i.By != t.in.By {
		if step := t.resume(*i); step != nil {
			return step
		}
	}
	if t.Incident != nil && t.Incident.Final != nil {
		return t.tell(NoticeOutcome)
	}
	v := t.judge(t.in.Cluster.Access)
	if since := t.now.Sub(t.JudgedAt); since >= judgedEvery || t.in.Message.Sweep && since >= lookAgain {
		t.JudgedAt = t.now
	}
	t.aside(v)
	t.standingOver(v)
	t.facts()
	t.reach(v)
	if t.Left != nil {
		return t.tell(NoticeLeft)
	}
	// An update that EKS does not know holds back a conclusion, not an action:
	// a forged event must not keep an open cluster open.
	if t.settled(v.Outcome == verdict.Violation) {
		return t.settle(v)
	}
	return t.unsettled(v)
}

func (t *evaluation) judge(a endpoint.Access) verdict.Verdict {
	c := t.in.Cluster
	c.Access = a
	return verdict.Judge(t.in.Policy, c, t.now)
}
