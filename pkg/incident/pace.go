package incident

import (
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// Times of an incident's life. Creating a cluster takes 13 to 16 minutes, an
// endpoint update a few (observed: over 3.5).
const (
	// lookAgain is how far apart two looks must be to confirm each other, and
	// how often a cluster is looked at when a change should be about done.
	lookAgain = 15 * time.Second
	// notFoundYet is for how long after its creation a cluster, or after its
	// start an update, may be unknown to EKS's own reads.
	notFoundYet = 5 * time.Minute
	// staleFor is for how long looks that contradict EKS's own history of updates are
	// taken for old ones.
	staleFor = 2 * time.Minute
	// unseenFor is for how long a cluster may go unseen without an update having begun,
	// ended and shown itself meanwhile: they take minutes, and EKS shows old values for a
	// while after.
	unseenFor = 75 * time.Second
	// doubtPace is how often a cluster is looked at in doubt, at the least: with the time
	// that a check may take, more often than that.
	doubtPace = 30 * time.Second
	// clocksApart is how far EKS's clock may be from ours.
	clocksApart = time.Minute
	// creditWithin is how long after an update there is a wait for the event that
	// tells whose it is. Source: AWS CloudTrail user guide: events come within about 5
	// minutes on average, which is not guaranteed.
	creditWithin = 15 * time.Minute
	// stuckAfter is when an incident that is not settled is told as stuck, and
	// slowPace how often a cluster is looked at from then on where nothing is to be
	// changed.
	stuckAfter = 2 * time.Hour
	slowPace   = 15 * time.Minute
	// maxAttempts is how often an update is tried that EKS fails.
	maxAttempts = 3
	// unreadPace is how often a busy cluster is looked at whose updates EKS does not let
	// be read: a gap of a few minutes is to be seen.
	unreadPace = time.Minute
	// networkPatience is how many checks in a row wait for facts of the VPC that EC2 does
	// not tell, about five minutes, before they are taken for unknown.
	networkPatience = 5
	// judgedEvery is how often the record is written for nothing but that the cluster was
	// judged, the schedule's wake-ups not counted.
	judgedEvery = 10 * time.Minute
	// lateAfter is for how long a mail must have been held up to say so, and what is so by then.
	lateAfter = time.Minute
	// overdue is how late a re-check may come before its chain is taken for lost.
	overdue = 2 * time.Minute
	// longestInvocation bounds an intent: one that claims more is nobody's.
	// Source: AWS Lambda, quotas.
	longestInvocation = 15 * time.Minute
	// heldPace is how often a cluster with a standing violation asks again; one
	// that was just opened asks as often as any that is waited for.
	heldPace = 5 * time.Minute
)

// pace is how long to wait for a cluster that cannot be changed yet. Where a change
// is wanted as soon as it can be made, it stays at a minute however long that takes:
// who keeps a cluster busy must not leave a gap unseen.
func pace(c endpoint.Cluster, since, now time.Time, wanted bool) time.Duration {
	waited := now.Sub(since)
	if c.Status == endpoint.StatusCreating {
		waited = now.Sub(c.CreatedAt)
	}
	wanted = wanted && (c.Status == endpoint.StatusActive || c.Status == endpoint.StatusUpdating)
	switch {
	case waited >= stuckAfter && !wanted:
		return slowPace
	case waited >= 30*time.Minute:
		return time.Minute
	case c.Status == endpoint.StatusCreating && waited < 9*time.Minute:
		// Long before any cluster was seen to be ready: 15 s at first, up to a minute.
		return min(lookAgain+waited/8, time.Minute)
	default:
		return lookAgain
	}
}

// retryAfter is how long after its failure an update is tried again.
func retryAfter(tries int) time.Duration {
	return lookAgain << (2 * max(0, tries-1))
}

// retryLater is how long after it was given up a change is tried again, the n-th
// time counted from 0: an hour, two, at most a day.
func retryLater(n int) time.Duration { return min(time.Hour<<min(n, 5), 24*time.Hour) }

// troubleDelay grows with the checks in a row that AWS did not let finish.
func troubleDelay(trouble int) time.Duration {
	return min(5*time.Second<<min(trouble, 10), slowPace)
}
