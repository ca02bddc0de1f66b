package mail

import (
	"strconv"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// done tells what the guardrail did, as far as it is known to be so.
func (w *writer) done() {
	i, f := w.i, w.i.Final
	var lines []string
	for _, a := range i.Attempts {
		lines = append(lines, w.attempt(a))
		if busy := w.busy(a); busy != "" {
			lines = append(lines, busy)
		}
		if len(a.Dropped) > 0 {
			lines = append(lines, fill(w.Dropped, "cidrs", w.cidrs(texts(a.Dropped), maxDropped)))
		}
		if n := a.OverLimitCount; n > 0 {
			left := strings.Join(texts(a.OverLimit), ", ")
			if more := n - len(a.OverLimit); more > 0 {
				left += ", " + fill(w.AndMore, "n", strconv.Itoa(more))
			}
			lines = append(lines, fill(w.OverLimit, "limit", strconv.Itoa(endpoint.MaxCIDRs), "cidrs", left))
		}
	}
	if w.n.Kind == incident.NoticeOutcome {
		if len(i.Attempts) == 0 {
			lines = append(lines, w.NothingDone)
		}
		if f.Tug != nil {
			who := w.Unknown
			if len(f.Tug.Others) > 0 {
				who = text.Clean(strings.Join(f.Tug.Others, "; "), 2*maxMessage)
			}
			lines = append(lines, fill(w.OpenedLately, "who", who))
		}
	}
	w.list(w.WhatWasDone, lines)
	w.blocked()
	w.risks()
}

func (w *writer) attempt(a incident.Attempt) string {
	s := fill(w.Attempt, "at", stamp(a.At), "n", strconv.Itoa(a.Number), "access", w.state(a.Desired, w.i.Family))
	if a.Reverted {
		s += w.Reverted
	}
	switch {
	case a.UpdateID == "" && a.Status == "":
		s += w.NoAnswer
	case a.UpdateID == "":
		s += w.Refused
	case a.Status == endpoint.UpdateInProgress:
		s += fill(w.InProgress, "update", a.UpdateID)
	default:
		s += fill(w.Finished, "update", a.UpdateID, "status", string(a.Status))
	}
	for _, e := range a.Errors {
		s += ", " + text.Clean(e.Code, 60) + " (" + text.Clean(e.Message, maxMessage) + ")"
	}
	return s
}

// busy tells for how long EKS accepted no other change of the cluster since ours was
// under way: whoever created node groups then, or deleted the cluster, finds the reason here.
// "" for an attempt of which EKS did nothing or that is not known to be over, and where
// nothing came of it.
func (w *writer) busy(a incident.Attempt) string {
	if w.n.Kind != incident.NoticeOutcome || a.UpdateID == "" || a.OverAt.IsZero() {
		return ""
	}
	if o := w.i.Final.Outcome; o != incident.Enforced && o != incident.PartlyEnforced {
		return ""
	}
	from := a.CreatedAt
	if from.IsZero() {
		from = a.At
	}
	return fill(w.EKSBusy, "from", stamp(from), "to", stamp(ceil(a.OverAt, time.Second)))
}

func (w *writer) list(heading string, lines []string) {
	if len(lines) == 0 {
		return
	}
	w.heading(heading)
	for _, line := range lines {
		w.item(text.Clean(line, 4*maxMessage))
	}
}
