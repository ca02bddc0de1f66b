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
)

// MaxGrace is the longest grace that a rule may give a new cluster.
const MaxGrace = 24 * time.Hour

// MaxAllowed is how many CIDRs a rule may allow: those of an organisation, of which
// EKS admits far fewer for one cluster (endpoint.MaxCIDRs).
const MaxAllowed = 1000

// maxName is how long a name and maxPattern how long a pattern may be, in
// characters. An EKS cluster name has at most 100.
const (
	maxName    = 100
	maxPattern = 256
)

// policy reads the whole document.
func (r *reader) policy(n *yaml.Node) *Policy {
	f := r.fields(n, "the document", documentKeys, []string{"version", "rules"})
	if f == nil {
		return nil
	}
	r.version(f)
	p := &Policy{}
	var places []*rulePlace
	var exempt []*exemptionPlace
	names := map[string]int{}
	if rules, ok := f["rules"]; ok {
		items := r.list(rules.value, "rules")
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
		if list.value.Kind != yaml.SequenceNode {
			r.wrongType(list.value, "exemptions", "a list")
		} else {
			for i, item := range list.value.Content {
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

// version refuses a document of another form than this.
func (r *reader) version(f map[string]field) {
	v, ok := f["version"]
	if !ok {
		return
	}
	if !isNumber(v.value) {
		r.wrongType(v.value, "version", "the number 1")
	} else if number, ok := integer(v.value); !ok || number != 1 {
		r.errorAt(v.value, "this guardrail reads version 1", "version %s is unknown", v.value.Value)
	}
}

func isNumber(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!int" || n.ShortTag() == "!!float")
}

// integer reads a whole number in decimal. 16.0 is one, as in JSON; 016 isn't,
// which YAML 1.1 takes for octal and YAML 1.2 for decimal.
func integer(n *yaml.Node) (int, bool) {
	if !isNumber(n) {
		return 0, false
	}
	whole, zeros, _ := strings.Cut(n.Value, ".")
	if strings.Trim(zeros, "0") != "" || len(whole) > 1 && whole[0] == '0' {
		return 0, false
	}
	i, err := strconv.Atoi(whole)
	return i, err == nil && whole[0] != '+'
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
	f := r.fields(n, of, ruleKeys, []string{"name", "require", "respond"})
	if v, ok := f["name"]; ok {
		rule.Name = r.name(v.value, of)
		r.unique(v.value, rule.Name, "rule", names)
	}
	if v, ok := f["description"]; ok {
		rule.Description, _ = r.text(v.value, "description")
	}
	if v, ok := f["match"]; ok {
		m, keys := r.match(v.value, "match", nil)
		rule.Match, place.matchTags, place.matchClusters = &m, keys["tags"].key, keys["clusters"].key
	}
	if v, ok := f["except"]; ok {
		m, _ := r.match(v.value, "except", nil)
		rule.Except, place.except = &m, v.key
	}
	if v, ok := f["require"]; ok {
		rule.Require = r.requirement(v.value, place)
	}
	if v, ok := f["respond"]; ok {
		rule.Respond = Response(r.choice(v.value, "respond", string(Alert), string(Enforce), string(Revert)))
		place.respond = v.key
	}
	if v, ok := f["graceAfterCreation"]; ok {
		rule.GraceAfterCreation, place.grace = r.duration(v.value), v.key
	}
	if v, ok := f["lockoutChecks"]; ok {
		rule.LockoutChecks = LockoutChecks(r.choice(v.value, "lockoutChecks", string(LockoutBlock), string(LockoutWarn)))
		place.lockout = v.key
	}
	if v, ok := f["hybridNodes"]; ok {
		rule.HybridNodes = HybridNodes(r.choice(v.value, "hybridNodes", string(HybridAlert), string(HybridEnforce)))
		place.hybrid = v.key
	}
	rule.admitted = admit(rule.Require)
	return rule, place
}

// unique refuses a name that is taken.
func (r *reader) unique(n *yaml.Node, name, what string, names map[string]int) {
	if name == "" {
		return
	}
	if line, ok := names[name]; ok {
		r.errorAt(n, fmt.Sprintf("the first one is on line %d: give this one another name", line), "two %ss are called %q", what, name)
		return
	}
	names[name] = n.Line
}

func (r *reader) match(n *yaml.Node, name string, required []string) (Match, map[string]field) {
	var m Match
	if n.Kind == yaml.SequenceNode && len(n.Content) > 1 && required == nil {
		r.severalMatches(n, name)
		return m, nil
	}
	f := r.fields(n, name, matchKeys, required)
	if f != nil && len(n.Content) == 0 && required == nil {
		r.errorAt(n, "a rule without match is for every cluster: remove the key", "%s is empty", name)
	}
	if v, ok := f["accounts"]; ok {
		for _, item := range r.listOf(v.value, "accounts", accountItem) {
			m.Accounts = append(m.Accounts, r.account(item, "an account"))
		}
		r.repeated(v.value.Content, "account")
	}
	if v, ok := f["regions"]; ok {
		m.Regions = r.patterns(v.value, "region", "regions", regionCharacters)
		r.unknownRegions(v.value)
	}
	if v, ok := f["clusters"]; ok {
		m.Clusters = r.patterns(v.value, "cluster name", "clusters", nameCharacters)
	}
	if v, ok := f["tags"]; ok {
		m.Tags = r.tags(v.value)
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
		return scalar(s), s != "" && alien(s, admitted) < 0 && len(s) <= maxPattern
	}
	for _, item := range r.listOf(n, name, item) {
		s := item.Value
		if notText := item.Kind == yaml.ScalarNode && !isText(item) && !isNull(item); !notText || alien(s, admitted) < 0 {
			var ok bool
			if s, ok = r.text(item, "a "+what); !ok {
				continue
			}
		}
		if i := alien(s, admitted); i >= 0 {
			c, _ := utf8.DecodeRuneInString(s[i:])
			hint := "patterns know only * and ?; give several as several items"
			if near := strings.TrimSpace(s); near != "" && alien(near, admitted) < 0 {
				hint = "write " + scalar(near)
			} else if lower := strings.ToLower(near); near != "" && alien(lower, admitted) < 0 {
				hint = "write " + scalar(lower)
			}
			r.errorAt(item, hint, "no %s has the character %q: %q can never match", what, c, s)
		} else if len(s) > maxPattern {
			r.errorAt(item, "", "the pattern is longer than %d characters", maxPattern)
		}
		out = append(out, s)
	}
	r.repeated(n.Content, what)
	return out
}

// tags reads tag patterns; unlike other mappings it has keys of the author's.
func (r *reader) tags(n *yaml.Node) map[string]string {
	if n.Kind != yaml.MappingNode {
		r.wrongType(n, "tags", "a mapping")
		return nil
	}
	if len(n.Content) == 0 {
		r.errorAt(n, "give it a tag or remove the key", "tags is empty")
	}
	out := make(map[string]string, len(n.Content)/2)
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, ok := r.text(n.Content[i], "a tag's key")
		if line, taken := lines[key]; ok && taken {
			r.errorAt(n.Content[i], fmt.Sprintf("the first one is on line %d: keep one", line), "tag %q is given twice", key)
			continue
		}
		lines[key] = n.Content[i].Line
		value := n.Content[i+1]
		if !isText(value) {
			r.wrongType(value, fmt.Sprintf("the value of tag %q", brief(n.Content[i].Value)), "text")
			continue
		}
		if c, ok := firstHidden(value.Value); ok {
			r.errorAt(value, "remove it", "the value of tag %q holds %s", n.Content[i].Value, characterName(c))
		}
		if utf8.RuneCountInString(value.Value) > maxPattern {
			r.errorAt(value, "", "the pattern is longer than %d characters", maxPattern)
		}
		out[key] = value.Value
	}
	return out
}

func (r *reader) requirement(n *yaml.Node, place *rulePlace) Requirement {
	var q Requirement
	f := r.fields(n, "require", requireKeys, nil)
	if f == nil {
		return q
	}
	if len(n.Content) == 0 {
		r.errorAt(n, "require privateAccess: enabled, or publicAccess: disabled or restricted", "require asks for nothing")
	}
	if v, ok := f["privateAccess"]; ok {
		q.PrivateAccess = r.choice(v.value, "privateAccess", "enabled") != ""
	}
	cidrs, hasCIDRs := f["allowedCidrs"]
	if hasCIDRs {
		q.AllowedCIDRs, place.cidrs = r.cidrs(cidrs)
	}
	width, hasWidth := f["notWiderThan"]
	if hasWidth {
		q.NotWiderThan = r.width(width.value)
	}
	public, asked := f["publicAccess"]
	if asked {
		q.PublicAccess = r.publicAccess(public.value, hasCIDRs || hasWidth)
	}
	switch {
	case q.PublicAccess == PublicRestricted && !hasCIDRs && !hasWidth:
		r.errorAt(public.key, "add allowedCidrs: with the CIDRs, or notWiderThan: {ipv4: 16, ipv6: 32}", "publicAccess: restricted doesn't say to what")
	case q.PublicAccess != PublicRestricted && (!asked || q.PublicAccess == PublicDisabled):
		hint := "add publicAccess: restricted"
		if asked {
			hint = "change publicAccess to restricted"
		}
		for _, v := range []field{cidrs, width} {
			if v.key == nil {
				continue
			}
			hint := hint
			if _, private := f["privateAccess"]; asked || private {
				hint += ", or remove " + v.key.Value
			}
			r.errorAt(v.key, hint, "%s needs publicAccess: restricted", v.key.Value)
		}
	}
	place.public, place.allowed = public.key, cidrs.key
	return q
}

// publicAccess reads what is asked of the public endpoint; described tells whether
// the rule says to what it is restricted.
func (r *reader) publicAccess(n *yaml.Node, described bool) PublicAccess {
	words := []string{string(PublicDisabled), string(PublicRestricted)}
	hint, more, near := "write disabled, or restricted with allowedCidrs or notWiderThan", "", ""
	if isText(n) {
		near = nearest(n.Value, words)
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
	return PublicAccess(r.choiceOf(n, "publicAccess", hint, more, words...))
}

func (r *reader) cidrs(f field) ([]netip.Prefix, []*yaml.Node) {
	items := r.listOf(f.value, "allowedCidrs", cidrItem)
	if len(items) > MaxAllowed {
		r.errorAt(items[MaxAllowed], "join neighbours into wider blocks", "allowedCidrs has %d CIDRs, more than %d", len(items), MaxAllowed)
	}
	out, places := make([]netip.Prefix, 0, len(items)), make([]*yaml.Node, 0, len(items))
	for _, item := range items {
		text, ok := r.cidrText(item)
		if !ok {
			continue
		}
		p, what, hint := readCIDR(text)
		example := p
		if what != "" {
			r.add(item.Line, item.Column, Error, "", what, hint)
			example = meantCIDR(text)
		}
		if b, ok := inside(documentation(), example); ok {
			r.add(item.Line, item.Column, Warning, KindDocumentationRange, fmt.Sprintf("%s is a documentation range (%s), which nobody has", text, b.prefix), documentationHint)
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
		r.wide(f.key, set)
	}
	r.needless(out, places)
	return out, places
}

func (r *reader) width(n *yaml.Node) *Width {
	f := r.fields(n, "notWiderThan", widthKeys, nil)
	if f == nil {
		return nil
	}
	if len(n.Content) == 0 {
		r.errorAt(n, "write {ipv4: 16, ipv6: 32}; a family that is left out admits nothing", "notWiderThan is empty")
	}
	read := func(family string, most int) *int {
		v, ok := f[family]
		if !ok {
			return nil
		}
		hint := fmt.Sprintf("write a whole number from 0 to %d, in decimal", most)
		if !isNumber(v.value) {
			if bits, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(v.value.Value, "/"))); isText(v.value) && err == nil && bits >= 0 && bits <= most {
				hint = fmt.Sprintf("write %d, without quotes or a slash", bits)
			}
			r.wrongTypeHint(v.value, hint, family, "a prefix length")
			return nil
		}
		bits, ok := integer(v.value)
		if !ok || bits < 0 || bits > most {
			r.errorAt(v.value, hint, "%s: %s is no prefix length", family, v.value.Value)
			return nil
		}
		return &bits
	}
	return &Width{IPv4: read("ipv4", 32), IPv6: read("ipv6", 128)}
}

// duration reads a time in hours, minutes and seconds, up to MaxGrace.
func (r *reader) duration(n *yaml.Node) time.Duration {
	const example = "write hours, minutes and seconds like 30m or 1h30m"
	if n.Kind == yaml.ScalarNode && !isText(n) && !isNull(n) {
		hint := example
		var with []string
		for _, unit := range []string{"s", "m", "h"} {
			if d, err := time.ParseDuration(n.Value + unit); err == nil && isDuration(n.Value+unit) && d > 0 && d <= MaxGrace {
				with = append(with, n.Value+unit)
			}
		}
		if len(with) > 0 {
			hint = "write the unit: " + oneOf(with)
		}
		r.errorAt(n, hint, "graceAfterCreation has no unit")
		return 0
	}
	s, ok := r.text(n, "graceAfterCreation")
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	switch {
	case !isDuration(s):
		r.errorAt(n, example, "graceAfterCreation: %q is no duration", s)
	case err != nil || d > MaxGrace:
		r.errorAt(n, "a cluster that may be open for longer needs an exemption", "graceAfterCreation: %s is longer than %d hours", s, int(MaxGrace.Hours()))
	default:
		return d
	}
	return 0
}

// isDuration tells whether s is whole numbers with the units h, m and s.
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

func (r *reader) exemption(n *yaml.Node, number int, rules map[string]int, known []string, names map[string]int) (Exemption, *exemptionPlace) {
	e := Exemption{Line: n.Line}
	place := &exemptionPlace{end: exemptionEnd{place: r.place(n.Line, n.Column)}}
	of := fmt.Sprintf("exemption %d", number)
	f := r.fields(n, of, exemptionKeys, exemptionKeys)
	if v, ok := f["name"]; ok {
		e.Name = r.name(v.value, of)
		r.unique(v.value, e.Name, "exemption", names)
	}
	if v, ok := f["rules"]; ok {
		item := func(text string) (string, bool) {
			_, exists := rules[text]
			return scalar(text), exists
		}
		for _, item := range r.listOf(v.value, "rules", item) {
			name := item.Value
			if _, exists := rules[name]; exists || isText(item) || isNull(item) || item.Kind != yaml.ScalarNode {
				var ok bool
				if name, ok = r.text(item, "a rule's name"); !ok {
					continue
				}
			}
			if _, exists := rules[name]; !exists {
				r.errorAt(item, ruleHint(name, known, "this document"), "there is no rule called %q", name)
			}
			e.Rules = append(e.Rules, name)
			place.rules = append(place.rules, item)
		}
	}
	if v, ok := f["match"]; ok {
		e.Match, _ = r.match(v.value, "match", []string{"accounts", "regions", "clusters"})
		place.match = v.key
	}
	if v, ok := f["until"]; ok {
		e.Until = r.until(v.value)
		place.end = exemptionEnd{r.place(v.value.Line, v.value.Column), v.value.Value}
	}
	if v, ok := f["reason"]; ok {
		e.Reason, _ = r.text(v.value, "reason")
	}
	if v, ok := f["approvedBy"]; ok {
		e.ApprovedBy, _ = r.text(v.value, "approvedBy")
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

// ruleHint helps with the name of a rule that doesn't exist.
func ruleHint(name string, known []string, document string) string {
	if near := nearest(name, known); near != "" {
		return "did you mean " + scalar(near) + "?"
	}
	return "the rules of " + document + " have other names"
}

// until reads the end of an exemption: a day, which ends with it in UTC, or an
// instant.
func (r *reader) until(n *yaml.Node) time.Time {
	if !isText(n) {
		r.wrongType(n, "until", "a date")
		return time.Time{}
	}
	t, err := parseEnd(n.Value)
	if err != nil {
		r.errorAt(n, dateHint, "until: %q is no date", n.Value)
	}
	return t
}

// parseEnd reads a day, which ends with it in UTC, or an RFC 3339 time.
func parseEnd(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	return parseTime(text)
}
