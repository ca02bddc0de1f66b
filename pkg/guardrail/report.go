package guardrail

import (
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// Report is what became of one message: what the log line and the metrics are
// made from.
type Report struct {
	Cluster, Account, Region string
	Event, Call              string // the event's id and call, "" for a wake-up
	Check                    int
	Sweep                    bool

	// Outcome is the check's: of the incident that it closed, if it closed
	// one; "" while an incident is open or something is waited for.
	Outcome incident.Outcome
	Why     string
	Ref     string         // of the incident that the check was about
	Stage   incident.Stage // of the one that is open after it

	Braked  bool     // the brake held the change back
	Opened  []string // references of incidents opened
	Closed  []Closed
	Mails   []Told
	Updates []string // ids of the updates that EKS accepted
	Answer  string   // EKS's, when it did not accept one
	Next    time.Duration
	OpenAge time.Duration // how long the open incident has been open
	Trouble string        // what AWS did not let be done
	Refused bool          // the trouble does not pass by itself
	OwedFor time.Duration // how long the oldest mail has been owed that was not taken
	// CardTrouble says why a chat card was not taken; its mail was.
	CardTrouble string
}

// Closed is an incident that a check closed.
type Closed struct {
	Ref     string
	Outcome incident.Outcome
	// Took is the time from the call that caused it, or its discovery, to the end.
	Took time.Duration
}

// Told is a mail that was handed over.
type Told struct {
	Kind incident.NoticeKind
	Ref  string
}

func reportOf(e cloudtrail.Event, outcome incident.Outcome, why string) Report {
	return Report{
		Cluster: e.Cluster, Account: e.Account, Region: e.Region, Event: e.ID, Call: e.Name, Outcome: outcome, Why: why,
	}
}

// done notes how the check ended. The end of an incident is the better word.
func (r *Report) done(outcome incident.Outcome, why string) {
	if len(r.Closed) > 0 {
		return
	}
	r.Outcome, r.Why = outcome, why
}

func (r *Report) opened(before, after incident.Record) {
	if after.Opened > before.Opened {
		r.Opened = append(r.Opened, after.Incident.Ref)
	}
	if after.Incident != nil {
		r.Ref = after.Incident.Ref
	}
}

func (r *Report) told(n incident.Notice) {
	ref := ""
	switch {
	case n.Kind == incident.NoticeLeft:
		ref = n.Record.Left.Ref
	case n.Record.Incident != nil:
		ref = n.Record.Incident.Ref
	}
	r.Mails = append(r.Mails, Told{Kind: n.Kind, Ref: ref})
}

func (r *Report) closed(n incident.Notice, after incident.Record) {
	if n.Kind != incident.NoticeOutcome || after.Incident != nil {
		return
	}
	i := n.Record.Incident
	from := i.OpenedAt
	for _, c := range i.Causes {
		if !c.At.IsZero() && c.At.Before(from) {
			from = c.At
		}
	}
	r.Closed = append(r.Closed, Closed{Ref: i.Ref, Outcome: i.Final.Outcome, Took: n.At.Sub(from)})
	r.Outcome, r.Why = i.Final.Outcome, i.Final.Why
}

// ended notes where the record stands when its check is over.
func (r *Report) ended(rec incident.Record, now time.Time) {
	if since := rec.OwedSince(); !since.IsZero() {
		r.OwedFor = max(r.OwedFor, now.Sub(since)) // there may be records of former clusters
	}
	if rec.Incident != nil {
		r.Stage, r.OpenAge = rec.Incident.Stage, now.Sub(rec.Incident.OpenedAt)
	}
}
