package cloudtrail_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
)

func TestFromParams(t *testing.T) {
	const public, private, cidrs = "EndpointPublicAccess", "EndpointPrivateAccess", "PublicAccessCidrs"
	type params = []cloudtrail.Param
	for _, tt := range []struct {
		name   string
		params params
		want   string
	}{
		{"nothing", nil, "nothing"},
		{"all", params{{public, "true"}, {private, "false"}, {cidrs, `["0.0.0.0/0","::/0"]`}}, "public=true private=false cidrs=0.0.0.0/0,::/0"},
		{"others are passed over", params{{"SubnetIds", `["subnet-1"]`}, {"SecurityGroupIds", "x"}}, "nothing"},
		{"case and blanks", params{{"publicaccesscidrs", ` [ "192.0.2.0/24" ] `}, {"endpointpublicaccess", " TRUE "}}, "public=true cidrs=192.0.2.0/24"},
		{"empty list", params{{cidrs, "[]"}}, "cidrs="},
		{"host bits stay as written", params{{cidrs, `["192.0.2.7/24"]`}}, "cidrs=192.0.2.7/24"},
		{"quotes lost", params{{cidrs, "[192.0.2.0/24, 198.51.100.0/24]"}}, "cidrs=192.0.2.0/24,198.51.100.0/24"},
		{"brackets lost", params{{cidrs, "192.0.2.0/24,198.51.100.0/24"}}, "cidrs=192.0.2.0/24,198.51.100.0/24"},
		{"the same twice", params{{public, "true"}, {public, "true"}, {private, "true"}, {private, "true"}, {cidrs, `["::/0"]`}, {cidrs, `["::/0"]`}}, "public=true private=true cidrs=::/0"},

		{"contradicting booleans", params{{public, "false"}, {public, "true"}}, "unreadable"},
		{"contradicting booleans of private access", params{{private, "false"}, {private, "true"}}, "unreadable"},
		{"contradicting lists", params{{cidrs, `["192.0.2.0/24"]`}, {cidrs, `["0.0.0.0/0"]`}}, "unreadable"},
		{"a bad value after a good one", params{{private, "true"}, {private, "yes"}}, "unreadable"},
		{"empty boolean", params{{public, ""}}, "unreadable"},
		{"number", params{{public, "1"}}, "unreadable"},
		{"empty text", params{{cidrs, ""}}, "unreadable"},
		{"brackets and nothing legible", params{{cidrs, `[\"\"]`}}, "unreadable"},
		{"an empty CIDR", params{{cidrs, `[""]`}}, "unreadable"},
		{"an address without a length", params{{cidrs, `["192.0.2.0"]`}}, "unreadable"},
		{"leading zeros", params{{cidrs, `["010.0.0.0/8"]`}}, "unreadable"},
		{"IPv4 in IPv6", params{{cidrs, `["::ffff:0.0.0.0/96"]`}}, "unreadable"},
		{"one bad among good", params{{cidrs, `["192.0.2.0/24","x"]`}}, "unreadable"},
		{"broken quotes that happen to be JSON", params{{cidrs, `["0.0.0.0/0\", 192.0.2.0/24"]`}}, "cidrs=0.0.0.0/0,192.0.2.0/24"},
		{"number in the list", params{{cidrs, `["192.0.2.0/24",0]`}}, "unreadable"},
		{"null in the list", params{{cidrs, `["192.0.2.0/24",null]`}}, "unreadable"},
		{"object", params{{cidrs, `{"cidrs":["192.0.2.0/24"]}`}}, "unreadable"},
		{"beginning lost", params{{cidrs, `"192.0.2.0/24"]`}}, "unreadable"},
		{"end lost", params{{cidrs, `["192.0.2.0/24"`}}, "unreadable"},
		{"too many", params{{cidrs, "[" + strings.Repeat(`"192.0.2.0/24",`, 1000) + `"::/0"]`}}, "unreadable"},
		{"as many as are read", params{{cidrs, "[" + strings.TrimSuffix(strings.Repeat(`"::/0",`, 64), ",") + "]"}}, "cidrs=" + strings.TrimSuffix(strings.Repeat("::/0,", 64), ",")},
		{"one more", params{{cidrs, "[" + strings.TrimSuffix(strings.Repeat(`"::/0",`, 65), ",") + "]"}}, "unreadable"},
		{"the readable ones stay", params{{public, "true"}, {private, "?"}, {cidrs, `["::/0"]`}}, "public=true cidrs=::/0 unreadable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := asked(cloudtrail.FromParams(tt.params)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestSpoiledListsAreNeverCut: whatever happens to the quotes of a list, either
// every CIDR of it is read or the request is unreadable.
func TestSpoiledListsAreNeverCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) netip.Prefix {
			b := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address")
			return netip.PrefixFrom(netip.AddrFrom4([4]byte(b)), rapid.IntRange(0, 32).Draw(t, "bits"))
		}), 1, 5).Draw(t, "cidrs")
		quotes := rapid.SampledFrom([]string{`"`, `\"`, `'`, `\`, ``})
		words := make([]string, len(want))
		for i, p := range want {
			words[i] = quotes.Draw(t, "before") + p.String() + quotes.Draw(t, "after")
		}
		text := "[" + strings.Join(words, rapid.SampledFrom([]string{",", ", ", " "}).Draw(t, "separator")) + "]"
		end := rapid.IntRange(0, len(text)).Draw(t, "end")
		r := cloudtrail.FromParams([]cloudtrail.Param{{Type: "PublicAccessCidrs", Value: text[:end]}})
		switch {
		case r.Unreadable && end == len(text):
			t.Fatalf("whole list unreadable: %s", text)
		case !r.Unreadable && (r.CIDRs == nil || !slices.Equal(*r.CIDRs, want)):
			t.Fatalf("%s read as %s", text[:end], fmt.Sprint(r.CIDRs))
		}
	})
}
