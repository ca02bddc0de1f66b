// Package sweep wakes the guardrail for clusters that no event told of: it
// lists the clusters of a region and puts a wake-up for each on the guardrail's
// queue, and one for each that the ledger has and EKS does not list. It looks at
// no cluster and changes none.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

const (
	// pageSize is the most that ListClusters returns at once, batchSize the
	// most that SendMessageBatch takes. Source: the API references.
	pageSize  = 100
	batchSize = 10
	// spacing is how far apart two clusters are woken, while that fits into
	// maxDelay. One check makes a few calls, and EKS was seen to throttle
	// DescribeCluster at 100 calls at once.
	spacing = time.Second
	// maxDelay is SQS's longest delay of a message.
	maxDelay = 15 * time.Minute
	// rounds is how often a message is offered to SQS, the SDK's own retries
	// of a call not counted.
	rounds = 3
	// reserve is what reading leaves of the invocation's time for sending.
	reserve = 30 * time.Second
)

// Ledger is the part of the ledger that a sweep needs: the ARNs of the clusters
// whose record has no end. With an error come those that could be read.
type Ledger interface {
	WithoutEnd(ctx context.Context) ([]string, error)
}

// Sender is the part of SQS that a sweep needs.
type Sender interface {
	SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, options ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// Sweep is the sweep of one account and region.
type Sweep struct {
	EKS      eks.ListClustersAPIClient
	SQS      Sender
	Ledger   Ledger
	QueueURL string
	Account  string
	Region   string
}

// Report is what became of a sweep.
type Report struct {
	Pages    int           `json:"pages"`            // of ListClusters
	Clusters int           `json:"clusters"`         // listed, asked for or in the ledger, each once
	Woken    int           `json:"woken"`            // whose wake-up SQS has
	Unlisted int           `json:"unlisted"`         // of the woken, those that EKS did not list: deleted, if it listed all
	Unsent   []string      `json:"unsent,omitempty"` // whose wake-up it has not
	Over     time.Duration `json:"-"`                // from the first wake-up's delivery to the last's
	Listed   []string      `json:"-"`                // the names that EKS listed
}

// All lists the clusters and wakes each, and after them those that the ledger
// waits for and EKS does not list: nothing else would tell the guardrail that a
// cluster was deleted. Trouble with one page or batch doesn't keep the others
// from being woken; the error then says what is missing, and sweeping again is
// harmless.
func (s Sweep) All(ctx context.Context) (Report, error) {
	reading, cancel := beforeSending(ctx)
	defer cancel()
	listed, pages, listing := s.list(reading)
	listed = distinct(listed)
	unlisted, recalling := s.unlisted(reading, listed)
	report, sending := s.wake(ctx, slices.Concat(listed, unlisted), true)
	report.Pages, report.Listed = pages, listed
	for _, name := range unlisted {
		if !slices.Contains(report.Unsent, name) {
			report.Unlisted++
		}
	}
	return report, errors.Join(listing, recalling, sending)
}

// Wake wakes the clusters of the names because somebody asks for it: what was given
// up is tried again at once. A name that EKS cannot know is an error, and nothing is
// sent.
func (s Sweep) Wake(ctx context.Context, names []string) (Report, error) {
	return s.wake(ctx, distinct(names), false)
}

func distinct(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// wake wakes the clusters of the names, each of which is there once, in turn.
func (s Sweep) wake(ctx context.Context, names []string, scheduled bool) (Report, error) {
	entries := make([]types.SendMessageBatchRequestEntry, len(names))
	for i, name := range names {
		if !endpoint.NamePattern.MatchString(name) {
			return Report{}, fmt.Errorf("wake %.120q: no cluster name that EKS admits; nothing was sent", name)
		}
		body, err := wakeup.Message{Cluster: name, Account: s.Account, Region: s.Region, Sweep: scheduled}.Encode()
		if err != nil {
			return Report{}, fmt.Errorf("encode the wake-up of cluster %s: %w", name, err)
		}
		entries[i] = types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(body)), DelaySeconds: int32(delay(i, len(names)) / time.Second),
		}
	}
	report := Report{Clusters: len(names)}
	if len(names) > 0 {
		report.Over = delay(len(names)-1, len(names))
	}
	left, err := s.send(ctx, entries)
	for _, entry := range left {
		i, _ := strconv.Atoi(*entry.Id) // Written above.
		report.Unsent = append(report.Unsent, names[i])
	}
	report.Woken = report.Clusters - len(report.Unsent)
	if len(left) > 0 {
		return report, fmt.Errorf("%d of %d clusters were not woken: %w", len(left), len(names), err)
	}
	return report, nil
}

// delay is that of the wake-up i of n.
func delay(i, n int) time.Duration {
	if over := time.Duration(n) * spacing; over > maxDelay {
		return maxDelay * time.Duration(i) / time.Duration(n)
	}
	return time.Duration(i) * spacing
}

// beforeSending ends early enough to wake whom is known by then.
func beforeSending(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, deadline.Add(-reserve))
	}
	return ctx, func() {}
}

// list returns the names on all pages, or on those before the page that EKS
// would not give: the token of the one after it is on that page.
func (s Sweep) list(ctx context.Context) (names []string, pages int, err error) {
	pager := eks.NewListClustersPaginator(s.EKS, &eks.ListClustersInput{MaxResults: aws.Int32(pageSize)})
	for pager.HasMorePages() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return names, pages, fmt.Errorf("page %d and what follows is not swept: %w", pages+1, awstrouble.Sort("eks:ListClusters", err, ""))
		}
		pages++
		names = append(names, page.Clusters...)
	}
	return names, pages, nil
}

// unlisted returns the names of the clusters that the ledger waits for and that
// are not among the listed, which are sorted. Keys that name no cluster of this
// account and region are nobody's to look for, and must not keep others asleep.
func (s Sweep) unlisted(ctx context.Context, listed []string) ([]string, error) {
	arns, err := s.Ledger.WithoutEnd(ctx)
	if err != nil {
		err = fmt.Errorf("deleted clusters are not looked for: %w", err)
	}
	var names []string
	for _, arn := range arns {
		_, name, ok := strings.Cut(arn, fmt.Sprintf(":eks:%s:%s:cluster/", s.Region, s.Account))
		if !ok || !endpoint.NamePattern.MatchString(name) {
			continue
		}
		if _, there := slices.BinarySearch(listed, name); !there {
			names = append(names, name)
		}
	}
	return distinct(names), err
}

// send offers the entries to SQS until it has them all, at most so many rounds.
// It returns those that it doesn't have, and the last reason.
func (s Sweep) send(ctx context.Context, entries []types.SendMessageBatchRequestEntry) ([]types.SendMessageBatchRequestEntry, error) {
	var why error
	for range rounds {
		var left []types.SendMessageBatchRequestEntry
		for batch := range slices.Chunk(entries, batchSize) {
			out, err := s.SQS.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &s.QueueURL, Entries: batch})
			if err != nil {
				why = awstrouble.Sort("sqs:SendMessage", err, "")
				left = append(left, batch...)
				continue
			}
			for _, failed := range out.Failed {
				why = fmt.Errorf("sqs:SendMessage: %s: %s", aws.ToString(failed.Code), aws.ToString(failed.Message))
				if i := slices.IndexFunc(batch, func(e types.SendMessageBatchRequestEntry) bool {
					return aws.ToString(e.Id) == aws.ToString(failed.Id)
				}); i >= 0 {
					left = append(left, batch[i])
				}
			}
		}
		entries = left
		if len(entries) == 0 {
			return nil, nil
		}
	}
	return entries, why
}
