// Package mail writes what people read: of an incident, of the brake, and once a
// day of what stands. It is pure: the same notice makes the same mail.
package mail

import (
	"time"

	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// Columns is the width that no line of a mail exceeds, counted as a mail reader
// shows it: an East Asian character takes two.
const Columns = 76

// maxSubject is the length that a subject stays under, in ASCII characters.
// Source: the SNS API reference, Publish.
const maxSubject = 100

// How long foreign text may be in a mail, in characters.
const (
	maxName     = 120
	maxAgent    = 160
	maxMessage  = 300
	maxCIDRs    = 6  // of a list in the table, the widest
	maxDropped  = 12 // of what was dropped
	maxCalls    = 3  // that are told in full
	maxInDigest = 10 // names in a section of the digest
	maxRules    = 20 // in the message attribute
)

// Mail is a message to the security team, as SNS takes it.
type Mail struct {
	Subject string // ASCII, one line, under 100 characters
	Text    string
	// Attributes are for SNS filter policies: outcome, severity, account,
	// region, cluster, reference. Those that do not apply are left out.
	Attributes map[string]string
	// Rules are the value of one attribute more, rule, which is an array: a
	// filter policy matches any of them.
	Rules []string
	// Card is the same in short, as the JSON that Amazon Q Developer in chat
	// applications takes. It is for a topic of its own: no mail reader shows it.
	Card string
}

// Letter writes mails; it holds what is the same in all of them.
type Letter struct {
	// Version is the guardrail's, PolicyHash the policy document's: they end
	// every mail, so that a reader knows what decided. The digest judges
	// nothing, and its letter may have no hash.
	Version    string
	PolicyHash string
	// Language is English unless it says otherwise.
	Language Language
	// AccountName is what people call the account, "" for nothing but its number.
	AccountName string
}

// writer writes one mail of an incident.
type writer struct {
	Letter
	*phrases
	page
	n incident.Notice
	r incident.Record
	i *incident.Incident
	// told is what the mail tells, onlyInside whether nothing is wrong but private access.
	told       situation
	onlyInside bool
	// verdict is the notice's outcome, whatever its mail words it as.
	verdict incident.Outcome
}

func (l Letter) writer(n incident.Notice) *writer {
	w := &writer{Letter: l, phrases: in(l.Language), n: n, r: n.Record, i: n.Record.Incident}
	w.label = w.labels()
	return w
}

// Write writes the mail of a notice.
func (l Letter) Write(n incident.Notice) Mail {
	switch n.Kind {
	case incident.NoticeLeft:
		return l.left(n)
	case incident.NoticeBacklog:
		return l.backlog(n)
	default:
	}
	outcome := attributes(n)["outcome"]
	said := n
	n = putRight(n)
	w := l.writer(n)
	w.verdict = said.Outcome()
	sev := severity(n)
	now := l.writer(onTime(n))
	now.verdict, now.told, now.onlyInside = w.verdict, classify(now.n), onlyInside(now.n)
	word, head, todo, openNow := now.word(), now.headline(), now.todo(), now.openNow()
	if n.Late != nil {
		word, head, todo, openNow = lateWord(n, word), w.lateHead(head), w.lateTodo(todo), w.lateOpen(openNow)
	}
	undone := n.Kind == incident.NoticeOutcome && w.i.Final.Outcome == incident.AlreadyUndone && happened(w.i)
	w.para(head)
	reason := w.eksReason()
	for _, more := range []string{reason, w.takenBack()} {
		if more != "" {
			w.indented(more)
		}
	}
	w.WriteString("\n")
	w.glance(openNow, sev, todo)
	label := w.callerLabel()
	w.field(label, w.who())
	if undone {
		w.field(w.UndoneBy, w.undoneBy())
	}
	if by := w.heldUpBy(); by != "" {
		w.field(w.HeldUpBy, by)
	}
	w.field(w.Since, w.since())
	w.field(w.ToWhom, w.toWhom())
	w.field(w.Reference, w.reference())
	w.calls()
	w.table()
	w.rules()
	w.done()
	w.reach()
	w.cancel()
	w.commands()
	w.callers()
	w.sign()
	m := Mail{Subject: title(word, n.Record), Text: w.String(), Attributes: attributes(n), Rules: ruleNames(rules(n))}
	m.Attributes["severity"], m.Attributes["outcome"] = string(sev), outcome
	fields := [][2]string{
		{w.Cluster, w.r.Name}, {w.Account, w.account(w.r.Account)}, {w.Region, w.r.Region}, {w.OpenNow, openNow}, {w.Severity, w.severityWord(sev)}, {label, w.who()},
	}
	if undone {
		fields = append(fields, [2]string{w.UndoneBy, w.undoneBy()})
	}
	if reason != "" {
		head = sentences(head, reason)
	}
	m.Card = card{
		Title: m.Subject, Severity: sev, Reference: w.i.Ref, Outcome: m.Attributes["outcome"], ARN: w.r.Cluster.ARN, Text: head,
		Fields: append(fields, [2]string{w.Since, w.since()}, [2]string{w.Reference, w.i.Ref}),
		Link:   w.link(), LinkName: w.LookUpCard, Steps: []string{fill(todo, "below", w.InTheMail)},
	}.encode()
	return m
}

// labels is how many columns the widest label takes.
func (t *phrases) labels() int {
	n := 0
	for _, label := range []string{t.Cluster, t.Account, t.Region, t.OpenNow, t.Who, t.OpenedBy, t.AskedBy, t.UndoneBy, t.ToDo, t.Since, t.ToWhom, t.Severity, t.Reference, t.Noticed, t.Endpoint, t.RulesLeft, t.Tags, t.HeldUpBy} {
		n = max(n, columns(label))
	}
	return n + 1
}

func (w *writer) sign() {
	w.WriteString("\n--\n")
	if w.PolicyHash == "" {
		w.para(fill(w.SignedPlain, "version", w.Version))
		return
	}
	w.para(fill(w.Signed, "version", w.Version, "policy", w.PolicyHash))
}

// account is the account's number, after its name if it has one.
func (l Letter) account(number string) string {
	if name := text.Clean(l.AccountName, 60); name != "" {
		return name + " (" + number + ")"
	}
	return number
}

// hour is a time of day, with the date unless it is that of now.
func hour(t, now time.Time) string {
	layout := "15:04 UTC"
	if t.UTC().Format(time.DateOnly) != now.UTC().Format(time.DateOnly) {
		layout = "01-02 15:04 UTC"
	}
	return t.UTC().Format(layout)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func (t *phrases) severityWord(s Severity) string {
	return map[Severity]string{Critical: t.Critical, High: t.High, Medium: t.Medium, Low: t.Low}[s]
}

// reference is that of the incident, and that under which it was told before.
func (w *writer) reference() string {
	if w.i.Follows == "" {
		return w.i.Ref
	}
	return fill(w.Follows, "ref", w.i.Ref, "before", w.i.Follows)
}

// glance writes what a reader wants to know first: which cluster, whether it is open now,
// how bad that is, and what to do.
func (w *writer) glance(openNow string, sev Severity, todo string) {
	w.field(w.Cluster, w.r.Name)
	w.field(w.Account, w.account(w.r.Account))
	w.field(w.Region, w.r.Region)
	w.field(w.OpenNow, openNow)
	w.field(w.Severity, w.severityWord(sev))
	w.field(w.ToDo, fill(todo, "below", w.Below))
}

func attributes(n incident.Notice) map[string]string {
	outcome := string(n.Outcome())
	if outcome == "" {
		outcome = string(n.Kind)
	}
	return map[string]string{
		"outcome": outcome, "account": n.Record.Account, "region": n.Record.Region, "cluster": n.Record.Name,
		"reference": n.Record.Incident.Ref,
	}
}
