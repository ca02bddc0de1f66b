package simulation

import (
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// credit holds who a mail says put a cluster right against who did. Each update
// that did is accounted for once. The caller holds w.mu.
func (w *world) credit(l law, m localaws.Mail) {
	name, outcome := m.Attributes["cluster"], m.Attributes["outcome"]
	key := name + " " + m.Attributes["reference"] + " " + outcome
	again := w.said[key]
	w.said[key] = true
	life := w.lifeOf(name)
	if life == nil || again || w.forgetful || w.owed(name) {
		return
	}
	var ours, theirs []state
	for _, turn := range w.turns(l, life, time.Now()) {
		switch id := turn.update.ID; {
		case w.told[id]:
		case w.own[id]:
			ours = append(ours, turn)
		default:
			theirs = append(theirs, turn)
		}
	}
	switch outcome {
	case "enforced":
		if len(ours) == 0 {
			w.broken("credit: %s: the mail says enforced, but no update of the guardrail's put it right: %s", name, m.Subject)
		}
	case "already-undone":
		if len(ours) > 0 && len(theirs) == 0 && !w.otherwise(life, ours[0].update.CreatedAt) {
			w.broken("credit: %s: the mail says already-undone, but the guardrail's own update %s put it right: %s", name, ours[0].update.ID, m.Subject)
		}
	case "compliant":
		if len(ours) > 0 && len(theirs) == 0 && !w.otherwise(life, ours[0].update.CreatedAt) && w.known(ours[len(ours)-1]) &&
			!strings.Contains(m.Message, ours[len(ours)-1].update.ID) {
			// Of several within one incident, the last ended it. A mail may name that as the
			// guardrail's, and say that EKS has not confirmed it.
			w.broken("credit: %s: the mail says compliant, but the guardrail was told that its own update %s began: %s", name, ours[len(ours)-1].update.ID, m.Subject)
		}
	case "partly-enforced", "failed", "gone":
	default:
		return
	}
	for _, turn := range append(ours, theirs...) {
		w.told[turn.update.ID] = true
	}
}

// known reports whether the guardrail was told by now whose an update is: by EKS's answer,
// or by the event of its own call, unless that still waits to be dealt with. The caller
// holds w.mu.
func (w *world) known(s state) bool {
	now := time.Now()
	if at, ok := w.heard[s.update.ID]; ok && at.Before(now) {
		return true
	}
	if at, ok := w.announced[s.update.ID]; !ok || !at.Before(now) {
		return false
	}
	waits := func(m localaws.Message) bool {
		return (m.Receives == 0 || w.failures[m.ID] > 0) && strings.Contains(m.Body, s.update.ID)
	}
	return !slices.ContainsFunc(w.aws.Messages(queueName), waits) && !slices.ContainsFunc(w.aws.Messages(deadLetters), waits)
}

// turns are the updates that put a life's cluster right: what broke a rule
// before broke it no more. A rule is one of a policy that was in force from its
// begin to now, for the tags of that time.
func (w *world) turns(l law, life *life, now time.Time) []state {
	states := life.states(now)
	var out []state
	for i, s := range states[1:] {
		before := states[i]
		for _, at := range []time.Time{s.update.CreatedAt, s.from, now} {
			right := false
			for _, policy := range []law{l, w.lawAt(at)} {
				violated, enforced := policy.judge(life.with(before.access, life.tagsAt(at)), at)
				violates, still := policy.judge(life.with(s.access, life.tagsAt(at)), at)
				right = right || enforced && !still || violated && !violates
			}
			if right {
				out = append(out, s)
				break
			}
		}
	}
	return out
}

// otherwise reports whether something else than an update may have put a cluster
// right since a time: other tags, another policy, or that somebody's change failed.
func (w *world) otherwise(l *life, since time.Time) bool {
	return slices.ContainsFunc(w.enacted, func(e enacted) bool { return e.at.After(since) }) ||
		slices.ContainsFunc(l.tags[1:], func(t tagged) bool { return t.from.After(since) }) ||
		slices.ContainsFunc(l.updates, func(u localaws.Update) bool {
			_, access := askedBy(u)
			return access && !w.own[u.ID] && (u.Status == "Failed" || u.Status == "Cancelled") && u.EndsAt.After(since)
		})
}
