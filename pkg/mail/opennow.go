package mail

import (
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// openNow answers whether it is open, and as of when.
func (w *writer) openNow() string {
	i, at := w.i, w.i.LookedAt
	switch {
	case w.n.Kind == incident.NoticeOutcome:
		at = i.Final.At
	case w.n.Kind == incident.NoticeDetected && at.IsZero():
		at = w.n.At
	}
	answer := w.answer()
	if at.IsZero() {
		return answer
	}
	return fill(w.AnswerAt, "answer", answer, "at", stamp(at))
}

func (w *writer) answer() string {
	i := w.i
	a := access(w.n)
	switch {
	case w.n.Kind == incident.NoticeOutcome && i.Final.Outcome == incident.Gone:
		return w.NoDeleted
	case admitted(w.n) && onlyInside(w.n) && !a.Private:
		return w.InsideAdmitted
	case admitted(w.n) && !a.Public:
		return fill(w.NoOpen, "now", w.state(a, i.Family))
	case admitted(w.n):
		return fill(w.NowAdmitted, "whom", w.target(a))
	case !stands(w.n) && !happened(i):
		return fill(w.NeverWas, "now", w.state(a, i.Family))
	case !stands(w.n) && a.Public:
		return fill(w.NoWider, "whom", w.target(a))
	case !stands(w.n):
		return fill(w.NoOpen, "now", w.state(a, i.Family))
	case onlyInside(w.n) && w.n.Kind == incident.NoticeDetected && i.Asked != nil:
		return w.PrivateGoesOff
	case onlyInside(w.n):
		return w.PrivateIsOff
	case w.n.Kind == incident.NoticeStuck && i.Obstacle != "" && i.Shown == nil:
		return w.NotSeen
	case w.n.Kind == incident.NoticeStuck && i.Asked != nil && i.Shown != nil && !i.Shown.Equal(*i.Asked):
		return fill(w.BeingOpened, "whom", w.target(a))
	case w.n.Kind == incident.NoticeStuck:
		return fill(w.YesAsSeen, "whom", w.target(a))
	case w.n.Kind == incident.NoticeOutcome:
		return fill(w.YesOpen, "whom", w.target(a))
	case i.Asked != nil:
		return fill(w.BeingOpened, "whom", w.target(a))
	case i.Status == endpoint.StatusCreating:
		return fill(w.OnceReady, "whom", w.target(a))
	default:
		return fill(w.YesOpen, "whom", w.target(a))
	}
}
