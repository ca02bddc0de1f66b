package incident

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// TestAnItemHasRoomForItsKeys: an item's keys and other attributes count, too.
func TestAnItemHasRoomForItsKeys(t *testing.T) {
	const item, rest = 400_000, 10 << 10
	if MaxRecord+rest > item {
		t.Errorf("a record of %d bytes leaves %d for the rest of its item, want %d", MaxRecord, item-MaxRecord, rest)
	}
}

// story is a short story that a brief one would be without some calls of.
func story(ref string) *Incident {
	i := &Incident{Ref: ref}
	for n := range 5 {
		i.Causes = append(i.Causes, Cause{EventID: fmt.Sprint("event-", n)})
	}
	return i
}

// padded makes a story take so many bytes.
func padded(i *Incident, to int) *Incident {
	i.Stage = Stage(strings.Repeat("x", to-length(i)))
	return i
}

// unwritable is a story that JSON has no text for.
func unwritable() *Incident { return &Incident{OpenedAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)} }

func TestWhichStoriesAreKept(t *testing.T) {
	const room = 48 << 10
	for name, tc := range map[string]struct {
		stories []*Incident // the newest last
		want    []string    // "whole", "brief" or "gone"
	}{
		"all that fit":                        {[]*Incident{story("EG-1"), story("EG-2")}, []string{"whole", "whole"}},
		"one that fills the room":             {[]*Incident{padded(story("EG-1"), room)}, []string{"whole"}},
		"one that is a byte longer":           {[]*Incident{padded(story("EG-1"), room+1)}, []string{"brief"}},
		"two that fill it":                    {[]*Incident{padded(story("EG-1"), room-1000), padded(story("EG-2"), 1000)}, []string{"whole", "whole"}},
		"two that are a byte longer":          {[]*Incident{padded(story("EG-1"), room-999), padded(story("EG-2"), 1000)}, []string{"gone", "whole"}},
		"an older one is not told briefly":    {[]*Incident{padded(story("EG-1"), room-950), padded(story("EG-2"), 1000)}, []string{"gone", "whole"}},
		"none before one that is gone":        {[]*Incident{story("EG-1"), padded(story("EG-2"), room), story("EG-3")}, []string{"gone", "gone", "whole"}},
		"a closing without a story":           {[]*Incident{story("EG-1"), nil, story("EG-3")}, []string{"whole", "gone", "whole"}},
		"the newest that there is":            {[]*Incident{padded(story("EG-1"), room+1), nil}, []string{"brief", "gone"}},
		"one that cannot be written":          {[]*Incident{unwritable()}, []string{"gone"}},
		"none before one that cannot be told": {[]*Incident{story("EG-1"), unwritable()}, []string{"gone", "gone"}},
	} {
		t.Run(name, func(t *testing.T) {
			var closings []Closing
			for _, s := range tc.stories {
				closings = append(closings, Closing{Story: s})
			}
			keepStories(closings)
			var got []string
			for i, c := range closings {
				switch c.Story {
				case nil:
					got = append(got, "gone")
				case tc.stories[i]:
					got = append(got, "whole")
				default:
					got = append(got, "brief")
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestABriefStory has the call that opened it, and the last calls and attempts.
func TestABriefStory(t *testing.T) {
	for name, tc := range map[string]struct {
		n                int
		events, attempts string
	}{
		"of five":  {5, "0 3 4", "2 3 4"},
		"of four":  {4, "0 2 3", "1 2 3"},
		"of three": {3, "0 1 2", "0 1 2"},
		"of two":   {2, "0 1", "0 1"},
		"of one":   {1, "0", "0"},
		"of none":  {0, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var i Incident
			for n := range tc.n {
				i.Causes, i.Attempts = append(i.Causes, Cause{EventID: fmt.Sprint(n)}), append(i.Attempts, Attempt{Number: n})
			}
			var events, attempts []string
			for _, c := range i.brief().Causes {
				events = append(events, c.EventID)
			}
			for _, a := range i.brief().Attempts {
				attempts = append(attempts, fmt.Sprint(a.Number))
			}
			if got := strings.Join(events, " "); got != tc.events {
				t.Errorf("calls %s, want %s", got, tc.events)
			}
			if got := strings.Join(attempts, " "); got != tc.attempts {
				t.Errorf("attempts %s, want %s", got, tc.attempts)
			}
		})
	}
}

// TestWhatALighterRecordKeeps of each list and text.
func TestWhatALighterRecordKeeps(t *testing.T) {
	long := strings.Repeat("y", 500)
	text, short := strings.Repeat("y", 120)+"…", strings.Repeat("y", 64)+"…"
	cidrs := func(n int) (out []netip.Prefix) {
		for i := range n {
			out = append(out, netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 32))
		}
		return out
	}
	errs := func(n int, message string) (out []endpoint.UpdateError) {
		for range n {
			out = append(out, endpoint.UpdateError{Code: "x", Message: message})
		}
		return out
	}
	texts := func(n int, s string) (out []string) {
		for range n {
			out = append(out, s)
		}
		return out
	}
	note := func(n, cidr int, s string) RuleNote {
		r := RuleNote{Name: "rule", Respond: policy.Enforce, Description: s, Held: s, Reasons: texts(n, s)}
		for range n {
			r.Found = append(r.Found, Finding{CIDRs: cidrs(cidr)})
		}
		return r
	}
	notes := func(n int, r RuleNote) (out []RuleNote) {
		for range n {
			out = append(out, r)
		}
		return out
	}
	cause := func(n int, s string) Cause {
		return Cause{Call: "UpdateClusterConfig", EventID: s, Errors: errs(n, s), Actor: cloudtrail.Actor{
			Type: s, Name: s, ARN: s, Role: s, RoleARN: s, Session: s, SourceIdentity: s, InvokedBy: s, SourceIP: s, UserAgent: s, AccessKeyID: s,
		}}
	}
	record := func(rules, few, cidr, errors int, s, short string) Record {
		c := cause(errors, short)
		return Record{
			Schema: Schema, Watch: []Cause{c},
			Closings: []Closing{{Ref: "EG-1", By: short}},
			Standing: &Standing{Rules: notes(rules, note(few, cidr, s))},
			Left:     &Departure{Ref: "EG-2", By: &c},
			Incident: &Incident{
				Causes: []Cause{c}, Rules: notes(rules, note(few, cidr, s)),
				Attempts: []Attempt{{Kept: texts(few, s), Warnings: texts(few, s), Dropped: cidrs(cidr), Errors: errs(errors, s)}},
				Final:    &Final{Left: notes(rules, note(few, cidr, s)), Kept: texts(few, s), Warn: texts(few, s), UndoneBy: &c},
			},
		}
	}
	heavy := record(20, 8, 9, 7, long, long)
	heavy.Closings[0].Story = story("EG-1")
	want := record(10, 3, 5, 3, text, short)
	same := cmpopts.EquateComparable(netip.Prefix{})
	if diff := cmp.Diff(want, heavy.Lighter(), same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again := record(20, 8, 9, 7, long, long)
	again.Closings[0].Story = story("EG-1")
	if diff := cmp.Diff(again, heavy, same); diff != "" {
		t.Errorf("the record itself was changed (-was +is):\n%s", diff)
	}
	// What is no longer than that stays as it is.
	light := record(10, 3, 5, 3, strings.Repeat("y", 120), strings.Repeat("y", 64))
	if diff := cmp.Diff(light, light.Lighter(), same); diff != "" {
		t.Errorf("a light record (-want +got):\n%s", diff)
	}
	little := Record{Schema: Schema, Incident: &Incident{Ref: "EG-1"}, Standing: &Standing{}, Left: &Departure{Ref: "EG-2"}}
	if diff := cmp.Diff(little, little.Lighter(), same, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("a record with little in it (-want +got):\n%s", diff)
	}
}

func TestRulesThatEnforceAreKeptFirst(t *testing.T) {
	var notes []RuleNote
	for n, respond := range []policy.Response{policy.Alert, policy.Revert, policy.Alert, policy.Enforce, policy.Revert, policy.Alert} {
		notes = append(notes, RuleNote{Name: fmt.Sprint(n), Respond: respond})
	}
	var got []string
	for _, n := range lighterNotes(notes) {
		got = append(got, n.Name)
	}
	if diff := cmp.Diff("1 3 4 0 2 5", strings.Join(got, " ")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTextsAreCutAtTheBorderOfALetter(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"shorter":         {"ab", "ab"},
		"just as long":    {"abcd", "abcd"},
		"longer":          {"abcde", "abcd…"},
		"within a letter": {"abcéd", "abc…"},
	} {
		if got := cut(tc.text, 4); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
