package mail

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// from is when the incident began: with the call that caused it, else with its
// discovery.
func from(i *incident.Incident) time.Time {
	t := i.OpenedAt
	if !i.FoundAt.IsZero() && i.FoundAt.Before(t) {
		t = i.FoundAt
	}
	for _, c := range i.Causes {
		if !c.At.IsZero() && c.At.Before(t) {
			t = c.At
		}
	}
	return t
}

// until is when the violation was over, and whether it is.
func (w *writer) until() (time.Time, bool) {
	switch {
	case ended(w.n):
		return w.n.Late.Ended, true
	case stands(w.n) && w.n.Late != nil:
		return w.n.Late.At, false
	case stands(w.n):
		return w.n.At, false
	}
	for _, a := range slices.Backward(w.i.Attempts) {
		if a.Status == endpoint.UpdateSuccessful && !a.OverAt.IsZero() {
			return a.OverAt, true
		}
	}
	return w.i.Final.At, true
}

// since says since when the endpoint was open, and for how long.
func (w *writer) since() string {
	begin := from(w.i)
	end, over := w.until()
	switch {
	case !happened(w.i):
		return fill(w.NeverOpen, "at", stamp(begin))
	case w.n.Kind == incident.NoticeDetected && (w.i.Asked != nil || w.i.Status == endpoint.StatusCreating):
		return fill(w.AskedAt, "at", stamp(begin))
	case w.n.Kind == incident.NoticeOutcome && w.i.Final.Outcome == incident.PartlyEnforced && !w.narrowed().IsZero() && !over:
		return fill(w.SinceNarrowed, "from", stamp(begin), "to", stamp(ceil(w.narrowed(), time.Second)))
	case len(w.i.Causes) > 0 && over && !admitted(w.n):
		return fill(w.AtMost, "from", stamp(begin), "age", w.bound(end.Sub(begin)), "to", stamp(ceil(end, time.Second)))
	case len(w.i.Causes) > 0:
		return fill(w.SoFar, "from", stamp(begin), "age", w.age(end.Sub(begin)))
	case w.i.Before != nil:
		return fill(w.Between, "at", stamp(begin), "before", stamp(w.i.Before.At))
	default:
		return fill(w.FoundAt, "at", stamp(begin))
	}
}

// narrowed is when an update of ours last made the endpoint reachable for fewer,
// zero if none did.
func (w *writer) narrowed() time.Time {
	for _, a := range slices.Backward(w.i.Attempts) {
		if a.Status == endpoint.UpdateSuccessful && narrows(a, w.i.Family) {
			return a.OverAt
		}
	}
	return time.Time{}
}

// narrows reports whether an attempt takes the endpoint away from somebody.
func narrows(a incident.Attempt, f endpoint.Family) bool {
	return !endpoint.Subset(a.From.Reachable(f), a.Desired.Reachable(f))
}

// ceil is the time, up to the next whole unit: what bounds an exposure is never
// said to be earlier than it is.
func ceil(t time.Time, unit time.Duration) time.Time {
	if down := t.Truncate(unit); !down.Equal(t) {
		return down.Add(unit)
	}
	return t
}

// bound says how long at the most, in the two largest units: what they don't say
// is rounded up.
func (t *phrases) bound(d time.Duration) string {
	d = roundUp(max(d, 1), time.Minute)
	if d >= 24*time.Hour {
		d = roundUp(d, time.Hour)
	}
	return t.age(d)
}

func roundUp(d, unit time.Duration) time.Duration {
	return (d + unit - 1).Truncate(unit)
}

// age says how long it has been, in the two largest units; what they don't say is
// left out.
func (t *phrases) age(d time.Duration) string {
	if d < time.Minute {
		return t.Shortly
	}
	minutes := int(d / time.Minute)
	var out []string
	for _, unit := range []struct {
		n         int
		one, many string
	}{{minutes / 1440, t.Day, t.Days}, {minutes / 60 % 24, t.Hour, t.Hours}, {minutes % 60, t.Minute, t.Minutes}} {
		switch {
		case unit.n == 1:
			out = append(out, unit.one)
		case unit.n > 1:
			out = append(out, fill(unit.many, "n", strconv.Itoa(unit.n)))
		}
	}
	return strings.Join(out[:min(2, len(out))], " ")
}

// whom says in a few words to whom an access opens the endpoint.
func (t *phrases) whom(a endpoint.Access, f endpoint.Family) string {
	list := widest(a, f)
	switch {
	case world(a, f):
		return t.WholeInternet
	case len(list) == 1:
		return list[0]
	default:
		return fill(t.Blocks, "n", strconv.Itoa(len(list)), "widest", list[0])
	}
}

// state says in a few words what access there is.
func (t *phrases) state(a endpoint.Access, f endpoint.Family) string {
	switch {
	case !a.Public && a.Private:
		return t.PrivateOnly
	case !a.Public:
		return t.BothOff
	case a.Private && !world(a, f):
		return fill(t.OnlyTo, "whom", t.whom(a, f))
	}
	if a.Private {
		return fill(t.BothTo, "whom", t.whom(a, f))
	}
	return fill(t.OpenTo, "whom", t.whom(a, f)) + t.PrivateOffToo
}

// howMany counts the addresses that an access opens the endpoint to.
func (w *writer) howMany(a endpoint.Access) string {
	if !a.Public {
		return w.state(a, w.i.Family)
	}
	var four uint64
	six := 0
	for _, p := range a.Reachable(w.i.Family).Prefixes() {
		if p.Addr().Is4() {
			four += 1 << (32 - p.Bits())
		} else {
			six++
		}
	}
	var s string
	switch {
	case six > 0 && four > 0:
		s = fill(w.Addresses4And6, "n", thousands(four), "blocks", strconv.Itoa(six))
	case six > 0:
		s = fill(w.Addresses6, "blocks", strconv.Itoa(six))
	case four == 1:
		s = w.Address4
	default:
		s = fill(w.Addresses4, "n", thousands(four))
	}
	if world(a, w.i.Family) {
		s = w.WholeInternet
	}
	return s + fill(w.WidestIs, "widest", widest(a, w.i.Family)[0])
}

// toWhom says to whom the endpoint is, was or would have been open.
func (w *writer) toWhom() string {
	was := w.howMany(w.i.Violating())
	switch {
	case !happened(w.i):
		return fill(w.WouldHaveBeen, "whom", was)
	case w.n.Kind == incident.NoticeOutcome && w.i.Final.Outcome == incident.PartlyEnforced && !w.narrowed().IsZero() && stands(w.n):
		return fill(w.NowAndBefore, "now", w.howMany(w.i.Final.Now), "before", was)
	default:
		return was
	}
}

func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// target is whom, for an access that may not be public at all.
func (w *writer) target(a endpoint.Access) string {
	if !a.Public {
		return w.state(a, w.i.Family)
	}
	return w.whom(a, w.i.Family)
}

// sameReach reports whether two accesses let the same in.
func sameReach(a, b endpoint.Access, f endpoint.Family) bool {
	x, y := a.Reachable(f), b.Reachable(f)
	return a.Private == b.Private && a.Public == b.Public && endpoint.Subset(x, y) && endpoint.Subset(y, x)
}

// widest sorts a list, the widest blocks first.
func widest(a endpoint.Access, f endpoint.Family) []string {
	list := slices.Clone(a.Effective(f))
	slices.SortStableFunc(list, func(x, y netip.Prefix) int { return (y.Addr().BitLen() - y.Bits()) - (x.Addr().BitLen() - x.Bits()) })
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.String()
	}
	return out
}
