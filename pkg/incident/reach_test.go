package incident

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// scoped is a cluster under a rule that picks it out by a tag, and some others.
func scoped(t *testing.T, others ...policy.Rule) *desk {
	rule := closed("prod", policy.Enforce)
	rule.Match = &policy.Match{Tags: map[string]string{"environment": "prod"}}
	d := newDesk(t, &policy.Policy{Hash: "one", Rules: append([]policy.Rule{rule}, others...)}, private)
	d.cluster.Tags = map[string]string{"environment": "prod"}
	d.wakes().told("compliant")
	return d
}

func TestRulesThatAlertReachNothing(t *testing.T) {
	d := newDesk(t, tell, private)
	d.wakes().told("compliant")
	if d.r.Reach != nil {
		t.Errorf("%+v", d.r.Reach)
	}
}

func TestLeavingOneRuleOfTwo(t *testing.T) {
	inside := policy.Rule{Name: "inside", Require: policy.Requirement{PrivateAccess: true}, Respond: policy.Enforce}
	for name, tc := range map[string]struct {
		others  []policy.Rule
		want    bool
		outcome Outcome
	}{
		"the last":            {nil, false, OutOfScope},
		"one that enforces":   {[]policy.Rule{inside}, true, ""},
		"one that is unmoved": {[]policy.Rule{closed("all", policy.Alert)}, false, OutOfScope},
	} {
		t.Run(name, func(t *testing.T) {
			d := scoped(t, tc.others...)
			d.cluster.Tags = nil
			d.wakes()
			if len(d.mails) != 1 || d.mails[0].Record.Left.Enforced != tc.want || d.mails[0].Outcome() != tc.outcome {
				t.Errorf("%v: %+v", d.log, d.mails)
			}
		})
	}
}

// TestLeavingUnderANewPolicy: that the policy changed in between, and not the
// rules, makes it no less news.
func TestLeavingUnderANewPolicy(t *testing.T) {
	d := scoped(t)
	again := *d.policy
	again.Hash = "two"
	d.policy = &again
	d.wakes().told("compliant")
	d.cluster.Tags = nil
	d.wakes().told("mails left", "out-of-scope")
}

func TestWhoTookTheClusterOut(t *testing.T) {
	alice := cloudtrail.Actor{Type: "IAMUser", Name: "alice"}
	changed := map[string]string{}
	var keys []string
	for n := range 12 {
		key := fmt.Sprintf("key-%02d", n)
		changed[key] = "x"
		if n < 10 {
			keys = append(keys, key)
		}
	}
	for name, tc := range map[string]struct {
		event cloudtrail.Event
		by    *Cause
		tags  []string
	}{
		"tags that were set": {
			cloudtrail.Event{ID: "e1", Name: cloudtrail.TagResource, Time: start, ChangedTags: map[string]string{"team": "x", "environment": "test"}, Actor: alice},
			&Cause{Call: "TagResource", EventID: "e1", At: start, Actor: alice}, []string{"environment", "team"},
		},
		"tags that were removed": {
			cloudtrail.Event{ID: "e1", Name: cloudtrail.UntagResource, Time: start, RemovedTags: []string{"environment"}, Actor: alice},
			&Cause{Call: "UntagResource", EventID: "e1", At: start, Actor: alice}, []string{"environment"},
		},
		"many tags": {
			cloudtrail.Event{ID: "e1", Name: cloudtrail.TagResource, Time: start, ChangedTags: changed, Actor: alice},
			&Cause{Call: "TagResource", EventID: "e1", At: start, Actor: alice}, keys,
		},
		"another call": {
			cloudtrail.Event{ID: "e1", Name: cloudtrail.UpdateClusterConfig, Time: start, Asked: endpoint.Request{}, Actor: alice}, nil, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := scoped(t)
			d.cluster.Tags = map[string]string{"environment": "test"}
			maps.Copy(d.cluster.Tags, tc.event.ChangedTags)
			for _, key := range tc.event.RemovedTags {
				delete(d.cluster.Tags, key)
			}
			d.comes(&tc.event)
			if len(d.mails) != 1 {
				t.Fatal(d.log)
			}
			left := d.mails[0].Record.Left
			if diff := cmp.Diff(tc.by, left.By); diff != "" {
				t.Errorf("by (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.tags, left.Tags); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
}
