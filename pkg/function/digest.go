package function

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/endpointguard/endpointguard/pkg/digest"
	"github.com/endpointguard/endpointguard/pkg/guardrail"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/mail"
	"github.com/endpointguard/endpointguard/pkg/settings"
	"github.com/endpointguard/endpointguard/pkg/topic"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// digestTime is how long one digest is claimed for when the invocation tells no
// deadline of its own.
const digestTime = 5 * time.Minute

// digester sends the daily digest.
type digester struct {
	ledger  *ledger.Ledger
	letter  mail.Letter
	topic   guardrail.Topic
	chat    guardrail.Chat // nil for none
	hour    int
	account string
	region  string
	now     func() time.Time
}

// newDigester wires the digest; nil when none is wanted.
func newDigester(s settings.Sweep, cfg aws.Config, records *ledger.Ledger) *digester {
	if s.TopicARN == "" {
		return nil
	}
	d := &digester{
		ledger: records,
		letter: letter("", s.Language, s.AccountName),
		topic:  topic.New(sns.NewFromConfig(cfg), s.TopicARN),
		hour:   s.DigestHour, account: s.Account, region: s.Region, now: time.Now,
	}
	if s.ChatTopic != "" {
		d.chat = topic.New(sns.NewFromConfig(cfg), s.ChatTopic)
	}
	return d
}

// What became of a digest.
const (
	digestNotDue  = "not due"
	digestNothing = "nothing stands"
	digestMailed  = "mailed"
)

// send sends the digest of the day if it is due and something stands, and says
// which. It is claimed before it is mailed and noted after: two sweeps at once
// mail it once, and one that dies in between leaves it to the next.
func (d *digester) send(ctx context.Context) (string, error) {
	sent, err := d.ledger.LoadDigest(ctx)
	if err != nil {
		return "", fmt.Errorf("digest: %w", err)
	}
	now := d.now()
	if !sent.Due(now, d.hour) {
		return digestNotDue, nil
	}
	until := now.Add(digestTime)
	if deadline, ok := ctx.Deadline(); ok {
		until = deadline
	}
	sent, err = d.ledger.SaveDigest(ctx, sent.Claim(until))
	switch {
	case trouble.Of(err) == trouble.LostRace:
		return digestNotDue, nil
	case err != nil:
		return "", fmt.Errorf("digest: %w", err)
	}
	records, err := d.ledger.All(ctx)
	unreadable, err := countUnreadable(err)
	if err != nil {
		return "", d.release(ctx, sent, err)
	}
	result := digestNothing
	if what, stands := digest.Of(records, unreadable, now); stands {
		m := d.letter.Digest(what, d.account, d.region)
		if err := d.topic.Publish(ctx, m); err != nil {
			return "", d.release(ctx, sent, err)
		}
		result = digestMailed
		if d.chat != nil {
			if err := d.chat.Post(ctx, m); err != nil {
				result += "; the chat card was not taken: " + err.Error()
			}
		}
	}
	if _, err := d.ledger.SaveDigest(ctx, sent.Done(now)); err != nil {
		return result, fmt.Errorf("digest: %s, but not noted; it may come again: %w", result, err)
	}
	return result, nil
}

// release gives the claim up, so that the next sweep need not wait for its end.
func (d *digester) release(ctx context.Context, sent digest.Sent, why error) error {
	_, err := d.ledger.SaveDigest(ctx, sent.Claim(time.Time{}))
	return fmt.Errorf("digest: %w", errors.Join(why, err))
}

// countUnreadable counts the records that could not be read, and returns what
// else went wrong.
func countUnreadable(err error) (int, error) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return 0, err
	}
	n := 0
	var rest []error
	for _, e := range joined.Unwrap() {
		if trouble.Of(e) == trouble.Unreadable {
			n++
		} else {
			rest = append(rest, e)
		}
	}
	return n, errors.Join(rest...)
}
