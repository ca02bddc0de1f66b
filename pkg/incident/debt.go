package incident

import (
	"slices"
	"time"
)

// Debt is a mail, or only its chat card, that was to be handed over and was not taken.
// What it is about went on; it is offered again until it is taken.
type Debt struct {
	Kind NoticeKind `json:"kind"`
	// At is when it was first to be handed over: the mail says what was so then.
	At time.Time `json:"at"`
	// Card is set when the mail was taken, and only the card was not.
	Card     bool       `json:"card,omitempty"`
	Incident *Incident  `json:"incident,omitempty"`
	Left     *Departure `json:"left,omitempty"`
	// Backlog is what a debt of that kind lists.
	Backlog *Backlog `json:"backlog,omitempty"`
}

// How much is owed of one cluster, so that its record fits into one item of the ledger:
// as many mails, the first and the last of them whole, those between them in lists, one
// of mails and one of cards. What is owed of an incident's discovery is not owed any more
// with its outcome.
const (
	maxOwed = 10
	// firstOwed are the oldest, which stay whole whatever comes after them: who opens a
	// cluster again and again must not make anybody forget the first time.
	firstOwed = 5
)

// about reports whether the debt is the mail of a kind about the incident.
func (d Debt) about(i *Incident, kind NoticeKind) bool {
	return d.Kind == kind && d.Incident != nil && i != nil && d.Incident.Ref == i.Ref
}

// final is the outcome that the debt is the mail of, nil if it is another's.
func (d Debt) final() *Final {
	if d.Kind != NoticeOutcome || d.Incident == nil {
		return nil
	}
	return d.Incident.Final
}

// OwedSince is since when the oldest mail of the cluster is owed, zero if none is.
func (r Record) OwedSince() time.Time {
	if len(r.Owed) == 0 {
		return time.Time{}
	}
	return r.Owed[0].At
}

// pay offers the oldest debt again, with what the present check has found out.
func (t *evaluation) pay(present *evaluation) Step {
	d := t.Owed[0]
	about := Record{Schema: t.Schema, Cluster: t.Cluster, Name: t.Name, Account: t.Account, Region: t.Region, Incident: d.Incident, Left: d.Left}
	n := Notice{Kind: d.Kind, Record: about, At: d.At, Backlog: d.Backlog}
	if t.now.Sub(d.At) >= lateAfter {
		n.Late = present.late(d)
		n.Late.More = len(t.Owed) - 1
		if n.Late.Matter == MatterSame && d.Kind != NoticeOutcome && present.Incident != nil {
			n.Record.Incident = present.asNow()
		}
	}
	t.Intent = &Intent{Kind: IntentTell, Notice: NoticeOwed, By: t.in.By, Until: t.in.Deadline}
	return Tell{Notice: n, Owed: true, CardOnly: d.Card}
}

// due is when something that is owed, of this cluster or of a former one of its name, is
// offered again; zero if nothing is owed.
func (t *evaluation) due() time.Time {
	if len(t.Owed) == 0 {
		return t.in.Former
	}
	// One that was never offered is due at once.
	due := t.now
	if t.OwedDue.After(due) {
		due = t.OwedDue
	}
	if former := t.in.Former; !former.IsZero() && former.Before(due) {
		return former
	}
	return due
}

// payable reports whether a debt is to be offered again now.
func (t *evaluation) payable() bool {
	idle := t.Intent == nil || !t.now.Before(t.Intent.Until) // whoever was at it is over
	return len(t.Owed) > 0 && !t.now.Before(t.OwedDue) && idle
}

// NotTold takes into the record that a mail was not taken: it is owed, and what it is
// about goes on as if it had been. One that was owed already is offered again later.
func NotTold(r Record, in Input, s Tell) Record {
	if !s.Owed {
		behind := r.OwesMail()
		n := s.Notice
		if unheard(r, n) {
			// Nobody heard of its discovery: nothing that was announced is to be taken back.
			i := *n.Record.Incident
			i.DetectedMailed = time.Time{}
			n.Record.Incident = &i
		}
		r = Told(r, in, s.Notice.Kind)
		r = owe(r, n, false)
		if behind {
			return r // it was not offered yet
		}
	}
	return putOff(r, in)
}

// OwesMail reports whether an earlier mail of the cluster is owed: another must wait
// until that is taken, or a reader would take the older for the newer.
func (r Record) OwesMail() bool {
	return slices.ContainsFunc(r.Owed, func(d Debt) bool { return !d.Card })
}

// NotPosted takes into the record that the card of a mail was not taken.
func NotPosted(r Record, in Input, s Tell) Record {
	if !s.CardOnly {
		r = owe(r, s.Notice, true)
	}
	return putOff(r, in)
}

func owe(r Record, n Notice, card bool) Record {
	d := Debt{Kind: n.Kind, At: n.At, Card: card, Left: n.Record.Left, Backlog: n.Backlog}
	if n.Kind != NoticeLeft {
		d.Incident, d.Left = n.Record.Incident, nil
	}
	if f := d.final(); f != nil && !f.At.IsZero() && f.At.Before(d.At) {
		d.At = f.At // a crash had held it up before
	} else if i := d.Incident; f == nil && i != nil && !i.LookedAt.IsZero() && i.LookedAt.Before(d.At) {
		d.At = i.LookedAt
	}
	r.Owed = fold(append(forgetDetected(r.Owed, n), d))
	return r
}

// unheard reports whether the notice is the outcome of what a mail that is owed was to
// announce.
func unheard(r Record, n Notice) bool {
	return n.Kind == NoticeOutcome && slices.ContainsFunc(r.Owed, func(d Debt) bool {
		return !d.Card && (d.about(n.Record.Incident, NoticeDetected) || d.Backlog.lists(n.Record.Incident, NoticeDetected))
	})
}

// forgetDetected are the debts without the discovery of what the notice tells the
// outcome of.
func forgetDetected(owed []Debt, n Notice) []Debt {
	owed = slices.Clone(owed)
	if n.Kind != NoticeOutcome {
		return owed
	}
	for i := range owed {
		owed[i].Backlog = owed[i].Backlog.without(n.Record.Incident, NoticeDetected)
	}
	return slices.DeleteFunc(owed, func(d Debt) bool {
		return d.about(n.Record.Incident, NoticeDetected) || d.Kind == NoticeBacklog && d.Backlog.Count() == 0
	})
}

// putOff puts what is owed off, with a delay that grows until something is taken.
func putOff(r Record, in Input) Record {
	r.OwedTries++
	r.OwedDue = in.Now.Add(troubleDelay(r.OwedTries))
	r.Intent = nil
	return r
}

// Paid takes into the record that what was owed was taken.
func Paid(r Record) Record {
	r.Owed, r.OwedTries, r.OwedDue, r.Intent = r.Owed[1:], 0, time.Time{}, nil
	if len(r.Owed) == 0 {
		r.Owed = nil
	}
	return r
}
