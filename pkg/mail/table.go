package mail

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// table shows the access before, as asked for, and now.
func (w *writer) table() {
	i := w.i
	first := w.label + 1
	second := max(columns(w.Private), columns(w.On), columns(w.Off)) + 2
	row := func(label, private, public string) {
		w.WriteString(wrap(pad(label, first)+pad(private, second), strings.Repeat(" ", first+second), public))
	}
	whole := func(label, value string) { w.field(label, value) }
	show := func(label string, a *endpoint.Access) {
		if a == nil {
			whole(label, w.Unknown)
			return
		}
		private, public := w.Off, w.Off
		if a.Private {
			private = w.On
		}
		if a.Public {
			public = w.cidrs(widest(*a, i.Family), maxCIDRs)
		}
		row(label, private, public)
	}
	w.WriteString("\n")
	row(w.Table, w.Private, w.Public)
	switch {
	case i.Before == nil && len(i.Causes) > 0 && i.Causes[0].Call == cloudtrail.CreateCluster:
		whole(w.Before, w.DidNotExist)
	case i.Before == nil:
		show(w.Before, nil)
	default:
		show(w.Before, &i.Before.Access)
	}
	if i.Asked != nil {
		show(w.AskedFor, i.Asked)
	} else {
		show(w.FoundRow, &i.Opening)
	}
	switch l := w.n.Late; {
	case l != nil && l.Gone, w.n.Kind == incident.NoticeOutcome && i.Final.Outcome == incident.Gone:
		whole(w.Now, w.Deleted)
	case l != nil && !l.Seen:
		whole(w.Now, w.Unknown)
	case l != nil:
		show(w.Now, &l.Access)
	case w.n.Kind == incident.NoticeOutcome:
		show(w.Now, &i.Final.Now)
	case len(i.Attempts) > 0:
		show(w.Wanted, &i.Attempts[len(i.Attempts)-1].Desired)
	case w.plan().Action == incident.PlanChange && w.plan().At.IsZero():
		show(w.Wanted, &i.Plan.Desired)
	}
}

// cidrs joins a list, and counts what is more than limit.
func (t *phrases) cidrs(list []string, limit int) string {
	if len(list) <= limit {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:limit], ", ") + ", " + fill(t.AndMore, "n", strconv.Itoa(len(list)-limit))
}

func texts(list []netip.Prefix) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.String()
	}
	return out
}
