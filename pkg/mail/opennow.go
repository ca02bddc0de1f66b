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
	i, a := w.i, access(w.n)
	switch w.told {
	case clusterGone:
		return w.NoDeleted
	case allowed, allowedElse:
		return w.admittedNow(a)
	case neverOpened:
		return fill(w.NeverWas, "now", w.state(a, i.Family))
	case enforcedClosed, enforcedNarrowed, tugOfWar, undone, undoneUnclear, unconfirmedClosed, unconfirmedNarrowed:
		if a.Public {
			return fill(w.NoWider, "whom", w.target(a))
		}
		return fill(w.NoOpen, "now", w.state(a, i.Family))
	case beingOpened:
		if w.onlyInside {
			return w.PrivateGoesOff
		}
		return fill(w.BeingOpened, "whom", w.target(a))
	default:
		return w.stillOpen(a)
	}
}

// stillOpen answers for what nothing has put right yet.
func (w *writer) stillOpen(a endpoint.Access) string {
	if w.onlyInside {
		return w.PrivateIsOff
	}
	switch w.told {
	case creating, creatingGraced, creatingLater:
		return fill(w.OnceReady, "whom", w.target(a))
	case stuck, stuckRefused:
		return w.lastSeen(a)
	default:
		return fill(w.YesOpen, "whom", w.target(a))
	}
}

// admittedNow answers for what no rule forbids any more.
func (w *writer) admittedNow(a endpoint.Access) string {
	switch {
	case w.onlyInside && !a.Private:
		return w.InsideAdmitted
	case !a.Public:
		return fill(w.NoOpen, "now", w.state(a, w.i.Family))
	default:
		return fill(w.NowAdmitted, "whom", w.target(a))
	}
}

// lastSeen answers for a cluster of which only the last look tells.
func (w *writer) lastSeen(a endpoint.Access) string {
	i := w.i
	switch {
	case w.told == stuckRefused && i.Shown == nil:
		return w.NotSeen
	case i.Asked != nil && i.Shown != nil && !i.Shown.Equal(*i.Asked):
		return fill(w.BeingOpened, "whom", w.target(a))
	default:
		return fill(w.YesAsSeen, "whom", w.target(a))
	}
}
