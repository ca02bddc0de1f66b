package mail

import (
	"cmp"
	"reflect"

	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/text"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

func (w *writer) rules() {
	if len(w.i.Rules) > 0 && !(w.n.Kind == incident.NoticeOutcome && reflect.DeepEqual(w.i.Rules, w.i.Final.Left) && w.i.Final.Outcome == incident.PartlyEnforced) {
		heading := w.RulesBroken
		if !happened(w.i) {
			heading = w.RulesNever
		}
		if stands(w.n) && (w.i.Final == nil || w.i.Final.Outcome != incident.PartlyEnforced) {
			heading = w.RulesLeftOpen
		}
		w.heading(heading)
		w.notes(w.i.Rules)
	}
	if f := w.i.Final; w.n.Kind == incident.NoticeOutcome && f.Outcome == incident.PartlyEnforced && len(f.Left) > 0 {
		w.heading(w.RulesLeftOpen)
		w.notes(f.Left)
	}
}

func (w *writer) notes(rules []incident.RuleNote) {
	for _, note := range rules {
		respond := map[policy.Response]string{policy.Enforce: w.Enforce, policy.Revert: w.Revert, policy.Alert: w.Alert}[note.Respond]
		line := text.Clean(note.Name, maxName) + " (" + respond + ")"
		if note.Description != "" {
			line += ": " + text.Clean(note.Description, maxMessage)
		}
		w.item(line)
		for k, reason := range note.Reasons {
			if k < len(note.Found) {
				reason = cmp.Or(w.reason(note.Found[k]), reason)
			}
			w.indented("> " + text.Clean(reason, 2*maxMessage))
		}
		switch {
		case !note.HeldUntil.IsZero():
			w.indented("> " + fill(w.Grace, "at", stamp(note.HeldUntil)))
		case note.Held != "":
			w.indented("> " + w.Hybrid)
		}
	}
}

// reason says what a rule finds wrong; "" in the language that the judgement itself speaks.
func (t *phrases) reason(f incident.Finding) string {
	phrase := map[verdict.ReasonKind]string{
		verdict.PrivateOff: t.PrivateOff, verdict.PublicOn: t.PublicOn, verdict.OutsideAllowed: t.OutsideAllowed,
		verdict.TooWide: t.TooWide, verdict.FamilyNotAdmitted: t.FamilyNotAdmitted,
	}[f.Kind]
	return fill(phrase, "cidrs", t.cidrs(texts(f.CIDRs), maxDropped))
}

// ruleNames are the rules' names for the attribute: those that enforce first.
func ruleNames(rules []incident.RuleNote) []string {
	var out []string
	for _, enforcing := range []bool{true, false} {
		for _, rule := range rules {
			if rule.Respond.Enforcing() == enforcing && rule.Name != "" && len(out) < maxRules {
				out = append(out, text.Clean(rule.Name, maxName))
			}
		}
	}
	return out
}
