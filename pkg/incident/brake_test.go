package incident

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// full is a brake of one that has just let a cluster through.
func full(t *testing.T) Brake {
	t.Helper()
	b, granted, tell := Brake{Schema: Schema}.Ask(Entry{ARN: "first", Fresh: true}, 1, start)
	if !granted || tell {
		t.Fatalf("granted %t, told %t", granted, tell)
	}
	return b
}

func TestTheBrakeIsToldAfterAMinute(t *testing.T) {
	b, _, _ := full(t).Ask(Entry{ARN: "a", Fresh: true}, 1, start.Add(time.Second))
	for after, want := range map[time.Duration]bool{0: false, time.Minute - 1: false, time.Minute: true} {
		if _, granted, tell := b.Ask(Entry{ARN: "b", Fresh: true}, 1, start.Add(time.Second+after)); granted || tell != want {
			t.Errorf("after %s: granted %t, told %t", after, granted, tell)
		}
	}
}

func TestTheBrakeForgetsWhoNoLongerAsks(t *testing.T) {
	b, _, _ := full(t).Ask(Entry{ARN: "a", Fresh: true}, 1, start)
	// The brake stays full: somebody is let through again and again.
	b.Changed["first"] = start.Add(time.Hour)
	for after, want := range map[time.Duration][]string{time.Hour - 1: {"a", "b"}, time.Hour: {"b"}} {
		got, _, _ := b.Ask(Entry{ARN: "b", Fresh: true}, 1, start.Add(after))
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got.Waiting))); diff != "" {
			t.Errorf("after %s there wait (-want +got):\n%s", after, diff)
		}
	}
}

func TestAskingChangesNothingOfTheBrakeThatWasRead(t *testing.T) {
	b, _, _ := full(t).Ask(Entry{ARN: "a", Fresh: true}, 1, start)
	was, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	b.Ask(Entry{ARN: "b", Fresh: true}, 1, start.Add(time.Minute))
	b.Ask(Entry{ARN: "a", Fresh: true}, 2, start.Add(time.Minute))
	b.Ask(Entry{ARN: "a", Fresh: true}, 1, start.Add(5*time.Hour))
	if is, err := json.Marshal(b); err != nil || string(is) != string(was) {
		t.Errorf("%v\nwas %s\nis  %s", err, was, is)
	}
}

// TestLetThroughAgain: the next attempt on a cluster takes no more room, and is
// no later change.
func TestLetThroughAgain(t *testing.T) {
	b, granted, tell := full(t).Ask(Entry{ARN: "first", Fresh: true}, 1, start.Add(30*time.Minute))
	if !granted || tell || !b.Changed["first"].Equal(start) {
		t.Errorf("granted %t, told %t, changed at %s", granted, tell, b.Changed["first"])
	}
}

func TestTheOthersWaitOn(t *testing.T) {
	b, _, _ := full(t).Ask(Entry{ARN: "a", Fresh: true}, 1, start)
	b, _, _ = b.Ask(Entry{ARN: "b", Fresh: true}, 1, start.Add(time.Second))
	b.Mailed, b.Telling = start.Add(time.Minute), start.Add(2*time.Minute)
	b, granted, tell := b.Ask(Entry{ARN: "a", Fresh: true}, 2, start.Add(2*time.Minute))
	if !granted || tell || !b.Since.Equal(start) || !b.Mailed.Equal(start.Add(time.Minute)) || b.Telling.IsZero() {
		t.Errorf("granted %t, told %t, since %s, mailed %s, telling %s", granted, tell, b.Since, b.Mailed, b.Telling)
	}
	if _, there := b.Waiting["b"]; !there || len(b.Waiting) != 1 {
		t.Errorf("there wait %v", b.Waiting)
	}
}

// TestTheItemHasRoomForSoMany: no more are noted than fit, those there are kept
// up to date, and what each takes is not underestimated.
func TestTheItemHasRoomForSoMany(t *testing.T) {
	const room, each = 150 << 10, 1536
	entry := func(n int) Entry {
		return Entry{
			ARN: fmt.Sprintf("%01001d", n), Name: fmt.Sprintf("%0100d", n), Fresh: true, World: true,
			Rules: []string{strings.Repeat(`"`, 100), strings.Repeat(`"`, 53)},
		}
	}
	// 120 for the frame, the texts, and two bytes for a letter of a rule's name.
	if got := 120 + 1001 + 100 + (2*100 + 3) + (2*53 + 3); got != each-3 {
		t.Fatalf("an entry is counted as %d bytes", got)
	}
	b := full(t)
	for n := range room/(each-3) + 3 {
		b, _, _ = b.Ask(entry(n), 1, start)
	}
	if got, want := len(b.Waiting), room/(each-3); got != want {
		t.Errorf("%d wait, want %d", got, want)
	}
	text, err := json.Marshal(b.Waiting)
	if err != nil || len(text) > room {
		t.Errorf("they take %d bytes, %v", len(text), err)
	}
	b, _, _ = b.Ask(entry(0), 1, start.Add(time.Minute))
	if h := b.Waiting[entry(0).ARN]; !h.At.Equal(start.Add(time.Minute)) || !h.World {
		t.Errorf("one that is there already: %+v", h)
	}
}

func TestTheRoomIsFilledToTheByte(t *testing.T) {
	entry := func(n, more int) Entry {
		return Entry{ARN: fmt.Sprintf("%0*d", 1001+more, n), Name: fmt.Sprintf("%0100d", n), Fresh: true, Rules: []string{strings.Repeat("r", 156)}}
	}
	for more, want := range map[int]int{0: 100, 1: 99} {
		b := full(t)
		for n := range 99 {
			b, _, _ = b.Ask(entry(n, 0), 1, start)
		}
		// The last one of 1,536 bytes fits, and one with a byte more does not.
		if b, _, _ = b.Ask(entry(99, more), 1, start); len(b.Waiting) != want {
			t.Errorf("with %d bytes more %d wait, want %d", more, len(b.Waiting), want)
		}
	}
}

func TestAFewRulesAreNotedOfEach(t *testing.T) {
	b, _, _ := full(t).Ask(Entry{ARN: "a", Rules: []string{"1", "2", "3", "4", "5", "6"}, Fresh: true}, 1, start)
	if diff := cmp.Diff([]string{"1", "2", "3", "4", "5"}, b.Waiting["a"].Rules); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRulesAreCountedTheMostFirst(t *testing.T) {
	b := Brake{Waiting: map[string]Held{
		"1": {Rules: []string{"b", "c"}}, "2": {Rules: []string{"c", "d"}}, "3": {Rules: []string{"c", "a"}}, "4": {Rules: []string{"d", "e"}},
	}}
	want := []Count{{"c", 3}, {"d", 2}, {"a", 1}, {"b", 1}, {"e", 1}}
	if diff := cmp.Diff(want, b.Rules()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
