package incident

import (
	"slices"
	"time"
)

// tug counts the open incident, about to be closed, among the last closings. It
// returns nil unless that makes a tug of war.
func (t *evaluation) tug() *TugOfWar {
	war := TugOfWar{InAnHour: 1}
	days := map[string]bool{t.now.UTC().Format(time.DateOnly): true}
	others := []string{by(*t.Incident)}
	for _, c := range slices.Backward(t.Closings) {
		if c.Outcome != Enforced && c.Outcome != PartlyEnforced {
			continue
		}
		ago := t.now.Sub(c.At)
		if ago < time.Hour {
			war.InAnHour++
		}
		if ago < 7*24*time.Hour {
			days[c.At.UTC().Format(time.DateOnly)] = true
			others = append(others, c.By)
		}
	}
	war.Days = len(days)
	for _, other := range others {
		if other != "" && !slices.Contains(war.Others, other) {
			war.Others = append(war.Others, other)
		}
	}
	l := t.in.Limits
	if l.TugPerHour > 0 && war.InAnHour >= l.TugPerHour || l.TugDays > 0 && war.Days >= l.TugDays {
		return &war
	}
	return nil
}

// folded reports whether a mail is left to the digest: in a tug of war those of
// an incident that the guardrail settles, and that one more try at what failed has
// failed, too. What stays open against a rule that is to be enforced is told once.
func (t *evaluation) folded(kind NoticeKind) bool {
	if i := t.Incident; i != nil && i.Retry > 0 && kind == NoticeOutcome && i.Final.Outcome == Failed {
		return true
	}
	if t.TugSince.IsZero() || t.Incident == nil {
		return false
	}
	if kind != NoticeOutcome {
		return kind == NoticeDetected
	}
	switch t.Incident.Final.Outcome {
	case Enforced, AlreadyUndone:
		return true
	case PartlyEnforced:
		return !slices.ContainsFunc(t.Incident.Final.Left, func(n RuleNote) bool { return n.Respond.Enforcing() })
	case Compliant, OutOfScope, Exempt, Ignored, Unreadable, Gone, Violation, Blocked, Failed, Stuck:
	}
	return false // people are to know
}

// peace ends a tug of war once the cluster has been closed often enough no more.
func (t *evaluation) peace() {
	if !t.TugSince.IsZero() && t.tug() == nil {
		t.TugSince = time.Time{}
	}
}

// by names who opened a cluster, and the tool, for whoever reads of a tug of war.
func by(i Incident) string {
	for _, c := range i.Causes {
		if c.EventID == "" {
			continue
		}
		return c.who()
	}
	return ""
}

// who is who made a call, with what tool.
func (c Cause) who() string {
	who := c.Actor.String()
	if tool := c.Actor.Tool(); tool != "" {
		who += " with " + tool
	}
	return who
}

// TugOfWar is how often the guardrail has closed a cluster lately, and after whom.
type TugOfWar struct {
	InAnHour int      `json:"inAnHour"`
	Days     int      `json:"days"` // of the last seven
	Others   []string `json:"others,omitempty"`
}
