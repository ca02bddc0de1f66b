package simulation

import (
	"slices"
	"strings"
	"time"
)

type promise struct {
	announced string
	comes     []string
}

// promises are what the subject of a first mail announces, with what the subjects of
// the outcome's mail may be then.
var promises = []promise{
	{"partly fixed", []string{"partly fixed", "half done", "Tug of war"}},
	{"to be closed", []string{"Closed", "Tug of war"}},
	{"being closed", []string{"Closed", "Tug of war"}},
	{"to be fixed", []string{"Fixed", "Closed", "Tug of war"}},
	{"being fixed", []string{"Fixed", "Closed", "Tug of war"}},
	{"closes itself", []string{"Closed", "closes itself", "Tug of war"}}, // once a grace is over
	{"fixes itself", []string{"Fixed", "fixes itself", "Closed", "Tug of war"}},
	{"alert only", []string{"alert only"}},
	{", blocked", []string{"blocked"}},
	{"waits for the brake", []string{"Closed", "Fixed", "partly fixed", "half done", "Tug of war"}},
}

// otherwise are the outcomes that say themselves why nothing came of what was announced.
var otherwise = []string{"already-undone", "compliant", "exempt", "out-of-scope", "gone", "failed"}

// keptPromise: what the first mail of an incident announces comes true, or its last one
// takes it back. The caller holds h.mu.
func (h *history) keptPromise(s sent) {
	i := slices.IndexFunc(h.claims.mails, func(o sent) bool { return o.about(s) && o.outcome == "detected" })
	if i < 0 || s.outcome == "detected" || s.outcome == "stuck" || s.outcome == "left" {
		return
	}
	first := h.claims.mails[i]
	if strings.Contains(first.subject+s.subject, "(late mail)") {
		return // it says what is so, which is held against the truth
	}
	p := slices.IndexFunc(promises, func(p promise) bool { return strings.Contains(first.subject, p.announced) })
	if p < 0 {
		h.w.fault("promises: a first mail announces nothing: %s", first.subject)
		return
	}
	h.counts["promises"]++
	came := slices.ContainsFunc(promises[p].comes, func(word string) bool { return strings.Contains(s.subject, word) })
	takenBack := strings.Contains(s.text, "had announced something else")
	switch {
	case takenBack:
		h.counts["promises: taken back"]++
		if h.weather == nil && h.rate == 0 && h.changes[s.cluster] == first.changes && h.w.retag[s.cluster].at.Before(first.at) && h.claims.legislated.Before(first.at) {
			h.w.fault("promises: %q was taken back with %q, and nothing had changed", first.subject, s.subject)
		}
	case !came && !slices.Contains(otherwise, s.outcome):
		h.w.fault("promises: the first mail said %q, the last one %q, and does not take it back", first.subject, s.subject)
	case came:
		h.counts["promises: came true"]++
	}
}

// promisedBlindly: no mail announces a closing while the VPC's DNS, switched off long
// ago, keeps any from being made. One that is sent again tells what was so when it was
// decided.
func (h *history) promisedBlindly(s sent) {
	if s.outcome != "detected" || h.repeated(s) || !h.cutOff || time.Since(h.cutAt) < 10*time.Minute {
		return
	}
	if strings.Contains(s.subject, "to be closed") || strings.Contains(s.subject, "being closed") {
		h.w.fault("promises: the VPC's DNS has been off for %s, and the mail says %q", time.Since(h.cutAt), s.subject)
	}
}
