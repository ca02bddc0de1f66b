package heartbeat

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/incident"
)

var start = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func judged(name string, at time.Time) incident.Record {
	return incident.Record{Name: name, JudgedAt: at}
}

// A company's clusters through its sweeps, one an hour: a new one is not missed before
// it was woken, one that can't be looked at is not seen after two sweeps in vain, and is
// seen again with its next check.
func TestWhoIsNotSeen(t *testing.T) {
	var m Memory
	records := map[string]time.Time{}
	sweep := func(hour int, names ...string) Heartbeat {
		var all []incident.Record
		for name, at := range records {
			all = append(all, judged(name, at))
		}
		h, next := Take(m, Sweep{At: start.Add(time.Duration(hour) * time.Hour), Over: 2 * time.Second, Listed: names}, all, 0)
		m = next
		return h
	}
	check := func(hour int, names ...string) {
		for _, name := range names {
			records[name] = start.Add(time.Duration(hour)*time.Hour + time.Minute)
		}
	}
	type told struct {
		judged int
		unseen string
	}
	var got []told
	note := func(h Heartbeat) { got = append(got, told{h.Judged, strings.Join(h.Unseen, " ")}) }

	note(sweep(0, "a", "b")) // the first ever: nobody was woken before
	check(0, "a", "b")
	note(sweep(1, "a", "b"))
	check(1, "a")
	note(sweep(2, "a", "b", "c")) // b missed once; c is new
	check(2, "a")
	note(sweep(3, "a", "b", "c")) // b twice, c once
	check(3, "a")
	note(sweep(4, "a", "b", "c"))
	check(4, "a", "b", "c")
	note(sweep(5, "a", "b", "c"))
	if diff := cmp.Diff([]told{{0, ""}, {2, ""}, {1, ""}, {1, "b"}, {1, "b c"}, {3, ""}}, got, cmp.AllowUnexported(told{})); diff != "" {
		t.Errorf("the heartbeats differ (-want +got):\n%s", diff)
	}
}

// A sweep that Lambda invokes once more, or that somebody starts by hand, comes before
// the clusters can have been looked at: nobody is missed for that.
func TestASweepThatComesTooSoonCountsNothing(t *testing.T) {
	m := Memory{}
	_, m = Take(m, Sweep{At: start, Over: 10 * time.Minute, Listed: []string{"a"}}, nil, 0)
	_, m = Take(m, Sweep{At: start.Add(time.Hour), Over: 10 * time.Minute, Listed: []string{"a"}}, nil, 0)
	was := m
	for _, after := range []time.Duration{time.Second, 5 * time.Minute, 11*time.Minute + 59*time.Second} {
		h, next := Take(m, Sweep{At: start.Add(time.Hour + after), Over: time.Hour, Listed: []string{"a", "b"}}, nil, 0)
		if len(h.Unseen) > 0 || !cmp.Equal(was, next) {
			t.Errorf("%s later: %+v, remembered %+v", after, h, next)
		}
	}
	if h, _ := Take(m, Sweep{At: start.Add(time.Hour + 12*time.Minute), Listed: []string{"a"}}, nil, 0); len(h.Unseen) != 1 {
		t.Errorf("when all must have been looked at: %+v", h)
	}
}

func TestWhatIsCounted(t *testing.T) {
	gone := start.Add(-time.Hour)
	records := []incident.Record{
		{Name: "quiet", JudgedAt: start.Add(time.Second)},
		{Name: "open", JudgedAt: start.Add(time.Second), Incident: &incident.Incident{}, Trouble: 3},
		{Name: "stands", JudgedAt: start.Add(time.Second), Standing: &incident.Standing{}, Owed: []incident.Debt{{}}},
		// Of a former cluster of the name.
		{Name: "quiet", JudgedAt: start.Add(-time.Hour), GoneAt: gone, Standing: &incident.Standing{}, Trouble: 1},
		{Name: "deleted", JudgedAt: start.Add(time.Second), Trouble: 9, Owed: []incident.Debt{{}}},
	}
	h, _ := Take(Memory{At: start, Until: start.Add(time.Minute)}, Sweep{At: start.Add(time.Hour), Listed: []string{"open", "quiet", "stands", "strange"}}, records, 2)
	want := Heartbeat{Listed: 4, Judged: 3, InTrouble: 1, Standing: 1, Open: 1, Owed: 2, Unreadable: 2}
	if diff := cmp.Diff(want, h, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the heartbeat differs (-want +got):\n%s", diff)
	}
}

// However many clusters can't be seen, the memory fits into an item of DynamoDB's, and
// those stay in it that have been missed for longest.
func TestTheMemoryFits(t *testing.T) {
	var names []string
	for n := range 10_000 {
		names = append(names, fmt.Sprintf("%s%05d", strings.Repeat("n", 95), n))
	}
	m := Memory{Missed: map[string]int{names[9999]: 7}}
	h, m := Take(m, Sweep{At: start, Listed: names}, nil, 0)
	text, err := json.Marshal(m)
	if err != nil || len(text) > incident.MaxRecord || m.Missed[names[9999]] != 8 {
		t.Errorf("%d bytes, missed %d times: %v", len(text), m.Missed[names[9999]], err)
	}
	if len(h.Unseen) != 1 {
		t.Errorf("%d are not seen", len(h.Unseen))
	}
}
