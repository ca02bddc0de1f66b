package mail

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/digest"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// Digest writes the daily digest of an account and region.
func (l Letter) Digest(d digest.Digest, account, region string) Mail {
	w := l.writer(incident.Notice{At: d.Now})
	exempt, aside := 0, 0
	for _, e := range d.Exempt {
		exempt += len(e.Clusters)
	}
	for _, names := range d.Aside {
		aside += len(names)
	}
	day := d.Now.UTC().Format(time.DateOnly)
	number := strconv.Itoa
	d.Standing, d.Open = slices.Clone(d.Standing), slices.Clone(d.Open)
	sev := worse(sortStanding(d.Standing), sortOpen(d.Open))
	todo := w.digestToDo(d)
	head := fill(w.phrases.Digest, "account", account, "region", region, "day", day, "open", number(len(d.Open)), "standing", number(len(d.Standing)),
		"tug", number(len(d.Tugs)), "exempt", number(exempt), "aside", number(aside))
	w.para(head)
	w.WriteString("\n")
	w.field(w.Account, w.account(account))
	w.field(w.Region, region)
	w.field(w.DigestToday, day)
	w.field(w.Severity, w.severityWord(sev))
	w.field(w.ToDo, todo)

	groups := w.groups(d.Standing)
	if len(groups) > 1 {
		w.heading(fill(w.DigestStanding, "n", number(len(d.Standing))))
		w.counts(d)
	}
	for _, g := range groups {
		w.heading(fill(g.heading, "n", number(len(g.of))))
		if len(groups) == 1 {
			w.counts(d)
		}
		w.some(len(g.of), max(3, maxInDigest/len(groups)), func(k int) string {
			s := g.of[k]
			return fill(w.DigestStandingLine, "cluster", text.CutMiddle(s.Cluster, 40), "severity", w.severityWord(ofStanding(s)),
				"age", w.age(d.Now.Sub(s.Since)), "rules", w.ruleNames(s.Rules), "ref", s.Ref)
		})
	}
	if len(d.Open) > 0 {
		w.heading(fill(w.DigestOpen, "n", number(len(d.Open))))
		w.some(len(d.Open), maxInDigest, func(k int) string {
			o := d.Open[k]
			return fill(w.DigestOpenLine, "cluster", text.CutMiddle(o.Cluster, 40), "severity", w.severityWord(severityOf(o.Access, o.Family, o.Rules)),
				"stage", w.stage(o), "age", w.age(d.Now.Sub(o.Since)), "ref", o.Ref)
		})
	}
	if len(d.Tugs) > 0 {
		w.heading(fill(w.DigestTug, "n", number(len(d.Tugs))))
		w.some(len(d.Tugs), maxInDigest, func(k int) string {
			t := d.Tugs[k]
			last := w.Unknown
			if !t.Last.IsZero() {
				last = stamp(t.Last)
			}
			return fill(w.DigestTugLine, "cluster", text.CutMiddle(t.Cluster, 40), "n", number(t.Closings), "at", last)
		})
	}
	if len(d.Ending) > 0 {
		w.heading(fill(w.DigestEnding, "n", number(len(d.Ending))))
		w.some(len(d.Ending), maxInDigest, func(k int) string {
			e := d.Ending[k]
			line := fill(w.DigestEndingLine, "exemption", text.Clean(e.Name, maxName), "at", stamp(e.Until))
			// Of its clusters those are named that are named nowhere else.
			if k := slices.IndexFunc(d.Exempt, same(e)); k >= 0 {
				line += ": " + w.shortNames(d.Exempt[k].Clusters)
			}
			return line
		})
	}
	lasting := slices.DeleteFunc(slices.Clone(d.Exempt), func(e digest.Exemption) bool { return slices.ContainsFunc(d.Ending, same(e)) })
	if len(lasting) > 0 {
		n := 0
		for _, e := range lasting {
			n += len(e.Clusters)
		}
		w.heading(fill(w.DigestExempt, "n", number(n)))
		w.some(len(lasting), maxInDigest, func(k int) string {
			e := lasting[k]
			return fill(w.DigestExemptLine, "exemption", text.Clean(e.Name, maxName), "at", stamp(e.Until), "clusters", w.shortNames(e.Clusters))
		})
	}
	if aside > 0 {
		w.heading(fill(w.DigestAside, "n", number(aside)))
		for _, kind := range []struct {
			kind   incident.AsideKind
			phrase string
		}{{incident.AsideOutposts, w.DigestOutposts}, {incident.AsideConnected, w.DigestConnected}, {incident.AsideHybrid, w.DigestHybrid}} {
			if names := d.Aside[kind.kind]; len(names) > 0 {
				w.item(fill(kind.phrase, "clusters", w.shortNames(names)))
			}
		}
	}
	if d.Unreadable > 0 {
		w.WriteString("\n")
		w.para(fill(w.DigestUnreadable, "n", number(d.Unreadable)))
	}
	w.sign()
	return Mail{
		Subject: text.ASCII(fmt.Sprintf("Daily digest: %d not closed, %d being closed, %d exempt - EKS (%s %s)", len(d.Standing), len(d.Open), exempt, account, region)),
		Text:    w.String(),
		Attributes: map[string]string{
			"outcome": "digest", "severity": string(sev), "account": account, "region": region,
		},
		Card: card{
			Title: "Daily digest", Severity: sev, Reference: "digest-" + day, Outcome: "digest", Text: head,
			Fields: [][2]string{{w.Account, w.account(account)}, {w.Region, region}, {w.Severity, w.severityWord(sev)}}, Steps: []string{todo},
		}.encode(),
	}
}

// same tells which exemptions are e.
func same(e digest.Exemption) func(digest.Exemption) bool {
	return func(o digest.Exemption) bool { return o.Name == e.Name && o.Until.Equal(e.Until) }
}

// group are the violations that stay for one reason: what is to be done is the
// same for all of them.
type group struct {
	heading, todo string
	of            []digest.Standing
}

// groups sorts the violations that stay by what is to be done, in the order in
// which they came.
func (w *writer) groups(all []digest.Standing) []group {
	out := []group{
		{heading: w.DigestFailed, todo: w.DigestDoFailed}, {heading: w.DigestBlocked, todo: w.DigestDoBlocked},
		{heading: w.DigestPartly, todo: w.DigestDoPartly}, {heading: w.DigestAlert, todo: w.DigestDoAlert},
	}
	for _, s := range all {
		var k int
		switch s.Outcome {
		case incident.Failed:
			k = 0
		case incident.Blocked:
			k = 1
		case incident.PartlyEnforced:
			k = 2
		default:
			k = 3
		}
		out[k].of = append(out[k].of, s)
	}
	return slices.DeleteFunc(out, func(g group) bool { return len(g.of) == 0 })
}

// digestToDo says what is to be done, by what keeps each cluster open.
func (w *writer) digestToDo(d digest.Digest) string {
	var parts []string
	stuck := 0
	for _, o := range d.Open {
		if o.Stuck {
			stuck++
		}
	}
	if stuck > 0 {
		parts = append(parts, fill(w.DigestDoStuck, "n", strconv.Itoa(stuck)))
	}
	for _, g := range w.groups(d.Standing) {
		parts = append(parts, fill(g.todo, "n", strconv.Itoa(len(g.of))))
	}
	if len(d.Tugs) > 0 {
		parts = append(parts, fill(w.DigestDoTug, "n", strconv.Itoa(len(d.Tugs))))
	}
	if len(parts) == 0 {
		return w.DigestNothing
	}
	return w.DigestDo + strings.Join(parts, w.DigestDoAnd) + w.DigestDoEnd
}

// some writes the first items of a section and counts the others.
func (w *writer) some(n, limit int, line func(int) string) {
	for k := range min(n, limit) {
		w.item(line(k))
	}
	if n > limit {
		w.indented(fill(w.DigestMore, "n", strconv.Itoa(n-limit)))
	}
}

func (w *writer) shortNames(names []string) string {
	out := make([]string, 0, maxInDigest+1)
	for _, name := range names[:min(maxInDigest, len(names))] {
		out = append(out, text.CutMiddle(name, 40))
	}
	if more := len(names) - len(out); more > 0 {
		out = append(out, fill(w.DigestMore, "n", strconv.Itoa(more)))
	}
	return strings.Join(out, ", ")
}

func (w *writer) ruleNames(rules []incident.RuleNote) string {
	var out []string
	for _, rule := range rules {
		out = append(out, text.Clean(rule.Name, 60))
	}
	return w.shortNames(out)
}

func (w *writer) stage(o digest.Open) string {
	switch {
	case o.Stuck:
		return w.StageStuck
	case o.Held:
		return w.StageHeld
	case o.Stage == incident.Updating:
		return w.StageUpdating
	case o.Stage == incident.Waiting:
		return w.StageWaiting
	default:
		return w.StageDetected
	}
}

// counts counts the standing violations by severity and by rule.
func (w *writer) counts(d digest.Digest) {
	bySeverity, byRule := map[Severity]int{}, map[string]int{}
	for _, s := range d.Standing {
		bySeverity[ofStanding(s)]++
		for _, rule := range s.Rules {
			byRule[text.Clean(rule.Name, 60)]++
		}
	}
	var words []string
	for _, sev := range slices.Backward(ranks) {
		if n := bySeverity[sev]; n > 0 {
			words = append(words, fill(w.DigestCount, "rule", w.severityWord(sev), "n", strconv.Itoa(n)))
		}
	}
	w.indented(fill(w.DigestBySeverity, "severities", strings.Join(words, ", ")))
	if len(byRule) == 0 {
		return
	}
	names := make([]string, 0, len(byRule))
	for name := range byRule {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(byRule[b], byRule[a]), strings.Compare(a, b)) })
	for i, name := range names {
		names[i] = fill(w.DigestCount, "rule", name, "n", strconv.Itoa(byRule[name]))
	}
	w.indented(fill(w.DigestByRule, "rules", w.shortNames(names)))
}

func ofStanding(s digest.Standing) Severity {
	if s.Access == nil {
		return High
	}
	return severityOf(*s.Access, s.Family, s.Rules)
}

// sortStanding puts the worst first, the longest among equals, and returns the
// worst severity.
func sortStanding(all []digest.Standing) Severity {
	slices.SortStableFunc(all, func(a, b digest.Standing) int {
		return cmp.Or(slices.Index(ranks, ofStanding(b))-slices.Index(ranks, ofStanding(a)), a.Since.Compare(b.Since))
	})
	if len(all) == 0 {
		return Low
	}
	return ofStanding(all[0])
}

// sortOpen does the same with the open incidents.
func sortOpen(all []digest.Open) Severity {
	of := func(o digest.Open) int { return slices.Index(ranks, severityOf(o.Access, o.Family, o.Rules)) }
	slices.SortStableFunc(all, func(a, b digest.Open) int { return cmp.Or(of(b)-of(a), a.Since.Compare(b.Since)) })
	if len(all) == 0 {
		return Low
	}
	return ranks[of(all[0])]
}
