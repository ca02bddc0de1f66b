package incident

import (
	"fmt"
	"slices"
	"testing"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// twoTags is a policy of a rule for each of two tags.
func twoTags() *policy.Policy {
	one, two := closed("one", policy.Enforce), closed("two", policy.Revert)
	one.Match = &policy.Match{Tags: map[string]string{"one": "*"}}
	two.Match = &policy.Match{Tags: map[string]string{"two": "*"}}
	return &policy.Policy{Hash: "hash", Rules: []policy.Rule{one, two}}
}

// TestWhichRulesEnforce is noted of a cluster that any has ever been about.
func TestWhichRulesEnforce(t *testing.T) {
	d := newDesk(t, twoTags(), private)
	d.wakes()
	if d.r.Reach != nil {
		t.Errorf("%+v", d.r.Reach)
	}
	d.cluster.Tags = map[string]string{"one": "1", "two": "2"}
	d.wakes()
	if r := d.r.Reach; r == nil || r.Policy != "hash" || r.Alerting || !slices.Equal(r.Rules, []string{"one", "two"}) {
		t.Errorf("%+v", r)
	}
	d.cluster.Tags = nil
	d.wakes()
	if r := d.r.Reach; r == nil || len(r.Rules) != 0 {
		t.Errorf("%+v", r)
	}
}

// TestLeavingOneOfTwoRules: the other still enforces.
func TestLeavingOneOfTwoRules(t *testing.T) {
	d := newDesk(t, twoTags(), private)
	d.cluster.Tags = map[string]string{"one": "1", "two": "2"}
	d.wakes()
	d.cluster.Tags = map[string]string{"two": "2"}
	e := &cloudtrail.Event{ID: "e", Name: cloudtrail.UntagResource, Time: start, RemovedTags: []string{"one"}}
	for n := range 12 {
		e.RemovedTags = append(e.RemovedTags, fmt.Sprint("t", n))
	}
	d.comes(e)
	left := d.mails[0].Record.Left
	if !left.Enforced || !slices.Equal(left.Rules, []string{"one"}) || !left.Now.Equal(private) || d.mails[0].Outcome() != "" {
		t.Errorf("%+v", left)
	}
	if len(left.Tags) != 10 || left.Tags[0] != "one" {
		t.Errorf("%q", left.Tags)
	}
}

// TestWhoTookItOutOfARule is told of a call that changes tags, and of no other.
func TestWhoTookItOutOfARule(t *testing.T) {
	for name, tc := range map[string]struct {
		call string
		want bool
	}{"a tag is set": {cloudtrail.TagResource, true}, "a tag is removed": {cloudtrail.UntagResource, true}, "something else": {cloudtrail.DeleteCluster, false}} {
		d := newDesk(t, twoTags(), private)
		d.cluster.Tags = map[string]string{"one": "1"}
		d.wakes()
		d.cluster.Tags = map[string]string{"b": "2", "a": "1"}
		d.comes(&cloudtrail.Event{ID: "e", Name: tc.call, Time: start, ChangedTags: d.cluster.Tags, RemovedTags: []string{"one"}})
		left := d.mails[0].Record.Left
		if (left.By != nil) != tc.want || tc.want && (left.By.EventID != "e" || left.By.Call != tc.call || !slices.Equal(left.Tags, []string{"a", "b", "one"})) {
			t.Errorf("%s: %+v, %+v", name, left, left.By)
		}
	}
}
