package localaws

import (
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/eks"
)

// Cluster is a cluster's state in plain values, to put it there and to look at
// it. Access is what EKS holds as in force, whatever its reads still tell.
type Cluster = eks.Cluster

// Update is one update of a cluster.
type Update = eks.Update

// UpdateError is one of the reasons that EKS gives for a failed update.
type UpdateError = eks.UpdateError

// GivenUpdate is an EndpointAccessUpdate that somebody's call began, as the
// record of that call tells it: all three values that it leads to.
type GivenUpdate = eks.GivenUpdate

// PutCluster makes a cluster, or replaces the one of its name, without a call:
// nothing is told to EventBridge.
func (a *AWS) PutCluster(in Cluster) {
	defer a.lock()()
	a.eks.Put(in)
}

// Cluster returns a cluster's true current state.
func (a *AWS) Cluster(name string) (Cluster, bool) {
	defer a.lock()()
	return a.eks.Cluster(name)
}

// Clusters returns the names of all clusters, sorted.
func (a *AWS) Clusters() []string {
	defer a.lock()()
	return a.eks.Clusters()
}

// RemoveCluster takes a cluster away at once, without a call.
func (a *AWS) RemoveCluster(name string) {
	defer a.lock()()
	a.eks.Remove(name)
}

// ClusterARN returns the ARN of the cluster of the name.
func (a *AWS) ClusterARN(name string) string { return a.eks.ARN(name) }

// SetTags replaces a cluster's tags without a call.
func (a *AWS) SetTags(name string, tags map[string]string) error {
	defer a.lock()()
	return a.eks.SetTags(name, tags)
}

// SetDurations changes how long EKS takes from now on; what is under way ends
// when it would have.
func (a *AWS) SetDurations(d Durations) {
	defer a.lock()()
	a.eks.SetDurations(d)
}

// PutUpdate begins an update of a cluster without a call, nothing of it
// checked, and returns its id. It takes the usual time from now on.
func (a *AWS) PutUpdate(name string, in GivenUpdate) (id string, err error) {
	defer a.lock()()
	return a.eks.PutUpdate(name, in)
}

// StartUpdate begins an update that changes nothing, of any of EKS's kinds, as
// AWS does on its own account; it runs for the duration.
func (a *AWS) StartUpdate(name, kind string, d time.Duration) (id string, err error) {
	defer a.lock()()
	return a.eks.StartUpdate(name, kind, d)
}

// EndUpdate ends the running update of a cluster now, with a status of EKS's
// (Successful, Failed or Cancelled) and the reasons for it.
func (a *AWS) EndUpdate(name, status string, errors ...UpdateError) error {
	defer a.lock()()
	return a.eks.EndUpdate(name, status, errors...)
}

// EndAt moves the end of what EKS does at a cluster, creating it or an update, to
// another time, to now if that has passed. How it ends stays as it was.
func (a *AWS) EndAt(name string, end time.Time) error {
	defer a.lock()()
	return a.eks.EndAt(name, end)
}

// FailNextUpdate makes the next update of a cluster end as Failed, for the
// reason of the code and message. Asked again before an update began, it does
// so for one update more.
func (a *AWS) FailNextUpdate(name, code, message string) error {
	defer a.lock()()
	return a.eks.FailNextUpdate(name, code, message)
}

// FailUpdate makes the n-th update from now on, counted from 1, end as Failed.
func (a *AWS) FailUpdate(name string, n int, why UpdateError) error {
	defer a.lock()()
	return a.eks.FailUpdate(name, n, why)
}

// Busy makes EKS work on a cluster without showing it: for so long every
// update is refused as in use while the status reads ACTIVE and no update is
// listed.
func (a *AWS) Busy(name string, d time.Duration) error {
	defer a.lock()()
	return a.eks.Busy(name, d)
}

// RefuseUpdates makes EKS refuse every update of a cluster with an
// InvalidRequestException and the reason, for so long; a negative duration
// means for good, and an empty reason takes a refusal back. Some states that
// nothing in the cluster shows pass by themselves, others never do.
func (a *AWS) RefuseUpdates(name, reason string, d time.Duration) error {
	defer a.lock()()
	return a.eks.RefuseUpdates(name, reason, d)
}
