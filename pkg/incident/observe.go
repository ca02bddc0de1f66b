package incident

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// rememberLook keeps what a look shows beyond the check, whatever else goes wrong
// in it: the last state that no rule objects to, the last that no enforcing rule
// does, and for how long looks have shown the same.
func (t *evaluation) rememberLook() {
	c := t.in.Cluster
	switch {
	case c.Status != endpoint.StatusActive || t.in.Busy:
		t.Steady = nil
	case t.Steady == nil || !t.Steady.Access.Equal(c.Access):
		t.Steady = &Seen{Access: c.Access, At: t.now}
	}
	if t.First == nil && t.JudgedAt.IsZero() {
		t.First = &Seen{Access: c.Access, At: t.now}
	}
	v := t.judge(c.Access)
	switch {
	case v.Outcome != verdict.Violation:
		t.Compliant = t.Compliant.or(c.Access, t.now)
	case !v.Enforcing():
		t.Admitted = t.Admitted.or(c.Access, t.now)
	}
}

// or is what was seen, unless the access is another: then that, seen now.
func (s *Seen) or(a endpoint.Access, now time.Time) *Seen {
	if s != nil && s.Access.Equal(a) {
		return s
	}
	return &Seen{Access: a, At: now}
}

// steadyFor is for how long the looks, this one among them, have shown the same of
// a cluster at rest.
func (t *evaluation) steadyFor() time.Duration {
	if t.Steady == nil {
		return 0
	}
	return t.now.Sub(t.Steady.At)
}

// steadySince is when looks first showed what all have since, zero if they do not.
func (t *evaluation) steadySince() time.Time {
	if t.Steady == nil {
		return time.Time{}
	}
	return t.Steady.At
}

func (t *evaluation) settled(withUnknown bool) bool {
	if t.in.Cluster.Status != endpoint.StatusActive || t.in.Busy {
		return false
	}
	if t.Incident != nil && slices.ContainsFunc(t.Incident.Attempts, Attempt.inProgress) {
		return false
	}
	return !slices.ContainsFunc(t.Watch, func(w Cause) bool {
		known := w.Status != "" && !t.in.Updates[w.UpdateID].Unread
		return !w.over() && (known || !withUnknown)
	})
}

// refreshUpdates takes what the message and the updates tell into the record, and
// asks for what is still to be read.
func (t *evaluation) refreshUpdates() Step {
	t.takeHistory()
	if id := t.in.Message.Began; id != "" && t.Incident != nil && !slices.Contains(t.Ours, id) {
		read, ok := t.in.Updates[id]
		if !ok {
			return Read{Updates: []string{id}}
		}
		if a := t.unproven(); read.Unread && a != nil && t.now.Sub(a.At) < creditWithin {
			return t.hindered(t.in.HistoryTrouble)
		}
		// No message is believed that EKS could tell otherwise, and none holds up a cluster
		// for long that EKS does not tell of.
		if !read.Unread && t.maybeOurs(read.Update) {
			t.took(t.unproven(), read.Update)
		}
	}
	if e := t.in.Message.Event; e != nil {
		if step := t.recordEvent(*e); step != nil {
			return step
		}
	}
	unread := t.refreshWatched()
	more, look := t.refreshAttempts()
	if unread = append(unread, more...); len(unread) > 0 {
		return Read{Updates: unread, Look: look}
	}
	if look {
		return Read{Look: true}
	}
	return nil
}

// refreshWatched follows the updates of others, and returns the ids of those that
// are still to be read.
func (t *evaluation) refreshWatched() (unread []string) {
	watch := t.Watch[:0]
	for _, w := range t.Watch {
		if w.UpdateID != "" && !w.over() {
			read, ok := t.in.Updates[w.UpdateID]
			switch {
			case !ok:
				unread = append(unread, w.UpdateID)
			case read.Unread:
				// However late it is heard of: a look that shows it, shows it.
				w.Shown = w.Shown || t.violates(w.Asked) && t.shows(w.Asked)
				if t.steadyFor() < creditWithin || t.now.Sub(w.At) < creditWithin {
					break
				}
				// Whatever it did is what the looks have shown since.
				if !w.Shown {
					t.updateCause(w)
					t.Past = remember(t.Past, w.UpdateID)
					continue
				}
				w.Status = endpoint.UpdateSuccessful
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
				t.noteOver(read.Update)
			}
		}
		t.updateCause(w)
		if w.over() && (w.Status != endpoint.UpdateSuccessful || t.covered(w)) {
			t.Past = remember(t.Past, w.key())
			continue
		}
		watch = append(watch, w)
	}
	t.Watch = watch
	return unread
}

// shows reports whether the look shows what was asked for, of a cluster at rest.
func (t *evaluation) shows(asked endpoint.Request) bool {
	c := t.in.Cluster
	return c.Status == endpoint.StatusActive && !t.in.Busy && asked.Over(c.Access).Equal(c.Access)
}

// refreshAttempts follows the guardrail's own updates. It reports whether the
// cluster must be looked at once more, because one ended after the look.
func (t *evaluation) refreshAttempts() (unread []string, look bool) {
	if t.Incident == nil {
		return nil, false
	}
	for i := range t.Incident.Attempts {
		a := &t.Incident.Attempts[i]
		if !a.inProgress() {
			continue
		}
		read, ok := t.in.Updates[a.UpdateID]
		switch {
		case !ok:
			unread = append(unread, a.UpdateID)
		case read.Unread && t.abandoned(*a):
			t.end(a, endpoint.UpdateFailed, []endpoint.UpdateError{{Code: notRead, Message: "EKS does not let the update be read, and the cluster shows nothing of it"}})
		case read.Unread:
			if a.Unconfirmed = t.unconfirmed(*a); a.Unconfirmed {
				a.OverAt = t.now
			}
		case read.Missing:
			if t.now.Sub(a.At) > notFoundYet {
				t.end(a, endpoint.UpdateFailed, []endpoint.UpdateError{{Code: "ResourceNotFound", Message: "EKS does not know the update any more"}})
			}
		case read.Over():
			t.noteOver(read.Update)
			t.end(a, read.Status, read.Errors)
			look = look || read.AfterLook
		}
	}
	return unread, look
}

// notRead is the code of an own update of which EKS never told how it ended.
const notRead = "NotRead"

// untold reports whether EKS took the attempt, and never told how it ended.
func (a Attempt) untold() bool {
	return a.Unconfirmed || len(a.Errors) > 0 && a.Errors[0].Code == notRead
}

// abandoned reports whether an update of ours that can't be read must have ended without
// effect, or have been undone: the cluster has been at rest for longer than EKS shows old
// values, and is not what was asked for. Were it wrong, EKS would refuse the next change.
func (t *evaluation) abandoned(a Attempt) bool {
	return t.steadyFor() >= staleFor && t.now.Sub(a.began()) >= notFoundYet && !t.in.Cluster.Access.Equal(a.Desired)
}

// unconfirmed reports whether an update of ours that can't be read is not waited for any
// longer: the cluster has been at rest, and what was asked for, for as long as it is
// waited for who changed it.
func (t *evaluation) unconfirmed(a Attempt) bool {
	return t.steadyFor() >= staleFor && t.now.Sub(a.began()) >= creditWithin && t.in.Cluster.Access.Equal(a.Desired)
}

// began is when EKS took the attempt, as far as it is known.
func (a Attempt) began() time.Time {
	if a.CreatedAt.IsZero() {
		return a.At
	}
	return a.CreatedAt
}

func (t *evaluation) end(a *Attempt, status endpoint.UpdateStatus, errs []endpoint.UpdateError) {
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

// covered reports whether an update that is over was accounted for by a former
// incident.
func (t *evaluation) covered(w Cause) bool {
	return slices.ContainsFunc(t.Closings, func(c Closing) bool { return !w.At.After(c.Covers) })
}

// updateCause keeps the causes of the open incident up to date.
func (t *evaluation) updateCause(w Cause) {
	if t.Incident == nil {
		return
	}
	for i, c := range t.Incident.Causes {
		if c.key() == w.key() {
			if w.EventID == "" || w.Former && c.EventID != "" {
				w.EventID, w.Actor, w.Former = c.EventID, c.Actor, c.Former
			}
			t.Incident.Causes[i] = w
			return
		}
	}
	if len(t.Incident.Causes) < maxCauses && t.violates(w.Asked) {
		t.Incident.Causes = append(t.Incident.Causes, w)
	}
}

// violates reports whether what was asked for is known and breaks a rule.
func (t *evaluation) violates(asked endpoint.Request) bool {
	if asked.Empty() || asked.Unreadable {
		return false
	}
	return t.judge(asked.Over(t.in.Cluster.Access)).Outcome == verdict.Violation
}

// complete reports whether a request says everything about the endpoint access.
func complete(r endpoint.Request) bool {
	return !r.Unreadable && r.Public != nil && r.Private != nil && (r.CIDRs != nil || !*r.Public)
}

// recordEvent takes an event into the record: as a cause to be followed, or as
// nothing but a reason to look.
func (t *evaluation) recordEvent(e cloudtrail.Event) Step {
	c := t.in.Cluster
	w := Cause{Call: e.Name, EventID: e.ID, UpdateID: e.UpdateID, Actor: e.Actor, At: e.Time, Asked: e.Asked}
	switch {
	case e.Name == cloudtrail.CreateCluster:
		if !created(e, c) {
			t.why = "the event is about an earlier cluster of this name"
			return nil
		}
		w.UpdateID, w.At, w.Status = "", c.CreatedAt, endpoint.UpdateSuccessful
	case e.Name == cloudtrail.TagResource || e.Name == cloudtrail.UntagResource:
		return t.awaitTags(e)
	case e.Name != cloudtrail.UpdateClusterConfig:
		return nil // the cluster itself is looked at, and whether it is there
	case slices.Contains(t.Ours, e.UpdateID):
		t.why, t.own = "an update of our own", true
		return nil
	case t.Incident != nil && t.in.OwnRole != "" && e.Actor.RoleARN == t.in.OwnRole:
		// Without an incident the guardrail changes nothing: whoever calls
		// under its role then is treated as anybody else.
		return t.adopt(e)
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
		if w.UpdateID = t.updateOf(e); w.UpdateID == "" {
			t.why = "the event names no update and EKS shows none of its time"
			return nil
		}
	}
	if t.heardOf(w) {
		return nil
	}
	if !unknown && !t.violates(e.Asked) {
		t.harmless = true
		if t.nothingToClose() {
			return nil
		}
		// Somebody is closing what is open: it is followed, so that the wait
		// has a reason, and so that it is known who did it.
	}
	if w.At.IsZero() || w.At.After(t.now) {
		w.At = t.now
	}
	t.watch(w)
	return nil
}

// created reports whether the call is the one that made the cluster, and not an
// earlier one of its name.
func created(e cloudtrail.Event, c endpoint.Cluster) bool {
	born := e.CreatedAt
	if born.IsZero() {
		born = e.Time
	}
	d := c.CreatedAt.Sub(born).Abs()
	return d <= notFoundYet && (e.CreatedAt.IsZero() || d <= time.Second)
}

// heardOf reports whether the record knows of a cause already. One of which only EKS
// had told so far is told of by whom.
func (t *evaluation) heardOf(w Cause) bool {
	if i := slices.IndexFunc(t.Watch, func(o Cause) bool { return o.key() == w.key() }); i >= 0 {
		if t.Watch[i].EventID == "" {
			t.Watch[i].EventID, t.Watch[i].Actor = w.EventID, w.Actor
		}
		return true
	}
	if slices.Contains(t.Past, w.key()) {
		t.why = "heard of before, and dealt with"
		return true
	}
	return false
}

// nothingToClose reports whether nothing is open, nor could be by an update that is
// under way, that somebody's change could close.
func (t *evaluation) nothingToClose() bool {
	c := t.in.Cluster
	return t.Incident == nil &&
		(c.Status == endpoint.StatusActive || c.Status == endpoint.StatusCreating || t.judge(c.Access).Outcome != verdict.Violation)
}

// awaitTags waits until the look shows what a call did to the cluster's tags: right
// after it EKS may still show the old ones.
func (t *evaluation) awaitTags(e cloudtrail.Event) Step {
	tags := t.in.Cluster.Tags
	shown := !slices.ContainsFunc(e.RemovedTags, func(key string) bool { _, there := tags[key]; return there })
	for key, value := range e.ChangedTags {
		if now, there := tags[key]; !there || now != value {
			shown = false
		}
	}
	if shown || t.now.Sub(e.Time).Abs() >= staleFor {
		return nil // or they were changed again since
	}
	return t.again(lookAgain, "EKS does not show the changed tags yet")
}

// watch follows a call of somebody's until its update is over.
func (t *evaluation) watch(w Cause) {
	if len(t.Watch) < maxUpdates {
		t.Watch = append(t.Watch, w)
	}
}

// updateOf finds the update that a call of somebody's began, by its time; "" when
// EKS shows none.
func (t *evaluation) updateOf(e cloudtrail.Event) string {
	for _, u := range append(slices.Clone(t.in.History.Read), t.History.Applied...) {
		if u.Type == endpoint.EndpointAccessUpdate && !slices.Contains(t.Ours, u.ID) &&
			(!u.Over() || u.CreatedAt.Sub(e.Time).Abs() < 2*time.Minute) {
			return u.ID
		}
	}
	return ""
}
