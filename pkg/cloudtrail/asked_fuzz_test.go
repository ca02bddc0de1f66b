package cloudtrail_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
)

// FuzzFromParams holds that what an update asks for is either read as it is or
// marked as unreadable: no block of a list is passed over.
func FuzzFromParams(f *testing.F) {
	for _, list := range []string{
		`["0.0.0.0/0"]`, `["192.0.2.0/24","2001:db8::/32"]`, `[]`, ``, `[\"192.0.2.0/24\"]`, `["192.0.2.0/24"`, `[""]`, `"192.0.2.0/24"`,
		`["192.0.2.0/24","::ffff:0.0.0.0/96"]`, `["010.0.0.0/8"]`, `['192.0.2.0/24' 198.51.100.0/24]`, "[\"192.0.2.0/24\u00a0\"]",
	} {
		f.Add("true", "false", list)
	}
	f.Add("TRUE ", "yes", "null")
	f.Fuzz(func(t *testing.T, public, private, list string) {
		r := cloudtrail.FromParams([]cloudtrail.Param{
			{Type: "EndpointPublicAccess", Value: public}, {Type: "EndpointPrivateAccess", Value: private}, {Type: "PublicAccessCidrs", Value: list},
		})
		said := func(text string, value *bool) bool {
			text = strings.ToLower(strings.TrimSpace(text))
			return value != nil && *value && text == "true" || value != nil && !*value && text == "false"
		}
		if r.Unreadable {
			return
		}
		if !said(public, r.Public) || !said(private, r.Private) || r.CIDRs == nil {
			t.Fatalf("%q, %q, %q read as %+v", public, private, list, r)
		}
		// Each block has one slash, however it is quoted.
		if strings.Count(list, "/") != len(*r.CIDRs) {
			t.Fatalf("%q read as %v", list, *r.CIDRs)
		}
		words := make([]string, len(*r.CIDRs))
		for i, p := range *r.CIDRs {
			if !p.IsValid() || p.Addr().Is4In6() {
				t.Fatalf("%q read as %v", list, *r.CIDRs)
			}
			words[i] = `"` + p.String() + `"`
		}
		again := cloudtrail.FromParams([]cloudtrail.Param{{Type: "publicAccessCidrs", Value: "[" + strings.Join(words, ",") + "]"}})
		if again.Unreadable || again.CIDRs == nil || !slices.Equal(*again.CIDRs, append([]netip.Prefix{}, *r.CIDRs...)) {
			t.Fatalf("%q read as %v, and that as %+v", list, *r.CIDRs, again)
		}
	})
}
