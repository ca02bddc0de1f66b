package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/settings"
	"github.com/endpointguard/endpointguard/pkg/sweep"
)

// listAttempts is how often the SDK tries a call of ListClusters: nothing else
// waits for the sweep, and a page that stays out takes all later ones with it.
const listAttempts = 8

// Sweeper is the function sweep.
type Sweeper struct {
	sweep  sweep.Sweep
	ledger *ledger.Ledger
	digest *digester // nil for none
	log    *slog.Logger
	out    io.Writer // log lines and metrics
	name   string    // of the function, the dimension of its metrics
	// What the heartbeat says of the deployment.
	policy, mode string
}

// NewSweeper wires the function sweep. Log lines go to out.
func NewSweeper(s settings.Sweep, cfg aws.Config, out io.Writer) (*Sweeper, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return nil, fmt.Errorf("setting %s: %w", settings.LogLevel, err)
	}
	records := ledger.New(dynamodb.NewFromConfig(cfg), s.Table)
	return &Sweeper{
		sweep: sweep.Sweep{
			EKS:      eks.NewFromConfig(cfg, func(o *eks.Options) { o.RetryMaxAttempts = listAttempts }),
			SQS:      sqs.NewFromConfig(cfg),
			Ledger:   records,
			QueueURL: s.QueueURL,
			Account:  s.Account,
			Region:   s.Region,
		},
		ledger: records, out: out, name: s.FunctionName, policy: s.PolicyHash, mode: s.Mode,
		digest: newDigester(s, cfg, records),
		log:    slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level})),
	}, nil
}

// SweeperFromEnvironment wires the function sweep as it is deployed.
func SweeperFromEnvironment(ctx context.Context) (*Sweeper, error) {
	s, err := settings.ForSweep(os.Getenv)
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(s.Region), config.WithHTTPClient(httpClient()))
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	return NewSweeper(s, cfg, os.Stdout)
}

// Invoke sweeps. The payload is an EventBridge event, of which nothing is
// used, or {"clusters": ["NAME", …]}, and then only those are woken. The answer
// is a sweep.Report; with an error Lambda invokes the function once more. Once a
// day a sweep of all clusters also sends the digest, if one is wanted.
func (s *Sweeper) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var only struct {
		Clusters []string `json:"clusters"`
	}
	if err := json.Unmarshal(payload, &only); err != nil {
		return nil, fmt.Errorf(`the payload is neither an event nor {"clusters": […]}: %w`, err)
	}
	var report sweep.Report
	var err error
	if only.Clusters != nil {
		report, err = s.sweep.Wake(ctx, only.Clusters)
	} else {
		began := time.Now()
		if report, err = s.sweep.All(ctx); err == nil {
			err = s.beat(ctx, began, report)
		}
	}
	digest := ""
	if s.digest != nil && only.Clusters == nil {
		var failed error
		if digest, failed = s.digest.send(ctx); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.Int("pages", report.Pages), slog.Int("clusters", report.Clusters), slog.Int("woken", report.Woken),
		slog.Int("unlisted", report.Unlisted), slog.Float64("overSeconds", report.Over.Seconds()),
	}
	if digest != "" {
		attrs = append(attrs, slog.String("digest", digest))
	}
	if err != nil {
		level = slog.LevelError
		attrs = append(attrs, slog.Any("unsent", report.Unsent), slog.String("error", err.Error()))
	}
	s.log.LogAttrs(ctx, level, "sweep", attrs...)
	answer, encoding := json.Marshal(report)
	return answer, errors.Join(err, encoding)
}
