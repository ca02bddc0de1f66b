// Package mail writes what people read of an incident. It is pure: the same
// notice makes the same mail.
package mail

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// Columns is the width that no line of a mail exceeds.
const Columns = 76

// maxSubject is the length that a subject stays under, in ASCII characters.
// Source: the SNS API reference, Publish.
const maxSubject = 100

// Mail is a message to the security team, as SNS takes it.
type Mail struct {
	Subject string // ASCII, one line, under 100 characters
	Text    string
	// Attributes are for SNS filter policies.
	Attributes map[string]string
}

// Letter writes mails; it holds what is the same in all of them.
type Letter struct {
	// Version is the guardrail's, PolicyHash the policy document's: they end
	// every mail, so that a reader knows what decided.
	Version    string
	PolicyHash string
}

// Write writes the mail of a notice.
func (l Letter) Write(n incident.Notice) Mail {
	if n.Kind == incident.NoticeLeft {
		return l.left(n)
	}
	r, i := n.Record, n.Record.Incident
	var b strings.Builder
	b.WriteString(wrap("", "", headline(n), Columns))
	b.WriteString("\n")
	field(&b, "Cluster", r.Name)
	field(&b, "Account", r.Account)
	field(&b, "Region", r.Region)
	for k, cause := range i.Causes {
		label := "Who"
		if k > 0 {
			label = "and"
		}
		field(&b, label, who(cause))
	}
	if len(i.Causes) == 0 {
		field(&b, "Who", "not known: found by looking at the cluster, not from a call")
	}
	field(&b, "Since", stamp(since(i)))
	field(&b, "Reference", i.Ref)
	b.WriteString("\n")
	b.WriteString(table(n))
	if notes := rules(n); len(notes) > 0 {
		b.WriteString("\nRules\n")
		for _, note := range notes {
			text := note.Name + " (" + string(note.Respond) + ")"
			if note.Description != "" {
				text += ": " + foreign(note.Description, 300)
			}
			b.WriteString(wrap("- ", "  ", text, Columns))
			for _, reason := range note.Reasons {
				b.WriteString(wrap("  ", "  ", reason, Columns))
			}
			if note.Held != "" {
				b.WriteString(wrap("  ", "  ", note.Held, Columns))
			}
		}
	}
	if done := done(n); len(done) > 0 {
		b.WriteString("\nWhat the guardrail did\n")
		for _, line := range done {
			b.WriteString(wrap("- ", "  ", line, Columns))
		}
	}
	l.sign(&b)
	return Mail{Subject: subject(n), Text: b.String(), Attributes: attributes(n)}
}

func (l Letter) sign(b *strings.Builder) {
	fmt.Fprintf(b, "\n--\nEndpoint Guard %s, policy %s\n", l.Version, l.PolicyHash)
}

func field(b *strings.Builder, label, value string) {
	b.WriteString(wrap(fmt.Sprintf("%-10s ", label), strings.Repeat(" ", 11), value, Columns))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func since(i *incident.Incident) time.Time {
	t := i.OpenedAt
	for _, c := range i.Causes {
		if !c.At.IsZero() && c.At.Before(t) {
			t = c.At
		}
	}
	return t
}

func who(c incident.Cause) string {
	if c.EventID == "" {
		return fmt.Sprintf("not known yet; update %s of %s", foreign(c.UpdateID, 60), stamp(c.At))
	}
	s := foreign(c.Actor.String(), 200) + ", " + c.Call
	if c.Actor.SourceIP != "" {
		s += " from " + foreign(c.Actor.SourceIP, 64)
	}
	if c.Actor.UserAgent != "" {
		s += " with " + foreign(c.Actor.UserAgent, 120)
	}
	return s + ", " + stamp(c.At) + ", CloudTrail event " + foreign(c.EventID, 64)
}

// opened says in a few words what access is, was or would be open.
func opened(a endpoint.Access, f endpoint.Family) string {
	switch {
	case !a.Public && a.Private:
		return "private only"
	case !a.Public:
		return "closed"
	}
	s := "open to " + describe(a, f)
	if !a.Private {
		s += ", private access off"
	}
	return s
}

func describe(a endpoint.Access, f endpoint.Family) string {
	set := a.Reachable(f)
	if set.ContainsPrefix(endpoint.World(endpoint.IPv4)[0]) || set.ContainsPrefix(endpoint.World(endpoint.IPv6)[1]) {
		return "the whole internet"
	}
	prefixes := a.Effective(f)
	if len(prefixes) == 1 {
		return prefixes[0].String()
	}
	widest := prefixes[0]
	for _, p := range prefixes {
		if wider(p, widest) {
			widest = p
		}
	}
	return fmt.Sprintf("%d CIDRs, the widest %s", len(prefixes), widest)
}

func wider(a, b netip.Prefix) bool {
	return a.Addr().BitLen()-a.Bits() > b.Addr().BitLen()-b.Bits()
}

func headline(n incident.Notice) string {
	i := n.Record.Incident
	name := n.Record.Name
	switch n.Kind {
	case incident.NoticeDetected:
		return detected(n)
	case incident.NoticeStuck:
		return fmt.Sprintf("The endpoint of cluster %s breaks the policy, and the guardrail has not been able to settle it for over two hours (cluster status %s). It keeps trying every 15 minutes.", name, i.Status)
	}
	f := i.Final
	now := opened(f.Now, i.Family)
	if f.Tug != nil {
		return fmt.Sprintf("Tug of war: somebody keeps opening the endpoint of cluster %s, and the guardrail has closed it %s. It is now %s. The guardrail goes on closing it at once, every time, but no longer mails each closing; what stays open is mailed as before. Find who or what opens it (below) and stop it there, or change the policy.", name, often(*f.Tug), now)
	}
	switch f.Outcome {
	case incident.Enforced:
		return fmt.Sprintf("Closed: the endpoint of cluster %s broke the policy. The guardrail changed it, EKS confirmed the change, and the endpoint is now %s.", name, now)
	case incident.PartlyEnforced:
		return fmt.Sprintf("Partly closed: the guardrail changed the endpoint of cluster %s as the enforcing rules want it; something that a rule forbids is still open. It is now %s.", name, now)
	case incident.Violation:
		return fmt.Sprintf("The endpoint of cluster %s breaks the policy. The rules only ask to tell, so nothing was changed: it is %s.", name, now)
	case incident.Blocked:
		return fmt.Sprintf("The endpoint of cluster %s breaks the policy and could not be closed safely: it is still %s.", name, now)
	case incident.Failed:
		return fmt.Sprintf("The endpoint of cluster %s breaks the policy and EKS failed every update that would close it: it is still %s. The guardrail tries again when somebody changes the cluster.", name, now)
	case incident.AlreadyUndone:
		return fmt.Sprintf("Over: the endpoint of cluster %s no longer breaks the policy; %s. The guardrail changed nothing. It is now %s.", name, f.Why, now)
	case incident.Gone:
		return fmt.Sprintf("Over: cluster %s was deleted.", name)
	default:
		return fmt.Sprintf("Over: the endpoint of cluster %s is %s (%s); %s.", name, f.Outcome, now, f.Why)
	}
}

// often says how often, in words.
func often(t incident.TugOfWar) string {
	var words []string
	if t.InAnHour > 1 {
		words = append(words, fmt.Sprintf("%d times within an hour", t.InAnHour))
	}
	if t.Days > 1 {
		words = append(words, fmt.Sprintf("on %d of the last 7 days", t.Days))
	}
	return strings.Join(words, " and ")
}

func detected(n incident.Notice) string {
	i := n.Record.Incident
	what := fmt.Sprintf("The endpoint of cluster %s is %s, which breaks the policy.", n.Record.Name, opened(i.Opening, i.Family))
	if i.Asked != nil {
		what = fmt.Sprintf("Somebody asked EKS to make the endpoint of cluster %s %s, which breaks the policy.", n.Record.Name, opened(*i.Asked, i.Family))
	}
	switch {
	case i.AlertOnly:
		return what + " The rules only ask to tell; a second mail says how it ended."
	case i.Stage == incident.Updating:
		return what + " The guardrail has asked EKS to change it back; a second mail says how it ended."
	default:
		return what + fmt.Sprintf(" EKS does not accept a change now (cluster status %s); the guardrail changes it as soon as it does. A second mail says how it ended.", i.Status)
	}
}

// table shows the endpoint before, as asked for, and now.
func table(n incident.Notice) string {
	i := n.Record.Incident
	var b strings.Builder
	row := func(label string, a *endpoint.Access) {
		if a == nil {
			field(&b, label, "not known")
			return
		}
		public := "off"
		if a.Public {
			public = "on, " + endpoint.JoinPrefixes(a.Effective(i.Family), " ")
		}
		private := "off"
		if a.Private {
			private = "on"
		}
		field(&b, label, "private "+private+", public "+public)
	}
	var before *endpoint.Access
	if i.Before != nil {
		before = &i.Before.Access
	}
	if before == nil && len(i.Causes) > 0 && i.Causes[0].Call == "CreateCluster" {
		field(&b, "Before", "the cluster did not exist")
	} else {
		row("Before", before)
	}
	if i.Asked != nil {
		row("Asked", i.Asked)
	} else {
		row("Found", &i.Opening)
	}
	switch {
	case i.Final != nil && i.Final.Outcome != incident.Gone:
		row("Now", &i.Final.Now)
	case i.Final != nil:
		field(&b, "Now", "deleted")
	case len(i.Attempts) > 0:
		row("Wanted", &i.Attempts[len(i.Attempts)-1].Desired)
	}
	return b.String()
}

func rules(n incident.Notice) []incident.RuleNote {
	if i := n.Record.Incident; i.Final != nil && len(i.Final.Left) > 0 && i.Final.Outcome != incident.PartlyEnforced {
		return i.Final.Left
	}
	return n.Record.Incident.Rules
}

// done lists what the guardrail did, as far as it is known to be so.
func done(n incident.Notice) []string {
	i := n.Record.Incident
	var lines []string
	for _, a := range i.Attempts {
		what := fmt.Sprintf("Attempt %d at %s: asked EKS for %s", a.Number, stamp(a.At), a.Desired)
		if a.Reverted {
			what += " (the configuration right before)"
		}
		switch {
		case a.UpdateID == "" && a.Status == "":
			what += "; EKS's answer is not known"
		case a.UpdateID == "":
			what += "; EKS refused it"
		case a.Status == endpoint.UpdateInProgress:
			what += fmt.Sprintf("; update %s is in progress", a.UpdateID)
		default:
			what += fmt.Sprintf("; update %s: %s", a.UpdateID, a.Status)
		}
		for _, e := range a.Errors {
			what += fmt.Sprintf(", %s (%s)", foreign(e.Code, 60), foreign(e.Message, 300))
		}
		lines = append(lines, what+".")
		if len(a.Dropped) > 0 {
			lines = append(lines, "Dropped or cut: "+endpoint.JoinPrefixes(a.Dropped, " ")+".")
		}
		lines = append(lines, a.Warnings...)
	}
	if f := i.Final; f != nil {
		if f.Tug != nil && len(f.Tug.Others) > 0 {
			lines = append(lines, "Opened lately by: "+foreign(strings.Join(f.Tug.Others, "; "), 600)+".")
		}
		lines = append(lines, f.Kept...)
		if len(f.Left) > 0 && f.Outcome == incident.PartlyEnforced {
			for _, note := range f.Left {
				lines = append(lines, "Still open under rule "+note.Name+": "+strings.TrimSuffix(strings.Join(note.Reasons, "; "), ".")+".")
			}
		}
		if f.Outcome != incident.PartlyEnforced && len(i.Attempts) == 0 {
			lines = append(lines, "Nothing was changed.")
		}
	}
	return lines
}

// words are what the subject says of each outcome.
var words = map[incident.Outcome]string{
	incident.Enforced:       "Closed",
	incident.PartlyEnforced: "STILL OPEN, partly closed",
	incident.Violation:      "OPEN, alert only",
	incident.Blocked:        "STILL OPEN, blocked",
	incident.Failed:         "STILL OPEN, failed",
	incident.Stuck:          "STILL OPEN, stuck",
	incident.AlreadyUndone:  "Already undone",
	incident.Gone:           "Deleted",
}

func subject(n incident.Notice) string {
	word, ok := words[n.Outcome()]
	switch {
	case n.Kind == incident.NoticeLeft:
		word = "Left a rule"
	case n.Kind == incident.NoticeOutcome && n.Record.Incident.Final.Tug != nil:
		word = "Tug of war"
	case n.Outcome() == "":
		word = "Detected"
	case !ok:
		word = "Over, " + string(n.Outcome())
	}
	place := fmt.Sprintf(" (%s %s)", n.Record.Account, n.Record.Region)
	lead := "[EKS endpoint] " + word + ": "
	name := n.Record.Name
	if room := maxSubject - 1 - len(lead) - len(place); len(name) > room {
		name = name[:max(0, room-2)] + ".."
	}
	return ascii(lead + name + place)
}

func attributes(n incident.Notice) map[string]string {
	outcome := string(n.Outcome())
	if outcome == "" {
		outcome = string(n.Kind)
	}
	out := map[string]string{
		"outcome": outcome, "account": n.Record.Account, "region": n.Record.Region, "cluster": n.Record.Name, "reference": n.Record.Incident.Ref,
	}
	for _, note := range n.Record.Incident.Rules {
		out["rule"] = note.Name
		if note.Respond != policy.Alert {
			break
		}
	}
	return out
}
