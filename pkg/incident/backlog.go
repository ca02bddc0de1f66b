package incident

import (
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// maxListed is how many mails a backlog names, half of them the first, half the last;
// the others it counts.
const maxListed = 100

// Backlog is what is left of mails that were owed and for which there was no more room.
type Backlog struct {
	// Listed are the mails, the oldest first.
	Listed []Listed `json:"listed"`
	// Unlisted counts those for which there was no room in the list either, the first and
	// the last of which were to be handed over at the times From and To.
	Unlisted int       `json:"unlisted,omitempty"`
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
}

// Listed is a mail in short.
type Listed struct {
	Kind NoticeKind `json:"kind"`
	Ref  string     `json:"ref"`
	// Outcome is an outcome's, "" for another kind of mail.
	Outcome Outcome `json:"outcome,omitempty"`
	// At is when it was first to be handed over, Since since when what it tells was so.
	At    time.Time `json:"at"`
	Since time.Time `json:"since"`
	// By is who opened the cluster, with what, EventID the event of that; "" if not known.
	By      string   `json:"by,omitempty"`
	EventID string   `json:"eventID,omitempty"`
	Rules   []string `json:"rules,omitempty"`
	// World is set if the whole internet could reach the endpoint.
	World bool `json:"world,omitempty"`
}

// Count is how many mails it stands for.
func (b *Backlog) Count() int {
	if b == nil {
		return 0
	}
	return len(b.Listed) + b.Unlisted
}

// lists reports whether it names the mail of a kind about the incident.
func (b *Backlog) lists(i *Incident, kind NoticeKind) bool {
	return b != nil && i != nil && slices.ContainsFunc(b.Listed, func(l Listed) bool { return l.Kind == kind && l.Ref == i.Ref })
}

// without is the backlog without the mail of a kind about the incident.
func (b *Backlog) without(i *Incident, kind NoticeKind) *Backlog {
	if !b.lists(i, kind) {
		return b
	}
	out := *b
	out.Listed = slices.DeleteFunc(slices.Clone(b.Listed), func(l Listed) bool { return l.Kind == kind && l.Ref == i.Ref })
	return &out
}

// with is the backlog with one more mail, the last.
func (b *Backlog) with(d Debt) *Backlog {
	out := Backlog{}
	if b != nil {
		out = *b
	}
	out.Listed = append(slices.Clone(out.Listed), d.inShort())
	if len(out.Listed) > maxListed {
		cut := out.Listed[maxListed/2]
		out.Listed = slices.Delete(out.Listed, maxListed/2, maxListed/2+1)
		if out.Unlisted++; out.Unlisted == 1 {
			out.From = cut.At
		}
		out.To = cut.At
	}
	return &out
}

// fold puts debts beyond the bound into lists, the oldest first but for the very first,
// which stay whole; so do the last.
func fold(owed []Debt) []Debt {
	for len(owed) > maxOwed {
		i := firstOwed
		for owed[i].Kind == NoticeBacklog {
			i++
		}
		d := owed[i]
		list := slices.IndexFunc(owed, func(o Debt) bool { return o.Kind == NoticeBacklog && o.Card == d.Card })
		if list < 0 {
			owed[i] = Debt{Kind: NoticeBacklog, At: d.At, Card: d.Card, Backlog: (*Backlog)(nil).with(d)}
			continue
		}
		owed[list].Backlog = owed[list].Backlog.with(d)
		owed = slices.Delete(owed, i, i+1)
	}
	return owed
}

// inShort is the debt as a backlog lists it.
func (d Debt) inShort() Listed {
	l := Listed{Kind: d.Kind, At: d.At, Since: d.At}
	switch {
	case d.Left != nil:
		l.Ref, l.Rules, l.World = d.Left.Ref, d.Left.Rules, d.Left.Now.World(d.Left.Family)
		if d.Left.By != nil {
			l.By, l.EventID = d.Left.By.who(), d.Left.By.EventID
		}
	case d.Incident != nil:
		i := d.Incident
		l.Ref, l.Since, l.By, l.World = i.Ref, i.since(), by(*i), i.Opening.World(i.Family)
		if f := i.Final; f != nil && d.Kind == NoticeOutcome {
			l.Outcome = f.Outcome
		}
		for _, c := range i.Causes {
			if c.EventID != "" {
				l.EventID = c.EventID
				break
			}
		}
		for _, rule := range i.Rules {
			l.Rules = append(l.Rules, rule.Name)
		}
	}
	l.By, l.EventID = cut(l.By, shorter), cut(l.EventID, shorter)
	l.Rules = slices.Clone(l.Rules[:min(len(l.Rules), fewReasons)])
	for i := range l.Rules {
		l.Rules[i] = cut(l.Rules[i], shorter)
	}
	return l
}

// since is since when the violation was, as far as it is known.
func (i *Incident) since() time.Time {
	return i.causedBy(i.found())
}

// Late is what is so when a mail is handed over that was held up.
type Late struct {
	At time.Time
	// More counts the mails about the cluster that are still owed.
	More int
	// Seen is set if it is known what the cluster is: Gone if it is deleted, else the rest,
	// as of the look of this check. Unsure is set, and Seen is not, where that look alone
	// shows that what the mail was to tell is over: it may be an old one.
	Seen   bool
	Unsure bool
	Gone   bool
	Access endpoint.Access
	Status endpoint.Status
	Family endpoint.Family
	// Rules are those that it breaks.
	Rules  []RuleNote
	Matter Matter
	// Ref is the reference of what is open or being looked into, "" for none.
	Ref string
	// Ended is by when, at the latest, what the mail was to tell was over; zero if it is
	// not.
	Ended time.Time
	// Back is set if the rules that a change of tags took a cluster out of are about it again.
	Back bool
}

// Matter is what there is to be said of a cluster beside what a late mail was to say.
type Matter int

// What a late mail comes to.
const (
	MatterOver  Matter = iota // nothing is wrong, and nothing is waited for
	MatterSame                // what the mail was to say is not over
	MatterOther               // that is over, or was before, and something else is not
)

// Over reports whether what a late mail was to say of a violation is known to be over.
func (l *Late) Over() bool { return l != nil && l.Seen && l.Matter != MatterSame }

// late is what there is to say of a debt that is paid now.
func (t *evaluation) late(d Debt) *Late {
	l := &Late{At: t.now, Seen: true}
	c := t.in.Cluster
	switch {
	case t.in.Gone:
		l.Gone = t.in.Replaced || !t.GoneAt.IsZero() && t.GoneAt.Before(t.now)
		l.Seen, l.Ended = l.Gone, t.now
		return l
	case c.Name == "":
		l.Seen = false
		return l
	}
	v := t.judge(c.Access)
	l.Access, l.Status, l.Family, l.Rules = c.Access, c.Status, c.Family, notes(v.Violations())
	l.Ended = t.now
	if s := t.Steady; s != nil && s.Access.Equal(c.Access) {
		l.Ended = s.At
	}
	if d.Left != nil && t.Reach != nil {
		l.Back = !slices.ContainsFunc(d.Left.Rules, func(rule string) bool { return !slices.Contains(t.Reach.Rules, rule) })
	}
	ref := ""
	if d.Incident != nil {
		ref = d.Incident.Ref
	}
	unfinished := t.unfinished()
	t.matter(l, ref, unfinished)
	if l.Matter == MatterSame && len(l.Rules) == 0 && !t.opening(unfinished) {
		l.Seen, l.Unsure = false, true
	}
	return l
}

// unfinished are the updates of others that are not known to be over.
func (t *evaluation) unfinished() []Cause {
	last := t.attempt()
	return slices.DeleteFunc(slices.Clone(t.Watch), func(w Cause) bool {
		// EKS took ours when that was over, whether or not it lets it be read.
		before := last != nil && last.UpdateID != "" && t.in.Updates[w.UpdateID].Unread && w.At.Before(last.began())
		return w.over() || before
	})
}

// opening reports whether one of the updates may be what the open incident is about.
func (t *evaluation) opening(unfinished []Cause) bool {
	return t.Incident != nil && t.Incident.Asked != nil && slices.ContainsFunc(unfinished, func(w Cause) bool {
		u := t.in.Updates[w.UpdateID]
		return !complete(u.Asked) || t.violates(u.Asked)
	})
}

// matter finds what a late mail of the incident of a reference comes to, what is open
// instead, and by when that incident was over.
func (t *evaluation) matter(l *Late, ref string, unfinished []Cause) {
	c, i, last := t.in.Cluster, t.Incident, t.attempt()
	closed := ""
	if n := len(t.Closings); n > 0 {
		closed = t.Closings[n-1].Ref
	}
	quiet := i != nil && i.Ref == ref && i.Final == nil && len(l.Rules) == 0 // by this look alone
	switch {
	case quiet && t.judge(i.Violating()).Outcome != verdict.Violation:
		l.Ended = t.now // the policy, or the cluster's tags, allow it by now
	case quiet && len(unfinished) == 0 && (i.applied() || last != nil && last.Desired.Equal(c.Access)):
		// Ours has ended it; what is still waited for is another update, or EKS's word.
	case i != nil && !i.settled():
		l.Matter, l.Ref, l.Ended = MatterOther, i.Ref, i.OpenedAt
		if i.Ref == ref {
			l.Matter, l.Ended = MatterSame, time.Time{}
		}
	case i == nil && t.Standing != nil:
		l.Matter, l.Ref, l.Ended = MatterOther, t.Standing.Ref, t.Standing.Since
		if closed == ref && ref != "" {
			l.Matter, l.Ended = MatterSame, time.Time{}
		}
	case len(l.Rules) > 0 || len(unfinished) > 0 || i == nil && c.Status == endpoint.StatusUpdating:
		// Of an update that nobody told of it is not known what it does.
		l.Matter, l.Ended = MatterOther, t.now
	}
}

// applied reports whether an attempt of ours is known to have taken effect.
func (i *Incident) applied() bool {
	return slices.ContainsFunc(i.Attempts, func(a Attempt) bool { return a.Status == endpoint.UpdateSuccessful })
}

// settled reports whether an incident has ended with nothing wrong any more.
func (i *Incident) settled() bool { return i.Final != nil && i.Final.Fingerprint == "" }

// asNow is the open incident as the check has found it, for the mail of its discovery, or
// that it is stuck, that was held up.
func (t *evaluation) asNow() *Incident {
	c, i := t.in.Cluster, *t.Incident
	i.Final, i.Status, i.LookedAt = nil, c.Status, t.now
	if v := t.judge(c.Access); len(v.Violations()) > 0 && i.Asked != nil {
		i.Asked, i.Opening, i.Rules = nil, c.Access, notes(v.Violations())
	}
	return &i
}
