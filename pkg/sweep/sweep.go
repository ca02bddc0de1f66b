// Package sweep wakes the guardrail for clusters that no event told of: it
// lists the clusters of a region and puts a wake-up for each on the guardrail's
// queue. It looks at no cluster and changes none.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
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
	// reserve is what listing leaves of the invocation's time for sending.
	reserve = 30 * time.Second
)

// Sender is the part of SQS that a sweep needs.
type Sender interface {
	SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, options ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// Sweep is the sweep of one account and region.
type Sweep struct {
	EKS      eks.ListClustersAPIClient
	SQS      Sender
	QueueURL string
	Account  string
	Region   string
}

// Report is what became of a sweep.
type Report struct {
	Pages    int           `json:"pages"`            // of ListClusters
	Clusters int           `json:"clusters"`         // listed or asked for, each once
	Woken    int           `json:"woken"`            // whose wake-up SQS has
	Unsent   []string      `json:"unsent,omitempty"` // whose wake-up it has not
	Over     time.Duration `json:"-"`                // from the first wake-up's delivery to the last's
}

// All lists the clusters and wakes each. Trouble with one page or batch doesn't
// keep the others from being woken; the error then says what is missing, and
// sweeping again is harmless.
func (s Sweep) All(ctx context.Context) (Report, error) {
	names, pages, listing := s.list(ctx)
	report, sending := s.Wake(ctx, names)
	report.Pages = pages
	return report, errors.Join(listing, sending)
}

// Wake wakes the clusters of the names. A name that EKS cannot know is an
// error, and nothing is sent.
func (s Sweep) Wake(ctx context.Context, names []string) (Report, error) {
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	entries := make([]types.SendMessageBatchRequestEntry, len(names))
	for i, name := range names {
		if !endpoint.NamePattern.MatchString(name) {
			return Report{}, fmt.Errorf("wake %.120q: no cluster name that EKS admits; nothing was sent", name)
		}
		body, err := incident.WakeUp{Cluster: name, Account: s.Account, Region: s.Region, Sweep: true}.Encode()
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

// list returns the names on all pages, or on those before the page that EKS
// would not give: the token of the one after it is on that page.
func (s Sweep) list(ctx context.Context) (names []string, pages int, err error) {
	if deadline, ok := ctx.Deadline(); ok {
		inner, cancel := context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
		ctx = inner
	}
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
