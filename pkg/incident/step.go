package incident

import (
	"time"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// Message is what woke the guardrail: a look at a cluster is wanted, perhaps
// because of a call. Nothing in it is believed that EKS or the ledger can tell.
type Message struct {
	// ID names the message: that of the queue's, or for one that was put back
	// that of the first of them.
	ID    string
	Event *cloudtrail.Event // the call, nil for a wake-up of our own
	Check int               // the number of a re-check, else 0
	Sweep bool              // the schedule's
	Began string            // the update that EKS began for us, and that the record does not know
	// ByHand is set when somebody asked for a look.
	ByHand bool
}

// Input is everything that Next decides by, beside the record.
type Input struct {
	Now time.Time
	// By names this invocation, Deadline is when it is surely over: another
	// one leaves alone what this one is about to do until then.
	By       string
	Deadline time.Time
	Message  Message
	// OwnRole is the ARN of the guardrail's role, by which its own calls are known.
	OwnRole string
	Policy  *policy.Policy
	// Limits say what is a tug of war.
	Limits Limits

	// Cluster is what a look showed, and LookedAt when that was.
	Cluster  endpoint.Cluster
	LookedAt time.Time
	Gone     bool // EKS knows no such cluster
	// Replaced is set with Gone when the name has a newer cluster by now: no message is
	// this one's own any more, and Former is when, at the latest, the newer one's next
	// check is to be for the sake of such a one; zero if it need not.
	Replaced bool
	Former   time.Time
	// Updates are the updates read in this check, by id.
	Updates map[string]UpdateRead
	// History is EKS's own list of the cluster's updates, once it was asked for,
	// and HistoryTrouble says why it, or an update, could not be read, "" if they could.
	History        endpoint.History
	HistoryRead    bool
	HistoryTrouble string
	// Network is what was read of the VPC, and NetworkTrouble why some of it is unknown
	// that may be read in a moment, "" when nothing is.
	Network        endpoint.Network
	NetworkTrouble string
	// Busy is set when EKS refused a change in this check: whatever the status
	// says, the cluster can't be changed now.
	Busy bool
	// Brake is what the brake said, once it was asked, and BrakeUntil the
	// earliest time at which it may say otherwise.
	Brake      BrakeAnswer
	BrakeUntil time.Time
	// Trouble says what kept the check from being made, "" when nothing did.
	Trouble string
}

// Limits are the bounds of what is taken for a tug of war.
type Limits struct {
	TugPerHour int // closings of one cluster within an hour
	TugDays    int // days of seven with a closing
}

// BrakeAnswer is what the brake said of a change.
type BrakeAnswer int

// What the brake can say.
const (
	BrakeNotAsked BrakeAnswer = iota
	BrakeGranted
	BrakeHeld
)

// UpdateRead is what was read of one update.
type UpdateRead struct {
	endpoint.Update
	Missing bool // EKS knows no such update
	Unread  bool // EKS did not let it be read
	// AfterLook is set when it was read later than the cluster: what the look
	// showed may then be from before the update's end.
	AfterLook bool
}

// A Step is what to do now: exactly one of Read, Ask, Apply, Tell, Wait, Later, Done.
type Step interface{ step() }

// Read asks for more facts; Next is then called again.
type Read struct {
	Updates []string // by id
	History bool     // EKS's list, and of it the updates that are not known to be over
	Network bool
	Look    bool // the cluster once more
}

// Ask asks the brake whether the cluster may be changed now.
type Ask struct{ Entry brake.Entry }

// Apply asks for one UpdateClusterConfig with all three values of the access.
type Apply struct {
	Desired endpoint.Access
	Token   string
}

// Tell asks for one mail, written from the record alone.
type Tell struct {
	Notice Notice
	// Folded is set when the mail is left to the digest: nothing is handed over,
	// everything else goes on as if it had been.
	Folded bool
	// Owed is set when it was not taken before, CardOnly when only its card was not.
	Owed, CardOnly bool
}

// Wait asks for a re-check of that number after the delay, and ends the check.
type Wait struct {
	Delay  time.Duration
	Number int
}

// Later asks for the same message once more after the delay: somebody else is
// at work on the cluster, or it is not there yet.
type Later struct {
	Delay time.Duration
	Why   string
}

// Done ends the check.
type Done struct {
	Outcome Outcome // "" while an incident is open and its re-check on its way
	Why     string
}

func (Read) step()  {}
func (Ask) step()   {}
func (Apply) step() {}
func (Tell) step()  {}
func (Wait) step()  {}
func (Later) step() {}
func (Done) step()  {}

// NoticeKind is the kind of a mail.
type NoticeKind string

// The mails of an incident.
const (
	NoticeDetected NoticeKind = "detected"
	NoticeStuck    NoticeKind = "stuck"
	NoticeOutcome  NoticeKind = "outcome"
	NoticeLeft     NoticeKind = "left" // a change of tags took the cluster out of a rule
	NoticeOwed     NoticeKind = "owed" // one of the above that was not taken before

	// NoticeBacklog is for many mails that were owed, in short.
	NoticeBacklog NoticeKind = "backlog"
)

// Notice is a mail to be written from the record.
type Notice struct {
	Kind   NoticeKind
	Record Record
	At     time.Time
	// Late is what is so when a mail is handed over that was held up, nil for one that
	// was not. Backlog is what a mail of that kind lists.
	Late    *Late
	Backlog *Backlog
}

// Outcome is what the mail says became of the incident: its final outcome,
// stuck, or "" for a mail of its discovery.
func (n Notice) Outcome() Outcome {
	switch n.Kind {
	case NoticeOutcome:
		return n.Record.Incident.Final.Outcome
	case NoticeStuck:
		return Stuck
	case NoticeLeft:
		if n.Record.Left.Enforced {
			return ""
		}
		return OutOfScope
	default:
		return ""
	}
}

// Answer is what became of an Apply.
type Answer struct {
	Update endpoint.Update // when Sort is ""
	Sort   trouble.Sort
	Code   string
	Text   string
	// Repeated is set when the request had been sent before.
	Repeated bool
}
