// Package redrive puts the dead letters of an installation back: it reads them as the
// guardrail would, and has the function sweep wake the clusters that they are about.
// Start at Redrive.Run. It writes nothing to the queue itself, which takes messages
// from the rules and the functions only, and prints nothing.
package redrive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/sweep"
)

// Letterbox is the part of SQS that a redrive needs.
type Letterbox interface {
	ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, options ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(ctx context.Context, in *sqs.DeleteMessageInput, options ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	ChangeMessageVisibility(ctx context.Context, in *sqs.ChangeMessageVisibilityInput, options ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
}

// Invoker is the part of Lambda that a redrive needs.
type Invoker interface {
	Invoke(ctx context.Context, in *lambda.InvokeInput, options ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

const (
	// hidden is for how long a letter is kept from other readers: a round takes
	// a few minutes at the most.
	hidden = 15 * time.Minute
	// roundSize is how many letters are read before their clusters are woken;
	// the sweep spreads a round's wake-ups over time.
	roundSize = 500
	// releaseTime is for giving letters back after an interrupt.
	releaseTime = 10 * time.Second
)

// Redrive is one run over the dead letters of an installation.
type Redrive struct {
	Letters   Letterbox
	Functions Invoker // must not try again: asked twice it would wake everyone twice
	URL       string  // of the dead letters
	Sweep     string  // name of the function sweep
	Account   string  // of the installation
	Region    string
	Dry       bool         // only shows the letters
	Wait      int32        // seconds that SQS looks for further letters
	Tell      func(Letter) // is told each letter, before anything is done about it

	kept  []Letter // that stay, to be given back
	woken map[string]bool
	done  Report
}

// Report counts the letters by what was done about them, or would be in a dry run.
type Report struct {
	Dry         bool
	Read        int // all of them
	Back        int // whose clusters were woken
	Clusters    int // these, each once
	Sweeps      int // that started a sweep
	Unconcerned int // removed, since there was nothing to do about them
	Unreadable  int // that stay
	Failed      int // that stay, since their wake-ups could not be sent
}

// String is the report in a sentence.
func (r Report) String() string {
	if r.Read == 0 {
		return "No dead letters."
	}
	did := []string{"put back", "removed as no concern", "stay: they cannot be read"}
	if r.Dry {
		did = []string{"would be put back", "would be removed as no concern", "would stay: they cannot be read"}
	}
	parts := []string{fmt.Sprintf("%d %s (clusters: %d)", r.Back, did[0], r.Clusters)}
	for _, p := range []struct {
		n    int
		what string
	}{{r.Sweeps, "started a sweep"}, {r.Unconcerned, did[1]}, {r.Unreadable, did[2]}, {r.Failed, "stay: their wake-ups could not be sent"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return fmt.Sprintf("%d dead letters: %s.", r.Read, strings.Join(parts, "; "))
}

// Run puts back what there is, round by round. The report is right with an error, too,
// which is the calls that AWS refused.
func (r *Redrive) Run(ctx context.Context) (Report, error) {
	r.woken, r.done = map[string]bool{}, Report{Dry: r.Dry}
	seen := map[string]bool{}
	var err error
	for {
		var round []Letter
		round, err = r.receive(ctx, seen)
		if len(round) == 0 {
			break
		}
		if trouble := r.settle(ctx, round); trouble != nil {
			err = errors.Join(err, trouble)
		}
		if err != nil {
			break
		}
	}
	r.release(ctx)
	r.done.Clusters = len(r.woken)
	return r.done, err
}

// receive reads up to a round of letters that were not seen before. Those that it
// has come with an error, too.
func (r *Redrive) receive(ctx context.Context, seen map[string]bool) ([]Letter, error) {
	var round []Letter
	for len(round) < roundSize {
		out, err := r.Letters.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &r.URL, MaxNumberOfMessages: 10, VisibilityTimeout: int32(hidden.Seconds()), WaitTimeSeconds: r.Wait,
			MessageAttributeNames: []string{"ERROR_CODE"},
		})
		if err != nil {
			return round, fmt.Errorf("read the dead letters: %w", awstrouble.Sort("sqs:ReceiveMessage", err, ""))
		}
		fresh := 0
		for _, m := range out.Messages {
			if id := aws.ToString(m.MessageId); !seen[id] {
				seen[id] = true
				fresh++
				round = append(round, open(m, r.Account, r.Region))
			}
		}
		if fresh == 0 {
			break
		}
	}
	r.done.Read += len(round)
	return round, nil
}

// settle tells of a round's letters, wakes their clusters and removes those that are
// dealt with. Its error is the calls that AWS refused.
func (r *Redrive) settle(ctx context.Context, round []Letter) error {
	clusters := map[string]bool{}
	all := false
	for _, l := range round {
		r.Tell(l)
		switch l.Purpose {
		case Wake:
			clusters[l.Cluster] = true
		case Sweep:
			all = true
		case Drop, Unreadable:
		}
	}
	unsent := map[string]bool{}
	var errs []error
	swept := false
	if !r.Dry && len(clusters) > 0 {
		names := slices.Sorted(maps.Keys(clusters))
		if err := r.invoke(ctx, map[string]any{"clusters": names}, len(names)); err != nil {
			errs = append(errs, err)
			unsent = clusters
		}
	}
	if !r.Dry && all {
		err := r.invoke(ctx, map[string]any{}, 0)
		swept = err == nil
		errs = append(errs, err)
	}
	for _, l := range round {
		if !r.count(l, unsent, swept) || r.Dry {
			r.kept = append(r.kept, l)
			continue
		}
		if _, err := r.Letters.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &r.URL, ReceiptHandle: &l.receipt}); err != nil {
			r.kept = append(r.kept, l)
			errs = append(errs, fmt.Errorf("remove the dead letter %s, which was put back: %w", l.ID, awstrouble.Sort("sqs:DeleteMessage", err, "")))
		}
	}
	return errors.Join(errs...)
}

// count counts a letter by what was done about it, and reports whether it is dealt
// with: unsent are the clusters that could not be woken.
func (r *Redrive) count(l Letter, unsent map[string]bool, swept bool) bool {
	gone := false
	switch l.Purpose {
	case Wake:
		if gone = !unsent[l.Cluster]; gone {
			r.done.Back++
			r.woken[l.Cluster] = true
		}
	case Sweep:
		if gone = swept || r.Dry; gone {
			r.done.Sweeps++
		}
	case Drop:
		gone = true
		r.done.Unconcerned++
	case Unreadable:
		r.done.Unreadable++
		return false
	}
	if !gone {
		r.done.Failed++
	}
	return gone
}

// invoke has the function sweep wake clusters, so many of them if not 0.
func (r *Redrive) invoke(ctx context.Context, payload map[string]any, clusters int) error {
	in, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	out, err := r.Functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: &r.Sweep, Payload: in})
	if err != nil {
		return fmt.Errorf("nothing was put back: %w", awstrouble.Sort("lambda:InvokeFunction", err, ""))
	}
	var report sweep.Report
	if failure := aws.ToString(out.FunctionError); failure != "" {
		var told struct {
			Message string `json:"errorMessage"`
		}
		// Without a message there is still the kind of error.
		_ = json.Unmarshal(out.Payload, &told)
		return fmt.Errorf("the function %s failed, the letters stay: %s: %s", r.Sweep, failure, cmp.Or(told.Message, "its log says why"))
	}
	if err := json.Unmarshal(out.Payload, &report); err != nil || report.Woken < clusters {
		return fmt.Errorf("the function %s woke %d of %d clusters, the letters stay: it answered %.200q", r.Sweep, report.Woken, clusters, out.Payload)
	}
	return nil
}

// release gives the letters that stay back to other readers, also after an
// interrupt. SQS does it by itself once they have been hidden for long enough.
func (r *Redrive) release(ctx context.Context) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer stop()
	for _, l := range r.kept {
		_, err := r.Letters.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &r.URL, ReceiptHandle: &l.receipt, VisibilityTimeout: 0})
		if err != nil {
			return
		}
	}
}
