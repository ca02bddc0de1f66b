package main

import (
	"context"
	"time"

	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

// sweep wakes the guardrail for the clusters that are there, as a deployment does.
func (d *demo) sweep() error {
	d.tell(everyCluster, "the sweep after the deployment wakes the guardrail")
	for _, r := range d.cast {
		if r.create {
			continue
		}
		body, err := wakeup.Message{Cluster: r.name, Account: d.aws.Account(), Region: d.aws.Region(), Sweep: true}.Encode()
		if err != nil {
			return err
		}
		if err := d.aws.Send(queueName, string(body), 0); err != nil {
			return err
		}
	}
	return nil
}

// swept reports whether the guardrail has looked at all clusters that are there.
func (d *demo) swept() bool {
	for _, r := range d.cast {
		if _, looked := d.ended[r.name]; !looked && !r.create {
			return false
		}
	}
	return true
}

// play lets everything happen, after the first sweep, and returns once all is quiet.
func (d *demo) play(ctx context.Context, over <-chan error) error {
	if err := d.sweep(); err != nil {
		return err
	}
	tick := time.NewTicker(glance)
	defer tick.Stop()
	silent := time.NewTimer(silence)
	defer silent.Stop()
	var begun time.Time // when the first of them changed a cluster
	next := 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-over:
			return err
		case <-silent.C:
			return errSilent
		case <-d.alive:
			silent.Reset(silence)
		case l := <-d.log:
			silent.Reset(silence)
			d.heard(l)
		case c := <-d.calls:
			silent.Reset(silence)
			d.called(c)
		case <-tick.C:
			if begun.IsZero() {
				d.draw()
				if !d.swept() {
					continue
				}
				d.tell(everyCluster, "guardrail: as the policy says, nothing to do")
				begun, d.ended = time.Now(), map[string]incident.Outcome{}
			}
			for next < len(d.cast) && time.Since(begun) >= d.cast[next].at {
				if err := d.perform(ctx, d.cast[next]); err != nil {
					return err
				}
				next++
			}
			d.watch()
			d.draw()
			if next == len(d.cast) && d.quiet() {
				return nil
			}
		}
	}
}

// perform lets somebody change a cluster.
func (d *demo) perform(ctx context.Context, r role) error {
	d.tell(r.name, r.does)
	d.rows[r.name] = row{began: max(time.Since(d.began), 1)}
	if err := r.act(ctx, d.aws); err != nil {
		return err
	}
	takes := change
	if r.create {
		takes = creation
	}
	d.until[r.name] = time.Now().Add(takes)
	if c, ok := d.aws.Cluster(r.name); ok && r.create {
		d.tell(r.name, "EKS: CREATING, "+brief(accessOf(c)))
		d.seen[r.name] = sight{creating: true}
	} else {
		d.tell(r.name, "EKS: UPDATING")
	}
	return nil
}

// quiet reports whether nothing is under way any more: no message, no update, and
// nothing unread in the log.
func (d *demo) quiet() bool {
	if len(d.aws.Messages(queueName)) > 0 || len(d.log) > 0 || len(d.calls) > 0 {
		return false
	}
	for _, r := range d.cast {
		c, ok := d.aws.Cluster(r.name)
		if !ok || c.Status != "ACTIVE" {
			return false
		}
		if _, checked := d.ended[r.name]; !checked {
			return false
		}
	}
	return true
}
