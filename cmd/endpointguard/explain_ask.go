package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/policytest"
)

func instant(flag, text string) (time.Time, error) {
	t, err := policy.ParseInstant(text)
	if err != nil {
		return t, usageError{fmt.Sprintf("%s: %q is no date", flag, text), "write a day like 2027-01-31 or a time like 2027-01-31T18:00:00Z"}
	}
	return t, nil
}

// parseAccess reads public=true,private=false,cidrs=A+B. What EKS would refuse is an
// error: there is no cluster of which it could be asked.
func parseAccess(flag, text string) (endpoint.Access, error) {
	wrong := func(format string, args ...any) (endpoint.Access, error) {
		return endpoint.Access{}, usageError{flag + ": " + fmt.Sprintf(format, args...), "write public=true,private=false,cidrs=198.51.100.0/24+2001:db8::/32"}
	}
	var a endpoint.Access
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || seen[key] {
			return wrong("%q is no setting, or given twice", part)
		}
		seen[key] = true
		switch key {
		case "public", "private":
			on, err := strconv.ParseBool(value)
			if err != nil || value != "true" && value != "false" {
				return wrong("%s must be true or false, not %q", key, value)
			}
			if key == "public" {
				a.Public = on
			} else {
				a.Private = on
			}
		case "cidrs":
			for word := range strings.SplitSeq(value, "+") {
				if word == "" && value == "" {
					continue
				}
				p, err := netip.ParsePrefix(word)
				if err != nil || p.Addr().Is4In6() {
					return wrong("%q is not a CIDR", word)
				}
				a.CIDRs = append(a.CIDRs, p)
			}
		default:
			return wrong("there is no setting %q", key)
		}
	}
	if !seen["public"] || !seen["private"] {
		return wrong("it must say both public and private")
	}
	if what, hint := refusedByEKS(a); what != "" {
		return endpoint.Access{}, usageError{fmt.Sprintf("%s: EKS refuses it: %s", flag, what), hint}
	}
	return a, nil
}

// describeAs takes over what the flags say about a cluster that isn't live.
func (q *question) describeAs(s *subject) error {
	c := &s.cluster
	for _, tag := range q.tags {
		key, value, ok := strings.Cut(tag, "=")
		if !ok || key == "" {
			return usageError{fmt.Sprintf("--tag: %q is no tag", tag), "write --tag environment=prod"}
		}
		if c.Tags == nil {
			c.Tags = map[string]string{}
		}
		c.Tags[key] = value
	}
	if q.created != "" {
		var err error
		if c.CreatedAt, err = instant("--created", q.created); err != nil {
			return err
		}
	}
	if q.hybrid {
		c.HybridNodes = true
	}
	if unknown := policy.UnknownRegion(c.Region); c.Region != "" && unknown != "" {
		s.note("%s", unknown)
	}
	if c.Family == "" {
		c.Family = policytest.FamilyOf(c.Access)
	}
	switch family := endpoint.Family(q.family); family {
	case "":
	case endpoint.IPv4, endpoint.IPv6:
		c.Family = family
	default:
		return usageError{fmt.Sprintf("--family: there is no %q", q.family), "write ipv4 or ipv6"}
	}
	if c.Family == endpoint.IPv4 && policytest.FamilyOf(c.Access) == endpoint.IPv6 {
		return usageError{"EKS admits no IPv6 CIDRs on an IPv4 cluster", "say --family ipv6, or leave out the IPv6 CIDRs"}
	}
	if !q.given.Changed("network") {
		s.note("the VPC is taken to be in order (--network)")
	}
	return nil
}

func (q *question) madeUp(s *subject, p *policy.Policy) error {
	access, err := parseAccess("--access", q.access)
	if err != nil {
		return err
	}
	if q.account != "" && (len(q.account) != 12 || strings.Trim(q.account, "0123456789") != "") {
		if right, why, ok := policy.AccountSpelling(q.account); ok {
			return usageError{fmt.Sprintf("--account: %q is no account id: %s", q.account, why), "write --account " + right}
		}
		return usageError{fmt.Sprintf("--account: %q is no account id", q.account), "account ids have 12 digits"}
	}
	if q.name != "" && !endpoint.NamePattern.MatchString(q.name) {
		return usageError{fmt.Sprintf("--name: %q is no name that EKS admits", q.name), "letters, digits, hyphens and underscores, 100 at most"}
	}
	s.cluster = endpoint.Cluster{
		ID:        endpoint.ID{ARN: endpoint.ARN("aws", q.where.region, q.account, q.name)},
		Partition: "aws", Account: q.account, Region: q.where.region, Name: q.name, Status: endpoint.StatusActive, Access: access,
	}
	if s.at.IsZero() {
		s.at = time.Now().UTC()
	}
	if err := q.describeAs(s); err != nil {
		return err
	}
	matches := matchesOf(p)
	var unsaid []string
	for _, criterion := range []struct {
		flag  string
		given bool
		used  func(*policy.Match) bool
	}{
		{"name", q.name != "", func(m *policy.Match) bool { return len(m.Clusters) > 0 }},
		{"account", q.account != "", func(m *policy.Match) bool { return len(m.Accounts) > 0 }},
		{"region", q.where.region != "", func(m *policy.Match) bool { return len(m.Regions) > 0 }},
		{"tag", len(q.tags) > 0, func(m *policy.Match) bool { return len(m.Tags) > 0 }},
	} {
		if !criterion.given && slices.ContainsFunc(matches, criterion.used) {
			unsaid = append(unsaid, "--"+criterion.flag)
		}
	}
	if len(unsaid) > 0 {
		s.note("the policy matches by more than is said about the cluster (%s)", strings.Join(unsaid, ", "))
	}
	return nil
}

// matchesOf are all matches of a policy.
func matchesOf(p *policy.Policy) []*policy.Match {
	var out []*policy.Match
	for i := range p.Rules {
		for _, m := range []*policy.Match{p.Rules[i].Match, p.Rules[i].Except} {
			if m != nil {
				out = append(out, m)
			}
		}
	}
	for i := range p.Exemptions {
		out = append(out, &p.Exemptions[i].Match)
	}
	return out
}
