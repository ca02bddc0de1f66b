package incident

import (
	"net/netip"
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/trouble"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// over reports whether EKS has finished with the attempt's update.
func (a Attempt) over() bool { return endpoint.Update{Status: a.Status}.Over() }

// inProgress reports whether EKS took the attempt and has not finished with it.
func (a Attempt) inProgress() bool { return a.UpdateID != "" && !a.over() && !a.Unconfirmed }

// lost reports whether it is not known if EKS took the attempt: the answer to its
// call, or the process that waited for it, was lost.
func (a Attempt) lost() bool { return a.UpdateID == "" && !a.over() }

// unproven reports whether EKS may have taken the attempt without our knowing.
func (a Attempt) unproven() bool { return a.UpdateID == "" && (!a.over() || a.Sent > 1) }

// unproven returns the last attempt that EKS may have taken without our knowing, nil
// when there is none.
func (t *evaluation) unproven() *Attempt {
	for i := len(t.Incident.Attempts) - 1; i >= 0; i-- {
		if a := &t.Incident.Attempts[i]; a.unproven() {
			return a
		}
	}
	return nil
}

// apply asks for the desired access, unless it was tried often enough.
func (t *evaluation) apply(v verdict.Verdict, d verdict.Decision) Step {
	i := t.Incident
	if last := t.attempt(); last != nil && last.over() {
		changed := !t.in.Cluster.Access.Equal(last.From) ||
			slices.ContainsFunc(t.Watch, func(w Cause) bool { return w.At.After(last.At) })
		switch {
		case changed:
			i.Tries = 0
		case i.Tries >= maxAttempts:
			return t.decideOutcomeRemaining(v, d, Failed, nil)
		case last.Status != endpoint.UpdateSuccessful && t.now.Sub(last.OverAt) < retryAfter(i.Tries):
			i.Stage = Waiting
			if i.DetectedMailed.IsZero() {
				return t.announce()
			}
			return t.wait(last.OverAt.Add(retryAfter(i.Tries)).Sub(t.now))
		}
	}
	switch t.in.Brake {
	case BrakeNotAsked:
		return Ask{Entry: t.entry()}
	case BrakeHeld:
		return t.held()
	case BrakeGranted:
	}
	i.HeldSince, i.HeldUntil = time.Time{}, time.Time{}
	t.seen()
	t.begin(d)
	return Apply{Desired: d.Desired, Token: t.attempt().Token}
}

// maxOverLimit is how many pieces over the limit an attempt names: a list of the
// whole world is cut to a thousand.
const maxOverLimit = 12

// begin notes an attempt at what was decided. One of which it isn't known whether
// EKS took it is made again, as the same for EKS: with its token.
func (t *evaluation) begin(d verdict.Decision) {
	i := t.Incident
	next := Attempt{
		Number: 1, From: t.in.Cluster.Access, Desired: d.Desired, At: t.now, Until: t.in.Deadline,
		Reverted: d.Reverted, Dropped: d.Dropped, Kept: d.Kept, Warnings: d.Warnings, Missing: t.missing(d.Missing),
	}
	for _, loss := range d.Losses {
		if loss.Why != verdict.LossOverLimit {
			continue
		}
		if next.OverLimitCount++; len(next.OverLimit) < maxOverLimit {
			next.OverLimit = append(next.OverLimit, loss.CIDR)
		}
	}
	last := t.attempt()
	switch {
	case last != nil && last.lost() && last.Desired.Equal(d.Desired) && !last.MayBeOver:
		next.Number, next.At, next.Sent = last.Number, last.At, last.Sent
		i.Attempts = i.Attempts[:len(i.Attempts)-1]
	case last != nil:
		next.Number = last.Number + 1
	}
	next.Sent++
	next.Token = token(i.Ref, next.Number, d.Desired)
	i.Attempts = append(i.Attempts, next)
	i.Attempts = i.Attempts[max(0, len(i.Attempts)-maxCauses):]
	t.Intent = &Intent{Kind: IntentApply, By: t.in.By, Until: t.in.Deadline}
}

// noteOver takes an update that is over into what is known of EKS's history. Where it may
// be what a lost attempt began, that attempt's token would be answered with it, and no
// update be begun.
func (t *evaluation) noteOver(u endpoint.Update) {
	if u.Over() && t.maybeOurs(u) {
		for i := range t.Incident.Attempts {
			a := &t.Incident.Attempts[i]
			a.MayBeOver = a.MayBeOver || a.mayHaveBegun(u)
		}
	}
	t.History.add(u)
}

// resume takes up what an invocation that is over had begun.
func (t *evaluation) resume(i Intent) Step {
	t.Intent = nil
	if i.Kind == IntentTell && i.Notice != NoticeOwed && (i.Notice != NoticeLeft && t.Incident != nil || i.Notice == NoticeLeft && t.Left != nil) {
		return t.tell(i.Notice)
	}
	// Whether EKS took the call is not known: the attempt is lost until the event of
	// it, the id that EKS names, or the same call once more tells.
	return nil
}

// proveAttempt asks EKS once more, with the same token, for what it may be doing on
// our account: if the update in progress is the lost attempt's, EKS names it as the
// answer; if it is somebody else's, EKS refuses, and nothing changes either way.
func (t *evaluation) proveAttempt() Step {
	a := t.attempt()
	if a == nil || !a.lost() || a.Sent != 1 || t.in.Busy || !slices.ContainsFunc(t.in.History.Read, func(u endpoint.Update) bool {
		return !u.Over() && t.maybeOurs(u)
	}) {
		return nil
	}
	a.Sent++
	t.seen()
	t.Intent = &Intent{Kind: IntentApply, By: t.in.By, Until: t.in.Deadline}
	return Apply{Desired: a.Desired, Token: a.Token}
}

// maybeOurs reports whether an update may be what a lost attempt began: it asks for
// the same, at its time, and nobody else is known to have made the call.
func (t *evaluation) maybeOurs(u endpoint.Update) bool {
	if t.Incident == nil || u.Type != endpoint.EndpointAccessUpdate || !complete(u.Asked) || slices.Contains(t.Ours, u.ID) {
		return false
	}
	called := func(w Cause) bool { return w.UpdateID == u.ID && w.EventID != "" }
	if slices.ContainsFunc(t.Watch, called) || slices.ContainsFunc(t.Incident.Causes, called) {
		return false
	}
	return slices.ContainsFunc(t.Incident.Attempts, func(a Attempt) bool { return a.mayHaveBegun(u) })
}

// mayHaveBegun reports whether EKS may have taken the attempt, without our knowing, as an
// update of that time that asked for the same.
func (a Attempt) mayHaveBegun(u endpoint.Update) bool {
	// What began when that call was surely over is somebody else's.
	at := !u.CreatedAt.Before(a.At.Add(-clocksApart)) && !u.CreatedAt.After(a.Until.Add(clocksApart))
	return a.unproven() && at && u.Asked.Over(a.Desired).Equal(a.Desired)
}

// adopt takes an update for ours because CloudTrail says that the guardrail's own
// role asked for it: the answer to that call, or the record of it, was lost.
func (t *evaluation) adopt(e cloudtrail.Event) Step {
	if e.UpdateID == "" || !complete(e.Asked) || t.judge(e.Asked.Over(t.in.Cluster.Access)).Enforcing() {
		return nil // what the guardrail asks for, no rule objects to that is enforced
	}
	i := t.Incident
	asked := e.Asked.Over(t.in.Cluster.Access)
	lost := slices.IndexFunc(i.Attempts, func(a Attempt) bool { return a.unproven() && a.Desired.Equal(asked) })
	if lost >= 0 {
		t.took(&i.Attempts[lost], endpoint.Update{ID: e.UpdateID, CreatedAt: e.Time})
		return nil
	}
	// The ledger does not know of the attempt: it was restored from a copy.
	read, ok := t.in.Updates[e.UpdateID]
	switch {
	case !ok:
		return Read{Updates: []string{e.UpdateID}}
	case read.Unread && t.now.Sub(e.Time) < creditWithin:
		return t.hindered(t.in.HistoryTrouble)
	case read.Missing && t.now.Sub(e.Time).Abs() < notFoundYet:
		return t.again(lookAgain, "EKS does not show an update of our own yet")
	case read.Type != endpoint.EndpointAccessUpdate || !complete(read.Asked):
		return nil // nor what EKS does not know, or not let be read: that has no type
	}
	next := Attempt{Number: 1, From: i.Opening, Desired: read.Asked.Over(t.in.Cluster.Access), At: read.CreatedAt, Until: read.CreatedAt}
	if last := t.attempt(); last != nil {
		next.Number = last.Number + 1
	}
	i.Attempts = append(i.Attempts, next)
	t.took(&i.Attempts[len(i.Attempts)-1], read.Update)
	return nil
}

// took notes that EKS took an attempt as the update u.
func (t *evaluation) took(a *Attempt, u endpoint.Update) {
	a.UpdateID, a.Status, a.CreatedAt = u.ID, endpoint.UpdateInProgress, u.CreatedAt
	t.Ours = remember(t.Ours, u.ID)
	t.Watch = slices.DeleteFunc(t.Watch, func(w Cause) bool { return w.UpdateID == u.ID })
	t.Incident.Causes = slices.DeleteFunc(t.Incident.Causes, func(c Cause) bool { return c.UpdateID == u.ID })
	t.Incident.Stage = Updating
}

// drop forgets the last attempt: EKS never took it. Its number, and with the
// same desired access its token, is used again.
func (t *evaluation) drop() { t.Incident.Attempts = t.Incident.Attempts[:len(t.Incident.Attempts)-1] }

// Applied takes EKS's answer to an Apply into the record.
func Applied(r Record, in Input, a Answer) Record {
	t := &evaluation{Record: r.clone(), in: in, now: in.Now}
	last := t.attempt()
	// An earlier sending of the same call may have taken effect, and this be what
	// EKS says to its repetition.
	if a.Repeated {
		last.Sent++
	}
	again := last.Sent > 1
	switch a.Sort {
	case "":
		t.took(last, a.Update)
	case trouble.Transient, trouble.Unreadable:
		// It may have taken effect: the intent stays, for whoever comes next.
		intent := *t.Intent
		intent.Until = in.Now
		t.Intent = &intent
		return t.Record
	case trouble.NothingToDo:
		t.Incident.Denied++
		if !again {
			t.drop()
		}
	case trouble.Refused:
		t.end(last, endpoint.UpdateFailed, []endpoint.UpdateError{{Code: a.Code, Message: a.Text}})
	default:
		if !again {
			t.drop()
		}
	}
	t.Intent = nil
	return t.Record
}

// entry is the cluster as it stands before the brake.
func (t *evaluation) entry() brake.Entry {
	e := brake.Entry{ARN: t.Cluster.ARN, Name: t.Name, Fresh: t.calledFor(), World: t.in.Cluster.Access.World(t.in.Cluster.Family)}
	for _, rule := range t.Incident.Rules {
		if rule.Respond.Enforcing() {
			e.Rules = append(e.Rules, rule.Name)
		}
	}
	return e
}

// calledFor reports whether a call is known that caused the incident, and none before it.
func (t *evaluation) calledFor() bool {
	return slices.ContainsFunc(t.Incident.Causes, func(c Cause) bool { return c.EventID != "" && !c.Former })
}

// held waits for the brake.
func (t *evaluation) held() Step {
	i := t.Incident
	i.Stage = Waiting
	if i.HeldSince.IsZero() {
		i.HeldSince = t.now
	}
	i.HeldUntil = t.in.BrakeUntil
	if !t.calledFor() {
		// The brake's own mail counts those that were standing: hundreds of
		// mails of single clusters would tell less.
		return t.wait(heldPace)
	}
	if i.announcedInGrace() {
		return t.announce() // it was to come with the grace's end, if it was announced, and doesn't
	}
	return t.wait(lookAgain)
}

// credit is whose update put an end to a violation.
type credit int

const (
	nobodys  credit = iota // no update that is known did
	ours                   // the guardrail's own
	theirs                 // somebody else's
	anybodys               // a lost attempt's or somebody's same one: nobody tells
)

// creditOf reports whose an update is.
func (t *evaluation) creditOf(u *endpoint.Update) credit {
	switch {
	case u == nil && !t.in.History.Whole && t.Incident != nil && slices.ContainsFunc(t.Incident.Attempts, Attempt.unproven):
		return anybodys
	case u == nil:
		return nobodys
	case slices.Contains(t.Ours, u.ID):
		return ours
	case t.maybeOurs(*u):
		return anybodys
	default:
		return theirs
	}
}

// Attempt is one update of ours.
type Attempt struct {
	Number  int             `json:"number"`
	From    endpoint.Access `json:"from"`
	Desired endpoint.Access `json:"desired"`
	Token   string          `json:"token"`
	// At is when it was first asked for, Until when the invocation that last did is
	// surely over, Sent how often it was.
	At    time.Time `json:"at"`
	Until time.Time `json:"until,omitzero"`
	Sent  int       `json:"sent,omitempty"`
	// MayBeOver is set once EKS showed an update that is over and may be what it began.
	MayBeOver bool `json:"mayBeOver,omitempty"`
	// UpdateID is "" until EKS is known to have accepted it.
	UpdateID  string                 `json:"updateID,omitempty"`
	CreatedAt time.Time              `json:"createdAt,omitzero"`
	Status    endpoint.UpdateStatus  `json:"status,omitempty"`
	Errors    []endpoint.UpdateError `json:"errors,omitempty"`
	// Unconfirmed is set when EKS has not let its update be read for long, and looks
	// have shown what was asked for all the while.
	Unconfirmed bool `json:"unconfirmed,omitempty"`
	// OverAt is when it was first seen to be over.
	OverAt   time.Time      `json:"overAt,omitzero"`
	Reverted bool           `json:"reverted,omitempty"`
	Dropped  []netip.Prefix `json:"dropped,omitempty"`
	// OverLimit are the widest of the allowed pieces for which EKS's limit left no
	// place, OverLimitCount how many there were.
	OverLimit      []netip.Prefix `json:"overLimit,omitempty"`
	OverLimitCount int            `json:"overLimitCount,omitempty"`
	Kept           []string       `json:"kept,omitempty"`
	Warnings       []string       `json:"warnings,omitempty"`
	// Missing are the facts on the network that Kept and Warnings are about.
	Missing []Gap `json:"missing,omitempty"`
}
