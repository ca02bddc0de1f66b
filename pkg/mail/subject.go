package mail

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// words are what the subject says of each outcome; what is open comes first.
var words = map[incident.Outcome]string{
	incident.Enforced:       "Closed",
	incident.PartlyEnforced: "STILL OPEN, partly fixed",
	incident.Violation:      "OPEN, alert only",
	incident.Blocked:        "STILL OPEN, blocked",
	incident.Failed:         "STILL OPEN, the change failed",
	incident.Stuck:          "STILL OPEN, stuck",
	incident.AlreadyUndone:  "Already undone",
	incident.Gone:           "Cluster deleted",
	incident.Compliant:      "Over, now allowed",
	incident.Exempt:         "Over, now exempt",
	incident.OutOfScope:     "Over, now out of scope",
}

func subject(n incident.Notice) string {
	if n.Late != nil {
		return title(lateWord(n, word(onTime(n))), n.Record)
	}
	return title(word(n), n.Record)
}

// word is what the subject says before it names the cluster.
func word(n incident.Notice) string {
	if n.Kind == incident.NoticeLeft {
		return leftWord(*n.Record.Left)
	}
	i := n.Record.Incident
	word := words[n.Outcome()]
	if n.Kind == incident.NoticeDetected {
		word = detectedWord(n)
	}
	if f := i.Final; n.Kind == incident.NoticeOutcome {
		switch {
		case f.Tug != nil && f.Outcome == incident.PartlyEnforced:
			word = "STILL OPEN, Tug of war (" + ordinal(*f.Tug) + ")"
		case f.Tug != nil:
			word = "Tug of war, closed again (" + ordinal(*f.Tug) + ")"
		case f.Outcome == incident.PartlyEnforced && held(i):
			word = "STILL OPEN, half done, blocked"
		case f.Outcome == incident.Violation && !graceEnd(n).IsZero():
			word = "OPEN, " + byItself(n)
		case f.Outcome == incident.Enforced:
			if f.Now.Public {
				word = "Fixed"
			}
			if f.Why == incident.WhyClosed {
				word += ", now allowed"
			}
		case f.Why == incident.WhyUnconfirmed && f.Now.Public:
			word = "Seen fixed, not confirmed by EKS"
		case f.Why == incident.WhyUnconfirmed:
			word = "Seen closed, not confirmed by EKS"
		case f.Why == incident.WhyUnclear:
			word = "Put right, by whom is not known"
		case !happened(i) && onlyInside(n):
			word = "Never in force"
		case !happened(i):
			word = "Never opened"
		case admitted(n) && !onlyInside(n) && world(f.Now, i.Family):
			word = strings.Replace(word, "Over", "STILL OPEN", 1)
		}
	}
	if stands(n) && onlyInside(n) {
		word = strings.NewReplacer(
			"STILL OPEN", "PRIVATE STILL OFF", "OPENING", "PRIVATE GOING OFF", "OPEN", "PRIVATE OFF", "closed", "fixed", "closes itself", "fixes itself",
		).Replace(word)
	}
	return word
}

// detectedWord is what the subject says of what was just found.
func detectedWord(n incident.Notice) string {
	i := n.Record.Incident
	word := "OPEN"
	if i.Asked != nil || i.Status == endpoint.StatusCreating {
		word = "OPENING"
	}
	switch p := planOf(n); {
	case p != nil && p.Action == incident.PlanNothing:
		return word + ", alert only"
	case p != nil && p.Action == incident.PlanBlocked:
		return word + ", blocked"
	case p != nil && !p.At.IsZero():
		return word + ", " + byItself(n)
	case i.Stage == incident.Updating:
		return word + ", being " + fixing(p)
	case !i.HeldSince.IsZero():
		return word + ", waits for the brake"
	default:
		return word + ", to be " + fixing(p)
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
	return ascii(lead + shorten(r.Name, maxSubject-1-len(lead)-len(place)) + place)
}

// fixing is what the subject calls a change that is planned: "being closed". One
// that is not known is called the least that it can be.
func fixing(p *incident.Plan) string {
	switch {
	case p == nil || len(p.Left) > 0:
		return "partly fixed"
	case p.Desired.Public:
		return "fixed"
	default:
		return "closed"
	}
}

// byItself is what the subject says of a change that comes with the end of a grace.
func byItself(n incident.Notice) string {
	at, p := hour(graceEnd(n), n.At), planOf(n)
	switch what := fixing(p); what {
	case "closed":
		return "closes itself " + at
	case "fixed":
		return "fixes itself " + at
	default:
		return "to be " + what + " " + at
	}
}
