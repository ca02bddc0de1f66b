package mail

import (
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// blocker is the update that keeps EKS from accepting a change, nil when the mail is about
// none.
func (w *writer) blocker() *incident.Blocker {
	if w.n.Kind == incident.NoticeOutcome || w.refused() != "" || w.n.Late.Over() {
		return nil
	}
	return w.i.Blocker
}

// refused is what AWS refuses the guardrail, in its own words, for a mail that says stuck;
// "" for nothing.
func (w *writer) refused() string {
	if w.n.Kind != incident.NoticeStuck {
		return ""
	}
	return text.Clean(w.i.Obstacle, 300)
}

// heldUpBy says in one line what AWS refuses, or which update keeps EKS from accepting a
// change, "" when nothing is known to.
func (w *writer) heldUpBy() string {
	if refused := w.refused(); refused != "" {
		return refused
	}
	b := w.blocker()
	if b == nil {
		return ""
	}
	who := w.HeldUpUnknown
	if b.By != nil {
		who = w.actor(*b.By)
	}
	line := fill(w.HeldUpLine, "type", text.Clean(b.Type, 60), "update", text.Clean(b.UpdateID, 60), "since", stamp(b.Since), "who", who)
	if b.Type == incident.VersionRollback {
		line = sentences(line+".", w.Rollback)
	}
	return line
}

// cancel writes the command that ends the update that keeps EKS from accepting a change,
// for the one kind that can be ended.
func (w *writer) cancel() {
	b := w.blocker()
	if b == nil || b.Type != incident.VersionRollback {
		return
	}
	if command := cancelCommand(w.r.Region, w.r.Name, b.UpdateID); command != nil {
		w.heading(w.Cancel)
		w.indented(sentences(w.CancelWhy, fill(w.Credentials, "account", w.account(w.r.Account))))
		w.WriteString("\n")
		w.block(command)
	}
}
