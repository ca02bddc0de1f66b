package policy

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go4.org/netipx"

	"github.com/endpointguard/endpointguard/pkg/internal/document"
)

// MaxGrace is the longest grace that a rule may give a new cluster.
const MaxGrace = 24 * time.Hour

// MaxAllowed is how many CIDRs a rule may allow: those of an organisation, of which
// EKS admits far fewer for one cluster (endpoint.MaxCIDRs).
const MaxAllowed = 1000

// policy reads the whole document.
func (r *reader) policy(n *yaml.Node) *Policy {
	f := r.Fields(n, "the document", documentKeys, []string{"version", "rules"})
	if f == nil {
		return nil
	}
	r.Version(f)
	p := &Policy{}
	var places []*rulePlace
	var exempt []*exemptionPlace
	names := map[string]int{}
	if rules, ok := f["rules"]; ok {
		items := r.List(rules.Value, "rules")
		p.Rules, places = make([]Rule, 0, len(items)), make([]*rulePlace, 0, len(items))
		for i, item := range items {
			rule, place := r.rule(item, i+1, names)
			p.Rules = append(p.Rules, rule)
			places = append(places, place)
		}
	}
	known := make([]string, 0, len(p.Rules))
	for i := range p.Rules {
		known = append(known, p.Rules[i].Name)
	}
	taken := map[string]int{}
	if list, ok := f["exemptions"]; ok {
		if list.Value.Kind != yaml.SequenceNode {
			r.WrongType(list.Value, "exemptions", "a list")
		} else {
			for i, item := range list.Value.Content {
				e, place := r.exemption(item, i+1, names, known, taken)
				p.Exemptions = append(p.Exemptions, e)
				p.untils = append(p.untils, place.end)
				exempt = append(exempt, place)
			}
		}
	}
	r.warn(p.Rules, places)
	r.warnExemptions(p, exempt)
	return p
}

// rulePlace is where the parts of a rule stand, for the warnings; a part that
// isn't there is nil.
type rulePlace struct {
	rule, matchTags, matchClusters, except, public, allowed, respond, grace, lockout, hybrid *yaml.Node

	cidrs []*yaml.Node // of each of the requirement's AllowedCIDRs
}

func (r *reader) rule(n *yaml.Node, number int, names map[string]int) (Rule, *rulePlace) {
	rule := Rule{Line: n.Line, LockoutChecks: LockoutBlock}
	place := &rulePlace{rule: n}
	of := fmt.Sprintf("rule %d", number)
	f := r.Fields(n, of, ruleKeys, []string{"name", "require", "respond"})
	if v, ok := f["name"]; ok {
		rule.Name = r.Name(v.Value, of)
		r.Unique(v.Value, rule.Name, "rule", names)
	}
	if v, ok := f["description"]; ok {
		rule.Description, _ = r.Text(v.Value, "description")
	}
	if v, ok := f["match"]; ok {
		m, keys := r.match(v.Value, "match", nil)
		rule.Match, place.matchTags, place.matchClusters = &m, keys["tags"].Key, keys["clusters"].Key
	}
	if v, ok := f["except"]; ok {
		m, _ := r.match(v.Value, "except", nil)
		rule.Except, place.except = &m, v.Key
	}
	if v, ok := f["require"]; ok {
		rule.Require = r.requirement(v.Value, place)
	}
	if v, ok := f["respond"]; ok {
		rule.Respond = Response(r.Choice(v.Value, "respond", string(Alert), string(Enforce), string(Revert)))
		place.respond = v.Key
	}
	if v, ok := f["graceAfterCreation"]; ok {
		rule.GraceAfterCreation, place.grace = r.duration(v.Value), v.Key
	}
	if v, ok := f["lockoutChecks"]; ok {
		rule.LockoutChecks = LockoutChecks(r.Choice(v.Value, "lockoutChecks", string(LockoutBlock), string(LockoutWarn)))
		place.lockout = v.Key
	}
	if v, ok := f["hybridNodes"]; ok {
		rule.HybridNodes = HybridNodes(r.Choice(v.Value, "hybridNodes", string(HybridAlert), string(HybridEnforce)))
		place.hybrid = v.Key
	}
	rule.admitted = admit(rule.Require)
	return rule, place
}

func (r *reader) match(n *yaml.Node, name string, required []string) (Match, map[string]document.Field) {
	var m Match
	if n.Kind == yaml.SequenceNode && len(n.Content) > 1 && required == nil {
		r.severalMatches(n, name)
		return m, nil
	}
	f := r.Fields(n, name, matchKeys, required)
	if f != nil && len(n.Content) == 0 && required == nil {
		r.ErrorAt(n, "a rule without match is for every cluster: remove the key", "%s is empty", name)
	}
	if v, ok := f["accounts"]; ok {
		for _, item := range r.ListOf(v.Value, "accounts", document.AccountItem) {
			m.Accounts = append(m.Accounts, r.Account(item, "an account"))
		}
		r.repeated(v.Value.Content, "account")
	}
	if v, ok := f["regions"]; ok {
		m.Regions = r.patterns(v.Value, "region", "regions", regionCharacters)
		r.unknownRegions(v.Value)
	}
	if v, ok := f["clusters"]; ok {
		m.Clusters = r.patterns(v.Value, "cluster name", "clusters", nameCharacters)
	}
	if v, ok := f["tags"]; ok {
		m.Tags = r.Tags(v.Value)
	}
	return m, f
}

// The characters of a region's and of a cluster's name.
const (
	regionCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	nameCharacters   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

// alien returns where a pattern has a character that no name has, -1 if nowhere.
func alien(pattern, admitted string) int {
	return strings.IndexFunc(pattern, func(c rune) bool { return !strings.ContainsRune(admitted+"*?", c) })
}

func (r *reader) patterns(n *yaml.Node, what, name, admitted string) []string {
	var out []string
	item := func(s string) (string, bool) {
		return document.Scalar(s), s != "" && alien(s, admitted) < 0 && len(s) <= document.MaxPattern
	}
	for _, item := range r.ListOf(n, name, item) {
		s := item.Value
		if notText := item.Kind == yaml.ScalarNode && !document.IsText(item) && !document.IsNull(item); !notText || alien(s,
			admitted) < 0 {
			var ok bool
			if s, ok = r.Text(item, "a "+what); !ok {
				continue
			}
		}
		if i := alien(s, admitted); i >= 0 {
			c, _ := utf8.DecodeRuneInString(s[i:])
			hint := "patterns know only * and ?; give several as several items"
			if near := strings.TrimSpace(s); near != "" && alien(near, admitted) < 0 {
				hint = "write " + document.Scalar(near)
			} else if lower := strings.ToLower(near); near != "" && alien(lower, admitted) < 0 {
				hint = "write " + document.Scalar(lower)
			}
			r.ErrorAt(item, hint, "no %s has the character %q: %q can never match", what, c, s)
		} else if len(s) > document.MaxPattern {
			r.ErrorAt(item, "", "the pattern is longer than %d characters", document.MaxPattern)
		}
		out = append(out, s)
	}
	r.repeated(n.Content, what)
	return out
}

func (r *reader) requirement(n *yaml.Node, place *rulePlace) Requirement {
	var q Requirement
	f := r.Fields(n, "require", requireKeys, nil)
	if f == nil {
		return q
	}
	if len(n.Content) == 0 {
		r.ErrorAt(n, "require privateAccess: enabled, or publicAccess: disabled or restricted", "require asks for nothing")
	}
	if v, ok := f["privateAccess"]; ok {
		q.PrivateAccess = r.Choice(v.Value, "privateAccess", "enabled") != ""
	}
	cidrs, hasCIDRs := f["allowedCidrs"]
	if hasCIDRs {
		q.AllowedCIDRs, place.cidrs = r.cidrs(cidrs)
	}
	width, hasWidth := f["notWiderThan"]
	if hasWidth {
		q.NotWiderThan = r.width(width.Value)
	}
	public, asked := f["publicAccess"]
	if asked {
		q.PublicAccess = r.publicAccess(public.Value, hasCIDRs || hasWidth)
	}
	switch {
	case q.PublicAccess == PublicRestricted && !hasCIDRs && !hasWidth:
		r.ErrorAt(public.Key, "add allowedCidrs: with the CIDRs, or notWiderThan: {ipv4: 16, ipv6: 32}",
			"publicAccess: restricted doesn't say to what")
	case q.PublicAccess != PublicRestricted && (!asked || q.PublicAccess == PublicDisabled):
		hint := "add publicAccess: restricted"
		if asked {
			hint = "change publicAccess to restricted"
		}
		for _, v := range []document.Field{cidrs, width} {
			if v.Key == nil {
				continue
			}
			hint := hint
			if _, private := f["privateAccess"]; asked || private {
				hint += ", or remove " + v.Key.Value
			}
			r.ErrorAt(v.Key, hint, "%s needs publicAccess: restricted", v.Key.Value)
		}
	}
	place.public, place.allowed = public.Key, cidrs.Key
	return q
}

// publicAccess reads what is asked of the public endpoint; described reports whether
// the rule says to what it is restricted.
func (r *reader) publicAccess(n *yaml.Node, described bool) PublicAccess {
	words := []string{string(PublicDisabled), string(PublicRestricted)}
	hint, more, near := "write disabled, or restricted with allowedCidrs or notWiderThan", "", ""
	if document.IsText(n) {
		near = document.Nearest(n.Value, words)
	}
	if described {
		hint = "write restricted"
	}
	switch {
	case described && near == string(PublicDisabled):
		more = " Then remove allowedCidrs and notWiderThan"
	case !described && near == string(PublicRestricted):
		more = " It needs allowedCidrs or notWiderThan"
	}
	return PublicAccess(r.ChoiceOf(n, "publicAccess", hint, more, words...))
}

func (r *reader) cidrs(f document.Field) ([]netip.Prefix, []*yaml.Node) {
	items := r.ListOf(f.Value, "allowedCidrs", cidrItem)
	if len(items) > MaxAllowed {
		r.ErrorAt(items[MaxAllowed], "join neighbours into wider blocks", "allowedCidrs has %d CIDRs, more than %d", len(items),
			MaxAllowed)
	}
	out, places := make([]netip.Prefix, 0, len(items)), make([]*yaml.Node, 0, len(items))
	for _, item := range items {
		text, ok := r.CIDRText(item)
		if !ok {
			continue
		}
		p, what, hint := readCIDR(text)
		example := p
		if what != "" {
			r.Add(item.Line, item.Column, Error, "", what, hint)
			example = meantCIDR(text)
		}
		if b, ok := inside(documentation(), example); ok {
			r.Add(item.Line, item.Column, Warning, KindDocumentationRange,
				fmt.Sprintf("%s is a documentation range (%s), which nobody has", text, b.prefix), documentationHint)
		}
		if what != "" {
			continue
		}
		out, places = append(out, p), append(places, item)
	}
	var b netipx.IPSetBuilder
	for _, p := range out {
		b.AddPrefix(p)
	}
	if set, err := b.IPSet(); err == nil {
		r.wide(f.Key, set)
	}
	r.needless(out, places)
	return out, places
}

func (r *reader) width(n *yaml.Node) *Width {
	f := r.Fields(n, "notWiderThan", widthKeys, nil)
	if f == nil {
		return nil
	}
	if len(n.Content) == 0 {
		r.ErrorAt(n, "write {ipv4: 16, ipv6: 32}; a family that is left out admits nothing", "notWiderThan is empty")
	}
	read := func(family string, most int) *int {
		v, ok := f[family]
		if !ok {
			return nil
		}
		hint := fmt.Sprintf("write a whole number from 0 to %d, in decimal", most)
		if !document.IsNumber(v.Value) {
			if bits, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(v.Value.Value, "/"))); document.IsText(v.Value) &&
				err == nil && bits >= 0 && bits <= most {
				hint = fmt.Sprintf("write %d, without quotes or a slash", bits)
			}
			r.WrongTypeHint(v.Value, hint, family, "a prefix length")
			return nil
		}
		bits, ok := document.Integer(v.Value)
		if !ok || bits < 0 || bits > most {
			r.ErrorAt(v.Value, hint, "%s: %s is no prefix length", family, v.Value.Value)
			return nil
		}
		return &bits
	}
	return &Width{IPv4: read("ipv4", 32), IPv6: read("ipv6", 128)}
}

// duration reads a time in hours, minutes and seconds, up to MaxGrace.
func (r *reader) duration(n *yaml.Node) time.Duration {
	const example = "write hours, minutes and seconds like 30m or 1h30m"
	if n.Kind == yaml.ScalarNode && !document.IsText(n) && !document.IsNull(n) {
		hint := example
		var with []string
		for _, unit := range []string{"s", "m", "h"} {
			if d, err := time.ParseDuration(n.Value + unit); err == nil && isDuration(n.Value+unit) && d > 0 && d <= MaxGrace {
				with = append(with, n.Value+unit)
			}
		}
		if len(with) > 0 {
			hint = "write the unit: " + document.OneOf(with)
		}
		r.ErrorAt(n, hint, "graceAfterCreation has no unit")
		return 0
	}
	s, ok := r.Text(n, "graceAfterCreation")
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	switch {
	case !isDuration(s):
		r.ErrorAt(n, example, "graceAfterCreation: %q is no duration", s)
	case err != nil || d > MaxGrace:
		r.ErrorAt(n, "a cluster that may be open for longer needs an exemption",
			"graceAfterCreation: %s is longer than %d hours", s, int(MaxGrace.Hours()))
	default:
		return d
	}
	return 0
}

// isDuration reports whether s is whole numbers with the units h, m and s.
func isDuration(s string) bool {
	digits := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits = true
		case digits && (c == 'h' || c == 'm' || c == 's'):
			digits = false
		default:
			return false
		}
	}
	return !digits
}

func (r *reader) exemption(
	n *yaml.Node, number int, rules map[string]int, known []string, names map[string]int,
) (Exemption, *exemptionPlace) {
	e := Exemption{Line: n.Line}
	place := &exemptionPlace{end: exemptionEnd{place: r.Place(n.Line, n.Column)}}
	of := fmt.Sprintf("exemption %d", number)
	f := r.Fields(n, of, exemptionKeys, exemptionKeys)
	if v, ok := f["name"]; ok {
		e.Name = r.Name(v.Value, of)
		r.Unique(v.Value, e.Name, "exemption", names)
	}
	if v, ok := f["rules"]; ok {
		item := func(text string) (string, bool) {
			_, exists := rules[text]
			return document.Scalar(text), exists
		}
		for _, item := range r.ListOf(v.Value, "rules", item) {
			name := item.Value
			if _, exists := rules[name]; exists || document.IsText(item) || document.IsNull(item) || item.Kind != yaml.ScalarNode {
				var ok bool
				if name, ok = r.Text(item, "a rule's name"); !ok {
					continue
				}
			}
			if _, exists := rules[name]; !exists {
				r.ErrorAt(item, document.RuleHint(name, known, "this document"), "there is no rule called %q", name)
			}
			e.Rules = append(e.Rules, name)
			place.rules = append(place.rules, item)
		}
	}
	if v, ok := f["match"]; ok {
		e.Match, _ = r.match(v.Value, "match", []string{"accounts", "regions", "clusters"})
		place.match = v.Key
	}
	if v, ok := f["until"]; ok {
		e.Until = r.until(v.Value)
		place.end = exemptionEnd{r.Place(v.Value.Line, v.Value.Column), v.Value.Value}
	}
	if v, ok := f["reason"]; ok {
		e.Reason, _ = r.Text(v.Value, "reason")
	}
	if v, ok := f["approvedBy"]; ok {
		e.ApprovedBy, _ = r.Text(v.Value, "approvedBy")
	}
	r.repeated(place.rules, "rule")
	return e, place
}

// exemptionPlace is where the parts of an exemption stand, for the warnings; a
// part that isn't there is nil.
type exemptionPlace struct {
	match *yaml.Node
	rules []*yaml.Node // of each of the exemption's Rules
	end   exemptionEnd
}

// until reads the end of an exemption: a day, which ends with it in UTC, or an
// instant.
func (r *reader) until(n *yaml.Node) time.Time {
	if !document.IsText(n) {
		r.WrongType(n, "until", "a date")
		return time.Time{}
	}
	t, err := parseEnd(n.Value)
	if err != nil {
		r.ErrorAt(n, document.DateHint, "until: %q is no date", n.Value)
	}
	return t
}

// parseEnd reads a day, which ends with it in UTC, or an RFC 3339 time.
func parseEnd(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	return document.ParseTime(text)
}
