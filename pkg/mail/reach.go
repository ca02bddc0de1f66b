package mail

import (
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// reach tells how to reach the API of an endpoint that was narrowed or closed.
func (w *writer) reach() {
	if w.n.Kind != incident.NoticeOutcome || !w.i.Final.Now.Private || len(w.i.Attempts) == 0 ||
		w.i.Final.Outcome != incident.Enforced && w.i.Final.Outcome != incident.PartlyEnforced || held(w.i) ||
		w.n.Late != nil && !w.n.Late.Access.Equal(w.i.Final.Now) {
		return
	}
	w.heading(w.Reach)
	w.item(fill(w.ReachFrom, "vpc", w.vpc()))
	groups := w.ReachUnknownGroup
	if facts := w.i.Facts; facts != nil {
		var ids []string
		for _, id := range append([]string{facts.ClusterSecurityGroup}, facts.SecurityGroups...) {
			if id != "" {
				ids = append(ids, text.Clean(id, 30))
			}
		}
		switch {
		case len(ids) == 1:
			groups = fill(w.ReachGroup, "groups", ids[0])
		case len(ids) > 1:
			groups = fill(w.ReachGroups, "groups", strings.Join(ids, ", "))
		}
	}
	w.item(fill(w.ReachPort, "groups", groups))
	if now := w.i.Final.Now; now.Public {
		w.item(fill(w.ReachList, "whom", w.cidrs(widest(now, w.i.Family), maxDropped)))
	}
	w.item(w.ReachIdentity)
}

// callers tells how to see who used the API while it was open, or that nobody can.
func (w *writer) callers() {
	if w.n.Kind != incident.NoticeOutcome && ended(w.n) || w.n.Kind == incident.NoticeDetected || !happened(w.i) || onlyInside(w.n) && !world(w.i.Violating(), w.i.Family) {
		return
	}
	if f := w.i.Final; f != nil && f.Outcome != incident.Gone && !stands(onTime(w.n)) && f.Outcome != incident.Enforced && f.Outcome != incident.AlreadyUndone {
		return
	}
	w.heading(w.Callers)
	begin := from(w.i)
	if len(w.i.Causes) == 0 && w.i.Before != nil {
		begin = w.i.Before.At
	}
	end, _ := w.until()
	about := []string{"group", "/aws/eks/" + w.r.Name + "/cluster", "from", stamp(begin), "to", stamp(end.Add(time.Minute))}
	switch {
	case w.i.Facts == nil:
		w.indented(fill(w.AuditUnknown, about...))
	case !w.i.Facts.AuditLogs:
		w.indented(w.AuditOff)
	default:
		w.indented(fill(w.AuditOn, about...))
		w.WriteString("\n")
		w.block(callers)
	}
}
