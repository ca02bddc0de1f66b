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
	// verdict is the notice's outcome, whatever its mail words it as.
	verdict incident.Outcome
}

func (l Letter) writer(n incident.Notice) *writer {
	w := &writer{Letter: l, phrases: in(l.Language), n: n, r: n.Record, i: n.Record.Incident}
	w.label = w.labels()
	return w
}

// putRight is a notice as its mail words it: of a cluster that was put right, as one
// that somebody put right, also where nobody can know who; of one that the guardrail
// closed, as closed, also where the rules would leave it open by now.
func putRight(n incident.Notice) incident.Notice {
	if n.Kind != incident.NoticeOutcome {
		return n
	}
	i, f := *n.Record.Incident, *n.Record.Incident.Final
	switch f.Why {
	case incident.WhyUnclear, incident.WhyUnconfirmed:
		f.Outcome = incident.AlreadyUndone
	case incident.WhyClosed:
		f.Outcome = incident.Enforced
	default:
		return n
	}
	i.Final = &f
	n.Record.Incident = &i
	return n
}

// unsure reports whether a cluster was put right, and EKS does not tell by what.
func unsure(f *incident.Final) bool {
	return f.Why == incident.WhyUnclear || f.Why == incident.WhyUnconfirmed
}

// Write writes the mail of a notice.
func (l Letter) Write(n incident.Notice) Mail {
	switch n.Kind {
	case incident.NoticeLeft:
		return l.left(n)
	case incident.NoticeBacklog:
		return l.backlog(n)
	}
	outcome := attributes(n)["outcome"]
	said := n
	n = putRight(n)
	w := l.writer(n)
	w.verdict = said.Outcome()
	sev := severity(n)
	now := l.writer(onTime(n))
	now.verdict = w.verdict
	head, todo, openNow := now.headline(), now.todo(), now.openNow()
	if n.Late != nil {
		head, todo, openNow = w.lateHead(head), w.lateTodo(todo), w.lateOpen(openNow)
	}
	undone := n.Kind == incident.NoticeOutcome && w.i.Final.Outcome == incident.AlreadyUndone && happened(w.i)
	w.para(head)
	reason := w.eksReason()
	for _, more := range []string{reason, w.takenBack()} {
		if more != "" {
			w.inside(more)
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
	m := Mail{Subject: subject(n), Text: w.String(), Attributes: attributes(n), Rules: ruleNames(rules(n))}
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
	if name := foreign(l.AccountName, 60); name != "" {
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

// from is when the incident began: with the call that caused it, else with its
// discovery.
func from(i *incident.Incident) time.Time {
	t := i.OpenedAt
	if !i.FoundAt.IsZero() && i.FoundAt.Before(t) {
		t = i.FoundAt
	}
	for _, c := range i.Causes {
		if !c.At.IsZero() && c.At.Before(t) {
			t = c.At
		}
	}
	return t
}

// until is when the violation was over, and whether it is.
func (w *writer) until() (time.Time, bool) {
	switch {
	case ended(w.n):
		return w.n.Late.Ended, true
	case stands(w.n) && w.n.Late != nil:
		return w.n.Late.At, false
	case stands(w.n):
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
	case w.n.Kind == incident.NoticeOutcome && w.i.Final.Outcome == incident.PartlyEnforced && !w.narrowed().IsZero() && !over:
		return fill(w.SinceNarrowed, "from", stamp(begin), "to", stamp(ceil(w.narrowed(), time.Second)))
	case len(w.i.Causes) > 0 && over && !admitted(w.n):
		return fill(w.AtMost, "from", stamp(begin), "age", w.bound(end.Sub(begin)), "to", stamp(ceil(end, time.Second)))
	case len(w.i.Causes) > 0:
		return fill(w.SoFar, "from", stamp(begin), "age", w.age(end.Sub(begin)))
	case w.i.Before != nil:
		return fill(w.Between, "at", stamp(begin), "before", stamp(w.i.Before.At))
	default:
		return fill(w.FoundAt, "at", stamp(begin))
	}
}

// narrowed is when an update of ours last made the endpoint reachable for fewer,
// zero if none did.
func (w *writer) narrowed() time.Time {
	for _, a := range slices.Backward(w.i.Attempts) {
		if a.Status == endpoint.UpdateSuccessful && narrows(a, w.i.Family) {
			return a.OverAt
		}
	}
	return time.Time{}
}

// narrows tells whether an attempt takes the endpoint away from somebody.
func narrows(a incident.Attempt, f endpoint.Family) bool {
	return !endpoint.Subset(a.From.Reachable(f), a.Desired.Reachable(f))
}

// ceil is the time, up to the next whole unit: what bounds an exposure is never
// said to be earlier than it is.
func ceil(t time.Time, unit time.Duration) time.Time {
	if down := t.Truncate(unit); !down.Equal(t) {
		return down.Add(unit)
	}
	return t
}

// bound says how long at the most, in the two largest units: what they don't say
// is rounded up.
func (t *phrases) bound(d time.Duration) string {
	d = roundUp(max(d, 1), time.Minute)
	if d >= 24*time.Hour {
		d = roundUp(d, time.Hour)
	}
	return t.age(d)
}

func roundUp(d, unit time.Duration) time.Duration {
	return (d + unit - 1).Truncate(unit)
}

// age says how long it has been, in the two largest units; what they don't say is
// left out.
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
	if a.Private {
		return fill(t.BothTo, "whom", t.whom(a, f))
	}
	return fill(t.OpenTo, "whom", t.whom(a, f)) + t.PrivateOffToo
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
		s = w.WholeInternet
	}
	return s + fill(w.WidestIs, "widest", widest(a, w.i.Family)[0])
}

// toWhom says to whom the endpoint is, was or would have been open.
func (w *writer) toWhom() string {
	was := w.howMany(w.i.Violating())
	switch {
	case !happened(w.i):
		return fill(w.WouldHaveBeen, "whom", was)
	case w.n.Kind == incident.NoticeOutcome && w.i.Final.Outcome == incident.PartlyEnforced && !w.narrowed().IsZero() && stands(w.n):
		return fill(w.NowAndBefore, "now", w.howMany(w.i.Final.Now), "before", was)
	default:
		return was
	}
}

// reference is that of the incident, and that under which it was told before.
func (w *writer) reference() string {
	if w.i.Follows == "" {
		return w.i.Ref
	}
	return fill(w.Follows, "ref", w.i.Ref, "before", w.i.Follows)
}

// callerLabel is the label of whoever made the call that caused the incident.
func (w *writer) callerLabel() string {
	switch {
	case !happened(w.i):
		return w.AskedBy
	case onlyInside(w.n):
		return w.Who
	default:
		return w.OpenedBy
	}
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
	a := n.Record.Incident.Violating()
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

func (w *writer) headline() string {
	i, f := w.i, w.i.Final
	say := func(phrase string, more ...string) string {
		return fill(phrase, append([]string{"cluster", shorten(w.r.Name, 40)}, more...)...)
	}
	inside := onlyInside(w.n)
	graced := graceEnd(w.n)
	switch w.n.Kind {
	case incident.NoticeStuck:
		if i.Obstacle != "" {
			return say(w.IsStuckRefused, "age", w.age(w.n.At.Sub(i.OpenedAt)))
		}
		return say(w.IsStuck, "age", w.age(w.n.At.Sub(i.OpenedAt)), "whom", w.target(i.Violating()))
	case incident.NoticeOutcome:
	default:
		switch {
		case inside && i.Asked != nil:
			return say(w.LosingInside)
		case inside:
			return say(w.FoundInside)
		case i.Asked != nil:
			return say(w.Asked, "whom", w.target(*i.Asked))
		case i.Status == endpoint.StatusCreating && !graced.IsZero():
			return w.withRest(say(w.later(w.CreatingGraced, w.CreatingLater), "whom", w.target(i.Opening), "at", stamp(graced), "change", w.change(planOf(w.n))))
		case i.Status == endpoint.StatusCreating:
			return say(w.Creating, "whom", w.target(i.Opening))
		case !i.HeldSince.IsZero():
			return say(w.FoundHeld, "whom", w.target(i.Opening))
		default:
			return say(w.Found, "whom", w.target(i.Opening))
		}
	}
	was := i.Violating()
	if len(i.Attempts) > 0 {
		was = i.Attempts[0].From
	}
	now := w.state(f.Now, i.Family)
	switch f.Outcome {
	case incident.Enforced, incident.PartlyEnforced:
		if f.Tug != nil {
			head := say(w.TugOfWar, "often", w.often(*f.Tug), "now", now)
			if f.Outcome == incident.PartlyEnforced {
				head = sentences(head, w.RestAlert)
			}
			return head
		}
		switch {
		case f.Outcome == incident.PartlyEnforced && held(i):
			return say(w.PartlyHeld, "whom", w.target(f.Now), "cause", w.cause1(f.Missing))
		case f.Outcome == incident.PartlyEnforced:
			return say(w.Partly, "whom", w.target(was), "now", now)
		case inside:
			return w.withMeanwhile(say(w.FixedInside, "now", now))
		case f.Now.Public:
			return w.withMeanwhile(say(w.Fixed, "whom", w.target(was), "now", now))
		default:
			return w.withMeanwhile(say(w.Closed, "whom", w.target(was), "now", now))
		}
	case incident.Violation, incident.Blocked, incident.Failed:
		if inside {
			return say(w.StillInside)
		}
		switch {
		case f.Outcome == incident.Blocked:
			return say(w.Blocked, "whom", w.target(f.Now), "cause", w.cause1(f.Missing))
		case f.Outcome == incident.Failed:
			return say(w.Failed, "whom", w.target(f.Now))
		case !graced.IsZero():
			return w.withRest(say(w.later(w.ViolationGraced, w.ViolationLater), "whom", w.target(f.Now), "at", stamp(graced), "change", w.change(planOf(w.n))))
		default:
			return say(w.Violation, "whom", w.target(f.Now))
		}
	case incident.AlreadyUndone:
		switch {
		case !happened(i) && inside:
			return say(w.NeverInside, "now", now)
		case !happened(i):
			return say(w.NeverOpened, "whom", w.target(was), "now", now)
		default:
			return say(w.Undone, "why", w.why(), "now", now)
		}
	case incident.Gone:
		return say(w.GoneMeanwhile)
	default:
		why := w.allowedBy(w.WhyPolicy, w.WhyExempt, w.WhyNoRule)
		if !sameReach(f.Now, i.Violating(), i.Family) {
			return say(w.AllowedElse, "now", now, "why", why)
		}
		if inside {
			return say(w.AllowedInside, "why", why)
		}
		return say(w.Allowed, "whom", w.target(f.Now), "why", why)
	}
}

// withMeanwhile adds to the headline of what the guardrail closed that the rules have come
// to allow what was there before.
func (w *writer) withMeanwhile(head string) string {
	if w.i.Final.Why != incident.WhyClosed {
		return head
	}
	return sentences(head, fill(w.Meanwhile, "why", w.allowedBy(w.WhyPolicy, w.WhyExempt, w.WhyNoRule)))
}

// allowedBy chooses by what the policy says now of what was found.
func (w *writer) allowedBy(compliant, exempt, outOfScope string) string {
	switch w.verdict {
	case incident.Exempt:
		return exempt
	case incident.OutOfScope:
		return outOfScope
	default:
		return compliant
	}
}

// eksReason is why EKS failed every update, in its own words; "" for any other mail.
func (w *writer) eksReason() string {
	if w.n.Kind != incident.NoticeOutcome || w.i.Final.Outcome != incident.Failed {
		return ""
	}
	for _, a := range slices.Backward(w.i.Attempts) {
		if len(a.Errors) > 0 {
			return fill(w.EKSSays, "code", foreign(a.Errors[0].Code, 60), "message", foreign(a.Errors[0].Message, maxMessage))
		}
	}
	return w.EKSSilent
}

// eksCode is the code of that reason, "" when there is none.
func (w *writer) eksCode() string {
	for _, a := range slices.Backward(w.i.Attempts) {
		if len(a.Errors) > 0 {
			return foreign(a.Errors[0].Code, 60)
		}
	}
	return ""
}

// target is whom, for an access that may not be public at all.
func (w *writer) target(a endpoint.Access) string {
	if !a.Public {
		return w.state(a, w.i.Family)
	}
	return w.whom(a, w.i.Family)
}

func (w *writer) why() string {
	known := map[string]string{incident.WhyUndone: w.WhyUndone, incident.WhyDeleted: w.WhyDeleted, incident.WhyUnclear: w.WhyUnclear,
		incident.WhyUnconfirmed: w.WhyUnconfirmed}
	if why, ok := known[w.i.Final.Why]; ok {
		return why
	}
	return w.Unknown // no reason of ours: a record that somebody else wrote
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

// openNow answers whether it is open, and as of when.
func (w *writer) openNow() string {
	i, at := w.i, w.i.LookedAt
	switch {
	case w.n.Kind == incident.NoticeOutcome:
		at = i.Final.At
	case w.n.Kind == incident.NoticeDetected && at.IsZero():
		at = w.n.At
	}
	answer := w.answer()
	if at.IsZero() {
		return answer
	}
	return fill(w.AnswerAt, "answer", answer, "at", stamp(at))
}

func (w *writer) answer() string {
	i := w.i
	a := access(w.n)
	switch {
	case w.n.Kind == incident.NoticeOutcome && i.Final.Outcome == incident.Gone:
		return w.NoDeleted
	case admitted(w.n) && onlyInside(w.n) && !a.Private:
		return w.InsideAdmitted
	case admitted(w.n) && !a.Public:
		return fill(w.NoOpen, "now", w.state(a, i.Family))
	case admitted(w.n):
		return fill(w.NowAdmitted, "whom", w.target(a))
	case !stands(w.n) && !happened(i):
		return fill(w.NeverWas, "now", w.state(a, i.Family))
	case !stands(w.n) && a.Public:
		return fill(w.NoWider, "whom", w.target(a))
	case !stands(w.n):
		return fill(w.NoOpen, "now", w.state(a, i.Family))
	case onlyInside(w.n) && w.n.Kind == incident.NoticeDetected && i.Asked != nil:
		return w.PrivateGoesOff
	case onlyInside(w.n):
		return w.PrivateIsOff
	case w.n.Kind == incident.NoticeStuck && i.Obstacle != "" && i.Shown == nil:
		return w.NotSeen
	case w.n.Kind == incident.NoticeStuck && i.Asked != nil && i.Shown != nil && !i.Shown.Equal(*i.Asked):
		return fill(w.BeingOpened, "whom", w.target(a))
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
	status, graced := string(i.Status), graceEnd(w.n)
	hand := w.HandClose
	if onlyInside(w.n) {
		hand = w.HandSwitch
	}
	switch {
	case w.n.Kind == incident.NoticeStuck && i.Obstacle != "":
		return w.DoAllow
	case w.n.Kind == incident.NoticeStuck && i.Status == endpoint.StatusActive:
		return w.DoLookActive
	case w.n.Kind == incident.NoticeStuck:
		return fill(w.DoLook, "status", status)
	case w.n.Kind != incident.NoticeOutcome:
		return w.announcement()
	case f.Tug != nil:
		return w.DoStopIt
	}
	switch f.Outcome {
	case incident.Enforced:
		switch {
		case f.Why == incident.WhyClosed:
			return w.DoReopen
		case onlyInside(w.n):
			return w.DoNothing
		}
		return w.DoAsk
	case incident.PartlyEnforced:
		if held(i) {
			return fill(w.DoFix, "fix", w.fix1(f.Missing))
		}
		return w.DoDecideLeft
	case incident.Blocked:
		return fill(w.DoFix, "fix", w.fix1(f.Missing))
	case incident.Failed:
		if code := w.eksCode(); code != "" {
			return fill(w.DoByHandWhy, "code", code, "hand", hand)
		}
		return fill(w.DoByHand, "hand", hand)
	case incident.Violation:
		switch {
		case !graced.IsZero() && len(planOf(w.n).Left) > 0:
			return fill(w.DoDecideRest, "hand", hand)
		case !graced.IsZero():
			return fill(w.DoDecideGrace, "at", stamp(graced), "hand", hand)
		}
		return fill(w.DoDecide, "hand", hand)
	case incident.AlreadyUndone, incident.Gone:
		switch {
		case !happened(i):
			return w.DoNothingEver
		case !onlyInside(w.n):
			return w.DoNothingGone
		}
	case incident.Compliant, incident.Exempt, incident.OutOfScope:
		what := w.allowedBy(w.ChangedPolicy, w.ChangedExempt, w.ChangedScope)
		if world(f.Now, i.Family) {
			return fill(w.DoCheckAllowed, "what", what)
		}
		return fill(w.DoMaybeCheck, "what", what)
	}
	return w.DoNothing
}

// held tells whether a lockout check keeps the endpoint as it is, so that nodes
// are not cut off.
func held(i *incident.Incident) bool { return i.Final != nil && len(i.Final.Kept) > 0 }

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

// ruleNames are the rules' names for the attribute: those that enforce first.
func ruleNames(rules []incident.RuleNote) []string {
	var out []string
	for _, enforcing := range []bool{true, false} {
		for _, rule := range rules {
			if rule.Respond.Enforcing() == enforcing && rule.Name != "" && len(out) < maxRules {
				out = append(out, foreign(rule.Name, maxName))
			}
		}
	}
	return out
}
