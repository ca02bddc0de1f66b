package mail

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/incident"
)

// left writes that a change of tags took a cluster out of the reach of rules.
func (l Letter) left(n incident.Notice) Mail {
	w := l.writer(n)
	r, d := n.Record, n.Record.Left
	sev := Medium
	if !d.Enforced && world(d.Now, d.Family) {
		sev = High
	}
	head := fill(w.Left, "cluster", shorten(r.Name, 40)) + " "
	if d.Enforced {
		head += w.LeftSome
	} else {
		head += w.LeftAll
	}
	who := w.FoundByLooking
	if d.By != nil {
		who = w.caller(*d.By)
	}
	w.para(head)
	w.WriteString("\n")
	w.field(w.Cluster, r.Name)
	w.field(w.Account, w.account(r.Account))
	w.field(w.Region, r.Region)
	w.field(w.Endpoint, w.state(d.Now, d.Family))
	w.field(w.Who, who)
	w.field(w.ToDo, w.DoRestoreTags)
	w.field(w.Noticed, stamp(d.At))
	w.field(w.RulesLeft, foreign(strings.Join(d.Rules, ", "), 4*maxMessage))
	w.field(w.Severity, w.severityWord(sev))
	w.field(w.Reference, d.Ref)
	link := ""
	if d.By != nil {
		w.heading(w.WhoDidIt)
		w.cause(*d.By)
		link = eventLink(r.Cluster.ARN, r.Region, d.By.EventID)
	}
	w.sign()
	outcome := string(n.Outcome())
	if outcome == "" {
		outcome = string(n.Kind)
	}
	m := Mail{Subject: subject(n), Text: w.String(), Attributes: map[string]string{
		"outcome": outcome, "severity": string(sev), "account": r.Account, "region": r.Region, "cluster": r.Name, "reference": d.Ref, "rule": d.Rules[0],
	}}
	m.Card = card{
		Title: m.Subject, Severity: sev, Reference: d.Ref, Outcome: outcome, ARN: r.Cluster.ARN, Text: head,
		Fields: [][2]string{
			{w.Cluster, r.Name}, {w.Account, w.account(r.Account)}, {w.Region, r.Region}, {w.Endpoint, w.state(d.Now, d.Family)},
			{w.Who, who}, {w.RulesLeft, strings.Join(d.Rules, ", ")}, {w.Reference, d.Ref},
		},
		Link: link, LinkName: w.LookUp, Steps: []string{w.DoRestoreTags},
	}.encode()
	return m
}

// maxNames is how many waiting clusters the brake's mail names.
const maxNames = 12

// Brake writes that clusters wait because many were changed within an hour.
func (l Letter) Brake(b incident.Brake, limit int, account, region string, now time.Time) Mail {
	w := l.writer(incident.Notice{At: now})
	head := fill(w.phrases.Brake, "limit", strconv.Itoa(limit), "n", strconv.Itoa(len(b.Waiting)))
	w.para(head)
	w.WriteString("\n")
	w.field(w.Account, w.account(account))
	w.field(w.Region, region)
	w.field(w.ToDo, w.BrakeToDo)
	w.field(w.Since, stamp(b.Since))
	w.field(w.AsOf, stamp(now))
	w.field(w.Severity, w.severityWord(High))
	w.heading(w.BrakeByRule)
	for _, c := range b.Rules() {
		w.item(fill(w.BrakeRule, "rule", foreign(c.Rule, maxName), "n", strconv.Itoa(c.Clusters)))
	}
	w.heading(w.BrakeWaiting)
	w.inside(w.names(b.Names(), maxNames))
	w.heading(w.BrakeDo)
	for _, line := range []string{w.BrakeDoNothing, w.BrakeDoRaise, w.BrakeDoStop} {
		w.item(line)
	}
	w.sign()
	m := Mail{
		Subject:    ascii(fmt.Sprintf("Brake: %d clusters wait to be closed - EKS endpoint (%s %s)", len(b.Waiting), account, region)),
		Text:       w.String(),
		Attributes: map[string]string{"outcome": "brake", "severity": string(High), "account": account, "region": region},
	}
	m.Card = card{
		Title: m.Subject, Severity: High, Reference: "brake-" + b.Since.UTC().Format("20060102T150405Z"), Outcome: "brake", Text: head,
		Fields: [][2]string{{w.Account, w.account(account)}, {w.Region, region}, {w.Since, stamp(b.Since)}},
		Steps:  []string{w.BrakeDoNothing, w.BrakeDoRaise, w.BrakeDoStop},
	}.encode()
	return m
}

// names joins the first names of a list and counts the others.
func (t *phrases) names(names []string, limit int) string {
	if len(names) <= limit {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:limit], ", ") + fill(t.BrakeMore, "n", strconv.Itoa(len(names)-limit))
}
