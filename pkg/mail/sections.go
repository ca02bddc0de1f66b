package mail

import (
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// ssoRole is how IAM Identity Center names the roles of its permission sets.
var ssoRole = regexp.MustCompile(`^AWSReservedSSO_(.+)_[0-9a-f]{16}$`)

// actor names the caller as cloudtrail.Actor.String does, in the mail's language.
func (t *phrases) actor(a cloudtrail.Actor) string {
	name := foreign(a.Name, maxName)
	role := foreign(a.Role, maxName)
	var caller string
	set := ssoRole.FindStringSubmatch(a.Role)
	switch {
	case a.Name == "" || a.Name == "unknown":
		caller = t.Nobody
	case a.Type == "Root":
		caller = t.Root
	case a.Type == "IAMUser":
		caller = fill(t.User, "name", name)
	case a.Type == "FederatedUser":
		caller = fill(t.Federated, "name", name)
	case a.Type == "IdentityCenterUser":
		caller = fill(t.IdentityCenter, "name", name)
	case a.Type == "AWSService":
		caller = service(a.Name)
	case a.Role != "" && set != nil:
		caller = fill(t.SSO, "name", name, "set", foreign(set[1], maxName))
	case a.Role != "" && a.Name == a.Role:
		caller = fill(t.Role, "role", role)
	case a.Role != "":
		caller = fill(t.AsRole, "name", name, "role", role)
	case a.Type != "":
		caller = fill(t.Other, "name", name, "type", foreign(a.Type, 60))
	default:
		caller = name
	}
	if a.InvokedBy == "" {
		return caller
	}
	by := service(a.InvokedBy)
	switch {
	case a.Type == "AWSService" || a.Name == "unknown" || a.Name == a.InvokedBy:
		return by
	case a.Role != "" && a.SourceIdentity == "" && set == nil:
		return fill(t.ServiceFor, "service", by, "caller", fill(t.Role, "role", role))
	default:
		return fill(t.ServiceFor, "service", by, "caller", caller)
	}
}

// service is a service principal as people say it.
func service(principal string) string {
	known := map[string]string{
		"cloudformation.amazonaws.com": "CloudFormation", "servicecatalog.amazonaws.com": "Service Catalog", "ssm.amazonaws.com": "Systems Manager",
	}
	if name, ok := known[principal]; ok {
		return name
	}
	return foreign(principal, maxName)
}

// who says in one line who did it.
func (w *writer) who() string {
	if len(w.i.Causes) == 0 {
		return w.FoundByLooking
	}
	for _, c := range w.i.Causes {
		if c.EventID != "" {
			return w.caller(c)
		}
	}
	return fill(w.NotYetKnown, "update", foreign(w.i.Causes[0].UpdateID, 60))
}

// undoneBy says in one line who undid it.
func (w *writer) undoneBy() string {
	by := w.i.Final.UndoneBy
	switch {
	case w.i.Final.Why == incident.WhyUnclear:
		return w.OursOrTheirs
	case w.i.Final.Why == incident.WhyUnconfirmed:
		return fill(w.OursUnread, "update", foreign(w.i.Attempts[len(w.i.Attempts)-1].UpdateID, 60))
	case by == nil:
		return w.Unknown
	case by.EventID == "":
		return fill(w.NotYetKnown, "update", foreign(by.UpdateID, 60))
	default:
		return w.caller(*by)
	}
}

// caller says in one line who made a call, from where, with what, and whether
// without MFA.
func (w *writer) caller(c incident.Cause) string {
	s := w.actor(c.Actor)
	if c.Actor.SourceIP != "" && c.Actor.SourceIP != c.Actor.InvokedBy {
		s += ", " + foreign(c.Actor.SourceIP, 64)
	}
	if tool := foreign(incident.Tool(c.Actor.UserAgent), 60); tool != "" && tool != c.Actor.InvokedBy {
		s += ", " + tool
	}
	if c.Actor.MFA != nil && !*c.Actor.MFA {
		s += ", " + w.NoMFA
	}
	return s
}

// link is the console's page of the event that caused it, "" if there is none.
func (w *writer) link() string {
	for _, c := range w.i.Causes {
		if link := eventLink(w.r.Cluster.ARN, w.r.Region, c.EventID); link != "" {
			return link
		}
	}
	return ""
}

// calls tells who made the calls that caused it.
func (w *writer) calls() {
	if len(w.i.Causes) == 0 {
		return
	}
	w.heading(w.WhoDidIt)
	told := w.i.Causes[:min(maxCalls, len(w.i.Causes))]
	for k, c := range told {
		if k > 0 {
			w.WriteString("\n")
		}
		w.call(c)
	}
	if more := len(w.i.Causes) - len(told); more > 0 {
		w.inside(fill(w.MoreCalls, "n", strconv.Itoa(more)))
	}
}

func (w *writer) call(c incident.Cause) {
	row := func(label, value string) {
		if value != "" {
			w.WriteString(wrap("  "+pad(label, w.label-2)+" ", strings.Repeat(" ", w.label+1), value, Columns))
		}
	}
	if c.EventID == "" {
		row(w.Who, w.Unknown)
		row(w.Update, foreign(c.UpdateID, 60)+", "+stamp(c.At))
		return
	}
	row(w.Who, w.actor(c.Actor))
	mfa := w.Unknown
	switch {
	case c.Actor.MFA != nil && *c.Actor.MFA:
		mfa = w.WithMFA
	case c.Actor.MFA != nil:
		mfa = w.WithoutMFA
	}
	row(w.MFA, mfa)
	row(w.From, foreign(c.Actor.SourceIP, 64))
	row(w.Tool, foreign(incident.Tool(c.Actor.UserAgent), 60))
	if c.Actor.UserAgent != incident.Tool(c.Actor.UserAgent) {
		row(w.Agent, foreign(c.Actor.UserAgent, maxAgent))
	}
	row(w.Call, c.Call+", "+stamp(c.At))
	row(w.Update, foreign(c.UpdateID, 64))
	row(w.Event, foreign(c.EventID, 64))
	if command := lookup(w.r.Region, c.EventID); command != nil {
		w.inside(w.LookUp)
		if page := history(w.r.Cluster.ARN, w.r.Region); page != "" && len(page)+2 <= Columns {
			w.block([]string{"  " + page, "  #/events/" + c.EventID})
		}
		w.block(command)
	}
}

// table shows the access before, as asked for, and now.
func (w *writer) table() {
	i := w.i
	first := w.label + 1
	second := max(columns(w.Private), columns(w.On), columns(w.Off)) + 2
	row := func(label, private, public string) {
		w.WriteString(wrap(pad(label, first)+pad(private, second), strings.Repeat(" ", first+second), public, Columns))
	}
	whole := func(label, value string) { w.field(label, value) }
	show := func(label string, a *endpoint.Access) {
		if a == nil {
			whole(label, w.Unknown)
			return
		}
		private, public := w.Off, w.Off
		if a.Private {
			private = w.On
		}
		if a.Public {
			public = w.cidrs(widest(*a, i.Family), maxCIDRs)
		}
		row(label, private, public)
	}
	w.WriteString("\n")
	row(w.Table, w.Private, w.Public)
	switch {
	case i.Before == nil && len(i.Causes) > 0 && i.Causes[0].Call == cloudtrail.CreateCluster:
		whole(w.Before, w.DidNotExist)
	case i.Before == nil:
		show(w.Before, nil)
	default:
		show(w.Before, &i.Before.Access)
	}
	if i.Asked != nil {
		show(w.AskedFor, i.Asked)
	} else {
		show(w.FoundRow, &i.Opening)
	}
	switch l := w.n.Late; {
	case l != nil && l.Gone, w.n.Kind == incident.NoticeOutcome && i.Final.Outcome == incident.Gone:
		whole(w.Now, w.Deleted)
	case l != nil && !l.Seen:
		whole(w.Now, w.Unknown)
	case l != nil:
		show(w.Now, &l.Access)
	case w.n.Kind == incident.NoticeOutcome:
		show(w.Now, &i.Final.Now)
	case len(i.Attempts) > 0:
		show(w.Wanted, &i.Attempts[len(i.Attempts)-1].Desired)
	case w.plan().Action == incident.PlanChange && w.plan().At.IsZero():
		show(w.Wanted, &i.Plan.Desired)
	}
}

// cidrs joins a list, and counts what is more than limit.
func (t *phrases) cidrs(list []string, limit int) string {
	if len(list) <= limit {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:limit], ", ") + ", " + fill(t.AndMore, "n", strconv.Itoa(len(list)-limit))
}

func texts(list []netip.Prefix) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.String()
	}
	return out
}

func (w *writer) rules() {
	if len(w.i.Rules) > 0 && !(w.n.Kind == incident.NoticeOutcome && reflect.DeepEqual(w.i.Rules, w.i.Final.Left) && w.i.Final.Outcome == incident.PartlyEnforced) {
		heading := w.RulesBroken
		if !happened(w.i) {
			heading = w.RulesNever
		}
		if stands(w.n) && (w.i.Final == nil || w.i.Final.Outcome != incident.PartlyEnforced) {
			heading = w.RulesLeftOpen
		}
		w.heading(heading)
		w.notes(w.i.Rules)
	}
	if f := w.i.Final; w.n.Kind == incident.NoticeOutcome && f.Outcome == incident.PartlyEnforced && len(f.Left) > 0 {
		w.heading(w.RulesLeftOpen)
		w.notes(f.Left)
	}
}

func (w *writer) notes(rules []incident.RuleNote) {
	for _, note := range rules {
		respond := map[policy.Response]string{policy.Enforce: w.Enforce, policy.Revert: w.Revert, policy.Alert: w.Alert}[note.Respond]
		text := foreign(note.Name, maxName) + " (" + respond + ")"
		if note.Description != "" {
			text += ": " + foreign(note.Description, maxMessage)
		}
		w.item(text)
		for k, reason := range note.Reasons {
			if w.Language == Japanese && k < len(note.Found) {
				reason = w.reason(note.Found[k])
			}
			w.inside("> " + foreign(reason, 2*maxMessage))
		}
		switch {
		case !note.HeldUntil.IsZero():
			w.inside("> " + fill(w.Grace, "at", stamp(note.HeldUntil)))
		case note.Held != "":
			w.inside("> " + w.Hybrid)
		}
	}
}

func (t *phrases) reason(f incident.Finding) string {
	phrase := map[verdict.ReasonKind]string{
		verdict.PrivateOff: t.PrivateOff, verdict.PublicOn: t.PublicOn, verdict.OutsideAllowed: t.OutsideAllowed,
		verdict.TooWide: t.TooWide, verdict.FamilyNotAdmitted: t.FamilyNotAdmitted,
	}[f.Kind]
	return fill(phrase, "cidrs", t.cidrs(texts(f.CIDRs), maxDropped))
}

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
		w.inside(fill(w.GapRead, "actions", strings.Join(reading(g), ", ")))
	}
	for _, part := range []struct {
		say      string
		commands []string
	}{{w.FixLook, lookAtNetwork(w.r.Region, w.vpc(), g)}, {w.fixNote(g), fixNetwork(w.r.Region, w.vpc(), w.group(), g)}} {
		if part.commands == nil {
			continue
		}
		if part.say != "" {
			w.inside(part.say)
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

// done tells what the guardrail did, as far as it is known to be so.
func (w *writer) done() {
	i, f := w.i, w.i.Final
	var lines []string
	for _, a := range i.Attempts {
		lines = append(lines, w.attempt(a))
		if busy := w.busy(a); busy != "" {
			lines = append(lines, busy)
		}
		if len(a.Dropped) > 0 {
			lines = append(lines, fill(w.Dropped, "cidrs", w.cidrs(texts(a.Dropped), maxDropped)))
		}
		if n := a.OverLimitCount; n > 0 {
			left := strings.Join(texts(a.OverLimit), ", ")
			if more := n - len(a.OverLimit); more > 0 {
				left += ", " + fill(w.AndMore, "n", strconv.Itoa(more))
			}
			lines = append(lines, fill(w.OverLimit, "limit", strconv.Itoa(endpoint.MaxCIDRs), "cidrs", left))
		}
	}
	if w.n.Kind == incident.NoticeOutcome {
		if len(i.Attempts) == 0 {
			lines = append(lines, w.NothingDone)
		}
		if f.Tug != nil {
			who := w.Unknown
			if len(f.Tug.Others) > 0 {
				who = foreign(strings.Join(f.Tug.Others, "; "), 2*maxMessage)
			}
			lines = append(lines, fill(w.OpenedLately, "who", who))
		}
	}
	w.list(w.WhatWasDone, lines)
	w.blocked()
	w.risks()
}

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
	w.inside(sentences(why, fill(w.Credentials, "account", w.account(w.r.Account))))
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

func (w *writer) list(heading string, lines []string) {
	if len(lines) == 0 {
		return
	}
	w.heading(heading)
	for _, line := range lines {
		w.item(foreign(line, 4*maxMessage))
	}
}

func (w *writer) attempt(a incident.Attempt) string {
	s := fill(w.Attempt, "at", stamp(a.At), "n", strconv.Itoa(a.Number), "access", w.state(a.Desired, w.i.Family))
	if a.Reverted {
		s += w.Reverted
	}
	switch {
	case a.UpdateID == "" && a.Status == "":
		s += w.NoAnswer
	case a.UpdateID == "":
		s += w.Refused
	case a.Status == endpoint.UpdateInProgress:
		s += fill(w.InProgress, "update", a.UpdateID)
	default:
		s += fill(w.Finished, "update", a.UpdateID, "status", string(a.Status))
	}
	for _, e := range a.Errors {
		s += ", " + foreign(e.Code, 60) + " (" + foreign(e.Message, maxMessage) + ")"
	}
	return s
}

// busy tells for how long EKS accepted no other change of the cluster since ours was
// under way: whoever created node groups then, or deleted the cluster, finds the reason here.
// "" for an attempt of which EKS did nothing or that is not known to be over, and where
// nothing came of it.
func (w *writer) busy(a incident.Attempt) string {
	if w.n.Kind != incident.NoticeOutcome || a.UpdateID == "" || a.OverAt.IsZero() {
		return ""
	}
	if o := w.i.Final.Outcome; o != incident.Enforced && o != incident.PartlyEnforced {
		return ""
	}
	from := a.CreatedAt
	if from.IsZero() {
		from = a.At
	}
	return fill(w.EKSBusy, "from", stamp(from), "to", stamp(ceil(a.OverAt, time.Second)))
}

// reach tells how to reach the API of an endpoint that was narrowed or closed.
func (w *writer) reach() {
	if w.n.Kind != incident.NoticeOutcome || !w.i.Final.Now.Private || len(w.i.Attempts) == 0 ||
		w.i.Final.Outcome != incident.Enforced && w.i.Final.Outcome != incident.PartlyEnforced || held(w.i) ||
		w.n.Late != nil && !w.n.Late.Access.Equal(w.i.Final.Now) {
		return
	}
	w.heading(w.Reach)
	w.item(fill(w.ReachFrom, "vpc", w.vpc()))
	groups := w.ReachUnknownGroup
	if facts := w.i.Facts; facts != nil {
		var ids []string
		for _, id := range append([]string{facts.ClusterSecurityGroup}, facts.SecurityGroups...) {
			if id != "" {
				ids = append(ids, foreign(id, 30))
			}
		}
		switch {
		case len(ids) == 1:
			groups = fill(w.ReachGroup, "groups", ids[0])
		case len(ids) > 1:
			groups = fill(w.ReachGroups, "groups", strings.Join(ids, ", "))
		}
	}
	w.item(fill(w.ReachPort, "groups", groups))
	if now := w.i.Final.Now; now.Public {
		w.item(fill(w.ReachList, "whom", w.cidrs(widest(now, w.i.Family), maxDropped)))
	}
	w.item(w.ReachIdentity)
}

// commands are what puts back what was there, or closes by hand what is not closed.
func (w *writer) commands() {
	i := w.i
	var a endpoint.Access
	heading, why := w.CloseIt, w.CloseWhy
	switch stood := stands(w.n); {
	case ended(w.n), w.n.Late.Over() && w.n.Late.Matter == incident.MatterOther:
		return // what is open by now, another mail tells
	case w.n.Kind == incident.NoticeDetected && len(w.plan().Missing) > 0:
		return // by hand it would cut the nodes off just the same
	case w.n.Kind == incident.NoticeDetected && !i.AlertOnly && i.HeldSince.IsZero() && len(w.plan().Left) == 0:
		return // the guardrail is at it
	case stood && held(i):
		return // by hand it would cut the nodes off just the same
	case admitted(w.n) && !world(i.Final.Now, i.Family):
		return
	case stood && len(i.Attempts) > 0 && len(w.plan().Left) == 0 && (i.Final == nil || i.Final.Outcome != incident.PartlyEnforced):
		a = i.Attempts[len(i.Attempts)-1].Desired
	case (stood || admitted(w.n)) && i.Nearest != nil:
		a = *i.Nearest
	case stood:
		a = endpoint.Access{Private: true} // in a record from before the nearest was kept
	case len(i.Attempts) > 0 && i.Final.Outcome == incident.Enforced && i.Final.Tug == nil:
		a, heading, why = i.Attempts[0].From, w.PutBack, w.PutBackWhy
		switch {
		case i.Final.Why == incident.WhyClosed:
			heading, why = w.PutBackAllowed, w.PutBackAllowedWhy
		case onlyInside(w.n):
			heading, why = w.PutBackInside, w.PutBackInsideWhy
		}
	default:
		return
	}
	if heading == w.CloseIt && onlyInside(w.n) {
		heading, why = w.SwitchOn, w.SwitchOnWhy
	}
	if stands(w.n) && i.Status != endpoint.StatusActive && i.Status != "" && i.Final == nil {
		why = sentences(fill(w.CloseOnceActive, "status", string(i.Status)), why)
	}
	w.command(heading, why, a, i.Family)
}

// command writes the command that brings the cluster to an access.
func (w *writer) command(heading, why string, a endpoint.Access, f endpoint.Family) {
	command := updateCommand(w.r.Region, w.r.Name, a, f)
	if command == nil {
		return
	}
	w.heading(heading)
	w.inside(sentences(why, fill(w.Credentials, "account", w.account(w.r.Account))))
	w.WriteString("\n")
	w.block(command)
}

// callers tells how to see who used the API while it was open, or that nobody can.
func (w *writer) callers() {
	if w.n.Kind != incident.NoticeOutcome && ended(w.n) || w.n.Kind == incident.NoticeDetected || !happened(w.i) || onlyInside(w.n) && !world(w.i.Violating(), w.i.Family) {
		return
	}
	if f := w.i.Final; f != nil && f.Outcome != incident.Gone && !stands(onTime(w.n)) && f.Outcome != incident.Enforced && f.Outcome != incident.AlreadyUndone {
		return
	}
	w.heading(w.Callers)
	begin := from(w.i)
	if len(w.i.Causes) == 0 && w.i.Before != nil {
		begin = w.i.Before.At
	}
	end, _ := w.until()
	about := []string{"group", "/aws/eks/" + w.r.Name + "/cluster", "from", stamp(begin), "to", stamp(end.Add(time.Minute))}
	switch {
	case w.i.Facts == nil:
		w.inside(fill(w.AuditUnknown, about...))
	case !w.i.Facts.AuditLogs:
		w.inside(w.AuditOff)
	default:
		w.inside(fill(w.AuditOn, about...))
		w.WriteString("\n")
		w.block(callers)
	}
}
