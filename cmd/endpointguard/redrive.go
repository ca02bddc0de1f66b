package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/doctor"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/sweep"
)

func newRedrive() *cobra.Command {
	var where installed
	var dry bool
	cmd := &cobra.Command{
		Use:   "redrive [--name NAME] [--dry-run]",
		Short: "Puts dead letters back as fresh wake-ups",
		Long: `Redrive reads the dead letters of an installation, those of the queue and those
of the rules, and has the clusters that they are about looked at again. It tells
of each letter what it is and whose call it came from. A letter is removed once
its wake-up is on the queue; one that cannot be read stays, and is named.

The queue takes messages from the rules and the functions only, so redrive asks
the function sweep to wake the clusters. A wake-up says which cluster to look
at and nothing else: the guardrail judges the cluster as it is now.

With --dry-run the letters are only shown; each is hidden from others for as
long as that takes. The exit status is 1 if letters stay that should not. It
needs cloudformation:DescribeStacks and DescribeStackResources, of the dead
letters sqs:ReceiveMessage, DeleteMessage and ChangeMessageVisibility, and
lambda:InvokeFunction of the function sweep.`,
		Example: `  endpointguard redrive --dry-run
  endpointguard redrive --region eu-west-1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			cfg, err := where.config(ctx, telling(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			in, err := doctor.Find(ctx, cloudformation.NewFromConfig(cfg), doctor.StackName(where.name, cfg.Region))
			switch {
			case ctx.Err() != nil:
				return errors.New("interrupted")
			case err != nil:
				return notInstalled(err, cfg.Region)
			}
			r := redrive{
				letters: sqs.NewFromConfig(cfg), functions: lambda.NewFromConfig(cfg, func(o *lambda.Options) {
					// The function may take its time; asked twice it would
					// only wake everyone twice.
					o.Retryer = aws.NopRetryer{}
				}),
				url: in.DeadLetters, sweep: in.Sweep, account: in.Account, region: in.Region, dry: dry, out: cmd.OutOrStdout(), wait: 2,
			}
			err = r.run(ctx)
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			return err
		},
	}
	where.flags(cmd.Flags())
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show the dead letters, change nothing")
	return cmd
}

// letterbox is the part of SQS that a redrive needs.
type letterbox interface {
	ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, options ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(ctx context.Context, in *sqs.DeleteMessageInput, options ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	ChangeMessageVisibility(ctx context.Context, in *sqs.ChangeMessageVisibilityInput, options ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
}

// invoker is the part of Lambda that a redrive needs.
type invoker interface {
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

// redrive puts the dead letters of an installation back.
type redrive struct {
	letters   letterbox
	functions invoker
	url       string // of the dead letters
	sweep     string // the function
	account   string
	region    string
	dry       bool
	out       io.Writer
	wait      int32 // seconds that SQS looks for further letters

	kept []letter // that stay, to be given back
	// How many letters were woken for, and so on.
	read, back, sweeps, unconcerned, unreadable, failed int
	woken                                               map[string]bool
}

// letter is a dead letter, and what is to become of it.
type letter struct {
	id, receipt string
	purpose     purpose
	cluster     string // of wake
	what        string // for people
}

type purpose string

const (
	wake       purpose = "wake"        // its cluster
	sweepAll   purpose = "sweep"       // what starts the sweep was not delivered
	drop       purpose = "no concern"  // there is nothing to do about it
	unreadable purpose = "cannot read" // it stays
)

// open reads a dead letter as the guardrail would.
func open(m types.Message, account, region string) letter {
	l := letter{id: aws.ToString(m.MessageId), receipt: aws.ToString(m.ReceiptHandle)}
	l.purpose, l.cluster, l.what = meaning([]byte(aws.ToString(m.Body)), account, region)
	// EventBridge says why it could not deliver. Source: the EventBridge user
	// guide, "Using dead-letter queues".
	if a, ok := m.MessageAttributes["ERROR_CODE"]; ok {
		l.what += ", not delivered: " + aws.ToString(a.StringValue)
	}
	return l
}

func meaning(body []byte, account, region string) (p purpose, cluster, what string) {
	w, ours, err := incident.DecodeWakeUp(body)
	switch {
	case err != nil:
		return unreadable, "", err.Error()
	case ours && (w.Account != account || w.Region != region):
		return unreadable, "", fmt.Sprintf("wake-up of %s in account %s, %s, not this installation's", w.Cluster, w.Account, w.Region)
	case ours && w.Event != nil:
		return wake, w.Cluster, tell(*w.Event)
	case ours && w.Sweep:
		return wake, w.Cluster, "wake-up of the sweep"
	case ours:
		return wake, w.Cluster, fmt.Sprintf("re-check %d", w.Check)
	}
	var envelope struct {
		Source string `json:"source"`
		Type   string `json:"detail-type"`
		// Of an invocation that Lambda gave up. Source: the Lambda developer guide,
		// "Adding a destination".
		Context struct {
			Function  string `json:"functionArn"`
			Condition string `json:"condition"`
		} `json:"requestContext"`
	}
	if json.Unmarshal(body, &envelope) == nil {
		if envelope.Context.Function != "" && envelope.Context.Condition != "" {
			return sweepAll, "", "a sweep that Lambda gave up: " + envelope.Context.Condition
		}
		switch envelope.Type {
		case "Scheduled Event", "CloudFormation Stack Status Change":
			return sweepAll, "", envelope.Type + " of " + envelope.Source
		}
	}
	event, err := cloudtrail.Decode(body)
	if none, ok := errors.AsType[cloudtrail.NoConcern](err); ok {
		return drop, "", none.Error()
	}
	switch {
	case err != nil:
		return unreadable, "", err.Error()
	case event.Account != account || event.Region != region:
		return unreadable, "", fmt.Sprintf("%s of %s in account %s, %s, not this installation's", event.Name, event.Cluster, event.Account, event.Region)
	}
	return wake, event.Cluster, tell(event)
}

// tell says of an event whose call it was: a fresh wake-up does not.
func tell(e cloudtrail.Event) string {
	s := e.Name + " by " + e.Actor.String()
	if !e.Time.IsZero() {
		s += " at " + e.Time.Format("2006-01-02 15:04:05 UTC")
	}
	return s
}

// run puts back what there is, round by round.
func (r *redrive) run(ctx context.Context) error {
	r.woken = map[string]bool{}
	seen := map[string]bool{}
	var err error
	for {
		var round []letter
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
	r.printf("%s\n", r.sum())
	if err == nil && r.unreadable > 0 && !r.dry {
		return errFindings
	}
	return err
}

func (r *redrive) printf(format string, args ...any) {
	// A writer that fails stops the command.
	_, _ = fmt.Fprintf(r.out, format, args...)
}

// receive reads up to a round of letters that were not seen before. Those that it
// has come with an error, too.
func (r *redrive) receive(ctx context.Context, seen map[string]bool) ([]letter, error) {
	var round []letter
	for len(round) < roundSize {
		out, err := r.letters.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &r.url, MaxNumberOfMessages: 10, VisibilityTimeout: int32(hidden.Seconds()), WaitTimeSeconds: r.wait,
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
				round = append(round, open(m, r.account, r.region))
			}
		}
		if fresh == 0 {
			break
		}
	}
	r.read += len(round)
	return round, nil
}

// settle shows a round's letters, wakes their clusters and removes those that are
// dealt with. Its error is the first call that AWS refused.
func (r *redrive) settle(ctx context.Context, round []letter) error {
	clusters := map[string]bool{}
	all := false
	for _, l := range round {
		r.printf("%-11s  %s\n", l.purpose, visible(cmp.Or(l.cluster, "message "+l.id)))
		for _, line := range wrapped(visible(l.what), columns-13) {
			r.printf("%-13s%s\n", "", line)
		}
		switch l.purpose {
		case wake:
			clusters[l.cluster] = true
		case sweepAll:
			all = true
		}
	}
	unsent := map[string]bool{}
	var errs []error
	swept := false
	if !r.dry && len(clusters) > 0 {
		names := slices.Sorted(maps.Keys(clusters))
		if err := r.invoke(ctx, map[string]any{"clusters": names}, len(names)); err != nil {
			errs = append(errs, err)
			unsent = clusters
		}
	}
	if !r.dry && all {
		err := r.invoke(ctx, map[string]any{}, 0)
		swept = err == nil
		errs = append(errs, err)
	}
	for _, l := range round {
		gone := false
		switch l.purpose {
		case wake:
			if gone = !unsent[l.cluster]; gone {
				r.back++
				r.woken[l.cluster] = true
			}
		case sweepAll:
			if gone = swept || r.dry; gone {
				r.sweeps++
			}
		case drop:
			gone = true
			r.unconcerned++
		case unreadable:
			r.unreadable++
		}
		if !gone && l.purpose != unreadable {
			r.failed++
		}
		if !gone || r.dry {
			r.kept = append(r.kept, l)
			continue
		}
		if _, err := r.letters.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &r.url, ReceiptHandle: &l.receipt}); err != nil {
			r.kept = append(r.kept, l)
			errs = append(errs, fmt.Errorf("remove the dead letter %s, which was put back: %w", l.id, awstrouble.Sort("sqs:DeleteMessage", err, "")))
		}
	}
	return errors.Join(errs...)
}

// invoke has the function sweep wake clusters, so many of them if not 0.
func (r *redrive) invoke(ctx context.Context, payload map[string]any, clusters int) error {
	in, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	out, err := r.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: &r.sweep, Payload: in})
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
		return fmt.Errorf("the function %s failed, the letters stay: %s: %s", r.sweep, failure, cmp.Or(told.Message, "its log says why"))
	}
	if err := json.Unmarshal(out.Payload, &report); err != nil || report.Woken < clusters {
		return fmt.Errorf("the function %s woke %d of %d clusters, the letters stay: it answered %.200q", r.sweep, report.Woken, clusters, out.Payload)
	}
	return nil
}

// release gives the letters that stay back to other readers, also after an
// interrupt. SQS does it by itself once they have been hidden for long enough.
func (r *redrive) release(ctx context.Context) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer stop()
	for _, l := range r.kept {
		_, err := r.letters.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &r.url, ReceiptHandle: &l.receipt, VisibilityTimeout: 0})
		if err != nil {
			return
		}
	}
}

// sum counts what was done.
func (r *redrive) sum() string {
	if r.read == 0 {
		return "No dead letters."
	}
	did := []string{"put back", "removed as no concern", "stay: they cannot be read"}
	if r.dry {
		did = []string{"would be put back", "would be removed as no concern", "would stay: they cannot be read"}
	}
	parts := []string{fmt.Sprintf("%d %s (clusters: %d)", r.back, did[0], len(r.woken))}
	for _, p := range []struct {
		n    int
		what string
	}{{r.sweeps, "started a sweep"}, {r.unconcerned, did[1]}, {r.unreadable, did[2]}, {r.failed, "stay: their wake-ups could not be sent"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return fmt.Sprintf("%d dead letters: %s.", r.read, strings.Join(parts, "; "))
}
