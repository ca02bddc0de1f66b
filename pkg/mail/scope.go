package mail

import (
	"strings"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// leftSeverity is that of a cluster that left rules, and unguarded whether it is
// open with no rule left that would close it.
func leftSeverity(d incident.Departure) (sev Severity, unguarded bool) {
	if !d.Enforced && world(d.Now, d.Family) {
		return High, true
	}
	return Medium, !d.Enforced && d.Now.Public
}

func leftWord(d incident.Departure) string {
	switch _, unguarded := leftSeverity(d); {
	case unguarded:
		return "OPEN, unguarded (tags changed)"
	case !d.Enforced:
		return "Unguarded (tags changed)"
	default:
		return "Left a rule (tags changed)"
	}
}

// left writes that a change of tags took a cluster out of the reach of rules.
func (l Letter) left(n incident.Notice) Mail {
	w := l.writer(n)
	r, d := n.Record, n.Record.Left
	sev, unguarded := leftSeverity(*d)
	var tags []string
	for _, tag := range d.Tags {
		tags = append(tags, text.Clean(tag, 60))
	}
	keys := w.cidrs(tags, maxCIDRs)
	head := fill(w.Left, "cluster", text.CutMiddle(r.Name, 40))
	todo := w.DoRestoreTags
	switch {
	case d.Enforced:
		head = sentences(head, w.LeftSome)
	case unguarded:
		head = sentences(head, fill(w.LeftOpen, "whom", w.whom(d.Now, d.Family)))
		todo = w.DoRestoreOrClose
	default:
		head = sentences(head, w.LeftAll)
	}
	if keys != "" {
		todo = sentences(todo, fill(w.TheTags, "tags", keys))
	}
	openNow := fill(w.NoOpen, "now", w.state(d.Now, d.Family))
	if d.Now.Public {
		openNow = fill(w.YesOpen, "whom", w.whom(d.Now, d.Family))
	}
	openNow = fill(w.AnswerAt, "answer", openNow, "at", stamp(d.At))
	if late := n.Late; late != nil {
		openNow, head = w.lateOpen(openNow), sentences(w.lateSince(), w.leftState(), fill(w.LateSaid, "said", head))
		if late.Gone {
			todo = w.DoNothing
		} else if late.Seen && late.Back {
			todo = w.DoTagsBack
		}
		unguarded = unguarded && late.Seen && !late.Gone && !late.Back && late.Access.Public
	}
	who := w.FoundByLooking
	if d.By != nil {
		who = w.caller(*d.By)
	}
	w.para(head)
	w.WriteString("\n")
	w.glance(openNow, sev, todo)
	w.field(w.Who, who)
	if keys != "" {
		phrase := w.TagsRemoved
		if d.By != nil && d.By.Call == cloudtrail.TagResource {
			phrase = w.TagsSet
		}
		w.field(w.Tags, fill(phrase, "tags", keys))
	}
	w.field(w.RulesLeft, text.Clean(strings.Join(d.Rules, ", "), 4*maxMessage))
	w.field(w.Endpoint, w.state(d.Now, d.Family))
	w.field(w.Noticed, stamp(d.At))
	w.field(w.Reference, d.Ref)
	link := ""
	if d.By != nil {
		w.heading(w.WhoDidIt)
		w.call(*d.By)
		link = eventLink(r.Cluster.ARN, r.Region, d.By.EventID)
	}
	if unguarded {
		w.command(w.CloseIt, w.CloseWhy, endpoint.Access{Private: true}, d.Family)
	}
	w.sign()
	outcome := string(n.Outcome())
	if outcome == "" {
		outcome = string(n.Kind)
	}
	word := leftWord(*d)
	if n.Late != nil {
		word = lateWord(n, word)
	}
	m := Mail{Subject: title(word, r), Text: w.String(), Attributes: map[string]string{
		"outcome": outcome, "severity": string(sev), "account": r.Account, "region": r.Region, "cluster": r.Name, "reference": d.Ref,
	}}
	for _, rule := range d.Rules[:min(maxRules, len(d.Rules))] {
		if name := text.Clean(rule, maxName); name != "" {
			m.Rules = append(m.Rules, name)
		}
	}
	m.Card = card{
		Title: m.Subject, Severity: sev, Reference: d.Ref, Outcome: outcome, ARN: r.Cluster.ARN, Text: head,
		Fields: [][2]string{
			{w.Cluster, r.Name}, {w.Account, w.account(r.Account)}, {w.Region, r.Region}, {w.OpenNow, openNow}, {w.Severity, w.severityWord(sev)},
			{w.Who, who}, {w.RulesLeft, strings.Join(d.Rules, ", ")}, {w.Reference, d.Ref},
		},
		Link: link, LinkName: w.LookUpCard, Steps: []string{fill(todo, "below", w.InTheMail)},
	}.encode()
	return m
}

// leftState says what the cluster is when a late mail about a change of tags comes.
func (w *writer) leftState() string {
	switch l := w.n.Late; {
	case l.Gone:
		return w.LateGone
	case !l.Seen:
		return w.LateUnseen
	default:
		return fill(w.LateNow, "now", stamp(l.At), "state", w.state(l.Access, l.Family))
	}
}
