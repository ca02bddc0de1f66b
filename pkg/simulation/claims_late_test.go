package simulation

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// lately: a mail that was held up tells what is so when it is sent, and asks for nothing
// that is over. The caller holds w.mu.
func (w *world) lately(l law, m localaws.Mail, stale time.Duration) {
	name := m.Attributes["cluster"]
	if name == "" || w.forgetful || !w.owed(name) {
		return
	}
	now := time.Now()
	answer, todo := fieldOf(m.Message, "Open now"), fieldOf(m.Message, "To do")
	at, ok := asOf(answer)
	switch {
	case strings.HasPrefix(answer, "not known"):
		return
	case !ok || now.Sub(at) > 2*timeout:
		w.broken("late: %s: the mail %q comes now and says what is open as of %s", name, m.Subject, at.UTC().Format(time.DateTime))
		return
	}
	life := w.lifeOf(name)
	if life == nil || life.born.CreatedAt.After(at) || strings.Contains(answer, "deleted") {
		return // it is about a former cluster of the name, or says that there is none
	}
	if now.Sub(w.retag[name].at) < 2*timeout || slices.ContainsFunc(w.enacted, func(e enacted) bool { return now.Sub(e.at) < 2*timeout }) {
		return
	}
	// What was true at any time that a look of the check may have shown.
	states := life.states(now)
	public, private, violates := false, false, false
	for i, s := range states {
		if i+1 < len(states) && states[i+1].from.Before(at.Add(-stale-2*timeout)) {
			continue
		}
		public, private = public || s.access.Public, private || !s.access.Public
		v, _ := l.judge(life.with(s.access, life.tagsAt(now)), now)
		violates = violates || v
	}
	opening := slices.ContainsFunc(life.updates, func(u localaws.Update) bool {
		a, endpoint := askedBy(u)
		v, _ := l.judge(life.with(a, life.tagsAt(now)), now)
		return endpoint && v && u.EndsAt.After(at.Add(-stale-2*timeout))
	})
	if strings.HasPrefix(answer, "YES") && !public || strings.HasPrefix(answer, "no: private access only") && !private {
		w.broken("late: %s: the mail %q says that it is open now: %q, and it is %s", name, m.Subject, answer, states[len(states)-1].access)
	}
	// What nobody closed and the policy lets be by now is open all the same: how somebody can
	// close it is no request for what is over.
	outcome := m.Attributes["outcome"]
	left := outcome == "left" || outcome == "out-of-scope" || public && (outcome == "exempt" || outcome == "compliant")
	if left || violates || opening {
		return
	}
	if strings.HasPrefix(m.Subject, "OPEN") || strings.HasPrefix(m.Subject, "STILL OPEN") || strings.Contains(todo, "by hand") {
		w.broken("late: %s: the mail %q asks for what is over: %q", name, m.Subject, todo)
	}
}

var unnamed = regexp.MustCompile(`no record of the call; the update is ([0-9a-f-]+)`)

// checkNamed: who a mail has named as the caller of an update, later mails do not call
// unknown.
func (w *world) checkNamed() {
	w.t.Helper()
	named := map[string]string{} // the subject of the mail that named its caller, by update
	for _, m := range w.aws.Mails(topicName) {
		text := flat(m.Message)
		if found := unnamed.FindStringSubmatch(text); found != nil && named[found[1]] != "" {
			w.t.Errorf("the mail %q does not know who began update %s, and an earlier one did: %q", m.Subject, found[1], named[found[1]])
		}
		if update := fieldOf(m.Message, "Update"); fieldOf(m.Message, "Event") != "" {
			named[update] = m.Subject
		}
	}
}
