package endpoint

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func cidrs(words ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, w := range words {
		out = append(out, netip.MustParsePrefix(w))
	}
	return out
}

func TestEqual(t *testing.T) {
	on := func(words ...string) Access { return Access{Public: true, CIDRs: cidrs(words...)} }
	for name, tc := range map[string]struct {
		a, b Access
		want bool
	}{
		"order":                {on("192.0.2.0/24", "198.51.100.0/24"), on("198.51.100.0/24", "192.0.2.0/24"), true},
		"twice":                {on("192.0.2.0/24", "192.0.2.0/24"), on("192.0.2.0/24"), true},
		"host bits":            {on("192.0.2.9/24"), on("192.0.2.0/24"), true},
		"another block":        {on("192.0.2.0/24"), on("192.0.2.0/25"), false},
		"same set, two blocks": {on("192.0.2.0/24"), on("192.0.2.0/25", "192.0.2.128/25"), false},
		"list while off":       {Access{Private: true, CIDRs: cidrs("192.0.2.0/24")}, Access{Private: true}, true},
		"private":              {Access{Public: true, Private: true}, Access{Public: true}, false},
		"public":               {Access{Private: true}, Access{Public: true, Private: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.a.Equal(tc.b); got != tc.want {
				t.Errorf("%s Equal %s = %t, want %t", tc.a, tc.b, got, tc.want)
			}
			if got := tc.b.Equal(tc.a); got != tc.want {
				t.Errorf("not symmetric: %s, %s", tc.a, tc.b)
			}
		})
	}
}

func TestReachable(t *testing.T) {
	for name, tc := range map[string]struct {
		a       Access
		f       Family
		in, out []string
	}{
		"off":              {Access{Private: true, CIDRs: cidrs("0.0.0.0/0")}, IPv4, nil, []string{"192.0.2.1"}},
		"empty list":       {Access{Public: true}, IPv4, []string{"192.0.2.1", "0.0.0.0", "255.255.255.255"}, []string{"2001:db8::1"}},
		"empty list, IPv6": {Access{Public: true}, IPv6, []string{"192.0.2.1", "2001:db8::1"}, nil},
		"a list":           {Access{Public: true, CIDRs: cidrs("192.0.2.0/25")}, IPv6, []string{"192.0.2.127"}, []string{"192.0.2.128", "2001:db8::1"}},
	} {
		t.Run(name, func(t *testing.T) {
			set := tc.a.Reachable(tc.f)
			for _, s := range tc.in {
				if !set.Contains(netip.MustParseAddr(s)) {
					t.Errorf("%s does not reach %s", s, tc.a)
				}
			}
			for _, s := range tc.out {
				if set.Contains(netip.MustParseAddr(s)) {
					t.Errorf("%s reaches %s", s, tc.a)
				}
			}
		})
	}
}

func TestSubset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.Custom(func(t *rapid.T) netip.Prefix {
			return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(rapid.IntRange(0, 3).Draw(t, "a")), 0, 0, 0}), rapid.IntRange(0, 10).Draw(t, "bits"))
		})
		a := rapid.SliceOfN(prefix, 0, 4).Draw(t, "a")
		b := rapid.SliceOfN(prefix, 0, 4).Draw(t, "b")
		if !Subset(Set(a), Set(append(b, a...))) {
			t.Fatalf("%v does not lie in a set that has it", a)
		}
		want := true
		for _, p := range a {
			want = want && Set(b).ContainsPrefix(p.Masked())
		}
		if got := Subset(Set(a), Set(b)); got != want {
			t.Fatalf("Subset(%v, %v) = %t", a, b, got)
		}
	})
	if got := Set([]netip.Prefix{{}, netip.MustParsePrefix("0.0.0.0/0")}); !got.Contains(netip.MustParseAddr("192.0.2.1")) {
		t.Errorf("an invalid prefix hides the others: %v", got.Ranges())
	}
}

func TestJSON(t *testing.T) {
	for text, a := range map[string]Access{
		`{"public":true,"private":false,"cidrs":["192.0.2.0/24"]}`: {Public: true, CIDRs: cidrs("192.0.2.0/24")},
		`{"public":false,"private":true,"cidrs":[]}`:               {Private: true},
	} {
		data, err := json.Marshal(a)
		if err != nil || string(data) != text {
			t.Errorf("marshalled %s, %v; want %s", data, err, text)
		}
		var back Access
		if err := json.Unmarshal(data, &back); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(a, back, cmpopts.EquateComparable(netip.Prefix{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	var a Access
	if err := json.Unmarshal([]byte(`{"cidrs":["nonsense"]}`), &a); err == nil {
		t.Error("nonsense was read as a CIDR")
	}
}

func TestRequestOver(t *testing.T) {
	on, off := true, false
	list := cidrs("192.0.2.0/24")
	base := Access{Public: true, CIDRs: cidrs("0.0.0.0/0")}
	for name, tc := range map[string]struct {
		r    Request
		want Access
	}{
		"nothing": {Request{}, base},
		"all":     {Request{Public: &off, Private: &on, CIDRs: &list}, Access{Private: true, CIDRs: list}},
		"private": {Request{Private: &on}, Access{Public: true, Private: true, CIDRs: base.CIDRs}},
	} {
		t.Run(name, func(t *testing.T) {
			got := tc.r.Over(base)
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			got.CIDRs[0] = netip.MustParsePrefix("203.0.113.0/24")
			if base.CIDRs[0] != netip.MustParsePrefix("0.0.0.0/0") || list[0] != netip.MustParsePrefix("192.0.2.0/24") {
				t.Error("the result shares its list")
			}
		})
	}
	if (Request{Unreadable: true}).Empty() || !(Request{}).Empty() || (Request{Public: &on}).Empty() {
		t.Error("Empty is wrong")
	}
}

func TestOver(t *testing.T) {
	for status, want := range map[UpdateStatus]bool{UpdateInProgress: false, UpdateFailed: true, UpdateCancelled: true, UpdateSuccessful: true, "": false, "Paused": false} {
		if got := (Update{Status: status}).Over(); got != want {
			t.Errorf("an update %q is over: %t", status, got)
		}
	}
}

func TestWords(t *testing.T) {
	a := Access{Public: true, CIDRs: cidrs("192.0.2.0/24", "2001:db8::/32")}
	if got := a.String(); got != "public=true private=false cidrs=192.0.2.0/24,2001:db8::/32" {
		t.Error(got)
	}
	if got := (Access{Private: true, CIDRs: cidrs("0.0.0.0/0")}).String(); got != "public=false private=true" {
		t.Error(got)
	}
	c := Cluster{Name: "demo", Account: "111122223333", Region: "eu-west-1"}
	if got := c.String(); got != "demo (111122223333, eu-west-1)" {
		t.Error(got)
	}
	if got := ARN("aws", "eu-west-1", "111122223333", "demo"); got != "arn:aws:eks:eu-west-1:111122223333:cluster/demo" {
		t.Error(got)
	}
	if got := Unknown.String() + No.String() + Yes.String(); got != "unknownnoyes" {
		t.Error(got)
	}
	for name, want := range map[string]bool{"a": true, "A-b_9": true, "": false, "-a": false, "a b": false, "a\n": false} {
		if got := NamePattern.MatchString(name); got != want {
			t.Errorf("the name %q is admitted: %t", name, got)
		}
	}
}
