package incident

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

func size(t *testing.T, v any) int {
	t.Helper()
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return text.Len()
}

// fat is an incident in which everything is as long as it can be.
func fat(ref string, rules int) *Incident {
	// A letter that JSON escapes, as long as foreign text is kept.
	long := strings.Repeat(`"`, 1024)
	cidrs := func(n int) (out []netip.Prefix) {
		for i := range n {
			out = append(out, netip.MustParsePrefix(fmt.Sprintf("2001:1234:5678:9abc:def0:1234:5678:%x/128", 0x1000+i)))
		}
		return out
	}
	actor := cloudtrail.Actor{
		Type: long, Name: long, ARN: long, Role: long, RoleARN: long, Session: long,
		SourceIdentity: long, InvokedBy: long, SourceIP: long, UserAgent: long, AccessKeyID: long,
	}
	access := endpoint.Access{Public: true, Private: true, CIDRs: cidrs(40)}
	yes, asked := true, cidrs(64)
	cause := Cause{
		Call: "UpdateClusterConfig", EventID: long, UpdateID: long[:36], Actor: actor, At: time.Unix(1, 0),
		Asked: endpoint.Request{Public: &yes, Private: &yes, CIDRs: &asked},
	}
	var notes []RuleNote
	for i := range rules {
		n := RuleNote{Name: fmt.Sprintf("%03d%s", i, strings.Repeat(`"`, 97)), Description: long + long, Respond: policy.Enforce, Held: long}
		for range 8 {
			n.Reasons = append(n.Reasons, long+long)
			n.Found = append(n.Found, Finding{Kind: verdict.TooWide, CIDRs: cidrs(40)})
		}
		notes = append(notes, n)
	}
	notes[0].Respond = policy.Alert
	i := &Incident{Ref: ref, Opening: access, Asked: &access, Before: &Seen{Access: access}, Rules: notes}
	for range maxCauses {
		i.Causes = append(i.Causes, cause)
		i.Attempts = append(i.Attempts, Attempt{
			From: access, Desired: access, Token: long[:64], UpdateID: long[:36], Dropped: cidrs(40),
			Kept: []string{long, long, long, long}, Warnings: []string{long, long, long, long},
			Errors: []endpoint.UpdateError{{Code: "x", Message: long}, {Message: long}, {Message: long}, {Message: long}},
		})
	}
	i.Final = &Final{Outcome: PartlyEnforced, Now: access, Left: notes, Kept: []string{long}, Warn: []string{long}}
	return i
}

func TestTheLongestRecordFitsIntoAnItem(t *testing.T) {
	i := fat("EG-AAAAAAAA", 200)
	r := Record{Schema: Schema, Name: strings.Repeat("n", 100), Incident: i}
	r.Standing = &Standing{Rules: i.Rules, Now: &i.Opening}
	for range maxUpdates {
		r.Watch = append(r.Watch, i.Causes[0])
		r.Ours = append(r.Ours, i.Causes[0].UpdateID)
		r.Past = append(r.Past, i.Causes[0].UpdateID)
	}
	for range maxClosings {
		r.Closings = append(r.Closings, Closing{Ref: i.Ref, Outcome: Enforced, By: i.Causes[0].Actor.UserAgent, Story: &Incident{Ref: i.Ref}})
	}
	before := size(t, r)
	light := r.Lighter()
	if n := size(t, light); n > MaxRecord {
		t.Errorf("the lighter record takes %d bytes, more than %d", n, MaxRecord)
	}
	if size(t, r) != before {
		t.Error("the record itself was changed")
	}
	if len(light.Watch) != maxUpdates || len(light.Closings) != maxClosings || len(light.Incident.Attempts) != maxCauses {
		t.Error("what decisions rest on was dropped")
	}
	if got := len(*light.Watch[0].Asked.CIDRs); got != 64 {
		t.Errorf("a list that was asked for has %d CIDRs, want all 64", got)
	}
	if first := light.Incident.Rules[0]; !first.Respond.Enforcing() {
		t.Errorf("rule %q stayed before one that enforces", first.Name)
	}
}

func TestStoriesStayWithinTheirBound(t *testing.T) {
	one := Closing{Ref: "EG-AAAAAAAA", Story: &Incident{Ref: "EG-AAAAAAAA", Stage: Stage(strings.Repeat("x", 9<<10))}}
	var closings []Closing
	for range 8 {
		closings = append(closings, one)
	}
	keepStories(closings)
	var kept []bool
	for _, c := range closings {
		kept = append(kept, c.Story != nil)
	}
	if want := []bool{false, false, false, true, true, true, true, true}; fmt.Sprint(kept) != fmt.Sprint(want) {
		t.Errorf("kept the stories %v, want %v", kept, want)
	}
	if len(closings) != 8 || closings[0].Ref != "EG-AAAAAAAA" {
		t.Error("a closing went with its story")
	}
}

// TestTheNewestStoryIsToldBriefly holds that an incident too long for the bound
// keeps the heart of its story, and takes that of those before it.
func TestTheNewestStoryIsToldBriefly(t *testing.T) {
	long := strings.Repeat("x", 1024)
	i := fat("EG-AAAAAAAA", 200)
	for k := range i.Rules {
		i.Rules[k] = RuleNote{Name: fmt.Sprintf("rule-%03d", k), Respond: policy.Enforce, Description: long, Reasons: []string{long}}
	}
	i.Final.Left = i.Rules
	for k := range i.Causes {
		i.Causes[k].EventID = fmt.Sprintf("event-%d", k)
		i.Causes[k].Actor = cloudtrail.Actor{Name: "alice", ARN: "arn:aws:iam::111122223333:user/alice", UserAgent: long}
		i.Attempts[k].Number, i.Attempts[k].UpdateID = k+1, fmt.Sprintf("update-%d", k)
	}
	if n := length(i); n <= maxStories {
		t.Fatalf("the story takes only %d bytes", n)
	}
	was := length(i)
	closings := []Closing{{Ref: "EG-BBBBBBBB", Story: &Incident{Ref: "EG-BBBBBBBB", Stage: Stage(strings.Repeat("x", maxStories))}}, {Ref: i.Ref, Story: i}}
	keepStories(closings)
	s := closings[1].Story
	if s == nil || length(s) > maxStories || closings[0].Story != nil {
		t.Fatalf("kept are the stories %v and %v", closings[0].Story, s)
	}
	if s.Causes[0].EventID != "event-0" || s.Causes[len(s.Causes)-1].EventID != "event-9" || s.Causes[0].Actor.Name != "alice" {
		t.Errorf("who opened it is lost: %+v", s.Causes)
	}
	if last := s.Attempts[len(s.Attempts)-1]; last.UpdateID != "update-9" || len(s.Rules) == 0 || s.Opening.CIDRs == nil || s.Final == nil || s.Final.Outcome != PartlyEnforced {
		t.Errorf("the end of it is lost: %+v", s)
	}
	if length(i) != was {
		t.Error("the incident itself was changed")
	}
}

// TestRecordFromBeforeStories holds that a record without what newer ones have
// is read as it was meant.
func TestRecordFromBeforeStories(t *testing.T) {
	const old = `{"schema":1,"version":3,"cluster":{},"name":"demo","account":"111122223333","region":"eu-west-1",` +
		`"closings":[{"ref":"EG-AAAAAAAA","outcome":"enforced","at":"2026-01-01T00:05:00Z","opened":"2026-01-01T00:00:00Z","by":"alice"}]}`
	var r Record
	if err := json.Unmarshal([]byte(old), &r); err != nil {
		t.Fatal(err)
	}
	if err := r.Sound(); err != nil {
		t.Error(err)
	}
	if c := r.Closings[0]; c.Story != nil || c.Outcome != Enforced || c.By != "alice" {
		t.Errorf("%+v", c)
	}
	keepStories(r.Closings)
	if n := size(t, r.Lighter()); n > MaxRecord {
		t.Errorf("%d bytes", n)
	}
}
