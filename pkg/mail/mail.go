// Package mail writes what people read: of an incident, of the brake, and once a
// day of what stands. It is pure: the same notice makes the same mail.
package mail

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
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
)

// Mail is a message to the security team, as SNS takes it.
type Mail struct {
	Subject string // ASCII, one line, under 100 characters
	Text    string
	// Attributes are for SNS filter policies: outcome, severity, account,
	// region, cluster, rule, reference. Those that do not apply are left out.
	Attributes map[string]string
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
}

func (l Letter) writer(n incident.Notice) *writer {
	w := &writer{Letter: l, phrases: in(l.Language), n: n, r: n.Record, i: n.Record.Incident}
	w.label = w.labels()
	return w
}

// Write writes the mail of a notice.
func (l Letter) Write(n incident.Notice) Mail {
	if n.Kind == incident.NoticeLeft {
		return l.left(n)
	}
	w := l.writer(n)
	sev := severity(n)
	head, todo, openNow := w.headline(), w.todo(), w.openNow()
	w.para(head)
	w.WriteString("\n")
	w.field(w.Cluster, w.r.Name)
	w.field(w.Account, w.account(w.r.Account))
	w.field(w.Region, w.r.Region)
	w.field(w.OpenNow, openNow)
	w.field(w.Who, w.who())
	w.field(w.ToDo, fill(todo, "below", w.Below))
	w.field(w.Since, w.since())
	w.field(w.ToWhom, w.howMany(opening(w.i)))
	w.field(w.Severity, w.severityWord(sev))
	w.field(w.Reference, w.i.Ref)
	w.calls()
	w.table()
	w.rules()
	w.done()
	w.reach()
	w.commands()
	w.callers()
	w.sign()
	m := Mail{Subject: subject(n), Text: w.String(), Attributes: attributes(n, sev)}
	m.Card = card{
		Title: m.Subject, Severity: sev, Reference: w.i.Ref, Outcome: m.Attributes["outcome"], ARN: w.r.Cluster.ARN, Text: head,
		Fields: [][2]string{
			{w.Cluster, w.r.Name}, {w.Account, w.account(w.r.Account)}, {w.Region, w.r.Region}, {w.OpenNow, openNow}, {w.Who, w.who()}, {w.Since, w.since()},
			{w.Severity, w.severityWord(sev)}, {w.Reference, w.i.Ref},
		},
		Link: w.link(), LinkName: w.LookUp, Steps: []string{fill(todo, "below", w.InTheMail)},
	}.encode()
	return m
}

// labels is how many columns the widest label takes.
func (t *phrases) labels() int {
	n := 0
	for _, label := range []string{t.Cluster, t.Account, t.Region, t.OpenNow, t.Who, t.ToDo, t.Since, t.ToWhom, t.Severity, t.Reference, t.Noticed, t.AsOf, t.Endpoint, t.RulesLeft} {
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
	if name := foreign(l.AccountName, 60); name != "" {
		return name + " (" + number + ")"
	}
	return number
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func (t *phrases) severityWord(s Severity) string {
	return map[Severity]string{Critical: t.Critical, High: t.High, Medium: t.Medium, Low: t.Low}[s]
}

// from is when the incident began: with the call that caused it, else with its
// discovery.
func from(i *incident.Incident) time.Time {
	t := i.OpenedAt
	for _, c := range i.Causes {
		if !c.At.IsZero() && c.At.Before(t) {
			t = c.At
		}
	}
	return t
}

// until is when the violation was over, and whether it is.
func (w *writer) until() (time.Time, bool) {
	if stands(w.n) {
		return w.n.At, false
	}
	for _, a := range slices.Backward(w.i.Attempts) {
		if a.Status == endpoint.UpdateSuccessful && !a.OverAt.IsZero() {
			return a.OverAt, true
		}
	}
	return w.i.Final.At, true
}

// since says since when the endpoint was open, and for how long.
func (w *writer) since() string {
	begin := from(w.i)
	end, over := w.until()
	switch {
	case !happened(w.i):
		return fill(w.NeverOpen, "at", stamp(begin))
	case w.n.Kind == incident.NoticeDetected && (w.i.Asked != nil || w.i.Status == endpoint.StatusCreating):
		return fill(w.AskedAt, "at", stamp(begin))
	case len(w.i.Causes) > 0 && over && !admitted(w.n):
		return fill(w.AtMost, "from", stamp(begin), "age", w.age(end.Sub(begin)), "to", stamp(end))
	case len(w.i.Causes) > 0:
		return fill(w.SoFar, "from", stamp(begin), "age", w.age(end.Sub(begin)))
	case w.i.Before != nil:
		return fill(w.Between, "at", stamp(begin), "before", stamp(w.i.Before.At))
	default:
		return fill(w.FoundAt, "at", stamp(begin))
	}
}

// age says how long, in the two largest units.
func (t *phrases) age(d time.Duration) string {
	if d < time.Minute {
		return t.Shortly
	}
	minutes := int(d / time.Minute)
	var out []string
	for _, unit := range []struct {
		n         int
		one, many string
	}{{minutes / 1440, t.Day, t.Days}, {minutes / 60 % 24, t.Hour, t.Hours}, {minutes % 60, t.Minute, t.Minutes}} {
		switch {
		case unit.n == 1:
			out = append(out, unit.one)
		case unit.n > 1:
			out = append(out, fill(unit.many, "n", strconv.Itoa(unit.n)))
		}
	}
	return strings.Join(out[:min(2, len(out))], " ")
}

// whom says in a few words to whom an access opens the endpoint.
func (t *phrases) whom(a endpoint.Access, f endpoint.Family) string {
	list := widest(a, f)
	switch {
	case world(a, f):
		return t.WholeInternet
	case len(list) == 1:
		return list[0]
	default:
		return fill(t.Blocks, "n", strconv.Itoa(len(list)), "widest", list[0])
	}
}

// state says in a few words what access there is.
func (t *phrases) state(a endpoint.Access, f endpoint.Family) string {
	switch {
	case !a.Public && a.Private:
		return t.PrivateOnly
	case !a.Public:
		return t.BothOff
	case a.Private && !world(a, f):
		return fill(t.OnlyTo, "whom", t.whom(a, f))
	}
	s := fill(t.OpenTo, "whom", t.whom(a, f))
	if !a.Private {
		s += t.PrivateOffToo
	}
	return s
}

// howMany counts the addresses that an access opens the endpoint to.
func (w *writer) howMany(a endpoint.Access) string {
	if !a.Public {
		return w.state(a, w.i.Family)
	}
	var four uint64
	six := 0
	for _, p := range a.Reachable(w.i.Family).Prefixes() {
		if p.Addr().Is4() {
			four += 1 << (32 - p.Bits())
		} else {
			six++
		}
	}
	var s string
	switch {
	case six > 0 && four > 0:
		s = fill(w.Addresses4And6, "n", thousands(four), "blocks", strconv.Itoa(six))
	case six > 0:
		s = fill(w.Addresses6, "blocks", strconv.Itoa(six))
	case four == 1:
		s = w.Address4
	default:
		s = fill(w.Addresses4, "n", thousands(four))
	}
	if world(a, w.i.Family) {
		if six > 0 {
			s = w.WholeInternet
		} else {
			s = w.WholeInternet + ": " + s
		}
	}
	return s + fill(w.WidestIs, "widest", widest(a, w.i.Family)[0])
}

func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// onlyInside tells whether nothing is wrong but private access: nothing is
// open to more than the policy admits.
func onlyInside(n incident.Notice) bool {
	f := n.Record.Incident.Family
	a := opening(n.Record.Incident)
	if stands(n) {
		a = access(n)
	}
	notes := rules(n)
	return len(notes) > 0 && !slices.ContainsFunc(notes, func(r incident.RuleNote) bool { return open(a, f, r) != inside })
}

// rules are the rules that the mail is about: those that stay broken, else
// those that were.
func rules(n incident.Notice) []incident.RuleNote {
	if i := n.Record.Incident; stands(n) && i.Final != nil && len(i.Final.Left) > 0 {
		return i.Final.Left
	}
	return n.Record.Incident.Rules
}

func (w *writer) headline() string {
	i, f := w.i, w.i.Final
	say := func(phrase string, more ...string) string {
		return fill(phrase, append([]string{"cluster", shorten(w.r.Name, 40)}, more...)...)
	}
	inside := onlyInside(w.n)
	switch w.n.Kind {
	case incident.NoticeStuck:
		return say(w.IsStuck, "age", w.age(w.n.At.Sub(i.OpenedAt)), "whom", w.target(opening(i)))
	case incident.NoticeOutcome:
	default:
		switch {
		case inside:
			return say(w.FoundInside)
		case i.Asked != nil:
			return say(w.Asked, "whom", w.target(*i.Asked))
		case i.Status == endpoint.StatusCreating:
			return say(w.Creating, "whom", w.target(i.Opening))
		default:
			return say(w.Found, "whom", w.target(i.Opening))
		}
	}
	was := opening(i)
	if len(i.Attempts) > 0 {
		was = i.Attempts[0].From
	}
	now := w.state(f.Now, i.Family)
	switch f.Outcome {
	case incident.Enforced, incident.PartlyEnforced:
		if f.Tug != nil {
			return say(w.TugOfWar, "often", w.often(*f.Tug), "now", now)
		}
		switch {
		case f.Outcome == incident.PartlyEnforced:
			return say(w.Partly, "whom", w.target(was), "now", now)
		case inside:
			return say(w.FixedInside, "now", now)
		case f.Now.Public:
			return say(w.Fixed, "whom", w.target(was), "now", now)
		default:
			return say(w.Closed, "whom", w.target(was), "now", now)
		}
	case incident.Violation, incident.Blocked, incident.Failed:
		if inside {
			return say(w.StillInside)
		}
		phrase := map[incident.Outcome]string{incident.Violation: w.Violation, incident.Blocked: w.Blocked, incident.Failed: w.Failed}[f.Outcome]
		return say(phrase, "whom", w.target(f.Now))
	case incident.AlreadyUndone:
		return say(w.Undone, "why", w.why(), "now", now)
	case incident.Gone:
		return say(w.GoneMeanwhile)
	default:
		return say(w.Allowed, "outcome", string(f.Outcome), "why", w.why(), "now", now)
	}
}

// target is whom, for an access that may not be public at all.
func (w *writer) target(a endpoint.Access) string {
	if !a.Public {
		return w.state(a, w.i.Family)
	}
	return w.whom(a, w.i.Family)
}

func (w *writer) why() string {
	known := map[string]string{
		incident.WhyUndone: w.WhyUndone, incident.WhyNotDone: w.WhyNotDone, incident.WhyAllowed: w.WhyAllowed, incident.WhyDeleted: w.WhyDeleted,
	}
	if why, ok := known[w.i.Final.Why]; ok {
		return why
	}
	return foreign(w.i.Final.Why, maxMessage)
}

// often says how often, in words.
func (t *phrases) often(war incident.TugOfWar) string {
	var words []string
	if war.InAnHour > 1 {
		words = append(words, fill(t.TugPerHour, "n", strconv.Itoa(war.InAnHour)))
	}
	if war.Days > 1 || len(words) == 0 {
		words = append(words, fill(t.TugPerDays, "n", strconv.Itoa(war.Days)))
	}
	return strings.Join(words, t.TugAnd)
}

// openNow answers whether it is open now.
func (w *writer) openNow() string {
	i := w.i
	a := access(w.n)
	switch {
	case w.n.Kind == incident.NoticeOutcome && i.Final.Outcome == incident.Gone:
		return w.NoDeleted
	case admitted(w.n):
		return fill(w.NowAdmitted, "now", w.state(a, i.Family))
	case !stands(w.n) && a.Public:
		return fill(w.NoWider, "now", w.state(a, i.Family))
	case !stands(w.n):
		return fill(w.NoOpen, "now", w.state(a, i.Family))
	case onlyInside(w.n):
		return w.PrivateIsOff
	case w.n.Kind == incident.NoticeStuck:
		return fill(w.YesAsSeen, "whom", w.target(a))
	case w.n.Kind == incident.NoticeOutcome:
		return fill(w.YesOpen, "whom", w.target(a))
	case i.Asked != nil:
		return fill(w.BeingOpened, "whom", w.target(a))
	case i.Status == endpoint.StatusCreating:
		return fill(w.OnceReady, "whom", w.target(a))
	default:
		return fill(w.YesOpen, "whom", w.target(a))
	}
}

// todo says what the reader has to do.
func (w *writer) todo() string {
	i, f := w.i, w.i.Final
	switch {
	case w.n.Kind == incident.NoticeStuck:
		return fill(w.DoLook, "status", string(i.Status))
	case w.n.Kind != incident.NoticeOutcome && i.AlertOnly:
		return w.DoDecideSoon
	case w.n.Kind != incident.NoticeOutcome && i.Stage == incident.Updating:
		return w.DoWaitUpdate
	case w.n.Kind != incident.NoticeOutcome && !i.HeldSince.IsZero():
		return w.DoWaitHeld
	case w.n.Kind != incident.NoticeOutcome:
		return fill(w.DoWait, "status", string(i.Status))
	case f.Tug != nil:
		return w.DoStopIt
	}
	switch f.Outcome {
	case incident.Enforced:
		if onlyInside(w.n) {
			return w.DoNothing
		}
		return w.DoAsk
	case incident.PartlyEnforced:
		if held(i) {
			return w.DoFix
		}
		return w.DoDecideLeft
	case incident.Blocked:
		return w.DoFix
	case incident.Failed:
		return w.DoByHand
	case incident.Violation:
		for _, rule := range f.Left {
			if !rule.HeldUntil.IsZero() {
				return fill(w.DoDecideGrace, "at", stamp(rule.HeldUntil))
			}
		}
		return w.DoDecide
	case incident.AlreadyUndone, incident.Gone:
		if happened(i) && !onlyInside(w.n) {
			return w.DoNothingGone
		}
	}
	return w.DoNothing
}

// held tells whether something was left open on purpose, so that nodes are not
// cut off.
func held(i *incident.Incident) bool {
	return len(i.Final.Kept) > 0 || slices.ContainsFunc(i.Attempts, func(a incident.Attempt) bool { return len(a.Kept) > 0 })
}

// words are what the subject says of each outcome; what is open comes first.
var words = map[incident.Outcome]string{
	incident.Enforced:       "Closed",
	incident.PartlyEnforced: "STILL OPEN, partly fixed",
	incident.Violation:      "OPEN, alert only",
	incident.Blocked:        "STILL OPEN, blocked",
	incident.Failed:         "STILL OPEN, failed",
	incident.Stuck:          "STILL OPEN, stuck",
	incident.AlreadyUndone:  "Already undone",
	incident.Gone:           "Cluster deleted",
}

func subject(n incident.Notice) string {
	i := n.Record.Incident
	word, ok := words[n.Outcome()]
	switch {
	case n.Kind == incident.NoticeLeft:
		word = "Left a rule"
	case n.Kind == incident.NoticeOutcome && i.Final.Tug != nil && i.Final.Outcome == incident.PartlyEnforced:
		word = "STILL OPEN, Tug of war"
	case n.Kind == incident.NoticeOutcome && i.Final.Tug != nil:
		word = "Tug of war"
	case n.Outcome() == "" && i.AlertOnly:
		word = "OPEN, alert only so far"
	case n.Outcome() == "":
		word = "OPEN, to be closed"
	case n.Outcome() == incident.Enforced && i.Final.Now.Public:
		word = "Fixed"
	case !ok:
		word = "Over, " + string(n.Outcome())
	}
	if n.Kind != incident.NoticeLeft && stands(n) && onlyInside(n) {
		word = strings.NewReplacer("STILL OPEN", "PRIVATE STILL OFF", "OPEN", "PRIVATE OFF", "to be closed", "to be fixed").Replace(word)
	}
	return title(word, n.Record)
}

// title is a subject about one cluster.
func title(word string, r incident.Record) string {
	lead, place := word+" - EKS: ", fmt.Sprintf(" (%s %s)", r.Account, r.Region)
	return ascii(lead + shorten(r.Name, maxSubject-1-len(lead)-len(place)) + place)
}

func attributes(n incident.Notice, sev Severity) map[string]string {
	outcome := string(n.Outcome())
	if outcome == "" {
		outcome = string(n.Kind)
	}
	out := map[string]string{
		"outcome": outcome, "severity": string(sev), "account": n.Record.Account, "region": n.Record.Region, "cluster": n.Record.Name,
		"reference": n.Record.Incident.Ref,
	}
	for _, note := range rules(n) {
		out["rule"] = note.Name
		if note.Respond.Enforcing() {
			break
		}
	}
	return out
}
