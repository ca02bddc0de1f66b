package cloudtrail

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// maxListed is how many CIDRs a list may have to be read. EKS admits 40; far
// more are not EKS's, and would not fit where requests are kept.
const maxListed = 64

// Param is one parameter of an EKS update, as in responseElements.update.params
// and in the answer of DescribeUpdate.
type Param struct {
	Type  string // EndpointPublicAccess, EndpointPrivateAccess, PublicAccessCidrs, …
	Value string // "true", "false", or CIDRs as a JSON array: `["192.0.2.0/24"]`
}

// FromParams returns the endpoint access that the parameters of an
// EndpointAccessUpdate ask for. Types are compared without regard to case, since
// AWS prints both PublicAccessCidrs and publicAccessCidrs; others are passed
// over. A list of CIDRs may be spoiled in its quotes and backslashes, as the one
// in the EKS user guide is. A value that cannot be read, and two that contradict
// each other, make the request Unreadable.
func FromParams(params []Param) endpoint.Request {
	var s settings
	for _, p := range params {
		s.add(p.Type, quoted(p.Value))
	}
	return s.over(settings{})
}

// setting is one endpoint setting as a record gives it. Neither known nor bad
// means not given.
type setting[T any] struct {
	value T
	known bool
	bad   bool // given, and not to be made out
}

func (s setting[T]) given() bool { return s.known || s.bad }

// or returns s, or other if s was not given.
func (s setting[T]) or(other setting[T]) setting[T] {
	if s.given() {
		return s
	}
	return other
}

func (s setting[T]) pointer() *T {
	if !s.known || s.bad {
		return nil
	}
	return &s.value
}

// settings is what one place of a record says of the endpoint access.
type settings struct {
	public, private setting[bool]
	cidrs           setting[[]netip.Prefix]
	bad             bool // there was something that could be any of the three
}

// add takes in one setting by its name in EKS's API, in whatever case.
func (s *settings) add(name string, v value) {
	if v.absent() {
		return
	}
	switch strings.ToLower(name) {
	case "endpointpublicaccess":
		addBoolean(&s.public, v)
	case "endpointprivateaccess":
		addBoolean(&s.private, v)
	case "publicaccesscidrs":
		cidrs, ok := readCIDRs(v)
		if !ok || s.cidrs.known && !slices.Equal(s.cidrs.value, cidrs) {
			s.cidrs.bad = true
			return
		}
		s.cidrs.value, s.cidrs.known = cidrs, true
	}
}

func addBoolean(s *setting[bool], v value) {
	is, ok := v.boolean()
	if !ok || s.known && s.value != is {
		s.bad = true
		return
	}
	s.value, s.known = is, true
}

// over makes the request of s, and where s is silent of what was sent.
func (s settings) over(sent settings) endpoint.Request {
	public, private, cidrs := s.public.or(sent.public), s.private.or(sent.private), s.cidrs.or(sent.cidrs)
	silent := !s.public.given() || !s.private.given() || !s.cidrs.given()
	return endpoint.Request{
		Public:     public.pointer(),
		Private:    private.pointer(),
		CIDRs:      cidrs.pointer(),
		Unreadable: public.bad || private.bad || cidrs.bad || s.bad || silent && sent.bad,
	}
}

// readConfig reads a resourcesVpcConfig.
func readConfig(v value) settings {
	var s settings
	if v.absent() {
		return s
	}
	config, err := parseObject(v)
	if err != nil {
		s.bad = true
		return s
	}
	for _, name := range []string{"endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs"} {
		s.add(name, config[name])
	}
	return s
}

// readParams reads the params of an update.
func readParams(v value) settings {
	var s settings
	if v.absent() {
		return s
	}
	params, ok := v.array()
	s.bad = !ok
	for _, p := range params {
		name, ok := p.object().str("type")
		if !ok {
			s.bad = true
			continue
		}
		s.add(name, p.object()["value"])
	}
	return s
}

// withDefaults fills in what EKS takes for a new cluster. Source: the EKS API
// reference, VpcConfigRequest; IPv6's part of the world is observed. Filled are
// the names of those that were not told.
func withDefaults(r endpoint.Request, family endpoint.Family) (out endpoint.Request, filled []string) {
	if r.Unreadable {
		return r, nil
	}
	filled = r.Untold()
	if r.Public == nil {
		r.Public = new(true)
	}
	if r.Private == nil {
		r.Private = new(false)
	}
	if r.CIDRs == nil {
		cidrs := []netip.Prefix{}
		if *r.Public {
			cidrs = endpoint.World(family)
		}
		r.CIDRs = &cidrs
	}
	return r, filled
}

// readCIDRs reads a list of CIDRs, an array or a text that holds one.
func readCIDRs(v value) ([]netip.Prefix, bool) {
	if items, isArray := v.array(); isArray {
		return readItems(items)
	}
	text, ok := v.str()
	if !ok {
		return nil, false
	}
	text = strings.TrimSpace(text)
	if items, isArray := value(text).array(); isArray {
		if cidrs, ok := readItems(items); ok {
			return cidrs, true
		}
	}
	// Broken quoting can happen to be JSON: of other items than were meant.
	return parseSpoiled(text)
}

// readItems reads the items of a list, each of which must be a text.
func readItems(items []value) ([]netip.Prefix, bool) {
	words := make([]string, 0, len(items))
	for _, item := range items {
		word, ok := item.str()
		if !ok {
			return nil, false
		}
		words = append(words, strings.TrimSpace(word))
	}
	return parseCIDRs(words)
}

// parseSpoiled reads a list whose quoting is broken. A bracket on one side only
// means that something was cut off, and then the list is not known.
func parseSpoiled(text string) ([]netip.Prefix, bool) {
	inner, opened := strings.CutPrefix(text, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	words := strings.FieldsFunc(inner, func(c rune) bool { return strings.ContainsRune(" \t\r\n,\"'\\", c) })
	if opened != closed || len(words) == 0 {
		return nil, false
	}
	return parseCIDRs(words)
}

func parseCIDRs(words []string) ([]netip.Prefix, bool) {
	if len(words) > maxListed {
		return nil, false
	}
	cidrs := make([]netip.Prefix, 0, len(words))
	for _, word := range words {
		p, err := netip.ParsePrefix(word)
		// Of an IPv4 address in IPv6 clothes it is not plain which family is meant.
		if err != nil || p.Addr().Is4In6() {
			return nil, false
		}
		cidrs = append(cidrs, p)
	}
	return cidrs, true
}
