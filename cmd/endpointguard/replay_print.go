package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/text"
)

func printJSON(w io.Writer) func(replayed) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(r replayed) error { return enc.Encode(r) }
}

func printReplay(w io.Writer) func(replayed) error {
	first := true
	return func(r replayed) error {
		gap := "\n"
		if first {
			gap, first = "", false
		}
		_, err := io.WriteString(w, gap+r.String())
		return err
	}
}

// String is what became of the record, for people.
func (r replayed) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", text.Reveal(r.File), r.Outcome)
	row := func(label, value string) {
		if value = text.Reveal(value); value != "" {
			fmt.Fprintf(&b, "  %-8s %s\n", label, value)
		}
	}
	e := r.event
	call := e.Name
	if e.Cluster != "" {
		call += fmt.Sprintf(" of %s (%s %s)", e.Cluster, e.Account, e.Region)
	}
	row("call", call)
	if e.Actor != (cloudtrail.Actor{}) {
		row("by", e.Actor.String())
	}
	event := r.Event
	if !e.Time.IsZero() {
		event = strings.TrimSpace(event + " of " + e.Time.Format("2006-01-02 15:04:05 UTC"))
	}
	row("event", event)
	row("why", r.Why)
	for _, reason := range r.Reasons {
		row("reason", reason)
	}
	if r.Before != nil {
		row("before", describe(*r.Before))
	}
	if r.After != nil {
		row("after", describe(*r.After))
	}
	if r.Outcome != incident.Ignored && r.Outcome != incident.Unreadable {
		row("updates", fmt.Sprintf("%d by the guardrail, over after %s", r.Updates, r.took))
	}
	for _, assumption := range r.Assumed {
		row("assumed", assumption)
	}
	for i, m := range r.Mails {
		fmt.Fprintf(&b, "\n  --- mail %d of %d\n  Subject: %s\n\n", i+1, len(r.Mails), m.Subject)
		for line := range strings.Lines(m.Text) {
			b.WriteString(strings.TrimRight("  "+line, " \n") + "\n")
		}
	}
	return b.String()
}

// describe says in words what access is.
func describe(a endpoint.Access) string {
	onOff := map[bool]string{true: "on", false: "off"}
	s := "private " + onOff[a.Private] + ", public " + onOff[a.Public]
	if a.Public {
		s += ": " + endpoint.JoinPrefixes(a.CIDRs, " ")
	}
	return s
}
