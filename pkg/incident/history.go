package incident

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

const (
	// maxApplied is how many of the endpoint updates that took effect a record
	// remembers: what was in force right before a violation is among them.
	maxApplied = 8
	// maxOver bounds the updates that are known to be over; a cluster with more
	// has the rest described again and again.
	maxOver = 2000
	// overBytes is what is kept of an id: enough to tell one cluster's apart.
	overBytes = 5
)

// History is what is remembered of EKS's own list of a cluster's updates, so that
// each is described once.
type History struct {
	// Over are the updates that are over, each as the first bytes of its id's
	// SHA-256, one after the other.
	Over []byte `json:"over,omitempty"`
	// Applied are the last endpoint updates that were Successful, the newest last.
	Applied []endpoint.Update `json:"applied,omitempty"`
	// Cut is set when there were more than Applied has room for.
	Cut bool `json:"cut,omitempty"`
}

func mark(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return sum[:overBytes]
}

// Knows reports whether an update is known to be over.
func (h History) Knows(id string) bool {
	m := mark(id)
	for known := range slices.Chunk(h.Over, overBytes) {
		if bytes.Equal(known, m) {
			return true
		}
	}
	return false
}

// add takes an update that is over into what is known. One that is not over is
// none of history's.
func (h *History) add(u endpoint.Update) {
	if !u.Over() || h.Knows(u.ID) {
		return
	}
	h.Over = append(slices.Clone(h.Over), mark(u.ID)...)
	if n := len(h.Over) - maxOver*overBytes; n > 0 {
		h.Over = h.Over[n:]
	}
	if u.Type != endpoint.EndpointAccessUpdate || u.Status != endpoint.UpdateSuccessful {
		return
	}
	u.Errors = nil
	h.Applied = append(slices.Clone(h.Applied), u)
	slices.SortStableFunc(h.Applied, func(a, b endpoint.Update) int { return a.CreatedAt.Compare(b.CreatedAt) })
	if n := len(h.Applied) - maxApplied; n > 0 {
		h.Applied, h.Cut = h.Applied[n:], true
	}
}

// newest returns the endpoint update that took effect last, nil if none is known.
func (h History) newest() *endpoint.Update {
	if len(h.Applied) == 0 {
		return nil
	}
	return &h.Applied[len(h.Applied)-1]
}

// takeHistory takes what was read of EKS's list into the record. An endpoint update
// in progress that nobody told of is followed from now on.
func (t *evaluation) takeHistory() {
	for _, u := range t.in.History.Read {
		if u.Over() {
			t.noteOver(u)
			continue
		}
		if u.Type != endpoint.EndpointAccessUpdate || slices.Contains(t.Ours, u.ID) || slices.Contains(t.Past, u.ID) ||
			slices.ContainsFunc(t.Watch, func(w Cause) bool { return w.UpdateID == u.ID }) {
			continue
		}
		t.watch(Cause{Call: cloudtrail.UpdateClusterConfig, UpdateID: u.ID, At: u.CreatedAt, Asked: u.Asked, Status: u.Status})
		if t.in.Updates[u.ID].ID == "" {
			t.in.Updates[u.ID] = UpdateRead{Update: u, AfterLook: true}
		}
	}
}

// confirmWithHistory lets a look that shows no violation stand only if EKS's history
// agrees with it. As long as it does not, looks are taken for old ones; but not for
// ever.
func (t *evaluation) confirmWithHistory() Step {
	if !t.in.HistoryRead {
		return Read{History: true}
	}
	if t.underWay(endpoint.EndpointAccessUpdate) {
		if step := t.proveAttempt(); step != nil {
			return step
		}
		return t.wait(lookAgain)
	}
	if t.historyAgrees() {
		return nil
	}
	if t.doubtIsOver() {
		return t.freshLook()
	}
	return t.wait(t.doubtDelay())
}

// historyHoldsBack holds a conclusion or a change back while EKS's history
// contradicts a look that shows a violation: an update is in progress, whatever the
// status says, or the last one asked for something else than what is shown, or the
// history could not be read whole.
func (t *evaluation) historyHoldsBack(v verdict.Verdict) Step {
	if !t.in.HistoryRead {
		return Read{History: true}
	}
	if t.underWay("") {
		if step := t.proveAttempt(); step != nil {
			return step
		}
		t.in.Busy = true // whatever the status says
		return t.unsettled(v)
	}
	if t.historyAgrees() {
		return nil
	}
	if t.doubtIsOver() {
		return t.freshLook()
	}
	if t.Incident == nil && !t.in.History.Whole && t.believable() && (!t.stands(v) || t.openedAgain(nil)) {
		t.open(v, nil, time.Time{})
	}
	if i := t.Incident; i != nil {
		i.Stage = Waiting
		if i.DetectedMailed.IsZero() && !t.in.History.Whole {
			return t.announce()
		}
	}
	return t.wait(t.doubtDelay())
}

// believable reports whether a look that shows a violation can be told of although EKS's
// history could not be read whole: it is what the newest update that is known asked
// for, or nothing is known that it could contradict.
func (t *evaluation) believable() bool {
	newest := t.History.newest()
	if newest == nil {
		return t.in.HistoryTrouble != "" && t.Compliant == nil
	}
	return complete(newest.Asked) && t.shown(newest)
}

// underWay reports whether EKS's history has an update of a kind ("" for any) in
// progress, of which no event may have come yet.
func (t *evaluation) underWay(kind string) bool {
	return slices.ContainsFunc(t.in.History.Read, func(u endpoint.Update) bool { return !u.Over() && (kind == "" || u.Type == kind) })
}

// historyAgrees reports whether the endpoint update that took effect last, as EKS's
// whole history tells, is what the look shows.
func (t *evaluation) historyAgrees() bool {
	newest := t.History.newest()
	agrees := t.in.HistoryRead && t.in.History.Whole && t.shown(newest)
	var about string
	if newest != nil && !t.shown(newest) {
		about = newest.ID
	}
	unknown, before := t.unknownUpdates(), t.DoubtUnknown
	if len(t.in.History.Listed) > 0 {
		t.DoubtUnknown = unknown
	}
	switch {
	case agrees:
		t.DoubtSince, t.DoubtSeen, t.DoubtAbout, t.DoubtUnknown = time.Time{}, time.Time{}, "", 0
		return true
	case t.DoubtSince.IsZero() || about != "" && about != t.DoubtAbout || unknown > before || t.now.Sub(t.DoubtSeen) > unseenFor:
		// What has just been heard of may take its time to show, however long there was
		// doubt before; and between two looks that are far apart, an update may have begun
		// and ended.
		t.DoubtSince, t.DoubtAbout = t.now, about
	}
	t.DoubtSeen = t.now
	return false
}

// unknownUpdates is how many updates EKS lists of which it lets nothing be read, and no
// event has told.
func (t *evaluation) unknownUpdates() int {
	n := 0
	for _, id := range t.in.History.Listed {
		watched := slices.ContainsFunc(t.Watch, func(w Cause) bool { return w.UpdateID == id })
		read := slices.ContainsFunc(t.in.History.Read, func(u endpoint.Update) bool { return u.ID == id })
		if !watched && !read && !t.History.Knows(id) && !slices.Contains(t.Ours, id) && !slices.Contains(t.Past, id) {
			n++
		}
	}
	return n
}

// shown reports whether the look shows what an update asked for. With no update
// ever, there is nothing that it could be too old to show. One of long ago is
// shown by now, or somebody changed what EKS does not list.
func (t *evaluation) shown(u *endpoint.Update) bool {
	now := t.in.Cluster.Access
	return u == nil || u.Asked.Over(now).Equal(now) || t.now.Sub(u.CreatedAt) > stuckAfter
}

// freshLook looks once more, if the look that ends a doubt is as old as reading much
// has taken: nothing but looks tells then what is so.
func (t *evaluation) freshLook() Step {
	if at := t.in.LookedAt; at.IsZero() || t.now.Sub(at) < lookAgain {
		return nil
	}
	return Read{Look: true}
}

// doubtIsOver reports whether looks have contradicted EKS's history, or it could not
// be read, for long enough: for so long, EKS shows no old values.
func (t *evaluation) doubtIsOver() bool {
	return t.now.Sub(t.DoubtSince) >= staleFor && t.steadyFor() >= staleFor
}

// doubtDelay is how long to wait before history is asked again: a list that is
// longer than one check reads is gone on with soon.
func (t *evaluation) doubtDelay() time.Duration {
	switch {
	case t.in.HistoryTrouble != "":
		// The doubt needs looks to end, whatever else fails.
		t.Trouble++
		over := max(staleFor-t.now.Sub(t.DoubtSince), staleFor-t.steadyFor())
		return max(lookAgain, min(troubleDelay(t.Trouble), over, doubtPace))
	case len(t.in.History.Read) > 0 && !t.in.History.Whole:
		return time.Second
	default:
		return lookAgain
	}
}

// rightBefore returns what was in force right before the violation: the newest
// state that no rule objects to that is to be enforced, or for a violation of none
// such no rule at all, as EKS's history tells it. The violation began with an update
// of the time, which is zero for one that is asked for or there now. It is nil when
// there was none, and when it isn't sure and would open an address that is not open
// now.
func (t *evaluation) rightBefore(v verdict.Verdict, began time.Time) *Seen {
	admits := func(a endpoint.Access) bool {
		was := t.judge(a)
		return was.Outcome != verdict.Violation || v.Enforcing() && !was.Enforcing()
	}
	before, sure := t.lastAdmitted(admits, began)
	c := t.in.Cluster
	if before == nil || !sure && !endpoint.Subset(before.Access.Reachable(c.Family), c.Access.Reachable(c.Family)) {
		return nil
	}
	return before
}

// lastAdmitted walks back through the states that EKS's history tells of, to the
// first that is admitted. It is sure if the history is whole and accounts for what
// the look shows.
func (t *evaluation) lastAdmitted(admits func(endpoint.Access) bool, began time.Time) (before *Seen, sure bool) {
	now := t.in.Cluster.Access
	newest := t.History.newest()
	sure = t.in.HistoryRead && t.in.History.Whole &&
		(newest == nil || t.asked() != nil || complete(newest.Asked) && newest.Asked.Over(now).Equal(now))
	seen, agree := t.seenAdmitted(admits, began)
	for _, u := range slices.Backward(t.History.Applied) {
		if !began.IsZero() && !u.CreatedAt.Before(began) {
			continue
		}
		if !complete(u.Asked) {
			return seen, false
		}
		if then := u.Asked.Over(now); admits(then) {
			if seen != nil && seen.Access.Equal(then) && seen.At.After(u.CreatedAt) {
				return seen, sure
			}
			return &Seen{Access: then, At: u.CreatedAt}, sure
		}
	}
	// None that EKS lists: what is left is how the cluster was made, and a look that
	// showed an admitted state can have shown nothing else.
	return seen, sure && agree && !t.History.Cut
}

// seenAdmitted returns the last admitted state that a look showed, and whether looks
// agree on it.
func (t *evaluation) seenAdmitted(admits func(endpoint.Access) bool, began time.Time) (seen *Seen, agree bool) {
	agree = true
	for _, s := range []*Seen{t.Compliant, t.Admitted, t.First} {
		switch {
		case s == nil || !admits(s.Access) || !began.IsZero() && !s.At.Before(began):
		case seen == nil:
			seen = s
		default:
			agree = seen.Access.Equal(s.Access)
			if s.At.After(seen.At) {
				seen = s
			}
		}
	}
	return seen, agree
}

// endedBy returns the update that put an end to the violation: the first of those
// that took effect since the last state that breaks a rule, nil if none is known. One
// that a former incident accounts for ended that one.
func (t *evaluation) endedBy() *endpoint.Update {
	var first *endpoint.Update
	for i, u := range slices.Backward(t.History.Applied) {
		if !complete(u.Asked) || t.violates(u.Asked) || t.endedFormer(u) {
			return first
		}
		first = &t.History.Applied[i]
	}
	// None that breaks a rule is known: what came before the violation did not end it.
	switch a := t.attempted(first); {
	case first == nil:
	case a == nil && first.CreatedAt.Before(t.began()):
		return nil
	case a != nil && t.judge(a.From).Outcome != verdict.Violation:
		return nil // by the rules as they are now, there was none
	}
	return first
}

// attempted returns the attempt of the open incident that an update is, nil for none:
// whatever the clocks say, it began after that.
func (t *evaluation) attempted(u *endpoint.Update) *Attempt {
	if t.Incident == nil || u == nil {
		return nil
	}
	i := slices.IndexFunc(t.Incident.Attempts, func(a Attempt) bool { return a.UpdateID == u.ID })
	if i < 0 {
		return nil
	}
	return &t.Incident.Attempts[i]
}

// endedFormer reports whether an update took effect before a former incident was
// closed.
func (t *evaluation) endedFormer(u endpoint.Update) bool {
	return slices.ContainsFunc(t.Closings, func(c Closing) bool { return !u.CreatedAt.After(c.Applied) })
}

// began is when the open incident's violation began, as far as it is known.
func (t *evaluation) began() time.Time {
	if t.Incident == nil {
		return t.now
	}
	return t.Incident.causedBy(t.Incident.OpenedAt)
}

// causedBy is the time, or that of the first cause if it was before.
func (i *Incident) causedBy(at time.Time) time.Time {
	for _, c := range i.Causes {
		if !c.At.IsZero() && c.At.Before(at) {
			at = c.At
		}
	}
	return at
}
