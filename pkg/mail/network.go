package mail

import (
	"slices"
	"strconv"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// cause says what is so on the network that should not be.
func (w *writer) cause(g incident.Gap) string {
	vpc := w.vpc()
	switch {
	case !dns(g) && g.Unknown:
		return fill(w.GapUnknown, "name", w.Ingress, "vpc", vpc)
	case !dns(g):
		return w.GapIngress
	case g.Unknown:
		return fill(w.GapUnknown, "name", g.Name, "vpc", vpc)
	case g.Name != amazonDNS:
		return fill(w.GapOff, "name", g.Name, "vpc", vpc)
	case optionsID.MatchString(g.DHCPOptions):
		return fill(w.GapOptions, "vpc", vpc, "options", g.DHCPOptions)
	default:
		return fill(w.GapNoOptions, "vpc", vpc)
	}
}

// amazonDNS names the gap that is not an attribute of the VPC.
const amazonDNS = "AmazonProvidedDNS"

// cause1 says the first of what keeps the endpoint open, for a sentence.
func (w *writer) cause1(gaps []incident.Gap) string { return w.first(gaps, w.cause, w.GapSome) }

// fix1 says the first thing to put right, and that there are more.
func (w *writer) fix1(gaps []incident.Gap) string {
	return w.first(gaps, func(g incident.Gap) string {
		vpc := w.vpc()
		switch {
		case g.Unknown:
			return fill(w.FixRead, "actions", strings.Join(reading(g), ", "))
		case g.Name == "enableDnsSupport":
			return fill(w.FixSupport, "vpc", vpc)
		case g.Name == "enableDnsHostnames":
			return fill(w.FixHostnames, "vpc", vpc)
		default:
			return fill(w.FixDNS, "vpc", vpc)
		}
	}, w.FixSome)
}

func (w *writer) first(gaps []incident.Gap, say func(incident.Gap) string, otherwise string) string {
	gaps = slices.DeleteFunc(slices.Clone(gaps), func(g incident.Gap) bool { return !dns(g) })
	if len(gaps) == 0 {
		return otherwise
	}
	s := say(gaps[0])
	if n := len(gaps) - 1; n > 0 {
		s += fill(w.GapsMore, "n", strconv.Itoa(n))
	}
	return s
}

// reading are the actions that the guardrail's role needs to read the fact.
func reading(g incident.Gap) []string {
	switch {
	case strings.HasPrefix(g.Name, "enable"):
		return []string{"ec2:DescribeVpcAttribute"}
	case g.Name == amazonDNS:
		return []string{"ec2:DescribeVpcs", "ec2:DescribeDhcpOptions"}
	default:
		return []string{"ec2:DescribeSecurityGroupRules"}
	}
}

// gap writes what is not so on the network, with the commands that put it right.
func (w *writer) gap(phrase string, g incident.Gap) {
	w.item(fill(phrase, "gap", w.cause(g)))
	if g.Unknown {
		w.indented(fill(w.GapRead, "actions", strings.Join(reading(g), ", ")))
	}
	for _, part := range []struct {
		say      string
		commands []string
	}{{w.FixLook, lookAtNetwork(w.r.Region, w.vpc(), g)}, {w.fixNote(g), fixNetwork(w.r.Region, w.vpc(), w.group(), g)}} {
		if part.commands == nil {
			continue
		}
		if part.say != "" {
			w.indented(part.say)
		}
		w.block(part.commands)
	}
}

// fixNote is what to know before the network is changed.
func (w *writer) fixNote(g incident.Gap) string {
	switch {
	case !dns(g):
		return w.FixIngress
	case g.Name == amazonDNS && g.Unknown:
		return w.FixOptionsIf
	case g.Name == amazonDNS && optionsID.MatchString(g.DHCPOptions):
		return w.FixOptions
	case g.Name == amazonDNS:
		return w.FixNoOptions
	case g.Unknown:
		return w.FixIfOff
	default:
		return ""
	}
}

// group is the security group that ingress is added to, "" when none is known.
func (w *writer) group() string {
	if w.i.Facts == nil {
		return ""
	}
	for _, id := range append([]string{w.i.Facts.ClusterSecurityGroup}, w.i.Facts.SecurityGroups...) {
		if id != "" {
			return id
		}
	}
	return ""
}

// vpc is the id of the cluster's VPC. What is no id is not shown: it stands in
// sentences, where others must have no say.
func (w *writer) vpc() string {
	if w.i.Facts == nil || !vpcID.MatchString(w.i.Facts.VPC) {
		return "VPC"
	}
	return w.i.Facts.VPC
}

// dns are the gaps that keep public access from being narrowed.
func dns(g incident.Gap) bool { return strings.HasPrefix(g.Name, "enable") || g.Name == amazonDNS }

// blocked tells why the endpoint was left open on purpose, and how to put right
// what keeps it so.
func (w *writer) blocked() {
	if w.n.Kind == incident.NoticeDetected && len(w.plan().Missing) > 0 && !w.n.Late.Over() {
		w.gaps(w.KeptWill, w.plan().Missing)
		return
	}
	if w.n.Kind != incident.NoticeOutcome || !stands(w.n) || !held(w.i) {
		return
	}
	f := w.i.Final
	if !slices.ContainsFunc(f.Missing, dns) {
		w.list(w.WhyKept, f.Kept) // of a record from before the gaps were kept
		return
	}
	w.gaps(w.KeptWhy, f.Missing)
}

// gaps tells what keeps the endpoint open, and how to put it right.
func (w *writer) gaps(why string, gaps []incident.Gap) {
	w.heading(w.WhyKept)
	w.indented(sentences(why, fill(w.Credentials, "account", w.account(w.r.Account))))
	for _, g := range gaps {
		if dns(g) {
			w.gap("{gap}", g)
		}
	}
}

// risks tells what the change may break or have broken.
func (w *writer) risks() {
	heading := w.MayBreak
	if !slices.ContainsFunc(w.i.Attempts, func(a incident.Attempt) bool {
		return a.Status != endpoint.UpdateFailed && a.Status != endpoint.UpdateCancelled
	}) {
		heading = w.WouldBreak
	}
	var told []string
	var older []string
	tell := func(phrase string, g incident.Gap) {
		if key := phrase + g.Name; !slices.Contains(told, key) {
			if len(told) == 0 {
				w.heading(heading)
			}
			told = append(told, key)
			w.gap(phrase, g)
		}
	}
	one := func(warnings, kept []string, gaps []incident.Gap, narrowed bool) {
		if len(gaps) == 0 {
			older = union(older, warnings)
		}
		for _, g := range gaps {
			switch {
			case !dns(g):
				tell(w.WarnIngress, g)
			case len(kept) > 0:
			case narrowed:
				tell(w.WarnNodes, g)
			default:
				tell(w.WarnNoEffect, g)
			}
		}
	}
	for _, a := range w.i.Attempts {
		one(a.Warnings, a.Kept, a.Missing, narrows(a, w.i.Family))
	}
	if f := w.i.Final; w.n.Kind == incident.NoticeOutcome && len(f.Warn) > 0 {
		one(f.Warn, f.Kept, f.Missing, true)
	}
	if len(told) == 0 {
		w.list(heading, older)
	}
}

// union appends what is not there yet: each attempt warns of the same.
func union(all, more []string) []string {
	for _, s := range more {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
