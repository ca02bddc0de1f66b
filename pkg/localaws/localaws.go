// Package localaws is an AWS that runs inside the process: an [http.Handler]
// that speaks EKS, EC2, DynamoDB, SQS, SNS and the Lambda runtime API as far
// as the guardrail uses them, with EventBridge and CloudTrail behind it. Real
// SDK clients work against it, over the network (AWS_ENDPOINT_URL) or without
// any socket ([AWS.Config]).
//
// It starts no goroutine: state is worked out of the time at each request, and
// whoever waits, waits on a timer or a channel. So it runs unchanged inside
// testing/synctest, where days pass in milliseconds.
//
// Start with [New]. Each service is a package of its own in internal; here are the
// methods by which tests put things into them, look at them and make them fail.
// What a service does not implement it refuses by its name: a test must not pass
// for what AWS would do otherwise. Only tests and commands use it.
package localaws

import (
	"sync"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/account"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/dynamodb"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/ec2"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/eks"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/eventbridge"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/lambda"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/sns"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/sqs"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// Options says which account the AWS is and how it behaves. The zero value of
// each field is usable.
type Options struct {
	Account string // 12 digits; default 111122223333
	Region  string // default eu-west-1
	// Regions are those that the account has enabled, as DescribeRegions tells
	// them; default the one above. Calls to all of them end here.
	Regions []string
	// Partition follows from the region when empty.
	Partition string
	// Organization is the id of the account's organization, "" for none.
	Organization string
	Seed         uint64 // of ids and of every order that AWS leaves open

	// Clock tells the time, [time.Now] when nil. With one of the caller's own,
	// which need not go by itself, nothing that waits for a time must be used
	// (long polls, Latency, Delay), and the contexts that handlers get have no
	// deadline.
	Clock func() time.Time
	// DelayScale is how long a second of a message's DelaySeconds really is,
	// in seconds; 0 means one.
	DelayScale float64

	Durations Durations

	// StatusLag is how long a cluster's status still reads ACTIVE after an
	// update began; meanwhile other updates are refused as in use.
	StatusLag time.Duration
	// StaleReads is how long DescribeCluster shows the values from before an
	// update after it was Successful.
	StaleReads time.Duration
	// ReadSkew makes each DescribeCluster be behind by a time of its own, from
	// nothing to StaleReads: a later reader may get an older look than an
	// earlier one had. In half of them the status is as old as the values.
	ReadSkew bool
	// TagLag is how long DescribeCluster shows tags as they were before a change.
	TagLag time.Duration
	// ListLag is how long ListUpdates lacks a new update.
	ListLag time.Duration
	// ListReorder gives each listing of updates an order of its own, which all
	// its pages keep; otherwise a cluster has one order, none that means anything.
	ListReorder bool
	// UpdateLag is how long DescribeUpdate shows an update as InProgress after
	// its end; the cluster may show the new values by then.
	UpdateLag time.Duration
	// NotFoundAfterCreate is how long reads don't know a new cluster.
	NotFoundAfterCreate time.Duration
	// CreatingError is the type of the refusal of an update of a cluster that
	// is being created, InvalidRequestException or ResourceInUseException;
	// the default is the first.
	CreatingError string
	// RepeatedToken is what EKS makes of a client request token that began an
	// update before. It knows it for TokenMemory, 0 means for good; then the
	// call is taken for a new one.
	RepeatedToken RepeatedToken
	TokenMemory   time.Duration
	// RefuseEmptyCIDRs makes EKS refuse an empty list of public CIDRs while
	// public access is on, as one public report of 2020 has it, instead of
	// taking it for the whole world, as the documentation says.
	RefuseEmptyCIDRs bool
	// StaleItems is how long a DynamoDB read without ConsistentRead shows an
	// item as it was before the last write.
	StaleItems time.Duration

	// Throttle is how many calls a second are admitted, by service ("eks") or
	// by action ("eks:DescribeCluster"). The rest is refused; EKS answers
	// ThrottlingException and TooManyRequestsException in turns.
	Throttle map[string]int
	// Latency is how long each call takes before it has its effect.
	Latency time.Duration

	// EventDelay is the time from a call to its event in the queues.
	EventDelay time.Duration
	// DeliverEvent, when set, decides in EventDelay's place: one copy of the
	// event arrives after each of the delays; none means that it is lost. It
	// may be called at the same time from several goroutines.
	DeliverEvent func(event []byte) []time.Duration

	// OnCall is told of every call once its answer is known, before the caller
	// sees the answer. It may be called at the same time from several goroutines.
	OnCall func(Call)
}

// RepeatedToken is what EKS makes of a client request token that it has seen.
type RepeatedToken = eks.RepeatedToken

// SameUpdate answers a repeated call with the update that the first began.
// InUse asks first whether the cluster could be changed at all: the call is
// refused while that update is in progress, with its id, and as at the desired
// configuration afterwards.
const (
	SameUpdate = eks.SameUpdate
	InUse      = eks.InUse
)

// Durations says how long EKS takes.
type Durations = eks.Durations

// AWS is one account in one region. Its methods may be called at the same time
// from several goroutines.
type AWS struct {
	opts       Options
	account    *account.Account
	closeOnce  sync.Once
	operations map[string]map[string]wire.Operation // by service and name

	// The services. The account's lock guards them, and what is below.
	eks         *eks.Service
	dynamodb    *dynamodb.Service
	eventbridge *eventbridge.Service
	lambda      *lambda.Service
	sns         *sns.Service
	sqs         *sqs.Service
	ec2         *ec2.Service

	callers   map[string]Caller
	calls     []Call
	faults    []*fault
	windows   map[string]*window
	throttled int
}

// New returns an empty AWS.
func New(o Options) *AWS {
	if o.Account == "" {
		o.Account = "111122223333"
	}
	if o.Region == "" {
		o.Region = "eu-west-1"
	}
	if len(o.Regions) == 0 {
		o.Regions = []string{o.Region}
	}
	if o.DelayScale == 0 {
		o.DelayScale = 1
	}
	acct := account.New(account.Options{
		ID: o.Account, Region: o.Region, Partition: o.Partition, Organization: o.Organization, Seed: o.Seed, Clock: o.Clock,
	})
	network := ec2.New(acct, o.Regions)
	queues := sqs.New(acct, o.DelayScale)
	a := &AWS{
		opts:    o,
		account: acct,
		eks: eks.New(acct, network, eks.Options{
			Durations: o.Durations, StatusLag: o.StatusLag, StaleReads: o.StaleReads, ReadSkew: o.ReadSkew, TagLag: o.TagLag,
			ListLag: o.ListLag, ListReorder: o.ListReorder, UpdateLag: o.UpdateLag, NotFoundAfterCreate: o.NotFoundAfterCreate,
			CreatingError: o.CreatingError, RepeatedToken: o.RepeatedToken, TokenMemory: o.TokenMemory, RefuseEmptyCIDRs: o.RefuseEmptyCIDRs,
		}),
		dynamodb:    dynamodb.New(acct, o.StaleItems),
		sqs:         queues,
		eventbridge: eventbridge.New(acct, queues),
		lambda:      lambda.New(acct, queues, o.Clock == nil),
		sns:         sns.New(acct, queues),
		ec2:         network,
		callers:     map[string]Caller{},
		windows:     map[string]*window{},
	}
	a.operations = a.allOperations()
	return a
}

// lock takes the account's lock and returns what gives it back.
func (a *AWS) lock() (unlock func()) {
	a.account.Lock()
	return a.account.Unlock
}

// Close ends every long poll that is waiting; calls are still answered.
func (a *AWS) Close() {
	a.closeOnce.Do(func() { close(a.account.Closed) })
}

// Account returns the account id.
func (a *AWS) Account() string { return a.account.ID }

// Region returns the region.
func (a *AWS) Region() string { return a.account.Region }

// Partition returns the partition that the region lies in, e.g. aws-cn.
func (a *AWS) Partition() string { return a.account.Partition }
