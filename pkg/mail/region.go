package mail

import (
	"fmt"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/incident"
)

// left writes that a change of tags took a cluster out of the reach of rules.
func (l Letter) left(n incident.Notice) Mail {
	r, d := n.Record, n.Record.Left
	var b strings.Builder
	what := fmt.Sprintf("A change of tags took cluster %s out of the reach of the enforcing rules named below.", r.Name)
	if d.Enforced {
		what += " Other rules still enforce on it."
	} else {
		what += " No rule enforces on it any more: from now on nobody is kept from opening its endpoint."
	}
	b.WriteString(wrap("", "", what+" If that was not meant, put the tags back.", Columns))
	b.WriteString("\n")
	field(&b, "Cluster", r.Name)
	field(&b, "Account", r.Account)
	field(&b, "Region", r.Region)
	if d.By != nil {
		field(&b, "Who", who(*d.By))
	} else {
		field(&b, "Who", "not known: found by looking at the cluster, not from a call")
	}
	field(&b, "Noticed", stamp(d.At))
	field(&b, "Reference", d.Ref)
	b.WriteString("\n")
	field(&b, "Rules left", strings.Join(d.Rules, ", "))
	field(&b, "Endpoint", opened(d.Now, d.Family))
	l.sign(&b)
	outcome := string(n.Outcome())
	if outcome == "" {
		outcome = string(n.Kind)
	}
	return Mail{Subject: subject(n), Text: b.String(), Attributes: map[string]string{
		"outcome": outcome, "account": r.Account, "region": r.Region, "cluster": r.Name, "reference": d.Ref, "rule": d.Rules[0],
	}}
}

// maxNames is how many waiting clusters the brake's mail names.
const maxNames = 12

// Brake writes that clusters wait because many were changed within an hour.
func (l Letter) Brake(b incident.Brake, limit int, account, region string, now time.Time) Mail {
	var text strings.Builder
	text.WriteString(wrap("", "", fmt.Sprintf("Many clusters break the policy at once. The guardrail changes at most %d clusters of a region within an hour, so that a mistake in a policy cannot close a whole company; %d more wait.", limit, len(b.Waiting)), Columns))
	text.WriteString("\n")
	field(&text, "Account", account)
	field(&text, "Region", region)
	field(&text, "Since", stamp(b.Since))
	field(&text, "As of", stamp(now))
	text.WriteString("\nBy rule\n")
	for _, c := range b.Rules() {
		text.WriteString(wrap("- ", "  ", fmt.Sprintf("%s: %d", c.Rule, c.Clusters), Columns))
	}
	names := b.Names()
	more := ""
	if len(names) > maxNames {
		more = fmt.Sprintf(" and %d more", len(names)-maxNames)
		names = names[:maxNames]
	}
	text.WriteString("\nWaiting\n" + wrap("  ", "  ", strings.Join(names, ", ")+more, Columns))
	text.WriteString("\nWhat you can do\n")
	for _, line := range []string{
		"Nothing, if the rule is meant so: the clusters are changed as the hour passes, those that somebody has just opened first.",
		"To let all of them go at once, deploy with a higher setting brake (0 is no bound).",
		"To stop, deploy with the setting mode=alert, or correct the rule and deploy the policy.",
	} {
		text.WriteString(wrap("- ", "  ", line, Columns))
	}
	l.sign(&text)
	return Mail{
		Subject: ascii(fmt.Sprintf("[EKS endpoint] Brake: %d clusters wait to be closed (%s %s)", len(b.Waiting), account, region)),
		Text:    text.String(), Attributes: map[string]string{"outcome": "brake", "account": account, "region": region},
	}
}
