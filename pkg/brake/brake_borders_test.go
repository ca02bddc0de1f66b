package brake

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestForHowLongAClusterIsCounted by the brake: an hour after it was changed, or last
// asked for.
func TestForHowLongAClusterIsCounted(t *testing.T) {
	var b State
	b, _, _ = b.Ask(Entry{ARN: "changed", Fresh: true}, 1, start)
	b, _, _ = b.Ask(Entry{ARN: "waits", Name: "waits", Fresh: true}, 1, start)
	for after, want := range map[time.Duration]bool{time.Hour - 1: false, time.Hour: true} {
		next, granted, _ := b.Ask(Entry{ARN: "third", Fresh: true}, 1, start.Add(after))
		if _, still := next.Waiting["waits"]; granted != want || still == want {
			t.Errorf("%s later: granted %t, %+v", after, granted, next)
		}
	}
}

// TestWhatWasAskedOfTheBrakeBefore stays as it was.
func TestWhatWasAskedOfTheBrakeBefore(t *testing.T) {
	b, _, _ := State{}.Ask(Entry{ARN: "a", Fresh: true}, 1, start)
	held, _, _ := b.Ask(Entry{ARN: "b", Fresh: true}, 1, start)
	held.Ask(Entry{ARN: "c", Fresh: true}, 0, start)
	held.Ask(Entry{ARN: "d", Fresh: true}, 1, start.Add(2*time.Hour))
	if len(b.Changed) != 1 || len(b.Waiting) != 0 || len(held.Changed) != 1 || len(held.Waiting) != 1 {
		t.Errorf("%+v, %+v", b, held)
	}
}

// TestAnAttemptAfterAnother counts as the change that it is part of.
func TestAnAttemptAfterAnother(t *testing.T) {
	b, _, _ := State{}.Ask(Entry{ARN: "a", Fresh: true}, 1, start)
	b, granted, tell := b.Ask(Entry{ARN: "a", Fresh: true}, 1, start.Add(30*time.Minute))
	if !granted || tell || !b.Changed["a"].Equal(start) {
		t.Errorf("granted %t, told %t, %+v", granted, tell, b)
	}
}

// TestWhenItIsToldThatClustersWait: a minute after the first did, and nobody is at it.
func TestWhenItIsToldThatClustersWait(t *testing.T) {
	b, _, _ := State{}.Ask(Entry{ARN: "a", Fresh: true}, 1, start)
	b, _, tell := b.Ask(Entry{ARN: "b", Fresh: true}, 1, start)
	if tell {
		t.Error("it is told at once")
	}
	for after, want := range map[time.Duration]bool{time.Minute - 1: false, time.Minute: true} {
		if _, _, tell := b.Ask(Entry{ARN: "c", Fresh: true}, 1, start.Add(after)); tell != want {
			t.Errorf("%s later: %t", after, tell)
		}
	}
	b.Telling, b.Mailed = start.Add(2*time.Minute), start.Add(2*time.Minute)
	// While others wait, it was told; the first that waits after that is news.
	b, _, _ = b.Ask(Entry{ARN: "c", Fresh: true}, 1, start.Add(2*time.Minute))
	b, granted, tell := b.Ask(Entry{ARN: "b", Fresh: true}, 2, start.Add(3*time.Minute))
	if !granted || tell || b.Mailed.IsZero() || b.Telling.IsZero() || !b.Since.Equal(start) {
		t.Errorf("granted %t, told %t, %+v", granted, tell, b)
	}
	b, granted, tell = b.Ask(Entry{ARN: "c", Fresh: true}, 3, start.Add(4*time.Minute))
	if !granted || tell || !b.Mailed.IsZero() || !b.Telling.IsZero() || !b.Since.IsZero() {
		t.Errorf("granted %t, told %t, %+v", granted, tell, b)
	}
}

// TestWhatIsKeptOfThoseThatWait: five rules of each, and none beyond the bound; but one
// that is there is brought up to date.
func TestWhatIsKeptOfThoseThatWait(t *testing.T) {
	six := []string{"1", "2", "3", "4", "5", "6"}
	b, _, _ := State{}.Ask(Entry{ARN: "a", Fresh: true}, 1, start)
	b, _, _ = b.Ask(Entry{ARN: "b", Name: "b", Rules: six, Fresh: true, World: true}, 1, start)
	if h := b.Waiting["b"]; !slices.Equal(h.Rules, six[:5]) || h.Name != "b" || !h.World || !h.At.Equal(start) {
		t.Errorf("%+v", h)
	}
	// Each takes 3,000 bytes, beside the 120 of what frames it: 49 fit into 150 KiB.
	n := 0
	for ; n < 100; n++ {
		e := Entry{ARN: fmt.Sprintf("%02d%s", n, strings.Repeat("a", 1000-2)), Name: strings.Repeat("n", 1000), Rules: []string{strings.Repeat("r", 500-3), ""}, Fresh: true}
		if b, _, _ = b.Ask(e, 1, start); len(b.Waiting) != n+2 {
			break
		}
	}
	if n != 49 {
		t.Errorf("%d of them wait", n)
	}
	e := Entry{ARN: "00" + strings.Repeat("a", 1000-2), Name: "another", Rules: six[5:], Fresh: true}
	if b, _, _ = b.Ask(e, 1, start.Add(time.Minute)); !b.Waiting[e.ARN].At.Equal(start.Add(time.Minute)) || b.Waiting[e.ARN].Name != "another" {
		t.Errorf("%+v", b.Waiting[e.ARN])
	}
	for more, want := range map[int]bool{0: true, 1: false} {
		b, _, _ = State{}.Ask(Entry{ARN: "a", Fresh: true}, 1, start)
		b, _, _ = b.Ask(Entry{ARN: strings.Repeat("a", 150<<10-120+more), Fresh: true}, 1, start)
		if len(b.Waiting) == 1 != want {
			t.Errorf("with %d bytes more, %d wait", more, len(b.Waiting))
		}
	}
	if got := size("12345", "123", []string{"1234", "1"}); got != 120+5+3+2*4+3+2*1+3 {
		t.Errorf("%d bytes", got)
	}
}

// TestForWhichRulesClustersWait: the most first, then by name.
func TestForWhichRulesClustersWait(t *testing.T) {
	b := State{Waiting: map[string]Waiting{
		"1": {Name: "one", Rules: []string{"c", "a"}}, "2": {Name: "two", Rules: []string{"b", "c"}}, "3": {Name: "three", Rules: []string{"d", "c", "b"}},
	}}
	for range 20 { // maps have no order
		if got := b.Rules(); !slices.Equal(got, []Count{{"c", 3}, {"b", 2}, {"a", 1}, {"d", 1}}) {
			t.Fatalf("%+v", got)
		}
		if got := b.Names(); !slices.Equal(got, []string{"one", "three", "two"}) {
			t.Fatalf("%q", got)
		}
	}
}
