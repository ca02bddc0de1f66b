package simulation

import (
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// life is one cluster from its creation to its end, as it really was: what EKS
// did, not what its reads told.
type life struct {
	born    endpoint.Cluster // as it was first
	updates []localaws.Update
	tags    []tagged
	gone    time.Time // the begin of its deletion, zero: it is there
}

// tagged are a cluster's tags from a time on.
type tagged struct {
	from time.Time
	tags map[string]string
}

// state is a cluster's endpoint from a time on.
type state struct {
	from   time.Time
	access endpoint.Access
	update localaws.Update // that led to it, none for the creation
}

// enacted is a policy in force from a time on.
type enacted struct {
	at  time.Time
	law law
}

// observe takes down how a cluster is. The caller holds w.mu.
func (w *world) observe(c localaws.Cluster) *life {
	var l *life
	if lives := w.lives[c.Name]; len(lives) > 0 {
		l = lives[len(lives)-1]
	}
	if l == nil || !l.born.CreatedAt.Equal(c.CreatedAt) {
		l = &life{born: truth(c)}
		w.lives[c.Name] = append(w.lives[c.Name], l)
	}
	l.updates = c.Updates
	if n := len(l.tags); n == 0 || !sameTags(l.tags[n-1].tags, c.Tags) {
		l.tags = append(l.tags, tagged{time.Now(), c.Tags})
	}
	return l
}

// lifeOf is the present life of the cluster of the name, or its last. The
// caller holds w.mu.
func (w *world) lifeOf(name string) *life {
	if c, ok := w.aws.Cluster(name); ok {
		return w.observe(c)
	}
	if lives := w.lives[name]; len(lives) > 0 {
		return lives[len(lives)-1]
	}
	return nil
}

// witness takes down what a call tells of clusters. The caller holds w.mu.
func (w *world) witness(c localaws.Call) {
	if c.Service != "eks" {
		return
	}
	if c.Before != nil {
		l := w.observe(*c.Before)
		if c.Operation == "DeleteCluster" && c.Error == "" {
			l.gone = c.Time
		}
	}
	switch c.Operation {
	case "CreateCluster", "TagResource", "UntagResource":
		for _, name := range w.aws.Clusters() {
			if slices.Contains(c.Resources, w.aws.ClusterARN(name)) {
				w.lifeOf(name)
			}
		}
	}
}

func sameTags(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if other, ok := b[key]; !ok || other != value {
			return false
		}
	}
	return true
}

// states are the states that the endpoint went through until a time, in order.
func (l *life) states(until time.Time) []state {
	out := []state{{from: l.born.CreatedAt, access: l.born.Access}}
	for _, u := range l.updates {
		if a, ok := askedBy(u); ok && u.Status == "Successful" && !u.EndsAt.After(until) {
			out = append(out, state{from: u.EndsAt, access: a, update: u})
		}
	}
	return out
}

// askedBy is the access that an update asks for, false for one of another kind.
func askedBy(u localaws.Update) (endpoint.Access, bool) {
	if u.Type != "EndpointAccessUpdate" || len(u.Params) == 0 {
		return endpoint.Access{}, false
	}
	a := endpoint.Access{Public: u.Params["EndpointPublicAccess"] == "true", Private: u.Params["EndpointPrivateAccess"] == "true"}
	var cidrs []netip.Prefix
	if json.Unmarshal([]byte(u.Params["PublicAccessCidrs"]), &cidrs) != nil {
		return endpoint.Access{}, false
	}
	a.CIDRs = cidrs
	return a, true
}

// tagsAt are the tags of a time.
func (l *life) tagsAt(at time.Time) map[string]string {
	out := l.born.Tags
	for _, t := range l.tags {
		if !t.from.After(at) {
			out = t.tags
		}
	}
	return out
}

// with is the cluster with an access and tags.
func (l *life) with(a endpoint.Access, tags map[string]string) endpoint.Cluster {
	c := l.born
	c.Access, c.Tags = a, tags
	return c
}

// lawAt is the policy of a time.
func (w *world) lawAt(at time.Time) law {
	out := companys
	for _, e := range w.enacted {
		if !e.at.After(at) {
			out = e.law
		}
	}
	return out
}

// span is a stretch of time in which neither endpoint, tags nor policy changed.
type span struct {
	from, to           time.Time
	access             endpoint.Access
	tags               map[string]string
	law                law
	update             string // whose end began it, "" if something else did
	violates, enforced bool
}

// spans are all of a life until a time. The caller holds w.mu.
func (w *world) spans(l *life, until time.Time) []span {
	if !l.gone.IsZero() && l.gone.Before(until) {
		until = l.gone
	}
	states := l.states(until)
	cuts := []time.Time{}
	for _, s := range states {
		cuts = append(cuts, s.from)
	}
	for _, t := range l.tags {
		cuts = append(cuts, t.from)
	}
	for _, e := range w.enacted {
		cuts = append(cuts, e.at)
	}
	cuts = append(cuts, l.born.CreatedAt.Add(grace))
	cuts = slices.DeleteFunc(cuts, func(at time.Time) bool { return at.Before(l.born.CreatedAt) || at.After(until) })
	slices.SortFunc(cuts, time.Time.Compare)
	cuts = slices.CompactFunc(cuts, time.Time.Equal)
	var out []span
	for i, from := range cuts {
		s := span{from: from, to: until, tags: l.tagsAt(from), law: w.lawAt(from)}
		if i+1 < len(cuts) {
			s.to = cuts[i+1]
		}
		for _, st := range states {
			if st.from.After(from) {
				break
			}
			s.access, s.update = st.access, ""
			if st.from.Equal(from) {
				s.update = st.update.ID
			}
		}
		s.violates, s.enforced = s.law.judge(l.with(s.access, s.tags), from)
		out = append(out, s)
	}
	return out
}

// period is a stretch of time in which a cluster violated a rule all along.
type period struct {
	from, to time.Time
	// pure is set when neither tags nor policy changed in it, and it began
	// with the cluster or with an update's end.
	pure bool
}

// periods are those of a life until a time. The caller holds w.mu.
func (w *world) periods(l *life, until time.Time) []period {
	var out []period
	open := false
	var first span
	for _, s := range w.spans(l, until) {
		switch {
		case !s.violates:
			open = false
		case !open:
			open, first = true, s
			out = append(out, period{s.from, s.to, s.update != "" || s.from.Equal(l.born.CreatedAt)})
		default:
			p := &out[len(out)-1]
			p.to = s.to
			p.pure = p.pure && s.law == first.law && sameTags(s.tags, first.tags)
		}
	}
	return out
}
