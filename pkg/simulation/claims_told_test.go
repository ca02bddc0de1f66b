package simulation

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// checkOpenedAgain: whoever opens a cluster that was right is told of, also if
// it was opened in the same way before. What counts are violations within which
// neither tags nor policy changed, and that the guardrail saw.
func (h *history) checkOpenedAgain() {
	w := h.w
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range w.aws.Clusters() {
		// An exemption ends at a time of its own; a war is mailed once.
		if name == "exempt-a" || w.wars[name] {
			continue
		}
		var mails []time.Time
		for _, s := range h.claims.mails {
			if s.cluster == name {
				mails = append(mails, s.at)
			}
		}
		life := w.lifeOf(name)
		for _, p := range w.periods(life, time.Now()) {
			if !p.pure || !h.seenIn(name, life, p) || h.briefly(name, p.from, p.to) {
				continue
			}
			i := slices.IndexFunc(mails, func(at time.Time) bool { return !at.Before(p.from) })
			if i < 0 {
				w.broken("opened again: %s violated a rule from %s to %s, was seen to, and no mail came after that",
					name, p.from.UTC().Format(time.TimeOnly), p.to.UTC().Format(time.TimeOnly))
				continue
			}
			if h.rate == 0 && h.weather == nil {
				// Undisturbed, each opening has a mail of its own.
				mails = mails[i+1:]
			}
		}
	}
}

// briefly reports whether a violation was seen for less long than looks must agree where
// EKS tells of no update: one alone may be old, and so may each of two that are far apart,
// because whoever looked in between was killed. What is being created was never changed:
// no look at it is an old one.
func (h *history) briefly(name string, from, to time.Time) bool {
	if !h.historyRefusedAt(from) {
		return false
	}
	const enough, apart = 3*time.Minute + 30*time.Second, 90 * time.Second
	var first, last time.Time // of looks in a row
	for _, l := range h.claims.looks[name] {
		switch {
		case l.lost || l.at.Before(from) || l.at.After(to):
			continue
		case l.status == "CREATING":
			return false
		case last.IsZero() || l.at.Sub(last) > apart:
			first = l.at
		}
		if last = l.at; last.Sub(first) >= enough {
			return false
		}
	}
	return true
}

// seenIn reports whether a look that was not lost showed a violation within it:
// late enough in it to be none of the one before.
func (h *history) seenIn(name string, life *life, p period) bool {
	return slices.ContainsFunc(h.claims.looks[name], func(l look) bool {
		return !l.lost && l.violates && l.status == "ACTIVE" && l.created.Unix() == life.born.CreatedAt.Unix() &&
			l.at.After(p.from.Add(h.options.StaleReads+h.options.TagLag)) && l.at.Before(p.to)
	})
}

// ended is the mail that said last that a cluster was put right.
type ended struct {
	sent
	look time.Time // that it was decided by
}

// alarmed: after the mail that a cluster is right, the next alarm is about
// something that happened since, not about an older look. The caller holds h.mu.
func (h *history) alarmed(s sent) {
	if h.claims.ended == nil {
		h.claims.ended = map[string]ended{}
	}
	if h.w.owedOf(s.cluster) {
		return // it was decided long ago, by which look is not known here
	}
	switch s.outcome {
	case "enforced", "already-undone":
		e := ended{sent: s}
		for _, l := range h.claims.looks[s.cluster] {
			if !l.at.After(s.at) && !l.lost {
				e.look = l.at
			}
		}
		// One that a crash held up says itself when it was decided.
		if at, ok := asOf(s.text); ok && at.Before(e.look) {
			e.look = at
		}
		h.claims.ended[s.cluster] = e
		return
	case "detected", "violation":
	default:
		return
	}
	e, ok := h.claims.ended[s.cluster]
	if !ok || e.look.IsZero() || h.known(s) && s.reference == e.reference {
		return
	}
	delete(h.claims.ended, s.cluster)
	w := h.w
	w.mu.Lock()
	defer w.mu.Unlock()
	life := w.lifeOf(s.cluster)
	if life == nil || life.born.CreatedAt.After(e.look) {
		return
	}
	// What an update in progress asks for is violation enough to tell of.
	asks := slices.ContainsFunc(life.updates, func(u localaws.Update) bool { return u.EndsAt.After(e.look) && !w.own[u.ID] })
	again := 0
	for _, p := range w.periods(life, s.at) {
		if p.to.After(e.look) {
			return
		}
		if first := h.firstOf(e.sent); p.from.After(first) {
			again++ // opened and closed once more before the mail came
		}
	}
	if asks || again > 0 || h.claims.legislated.After(e.look) || w.retag[s.cluster].at.After(e.look.Add(-h.options.TagLag-timeout)) {
		return
	}
	w.broken("two mails: %s: the mail says %s, and after that %s, and nothing was open since the look at %s",
		s.cluster, e.outcome, s.outcome, e.look.UTC().Format(time.TimeOnly))
}

// firstOf is when the first mail under a mail's reference came.
func (h *history) firstOf(s sent) time.Time {
	for _, o := range h.claims.mails {
		if o.about(s) {
			return o.at
		}
	}
	return s.at
}
