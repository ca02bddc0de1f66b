package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// happening is one thing that happened, and when.
type happening struct {
	at   time.Time
	what string
}

// story is all that the ledger knows of an incident, for people.
func story(e entry) string {
	var p page
	r := e.record
	p.line("", e.ref+": "+e.state())
	fields := [][2]string{{"cluster", fmt.Sprintf("%s (%s %s)", r.Name, r.Account, r.Region)}, {"created", moment(r.Cluster.CreatedAt)}}
	add := func(label, text string) { fields = append(fields, [2]string{label, text}) }
	var rules []incident.RuleNote
	var events []happening
	i := e.open
	if e.closing != nil {
		i = e.closing.Story
	}
	switch {
	case i != nil:
		if i.Before != nil {
			add("before", describe(i.Before.Access))
		}
		if i.Asked != nil {
			add("asked", describe(*i.Asked))
		}
		add("found", describe(i.Opening))
		if i.Status != "" && e.open != nil {
			add("status", string(i.Status))
		}
		if i.Final != nil {
			add("ended as", string(i.Final.Outcome)+", "+describe(i.Final.Now))
		}
		rules, events = i.Rules, happenings(i)
		if e.closing != nil && i.Final != nil {
			events = append(events, happening{e.closing.At, outcomeMail(i)})
		}
	case e.closing != nil:
		if e.closing.By != "" {
			add("opened by", e.closing.By)
		}
		events = []happening{{e.closing.Opened, "opened"}, {e.closing.At, "over: " + string(e.closing.Outcome)}}
	default:
		events = []happening{{e.standing.Since, "over: " + string(e.standing.Outcome)}}
	}
	if s := e.standing; s != nil {
		rules = s.Rules
		add("still", "the violation is there, and is not mailed again")
		if !s.Until.IsZero() {
			add("grace", "ends "+moment(s.Until))
		}
	}
	if !r.GoneAt.IsZero() {
		add("deleted", "first seen "+moment(r.GoneAt))
	}
	for _, f := range fields {
		p.field("  ", fmt.Sprintf("%-10s ", f[0]), f[1])
	}

	slices.SortStableFunc(events, func(a, b happening) int { return a.at.Compare(b.at) })
	p.heading("What happened")
	for _, h := range events {
		p.field("  ", moment(h.at)+"  ", h.what)
	}
	if len(rules) > 0 {
		heading := "Rules that it breaks"
		if e.open == nil && e.standing == nil {
			heading = "Rules that it broke"
		}
		p.heading(heading)
		for _, note := range rules {
			p.line("  ", fmt.Sprintf("%s (%s)", note.Name, note.Respond))
			for _, reason := range note.Reasons {
				p.line("    ", reason)
			}
			if note.Held != "" {
				p.line("    ", note.Held)
			}
		}
	}
	if i != nil && i.Final != nil {
		left(&p, i.Final)
	}
	return p.String()
}

// left writes what an incident was closed over.
func left(p *page, f *incident.Final) {
	if len(f.Left)+len(f.Kept)+len(f.Warn) == 0 {
		return
	}
	p.heading("What it was closed over")
	for _, note := range f.Left {
		p.line("  ", fmt.Sprintf("%s (%s) is still violated", note.Name, note.Respond))
	}
	for _, kept := range f.Kept {
		p.line("  ", "kept: "+kept)
	}
	for _, warning := range f.Warn {
		p.line("  ", "warning: "+warning)
	}
}

// mailed says that people were told, or that a tug of war left it to the digest.
func mailed(i *incident.Incident, kind incident.NoticeKind, what string) string {
	if slices.Contains(i.Folded, kind) {
		return "left to the digest, in a tug of war: " + what
	}
	return "mail: " + what
}

func outcomeMail(i *incident.Incident) string {
	what := mailed(i, incident.NoticeOutcome, string(i.Final.Outcome))
	if i.Final.Tug != nil {
		what += ", and that it is a tug of war"
	}
	return what
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// happenings are what is known to have happened in an incident.
func happenings(i *incident.Incident) []happening {
	out := []happening{{i.OpenedAt, "incident opened"}}
	add := func(at time.Time, format string, args ...any) {
		if !at.IsZero() {
			out = append(out, happening{at, fmt.Sprintf(format, args...)})
		}
	}
	for _, c := range i.Causes {
		add(c.At, "%s", called(c))
	}
	add(i.SettledAt, "EKS accepts changes, and the violation is there")
	add(i.HeldSince, "held back by the brake")
	for _, a := range i.Attempts {
		what := fmt.Sprintf("attempt %d: EKS was asked for %s", a.Number, describe(a.Desired))
		if a.Reverted {
			what += " (as right before)"
		}
		if len(a.Dropped) > 0 {
			what += ", without " + endpoint.JoinPrefixes(a.Dropped, ", ")
		}
		if n := a.OverLimitCount; n > 0 {
			what += fmt.Sprintf(", and without %d allowed pieces over EKS's limit of %d, the widest %s", n, endpoint.MaxCIDRs, endpoint.JoinPrefixes(a.OverLimit, ", "))
		}
		if a.UpdateID == "" {
			what += "; no update of it is known"
		} else {
			what += "; update " + a.UpdateID
		}
		add(a.At, "%s", what)
		if a.Status != "" {
			add(a.OverAt, "attempt %d%s", a.Number, ended(a.Status, a.Errors))
		}
	}
	add(i.DetectedMailed, "%s", mailed(i, incident.NoticeDetected, "detected"))
	add(i.StuckMailed, "%s", mailed(i, incident.NoticeStuck, "stuck"))
	if f := i.Final; f != nil {
		what := "decided: " + string(f.Outcome)
		if f.Why != "" {
			what += ", " + f.Why
		}
		add(f.At, "%s", what)
		if f.UndoneBy != nil {
			add(f.UndoneBy.At, "undone: %s", called(*f.UndoneBy))
		}
	}
	return out
}

// called says who made a call, from where, and what CloudTrail and EKS know it by.
func called(c incident.Cause) string {
	who := "somebody"
	if c.EventID != "" {
		who = c.Actor.String()
	}
	what := fmt.Sprintf("%s called %s", who, c.Call)
	if c.Actor.SourceIP != "" {
		what += " from " + c.Actor.SourceIP
	}
	if c.Actor.UserAgent != "" {
		what += " with " + c.Actor.UserAgent
	}
	if c.EventID != "" {
		what += "; CloudTrail event " + c.EventID
	}
	if c.UpdateID != "" {
		what += fmt.Sprintf("; update %s%s", c.UpdateID, ended(c.Status, c.Errors))
	}
	return what
}

func ended(status endpoint.UpdateStatus, errors []endpoint.UpdateError) string {
	if status == "" {
		return ""
	}
	what := ": " + string(status)
	for _, e := range errors {
		what += fmt.Sprintf(", %s (%s)", e.Code, strings.TrimSuffix(e.Message, "."))
	}
	return what
}
