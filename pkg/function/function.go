// Package function wires the guardrail: settings to clients to a handler. The
// functions' mains, the demo, replay and the tests all use it, so that they run
// the same code.
package function

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/endpointguard/endpointguard/pkg/ekscluster"
	"github.com/endpointguard/endpointguard/pkg/guardrail"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/mail"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/queue"
	"github.com/endpointguard/endpointguard/pkg/settings"
	"github.com/endpointguard/endpointguard/pkg/topic"
)

// Version is the guardrail's own. It ends every mail.
const Version = "0.2.0"

// callTimeout is how long one HTTP request to AWS may take; the SDK then tries
// again. An invocation must be able to outlive a call that hangs.
const callTimeout = 10 * time.Second

// Handler handles the batches that Lambda delivers from the queue.
type Handler struct {
	guardrail *guardrail.Guardrail
	log       *slog.Logger
	metrics   io.Writer
	name      string // of the function, a dimension of its metrics
	topics    topics // for the answer to whoever asks for a test mail
}

// New wires a handler. The policy is the document's text; an invalid one is an
// error, and nothing is handled. Log lines and metrics go to out.
func New(s settings.Guardrail, document []byte, cfg aws.Config, out io.Writer) (*Handler, error) {
	p, problems := policy.Parse(s.PolicyFile, document)
	if problems.Errors() {
		return nil, fmt.Errorf("the policy is invalid, nothing is checked or changed:\n%w", problems)
	}
	if s.Mode == settings.ModeAlert {
		p = p.AlertOnly()
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return nil, fmt.Errorf("setting %s: %w", settings.LogLevel, err)
	}
	records := ledger.New(dynamodb.NewFromConfig(cfg), s.Table)
	clusters := ekscluster.New(eks.NewFromConfig(cfg))
	var chat guardrail.Chat
	if s.ChatTopic != "" {
		chat = topic.New(sns.NewFromConfig(cfg), s.ChatTopic)
	}
	return &Handler{
		guardrail: &guardrail.Guardrail{
			Place:    guardrail.Place{Partition: s.Partition, Account: s.Account, Region: s.Region},
			Policy:   p,
			OwnRole:  s.RoleARN,
			Letter:   letter(p.Hash, s.Language, s.AccountName),
			Clusters: clusters,
			Updates:  clusters,
			Changer:  clusters,
			Networks: ekscluster.NewNetworks(ec2.NewFromConfig(cfg)),
			Ledger:   records,
			Brakes:   records,
			Queue:    queue.New(sqs.NewFromConfig(cfg), s.QueueURL),
			Topic:    topic.New(sns.NewFromConfig(cfg), s.TopicARN),
			Chat:     chat,
			Now:      time.Now,
			Until:    time.Until,
			Limits:   incident.Limits{TugPerHour: s.TugPerHour, TugDays: s.TugDays},

			BrakeLimit: s.Brake,
		},
		log:     slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level})),
		metrics: out,
		name:    s.FunctionName,
		topics:  topics{mails: s.TopicARN, cards: s.ChatTopic},
	}, nil
}

// letter is what all mails have in common.
func letter(policyHash string, language mail.Language, accountName string) mail.Letter {
	return mail.Letter{Version: Version, PolicyHash: policyHash, Language: language, AccountName: accountName}
}

// WithClock returns the handler with a time of its own in place of time.Now: a
// replay lives in the time of its event.
func (h *Handler) WithClock(now func() time.Time) *Handler {
	g, out := *h.guardrail, *h
	g.Now, out.guardrail = now, &g
	return &out
}

// FromEnvironment wires a handler as a function is deployed: settings from the
// environment, the policy document beside the binary.
func FromEnvironment(ctx context.Context) (*Handler, error) {
	s, err := settings.ForGuardrail(os.Getenv)
	if err != nil {
		return nil, err
	}
	document, err := os.ReadFile(s.PolicyFile)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	// One client for all services: each would open connections of its own.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(s.Region), config.WithHTTPClient(httpClient()))
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	return New(s, document, cfg, os.Stdout)
}

func httpClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 1
	return &http.Client{Transport: ownBodies{transport}, Timeout: callTimeout}
}

// ownBodies sends requests with bodies of their own. The SDK closes a request's
// body as soon as the answer's header is there. If the transport has not yet seen
// the end of the body by then, it takes the request for not written and closes
// the connection, under the answer that is still being read.
type ownBodies struct{ next http.RoundTripper }

func (t ownBodies) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return t.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read the request to send: %w", err)
	}
	if err := r.Body.Close(); err != nil {
		return nil, fmt.Errorf("read the request to send: %w", err)
	}
	own := *r
	own.Body = io.NopCloser(bytes.NewReader(body))
	return t.next.RoundTrip(&own)
}

// Handle handles a batch. Messages that could not be dealt with are named in the
// answer, so that only they are delivered again.
func (h *Handler) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, message := range batch.Records {
		if err := h.handle(ctx, message); err != nil {
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: message.MessageId})
		}
	}
	return answer, nil
}

func (h *Handler) handle(ctx context.Context, message events.SQSMessage) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			h.log.Error("panic", "message", message.MessageId, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	report, err := h.guardrail.Handle(ctx, []byte(message.Body), guardrail.Delivery{
		Message: message.MessageId, Invocation: invocation(ctx) + "/" + message.MessageId,
	})
	h.write(ctx, message.MessageId, report, err)
	return err
}

// invocation names the invocation. The same batch may be handed to two of them, with
// the same receive count: only Lambda's request id tells them apart.
// Source: AWS Lambda developer guide, "Using Lambda with Amazon SQS" (at least once).
func invocation(ctx context.Context) string {
	if lambda, ok := lambdacontext.FromContext(ctx); ok && lambda.AwsRequestID != "" {
		return lambda.AwsRequestID
	}
	return rand.Text()
}

// Invoke is Handle on the bytes that the Lambda runtime exchanges. The payload
// {"smoke": true} has a test mail sent.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if askedForSmoke(payload) {
		return h.testMail(ctx)
	}
	var batch events.SQSEvent
	if err := json.Unmarshal(payload, &batch); err != nil {
		return nil, fmt.Errorf("the payload is no batch of SQS messages; the function's only trigger is its queue: %w", err)
	}
	if len(batch.Records) == 0 {
		return nil, errors.New("the payload holds no SQS messages; the function's only trigger is its queue")
	}
	answer, err := h.Handle(ctx, batch)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}
