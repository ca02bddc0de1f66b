package verdict

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// Decide says what to do about a verdict. The cluster's access in v is the one
// now; before is the one right before the incident, nil if it isn't known; net
// is what is known of the VPC, with Read false if nobody has asked yet.
//
// It never opens an address that is open neither now nor in before, never leaves
// public access on with an empty list, and never narrows or closes public access
// without private access.
func Decide(v Verdict, before *endpoint.Access, net endpoint.Network) Decision {
	c := &v.Cluster
	now := survey(c.Access, c.Family)
	d := Decision{Action: None, Desired: c.Access.Clone()}
	if v.Outcome != Violation {
		return d
	}
	d.Left = v.Violations()
	if !v.Enforcing() {
		d.Action = Alert
		return d
	}

	wants := gather(v.Rules)
	desired, reverted := wants.nearest(now, c.Family), false
	if before != nil && v.reverting() {
		if a, ok := wants.restored(*before, now, c.Family); ok {
			desired, reverted = a, true
		}
	}
	then, narrowing := survey(desired, c.Family), true
	narrowed := !subset(now.ranges, then.ranges)
	switched := desired.Private && !c.Access.Private
	if narrowed || switched {
		if !net.Read {
			d.Action = NeedNetwork
			return d
		}
		d.Missing = gaps(net, c.VPC)
	}

	if narrowed && reverted && len(d.Missing) > 0 && v.blocks(true) {
		d.keep("public access is not brought back to what it was before")
		desired, reverted = wants.nearest(now, c.Family), false
		then = survey(desired, c.Family)
		narrowed = !subset(now.ranges, then.ranges)
	}
	if narrowed && !reverted && len(d.Missing) > 0 && v.blocks(false) {
		d.keep("public access is not narrowed")
		list := sendable(now.list, c.Family)
		if !switched || len(list) == 0 {
			d.Action = Blocked
			return d
		}
		// Private access alone is safe, and half of what is needed.
		narrowing = false
		desired = endpoint.Access{Public: true, Private: true, CIDRs: list}
		then = survey(desired, c.Family)
	} else if narrowed {
		d.warn("nodes may lose the API server")
	} else if len(d.Kept) == 0 {
		d.warn("private access may have no effect, so that node traffic still leaves the VPC")
	}
	if narrowed || switched {
		d.warnOfIngress(net)
	}

	d.Action, d.Desired, d.Reverted = Apply, desired, reverted
	d.Opened, d.Dropped = without(then.ranges, now.ranges), now.notIn(then)
	d.Losses = wants.losses(d.Dropped, now, c.Family, reverted, narrowing)
	d.Left = left(v.Rules, then)
	return d
}

// Nearest returns the access that satisfies every rule that matches and is not
// waived, those too that only alert or are held back: what a person who closes the
// cluster by hand would ask for. Like Decide's it opens nothing that is open
// neither now nor in before; the lockout checks are the person's.
func Nearest(v Verdict, before *endpoint.Access) endpoint.Access {
	c := &v.Cluster
	v.Rules = slices.Clone(v.Rules)
	for i := range v.Rules {
		r := &v.Rules[i]
		r.Response = r.Rule.Respond
		if !r.Response.Enforcing() {
			r.Response = policy.Enforce
		}
	}
	now, wants := survey(c.Access, c.Family), gather(v.Rules)
	if before != nil && v.reverting() {
		if a, ok := wants.restored(*before, now, c.Family); ok {
			return a
		}
	}
	return wants.nearest(now, c.Family)
}

// keep says for every missing fact what it kept from being done.
func (d *Decision) keep(what string) {
	d.Kept = d.Kept[:0]
	for _, g := range d.Missing {
		d.Kept = append(d.Kept, what+", or nodes could lose the API server: "+g.what()+"; "+g.Fix)
	}
}

// warn says for every missing fact what may come of it.
func (d *Decision) warn(effect string) {
	for _, g := range d.Missing {
		d.Warnings = append(d.Warnings, effect+": "+g.what()+"; "+g.Fix)
	}
}

// warnOfIngress says what may come of closed security groups: it keeps nothing from
// being done.
func (d *Decision) warnOfIngress(net endpoint.Network) {
	g, lacking := ingressGap(net)
	if !lacking {
		return
	}
	d.Missing = append(d.Missing, g)
	d.Warnings = append(d.Warnings, "bastions, runners and self-managed nodes in the VPC may lose the API server, "+
		"whose name resolves to private addresses there: "+g.what()+"; "+g.Fix)
}

// notIn are the blocks of the list that another access does not cover.
func (s *reach) notIn(then *reach) []netip.Prefix {
	var out []netip.Prefix
	for i, p := range s.list {
		if !covers(then.ranges, s.spans[i]) {
			out = append(out, p)
		}
	}
	return out
}

// left judges the rules again for another access and returns those that it
// violates.
func left(rules []RuleVerdict, then *reach) []RuleVerdict {
	var out []RuleVerdict
	for i := range rules {
		if rules[i].Exemption != nil {
			continue
		}
		if reasons := then.reasons(&rules[i].Rule); len(reasons) > 0 {
			r := rules[i]
			r.Violated, r.Reasons = true, reasons
			out = append(out, r)
		}
	}
	return out
}

// reverting reports whether a violated rule asks to revert.
func (v *Verdict) reverting() bool {
	for i := range v.Rules {
		if r := &v.Rules[i]; r.Violated && r.enforced() && r.Response == policy.Revert {
			return true
		}
	}
	return false
}

// blocks reports whether a failed lockout check keeps public access as it is. The
// rules that narrow it have the say, and one that blocks is enough: those that
// object to who may reach the public endpoint and, for the access of before, those
// that ask to revert.
func (v *Verdict) blocks(reverted bool) bool {
	warns := false
	for i := range v.Rules {
		r := &v.Rules[i]
		if !r.Violated || !r.enforced() || !r.publicly() && !(reverted && r.Response == policy.Revert) {
			continue
		}
		if r.Rule.LockoutChecks != policy.LockoutWarn {
			return true
		}
		warns = true
	}
	return !warns
}

// publicly reports whether the rule objects to who may reach the public endpoint.
func (r *RuleVerdict) publicly() bool {
	return slices.ContainsFunc(r.Reasons, func(x Reason) bool { return x.Kind != PrivateOff })
}

// wants is what all rules that enforce ask for together.
type wants struct {
	rules     []*policy.Rule
	private   bool
	closed    bool
	cut       bool // whether any rule restricts the addresses
	admitted  []policy.Range
	ipv4Width int
	ipv6Width int
}

func gather(rules []RuleVerdict) *wants {
	w := &wants{}
	for i := range rules {
		if !rules[i].enforced() {
			continue
		}
		rule := &rules[i].Rule
		w.rules = append(w.rules, rule)
		w.private = w.private || rule.Require.PrivateAccess
		switch rule.Require.PublicAccess {
		case policy.PublicDisabled:
			w.closed = true
		case policy.PublicRestricted:
			admitted := rule.Admitted().Ranges()
			switch {
			case !w.cut:
				w.cut, w.admitted = true, admitted
			case !subset(w.admitted, admitted):
				w.admitted = intersect(w.admitted, admitted)
			}
			if width := rule.Require.NotWiderThan; width != nil {
				w.ipv4Width = longer(w.ipv4Width, width.IPv4)
				w.ipv6Width = longer(w.ipv6Width, width.IPv6)
			}
		}
	}
	return w
}

func longer(width int, other *int) int {
	if other == nil {
		return width
	}
	return max(width, *other)
}

// met reports whether the access satisfies every enforcing rule.
func (w *wants) met(a endpoint.Access, f endpoint.Family) bool {
	s := survey(a, f)
	return !slices.ContainsFunc(w.rules, func(r *policy.Rule) bool { return len(s.reasons(r)) > 0 })
}

// nearest returns the access closest to the one now that satisfies every
// enforcing rule.
func (w *wants) nearest(now *reach, f endpoint.Family) endpoint.Access {
	a := endpoint.Access{Public: now.access.Public, Private: now.access.Private || w.private, CIDRs: slices.Clone(now.access.CIDRs)}
	if !a.Public {
		return a
	}
	var list []netip.Prefix
	if !w.closed {
		list = w.fit(sendable(now.list, f)).list
	}
	if len(list) == 0 {
		// EKS keeps the list while public access is off, so it is left alone.
		a.Public, a.Private = false, true
		return a
	}
	a.CIDRs = list
	a.Private = a.Private || !subset(now.ranges, rangesOf(list))
	return a
}

// fitted is what is left of a list, and the blocks and pieces of it that are
// allowed and yet not in it.
type fitted struct {
	list, wide, over []netip.Prefix
}

// fit cuts a list down to what the rules admit. The addresses are cut first and
// the widths looked at afterwards, since a block that is too wide as a whole may
// be narrow enough in the part that is allowed. What lies inside what is allowed
// stays as written and first; the pieces of what is cut take the places that EKS's
// limit leaves, the widest first.
func (w *wants) fit(list []netip.Prefix) fitted {
	var out fitted
	inside, pieces := list, []netip.Prefix(nil)
	if w.cut {
		list, pieces = clip(list, w.admitted)
		inside = slices.DeleteFunc(slices.Clone(list), func(p netip.Prefix) bool { return slices.Contains(pieces, p) })
	}
	// Each prefix is part of exactly one merged block, and the blocks that stay
	// were apart from those that go, so nothing new merges: once is enough.
	for _, m := range prefixesOf(rangesOf(list)) {
		if m.Addr().Is4() && m.Bits() < w.ipv4Width || m.Addr().Is6() && m.Bits() < w.ipv6Width {
			for _, p := range list {
				if m.Overlaps(p) {
					out.wide = append(out.wide, p)
				}
			}
			list = slices.DeleteFunc(slices.Clone(list), m.Overlaps)
			inside = slices.DeleteFunc(slices.Clone(inside), m.Overlaps)
			pieces = slices.DeleteFunc(slices.Clone(pieces), m.Overlaps)
		}
	}
	if len(list) <= endpoint.MaxCIDRs {
		out.list = list
		return out
	}
	if len(inside) > endpoint.MaxCIDRs { // no list of EKS's
		if inside = prefixesOf(rangesOf(inside)); len(inside) > endpoint.MaxCIDRs {
			inside, _ = widest(inside, endpoint.MaxCIDRs)
		}
	}
	pieces, out.over = widest(prefixesOf(rangesOf(pieces)), endpoint.MaxCIDRs-len(inside))
	out.list = append(slices.Clone(inside), pieces...)
	return out
}

// widest returns the so many widest blocks, in order, and the others, the widest
// first. They are compared by how many addresses they hold, so that a family is
// not dropped for its longer prefixes.
func widest(list []netip.Prefix, most int) (in, out []netip.Prefix) {
	list = slices.Clone(list)
	if len(list) <= most {
		return list, nil
	}
	slices.SortStableFunc(list, func(a, b netip.Prefix) int { return cmp.Compare(hostBits(b), hostBits(a)) })
	in, out = list[:most:most], list[most:]
	slices.SortFunc(in, netip.Prefix.Compare)
	return in, out
}

// losses says why each block of the list now that was dropped or cut was, and
// which pieces of them are not in either. Narrowing is false if a lockout check
// kept all that narrows.
func (w *wants) losses(dropped []netip.Prefix, now *reach, f endpoint.Family, reverted, narrowing bool) []Loss {
	var out []Loss
	sent := sendable(now.list, f)
	var fit fitted
	if !w.closed && narrowing {
		fit = w.fit(sent)
	}
	for _, p := range dropped {
		why := LossOverLimit
		switch {
		case w.closed || !slices.Contains(sent, p) || w.cut && !covers(w.admitted, rangeOf(p)):
			why = LossNotAllowed
		case slices.Contains(fit.wide, p):
			why = LossTooWide
		case reverted:
			why = LossReverted
		}
		out = append(out, Loss{p, why})
	}
	if reverted {
		return out
	}
	pieces := func(list []netip.Prefix, why LossReason) {
		for _, p := range list {
			if !slices.Contains(now.list, p) {
				out = append(out, Loss{p, why})
			}
		}
	}
	pieces(fit.wide, LossTooWide)
	pieces(fit.over, LossOverLimit)
	return out
}

func hostBits(p netip.Prefix) int { return p.Addr().BitLen() - p.Bits() }

// clip keeps what lies inside the set as written and cuts what overlaps it to
// the part inside, unless another prefix has that part already. The pieces are
// those of its result that are parts.
func clip(list []netip.Prefix, set []policy.Range) (out, pieces []netip.Prefix) {
	var inside, across []netip.Prefix
	for _, p := range list {
		switch {
		case covers(set, rangeOf(p)):
			inside = append(inside, p)
		case overlaps(set, rangeOf(p)):
			across = append(across, p)
		}
	}
	kept := rangesOf(inside)
	out = make([]netip.Prefix, 0, len(list))
	for _, p := range list {
		if covers(set, rangeOf(p)) {
			out = append(out, p)
			continue
		}
		if slices.ContainsFunc(across, func(q netip.Prefix) bool { return q.Bits() < p.Bits() && q.Contains(p.Addr()) }) {
			continue
		}
		for _, part := range prefixesOf(intersect([]policy.Range{rangeOf(p)}, set)) {
			if !covers(kept, rangeOf(part)) {
				out, pieces = append(out, part), append(pieces, part)
			}
		}
	}
	return out, pieces
}

// restored returns the access right before the incident as it can be restored,
// and whether it satisfies every enforcing rule.
func (w *wants) restored(before endpoint.Access, now *reach, f endpoint.Family) (endpoint.Access, bool) {
	a := before.Clone()
	if a.Public {
		a.CIDRs = sendable(before.Effective(f), f)
		if len(a.CIDRs) == 0 || len(a.CIDRs) > endpoint.MaxCIDRs {
			return a, false
		}
	} else {
		a.CIDRs = slices.Clone(now.access.CIDRs)
	}
	a.Private = a.Private || w.private || !subset(now.ranges, survey(a, f).ranges)
	return a, w.met(a, f)
}

// sendable returns the list as EKS takes it: no block twice, and no IPv6 on an
// IPv4 cluster.
func sendable(list []netip.Prefix, f endpoint.Family) []netip.Prefix {
	seen := make(map[netip.Prefix]bool, len(list))
	out := make([]netip.Prefix, 0, len(list))
	for _, p := range list {
		if seen[p.Masked()] || p.Addr().Is6() && f == endpoint.IPv4 {
			continue
		}
		seen[p.Masked()] = true
		out = append(out, p)
	}
	return out
}

// gaps returns what the VPC lacks, or isn't known to have, for nodes to find the
// private endpoint.
func gaps(net endpoint.Network, vpc string) []Gap {
	if vpc == "" {
		vpc = "the cluster's VPC"
	}
	options := "a DHCP options set that lists AmazonProvidedDNS"
	if net.DHCPOptions != "" && net.DHCPOptions != "default" {
		options += " instead of " + net.DHCPOptions
	}
	var out []Gap
	for _, g := range []Gap{
		{"enableDnsSupport", net.DNSSupport, "turn on DNS resolution (enableDnsSupport) in " + vpc},
		{"enableDnsHostnames", net.DNSHostnames, "turn on DNS hostnames (enableDnsHostnames) in " + vpc},
		{"AmazonProvidedDNS", net.AmazonDNS, "give " + vpc + " " + options},
	} {
		switch g.Fact {
		case endpoint.Yes:
			continue
		case endpoint.Unknown:
			g.Fix = "let the guardrail's role read it, or else " + g.Fix
		case endpoint.No:
		}
		out = append(out, g)
	}
	return out
}

// ingressGap returns the lack of ingress on 443, and whether there is one.
func ingressGap(net endpoint.Network) (Gap, bool) {
	g := Gap{"ingress on 443", net.Ingress443, "admit TCP 443 in a security group of the cluster for what must reach it"}
	return g, g.Fact != endpoint.Yes
}

func (g Gap) what() string {
	if g.Fact == endpoint.No {
		return g.Name + " is missing"
	}
	return fmt.Sprintf("%s is unknown, it could not be read", g.Name)
}
