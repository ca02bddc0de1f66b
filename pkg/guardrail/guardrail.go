// Package guardrail is the loop around the life of an incident: it takes a
// message, looks at the cluster, asks incident.Next what to do, does it, and
// keeps the ledger. It knows no AWS: whom it talks to is behind the small
// interfaces here.
package guardrail

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/mail"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/trouble"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

// Clusters looks at clusters. Errors are sorted (package trouble).
type Clusters interface {
	Cluster(ctx context.Context, name string) (endpoint.Cluster, error)
}

// Updates reads the updates of a cluster: one, or EKS's list of all and of them
// those that are not known to be over, as far as the context's time goes.
type Updates interface {
	Update(ctx context.Context, cluster, id string) (endpoint.Update, error)
	History(ctx context.Context, cluster string, over func(id string) bool) (endpoint.History, error)
}

// Networks reads what a private endpoint needs of the cluster's VPC. What could
// not be read is unknown, and the error says why.
type Networks interface {
	Network(ctx context.Context, c endpoint.Cluster) (endpoint.Network, error)
}

// Changer asks EKS for an endpoint access: one UpdateClusterConfig.
type Changer interface {
	Apply(ctx context.Context, cluster string, access endpoint.Access, token string) (endpoint.Update, error)
}

// Ledger keeps the records. Load returns those of every cluster that had the
// ARN. Save writes a record over the version it was read at, and answers with
// the new version; trouble.LostRace says that somebody else was faster.
type Ledger interface {
	Load(ctx context.Context, arn string) ([]incident.Record, error)
	Save(ctx context.Context, r incident.Record) (int64, error)
}

// Brakes keeps the brake of the region, like Ledger the records.
type Brakes interface {
	LoadBrake(ctx context.Context) (brake.State, error)
	SaveBrake(ctx context.Context, b brake.State) error
}

// Queue brings a message back after a delay of up to 15 minutes.
type Queue interface {
	Send(ctx context.Context, body []byte, delay time.Duration) error
}

// Topic mails.
type Topic interface {
	Publish(ctx context.Context, m mail.Mail) error
}

// Chat shows the cards of mails where people talk.
type Chat interface {
	Post(ctx context.Context, m mail.Mail) error
}

// Place is the account and region that a guardrail is for.
type Place struct {
	Partition, Account, Region string
}

// Guardrail handles messages.
type Guardrail struct {
	Place    Place
	Policy   *policy.Policy
	OwnRole  string // the ARN of the role that the guardrail runs under, "" when unknown
	Letter   mail.Letter
	Clusters Clusters
	Updates  Updates
	Networks Networks
	Changer  Changer
	Ledger   Ledger
	Brakes   Brakes
	Queue    Queue
	Topic    Topic
	Chat     Chat // nil for none
	Now      func() time.Time
	// Until is how far off a context's deadline is, by the clock that contexts go by: in
	// a replay Now is another.
	Until  func(time.Time) time.Duration
	Limits incident.Limits
	// BrakeLimit is how many clusters may be changed within an hour; 0 is any number.
	BrakeLimit int
}

const (
	// maxSteps bounds the steps of one check; the longest known takes ten.
	maxSteps = 40
	// saveReserve is what is kept of an invocation's time to write the record, and
	// sendReserve to leave a message behind after that: whatever takes too long,
	// what was learned is kept, and the cluster is looked at again.
	saveReserve = 4 * time.Second
	sendReserve = 2 * time.Second
	// readShare is the part of what is left of an invocation's time that reading EKS's
	// list of updates, or a VPC, may take: a longer list is gone on with in the next
	// check, and what a VPC does not tell is unknown.
	readShare = 2.0 / 3
	// giveUpAfter is when a message about a cluster that the ledger does not
	// know goes to the dead letters, if AWS never let it be handled.
	giveUpAfter = 24 * time.Hour
	// giveUpSweep is when a wake-up of the schedule's is given up: there is another
	// by then.
	giveUpSweep = time.Hour
	// newCluster is for how long after its creation event a cluster may be
	// unknown to EKS's own reads.
	newCluster = 5 * time.Minute
	// maxAhead is how far a re-check's number may be ahead of a ledger that was
	// restored from an earlier copy.
	maxAhead = 1000
	soon     = 3 * time.Second
	maxDelay = 15 * time.Minute
	// cardTime is how long a card may keep a check from going on.
	cardTime = 5 * time.Second
)

// ErrUnreadable is what Handle's error wraps for a message that cannot be
// understood: it is to end in the dead letters.
var ErrUnreadable = errors.New("unreadable message")

// Delivery names one delivery of a message.
type Delivery struct {
	// Message is the queue's id of the message, the same whenever it is delivered.
	Message string
	// Invocation is different for each: a batch may be handed to two at once.
	Invocation string
}

// Handle handles one message. The context's deadline is the invocation's. With an
// error the message has not been dealt with and must be delivered again; without,
// the check has left one message behind at the most.
func (g *Guardrail) Handle(ctx context.Context, body []byte, d Delivery) (Report, error) {
	w, report, err := g.decode(body)
	if err != nil || report.Outcome != "" {
		return report, err
	}
	if w.Origin == "" {
		w.Origin = d.Message
	}
	c := check{Guardrail: g, ctx: ctx, saving: ctx, sending: ctx, by: d.Invocation, wake: w, report: report}
	c.deadline = g.Now().Add(time.Minute)
	if deadline, ok := ctx.Deadline(); ok {
		c.deadline = g.Now().Add(g.Until(deadline))
		var end, endSaving context.CancelFunc
		c.ctx, end = context.WithDeadline(ctx, deadline.Add(-saveReserve))
		defer end()
		c.saving, endSaving = context.WithDeadline(ctx, deadline.Add(-sendReserve))
		defer endSaving()
	}
	err = c.run()
	return c.report, err
}

// decode reads a message as a wake-up: an event becomes one with its event.
// With an outcome in the report there is nothing more to do.
func (g *Guardrail) decode(body []byte) (wakeup.Message, Report, error) {
	w, ours, err := wakeup.Decode(body)
	if err != nil {
		return w, Report{Outcome: incident.Unreadable, Why: err.Error()}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if !ours {
		event, err := cloudtrail.Decode(body)
		if none, ok := errors.AsType[cloudtrail.NoConcern](err); ok {
			return w, reportOf(none.Event, incident.Ignored, none.Why), nil
		}
		if err != nil {
			broken, _ := errors.AsType[cloudtrail.Unreadable](err)
			return w, reportOf(broken.Event, incident.Unreadable, broken.Why), fmt.Errorf("%w: %w", ErrUnreadable, err)
		}
		w = wakeup.Message{Cluster: event.Cluster, Account: event.Account, Region: event.Region, Event: &event}
	}
	report := Report{Cluster: w.Cluster, Account: w.Account, Region: w.Region, Check: w.Check, Sweep: w.Sweep}
	if w.Event != nil {
		report.Event, report.Call = w.Event.ID, w.Event.Name
	}
	if w.Account != g.Place.Account || w.Region != g.Place.Region {
		report.Outcome = incident.Ignored
		report.Why = fmt.Sprintf("it is about account %s in %s, this guardrail is for %s in %s", w.Account, w.Region, g.Place.Account, g.Place.Region)
	}
	return w, report, nil
}

// check is the handling of one message.
type check struct {
	*Guardrail
	ctx      context.Context // of the calls to AWS
	saving   context.Context // with the time that is kept to write the record
	sending  context.Context // with the time that is kept to leave a message behind
	by       string
	deadline time.Time
	wake     wakeup.Message
	report   Report
	// former is the earliest time at which a record of a former cluster of the name is
	// to be looked at again, zero if none is.
	former time.Time
	// over is set once a message was left behind, or the one at hand dropped: nothing
	// more is to be done.
	over bool
	// unread is set once EKS did not let an update be read.
	unread bool
}

func (c *check) run() error {
	arn := endpoint.ARN(c.Place.Partition, c.Place.Region, c.Place.Account, c.wake.Cluster)
	records, err := c.Ledger.Load(c.ctx, arn)
	if err != nil {
		return c.putBack(err)
	}
	slices.SortFunc(records, func(a, b incident.Record) int { return a.Cluster.CreatedAt.Compare(b.Cluster.CreatedAt) })
	in := incident.Input{
		By: c.by, Deadline: c.deadline, OwnRole: c.OwnRole, Policy: c.Policy, Limits: c.Limits,
		Message: incident.Message{ID: c.wake.Origin, Event: c.wake.Event, Sweep: c.wake.Sweep, Began: c.wake.Began, ByHand: c.wake.ByHand()}, Updates: map[string]incident.UpdateRead{},
	}
	var newest *incident.Record
	if len(records) > 0 {
		newest = &records[len(records)-1]
		// A number far above the ledger's is not one of ours.
		if c.wake.CreatedAt.Equal(newest.Cluster.CreatedAt) && c.wake.Check <= newest.Check.Number+maxAhead {
			in.Message.Check = c.wake.Check
		}
		if newest.Superseded(in.Message) {
			c.report.done(incident.Ignored, "a later re-check replaced this one")
			return nil
		}
		// Before the cluster: the look must be the later of the two.
		c.readUpdates(&in, newest.Wanted(), false)
	}
	c.look(&in)
	if newest == nil {
		switch {
		case in.Trouble != "":
			return c.putBack(errors.New(in.Trouble))
		case in.Gone:
			return c.notFound()
		}
		return c.follow(incident.NewRecord(in.Cluster), in, true)
	}
	if e := c.wake.Event; in.Gone && e != nil && c.tooYoung(*e) && e.Time.After(newest.Cluster.CreatedAt) {
		// The name is used again, and EKS does not show its new cluster yet.
		c.report.Why = "EKS does not know the new cluster yet"
		return c.later(15 * time.Second)
	}
	if in.Gone || in.Trouble != "" || in.Cluster.CreatedAt.Equal(newest.Cluster.CreatedAt) {
		return c.followAll(records, in, *newest)
	}
	// The name has a new cluster: what the last check of the old one left is
	// concluded, and none of it is the new one's.
	in.Updates, in.HistoryTrouble, c.unread, in.Message.Check = map[string]incident.UpdateRead{}, "", false, 0
	return c.followAll(records, in, incident.NewRecord(in.Cluster))
}

// followAll ends the records of former clusters of the name, and goes on with
// the present one's.
func (c *check) followAll(records []incident.Record, in incident.Input, present incident.Record) error {
	for _, former := range records {
		if former.Cluster.CreatedAt.Equal(present.Cluster.CreatedAt) || !former.Open() && !former.GoneAt.IsZero() {
			continue
		}
		gone := in
		gone.Gone, gone.Replaced, gone.Message = true, true, incident.Message{}
		gone.Cluster = endpoint.Cluster{}
		if err := c.follow(former, gone, false); err != nil || c.over {
			return err
		}
	}
	in.Former = c.former
	return c.follow(present, in, true)
}

// notFound is for a cluster that neither EKS nor the ledger knows.
func (c *check) notFound() error {
	if e := c.wake.Event; e != nil && c.tooYoung(*e) {
		c.report.Why = "EKS does not know the new cluster yet"
		return c.later(15 * time.Second)
	}
	c.report.done(incident.Gone, "EKS knows no such cluster")
	return nil
}

// tooYoung reports whether an event is about a cluster that EKS's own reads may
// not know yet. An event from the future is none, or its message would be put
// back until then.
func (c *check) tooYoung(e cloudtrail.Event) bool {
	return e.Name == cloudtrail.CreateCluster && c.Now().Sub(e.Time).Abs() < newCluster
}

// follow goes the way of one record until its end, or until the check is over. A
// record that is not the present cluster's leaves no re-check behind: the check's one
// message is the present one's.
func (c *check) follow(r incident.Record, in incident.Input, present bool) error {
	stored := r
	for range maxSteps {
		in.Now = c.Now()
		next, step := incident.Next(r, in)
		c.report.opened(r, next)
		r = next
		switch s := step.(type) {
		case incident.Read:
			c.read(&in, r.History, s)
		case incident.Ask:
			c.ask(&in, s.Entry)
		case incident.Apply:
			if err := c.save(&r, &stored); err != nil || c.over {
				return err
			}
			// Should the record not be written, the message that is put back has the id.
			c.wake.Began = c.apply(&r, &in, s)
			if err := c.save(&r, &stored); err != nil || c.over {
				return err
			}
			c.wake.Began = ""
		case incident.Tell:
			if err := c.save(&r, &stored); err != nil || c.over {
				return err
			}
			if err := c.tell(&r, &stored, in, s); err != nil || c.over {
				return err
			}
		case incident.Wait:
			// Written before it is sent: a record that can't be written sends no
			// second message beside the one that is put back. A crash in between
			// brings the message at hand again, which the record knows.
			if err := c.save(&r, &stored); err != nil || c.over {
				return err
			}
			c.report.ended(r, in.Now)
			return c.recheck(r, in.Now, s, present)
		case incident.Later:
			c.report.Why = s.Why
			if err := c.save(&r, &stored); err != nil || c.over {
				return err
			}
			return c.later(s.Delay)
		case incident.Done:
			if err := c.save(&r, &stored); err != nil || c.over {
				return err
			}
			c.report.ended(r, in.Now)
			c.report.done(s.Outcome, s.Why)
			return nil
		}
	}
	return fmt.Errorf("check of cluster %s: still no end after %d steps; this is a fault of the guardrail", c.wake.Cluster, maxSteps)
}

// recheck sends the message of a record's next check, or notes when a record that is
// not the present cluster's is due.
func (c *check) recheck(r incident.Record, now time.Time, s incident.Wait, present bool) error {
	if !present {
		if due := now.Add(s.Delay); c.former.IsZero() || due.Before(c.former) {
			c.former = due
		}
		return nil
	}
	return c.send(wakeup.Message{
		Cluster: r.Name, Account: r.Account, Region: r.Region, CreatedAt: r.Cluster.CreatedAt, Check: s.Number,
	}, s.Delay)
}

// tell hands a mail over. One that is not taken is owed: nothing waits for it.
func (c *check) tell(r, stored *incident.Record, in incident.Input, s incident.Tell) error {
	m := c.Letter.Write(s.Notice)
	var refused error
	behind := !s.Folded && !s.Owed && r.OwesMail()
	if !s.Folded && !s.CardOnly && !behind {
		refused = c.Topic.Publish(c.ctx, m)
	}
	in.Now = c.Now()
	switch {
	case behind:
		*r = incident.NotTold(*r, in, s)
	case refused != nil:
		c.failed(refused)
		*r = incident.NotTold(*r, in, s)
	case s.CardOnly:
	case s.Owed:
		c.report.told(s.Notice)
		*r = incident.Paid(*r)
	default:
		if !s.Folded {
			c.report.told(s.Notice)
		}
		*r = incident.Told(*r, in, s.Notice.Kind)
	}
	if !s.Owed {
		c.report.closed(s.Notice, *r)
	}
	if err := c.save(r, stored); err != nil || c.over || refused != nil || behind || s.Folded {
		return err
	}
	switch err := c.card(m); {
	case err != nil:
		*r = incident.NotPosted(*r, in, s)
	case s.CardOnly:
		*r = incident.Paid(*r)
	}
	return c.save(r, stored)
}

// card posts the card of a mail that was handed over.
func (c *check) card(m mail.Mail) error {
	if c.Chat == nil || m.Card == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, cardTime)
	defer cancel()
	err := c.Chat.Post(ctx, m)
	if err != nil {
		c.report.CardTrouble = err.Error()
	}
	return err
}

// apply asks EKS for the change, takes its answer into the record, and returns the id
// of the update that EKS began, "" if it began none.
func (c *check) apply(r *incident.Record, in *incident.Input, s incident.Apply) string {
	u, err := c.Changer.Apply(c.ctx, c.wake.Cluster, s.Desired, s.Token)
	answer := incident.Answer{Update: u}
	if err != nil {
		answer.Sort, answer.Text = trouble.Of(err), err.Error()
		if sorted, ok := errors.AsType[*trouble.Error](err); ok {
			answer.Code, answer.Text, answer.Repeated = sorted.Code, sorted.Err.Error(), sorted.Repeated
		}
		switch answer.Sort {
		case trouble.Transient, trouble.Unreadable:
			c.trouble(in, err)
		default:
			c.report.Answer = answer.Text
			in.Busy = answer.Sort != trouble.Refused
		}
	} else {
		c.report.Updates = append(c.report.Updates, u.ID)
	}
	in.Now = c.Now()
	*r = incident.Applied(*r, *in, answer)
	return u.ID
}

// save writes the record if it changed. Where it can't be written the message is put
// back, and the check is over.
func (c *check) save(r, stored *incident.Record) error {
	if reflect.DeepEqual(r, stored) {
		return nil
	}
	version, err := c.Ledger.Save(c.saving, *r)
	switch {
	case err == nil:
		r.Version = version
		*stored = *r
		return nil
	case trouble.Of(err) == trouble.LostRace:
		c.report.Why = "another invocation wrote the record first"
		return c.later(soon)
	default:
		return c.putBack(err)
	}
}
