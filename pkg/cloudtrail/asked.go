package cloudtrail

import (
	"fmt"
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
		s.add(p.Type, quoted(p.Value), func() string { return p.Type })
	}
	request, _ := s.over(settings{})
	return request
}

// setting is one endpoint setting as a record gives it. Neither known nor bad
// means not given.
type setting[T any] struct {
	value T
	known bool
	bad   *Unread // given, and not to be made out
}

func (s setting[T]) given() bool { return s.known || s.bad != nil }

// or returns s, or other if s was not given.
func (s setting[T]) or(other setting[T]) setting[T] {
	if s.given() {
		return s
	}
	return other
}

func (s setting[T]) pointer() *T {
	if !s.known || s.bad != nil {
		return nil
	}
	return &s.value
}

// settings is what one place of a record says of the endpoint access.
type settings struct {
	public, private setting[bool]
	cidrs           setting[[]netip.Prefix]
	lost            *Unread // something that could be any of the three
}

// isSetting reports whether EKS has an endpoint setting of that name, in whatever
// case.
func isSetting(name string) bool {
	return slices.ContainsFunc([]string{"endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs"}, func(s string) bool {
		return strings.EqualFold(s, name)
	})
}

// add takes in one setting by its name in EKS's API, in whatever case. The place
// where it stands is only asked for when it cannot be read.
func (s *settings) add(name string, v value, where func() string) {
	if v.absent() {
		return
	}
	switch strings.ToLower(name) {
	case "endpointpublicaccess":
		is, ok := v.boolean()
		take(&s.public, is, s.public.value == is, ok, notABoolean, v, where)
	case "endpointprivateaccess":
		is, ok := v.boolean()
		take(&s.private, is, s.private.value == is, ok, notABoolean, v, where)
	case "publicaccesscidrs":
		cidrs, ok := readCIDRs(v)
		take(&s.cidrs, cidrs, slices.Equal(s.cidrs.value, cidrs), ok, notCIDRs, v, where)
	}
}

// take sets a setting to what was read of v, if anything could be. Of several
// faults the first is kept.
func take[T any](s *setting[T], read T, same, ok bool, fault string, v value, where func() string) {
	switch {
	case ok && (!s.known || same):
		s.value, s.known = read, true
		return
	case s.bad != nil:
		return
	case ok:
		fault = contradiction
	case v.object().omitted():
		fault = leftOut
	}
	s.bad = unread(where(), v, fault)
}

// over makes the request of s, and where s is silent of what was sent. What could
// not be read, and tells or could tell what nothing else does, comes with it.
func (s settings) over(sent settings) (endpoint.Request, []*Unread) {
	public, private, cidrs := s.public.or(sent.public), s.private.or(sent.private), s.cidrs.or(sent.cidrs)
	silent := !s.public.given() || !s.private.given() || !s.cidrs.given()
	untold := !public.given() || !private.given() || !cidrs.given()
	var parts []*Unread
	if silent {
		parts = append(parts, sent.lost)
	}
	// An answer that says something else than what can be read is another matter
	// than one that was left out beside a request that tells it all.
	if s.lost != nil && (untold || !s.lost.leftOut()) {
		parts = append(parts, s.lost)
	}
	parts = append(parts, public.bad, private.bad, cidrs.bad)
	parts = slices.DeleteFunc(parts, func(u *Unread) bool { return u == nil })
	return endpoint.Request{
		Public:     public.pointer(),
		Private:    private.pointer(),
		CIDRs:      cidrs.pointer(),
		Unreadable: len(parts) > 0,
	}, parts
}

// readConfig reads a resourcesVpcConfig. Within is what is wrong with what it
// stands in, nil if nothing is.
func readConfig(field string, v value, within *Unread) settings {
	if within != nil {
		return settings{lost: within}
	}
	config := v.object()
	s := settings{lost: unreadObject(field, v, config)}
	var names []string
	for name := range config {
		if isSetting(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names) // several may differ in their case alone
	for _, name := range names {
		s.add(name, config[name], func() string { return field + "." + name })
	}
	return s
}

// readParams reads the params of an update. Within is what is wrong with what
// they stand in, nil if nothing is.
func readParams(v value, within *Unread) settings {
	const field = "responseElements.update.params"
	if within != nil || v.absent() {
		return settings{lost: within}
	}
	params, ok := v.array()
	var s settings
	switch {
	case ok:
	case v.object().omitted():
		s.lost = unread(field, v, leftOut)
	default:
		s.lost = unread(field, v, notAList)
	}
	for i, item := range params {
		p := item.object()
		if name, ok := p.str("type"); ok {
			s.add(name, p["value"], func() string { return fmt.Sprintf("%s[%s]", field, clean(name)) })
			continue
		}
		why := withoutType
		if p.omitted() {
			why = leftOut
		}
		if s.lost == nil || s.lost.leftOut() && why != leftOut {
			s.lost = unread(fmt.Sprintf("%s[%d]", field, i), item, why)
		}
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
