// Package account is what all services of one account in one region share: who
// it is, what time it is, the sequence of its ids, and the lock under which one
// call takes effect after the other. Start with [New]; nothing of a service
// belongs here.
package account

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

// Account is one account in one region. Its lock guards the state of all its
// services; whoever calls UUID, ResourceID or Uint64 holds it.
type Account struct {
	sync.Mutex
	ID           string // 12 digits
	Region       string
	Partition    string
	Organization string // "" for none
	Seed         uint64
	// Closed is closed when the account is: then no wait goes on.
	Closed chan struct{}

	clock  func() time.Time
	random *rand.Rand
}

// Options are what [New] needs to know; Partition follows from the region when
// empty, and Clock is [time.Now] when nil.
type Options struct {
	ID, Region, Partition, Organization string
	Seed                                uint64
	Clock                               func() time.Time
}

// New returns an account.
func New(o Options) *Account {
	if o.Partition == "" {
		o.Partition = partitionOf(o.Region)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Account{
		ID: o.ID, Region: o.Region, Partition: o.Partition, Organization: o.Organization, Seed: o.Seed,
		Closed: make(chan struct{}),
		clock:  o.Clock,
		random: rand.New(rand.NewPCG(o.Seed, 0x6c6f63616c617773)),
	}
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

// Now is the time of the account.
func (a *Account) Now() time.Time { return a.clock() }

// ARN is the ARN of a resource of this account and region.
func (a *Account) ARN(service, resource string) string {
	return strings.Join([]string{"arn", a.Partition, service, a.Region, a.ID, resource}, ":")
}

// GlobalARN is the ARN of a resource that no region has, such as a role.
func (a *Account) GlobalARN(service, resource string) string {
	return "arn:" + a.Partition + ":" + service + "::" + a.ID + ":" + resource
}

// DNSSuffix is what the names of the partition's hosts end with.
func (a *Account) DNSSuffix() string {
	if a.Partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// Uint64 is the next number of the seed's sequence.
func (a *Account) Uint64() uint64 { return a.random.Uint64() }

// UUID is the next id of the seed's sequence.
func (a *Account) UUID() string {
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

// ResourceID is an id in EC2's form, e.g. sg-0123456789abcdef0.
func (a *Account) ResourceID(prefix string) string {
	return fmt.Sprintf("%s-0%016x", prefix, a.random.Uint64())
}

// Shuffled returns words in an order that is fixed by the seed and by the
// words alone: where AWS documents no order, none should be relied on.
func (a *Account) Shuffled(words []string) []string { return ShuffledBy(a.Salt(), words) }

// Salt is the seed as a salt for [ShuffledBy].
func (a *Account) Salt() string { return strconv.FormatUint(a.Seed, 10) }

// ShuffledBy is Shuffled with another order for each salt. A word keeps its
// place among the others when one comes or goes.
func ShuffledBy(salt string, words []string) []string {
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
