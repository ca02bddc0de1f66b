package simulation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// claims is what a history notes of what the guardrail saw and said.
type claims struct {
	looks      map[string][]look // by cluster name, in order
	mails      []sent
	standing   map[string]standing
	requests   map[string][]time.Time // the latest to change each cluster
	waits      map[string]*wait       // the last call for an endpoint access, by cluster name
	legislated time.Time              // the last change of the policy
	laws       int                    // changes of the policy
	ended      map[string]ended       // by cluster, until something new is told
}

// look is what an answer to DescribeCluster showed.
type look struct {
	at        time.Time
	created   time.Time
	status    string
	access    endpoint.Access
	enforcing bool
	violates  bool
	old       bool // EKS showed what was so before its last update
	by        *worker
	lost      bool // the process died before it was done
}

// sent is a mail about a cluster.
type sent struct {
	at                          time.Time
	cluster, outcome, reference string
	subject, text               string
	harmed                      int // how much had gone wrong about the cluster by then
	changes                     int // how often somebody had asked for another endpoint access by then
}

// wait is a call for an endpoint access that is to be answered for.
type wait struct {
	asked, arrival time.Time
	troubles       int
	mailed         bool // its first mail was handed over
}

// asked notes a call of somebody's; h.arrival is when its event comes.
func (c *claims) asked(h *history, name string) {
	if c.waits == nil {
		c.waits = map[string]*wait{}
	}
	c.waits[name] = &wait{asked: time.Now(), arrival: h.arrival, troubles: h.troubles}
}

// seen notes what an answer to DescribeCluster showed the guardrail.
func (k *worker) seen(r *http.Request, answer *http.Response) (*http.Response, error) {
	name, ok := strings.CutPrefix(r.URL.Path, "/clusters/")
	if !ok || r.Method != http.MethodGet || strings.Contains(name, "/") || answer.StatusCode != http.StatusOK {
		return answer, nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	var shown struct {
		Cluster struct {
			CreatedAt float64           `json:"createdAt"`
			Status    string            `json:"status"`
			Tags      map[string]string `json:"tags"`
			VPC       struct {
				Public  bool           `json:"endpointPublicAccess"`
				Private bool           `json:"endpointPrivateAccess"`
				CIDRs   []netip.Prefix `json:"publicAccessCidrs"`
			} `json:"resourcesVpcConfig"`
		} `json:"cluster"`
	}
	if err := json.Unmarshal(body, &shown); err != nil {
		return nil, err
	}
	h := k.h
	c, there := h.w.aws.Cluster(name)
	if !there {
		return answer, nil
	}
	seconds, part := math.Modf(shown.Cluster.CreatedAt)
	l := look{at: time.Now(), created: time.Unix(int64(seconds), int64(part*1e9)), status: shown.Cluster.Status, by: k}
	l.access = endpoint.Access{Public: shown.Cluster.VPC.Public, Private: shown.Cluster.VPC.Private, CIDRs: shown.Cluster.VPC.CIDRs}
	judged := truth(c)
	judged.Access, judged.Tags = l.access, shown.Cluster.Tags
	h.mu.Lock()
	defer h.mu.Unlock()
	l.violates, l.enforcing = h.lawOf(r).judge(judged, l.at)
	if h.claims.looks == nil {
		h.claims.looks = map[string][]look{}
	}
	// Of looks that show the same, the first is enough of a story.
	if before := h.claims.looks[name]; len(before) == 0 || before[len(before)-1].status != l.status || !before[len(before)-1].access.Equal(l.access) {
		h.tell("%s sees %s: %s, %s", k.name, name, l.status, l.access)
	}
	if h.lawOf(r) == strict && !l.access.Private && l.at.Before(judged.CreatedAt.Add(grace)) {
		h.counts["looks: a grace in force"]++
	}
	if law := h.lawOf(r); law == lax && !l.enforcing && name == "exempt-a" {
		exempt := judged
		exempt.Name = "exempt-b"
		if _, breaks := law.judge(exempt, l.at); breaks {
			h.counts["looks: an exemption in force"]++
		}
	}
	if l.old = !l.access.Equal(truth(c).Access); l.old {
		h.counts["looks: old"]++
	}
	h.claims.looks[name] = append(h.claims.looks[name], l)
	return answer, nil
}

// lawOf is the policy of the process that makes a call.
func (h *history) lawOf(r *http.Request) law {
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(rest, "/")
	return h.w.guards[key]
}

// watch is told of each call of the guardrail's that reached the AWS.
func (h *history) watch(c localaws.Call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case c.Operation == "UpdateClusterConfig" && c.Endpoint != nil:
		h.tell("the guardrail asks EKS to set %s: %s%s", c.Endpoint.Cluster, accessOf(*c.Endpoint), refused(c))
		h.paced(c)
		if c.Error == "" && c.Before != nil {
			h.measure(*c.Before)
			h.reverted(c)
			h.lockedOut(c)
		}
		if c.Error != "" {
			h.counts["to the guardrail: "+c.Error]++
		}
	case c.Operation == "Publish" && c.Error == "":
		mails := h.w.aws.Mails(topicName)
		m := mails[len(mails)-1]
		h.tell("mail: %s", m.Subject)
		h.mailed(c, m)
	}
}

// reverted: under a rule that reverts, the guardrail asks for what was right
// before, if it saw that and it complied.
func (h *history) reverted(c localaws.Call) {
	l, was := h.w.guards[c.AccessKeyID], truth(*c.Before)
	right := was
	right.Access.Private = true
	if _, enforced := l.judge(right, time.Now()); !enforced || !strings.HasPrefix(was.Name, "office-") || l == lax || was.Tags["secret"] == "yes" {
		return
	}
	// What no update of the guardrail's and no one else's complying one followed.
	for _, a := range slices.Backward(h.w.passed(was.Name)) {
		then := was
		then.Access = a
		if _, enforced := l.judge(then, time.Now()); enforced {
			continue
		}
		// A lockout check keeps the endpoint as it is where the VPC's DNS is off,
		// or could not be read.
		if h.cutOff || time.Since(h.cutAt) < timeout || h.acting.blind() {
			return
		}
		// While EKS's updates can't be read, nobody can be sure that it was right before:
		// then nothing is opened that is not open now.
		if h.historyRefused() && !endpoint.Subset(a.Reachable(was.Family), was.Access.Reachable(was.Family)) {
			return
		}
		i := slices.IndexFunc(h.claims.looks[was.Name], func(k look) bool {
			return k.created.Equal(was.CreatedAt) && k.status == "ACTIVE" && k.access.Equal(a) && !k.violates && !k.lost
		})
		seen := i >= 0
		// An incident that was opened before that goes back to what was before it.
		for _, s := range slices.Backward(h.claims.mails) {
			if s.cluster == was.Name {
				seen = seen && !(s.outcome == "detected" && s.at.Before(h.claims.looks[was.Name][i].at))
				break
			}
		}
		if wanted := accessOf(*c.Endpoint); seen && !wanted.Equal(a) && !wanted.Equal(was.Access) {
			h.w.fault("%s: %s is asked for, but %s was right before", was.Name, wanted, a)
		}
		return
	}
}

// paced: EKS is not asked again and again for what it just refused.
func (h *history) paced(c localaws.Call) {
	name := c.Endpoint.Cluster
	if h.claims.requests == nil {
		h.claims.requests = map[string][]time.Time{}
	}
	list := append(h.claims.requests[name], c.Time)
	h.claims.requests[name] = slices.DeleteFunc(list, func(at time.Time) bool { return c.Time.Sub(at) > 10*time.Second })
	if n := len(h.claims.requests[name]); n == 7 {
		h.w.fault("EKS was asked %d times within ten seconds to change %s", n, name)
	}
}

// lockedOut: nothing is narrowed while nodes inside might not find the endpoint.
func (h *history) lockedOut(c localaws.Call) {
	was := truth(*c.Before)
	if wanted := accessOf(*c.Endpoint); endpoint.Subset(was.Access.Reachable(was.Family), wanted.Reachable(was.Family)) {
		return
	}
	switch {
	case h.acting.blind():
		h.w.fault("never 8: %s is narrowed, and whether the VPC resolves its names could not be read", was.Name)
	case h.cutOff && time.Since(h.cutAt) > timeout:
		h.w.fault("%s is narrowed, and the VPC does not resolve its names", was.Name)
	}
}

func accessOf(p localaws.EndpointParams) endpoint.Access {
	a := endpoint.Access{Public: p.Public != nil && *p.Public, Private: p.Private != nil && *p.Private}
	if p.CIDRs != nil {
		for _, s := range *p.CIDRs {
			a.CIDRs = append(a.CIDRs, netip.MustParsePrefix(s))
		}
	}
	return a
}

func refused(c localaws.Call) string {
	if c.Error == "" {
		return ""
	}
	return ", refused: " + c.Message
}

// measure notes how long EKS had been accepting changes when it got ours.
func (h *history) measure(c localaws.Cluster) {
	w := h.claims.waits[c.Name]
	if w == nil {
		return
	}
	since := c.CreatedAt.Add(h.options.Durations.Create)
	for _, u := range c.Updates {
		if !u.EndsAt.After(time.Now()) {
			since = u.EndsAt
		}
	}
	if since.Before(w.asked) {
		return
	}
	took := time.Since(since)
	plain := ""
	defer func() { h.tell("EKS had been accepting changes for %s%s", took, plain) }()
	h.times.update = append(h.times.update, took)
	waiting := !w.arrival.IsZero() && w.arrival.Before(since) && slices.ContainsFunc(h.claims.looks[c.Name], func(l look) bool { return l.at.After(w.asked) && l.at.Before(since) })
	// While a cluster is young it is looked at less often.
	young := h.options.Durations.Create < 10*time.Minute && since.Equal(c.CreatedAt.Add(h.options.Durations.Create))
	if w.troubles == h.troubles && waiting && h.options.StaleReads == 0 && h.w.brake > 2 && !young {
		plain = ", and nothing stood in the way"
		h.times.plainUpdate = append(h.times.plainUpdate, took)
	}
	delete(h.claims.waits, c.Name)
}

// mailed holds a mail against what is true and what the guardrail has seen.
func (h *history) mailed(c localaws.Call, m localaws.Mail) {
	name := m.Attributes["cluster"]
	s := sent{at: time.Now(), cluster: name, outcome: m.Attributes["outcome"], reference: m.Attributes["reference"], harmed: h.harmed[name]}
	s.subject, s.text, s.changes = m.Subject, m.Message, h.changes[name]
	if w := h.claims.waits[name]; w != nil && !w.mailed && !w.arrival.IsZero() && !s.at.Before(w.arrival) && !h.known(s) {
		h.times.mail = append(h.times.mail, s.at.Sub(w.arrival))
		if w.troubles == h.troubles {
			h.times.plainMail = append(h.times.plainMail, s.at.Sub(w.arrival))
		}
		w.mailed = true
	}
	h.claims.mails = append(h.claims.mails, s)
	if !h.restored() {
		h.alarmed(s)
		h.keptPromise(s)
	}
	h.counts["mails: "+s.outcome]++
	there, ok := h.w.aws.Cluster(name)
	if !ok {
		return
	}
	if !h.restored() {
		if h.w.owedOf(name) {
			// It tells what was so when it was first to be mailed, perhaps of a former cluster.
			return
		}
		h.stands(c, there, s, m.Attributes["rule"])
		h.promisedBlindly(s)
	}
	looks := h.claims.looks[name]
	switch s.outcome {
	case "violation", "blocked", "partly-enforced", "failed":
		if !slices.ContainsFunc(looks, func(l look) bool { return l.violates }) {
			h.w.fault("the mail says %s, and no look ever showed a violation: %s", s.outcome, m.Subject)
		}
	}
	switch s.outcome {
	case "enforced", "partly-enforced":
		var ours *localaws.Update
		for i, u := range there.Updates {
			if slices.Contains(h.w.ours(), u.ID) && u.Status == "Successful" {
				ours = &there.Updates[i]
			}
		}
		switch {
		case ours == nil:
			h.w.fault("never 6: the mail says %s, but no update of the guardrail's is done: %s", s.outcome, m.Subject)
		case !slices.ContainsFunc(looks, func(l look) bool {
			return !l.at.Before(ours.EndsAt) && !(l.enforcing && s.outcome == "enforced")
		}):
			h.w.fault("never 6: the mail says %s, but no look after the update showed it: %s", s.outcome, m.Subject)
		}
		if s.outcome == "partly-enforced" {
			return
		}
	case "already-undone", "compliant":
		// A mail that is sent again tells what was so when it was decided.
		since := there.CreatedAt
		for _, o := range h.claims.mails[:len(h.claims.mails)-1] {
			// The same again, because SNS's answer was lost, was decided as the first; and one
			// that was held up tells of what was seen before, perhaps right before this one.
			if o.cluster == name && !strings.Contains(o.subject, "(late mail)") && (o.reference != s.reference || o.outcome != s.outcome) {
				since = o.at
			}
		}
		if !slices.ContainsFunc(looks, func(l look) bool { return !l.violates && !l.at.Before(since) }) {
			h.w.fault("never 6: the mail says %s, but no look since the last mail showed it: %s", s.outcome, m.Subject)
		}
		h.believed(c, there, s)
	default:
		return
	}
	// Long after the last change no look can be an old one any more.
	var last, began time.Time
	for _, u := range there.Updates {
		if u.Status == "Successful" && !u.EndsAt.After(s.at) {
			last, began = u.EndsAt, u.CreatedAt
		}
	}
	// A mail that a crash held up tells what was so before somebody changed it again.
	opened := there.CreatedAt
	for _, o := range h.claims.mails {
		if o.cluster == name && o.outcome == "detected" && o.at.After(opened) {
			opened = o.at
		}
	}
	if h.harmed[name] > 0 && slices.ContainsFunc(looks, func(l look) bool {
		return !l.enforcing && l.at.After(opened) && l.at.Before(began)
	}) {
		return
	}
	if tags := h.w.retag[name].at; tags.After(last) {
		last = tags
	}
	if h.claims.legislated.After(last) {
		last = h.claims.legislated
	}
	if _, enforced := h.w.guards[c.AccessKeyID].judge(truth(there), s.at); enforced && s.at.Sub(last) > h.options.StaleReads+timeout {
		h.w.fault("never 6: the mail says %s, but the endpoint has been open for %s: %s", s.outcome, s.at.Sub(last), m.Subject)
	}
}

// standing is a violation that was mailed to stay.
type standing struct{ what, reference string }

// stands: a violation that stays is mailed once, however often it is looked at.
func (h *history) stands(c localaws.Call, there localaws.Cluster, s sent, rules string) {
	switch s.outcome {
	case "violation", "blocked", "failed", "partly-enforced":
	default:
		return
	}
	if h.repeated(s) {
		return // what it tells is what stood when it was decided
	}
	now := standing{fmt.Sprint(s.outcome, rules, there.CreatedAt, truth(there).Access, there.Tags, c.AccessKeyID, h.cutAt, h.changes[s.cluster], h.w.applied[s.cluster], h.claims.laws), s.reference}
	if h.claims.standing == nil {
		h.claims.standing = map[string]standing{}
	}
	// One that a crash held up tells of what was there before an update took effect.
	if at, held := asOf(s.text); held && slices.ContainsFunc(there.Updates, func(u localaws.Update) bool {
		return u.Type == "EndpointAccessUpdate" && u.Status == "Successful" && u.CreatedAt.Before(s.at) && u.EndsAt.After(at)
	}) {
		now.what = fmt.Sprint("as of ", at)
	}
	if was := h.claims.standing[s.cluster]; was.what == now.what && was.reference != now.reference && !h.announced(s) {
		h.w.fault("%s: the mail %q came under %s and again under %s, and nothing changed in between", s.cluster, s.outcome, was.reference, now.reference)
	}
	h.claims.standing[s.cluster] = now
}

// announced reports whether a mail under the same reference had said that something
// will be done: this one takes it back.
func (h *history) announced(s sent) bool {
	return slices.ContainsFunc(h.claims.mails, func(o sent) bool { return o.about(s) && o.outcome == "detected" })
}

// repeated reports whether the mail, the last of all, was sent before.
func (h *history) repeated(s sent) bool {
	return slices.ContainsFunc(h.claims.mails[:len(h.claims.mails)-1], func(o sent) bool { return o.about(s) && o.outcome == s.outcome })
}

// about reports whether both are mails about the same incident.
func (s sent) about(o sent) bool { return s.cluster == o.cluster && s.reference == o.reference }

// believed: a look that EKS's own history contradicts is an old one, and
// nothing is concluded from it.
func (h *history) believed(c localaws.Call, there localaws.Cluster, s sent) {
	// A mail that is sent again tells what was so when it was decided.
	if h.acting == nil || s.outcome != "already-undone" || h.repeated(s) {
		return
	}
	// One that a crash held up says itself when it was decided.
	decided := h.acting.began
	if at, ok := asOf(s.text); ok && at.Before(decided) {
		decided = at
	}
	var last localaws.Update
	for _, u := range there.Updates {
		switch {
		case u.Type != "EndpointAccessUpdate":
		case u.Status == "Successful":
			last = u
		// EKS's list may be behind.
		case u.Status == "InProgress" && u.CreatedAt.Before(decided.Add(-h.options.ListLag-h.options.UpdateLag)):
			then := truth(there)
			then.Access = h.asks[u.ID]
			if _, opens := h.w.guards[c.AccessKeyID].judge(then, s.at); opens {
				h.w.fault("never 7: %s: the mail says %s, but an update that opens it is in progress", s.cluster, s.outcome)
			}
		}
	}
	// What a policy or a tag forbids only since the decision, the mail can't know of.
	violates, _ := h.w.guards[c.AccessKeyID].judge(truth(there), s.at)
	if violates && last.EndsAt.Before(decided) && h.w.retag[s.cluster].at.Before(decided) && h.claims.legislated.Before(decided) {
		h.w.fault("never 7: %s: the mail says %s, but the last update, over since %s, made it %s", s.cluster, s.outcome, s.at.Sub(last.EndsAt), truth(there).Access)
	}
}

// asOf is the time as of which a mail says whether the endpoint is open.
func asOf(text string) (time.Time, bool) {
	found := asOfStamp.FindStringSubmatch(strings.Join(strings.Fields(text), " "))
	if found == nil {
		return time.Time{}, false
	}
	at, err := time.Parse(time.DateTime, found[1])
	return at, err == nil
}

var asOfStamp = regexp.MustCompile(`\(as of ([0-9-]+ [0-9:]+) UTC\)`)

// known reports whether an earlier mail was about the same incident.
func (h *history) known(s sent) bool {
	return slices.ContainsFunc(h.claims.mails, s.about)
}

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken(format, args...)
}

// passed are the states that a cluster went through, in order.
func (w *world) passed(name string) []endpoint.Access {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.good[name])
}

// ours are the ids of the guardrail's own updates.
func (w *world) ours() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []string
	for id := range w.own {
		ids = append(ids, id)
	}
	return ids
}

// check holds what must be so once the world is quiet.
func (h *history) check() {
	w := h.w
	ours := w.ours()
	for _, name := range w.aws.Clusters() {
		c, _ := w.aws.Cluster(name)
		for _, u := range c.Updates {
			if u.Status == "Failed" && slices.Contains(ours, u.ID) {
				h.counts["updates of the guardrail: fail"]++
			}
		}
		h.checkEnd(name)
		h.checkTold(name)
		if n := w.applied[name]; n > 3*(h.changes[name]+h.claims.laws+1) {
			h.t.Errorf("%s was changed %d times by others, the policy %d times, and the guardrail changed it %d times", name, h.changes[name], h.claims.laws, n)
		}
	}
	if !h.restored() {
		h.checkMails()
		w.checkReferences()
		w.checkNamed()
	}
	h.checkOpenedAgain()
	h.checkPaces()
	if h.weather != nil {
		w.checkGone()
	}
	w.quiet()
}

// checkChains: with an empty queue nothing is waited for any more, even before
// the next sweep. What is open then was lost, by whoever let its re-check go.
func (h *history) checkChains() {
	// A sweep's wake-up that cannot read the ledger for an hour gives way to the next sweep's.
	starved := h.weather != nil && slices.ContainsFunc(h.weather.denials, func(d denial) bool { return d.service == "dynamodb" && d.until.Sub(d.from) > time.Hour })
	for _, r := range h.w.records() {
		// A message that no process ever came to the end of waits for an operator, and
		// its cluster for the sweep.
		// So does what a restored ledger takes for open.
		if r.Open() && !h.w.buried(r.Name) && !h.w.forgetful && !starved {
			h.t.Errorf("nothing is left to wake the guardrail for %s, and it is not done with %s", r.Name, openThing(r))
		}
	}
}

// openThing is what keeps a record open.
func openThing(r incident.Record) string {
	if r.Incident != nil {
		return r.Incident.Ref
	}
	return fmt.Sprintf("the updates of others: %d", len(r.Watch))
}

// checkHeard: where the event of the last change came, no sweep is needed.
func (h *history) checkHeard() {
	for name, w := range h.claims.waits {
		_, there := h.w.aws.Cluster(name)
		if there && !h.w.buried(name) && name != "exempt-a" && !w.arrival.IsZero() && w.asked.After(h.claims.legislated) && w.asked.After(h.w.retag[name].at) && w.asked.After(h.cutAt) {
			h.checkEnd(name)
		}
	}
}

// checkEnd: a cluster complies, or a mail said why not.
func (h *history) checkEnd(name string) {
	w := h.w
	c := w.cluster(name)
	if c.Status != endpoint.StatusActive {
		return
	}
	violates, enforced := w.law.judge(c, time.Now())
	last := ""
	for _, s := range h.claims.mails {
		// A mail that was held up may be of a former cluster of the name.
		if s.cluster == name && !strings.Contains(fieldOf(s.text, "Open now"), "deleted") {
			last = s.outcome
		}
	}
	switch {
	case w.atWar(name) && !enforced:
		// What an alert rule still forbids is left to the digest.
	case enforced && h.cutOff && last == "partly-enforced":
		// What is left would lock out whoever is inside.
	case enforced && !h.swept && h.counts["refused: ec2"] > 0 && last == "partly-enforced":
		// It could not be read whether it would; the sweep looks again.
	case enforced && last == "blocked" && !h.cutOff && h.swept:
		h.t.Errorf("%s violates an enforcing rule in the end (%s), nothing blocks it, and the last mail says blocked", name, c.Access)
	case enforced && last == "failed" && h.swept:
		h.t.Errorf("%s violates an enforcing rule in the end (%s), days after the mail that said failed", name, c.Access)
	case enforced && last != "failed" && last != "blocked":
		h.t.Errorf("%s violates an enforcing rule in the end (%s), and the last mail says %q", name, c.Access, last)
	case violates && last != "violation" && last != "partly-enforced" && last != "failed" && last != "blocked":
		h.t.Errorf("%s violates a rule in the end (%s), and the last mail says %q", name, c.Access, last)
	}
}

// checkTold: whatever violation the guardrail saw was mailed, once for as long
// as it went on being seen.
func (h *history) checkTold(name string) {
	if h.w.atWar(name) {
		return
	}
	var since, until time.Time // of the violation that is being seen
	var busy time.Time         // since when it is, of a cluster that is being updated
	before := time.Time{}      // the last look that showed none
	told := func(end time.Time) {
		if since.IsZero() || h.briefly(name, since, until) {
			return
		}
		if !slices.ContainsFunc(h.claims.mails, func(s sent) bool {
			return s.cluster == name && s.at.After(before) && (end.IsZero() || s.at.Before(end))
		}) {
			h.t.Errorf("%s was seen to violate a rule from %s to %s, and no mail said so", name, since.UTC().Format(time.TimeOnly), until.UTC().Format(time.TimeOnly))
		}
	}
	var created time.Time
	for _, l := range h.claims.looks[name] {
		if !l.created.Equal(created) {
			created, before, since, busy = l.created, time.Time{}, time.Time{}, time.Time{}
		}
		// A cluster that is being updated shows what was before the update: for a while,
		// that may be a violation that somebody is ending.
		switch {
		case l.lost:
		case l.status != "UPDATING" || !l.violates:
			busy = time.Time{}
		case busy.IsZero():
			busy = l.at
		case since.IsZero() && l.at.Sub(busy) >= time.Hour:
			since, until = busy, l.at
		}
		switch {
		case l.lost || l.status != "ACTIVE" && l.status != "CREATING":
		case l.old:
			// It was put right before the look, or opened: what it shows is not there any more.
		case !l.violates && since.IsZero():
			before = l.at
		case !l.violates:
			told(time.Time{})
			before, since = l.at, time.Time{}
		case since.IsZero():
			since, until = l.at, l.at
		default:
			until = l.at
		}
	}
	told(time.Time{})
}

// checkMails: two mails an incident, one more when it gets stuck, none twice
// but for a kill or a lost call in between; no more incidents than there were
// changes.
func (h *history) checkMails() {
	type named struct{ cluster, reference string }
	of := map[named][]sent{}
	var order []named
	count := map[string]int{}
	for _, s := range h.claims.mails {
		if s.reference == "" || s.outcome == "backlog" {
			continue
		}
		i := named{s.cluster, s.reference}
		if len(of[i]) == 0 {
			order = append(order, i)
			count[s.cluster]++
		}
		of[i] = append(of[i], s)
	}
	for _, i := range order {
		seen := map[string]int{} // the harm done by the last mail of each outcome
		kinds := 0
		for _, s := range of[i] {
			harmed, twice := seen[s.outcome]
			if twice && harmed == s.harmed && s.outcome != "left" && s.outcome != "out-of-scope" {
				h.t.Errorf("%s: the mail %q came twice under %s, and nothing went wrong in between", s.cluster, s.outcome, s.reference)
			}
			if !twice && s.outcome != "stuck" && s.outcome != "left" && s.outcome != "out-of-scope" {
				kinds++
			}
			seen[s.outcome] = s.harmed
		}
		ended := slices.ContainsFunc(of[i], func(s sent) bool { return s.outcome != "detected" && s.outcome != "stuck" })
		if !ended && !h.w.atWar(i.cluster) {
			h.t.Errorf("%s: the end of %s was never mailed: %s", i.cluster, i.reference, fmt.Sprint(outcomes(of[i])))
		}
		if kinds > 2 {
			h.t.Errorf("%s: more than two mails under %s: %s", i.cluster, i.reference, fmt.Sprint(outcomes(of[i])))
		}
	}
	for name, n := range count {
		if most := h.changes[name] + h.claims.laws + 2; n > most {
			h.t.Errorf("%s: %d incidents were mailed, but there were only %d changes", name, n, most)
		}
	}
}

func outcomes(list []sent) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.outcome)
	}
	return out
}
