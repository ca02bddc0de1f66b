package mail

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What bounds an exposure is rounded up, what it has lasted so far is not.
func TestBound(t *testing.T) {
	words := english
	for d, want := range map[time.Duration]struct{ bound, age string }{
		0:                                {"1 minute", "less than a minute"},
		20 * time.Second:                 {"1 minute", "less than a minute"},
		7 * time.Minute:                  {"7 minutes", "7 minutes"},
		7*time.Minute + time.Millisecond: {"8 minutes", "7 minutes"},
		7*time.Minute + 20*time.Second:   {"8 minutes", "7 minutes"},
		59*time.Minute + time.Second:     {"1 hour", "59 minutes"},
		23*time.Hour + 59*time.Minute + time.Second: {"1 day", "23 hours 59 minutes"},
		25*time.Hour + time.Minute:                  {"1 day 2 hours", "1 day 1 hour"},
		47*time.Hour + 59*time.Minute:               {"2 days", "1 day 23 hours"},
	} {
		if got := words.bound(d); got != want.bound {
			t.Errorf("bound(%s) = %q, want %q", d, got, want.bound)
		}
		if got := words.age(d); got != want.age {
			t.Errorf("age(%s) = %q, want %q", d, got, want.age)
		}
	}
}

func TestBoundIsNeverLess(t *testing.T) {
	words := english
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "exposure"))
		text := words.bound(d)
		var said time.Duration
		fields := strings.Fields(text)
		for i := 0; i+1 < len(fields); i += 2 {
			n, err := strconv.Atoi(fields[i])
			if err != nil {
				t.Fatalf("%q", text)
			}
			unit := map[string]time.Duration{"day": 24 * time.Hour, "hour": time.Hour, "minute": time.Minute}[strings.TrimSuffix(fields[i+1], "s")]
			said += time.Duration(n) * unit
		}
		if said < d || said-d > time.Hour || d < 24*time.Hour && said-d > time.Minute {
			t.Fatalf("%s is said to be at most %q", d, text)
		}
		end := time.Unix(0, int64(d))
		if up := ceil(end, time.Second); up.Before(end) || up.Sub(end) >= time.Second || !up.Equal(up.Truncate(time.Second)) {
			t.Fatalf("%s ends at %s", end, up)
		}
	})
}
