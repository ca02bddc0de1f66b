package mail

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// maxNames is how many waiting clusters the brake's mail names.
const maxNames = 12

// Brake writes that clusters wait because many were changed within an hour.
func (l Letter) Brake(b brake.State, limit int, account, region string, now time.Time) Mail {
	w := l.writer(incident.Notice{At: now})
	number := strconv.Itoa
	n, open := len(b.Waiting), 0
	for _, h := range b.Waiting {
		if h.World {
			open++
		}
	}
	head := fill(w.phrases.Brake, "limit", number(limit), "n", number(n))
	openNow := fill(w.AnswerAt, "answer", fill(w.BrakeOpen, "n", number(n), "world", number(open)), "at", stamp(now))
	w.para(head)
	w.WriteString("\n")
	w.field(w.Account, w.account(account))
	w.field(w.Region, region)
	w.field(w.OpenNow, openNow)
	w.field(w.Severity, w.severityWord(High))
	w.field(w.ToDo, w.BrakeToDo)
	since := fill(w.SoFar, "from", stamp(b.Since), "age", w.age(now.Sub(b.Since)))
	w.field(w.Since, since)
	w.heading(w.BrakeByRule)
	for _, c := range b.Rules() {
		phrase := w.BrakeRule
		if c.Clusters == 1 {
			phrase = w.BrakeRuleOne
		}
		w.item(fill(phrase, "rule", text.Clean(c.Rule, maxName), "n", number(c.Clusters)))
	}
	w.heading(w.BrakeWaiting)
	w.indented(w.names(b.Names(), maxNames))
	w.heading(w.BrakeDo)
	do := []string{fill(w.BrakeDoNothing, "limit", number(limit)), w.BrakeDoRelease, w.BrakeDoStop}
	for _, line := range do {
		w.item(line)
	}
	w.sign()
	m := Mail{
		Subject:    text.ASCII(fmt.Sprintf("Brake: %d clusters wait to be closed - EKS endpoint (%s %s)", n, account, region)),
		Text:       w.String(),
		Attributes: map[string]string{"outcome": "brake", "severity": string(High), "account": account, "region": region},
	}
	for _, c := range b.Rules() {
		if name := text.Clean(c.Rule, maxName); name != "" && len(m.Rules) < maxRules {
			m.Rules = append(m.Rules, name)
		}
	}
	m.Card = card{
		Title: m.Subject, Severity: High, Reference: "brake-" + b.Since.UTC().Format("20060102T150405Z"), Outcome: "brake", Text: head,
		Fields: [][2]string{{w.Account, w.account(account)}, {w.Region, region}, {w.OpenNow, openNow}, {w.Since, since}},
		Steps:  append([]string{w.BrakeToDo}, do...),
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
