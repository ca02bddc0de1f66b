package mail

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// onTime is a notice as it was to be told at first.
func onTime(n incident.Notice) incident.Notice {
	n.Late = nil
	return n
}

// ended reports whether a late mail was to tell of a violation that is over by now.
func ended(n incident.Notice) bool {
	return n.Late.Over() && n.Record.Incident != nil && stands(onTime(n))
}

// lateHead says that a mail is late, since when and why, what the cluster is by now, and
// then what it was to say.
func (w *writer) lateHead(said string) string {
	head := sentences(w.lateSince(), w.lateState())
	if w.n.Late.Seen && w.n.Late.Matter == incident.MatterSame {
		return sentences(head, said)
	}
	return sentences(head, fill(w.LateSaid, "said", said))
}

// lateSince says that a mail is late, since when and why.
func (w *writer) lateSince() string {
	l := w.n.Late
	s := fill(w.Late, "at", stamp(w.n.At), "now", stamp(l.At))
	if l.More > 0 {
		s = sentences(s, fill(w.LateMore, "n", strconv.Itoa(l.More)))
	}
	return s
}

// lateState says what the cluster is when a late mail is handed over.
func (w *writer) lateState() string {
	l := w.n.Late
	now, state := stamp(l.At), w.state(l.Access, l.Family)
	switch {
	case l.Gone:
		return w.LateGone
	case l.Unsure:
		return fill(w.LateUnsure, "now", now, "state", state)
	case !l.Seen:
		return w.LateUnseen
	case l.Matter == incident.MatterSame:
		return fill(w.LateSame, "now", now, "state", state)
	case l.Matter == incident.MatterOver && ended(w.n):
		return fill(w.LateOver, "now", now, "state", state, "since", stamp(l.Ended))
	case l.Matter == incident.MatterOver:
		return fill(w.LateIs, "now", now, "state", state)
	case len(l.Rules) > 0:
		return fill(w.LateAgain, "now", now, "state", state, "ref", w.lateRef())
	default:
		return fill(w.LateWork, "now", now, "state", state, "ref", w.lateRef())
	}
}

// lateRef is the reference of what is open, or looked into, when a late mail comes.
func (w *writer) lateRef() string {
	if w.n.Late.Ref == "" {
		return w.Unknown
	}
	return w.n.Late.Ref
}

// lateOpen answers whether it is open when a late mail comes. Said is what the mail was
// to answer.
func (w *writer) lateOpen(said string) string {
	l := w.n.Late
	switch {
	case l.Unsure:
		return fill(w.LateMaybe, "state", w.state(l.Access, l.Family))
	case !l.Seen:
		return fill(w.LateUnknown, "said", said)
	}
	var answer, whom string
	if l.Access.Public {
		whom = w.whom(l.Access, l.Family)
	}
	narrow := !openWide(l)
	switch {
	case l.Gone:
		answer = w.NoDeleted
	case len(l.Rules) > 0 && l.Status == endpoint.StatusCreating && !narrow:
		answer = fill(w.OnceReady, "whom", whom)
	case len(l.Rules) > 0 && narrow:
		answer = w.PrivateIsOff
	case len(l.Rules) > 0:
		answer = fill(w.YesOpen, "whom", whom)
	case l.Matter == incident.MatterSame && w.i != nil && w.i.Asked != nil && w.i.Asked.Public:
		answer = fill(w.BeingOpened, "whom", w.whom(*w.i.Asked, l.Family))
	case l.Access.Public && world(l.Access, l.Family):
		answer = fill(w.NowAdmitted, "whom", whom)
	case l.Access.Public:
		answer = fill(w.NoWider, "whom", whom)
	default:
		answer = fill(w.NoOpen, "now", w.state(l.Access, l.Family))
	}
	return fill(w.AnswerAt, "answer", answer, "at", stamp(l.At))
}

// openWide reports whether what breaks a rule when a late mail comes is that the endpoint is
// open to more than it admits, not merely that private access is off.
func openWide(l *incident.Late) bool {
	for _, rule := range l.Rules {
		if open(l.Access, l.Family, rule) != inside {
			return true
		}
	}
	return false
}

// lateTodo says what is to be done when a late mail comes. Said is what the mail was to
// say.
func (w *writer) lateTodo(said string) string {
	l := w.n.Late
	then := w.n.Kind == incident.NoticeBacklog || stands(onTime(w.n))
	switch {
	case l.Gone:
		return w.DoNothing
	case l.Unsure && w.n.Kind != incident.NoticeOutcome:
		return sentences(w.DoNothingYet, w.SecondMail)
	case !l.Seen && then:
		return w.DoLookLate
	case !l.Seen || l.Matter == incident.MatterSame:
		return said
	case l.Matter == incident.MatterOther && len(l.Rules) > 0:
		return fill(w.DoSeeOther, "ref", w.lateRef())
	case w.n.Kind == incident.NoticeDetected || w.n.Kind == incident.NoticeStuck:
		return sentences(w.DoNothingLate, w.SecondMail)
	case !then:
		return said
	case w.n.Kind != incident.NoticeBacklog && onlyInside(onTime(w.n)):
		return w.DoNothing
	default:
		return w.DoNothingGone
	}
}

// lateWord is what the subject says of a late mail that was to say the word.
func lateWord(n incident.Notice, word string) string {
	l := n.Late
	switch {
	case l.Gone:
		return "Cluster deleted (late mail)"
	case n.Kind == incident.NoticeLeft && l.Seen && l.Back:
		return "In a rule again (late mail)"
	case n.Kind == incident.NoticeLeft && l.Seen && !l.Access.Public:
		return strings.Replace(word, "OPEN, unguarded", "Unguarded", 1) + " (late mail)"
	case n.Kind == incident.NoticeLeft && l.Seen:
		return word + " (late mail)"
	case !l.Seen:
		return "NOT KNOWN, was: " + word + " (late mail)"
	case l.Matter == incident.MatterOther && openWide(l):
		return "OPEN AGAIN (late mail)"
	case l.Matter == incident.MatterOther && len(l.Rules) > 0:
		return "PRIVATE OFF AGAIN (late mail)"
	case ended(n):
		return "Over by now (late mail)"
	default:
		return word + " (late mail)"
	}
}

// backlog writes the mail that stands for many that were owed.
func (l Letter) backlog(n incident.Notice) Mail {
	if n.Late == nil {
		n.Late = &incident.Late{At: n.At}
	}
	w := l.writer(n)
	r, b, late := n.Record, n.Backlog, n.Late
	number := strconv.Itoa(b.Count())
	head := sentences(fill(w.Backlog, "n", number, "cluster", text.CutMiddle(r.Name, 40)), w.lateSince(), w.lateState())
	sev := Medium
	switch {
	case !late.Seen:
		sev = High
	case !late.Gone && len(late.Rules) > 0:
		sev = severityOf(late.Access, late.Family, late.Rules)
	}
	openNow, todo := w.lateOpen(w.Unknown), w.lateTodo("")
	w.para(head)
	w.WriteString("\n")
	w.glance(openNow, sev, todo)
	w.heading(w.BacklogList)
	for k, m := range b.Listed {
		if b.Unlisted > 0 && k == len(b.Listed)/2 {
			w.item(fill(w.Unlisted, "n", strconv.Itoa(b.Unlisted), "from", stamp(b.From), "to", stamp(b.To)))
		}
		by := text.Clean(m.By, maxName)
		if by == "" {
			by = w.Unknown
		}
		line := fill(w.BacklogLine, "ref", m.Ref, "what", listed(m), "at", stamp(m.At), "since", stamp(m.Since), "who", by)
		if m.EventID != "" {
			line += ", " + text.Clean(m.EventID, 64)
		}
		if m.World {
			line += ", " + w.WholeInternet
		}
		w.item(line)
		if len(m.Rules) > 0 {
			w.indented("> " + text.Clean(strings.Join(m.Rules, ", "), 2*maxMessage))
		}
	}
	w.sign()
	ref := ""
	if len(b.Listed) > 0 {
		ref = b.Listed[0].Ref
	}
	word := fmt.Sprintf("%s late mails in one", number)
	switch {
	case !late.Seen:
		word = "NOT KNOWN, " + word
	case !late.Gone && openWide(late):
		word = "OPEN, " + word
	}
	m := Mail{Subject: title(word, r), Text: w.String(), Attributes: map[string]string{
		"outcome": string(incident.NoticeBacklog), "severity": string(sev), "account": r.Account, "region": r.Region, "cluster": r.Name, "reference": ref,
	}}
	for _, one := range b.Listed {
		for _, rule := range one.Rules {
			m.Rules = union(m.Rules, []string{text.Clean(rule, maxName)})
		}
	}
	m.Rules = m.Rules[:min(maxRules, len(m.Rules))]
	m.Card = card{
		Title: m.Subject, Severity: sev, Reference: ref, Outcome: string(incident.NoticeBacklog), ARN: r.Cluster.ARN, Text: head,
		Fields: [][2]string{
			{w.Cluster, r.Name}, {w.Account, w.account(r.Account)}, {w.Region, r.Region}, {w.OpenNow, openNow}, {w.Severity, w.severityWord(sev)}, {w.Reference, ref},
		},
		Steps: []string{fill(todo, "below", w.InTheMail)},
	}.encode()
	return m
}

// listed is what a mail in a list was to say, in the words of the subjects.
func listed(m incident.Listed) string {
	told, ok := usual[m.Outcome]
	switch {
	case ok:
		return fill(subjects[told].open, "verdict", verdicts[m.Outcome])
	case m.Kind == incident.NoticeStuck:
		return subjects[stuck].open
	default:
		return string(m.Kind)
	}
}
