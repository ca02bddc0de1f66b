package brake

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

var start = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// full is a brake of one that has just let a cluster through.
func full(t *testing.T) State {
	t.Helper()
	b, granted, tell := State{}.Ask(Entry{ARN: "first", Fresh: true}, 1, start)
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
	b := State{Waiting: map[string]Waiting{
		"1": {Rules: []string{"b", "c"}}, "2": {Rules: []string{"c", "d"}}, "3": {Rules: []string{"c", "a"}}, "4": {Rules: []string{"d", "e"}},
	}}
	want := []Count{{"c", 3}, {"d", 2}, {"a", 1}, {"b", 1}, {"e", 1}}
	if diff := cmp.Diff(want, b.Rules()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBrakeAsk(t *testing.T) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	ask := func(b State, n int, fresh bool, minutes int) (State, bool, bool) {
		return b.Ask(Entry{ARN: fmt.Sprint(n), Name: fmt.Sprintf("c%d", n), Rules: []string{"closed"}, Fresh: fresh}, 8, at(minutes))
	}
	var b State
	var granted, tell bool
	for n := range 6 {
		if b, granted, _ = ask(b, n, false, 0); !granted {
			t.Fatalf("standing cluster %d is held back", n)
		}
	}
	if b, granted, tell = ask(b, 6, false, 0); granted || tell {
		t.Errorf("the quarter kept for fresh ones is taken: %t; told at once: %t", granted, tell)
	}
	if b, granted, _ = ask(b, 3, false, 1); !granted {
		t.Error("a cluster that was let through is held back in its next attempt")
	}
	for n := range 2 {
		if b, granted, _ = ask(b, 10+n, true, 1); !granted {
			t.Errorf("fresh cluster %d is held back", n)
		}
	}
	if b, granted, tell = ask(b, 12, true, 2); granted || !tell {
		t.Errorf("the ninth: granted %t, told %t", granted, tell)
	}
	// The first six were let through at 0, two more at 1: a fresh one has room
	// an hour after the first, of a brake of two a standing one only after the last.
	if got := b.Free(Entry{Fresh: true}, 8); !got.Equal(at(60)) {
		t.Errorf("room for a fresh one at %s", got)
	}
	if got := b.Free(Entry{}, 2); !got.Equal(at(61)) {
		t.Errorf("room for a standing one at %s", got)
	}
	// Of a limit of one, nothing is left for what was standing: no time is known.
	for name, held := range map[string]State{"none": {}, "one": {Changed: map[string]time.Time{"a": at(0)}}} {
		if got := held.Free(Entry{}, 1); !got.IsZero() {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := (State{}).Free(Entry{}, 8); !got.IsZero() {
		t.Errorf("nothing was changed, yet room only at %s", got)
	}
	if got := b.Rules(); len(got) != 1 || got[0] != (Count{"closed", 2}) || !slices.Equal(b.Names(), []string{"c12", "c6"}) {
		t.Errorf("waiting: %v %v", got, b.Names())
	}
	b.Telling = at(3)
	if _, _, tell = ask(b, 12, true, 2); tell {
		t.Error("two tell it at once")
	}
	if _, _, tell = ask(b, 12, true, 4); !tell {
		t.Error("nobody tells it after a crash")
	}
	b.Mailed = at(4)
	if _, _, tell = ask(b, 12, true, 5); tell {
		t.Error("it is told twice")
	}
	// An hour later there is room again, and once nobody waits it is over.
	if b, granted, _ = ask(b, 12, true, 60); !granted {
		t.Error("the hour never passes")
	}
	if b, granted, _ = ask(b, 6, false, 61); !granted || !b.Since.IsZero() || !b.Mailed.IsZero() || len(b.Waiting) > 0 {
		t.Errorf("after the last: granted %t, %+v", granted, b)
	}
	if _, granted, _ = b.Ask(Entry{ARN: "x"}, 0, start); !granted {
		t.Error("a brake of 0 holds back")
	}
}

func TestTheBrakesItemIsBounded(t *testing.T) {
	// The most that the setting admits, and a whole company that waits.
	b := State{}
	rules := make([]string, 200)
	for i := range rules {
		rules[i] = strings.Repeat(`"`, 100)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 4000 {
		b, _, _ = b.Ask(Entry{ARN: fmt.Sprintf("arn:aws-us-gov:eks:us-gov-west-1:111122223333:cluster/%0100d", i), Name: fmt.Sprintf("%0100d", i), Rules: rules}, 1000, now)
	}
	item, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	// Source: DynamoDB developer guide, "Constraints": 400 KB, with the key.
	if n := len(item); n > 380<<10 {
		t.Errorf("the brake takes %d bytes", n)
	}
	if len(b.Waiting) == 0 || len(b.Changed) == 0 {
		t.Errorf("%d wait and %d were changed", len(b.Waiting), len(b.Changed))
	}
}
