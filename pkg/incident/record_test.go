package incident

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

func TestARecordOfANewCluster(t *testing.T) {
	c := newDesk(t, enforce, private).cluster
	want := Record{Schema: 1, Cluster: c.ID, Name: "demo", Account: "111122223333", Region: "eu-west-1"}
	if diff := cmp.Diff(want, NewRecord(c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhetherARecordIsOpen(t *testing.T) {
	for name, tc := range map[string]struct {
		r    Record
		want bool
	}{
		"nothing":               {Record{}, false},
		"an incident":           {Record{Incident: &Incident{}}, true},
		"a call":                {Record{Watch: []Cause{{}}}, true},
		"both":                  {Record{Incident: &Incident{}, Watch: []Cause{{}, {}}}, true},
		"what stands is closed": {Record{Standing: &Standing{}}, false},
	} {
		if got := tc.r.Open(); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestACopyOfARecord shares nothing that is changed in place.
func TestACopyOfARecord(t *testing.T) {
	full := func() Record {
		return Record{
			Watch: []Cause{{UpdateID: "w"}}, Ours: []string{"o"}, Past: []string{"p"}, Closings: []Closing{{Ref: "c"}},
			Incident: &Incident{Ref: "i", Causes: []Cause{{UpdateID: "a"}}, Attempts: []Attempt{{Number: 1}}},
		}
	}
	r := full()
	c := r.clone()
	if diff := cmp.Diff(r, c, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("the copy differs (-want +got):\n%s", diff)
	}
	c.Watch[0].UpdateID, c.Ours[0], c.Past[0], c.Closings[0].Ref = "x", "x", "x", "x"
	c.Incident.Ref, c.Incident.Causes[0].UpdateID, c.Incident.Attempts[0].Number = "x", "x", 2
	if diff := cmp.Diff(full(), r, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("the record changed with its copy (-want +got):\n%s", diff)
	}
}

// TestWhatThingsAreCalled: short enough for people and for EKS, and the same each time.
func TestWhatThingsAreCalled(t *testing.T) {
	id := newDesk(t, enforce, private).cluster.ID
	ref := reference(id, "u1")
	if len(ref) != len("EG-")+8 || ref != reference(id, "u1") || ref == reference(id, "u2") {
		t.Errorf("the reference is %s", ref)
	}
	other := id
	other.CreatedAt = id.CreatedAt.Add(time.Second)
	if ref == reference(other, "u1") {
		t.Error("another cluster of the name has the same reference")
	}
	one := token(ref, 1, private)
	if len(one) != 32 || one != token(ref, 1, private) {
		t.Errorf("the token is %s", one)
	}
	for name, another := range map[string]string{
		"another incident": token("EG-", 1, private), "another attempt": token(ref, 2, private), "another access": token(ref, 1, office),
	} {
		if one == another {
			t.Errorf("%s has the same token", name)
		}
	}
}

// TestWhenAViolationIsAnother: whoever may reach the endpoint, or what rule objects to
// that, and how, is different.
func TestWhenAViolationIsAnother(t *testing.T) {
	violation := func(a endpoint.Access, rules ...verdict.RuleVerdict) verdict.Verdict {
		v := verdict.Verdict{Cluster: endpoint.Cluster{Access: a, Family: endpoint.IPv4}, Rules: rules}
		for i := range v.Rules {
			v.Rules[i].Violated = true
		}
		return v
	}
	rule := func(name string, respond policy.Response, kinds ...verdict.ReasonKind) verdict.RuleVerdict {
		r := verdict.RuleVerdict{Rule: policy.Rule{Name: name}, Response: respond}
		for _, kind := range kinds {
			r.Reasons = append(r.Reasons, verdict.Reason{Kind: kind, Text: "in words"})
		}
		return r
	}
	first := fingerprint(violation(world, rule("a", policy.Enforce, verdict.PublicOn), rule("b", policy.Enforce, verdict.PublicOn)))
	if len(first) != 16 {
		t.Errorf("%s", first)
	}
	halves := endpoint.Access{Public: true, Private: true, CIDRs: cidrs("0.0.0.0/1", "128.0.0.0/1")}
	for name, tc := range map[string]struct {
		v    verdict.Verdict
		same bool
	}{
		"the same":              {violation(world, rule("a", policy.Enforce, verdict.PublicOn), rule("b", policy.Enforce, verdict.PublicOn)), true},
		"another spelling":      {violation(halves, rule("a", policy.Enforce, verdict.PublicOn), rule("b", policy.Enforce, verdict.PublicOn)), true},
		"fewer may reach it":    {violation(office, rule("a", policy.Enforce, verdict.PublicOn), rule("b", policy.Enforce, verdict.PublicOn)), false},
		"without private":       {violation(exposed, rule("a", policy.Enforce, verdict.PublicOn), rule("b", policy.Enforce, verdict.PublicOn)), false},
		"one rule of the two":   {violation(world, rule("a", policy.Enforce, verdict.PublicOn)), false},
		"another rule":          {violation(world, rule("a", policy.Enforce, verdict.PublicOn), rule("c", policy.Enforce, verdict.PublicOn)), false},
		"another response":      {violation(world, rule("a", policy.Enforce, verdict.PublicOn), rule("b", policy.Alert, verdict.PublicOn)), false},
		"another reason":        {violation(world, rule("a", policy.Enforce, verdict.PublicOn), rule("b", policy.Enforce, verdict.TooWide)), false},
		"reasons of one rule":   {violation(world, rule("a", policy.Enforce, verdict.PublicOn+"b", "enforce", verdict.PublicOn)), false},
		"one more reason":       {violation(world, rule("a", policy.Enforce, verdict.PublicOn, verdict.TooWide), rule("b", policy.Enforce, verdict.PublicOn)), false},
		"no rule objects to it": {violation(world), false},
	} {
		if got := fingerprint(tc.v) == first; got != tc.same {
			t.Errorf("%s: the same: %t", name, got)
		}
	}
}

// TestWhatIsNotedOfARule: all that the mails tell, its reasons in words and in kinds.
func TestWhatIsNotedOfARule(t *testing.T) {
	got := notes([]verdict.RuleVerdict{{
		Rule: policy.Rule{Name: "a", Description: "b"}, Response: policy.Alert, Held: "new", GraceUntil: start,
		Reasons: []verdict.Reason{{Kind: verdict.PublicOn, Text: "one"}, {Kind: verdict.TooWide, Text: "two", CIDRs: cidrs("192.0.2.0/24")}},
	}})
	want := []RuleNote{{
		Name: "a", Description: "b", Respond: policy.Alert, Held: "new", HeldUntil: start, Reasons: []string{"one", "two"},
		Found: []Finding{{Kind: verdict.PublicOn}, {Kind: verdict.TooWide, CIDRs: cidrs("192.0.2.0/24")}},
	}}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatIsRememberedOfIds: each once, and the last thirty.
func TestWhatIsRememberedOfIds(t *testing.T) {
	for _, tc := range []struct {
		ids  []string
		id   string
		want []string
	}{
		{nil, "a", []string{"a"}}, {[]string{"a"}, "b", []string{"a", "b"}}, {[]string{"a", "b"}, "a", []string{"a", "b"}}, {[]string{"a"}, "", []string{"a"}},
	} {
		if got := remember(tc.ids, tc.id); !slices.Equal(got, tc.want) {
			t.Errorf("%q and %q: %q", tc.ids, tc.id, got)
		}
	}
	var ids []string
	for n := range 32 {
		ids = remember(ids, fmt.Sprint(n))
	}
	if len(ids) != 30 || ids[0] != "2" || ids[29] != "31" {
		t.Errorf("%q", ids)
	}
}

// TestARecordThatNoGuardrailWrote is not gone on from.
func TestARecordThatNoGuardrailWrote(t *testing.T) {
	outcome := &Intent{Kind: IntentTell, Notice: NoticeOutcome}
	for name, tc := range map[string]struct {
		r     Record
		sound bool
	}{
		"a new one":                     {Record{}, true},
		"with counts":                   {Record{Opened: 1, Check: Check{Number: 1}, Trouble: 1}, true},
		"less than no incident":         {Record{Opened: -1}, false},
		"less than no check":            {Record{Check: Check{Number: -1}}, false},
		"less than no failure":          {Record{Trouble: -1}, false},
		"it left a rule":                {Record{Left: &Departure{Rules: []string{"a"}}}, true},
		"it left no rule":               {Record{Left: &Departure{}}, false},
		"an outcome is mailed":          {Record{Incident: &Incident{Final: &Final{}}, Intent: outcome}, true},
		"an outcome that is not there":  {Record{Incident: &Incident{}, Intent: outcome}, false},
		"an outcome of what is closed":  {Record{Intent: outcome}, true},
		"a discovery is mailed":         {Record{Incident: &Incident{}, Intent: &Intent{Kind: IntentTell, Notice: NoticeDetected}}, true},
		"an incident of nothing so far": {Record{Incident: &Incident{}}, true},
	} {
		if err := tc.r.Sound(); (err == nil) != tc.sound {
			t.Errorf("%s: %v", name, err)
		}
	}
}
