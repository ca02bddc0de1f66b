package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// times are how long the guardrail took, apart by whether anything stood in its
// way: a fault, a lost or late event, an old look.
type times struct {
	update, mail           []time.Duration
	plainUpdate, plainMail []time.Duration
	counts                 map[string]int // how often what happened
}

func (t *times) add(o times) {
	t.update = append(t.update, o.update...)
	t.mail = append(t.mail, o.mail...)
	t.plainUpdate = append(t.plainUpdate, o.plainUpdate...)
	t.plainMail = append(t.plainMail, o.plainMail...)
	for what, n := range o.counts {
		if t.counts == nil {
			t.counts = map[string]int{}
		}
		t.counts[what] += n
	}
}

func (t *times) String() string {
	var b strings.Builder
	line := func(what string, list []time.Duration) {
		if len(list) == 0 {
			fmt.Fprintf(&b, "%-46s none\n", what)
			return
		}
		slices.Sort(list)
		at := func(percent int) string {
			return list[min(len(list)*percent/100, len(list)-1)].Round(100 * time.Millisecond).String()
		}
		fmt.Fprintf(&b, "%-46s %6d times: median %s, 90 %% %s, 99 %% %s, longest %s\n", what, len(list), at(50), at(90), at(99), list[len(list)-1].Round(100*time.Millisecond))
	}
	line("EKS accepts changes to our update, undisturbed", t.plainUpdate)
	line("EKS accepts changes to our update, all", t.update)
	line("event arrives to first mail, undisturbed", t.plainMail)
	line("event arrives to first mail, all", t.mail)
	var group string
	for _, what := range slices.Sorted(maps.Keys(t.counts)) {
		subject, verb, _ := strings.Cut(what, ": ")
		if subject != group {
			fmt.Fprintf(&b, "\n%s:", subject)
			group = subject
		} else {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, " %s %d", verb, t.counts[what])
	}
	return strings.TrimSpace(b.String())
}
