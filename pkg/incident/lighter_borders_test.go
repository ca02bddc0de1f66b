package incident

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// toldStory is an incident that takes so many bytes, and cannot be told more briefly.
func toldStory(bytes int) *Incident {
	i := &Incident{}
	i.Stage = Stage(strings.Repeat("x", bytes-length(i)))
	return i
}

// TestWhichStoriesThereIsRoomFor: the newest, up to 48 KiB; none before one that went.
func TestWhichStoriesThereIsRoomFor(t *testing.T) {
	const all = 48 << 10
	for name, tc := range map[string]struct {
		bytes []int // of each, 0 for a closing without one
		want  []bool
	}{
		"none":                     {nil, nil},
		"one that just fits":       {[]int{all}, []bool{true}},
		"one that is too long":     {[]int{all + 1}, []bool{false}},
		"two that just fit":        {[]int{all - 1000, 1000}, []bool{true, true}},
		"two that do not":          {[]int{all - 999, 1000}, []bool{false, true}},
		"one that would fit again": {[]int{200, all, 1000}, []bool{false, false, true}},
		"with closings without":    {[]int{1000, 0, 1000, 0}, []bool{true, false, true, false}},
		"the newest is too long":   {[]int{200, all + 1}, []bool{false, false}},
		"three":                    {[]int{all / 2, all / 4, all / 4}, []bool{true, true, true}},
	} {
		var closings []Closing
		for _, bytes := range tc.bytes {
			c := Closing{}
			if bytes > 0 {
				c.Story = toldStory(bytes)
			}
			closings = append(closings, c)
		}
		keepStories(closings)
		var kept []bool
		for _, c := range closings {
			kept = append(kept, c.Story != nil)
		}
		if !slices.Equal(kept, tc.want) {
			t.Errorf("%s: %v", name, kept)
		}
	}
}

// TestWhichStoryIsToldBriefly: the newest, if there is no room for it as it is.
func TestWhichStoryIsToldBriefly(t *testing.T) {
	calls := func(n, bytes int) *Incident {
		i := &Incident{}
		for k := range n {
			i.Causes = append(i.Causes, Cause{UpdateID: fmt.Sprint("u", k)})
			i.Attempts = append(i.Attempts, Attempt{Number: k + 1})
		}
		i.Rules = []RuleNote{{Description: "d"}}
		i.Rules[0].Description = strings.Repeat("x", bytes-length(i)+1)
		return i
	}
	briefly := func(c Closing) bool { return c.Story != nil && len(c.Story.Rules[0].Description) < 200 }
	closings := []Closing{{Story: calls(10, 20<<10)}, {Story: calls(10, 48<<10)}}
	if keepStories(closings); briefly(closings[1]) || closings[1].Story == nil || closings[0].Story != nil {
		t.Error("one that just fits is told briefly")
	}
	closings = []Closing{{Story: calls(10, 20<<10)}, {Story: calls(10, 48<<10+1)}, {}}
	keepStories(closings)
	if !briefly(closings[1]) || closings[0].Story == nil || briefly(closings[0]) {
		t.Errorf("%+v", closings)
	}
	var got []string
	for _, c := range closings[1].Story.Causes {
		got = append(got, c.UpdateID)
	}
	for _, a := range closings[1].Story.Attempts {
		got = append(got, fmt.Sprint(a.Number))
	}
	if !slices.Equal(got, []string{"u0", "u8", "u9", "8", "9", "10"}) {
		t.Errorf("%q", got)
	}
	// Nor is one briefly told that is not the newest.
	closings = []Closing{{Story: calls(10, 48<<10+1)}, {Story: toldStory(1000)}}
	if keepStories(closings); closings[0].Story != nil || closings[1].Story == nil {
		t.Errorf("%+v", closings)
	}
	if s := calls(3, 9000).brief(); len(s.Causes) != 3 || len(s.Attempts) != 3 {
		t.Errorf("%+v", s)
	}
	if s := calls(4, 9000).brief(); len(s.Causes) != 3 || s.Causes[0].UpdateID != "u0" || s.Causes[1].UpdateID != "u2" || len(s.Attempts) != 3 {
		t.Errorf("%+v", s)
	}
}

// TestWhatALighterRecordLeavesOut of lists and long texts.
func TestWhatALighterRecordLeavesOut(t *testing.T) {
	long := strings.Repeat("x", 500)
	actor := cloudtrail.Actor{
		Type: long, Name: long, ARN: long, Role: long, RoleARN: long, Session: long,
		SourceIdentity: long, InvokedBy: long, SourceIP: long, UserAgent: long, AccessKeyID: long,
	}
	errs := slices.Repeat([]endpoint.UpdateError{{Code: "c", Message: long}}, 4)
	cause := Cause{UpdateID: "u", EventID: long, Actor: actor, Errors: errs}
	note := RuleNote{
		Name: "n", Description: long, Held: long, Reasons: slices.Repeat([]string{long}, 4),
		Found: slices.Repeat([]Finding{{Kind: verdict.TooWide, CIDRs: cidrs("10.0.0.0/8", "10.0.0.0/9", "10.0.0.0/10", "10.0.0.0/11", "10.0.0.0/12", "10.0.0.0/13")}}, 4),
	}
	rules := slices.Repeat([]RuleNote{note}, 12)
	rules[11].Name, rules[11].Respond = "enforces", policy.Enforce
	r := Record{
		Closings: []Closing{{Story: &Incident{}, By: long}}, Watch: []Cause{cause},
		Incident: &Incident{
			Rules: rules, Causes: []Cause{cause},
			Attempts: []Attempt{{Kept: note.Reasons, Warnings: note.Reasons, Dropped: note.Found[0].CIDRs, Errors: errs}},
			Final:    &Final{Left: rules, Kept: note.Reasons, Warn: note.Reasons, UndoneBy: &cause},
		},
		Standing: &Standing{Rules: rules}, Left: &Departure{By: &cause},
	}
	before := size(t, r)
	l := r.Lighter()
	text := func(what, s string, want int) {
		t.Helper()
		if s != long[:want]+"…" {
			t.Errorf("%s has %d bytes", what, len(s))
		}
	}
	texts := func(what string, s []string) {
		t.Helper()
		if len(s) != 3 {
			t.Errorf("%s: %d are kept", what, len(s))
		}
		for _, s := range s {
			text(what, s, 120)
		}
	}
	call := func(what string, c Cause) {
		t.Helper()
		a := c.Actor
		for n, s := range []string{a.Type, a.Name, a.ARN, a.Role, a.RoleARN, a.Session, a.SourceIdentity, a.InvokedBy, a.SourceIP, a.UserAgent, a.AccessKeyID, c.EventID} {
			text(fmt.Sprint(what, n), s, 64)
		}
		if len(c.Errors) != 3 || c.UpdateID != "u" {
			t.Errorf("%s: %+v", what, c)
		}
		for _, e := range c.Errors {
			text(what, e.Message, 64)
		}
	}
	ruleNotes := func(what string, notes []RuleNote) {
		t.Helper()
		if len(notes) != 10 || notes[0].Name != "enforces" || notes[1].Name != "n" {
			t.Errorf("%s: %d rules are kept", what, len(notes))
		}
		for _, n := range notes {
			text(what, n.Description, 120)
			text(what, n.Held, 120)
			texts(what, n.Reasons)
			if len(n.Found) != 3 || len(n.Found[0].CIDRs) != 5 || len(n.Found[2].CIDRs) != 5 {
				t.Errorf("%s: found %v", what, n.Found)
			}
		}
	}
	if c := l.Closings[0]; c.Story != nil {
		t.Error("the toldStory is kept")
	} else {
		text("who opened it", c.By, 64)
	}
	call("followed", l.Watch[0])
	call("a cause", l.Incident.Causes[0])
	call("who undid it", *l.Incident.Final.UndoneBy)
	call("who took it out", *l.Left.By)
	ruleNotes("the incident", l.Incident.Rules)
	ruleNotes("its end", l.Incident.Final.Left)
	ruleNotes("what stands", l.Standing.Rules)
	texts("kept", l.Incident.Final.Kept)
	texts("warned", l.Incident.Final.Warn)
	a := l.Incident.Attempts[0]
	texts("kept by an attempt", a.Kept)
	texts("warned of an attempt", a.Warnings)
	if len(a.Dropped) != 5 || len(a.Errors) != 3 {
		t.Errorf("%+v", a)
	}
	for _, e := range a.Errors {
		text("an error", e.Message, 120)
	}
	if size(t, r) != before {
		t.Error("the record itself was changed")
	}
	// What is short stays, whatever there is none of.
	small := Record{
		Closings: []Closing{{By: "alice"}}, Watch: []Cause{{EventID: "e", Errors: errs[:1]}},
		Incident: &Incident{Final: &Final{}, Attempts: []Attempt{{Kept: []string{"k"}}}}, Standing: &Standing{}, Left: &Departure{},
	}
	l = small.Lighter()
	if l.Closings[0].By != "alice" || l.Watch[0].EventID != "e" || len(l.Watch[0].Errors) != 1 || l.Incident.Attempts[0].Kept[0] != "k" || l.Left.By != nil {
		t.Errorf("%+v", l)
	}
	if l := (Record{}).Lighter(); l.Incident != nil || l.Standing != nil || l.Left != nil {
		t.Errorf("%+v", l)
	}
}

// TestTextsAreCut at a rune's border.
func TestTextsAreCut(t *testing.T) {
	for _, tc := range []struct {
		s    string
		to   int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"", 0, ""}, {"aé", 2, "a…"}, {"aéb", 3, "aé…"}} {
		if got := cut(tc.s, tc.to); got != tc.want {
			t.Errorf("%q to %d: %q", tc.s, tc.to, got)
		}
	}
}

// TestTheOrderOfRulesThatEnforce stays, and they come first.
func TestTheOrderOfRulesThatEnforce(t *testing.T) {
	const a, e, r = policy.Alert, policy.Enforce, policy.Revert
	for _, tc := range []struct {
		responds []policy.Response
		want     string
	}{
		{nil, "[]"}, {[]policy.Response{e, a}, "[0 1]"}, {[]policy.Response{a, e}, "[1 0]"}, {[]policy.Response{a, a}, "[0 1]"},
		{[]policy.Response{a, e, a, r, e, a}, "[1 3 4 0 2 5]"}, {[]policy.Response{e, r, a, a, e}, "[0 1 4 2 3]"},
	} {
		var in []RuleNote
		for n, respond := range tc.responds {
			in = append(in, RuleNote{Name: fmt.Sprint(n), Respond: respond})
		}
		if got := fmt.Sprint(names(lighterNotes(in))); got != tc.want {
			t.Errorf("%v: %s", tc.responds, got)
		}
	}
}

// TestHowMuchAnItemAdmits: 400 KB with its keys, of which the record leaves some. What
// cannot be written has no room.
func TestHowMuchAnItemAdmits(t *testing.T) {
	if MaxRecord != 389120 {
		t.Errorf("%d bytes", MaxRecord)
	}
	if got := length(&Incident{OpenedAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}); got <= maxStories {
		t.Errorf("%d bytes", got)
	}
}
