package guardrail

import (
	"fmt"
	"time"

	"github.com/endpointguard/endpointguard/pkg/trouble"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

// putBack sends the message once more because AWS did not let it be handled.
func (c *check) putBack(cause error) error {
	c.report.Trouble = cause.Error()
	if sorted := trouble.Of(cause); sorted == trouble.Refused || sorted == trouble.Unreadable {
		c.report.Refused = true
	}
	if !c.wake.Since.IsZero() {
		waited := c.Now().Sub(c.wake.Since)
		if c.wake.Sweep && waited > giveUpSweep {
			c.report.Why = "the next sweep's wake-up takes this one's place"
			c.over = true
			return nil
		}
		if waited > giveUpAfter {
			return fmt.Errorf("given up after %d tries since %s: %w", c.wake.Tries, c.wake.Since.Format(time.RFC3339), cause)
		}
	}
	return c.later(min(5*time.Second<<min(c.wake.Tries, 10), maxDelay))
}

// later sends the message once more.
func (c *check) later(delay time.Duration) error {
	if c.wake.Since.IsZero() {
		c.wake.Since = c.Now()
	}
	c.wake.Tries++
	return c.send(c.wake, delay)
}

func (c *check) send(w wakeup.Message, delay time.Duration) error {
	body, err := w.Encode()
	if err != nil {
		return fmt.Errorf("encode wake-up for cluster %s: %w", c.wake.Cluster, err)
	}
	c.over = true
	c.report.Next = min(delay, maxDelay)
	if err := c.Queue.Send(c.sending, body, c.report.Next); err != nil {
		return fmt.Errorf("put back the message about cluster %s: %w", c.wake.Cluster, err)
	}
	return nil
}
