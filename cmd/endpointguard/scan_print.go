package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/endpointguard/endpointguard/pkg/awsconfig"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/explain"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/text"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

type scannedLine struct {
	Cluster string             `json:"cluster"` // empty for a region that can't be listed
	ARN     string             `json:"arn"`
	Account string             `json:"account"`
	Region  string             `json:"region"`
	Status  endpoint.Status    `json:"status"`
	Access  *endpoint.Access   `json:"access"`
	Outcome explain.Outcome    `json:"outcome"`
	Rules   []explain.RuleJSON `json:"rules"`
	Desired *endpoint.Access   `json:"desired"`
	Dropped []verdict.Loss     `json:"dropped"`
	Error   string             `json:"error"`
}

func (s scanned) line() scannedLine {
	out := scannedLine{Cluster: s.name, Region: s.region, Outcome: s.outcome(), Rules: []explain.RuleJSON{}, Dropped: []verdict.Loss{}}
	if s.err != nil {
		out.Error, _ = awsconfig.Plainly(s.err)
		return out
	}
	c, answer := s.cluster, s.answer.JSON()
	out.ARN, out.Account, out.Status = c.ARN, c.Account, c.Status
	if !c.Connected {
		// Of a connected cluster EKS has no endpoint.
		out.Access = &c.Access
	}
	out.Rules, out.Desired, out.Dropped = answer.Rules, answer.Desired, answer.Dropped
	return out
}

func scannedJSON(w io.Writer, found []scanned) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, s := range found {
		if err := enc.Encode(s.line()); err != nil {
			return err
		}
	}
	return nil
}

func scannedCSV(w io.Writer, found []scanned) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"cluster", "account", "region", "status", "public", "private", "cidrs", "outcome", "rules", "stays", "error"}}
	for _, s := range found {
		l := s.line()
		row := []string{l.Cluster, l.Account, l.Region, string(l.Status), "", "", "", string(l.Outcome), strings.Join(s.answer.Violated(), ", "), strings.Join(s.stays(), ", "), l.Error}
		if l.Access != nil {
			row[4], row[5] = strconv.FormatBool(l.Access.Public), strconv.FormatBool(l.Access.Private)
			if l.Access.Public {
				row[6] = endpoint.JoinPrefixes(l.Access.CIDRs, " ")
			}
		}
		for i := range row {
			row[i] = inert(row[i])
		}
		rows = append(rows, row)
	}
	if err := out.WriteAll(rows); err != nil {
		return err
	}
	return out.Error()
}

// tellHints says what to do about what could not be read, each thing once.
func tellHints(errs io.Writer, found []scanned) {
	told := map[string]bool{}
	for _, s := range found {
		if s.err == nil {
			continue
		}
		if _, hint := awsconfig.Plainly(s.err); hint != "" && !told[hint] {
			told[hint] = true
			_, _ = fmt.Fprintln(errs, "hint: "+hint)
		}
	}
}

// inert is a cell that no spreadsheet takes for a formula, and no terminal for
// a command. Source: OWASP, "CSV Injection".
func inert(cell string) string {
	cell = text.Reveal(cell)
	if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// reach says in a few words who reaches an endpoint.
func reach(a endpoint.Access, f endpoint.Family) string {
	var words []string
	switch list := a.Effective(f); {
	case !a.Public:
	case slices.ContainsFunc(endpoint.World(endpoint.IPv6), func(p netip.Prefix) bool { return a.Reachable(f).ContainsPrefix(p) }):
		words = append(words, "world")
	case len(list) == 1:
		words = append(words, "1 block")
	default:
		words = append(words, fmt.Sprintf("%d blocks", len(list)))
	}
	if a.Private {
		words = append(words, "VPC")
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, "+")
}

// scannedTable is what was found, for people.
func scannedTable(doc document, regions []string, found []scanned) string {
	if len(found) == 0 {
		var p page
		p.line("", fmt.Sprintf("There are no clusters in %s.", strings.Join(regions, ", ")))
		return p.String()
	}
	rows := [][]string{{"CLUSTER", "REGION", "STATUS", "ACCESS", "VERDICT", "RULES"}}
	counts := map[explain.Outcome]int{}
	for _, s := range found {
		counts[s.outcome()]++
		row := []string{s.name, s.region, "-", "-", string(s.outcome()), ""}
		if s.name == "" {
			row[0] = "(any)"
		}
		if s.err != nil {
			row[5], _ = awsconfig.Plainly(s.err)
		} else {
			row[2] = string(s.cluster.Status)
			if !s.cluster.Connected {
				row[3] = reach(s.cluster.Access, s.cluster.Family)
			}
			row[5] = strings.Join(s.answer.Violated(), ", ")
		}
		rows = append(rows, row)
	}
	var p page
	p.table(rows)
	var words []string
	for _, o := range append(explain.Outcomes(), notRead) {
		if n := counts[o]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, o))
		}
	}
	byRule(&p, doc.policy.Rules, found, len(regions) > 1)
	staysOpen(&p, found)
	p.WriteString("\n")
	p.line("", fmt.Sprintf("Judged by %s (%s): %s", doc.name, doc.policy.Hash, strings.Join(words, ", ")))
	return p.String()
}

// maxNamed is how many clusters are named for one thing: the table has them all.
const maxNamed = 20

// byRule writes what would become of the violations of each rule. Clusters are named
// with their regions if there are several.
func byRule(p *page, rules []policy.Rule, found []scanned, regions bool) {
	unbroken := 0
	for i := range rules {
		named := map[explain.Outcome][]string{}
		for _, s := range found {
			for k := range s.answer.Verdict.Rules {
				r := &s.answer.Verdict.Rules[k]
				if r.Rule.Name != rules[i].Name || !r.Violated {
					continue
				}
				name := s.name
				if regions {
					name += " (" + s.region + ")"
				}
				outcome := s.answer.RuleOutcome(r)
				named[outcome] = append(named[outcome], name)
			}
		}
		if len(named) == 0 {
			unbroken++
			continue
		}
		if unbroken == i {
			p.heading("What the guardrail would do, by rule")
		}
		p.line("  ", fmt.Sprintf("%s (%s)", rules[i].Name, rules[i].Respond))
		for _, would := range []struct {
			outcome explain.Outcome
			what    string
		}{
			{explain.WouldEnforce, "changed, so that they comply: "},
			{explain.Blocked, "stay, since no change is safe: "},
			{explain.Violation, "stay, only mailed: "},
			{explain.Exempt, "stay, waived by an exemption: "},
		} {
			if clusters := named[would.outcome]; len(clusters) > 0 {
				p.line("    ", would.what+someOf(clusters))
			}
		}
	}
	if unbroken > 0 && unbroken < len(rules) {
		p.line("  ", fmt.Sprintf("(%s: nothing breaks them)", count(unbroken, "more rule")))
	}
}

// someOf names the first of many.
func someOf(names []string) string {
	if n := len(names) - maxNamed; n > 0 {
		return strings.Join(names[:maxNamed], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(names, ", ")
}

// staysOpen writes which clusters still break a rule once all of that is done, and
// who reaches them then.
func staysOpen(p *page, found []scanned) {
	rows := [][]string{{"CLUSTER", "REGION", "ACCESS THEN", "RULES STILL BROKEN"}}
	for _, s := range found {
		stays := s.stays()
		if len(stays) == 0 {
			continue
		}
		then := s.cluster.Access
		if desired := s.answer.Desired(); desired != nil {
			then = *desired
		}
		rows = append(rows, []string{s.name, s.region, reach(then, s.cluster.Family), strings.Join(stays, ", ")})
	}
	if len(rows) > 1 {
		p.heading("What stays open then")
		p.table(rows)
	}
}

// stays are the rules that a cluster still breaks once what would be done is done.
func (s scanned) stays() []string {
	var out []string
	for i := range s.answer.Verdict.Rules {
		r := &s.answer.Verdict.Rules[i]
		switch s.answer.RuleOutcome(r) {
		case explain.Violation, explain.Blocked:
			out = append(out, r.Rule.Name)
		case explain.Exempt:
			out = append(out, r.Rule.Name+" (waived)")
		case explain.Compliant, explain.OutOfScope, explain.WouldEnforce: // nothing of it stays
		}
	}
	return out
}

// table writes rows of the same number of cells, the last of which is text that
// goes on below, in its column or, where that is too narrow, under the row.
func (p *page) table(rows [][]string) {
	last := len(rows[0]) - 1
	// A first cell that is wider than this stands on a line of its own.
	const wide = 32
	width := make([]int, last)
	for _, row := range rows {
		for i := range width {
			if n := text.Columns(text.Reveal(row[i]), text.InTerminal); i > 0 || n <= wide {
				width[i] = max(width[i], n)
			}
		}
	}
	head := 0
	for _, w := range width {
		head += w + 2
	}
	const narrow = 24
	for _, row := range rows {
		line := ""
		for i, w := range width {
			cell := text.Reveal(row[i])
			if i == 0 && text.Columns(cell, text.InTerminal) > w {
				for _, part := range text.Lines(cell, columns) {
					p.WriteString(part + "\n")
				}
				cell = ""
			}
			line += cell + strings.Repeat(" ", w-text.Columns(cell, text.InTerminal)+2)
		}
		rest := text.Reveal(row[last])
		room := columns - head
		if rest != "" && room < narrow && text.Columns(rest, text.InTerminal) > room {
			p.WriteString(strings.TrimRight(line, " ") + "\n")
			line, room = "    ", columns-4
		}
		indent := strings.Repeat(" ", text.Columns(line, text.InTerminal))
		for _, part := range text.Lines(rest, room) {
			p.WriteString(strings.TrimRight(line+part, " ") + "\n")
			line = indent
		}
	}
}

// progress is a bar on a terminal; elsewhere it shows nothing.
type progress struct {
	w    io.Writer // nil: shows nothing
	errs io.Writer // for what is told all the same

	mu           sync.Mutex
	ready, total int
	shown        string
}

// newProgress shows a bar on w if that is a terminal.
func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{w: w, errs: w}
	}
	return &progress{errs: w}
}

// tell writes a line above the bar.
func (p *progress) tell(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w == nil || p.shown == "" {
		telling(p.errs)(text)
		return
	}
	bar := p.shown
	p.show("")
	_, _ = io.WriteString(p.w, "\r")
	telling(p.errs)(text)
	p.show(bar)
}

// more adds clusters to look at.
func (p *progress) more(n int) { p.step(0, n) }

// done says that one was looked at.
func (p *progress) done() { p.step(1, 0) }

func (p *progress) step(ready, total int) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready, p.total = p.ready+ready, p.total+total
	const length = 40
	filled := 0
	if p.total > 0 {
		filled = length * p.ready / p.total
	}
	p.show(fmt.Sprintf("[%s%s] %d of %s", strings.Repeat("#", filled), strings.Repeat(".", length-filled), p.ready, count(p.total, "cluster")))
}

// show writes the bar over the one before. Whether anybody sees it is of no
// consequence.
func (p *progress) show(text string) {
	blanks := max(0, len(p.shown)-len(text))
	_, _ = fmt.Fprintf(p.w, "\r%s%s", text, strings.Repeat(" ", blanks))
	p.shown = text
}

// end removes the bar.
func (p *progress) end() {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show("")
	_, _ = io.WriteString(p.w, "\r")
}
