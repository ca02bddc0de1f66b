package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/trouble"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// Next says what to do now about a cluster, and how the record reads once that
// is begun. The record is to be saved before an Apply or a Tell, and after
// anything else if it changed. Next is called again after every step but Wait,
// Later and Done, with what the step brought.
func Next(r Record, in Input) (Record, Step) {
	t := &turn{Record: r.clone(), in: in, now: in.Now}
	step := t.next()
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
	if a := r.attempt(); a != nil && a.UpdateID != "" && !a.over() {
		ids = append(ids, a.UpdateID)
	}
	return ids
}

// Superseded tells whether the message is a re-check that a later one replaced.
func (r Record) Superseded(m Message) bool { return m.Check > 0 && m.Check < r.Check.Number }

// attempt returns the last attempt of the open incident, nil when there is none.
func (r Record) attempt() *Attempt {
	if r.Incident == nil || len(r.Incident.Attempts) == 0 {
		return nil
	}
	return &r.Incident.Attempts[len(r.Incident.Attempts)-1]
}

// turn is one call of Next.
type turn struct {
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

func (t *turn) next() Step {
	if i := t.Intent; i != nil && i.By != t.in.By && t.now.Before(i.Until) && i.Until.Sub(t.now) <= longestInvocation {
		return Later{Delay: i.Until.Sub(t.now) + time.Second, Why: "another invocation is at work on the cluster"}
	}
	if t.carrier() {
		// The re-check that was on its way is here.
		t.Check.Due = time.Time{}
	}
	if t.in.Trouble != "" {
		return t.troubled()
	}
	t.Trouble = 0
	if t.in.Gone {
		return t.gone()
	}
	t.GoneAt = time.Time{}
	if read := t.learn(); read != nil {
		return read
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
	t.aside(v)
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

func (t *turn) judge(a endpoint.Access) verdict.Verdict {
	c := t.in.Cluster
	c.Access = a
	return verdict.Judge(t.in.Policy, c, t.now)
}

func (t *turn) settled(withUnknown bool) bool {
	if t.in.Cluster.Status != endpoint.StatusActive || t.in.Busy {
		return false
	}
	if a := t.attempt(); a != nil && a.UpdateID != "" && !a.over() {
		return false
	}
	return !slices.ContainsFunc(t.Watch, func(w Cause) bool { return !w.over() && (w.Status != "" || !withUnknown) })
}

// learn takes what the message and the updates tell into the record, and asks
// for what is still to be read.
func (t *turn) learn() Step {
	if e := t.in.Message.Event; e != nil {
		if step := t.hear(*e); step != nil {
			return step
		}
	}
	var unread []string
	watch := t.Watch[:0]
	for _, w := range t.Watch {
		if w.UpdateID != "" && !w.over() {
			read, ok := t.in.Updates[w.UpdateID]
			switch {
			case !ok:
				unread = append(unread, w.UpdateID)
			case read.Missing && t.now.Sub(w.At) > notFoundYet,
				!read.Missing && read.Type != "" && read.Type != endpoint.EndpointAccessUpdate:
				// No such update of this cluster, or none of the endpoint's.
				t.Past = remember(t.Past, w.UpdateID)
				continue
			case !read.Missing:
				w.Status, w.Errors = read.Status, read.Errors
				if !read.CreatedAt.IsZero() {
					w.At = read.CreatedAt
				}
				if !read.Asked.Empty() {
					w.Asked = read.Asked
				}
			}
		}
		t.note(w)
		if w.over() && (w.Status != endpoint.UpdateSuccessful || t.covered(w)) {
			t.Past = remember(t.Past, w.key())
			continue
		}
		watch = append(watch, w)
	}
	t.Watch = watch
	if a := t.attempt(); a != nil && a.UpdateID != "" && !a.over() {
		read, ok := t.in.Updates[a.UpdateID]
		switch {
		case !ok:
			unread = append(unread, a.UpdateID)
		case read.Missing:
			if t.now.Sub(a.At) > notFoundYet {
				t.end(a, endpoint.UpdateFailed, []endpoint.UpdateError{{Code: "ResourceNotFound", Message: "EKS does not know the update any more"}})
			}
		case read.Over():
			t.end(a, read.Status, read.Errors)
			if read.AfterLook {
				return Read{Look: true}
			}
		}
	}
	if len(unread) > 0 {
		return Read{Updates: unread}
	}
	return nil
}

func (t *turn) end(a *Attempt, status endpoint.UpdateStatus, errs []endpoint.UpdateError) {
	a.Status, a.Errors, a.OverAt = status, errs, t.now
	if status != endpoint.UpdateSuccessful {
		t.Incident.Tries++
	}
}

// key names a cause among the updates of its cluster.
func (c Cause) key() string {
	if c.UpdateID == "" {
		return "create"
	}
	return c.UpdateID
}

// covered tells whether an update that is over was accounted for by a former
// incident.
func (t *turn) covered(w Cause) bool {
	return slices.ContainsFunc(t.Closings, func(c Closing) bool { return !w.At.After(c.Covers) })
}

// note keeps the causes of the open incident up to date.
func (t *turn) note(w Cause) {
	if t.Incident == nil {
		return
	}
	for i, c := range t.Incident.Causes {
		if c.key() == w.key() {
			if w.EventID == "" {
				w.EventID, w.Actor = c.EventID, c.Actor
			}
			t.Incident.Causes[i] = w
			return
		}
	}
	if len(t.Incident.Causes) < maxCauses && t.violates(w.Asked) {
		t.Incident.Causes = append(t.Incident.Causes, w)
	}
}

// violates tells whether what was asked for is known and breaks a rule.
func (t *turn) violates(asked endpoint.Request) bool {
	if asked.Empty() || asked.Unreadable {
		return false
	}
	return t.judge(asked.Over(t.in.Cluster.Access)).Outcome == verdict.Violation
}

// hear takes an event into the record: as a cause to be followed, or as nothing
// but a reason to look.
func (t *turn) hear(e cloudtrail.Event) Step {
	c := t.in.Cluster
	w := Cause{Call: e.Name, EventID: e.ID, UpdateID: e.UpdateID, Actor: e.Actor, At: e.Time, Asked: e.Asked}
	switch {
	case e.Name == cloudtrail.CreateCluster:
		w.UpdateID = ""
		born := e.CreatedAt
		if born.IsZero() {
			born = e.Time
		}
		if d := c.CreatedAt.Sub(born).Abs(); d > notFoundYet || !e.CreatedAt.IsZero() && d > time.Second {
			t.why = "the event is about an earlier cluster of this name"
			return nil
		}
		w.At, w.Status = c.CreatedAt, endpoint.UpdateSuccessful
	case e.Name != cloudtrail.UpdateClusterConfig:
		return nil // the cluster itself is looked at, its tags, and whether it is there
	case slices.Contains(t.Ours, e.UpdateID):
		t.why, t.own = "an update of our own", true
		return nil
	case t.Incident != nil && t.in.OwnRole != "" && e.Actor.RoleARN == t.in.OwnRole:
		// Without an incident the guardrail changes nothing: whoever calls
		// under its role then is treated as anybody else.
		t.why, t.own = "a call of the guardrail's own role", true
		return nil
	case !e.Time.IsZero() && e.Time.Before(c.CreatedAt.Add(-time.Minute)):
		t.why = "the event is about an earlier cluster of this name"
		return nil
	}
	// What a partial request makes of the cluster depends on a look that may be old.
	unknown := !complete(e.Asked)
	if w.UpdateID == "" && e.Name == cloudtrail.UpdateClusterConfig {
		if !unknown && !t.violates(e.Asked) {
			t.harmless = true
			return nil
		}
		// The record does not say which update it began; EKS does.
		if !t.in.HistoryRead {
			return Read{History: true}
		}
		i := slices.IndexFunc(t.in.History, func(u endpoint.Update) bool {
			return u.Type == endpoint.EndpointAccessUpdate && !slices.Contains(t.Ours, u.ID) &&
				(!u.Over() || u.CreatedAt.Sub(e.Time).Abs() < 2*time.Minute)
		})
		if i < 0 {
			t.why = "the event names no update and EKS shows none of its time"
			return nil
		}
		w.UpdateID = t.in.History[i].ID
	}
	if slices.ContainsFunc(t.Watch, func(o Cause) bool { return o.key() == w.key() }) {
		return nil
	}
	if slices.Contains(t.Past, w.key()) {
		t.why = "heard of before, and dealt with"
		return nil
	}
	if !unknown && !t.violates(e.Asked) {
		now := t.judge(c.Access)
		t.harmless = true
		if c.Status == endpoint.StatusActive || c.Status == endpoint.StatusCreating || now.Outcome != verdict.Violation {
			return nil
		}
		// Somebody is closing what is open: it is followed, so that the wait
		// has a reason.
	}
	if w.At.IsZero() || w.At.After(t.now) {
		w.At = t.now
	}
	if len(t.Watch) < maxUpdates {
		t.Watch = append(t.Watch, w)
	}
	return nil
}

// resume takes up what an invocation that is over had begun.
func (t *turn) resume(i Intent) Step {
	if i.Kind == IntentTell {
		t.Intent = nil
		if i.Notice != NoticeLeft && t.Incident != nil || i.Notice == NoticeLeft && t.Left != nil {
			return t.tell(i.Notice)
		}
		return nil
	}
	if t.attempt() == nil || t.attempt().UpdateID != "" {
		t.Intent = nil
		return nil
	}
	// Whether EKS took the call is not known: its history tells.
	if !t.in.HistoryRead {
		return Read{History: true}
	}
	t.Intent = nil
	a := t.attempt()
	var taken *endpoint.Update
	for _, u := range t.in.History {
		known := slices.Contains(t.Past, u.ID) || slices.Contains(t.Ours, u.ID) ||
			slices.ContainsFunc(t.Watch, func(w Cause) bool { return w.UpdateID == u.ID })
		// What began when that invocation was surely over is somebody else's,
		// even if it asks for the same.
		at := !u.CreatedAt.Before(a.At.Add(-time.Minute)) && !u.CreatedAt.After(i.Until.Add(time.Minute))
		if !known && u.Type == endpoint.EndpointAccessUpdate && at &&
			complete(u.Asked) && u.Asked.Over(a.Desired).Equal(a.Desired) && (taken == nil || u.CreatedAt.After(taken.CreatedAt)) {
			taken = &u
		}
	}
	if taken != nil {
		t.accepted(*taken)
		if taken.Over() {
			t.end(a, taken.Status, taken.Errors)
		}
		return Read{Look: true}
	}
	t.drop()
	return nil
}

// complete tells whether a request says everything about the endpoint access.
func complete(r endpoint.Request) bool {
	return !r.Unreadable && r.Public != nil && r.Private != nil && (r.CIDRs != nil || !*r.Public)
}

// accepted notes that EKS took the last attempt as the update u.
func (t *turn) accepted(u endpoint.Update) {
	a := t.attempt()
	a.UpdateID, a.Status, a.CreatedAt = u.ID, endpoint.UpdateInProgress, u.CreatedAt
	t.Ours = remember(t.Ours, u.ID)
	t.Incident.Stage = Updating
}

// drop forgets the last attempt: EKS never took it. Its number, and with the
// same desired access its token, is used again.
func (t *turn) drop() { t.Incident.Attempts = t.Incident.Attempts[:len(t.Incident.Attempts)-1] }

// unsettled is for a cluster that cannot be changed yet, or whose look may
// still show the values from before an update.
func (t *turn) unsettled(v verdict.Verdict) Step {
	c := t.in.Cluster
	t.ClearSince = time.Time{} // looks confirm each other only while nothing changes in between
	if !t.in.Busy {
		t.DoubtSince = time.Time{}
	}
	asked := t.asked()
	unfinished := slices.ContainsFunc(t.Watch, func(w Cause) bool { return !w.over() })
	if t.Incident == nil {
		switch {
		case v.Outcome == verdict.OutOfScope:
			return t.conclude(v)
		case c.Status == endpoint.StatusDeleting:
			t.account()
			if t.Version > 0 {
				return t.wait(slowPace) // its record is to end with it
			}
			return Done{Outcome: Gone, Why: "the cluster is being deleted"}
		case v.Outcome != verdict.Violation && !unfinished && (t.harmless || t.own || c.Status != endpoint.StatusUpdating && c.Status != endpoint.StatusActive):
			return t.conclude(v)
		}
	}
	newer := t.Incident == nil && t.Before != nil &&
		slices.ContainsFunc(t.Watch, func(w Cause) bool { return !w.over() && w.At.After(t.Before.At) })
	if (t.Before == nil || newer) && (c.Status == endpoint.StatusUpdating || unfinished) {
		t.Before = &Seen{Access: c.Access, At: t.now}
	}
	if v.Outcome != verdict.Violation && slices.ContainsFunc(t.Watch, func(w Cause) bool { return w.Status != "" && !w.over() }) {
		// What stood was gone before this update began.
		t.Standing = nil
	}
	if t.Incident == nil {
		beingClosed := unfinished && asked == nil
		switch {
		case asked != nil && !t.stands(t.judge(*asked)):
			t.open(t.judge(*asked), asked)
		case v.Outcome == verdict.Violation && !beingClosed && !t.stands(v):
			t.open(v, nil)
		}
	}
	since := t.now
	if i := t.Incident; i != nil {
		since = i.OpenedAt
		i.Status, t.looked = c.Status, true
		if a := t.attempt(); a != nil && a.UpdateID != "" && !a.over() {
			i.Stage, since = Updating, a.At
		} else {
			i.Stage = Waiting
		}
		if i.DetectedMailed.IsZero() {
			return t.tell(NoticeDetected)
		}
		i.HeldSince, i.HeldUntil = time.Time{}, time.Time{}
		if t.now.Sub(i.OpenedAt) >= stuckAfter && i.StuckMailed.IsZero() {
			return t.tell(NoticeStuck)
		}
	} else if t.Before != nil {
		since = t.Before.At
	}
	if t.Incident != nil && t.Incident.Denied > 0 {
		return t.wait(max(pace(c, since, t.now), troubleDelay(t.Incident.Denied)))
	}
	return t.wait(pace(c, since, t.now))
}

// asked returns the access that an unfinished update asks for against the
// policy, nil when none is known to.
func (t *turn) asked() *endpoint.Access {
	for _, w := range t.Watch {
		// One that EKS does not show is not believed yet.
		if w.Status != "" && !w.over() && t.violates(w.Asked) {
			a := w.Asked.Over(t.in.Cluster.Access)
			return &a
		}
	}
	return nil
}

// stands tells whether the violation was told when an incident was closed over it.
func (t *turn) stands(v verdict.Verdict) bool {
	return t.Standing != nil && t.Standing.Fingerprint == fingerprint(v)
}

// open opens an incident over the verdict. The asked access is given when EKS
// does not show it yet.
func (t *turn) open(v verdict.Verdict, asked *endpoint.Access) {
	c := t.in.Cluster
	i := &Incident{
		OpenedAt: t.now, Stage: Detected, Asked: asked, Opening: v.Cluster.Access, Rules: notes(v.Violations()),
		Status: c.Status, Family: c.Family, AlertOnly: !v.Enforcing(), Before: t.earlier(),
	}
	i.nearest(v)
	key := ""
	for _, w := range t.Watch {
		if t.violates(w.Asked) {
			i.Causes = append(i.Causes, w)
			key = w.key()
		}
	}
	switch {
	case key != "":
	case c.Status == endpoint.StatusCreating:
		key = "create"
	default:
		key = "found"
	}
	if t.Opened > 0 && key == "found" {
		key = fmt.Sprintf("found %d", t.Opened)
	}
	i.Ref = reference(c.ID, key)
	t.Incident = i
	t.facts()
	t.peace()
	t.Opened++
	t.ClearSince = time.Time{}
}

// nearest notes what would satisfy every rule.
func (i *Incident) nearest(v verdict.Verdict) {
	var before *endpoint.Access
	if i.Before != nil {
		before = &i.Before.Access
	}
	if a := verdict.Nearest(v, before); i.Nearest == nil || !i.Nearest.Equal(a) {
		i.Nearest = &a
	}
}

// seen notes that the incident is as this check found it. It is for where the
// record is written anyway.
func (t *turn) seen() {
	if t.Incident != nil && t.looked {
		t.Incident.LookedAt = t.now
	}
}

// earlier returns the configuration right before the incident: the newest that
// is known of and that no enforcing rule was violated by. A violation that stands
// keeps what was right before it, so that it can still be reverted later.
func (t *turn) earlier() *Seen {
	if t.Incident != nil {
		return t.Incident.Before
	}
	known := []*Seen{t.Before}
	if s := t.Standing; s != nil {
		if s.Now != nil {
			known = append(known, &Seen{Access: *s.Now, At: s.Since})
		}
		known = append(known, s.Before)
	}
	for _, seen := range append(known, t.Compliant) {
		if seen != nil && !t.judge(seen.Access).Enforcing() {
			return seen
		}
	}
	if t.Compliant != nil {
		return t.Compliant
	}
	return t.Before
}

// settle is for a cluster that shows what it is and can be changed.
func (t *turn) settle(v verdict.Verdict) Step {
	if v.Outcome == verdict.Violation {
		return t.violation(v)
	}
	i := t.Incident
	if i == nil {
		if !slices.ContainsFunc(t.Watch, func(w Cause) bool { return t.violates(w.Asked) }) {
			return t.conclude(v)
		}
		if t.Before == nil {
			// An old look, or somebody undid it: either way that is what was
			// there right before, should the next look show the violation.
			t.Before = &Seen{Access: t.in.Cluster.Access, At: t.now}
		}
		if !t.seenClear() {
			return t.wait(lookAgain)
		}
		w := t.Watch[slices.IndexFunc(t.Watch, func(w Cause) bool { return t.violates(w.Asked) })]
		if step := t.doubt(); step != nil {
			return step
		}
		asked := w.Asked.Over(t.in.Cluster.Access)
		t.open(t.judge(asked), &asked)
		return t.final(v, AlreadyUndone, WhyUndone)
	}
	i.Status, t.looked = t.in.Cluster.Status, true
	ours := t.attempt()
	if ours != nil && ours.Status != endpoint.UpdateSuccessful {
		ours = nil
	}
	if ours != nil && !slices.ContainsFunc(t.Watch, func(w Cause) bool { return w.At.After(ours.CreatedAt) }) {
		return t.final(v, Enforced, "")
	}
	if !t.seenClear() {
		return t.wait(lookAgain)
	}
	if ours != nil {
		// Somebody opened it again after our update: the look may be from
		// before that.
		if step := t.doubt(); step != nil {
			return step
		}
		return t.final(v, Enforced, "")
	}
	if t.in.Cluster.Access.Equal(i.Opening) {
		return t.final(v, Outcome(v.Outcome), WhyAllowed)
	}
	if len(i.Causes) > 0 && !slices.ContainsFunc(i.Causes, func(c Cause) bool { return !c.over() || c.Status == endpoint.UpdateSuccessful }) {
		if step := t.underWay(); step != nil {
			return step
		}
		return t.final(v, AlreadyUndone, WhyNotDone)
	}
	if step := t.doubt(); step != nil {
		return step
	}
	return t.final(v, AlreadyUndone, WhyUndone)
}

// undoneBy returns the last call that is known to have asked for what the policy
// admits, nil when none is. An update that only EKS's history tells of has no caller.
func (t *turn) undoneBy() *Cause {
	var last *Cause
	for _, w := range t.Watch {
		if !w.Asked.Empty() && !w.Asked.Unreadable && w.Status == endpoint.UpdateSuccessful && !t.violates(w.Asked) && (last == nil || w.At.After(last.At)) {
			last = &w
		}
	}
	if newest := t.newest(); last == nil && newest != nil && !slices.Contains(t.Ours, newest.ID) && !t.violates(newest.Asked) {
		last = &Cause{Call: cloudtrail.UpdateClusterConfig, UpdateID: newest.ID, At: newest.CreatedAt, Asked: newest.Asked, Status: newest.Status}
	}
	return last
}

// doubt asks EKS's history whether the last endpoint update is what is shown,
// and none is in progress. As long as it is not, the looks are taken for old ones;
// but not for ever.
func (t *turn) doubt() Step {
	if step := t.underWay(); step != nil {
		return step
	}
	if t.now.Sub(t.ClearSince) >= staleFor {
		return nil
	}
	now := t.in.Cluster.Access
	if newest := t.newest(); newest != nil && newest.Asked.Over(now).Equal(now) {
		return nil
	}
	return t.wait(lookAgain)
}

// underWay waits while EKS's history has an endpoint update in progress, of which
// no event may have come yet.
func (t *turn) underWay() Step {
	if !t.in.HistoryRead {
		return Read{History: true}
	}
	if slices.ContainsFunc(t.in.History, func(u endpoint.Update) bool { return u.Type == endpoint.EndpointAccessUpdate && !u.Over() }) {
		return t.wait(lookAgain)
	}
	return nil
}

// newest returns the endpoint update that EKS finished last, as its history
// tells, nil when it tells of none.
func (t *turn) newest() *endpoint.Update {
	var newest *endpoint.Update
	for _, u := range t.in.History {
		if u.Type == endpoint.EndpointAccessUpdate && u.Status == endpoint.UpdateSuccessful &&
			(newest == nil || u.CreatedAt.After(newest.CreatedAt)) {
			newest = &u
		}
	}
	return newest
}

// seenClear tells whether an earlier look already found no violation: after
// every change EKS shows old values for a moment, so one look is not enough.
func (t *turn) seenClear() bool {
	if t.ClearSince.IsZero() {
		t.ClearSince = t.now
		return false
	}
	return t.now.Sub(t.ClearSince) >= lookAgain-time.Second
}

// violation is for a settled cluster that breaks a rule.
func (t *turn) violation(v verdict.Verdict) Step {
	t.ClearSince = time.Time{}
	var before *endpoint.Access
	if seen := t.earlier(); seen != nil {
		before = &seen.Access
	}
	d := verdict.Decide(v, before, t.in.Network)
	if d.Action == verdict.NeedNetwork {
		return Read{Network: true}
	}
	told := t.Incident == nil && t.told(v, d)
	if d.Action != verdict.Apply && !(told && len(t.Watch) == 0) {
		// What is shown may be an old violation, and what is there a worse one.
		if !t.in.HistoryRead {
			return Read{History: true}
		}
		if step := t.fresh(); step != nil {
			return step
		}
	}
	if t.Incident == nil {
		if told {
			t.account()
			t.Standing = t.standing(v)
			if until := t.Standing.Until; until.After(t.now) {
				return t.wait(min(until.Sub(t.now), slowPace))
			}
			return Done{Outcome: t.Standing.Outcome, Why: "stands as told under " + t.Standing.Ref}
		}
		t.open(v, nil)
	}
	i := t.Incident
	last := t.attempt()
	if last != nil && last.Status == endpoint.UpdateSuccessful && t.now.Sub(last.OverAt) < staleFor && t.in.Cluster.Access.Equal(last.From) {
		// Our update is Successful and the look shows the values from before
		// it: more likely an old look than a new change.
		return t.unsettled(v)
	}
	if i.SettledAt.IsZero() {
		i.SettledAt = t.now
	}
	i.nearest(v)
	enforced := slices.ContainsFunc(i.Attempts, func(a Attempt) bool { return a.Status == endpoint.UpdateSuccessful })
	i.Status, t.looked = t.in.Cluster.Status, true
	if !enforced || d.Action == verdict.Apply {
		// Else what is violated now is only what is left of it.
		i.Rules, i.AlertOnly = notes(v.Violations()), !v.Enforcing()
	}
	switch {
	case d.Action == verdict.Apply:
		return t.apply(v, d)
	case enforced:
		return t.finalLeft(v, d, PartlyEnforced)
	case d.Action == verdict.Blocked:
		return t.finalLeft(v, d, Blocked)
	default:
		return t.finalLeft(v, d, Violation)
	}
}

// told tells whether the verdict and what could be done about it are what a
// former incident was closed over.
func (t *turn) told(v verdict.Verdict, d verdict.Decision) bool {
	if !t.stands(v) {
		return false
	}
	if d.Action != verdict.Apply {
		return true
	}
	// After three failed attempts nothing more is tried until somebody changes
	// the cluster, even to what it was.
	return t.Standing.Outcome == Failed && len(t.Watch) == 0
}

// standing is the present one with the end of a rule's grace brought up to date.
func (t *turn) standing(v verdict.Verdict) *Standing {
	s := *t.Standing
	s.Until = v.NextChange()
	return &s
}

// apply asks for the desired access, unless it was tried often enough.
func (t *turn) apply(v verdict.Verdict, d verdict.Decision) Step {
	i := t.Incident
	if last := t.attempt(); last != nil && last.over() {
		changed := !t.in.Cluster.Access.Equal(last.From) ||
			slices.ContainsFunc(t.Watch, func(w Cause) bool { return w.At.After(last.At) })
		switch {
		case changed:
			i.Tries = 0
		case i.Tries >= maxAttempts:
			return t.finalLeft(v, d, Failed)
		case last.Status != endpoint.UpdateSuccessful && t.now.Sub(last.OverAt) < retryAfter(i.Tries):
			i.Stage = Waiting
			if i.DetectedMailed.IsZero() {
				return t.tell(NoticeDetected)
			}
			return t.wait(last.OverAt.Add(retryAfter(i.Tries)).Sub(t.now))
		}
	}
	if !t.in.HistoryRead {
		return Read{History: true}
	}
	if step := t.fresh(); step != nil {
		return step
	}
	switch t.in.Brake {
	case BrakeNotAsked:
		return Ask{Entry: t.entry()}
	case BrakeHeld:
		return t.held()
	}
	i.HeldSince, i.HeldUntil = time.Time{}, time.Time{}
	t.seen()
	number := 1
	if last := t.attempt(); last != nil {
		number = last.Number + 1
	}
	i.Attempts = append(i.Attempts, Attempt{
		Number: number, From: t.in.Cluster.Access, Desired: d.Desired, Token: token(i.Ref, number, d.Desired), At: t.now,
		Reverted: d.Reverted, Dropped: d.Dropped, Kept: d.Kept, Warnings: d.Warnings, Missing: t.missing(d.Missing),
	})
	i.Attempts = i.Attempts[max(0, len(i.Attempts)-maxCauses):]
	t.Intent = &Intent{Kind: IntentApply, By: t.in.By, Until: t.in.Deadline}
	return Apply{Desired: d.Desired, Token: t.attempt().Token}
}

// entry is the cluster as it stands before the brake.
func (t *turn) entry() Entry {
	e := Entry{ARN: t.Cluster.ARN, Name: t.Name, Fresh: t.caused(), World: t.in.Cluster.Access.World(t.in.Cluster.Family)}
	for _, rule := range t.Incident.Rules {
		if rule.Respond.Enforcing() {
			e.Rules = append(e.Rules, rule.Name)
		}
	}
	return e
}

// caused tells whether a call is known that caused the incident.
func (t *turn) caused() bool {
	return slices.ContainsFunc(t.Incident.Causes, func(c Cause) bool { return c.EventID != "" })
}

// held waits for the brake.
func (t *turn) held() Step {
	i := t.Incident
	i.Stage = Waiting
	if i.HeldSince.IsZero() {
		i.HeldSince = t.now
	}
	i.HeldUntil = t.in.BrakeUntil
	if !t.caused() {
		// The brake's own mail counts those that were standing: hundreds of
		// mails of single clusters would tell less.
		return t.wait(heldPace)
	}
	if i.DetectedMailed.IsZero() {
		return t.tell(NoticeDetected)
	}
	return t.wait(lookAgain)
}

// fresh holds an apply back while EKS's history contradicts the look: an update
// is in progress whatever the status says, or the last one asked for something
// else than what is shown.
func (t *turn) fresh() Step {
	for _, u := range t.in.History {
		if !u.Over() {
			t.in.Busy = true
			return t.unsettled(t.judge(t.in.Cluster.Access))
		}
	}
	newest := t.newest()
	if newest == nil || t.now.Sub(newest.CreatedAt) > stuckAfter {
		return nil
	}
	if !newest.Asked.Over(t.in.Cluster.Access).Equal(t.in.Cluster.Access) {
		if t.DoubtSince.IsZero() {
			t.DoubtSince = t.now
		}
		if t.now.Sub(t.DoubtSince) < staleFor {
			t.in.Busy = true
			return t.unsettled(t.judge(t.in.Cluster.Access))
		}
		return nil
	}
	t.DoubtSince = time.Time{}
	if slices.Contains(t.Ours, newest.ID) {
		return nil
	}
	// The update that made it so, whether or not its event ever comes.
	t.note(Cause{Call: cloudtrail.UpdateClusterConfig, UpdateID: newest.ID, At: newest.CreatedAt, Asked: newest.Asked, Status: newest.Status})
	return nil
}

// Applied takes EKS's answer to an Apply into the record.
func Applied(r Record, in Input, a Answer) Record {
	t := &turn{Record: r.clone(), in: in, now: in.Now}
	switch a.Sort {
	case "":
		t.accepted(a.Update)
	case trouble.Transient, trouble.Unreadable:
		// It may have taken effect: the intent stays, for whoever comes next.
		intent := *t.Intent
		intent.Until = in.Now
		t.Intent = &intent
		return t.Record
	case trouble.NothingToDo:
		t.drop()
		t.Incident.Denied++
	case trouble.Refused:
		t.end(t.attempt(), endpoint.UpdateFailed, []endpoint.UpdateError{{Code: a.Code, Message: a.Text}})
	default:
		t.drop()
	}
	t.Intent = nil
	return t.Record
}

// finalLeft ends the incident with a violation that stays.
func (t *turn) finalLeft(v verdict.Verdict, d verdict.Decision, outcome Outcome) Step {
	f := t.ending(v, outcome, "")
	f.Left, f.Kept, f.Warn, f.Fingerprint = notes(v.Violations()), d.Kept, d.Warnings, fingerprint(v)
	f.Missing = t.missing(d.Missing)
	return t.tell(NoticeOutcome)
}

// final decides the outcome and asks for its mail.
func (t *turn) final(v verdict.Verdict, outcome Outcome, why string) Step {
	t.ending(v, outcome, why)
	return t.tell(NoticeOutcome)
}

// ending decides the outcome.
func (t *turn) ending(v verdict.Verdict, outcome Outcome, why string) *Final {
	f := &Final{Outcome: outcome, Why: why, At: t.now, Now: v.Cluster.Access}
	if why == WhyUndone {
		f.UndoneBy = t.undoneBy()
	}
	if outcome == Enforced || outcome == PartlyEnforced {
		if tug := t.tug(); tug != nil && t.TugSince.IsZero() {
			f.Tug = tug
		}
	}
	t.Incident.Final = f
	return f
}

func (t *turn) tell(kind NoticeKind) Step {
	t.seen()
	if t.folded(kind) {
		return Tell{Notice: Notice{Kind: kind, Record: t.clone(), At: t.now}, Folded: true}
	}
	t.Intent = &Intent{Kind: IntentTell, Notice: kind, By: t.in.By, Until: t.in.Deadline}
	return Tell{Notice: Notice{Kind: kind, Record: t.clone(), At: t.now}}
}

// Told takes into the record that a mail was handed to SNS, or left to the
// digest. With the outcome's the incident is closed.
func Told(r Record, in Input, kind NoticeKind) Record {
	t := &turn{Record: r.clone(), in: in, now: in.Now}
	t.Intent = nil
	if t.folded(kind) {
		t.Incident.Folded = append(slices.Clone(t.Incident.Folded), kind)
	}
	switch {
	case kind == NoticeLeft:
		t.Left = nil
	case t.Incident == nil:
	case kind == NoticeDetected:
		t.Incident.DetectedMailed = t.now
	case kind == NoticeStuck:
		t.Incident.StuckMailed = t.now
	case t.Incident.Final != nil:
		t.close()
	}
	return t.Record
}

func (t *turn) close() {
	i := t.Incident
	covers := i.SettledAt
	for _, a := range i.Attempts {
		if a.Status == endpoint.UpdateSuccessful && a.CreatedAt.After(covers) {
			covers = a.CreatedAt
		}
	}
	t.Closings = append(t.Closings, Closing{Ref: i.Ref, Outcome: i.Final.Outcome, At: t.now, Opened: i.OpenedAt, Covers: covers, By: by(*i), Story: i})
	if i.Final.Tug != nil {
		t.TugSince = t.now
	}
	t.Closings = t.Closings[max(0, len(t.Closings)-maxClosings):]
	keepStories(t.Closings)
	t.Standing = nil
	switch i.Final.Outcome {
	case Enforced, AlreadyUndone, Compliant:
		// Somebody may change it before the next look.
		t.Compliant = &Seen{Access: i.Final.Now, At: i.Final.At}
	}
	if i.Final.Fingerprint != "" {
		t.Standing = &Standing{Fingerprint: i.Final.Fingerprint, Ref: i.Ref, Outcome: i.Final.Outcome, Since: i.OpenedAt, Rules: i.Final.Left, Family: i.Family}
		now := i.Final.Now.Clone()
		t.Standing.Now, t.Standing.Before = &now, i.Before
	}
	for _, c := range i.Causes {
		if c.over() {
			t.Past = remember(t.Past, c.key())
		}
	}
	t.Watch = slices.DeleteFunc(t.Watch, func(w Cause) bool {
		return slices.Contains(t.Past, w.key()) || w.over() && t.covered(w)
	})
	t.Incident, t.Before, t.ClearSince, t.DoubtSince = nil, nil, time.Time{}, time.Time{}
}

// conclude ends a check that found nothing wrong.
func (t *turn) conclude(v verdict.Verdict) Step {
	t.Standing = nil
	if v.Outcome == verdict.OutOfScope {
		t.Watch = nil
	}
	if v.Outcome == verdict.Compliant && t.settled(false) && (t.Compliant == nil || !t.Compliant.Access.Equal(t.in.Cluster.Access)) {
		t.Compliant = &Seen{Access: t.in.Cluster.Access, At: t.now}
	}
	t.account()
	if t.why != "" {
		return Done{Outcome: Ignored, Why: t.why}
	}
	return Done{Outcome: Outcome(v.Outcome), Why: v.Why}
}

// account takes the updates that are over as dealt with.
func (t *turn) account() {
	t.Watch = slices.DeleteFunc(t.Watch, func(w Cause) bool {
		if w.over() {
			t.Past = remember(t.Past, w.key())
		}
		return w.over()
	})
	t.Before, t.ClearSince = nil, time.Time{}
}

// gone is for a cluster that EKS does not know.
func (t *turn) gone() Step {
	if !t.in.Replaced && t.now.Sub(t.Cluster.CreatedAt) < notFoundYet {
		return t.again(lookAgain, "EKS does not know the new cluster yet")
	}
	if i := t.Incident; i != nil {
		if i.Final != nil {
			return t.tell(NoticeOutcome)
		}
		if !t.in.Replaced && (t.GoneAt.IsZero() || t.now.Sub(t.GoneAt) < lookAgain-time.Second) {
			if t.GoneAt.IsZero() {
				t.GoneAt = t.now
			}
			return t.wait(lookAgain)
		}
		t.Incident.Final = &Final{Outcome: Gone, Why: WhyDeleted, At: t.now, Now: i.Opening}
		return t.tell(NoticeOutcome)
	}
	if t.Left != nil {
		return t.tell(NoticeLeft)
	}
	if t.GoneAt.IsZero() {
		t.GoneAt = t.now
		if !t.in.Replaced && (len(t.Watch) > 0 || t.Standing != nil) {
			return t.again(lookAgain, "EKS does not know the cluster; it is looked for once more")
		}
	}
	t.Watch, t.Standing, t.Before, t.Intent = nil, nil, nil, nil
	return Done{Outcome: Gone, Why: "the cluster does not exist any more"}
}

// troubled is for a check that AWS did not let be made.
func (t *turn) troubled() Step {
	telling := t.Intent != nil && t.Intent.Kind == IntentTell // it is the mail that is not taken
	if i := t.Incident; i != nil && !telling && i.Final == nil && t.now.Sub(i.OpenedAt) >= stuckAfter && i.StuckMailed.IsZero() {
		return t.tell(NoticeStuck)
	}
	t.Trouble++
	if i := t.Intent; i != nil {
		// This invocation gives up what it claimed, for whoever comes next.
		released := *i
		released.Until = t.now
		t.Intent = &released
	}
	return t.again(troubleDelay(t.Trouble), t.in.Trouble)
}

// again asks for a re-check, with the event if there is one: what it tells is
// not in the record yet.
func (t *turn) again(delay time.Duration, why string) Step {
	if t.in.Message.Event != nil {
		return Later{Delay: delay, Why: why}
	}
	return t.wait(delay)
}

// carrier tells whether the message is the re-check that the record waits for.
func (t *turn) carrier() bool {
	return t.in.Message.Check > 0 && t.in.Message.Check >= t.Check.Number
}

// wait asks for a re-check, unless one that is on its way comes soon enough.
func (t *turn) wait(delay time.Duration) Step {
	delay = max(delay, time.Second)
	due := t.now.Add(delay)
	if t.Check.Due.After(t.now.Add(-overdue)) && !t.Check.Due.After(due.Add(5*time.Second)) {
		return Done{Why: "the next check is due at " + t.Check.Due.UTC().Format(time.RFC3339)}
	}
	t.seen()
	t.Check = Check{Number: max(t.Check.Number, t.in.Message.Check) + 1, Due: due}
	return Wait{Delay: delay, Number: t.Check.Number}
}
