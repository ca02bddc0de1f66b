package mail

import (
	"fmt"
	"strconv"

	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// subjects are what the subject says of each situation, before it names the cluster: in
// general, and where nothing is wrong but private access, if it is something else. What is
// open comes first.
var subjects = [situations]struct{ open, inside string }{
	beingOpened:    {"OPENING, {plan}", "PRIVATE GOING OFF, {plan}"},
	creating:       {"OPENING, {plan}", "PRIVATE GOING OFF, {plan}"},
	creatingGraced: {"OPENING, {plan}", "PRIVATE GOING OFF, {plan}"},
	creatingLater:  {"OPENING, {plan}", "PRIVATE GOING OFF, {plan}"},
	found:          {"OPEN, {plan}", "PRIVATE OFF, {plan}"},
	foundHeld:      {"OPEN, {plan}", "PRIVATE OFF, {plan}"},

	stuck:        {"STILL OPEN, stuck", "PRIVATE STILL OFF, stuck"},
	stuckRefused: {"STILL OPEN, stuck", "PRIVATE STILL OFF, stuck"},

	enforcedClosed:      {open: "Closed"},
	enforcedNarrowed:    {open: "Fixed"},
	partlyEnforced:      {"STILL OPEN, partly fixed", "PRIVATE STILL OFF, partly fixed"},
	partlyHeld:          {"STILL OPEN, half done, blocked", "PRIVATE STILL OFF, half done, blocked"},
	tugOfWar:            {open: "Tug of war, closed again ({nth})"},
	tugOfWarPartly:      {"STILL OPEN, Tug of war ({nth})", "PRIVATE STILL OFF, Tug of war ({nth})"},
	violation:           {"OPEN, alert only", "PRIVATE OFF, alert only"},
	violationGraced:     {"OPEN, {plan}", "PRIVATE OFF, {plan}"},
	violationLater:      {"OPEN, {plan}", "PRIVATE OFF, {plan}"},
	blocked:             {"STILL OPEN, blocked", "PRIVATE STILL OFF, blocked"},
	failed:              {"STILL OPEN, the change failed", "PRIVATE STILL OFF, the change failed"},
	undone:              {open: "Already undone"},
	undoneUnclear:       {open: "Put right, by whom is not known"},
	unconfirmedClosed:   {open: "Seen closed, not confirmed by EKS"},
	unconfirmedNarrowed: {open: "Seen fixed, not confirmed by EKS"},
	neverOpened:         {"Never opened", "Never in force"},
	clusterGone:         {open: "Cluster deleted"},
	allowed:             {open: "Over, {verdict}"},
	allowedElse:         {open: "Over, {verdict}"},
}

// stillOpen is what the subject says of what the policy allows by now, where it lets the
// whole internet in.
const stillOpen = "STILL OPEN, {verdict}"

// verdicts are what the subject calls the policy's word on what was found.
var verdicts = map[incident.Outcome]string{incident.Compliant: "now allowed", incident.Exempt: "now exempt", incident.OutOfScope: "now out of scope"}

// word is what the subject says before it names the cluster.
func (w *writer) word() string {
	phrase := subjects[w.told]
	word := phrase.open
	if w.onlyInside && phrase.inside != "" {
		word = phrase.inside
	}
	f := w.i.Final
	switch w.told {
	case tugOfWar, tugOfWarPartly:
		return fill(word, "nth", ordinal(*f.Tug))
	case enforcedClosed, enforcedNarrowed:
		if f.Why == incident.WhyClosed {
			return word + ", now allowed"
		}
	case allowed, allowedElse:
		if !w.onlyInside && world(f.Now, w.i.Family) {
			word = stillOpen
		}
		return fill(word, "verdict", verdicts[w.verdict])
	default:
	}
	return fill(word, "plan", w.planned())
}

// usual is what an outcome tells where nothing more is known of it.
var usual = map[incident.Outcome]situation{
	incident.Enforced: enforcedClosed, incident.PartlyEnforced: partlyEnforced, incident.Violation: violation, incident.Blocked: blocked, incident.Failed: failed,
	incident.Stuck: stuck, incident.AlreadyUndone: undone, incident.Gone: clusterGone,
	incident.Compliant: allowed, incident.Exempt: allowed, incident.OutOfScope: allowed,
}

// planned is what the subject says of what will be done about what was found.
func (w *writer) planned() string {
	switch p := planOf(w.n); {
	case p != nil && p.Action == incident.PlanNothing:
		return "alert only"
	case p != nil && p.Action == incident.PlanBlocked:
		return "blocked"
	case p != nil && !p.At.IsZero():
		return w.byItself(p)
	case w.i.Stage == incident.Updating:
		return "being " + w.fixed(p)
	case !w.i.HeldSince.IsZero():
		return "waits for the brake"
	default:
		return "to be " + w.fixed(p)
	}
}

// fixed is what the subject calls a change that is planned: "being closed". One
// that is not known is called the least that it can be.
func (w *writer) fixed(p *incident.Plan) string {
	switch {
	case p == nil || len(p.Left) > 0:
		return "partly fixed"
	case p.Desired.Public || w.onlyInside:
		return "fixed"
	default:
		return "closed"
	}
}

// byItself is what the subject says of a change that comes with the end of a grace.
func (w *writer) byItself(p *incident.Plan) string {
	at := hour(p.At, w.n.At)
	switch what := w.fixed(p); what {
	case "closed":
		return "closes itself " + at
	case "fixed":
		return "fixes itself " + at
	default:
		return "to be " + what + " " + at
	}
}

// ordinal says the how-manieth closing makes the tug of war.
func ordinal(war incident.TugOfWar) string {
	n, what := war.InAnHour, "time"
	if war.Days > n {
		n, what = war.Days, "day"
	}
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix + " " + what
}

// title is a subject about one cluster.
func title(word string, r incident.Record) string {
	lead, place := word+" - EKS: ", fmt.Sprintf(" (%s %s)", r.Account, r.Region)
	return text.ASCII(lead + text.CutMiddle(r.Name, maxSubject-1-len(lead)-len(place)) + place)
}
