package mail

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// ssoRole is how IAM Identity Center names the roles of its permission sets.
var ssoRole = regexp.MustCompile(`^AWSReservedSSO_(.+)_[0-9a-f]{16}$`)

// actor names the caller as cloudtrail.Actor.String does, in the mail's language.
func (t *phrases) actor(a cloudtrail.Actor) string {
	name := text.Clean(a.Name, maxName)
	role := text.Clean(a.Role, maxName)
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
		caller = fill(t.SSO, "name", name, "set", text.Clean(set[1], maxName))
	case a.Role != "" && a.Name == a.Role:
		caller = fill(t.Role, "role", role)
	case a.Role != "":
		caller = fill(t.AsRole, "name", name, "role", role)
	case a.Type != "":
		caller = fill(t.Other, "name", name, "type", text.Clean(a.Type, 60))
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
	return text.Clean(principal, maxName)
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
	return fill(w.NotYetKnown, "update", text.Clean(w.i.Causes[0].UpdateID, 60))
}

// undoneBy says in one line who undid it.
func (w *writer) undoneBy() string {
	by := w.i.Final.UndoneBy
	switch {
	case w.i.Final.Why == incident.WhyUnclear:
		return w.OursOrTheirs
	case w.i.Final.Why == incident.WhyUnconfirmed:
		return fill(w.OursUnread, "update", text.Clean(w.i.Attempts[len(w.i.Attempts)-1].UpdateID, 60))
	case by == nil:
		return w.Unknown
	case by.EventID == "":
		return fill(w.NotYetKnown, "update", text.Clean(by.UpdateID, 60))
	default:
		return w.caller(*by)
	}
}

// caller says in one line who made a call, from where, with what, and whether
// without MFA.
func (w *writer) caller(c incident.Cause) string {
	s := w.actor(c.Actor)
	if c.Actor.SourceIP != "" && c.Actor.SourceIP != c.Actor.InvokedBy {
		s += ", " + text.Clean(c.Actor.SourceIP, 64)
	}
	if tool := text.Clean(c.Actor.Tool(), 60); tool != "" && tool != c.Actor.InvokedBy {
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
		w.indented(fill(w.MoreCalls, "n", strconv.Itoa(more)))
	}
}

func (w *writer) call(c incident.Cause) {
	row := func(label, value string) {
		if value != "" {
			w.WriteString(wrap("  "+pad(label, w.label-2)+" ", strings.Repeat(" ", w.label+1), value))
		}
	}
	if c.EventID == "" {
		row(w.Who, w.Unknown)
		row(w.Update, text.Clean(c.UpdateID, 60)+", "+stamp(c.At))
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
	row(w.From, text.Clean(c.Actor.SourceIP, 64))
	row(w.Tool, text.Clean(c.Actor.Tool(), 60))
	if c.Actor.UserAgent != c.Actor.Tool() {
		row(w.Agent, text.Clean(c.Actor.UserAgent, maxAgent))
	}
	row(w.Call, c.Call+", "+stamp(c.At))
	row(w.Update, text.Clean(c.UpdateID, 64))
	row(w.Event, text.Clean(c.EventID, 64))
	if command := lookup(w.r.Region, c.EventID); command != nil {
		w.indented(w.LookUp)
		if page := history(w.r.Cluster.ARN, w.r.Region); page != "" && len(page)+2 <= Columns {
			w.block([]string{"  " + page, "  #/events/" + c.EventID})
		}
		w.block(command)
	}
}

// callerLabel is the label of whoever made the call that caused the incident.
func (w *writer) callerLabel() string {
	switch {
	case !happened(w.i):
		return w.AskedBy
	case onlyInside(w.n):
		return w.Who
	default:
		return w.OpenedBy
	}
}
