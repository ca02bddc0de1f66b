package guardrail

import (
	"fmt"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// brakeTries is how often the brake's item is written anew after a lost race;
// then the cluster waits and asks again.
const brakeTries = 8

// ask asks the brake whether a cluster may be changed now, and tells that
// clusters wait when that is due.
func (c *check) ask(in *incident.Input, e brake.Entry) {
	if c.BrakeLimit == 0 {
		in.Brake = incident.BrakeGranted
		return
	}
	var granted, tell bool
	state, err := c.brake(func(b brake.State) brake.State {
		b, granted, tell = b.Ask(e, c.BrakeLimit, c.Now())
		if tell {
			b.Telling = c.deadline
		}
		return b
	})
	switch {
	case err != nil && trouble.Of(err) != trouble.LostRace:
		c.trouble(in, err)
		return
	case err != nil:
		// What a version said that was not written was not said.
		granted, tell = false, false
	}
	if granted {
		in.Brake = incident.BrakeGranted
		return
	}
	in.Brake, in.BrakeUntil, c.report.Braked = incident.BrakeHeld, state.Free(e, c.BrakeLimit), true
	if !tell {
		return
	}
	m := c.Letter.Brake(state, c.BrakeLimit, c.Place.Account, c.Place.Region, c.Now())
	if err := c.Topic.Publish(c.ctx, m); err != nil {
		// The next that is held back tells it, once this one's time is over.
		c.failed(err)
		return
	}
	c.report.Mails = append(c.report.Mails, Told{Kind: NoticeBrake})
	if _, err := c.brake(func(b brake.State) brake.State {
		b.Mailed = c.Now()
		return b
	}); err != nil {
		c.trouble(in, err)
	}
	_ = c.card(m) // it is noted in the report; the mail is what counts
}

// NoticeBrake is the kind of the brake's mail; it is about no single cluster.
const NoticeBrake incident.NoticeKind = "brake"

// brake changes the brake's item.
func (c *check) brake(change func(brake.State) brake.State) (brake.State, error) {
	var lost error
	for range brakeTries {
		b, err := c.Brakes.LoadBrake(c.ctx)
		if err != nil {
			return b, err
		}
		b = change(b)
		err = c.Brakes.SaveBrake(c.ctx, b) // nil is no lost race
		if trouble.Of(err) != trouble.LostRace {
			return b, err
		}
		lost = err
	}
	return brake.State{}, fmt.Errorf("save brake: lost the race %d times: %w", brakeTries, lost)
}
