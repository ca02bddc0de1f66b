// Package localaws is an AWS that runs inside the process: an [http.Handler]
// that speaks EKS, EC2, DynamoDB, SQS, SNS and the Lambda runtime API as far
// as the guardrail uses them, with EventBridge and CloudTrail behind it. Real
// SDK clients work against it, over the network (AWS_ENDPOINT_URL) or without
// any socket ([AWS.Config]).
//
// It starts no goroutine: state is worked out of the time at each request, and
// whoever waits, waits on a timer or a channel. So it runs unchanged inside
// testing/synctest, where days pass in milliseconds.
// Only tests and commands use it.
package localaws

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
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
type RepeatedToken int

// SameUpdate answers a repeated call with the update that the first began.
// InUse asks first whether the cluster could be changed at all: the call is
// refused while that update is in progress, with its id, and as at the desired
// configuration afterwards.
const (
	SameUpdate RepeatedToken = iota
	InUse
)

// Durations says how long EKS takes. Defaults are in parentheses; a negative
// duration means at once.
type Durations struct {
	Create         time.Duration // CREATING to ACTIVE (14 minutes)
	EndpointUpdate time.Duration // an EndpointAccessUpdate (4 minutes)
	VersionUpdate  time.Duration // a VersionUpdate (25 minutes)
	OtherUpdate    time.Duration // any other update (2 minutes)
	Delete         time.Duration // DELETING to gone (8 minutes)
}

func (d Durations) withDefaults() Durations {
	set := func(v *time.Duration, def time.Duration) {
		switch {
		case *v == 0:
			*v = def
		case *v < 0:
			*v = 0
		}
	}
	set(&d.Create, 14*time.Minute)
	set(&d.EndpointUpdate, 4*time.Minute)
	set(&d.VersionUpdate, 25*time.Minute)
	set(&d.OtherUpdate, 2*time.Minute)
	set(&d.Delete, 8*time.Minute)
	return d
}

// AWS is one account in one region. Its methods may be called at the same time
// from several goroutines.
type AWS struct {
	opts      Options
	partition string
	closed    chan struct{}
	closeOnce sync.Once

	mu        sync.Mutex
	durations Durations
	random    *rand.Rand
	skew      *rand.Rand // of how old each look is
	listings  uint64     // of updates, so far
	callers   map[string]Caller
	calls     []Call
	faults    []*fault
	windows   map[string]*window
	throttled int

	clusters map[string]*cluster
	vpcs     map[string]*VPC
	groups   map[string][]SecurityGroupRule
	tables   map[string]*table
	queues   map[string]*queue
	topics   map[string]*topic
	keys     map[string][]policyStatement // policies of keys, by ARN
	// identities are the policies of those that sign with an access key.
	identities map[string][]policyStatement
	rules      []*rule
	functions  map[string]*Function
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
	if o.CreatingError == "" {
		o.CreatingError = errInvalidRequest
	}
	if o.Partition == "" {
		o.Partition = partitionOf(o.Region)
	}
	if o.DelayScale == 0 {
		o.DelayScale = 1
	}
	return &AWS{
		opts:      o,
		partition: o.Partition,
		closed:    make(chan struct{}),
		durations: o.Durations.withDefaults(),
		random:    rand.New(rand.NewPCG(o.Seed, 0x6c6f63616c617773)),
		skew:      rand.New(rand.NewPCG(o.Seed, 0x736b6577)),
		callers:   map[string]Caller{},
		windows:   map[string]*window{},
		clusters:  map[string]*cluster{},
		vpcs:      map[string]*VPC{},
		groups:    map[string][]SecurityGroupRule{},
		tables:    map[string]*table{},
		queues:    map[string]*queue{},
		topics:    map[string]*topic{},
		keys:      map[string][]policyStatement{}, identities: map[string][]policyStatement{},
		functions: map[string]*Function{},
	}
}

// Close ends every long poll that is waiting; calls are still answered.
func (a *AWS) Close() {
	a.closeOnce.Do(func() { close(a.closed) })
}

// Account returns the account id.
func (a *AWS) Account() string { return a.opts.Account }

// Region returns the region.
func (a *AWS) Region() string { return a.opts.Region }

// Partition returns the partition that the region lies in, e.g. aws-cn.
func (a *AWS) Partition() string { return a.partition }

func (a *AWS) now() time.Time {
	if a.opts.Clock != nil {
		return a.opts.Clock()
	}
	return time.Now()
}

// SetDurations changes how long EKS takes from now on; what is under way ends
// when it would have.
func (a *AWS) SetDurations(d Durations) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.durations = d.withDefaults()
}

// ClusterARN returns the ARN of the cluster of the name.
func (a *AWS) ClusterARN(name string) string { return a.arn("eks", "cluster/"+name) }

func (a *AWS) arn(service, resource string) string {
	return strings.Join([]string{"arn", a.partition, service, a.opts.Region, a.opts.Account, resource}, ":")
}

func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// uuid returns the next id of the seed's sequence. The caller holds a.mu.
func (a *AWS) uuid() string {
	var b [16]byte
	for i := 0; i < len(b); i += 8 {
		v := a.random.Uint64()
		for j := range 8 {
			b[i+j] = byte(v >> (8 * j))
		}
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// resourceID returns an id in EC2's form, e.g. sg-0123456789abcdef0. The
// caller holds a.mu.
func (a *AWS) resourceID(prefix string) string {
	return fmt.Sprintf("%s-0%016x", prefix, a.random.Uint64())
}

// shuffled returns words in an order that is fixed by the seed and by the
// words alone: where AWS documents no order, none should be relied on.
func (a *AWS) shuffled(words []string) []string {
	return shuffledBy(strconv.FormatUint(a.opts.Seed, 10), words)
}

// shuffledBy is shuffled with another order for each salt. A word keeps its
// place among the others when one comes or goes.
func shuffledBy(salt string, words []string) []string {
	rank := func(word string) uint64 {
		h := fnv.New64a()
		_, _ = fmt.Fprintf(h, "%s/%s", salt, word)
		return h.Sum64()
	}
	out := slices.Clone(words)
	slices.SortStableFunc(out, func(x, y string) int {
		rx, ry := rank(x), rank(y)
		switch {
		case rx < ry:
			return -1
		case rx > ry:
			return 1
		default:
			return strings.Compare(x, y)
		}
	})
	return out
}
