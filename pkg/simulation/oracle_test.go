package simulation

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// law is one of the simulated company's policies, by its place in laws.
type law int

const (
	companys law = iota
	strict
	lax
	alertOnly // added to one of the others: the same document, in mode alert
)

func (l law) String() string {
	name := [...]string{"company's", "strict", "lax"}[l%alertOnly]
	if l.alerts() {
		name += " (alert only)"
	}
	return name
}

func (l law) document() string {
	return [...]string{companyPolicy, strictPolicy, laxPolicy}[l%alertOnly]
}

// alerts reports whether the document is in force in mode alert.
func (l law) alerts() bool { return l >= alertOnly }

// laws are all of them.
func laws() []law {
	return []law{companys, strict, lax, alertOnly + companys, alertOnly + strict, alertOnly + lax}
}

// grace is for how long after its creation strictPolicy leaves a cluster's private
// access to whoever sets it up.
const grace = 25 * time.Minute

// exemptUntil is the end of laxPolicy's exemption.
func exemptUntil() time.Time { return time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC) }

// judge says by hand what a policy thinks of a cluster: whether it breaks a
// rule, and one that is enforced. Were it the guardrail's own judgement that the
// guardrail is held against, a fault in it would go unseen.
func (l law) judge(c endpoint.Cluster, now time.Time) (violates, enforced bool) {
	if l.alerts() {
		violates, _ = (l % alertOnly).judge(c, now)
		return violates, false
	}
	if c.OutpostsLocal || c.Connected {
		return false, false
	}
	kind, _, _ := strings.Cut(c.Name, "-")
	within := func(allowed ...string) bool {
		return !c.Access.Public || !slices.ContainsFunc(c.Access.CIDRs, func(p netip.Prefix) bool {
			return !slices.ContainsFunc(allowed, func(s string) bool {
				a := netip.MustParsePrefix(s)
				return a.Bits() <= p.Bits() && a.Contains(p.Addr())
			})
		})
	}
	wide := c.Access.Public && slices.ContainsFunc(c.Access.CIDRs, func(p netip.Prefix) bool { return p.Bits() < 20 })
	var told bool
	switch l {
	case companys:
		told = wide && (kind == "told" || kind == "office")
		enforced = !c.Access.Private && kind != "partner" ||
			kind == "office" && !within("198.51.0.0/16") ||
			c.Access.Public && (kind == "closed" || c.Tags["secret"] == "yes")
	case strict:
		grace := now.Before(c.CreatedAt.Add(grace))
		told = !c.Access.Private && grace
		enforced = !c.Access.Private && !grace ||
			(kind == "office" || kind == "exempt") && !within("198.51.100.0/24") ||
			c.Access.Public && (kind == "closed" || kind == "told")
	case lax:
		told = c.Access.Public && kind == "closed"
		exempt := c.Name == "exempt-a" && now.Before(exemptUntil())
		enforced = (kind == "office" || kind == "exempt") && !exempt && !within("198.51.0.0/16", "203.0.113.0/24") ||
			c.Access.Public && c.Tags["secret"] == "yes"
	case alertOnly: // it is added to one of the three, which was judged above
	}
	return told || enforced, enforced
}

// TestTheOracleAgrees holds the hand-written judgement against the guardrail's.
func TestTheOracleAgrees(t *testing.T) {
	for _, l := range laws() {
		p, problems := policy.Parse("policy.yaml", []byte(l.document()))
		if problems.Errors() {
			t.Fatal(problems)
		}
		if l.alerts() {
			p = p.AlertOnly()
		}
		for _, name := range []string{"office-a", "closed-a", "told-a", "partner-a", "exempt-a"} {
			for _, a := range append(accesses(), apart()...) {
				for _, secret := range []string{"yes", "no"} {
					for _, age := range []time.Duration{grace - time.Minute, grace + time.Minute} {
						for _, now := range []time.Time{exemptUntil().Add(-time.Minute), exemptUntil().Add(time.Minute)} {
							c := endpoint.Cluster{Account: account, Region: region, Name: name, Access: a, Family: endpoint.IPv4, Tags: map[string]string{"secret": secret}, Status: endpoint.StatusActive}
							c.CreatedAt = now.Add(-age)
							v := verdict.Judge(p, c, now)
							violates, enforced := l.judge(c, now)
							if got := fmt.Sprint(v.Outcome == verdict.Violation, v.Outcome == verdict.Violation && v.Enforcing()); got != fmt.Sprint(violates, enforced) {
								t.Errorf("%s policy, %s, %s, secret=%s at %s, %s old: %s, by hand %t %t", l, name, a, secret, now, age, got, violates, enforced)
							}
						}
					}
				}
			}
		}
	}
}
