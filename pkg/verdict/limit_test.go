package verdict_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

func lossesOf(d verdict.Decision) string {
	words := make([]string, len(d.Losses))
	for i, l := range d.Losses {
		words[i] = fmt.Sprintf("%s %s", l.CIDR, l.Why)
	}
	return strings.Join(words, ", ")
}

// What lies inside stays as written, first; the pieces of what is cut only get the
// places that are left, and what found none is named.
func TestTheLimitKeepsWhatIsWritten(t *testing.T) {
	t.Parallel()
	const admitted = "13.20.0.0/16 14.1.0.0/20 14.2.0.0/23 14.4.0.0/24 14.6.0.0/24 14.8.0.0/24"
	for name, c := range map[string]struct {
		admitted, list string
		want           endpoint.Access
		losses         string
	}{
		"room for all": {admitted, many(35, "13.20.%d.7/32") + " 14.0.0.0/8",
			both(many(35, "13.20.%d.7/32") + " 14.1.0.0/20 14.2.0.0/23 14.4.0.0/24 14.6.0.0/24 14.8.0.0/24"), "14.0.0.0/8 not-allowed"},
		"room for two": {admitted, many(38, "13.20.%d.7/32") + " 14.0.0.0/8",
			both(many(38, "13.20.%d.7/32") + " 14.1.0.0/20 14.2.0.0/23"),
			"14.0.0.0/8 not-allowed, 14.4.0.0/24 over-the-limit, 14.6.0.0/24 over-the-limit, 14.8.0.0/24 over-the-limit"},
		"room for none": {"14.0.0.0/16 13.20.0.0/16", "14.0.0.0/8 " + many(40, "13.20.%d.7/32"), both(many(40, "13.20.%d.7/32")),
			"14.0.0.0/8 not-allowed, 14.0.0.0/16 over-the-limit"},
		"the first of the list is cut": {admitted, "14.0.0.0/8 " + many(38, "13.20.%d.7/32"),
			both(many(38, "13.20.%d.7/32") + " 14.1.0.0/20 14.2.0.0/23"),
			"14.0.0.0/8 not-allowed, 14.4.0.0/24 over-the-limit, 14.6.0.0/24 over-the-limit, 14.8.0.0/24 over-the-limit"},
		"neighbouring pieces take one place": {"13.20.0.0/16 14.1.0.0/21 14.1.8.0/21", many(39, "13.20.%d.7/32") + " 14.1.0.0/19", both(many(39, "13.20.%d.7/32") + " 14.1.0.0/20"), "14.1.0.0/19 not-allowed"},
		"as written, where there is room":    {"13.20.0.0/16 14.1.0.0/24 14.1.1.0/24", "14.0.0.0/8 13.20.0.0/25 13.20.0.128/25", both("14.1.0.0/23 13.20.0.0/25 13.20.0.128/25"), "14.0.0.0/8 not-allowed"},
		"neighbours that are written": {"13.20.0.0/16 14.1.0.0/24 14.1.4.0/24 14.1.8.0/24", "13.20.200.0/25 13.20.200.128/25 " + many(37, "13.20.%d.7/32") + " 14.0.0.0/8",
			both("13.20.200.0/25 13.20.200.128/25 " + many(37, "13.20.%d.7/32") + " 14.1.0.0/24"), "14.0.0.0/8 not-allowed, 14.1.4.0/24 over-the-limit, 14.1.8.0/24 over-the-limit"},
		"as many neighbours as there may be": {"13.20.0.0/16 14.1.0.0/24", "13.20.200.0/25 13.20.200.128/25 " + many(38, "13.20.%d.7/32") + " 14.0.0.0/8",
			both("13.20.200.0/25 13.20.200.128/25 " + many(38, "13.20.%d.7/32")), "14.0.0.0/8 not-allowed, 14.1.0.0/24 over-the-limit"},
		"so do those of two blocks": {"13.20.0.0/16 14.1.0.0/24 14.1.2.0/24 14.1.1.0/24", many(39, "13.20.%d.7/32") + " 14.1.0.0/23 14.1.2.0/23", both(many(39, "13.20.%d.7/32") + " 14.1.0.0/23"), "14.1.2.0/23 not-allowed, 14.1.2.0/24 over-the-limit"},
	} {
		t.Run(name, func(t *testing.T) {
			v := verdict.Judge(rules(allowed(policy.Enforce, c.admitted)), cluster(both(c.list)), now)
			d := verdict.Decide(v, nil, healthy())
			if diff := cmp.Diff(c.want.String(), d.Desired.String()); diff != "" {
				t.Errorf("desired (-want +got)\n%s", diff)
			}
			if got := lossesOf(d); got != c.losses {
				t.Errorf("losses %s\n  want %s", got, c.losses)
			}
		})
	}
}

// Blocks that are too wide take no place of the limit, whether written or cut.
func TestTheLimitWithoutWhatIsTooWide(t *testing.T) {
	t.Parallel()
	admitted := "13.20.0.0/16 15.0.0.0/12 16.0.0.0/12 14.1.0.0/24 14.1.4.0/24"
	list := many(39, "13.20.%d.7/32") + " 15.0.0.0/12 16.0.0.0/8 14.0.0.0/8" // 39 inside, one too wide, one cut and too wide, two pieces
	d := verdict.Decide(verdict.Judge(rules(allowed(policy.Enforce, admitted), width(policy.Enforce, 16, -1)), cluster(both(list)), now), nil, healthy())
	if diff := cmp.Diff(both(many(39, "13.20.%d.7/32")+" 14.1.0.0/24").String(), d.Desired.String()); diff != "" {
		t.Errorf("desired (-want +got)\n%s", diff)
	}
}

// What is written and allowed is dropped for the limit alone: EKS has no such list, and a
// policy's own cases may.
func TestMoreIsWrittenThanThereMayBe(t *testing.T) {
	t.Parallel()
	d := verdict.Decide(verdict.Judge(rules(allowed(policy.Enforce, "13.20.0.0/16")), cluster(both(many(41, "13.20.%d.7/32")+" 14.0.0.0/8")), now), nil, healthy())
	if n := len(d.Desired.CIDRs); n != 40 || !strings.Contains(lossesOf(d), "/32 over-the-limit") {
		t.Errorf("%d stay, losses %s", n, lossesOf(d))
	}
}

// While a lockout check keeps what narrows, nothing is lost.
func TestNothingIsLostOfWhatIsKept(t *testing.T) {
	t.Parallel()
	access := both("198.51.0.0/16")
	access.Private = false
	p := rules(allowed(policy.Enforce, "198.51.0.0/17"), width(policy.Enforce, 20, -1), private(policy.Enforce))
	d := verdict.Decide(verdict.Judge(p, cluster(access), now), nil, endpoint.Network{Read: true})
	if d.Action != verdict.Apply || len(d.Kept) == 0 || lossesOf(d) != "" {
		t.Errorf("%s, kept %q, losses %q", d.Action, d.Kept, lossesOf(d))
	}
}

func TestLosses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy *policy.Policy
		list   string
		before *endpoint.Access
		want   string
	}{
		"not allowed":                  {rules(allowed(policy.Enforce, "8.8.0.0/16")), "8.8.8.0/24 9.9.9.0/24", nil, "9.9.9.0/24 not-allowed"},
		"cut":                          {rules(allowed(policy.Enforce, "8.8.0.0/16")), "8.0.0.0/8", nil, "8.0.0.0/8 not-allowed"},
		"too wide":                     {rules(width(policy.Enforce, 16, -1)), "8.0.0.0/8 9.9.9.0/24", nil, "8.0.0.0/8 too-wide"},
		"too wide together":            {rules(width(policy.Enforce, 24, -1)), "8.8.8.0/24 8.8.9.0/24 9.9.9.0/24", nil, "8.8.8.0/24 too-wide, 8.8.9.0/24 too-wide"},
		"cut, and then too wide":       {rules(allowed(policy.Enforce, "8.8.0.0/16 9.9.9.0/24"), width(policy.Enforce, 24, -1)), "8.0.0.0/7", nil, "8.0.0.0/7 not-allowed, 8.8.0.0/16 too-wide"},
		"closed":                       {rules(disabled(policy.Enforce)), "8.8.8.0/24", nil, "8.8.8.0/24 not-allowed"},
		"nothing but private":          {rules(private(policy.Enforce)), "8.8.8.0/24", nil, ""},
		"closed, and too wide in part": {rules(disabled(policy.Enforce), allowed(policy.Enforce, "8.8.0.0/16"), width(policy.Enforce, 24, -1)), "8.0.0.0/8", nil, "8.0.0.0/8 not-allowed"},
		"back, from what is too wide":  {rules(allowed(policy.Revert, "8.8.0.0/16"), width(policy.Revert, 24, -1)), "8.0.0.0/8", new(both("8.8.4.0/24")), "8.0.0.0/8 not-allowed"},
		"back to what was before":      {rules(allowed(policy.Revert, "8.8.0.0/16")), "8.8.8.0/24 9.9.9.0/24", new(both("8.8.4.0/24")), "8.8.8.0/24 reverted, 9.9.9.0/24 not-allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			access := both(c.list)
			access.Private = name != "nothing but private"
			d := verdict.Decide(verdict.Judge(c.policy, cluster(access), now), c.before, healthy())
			if got := lossesOf(d); got != c.want {
				t.Errorf("losses %q, want %q", got, c.want)
			}
		})
	}
}

// However many allowed blocks a list meets: what is written and allowed stays,
// nothing is lost without a reason, and no place is left empty.
func TestTheLimitOfAnyList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var admitted, list []netip.Prefix
		for i := range rapid.IntRange(1, 120).Draw(t, "admitted") {
			admitted = append(admitted, netip.PrefixFrom(netip.AddrFrom4([4]byte{14, byte(i), 0, 0}), rapid.IntRange(17, 24).Draw(t, "bits")))
		}
		for i := range rapid.IntRange(0, 37).Draw(t, "inside") {
			in := admitted[i%len(admitted)].Addr().As4()
			list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{in[0], in[1], in[2], byte(2 * i)}), 32))
		}
		for range rapid.IntRange(0, 3).Draw(t, "across") {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{14, byte(rapid.IntRange(0, 127).Draw(t, "from")), 0, 0}), rapid.IntRange(8, 15).Draw(t, "width")).Masked()
			at := rapid.IntRange(0, len(list)).Draw(t, "at")
			list = slices.Insert(list, at, p)
		}
		if len(list) == 0 {
			return
		}
		rule := policy.Rule{Name: "a", Respond: policy.Enforce, Require: policy.Requirement{PublicAccess: policy.PublicRestricted, AllowedCIDRs: admitted}}
		access := endpoint.Access{Public: true, Private: true, CIDRs: list}
		d := verdict.Decide(verdict.Judge(rules(rule), cluster(access), now), nil, healthy())
		if d.Action != verdict.Apply {
			return
		}
		set := endpoint.Set(admitted)
		desired := d.Desired.Effective(endpoint.IPv4)
		for _, p := range list {
			if set.ContainsPrefix(p) && !slices.Contains(desired, p) {
				t.Fatalf("%s is allowed and gone from %s", p, desired)
			}
		}
		explained := slices.Clone(desired)
		over := 0
		for _, l := range d.Losses {
			switch l.Why {
			case verdict.LossOverLimit:
				over++
				explained = append(explained, l.CIDR)
				for _, kept := range desired {
					if !slices.Contains(list, kept) && kept.Bits() > l.CIDR.Bits() {
						t.Fatalf("%s found no place, %s did", l.CIDR, kept)
					}
				}
			case verdict.LossNotAllowed:
				if set.ContainsPrefix(l.CIDR) {
					t.Fatalf("%s is allowed", l.CIDR)
				}
			default:
				t.Fatalf("%+v", l)
			}
		}
		if len(desired) > endpoint.MaxCIDRs || over > 0 && len(desired) != endpoint.MaxCIDRs {
			t.Fatalf("%d blocks, %d over the limit", len(desired), over)
		}
		told := endpoint.Set(explained)
		for _, p := range list {
			for _, a := range admitted {
				if !p.Overlaps(a) {
					continue
				}
				part := a
				if p.Bits() > a.Bits() {
					part = p
				}
				if !told.ContainsPrefix(part) {
					t.Fatalf("%s is neither open nor named as lost", part)
				}
			}
		}
	})
}
