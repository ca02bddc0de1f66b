// Package incident is the life of one cluster under the guardrail: the record
// that the ledger keeps of it, and Next, which says from the record, one look
// and the time what to do now. It is pure: no clock, no logger, no AWS.
package incident

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// Schema is the version of the record's form. A record of a later schema is
// never read by an older guardrail.
const Schema = 1

// How much a record remembers: enough for every decision, bounded so that it
// always fits into one item.
const (
	maxUpdates  = 30
	maxClosings = 60
	maxCauses   = 10
)

// Record is the memory of one cluster: everything that a look cannot tell.
type Record struct {
	Schema int `json:"schema"`
	// Version counts the writes; the ledger writes only over the version that
	// was read. 0 is a record that was never written.
	Version int64       `json:"version"`
	Cluster endpoint.ID `json:"cluster"`
	Name    string      `json:"name"`
	Account string      `json:"account"`
	Region  string      `json:"region"`

	// Opened counts the incidents of this cluster so far.
	Opened int `json:"opened,omitempty"`
	// Compliant is the last state that a look showed and no rule objected to, Admitted
	// the last that only rules that alert objected to.
	Compliant *Seen `json:"compliant,omitempty"`
	Admitted  *Seen `json:"admitted,omitempty"`
	// First is what the first look of all showed, which is often how the cluster was
	// made: of that, EKS lists no update.
	First *Seen `json:"first,omitempty"`
	// ClearSince is when a violation that was asked for was first seen not to
	// be there: one look is not enough to conclude anything.
	ClearSince time.Time `json:"clearSince,omitzero"`
	// Steady is what looks have shown without a break since its time, the cluster
	// being at rest; nil while it is not.
	Steady *Seen `json:"steady,omitempty"`
	// History is what is remembered of EKS's own list of updates.
	History History `json:"history,omitzero"`
	// Watch are the updates of others that are not yet accounted for.
	Watch []Cause `json:"watch,omitempty"`
	// DoubtSince is since when looks contradict EKS's own history of updates, or it
	// could not be read whole.
	DoubtSince time.Time `json:"doubtSince,omitzero"`
	// DoubtSeen is when a look last left it.
	DoubtSeen time.Time `json:"doubtSeen,omitzero"`
	// DoubtAbout is the update that looks do not show, "" if the doubt is another.
	DoubtAbout string `json:"doubtAbout,omitempty"`
	// DoubtUnknown is how many updates are on EKS's list of which nothing is known.
	DoubtUnknown int `json:"doubtUnknown,omitempty"`
	// BusySince is since when looks find a cluster that cannot be changed yet.
	BusySince time.Time `json:"busySince,omitzero"`
	// Incident is the open one.
	Incident *Incident `json:"incident,omitempty"`
	// Standing is the violation that an incident was closed over and that is
	// still there: it has been told, and is not told again.
	Standing *Standing `json:"standing,omitempty"`
	// Ours are the ids of the guardrail's own updates, Past those of others
	// that have been accounted for. The newest are last.
	Ours []string `json:"ours,omitempty"`
	Past []string `json:"past,omitempty"`
	// Closings are the last incidents, the newest last.
	Closings []Closing `json:"closings,omitempty"`
	// Check is the next re-check that is on its way.
	Check Check `json:"check,omitzero"`
	// JudgedAt is when a check last judged the cluster, to a few minutes: a sweep's says
	// that it is seen.
	JudgedAt time.Time `json:"judgedAt,omitzero"`
	// Trouble counts the checks in a row that AWS did not let finish.
	Trouble int `json:"trouble,omitempty"`
	// Intent is what was about to be done when the record was written.
	Intent *Intent `json:"intent,omitempty"`
	// Reach are the rules that enforce on the cluster, as last looked at.
	Reach *Reach `json:"reach,omitempty"`
	// Left is set when a change of tags took the cluster out of the reach of
	// an enforcing rule, until that has been mailed.
	Left *Departure `json:"left,omitempty"`
	// TugSince is since when somebody has been undoing what the guardrail
	// does; it is mailed once, and from then on closings are only in the digest.
	TugSince time.Time `json:"tugSince,omitzero"`
	// Owed are the mails and cards that were not taken, the oldest first; OwedTries
	// counts the times in a row that one was not, OwedDue is when it is tried again.
	Owed      []Debt    `json:"owed,omitempty"`
	OwedTries int       `json:"owedTries,omitempty"`
	OwedDue   time.Time `json:"owedDue,omitzero"`
	// Aside is why the cluster, or a part of what is found on it, is left alone;
	// nil when nothing is.
	Aside *Aside `json:"aside,omitempty"`
	// GoneAt is when the cluster was first seen not to exist any more.
	GoneAt time.Time `json:"goneAt,omitzero"`
}

// Seen is an endpoint access and when it was seen.
type Seen struct {
	Access endpoint.Access `json:"access"`
	At     time.Time       `json:"at"`
}

// Cause is a call that asked for an endpoint access, and what became of it.
type Cause struct {
	Call     string                 `json:"call"` // CreateCluster or UpdateClusterConfig
	EventID  string                 `json:"eventID,omitempty"`
	UpdateID string                 `json:"updateID,omitempty"`
	Actor    cloudtrail.Actor       `json:"actor"`
	At       time.Time              `json:"at"`
	Asked    endpoint.Request       `json:"asked"`
	Status   endpoint.UpdateStatus  `json:"status,omitempty"` // "" until it was read
	Errors   []endpoint.UpdateError `json:"errors,omitempty"`
	// Shown is set when EKS has not let the update be read, and a look showed what it
	// asked for.
	Shown bool `json:"shown,omitempty"`
	// Former is set when a former incident over the same violation was told of it.
	Former bool `json:"former,omitempty"`
}

func (c Cause) over() bool { return endpoint.Update{Status: c.Status}.Over() }

// Violating is the access that the incident is about: what somebody asked for, else what
// was found.
func (i *Incident) Violating() endpoint.Access {
	if i.Asked != nil {
		return *i.Asked
	}
	return i.Opening
}

// Stage is the step at which an open incident stands.
type Stage string

// The steps of an open incident.
const (
	Detected Stage = "detected" // seen, nothing done about it yet
	Waiting  Stage = "waiting"  // EKS does not accept a change yet
	Updating Stage = "updating" // an update of ours is in progress
)

// Outcome is how a check or an incident ended.
type Outcome string

// The outcomes, one closed list for mails, logs, metrics and JSON.
const (
	Compliant  Outcome = "compliant"
	OutOfScope Outcome = "out-of-scope"
	Exempt     Outcome = "exempt"
	Ignored    Outcome = "ignored"
	Unreadable Outcome = "unreadable"
	Gone       Outcome = "gone"

	Violation      Outcome = "violation"
	Enforced       Outcome = "enforced"
	PartlyEnforced Outcome = "partly-enforced"
	Blocked        Outcome = "blocked"
	Failed         Outcome = "failed"
	Stuck          Outcome = "stuck"
	AlreadyUndone  Outcome = "already-undone"
)

// Incident is one violation from its discovery to its end.
type Incident struct {
	Ref      string    `json:"ref"` // the reference that every mail of it carries
	OpenedAt time.Time `json:"openedAt"`
	Stage    Stage     `json:"stage"`
	Causes   []Cause   `json:"causes,omitempty"`
	// Before is the configuration right before the incident, nil when unknown.
	Before *Seen `json:"before,omitempty"`
	// Asked is what was asked for, with what was left out filled in.
	Asked *endpoint.Access `json:"asked,omitempty"`
	// Opening is what was seen, or asked for, when the incident was opened.
	Opening endpoint.Access `json:"opening"`
	// SettledAt is when the violation was first seen on a cluster that EKS lets
	// be changed; until then, when the cluster was created, if it was seen on it while EKS
	// created it, and zero otherwise.
	SettledAt time.Time `json:"settledAt,omitzero"`
	// Rules are the rules that the violation breaks, as last judged.
	Rules []RuleNote `json:"rules,omitempty"`
	// Nearest is the access that satisfies every rule, those too that only
	// alert: what the mails tell whoever closes the cluster by hand.
	Nearest *endpoint.Access `json:"nearest,omitempty"`
	// Status is the cluster's status at the last look, LookedAt when that was.
	Status   endpoint.Status `json:"status,omitempty"`
	LookedAt time.Time       `json:"lookedAt,omitzero"`
	// Family is the cluster's IP family: how much of the world an empty list is.
	Family endpoint.Family `json:"family,omitempty"`
	// Facts are what a reader of the mails needs of the cluster, as last
	// looked at; nil in a record from before they were kept.
	Facts    *Facts    `json:"facts,omitempty"`
	Attempts []Attempt `json:"attempts,omitempty"`
	// Tries counts the attempts since somebody else last changed the cluster.
	Tries int `json:"tries,omitempty"`
	// Denied counts EKS's answers "already at the desired configuration".
	Denied int `json:"denied,omitempty"`
	// HeldSince is since when the brake holds the change back, HeldUntil the
	// earliest time at which it may let it through.
	HeldSince time.Time `json:"heldSince,omitzero"`
	HeldUntil time.Time `json:"heldUntil,omitzero"`
	// Retry counts the times that the change was tried again after it had been given
	// up and told as failed.
	Retry int `json:"retry,omitempty"`
	// Follows is the reference under which the same violation was last mailed before, and
	// FoundAt when it was first found; "" and zero when this incident is the first over it.
	Follows string    `json:"follows,omitempty"`
	FoundAt time.Time `json:"foundAt,omitzero"`
	// RetryFrom is the message by which somebody asked for that, "" when it was due.
	RetryFrom string `json:"retryFrom,omitempty"`
	// AlertOnly is set when no rule wants anything changed.
	AlertOnly bool `json:"alertOnly,omitempty"`

	DetectedMailed time.Time `json:"detectedMailed,omitzero"`
	StuckMailed    time.Time `json:"stuckMailed,omitzero"`
	// Obstacle is what AWS refused when the incident was told as stuck, in its own
	// words, "" for nothing; Shown what the cluster looked like then, nil when it could
	// not be looked at.
	Obstacle string           `json:"obstacle,omitempty"`
	Shown    *endpoint.Access `json:"shown,omitempty"`
	// Folded are the mails that a tug of war left to the digest.
	Folded []NoticeKind `json:"folded,omitempty"`
	// Blocker is the update of others that keeps EKS from accepting a change, as last
	// read, and NamedBlocker the id of the one that the first mail named.
	Blocker      *Blocker `json:"blocker,omitempty"`
	NamedBlocker string   `json:"namedBlocker,omitempty"`
	// Plan is what its first mail announces, nil until it is known.
	Plan *Plan `json:"plan,omitempty"`
	// Final is set once the outcome is decided; the incident is closed when it
	// has been mailed.
	Final *Final `json:"final,omitempty"`
}

// RuleNote is a rule of the policy with the reasons why it is violated, as the
// mails tell it.
type RuleNote struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Respond     policy.Response `json:"respond"`
	Held        string          `json:"held,omitempty"`
	// HeldUntil is when the grace that holds the response back ends; zero when
	// it isn't grace.
	HeldUntil time.Time `json:"heldUntil,omitzero"`
	Reasons   []string  `json:"reasons"`
	// Found are the reasons in the same order, for a mail in another language.
	Found []Finding `json:"found,omitempty"`
}

// Final is the outcome of an incident as it was decided: the mail is written
// from it, so that a mail sent again says the same.
type Final struct {
	Outcome Outcome         `json:"outcome"`
	Why     string          `json:"why,omitempty"`
	At      time.Time       `json:"at"`
	Now     endpoint.Access `json:"now"`
	Left    []RuleNote      `json:"left,omitempty"` // what stays violated
	Kept    []string        `json:"kept,omitempty"` // what was left open on purpose, and what to fix
	Warn    []string        `json:"warnings,omitempty"`
	Missing []Gap           `json:"missing,omitempty"` // what Kept and Warn are about
	// Plan is what will be done about a violation that rules only tell of now.
	Plan *Plan `json:"plan,omitempty"`
	// Fingerprint stands for the violation that stays, "" when none does.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Alerting is set where the mode let no rule enforce by then, whatever the document says.
	Alerting bool `json:"alerting,omitempty"`
	// UndoneBy is the call that undid it, nil when it is not known.
	UndoneBy *Cause `json:"undoneBy,omitempty"`
	// Tug is set when this closing makes it a tug of war.
	Tug *TugOfWar `json:"tug,omitempty"`
}

// Standing is a violation that stays after its incident was closed.
type Standing struct {
	Fingerprint string `json:"fingerprint"`
	// Ref is the reference under which it was last mailed.
	Ref     string     `json:"ref"`
	Outcome Outcome    `json:"outcome"`
	Since   time.Time  `json:"since"`
	Rules   []RuleNote `json:"rules,omitempty"`
	// Until is when a rule's grace ends and the violation must be judged anew.
	Until time.Time `json:"until,omitzero"`
	// Now is the access that stays, nil in a record from before it was kept.
	Now *endpoint.Access `json:"now,omitempty"`
	// Covers is the time up to which updates of the endpoint were accounted for when it
	// was told.
	Covers time.Time `json:"covers,omitzero"`
	// RetryAt is when a change that failed is tried again, Retries how often it was, and
	// RetryFrom the message that asked for the last time: it asks for no other.
	RetryAt   time.Time       `json:"retryAt,omitzero"`
	Retries   int             `json:"retries,omitempty"`
	RetryFrom string          `json:"retryFrom,omitempty"`
	Family    endpoint.Family `json:"family,omitempty"`
}

// Closing is the end of a former incident.
type Closing struct {
	Ref     string    `json:"ref"`
	Outcome Outcome   `json:"outcome"`
	At      time.Time `json:"at"`
	Opened  time.Time `json:"opened"`
	// Covers is the time up to which updates of others are accounted for by
	// this incident: EKS runs one update at a time.
	Covers time.Time `json:"covers,omitzero"`
	// Applied is when, by EKS's clock, the endpoint update began that was the last to
	// take effect by then.
	Applied time.Time `json:"applied,omitzero"`
	// By is who had opened the cluster, with what: "alice with Terraform/1.9".
	By string `json:"by,omitempty"`
	// Story is the incident as it was when it was closed, its outcome included;
	// nil where there was no room for it any more.
	Story *Incident `json:"story,omitempty"`
}

// Check is a re-check that is on its way. A re-check with a lower number is
// superseded, so that one cluster has one chain of re-checks.
type Check struct {
	Number int       `json:"number"`
	Due    time.Time `json:"due,omitzero"`
	// From is the message whose check asked for it. The record is written before the
	// re-check is sent, so that a record that can't be written sends none; if that
	// message comes again, the re-check may not have been sent.
	From string `json:"from,omitempty"`
}

// Intent is written before something is done that must not be done twice by
// two at once, and removed with its result.
type Intent struct {
	Kind   IntentKind `json:"kind"`
	Notice NoticeKind `json:"notice,omitempty"`
	By     string     `json:"by"`    // the invocation
	Until  time.Time  `json:"until"` // when that invocation is surely over
}

// IntentKind is what is about to be done.
type IntentKind string

// The intents.
const (
	IntentApply IntentKind = "apply"
	IntentTell  IntentKind = "tell"
)

// NewRecord returns the record of a cluster that the ledger does not know.
func NewRecord(c endpoint.Cluster) Record {
	return Record{Schema: Schema, Cluster: c.ID, Name: c.Name, Account: c.Account, Region: c.Region}
}

// Open reports whether something about the cluster is not concluded, or not told.
func (r Record) Open() bool { return r.Incident != nil || len(r.Watch) > 0 || len(r.Owed) > 0 }

// clone returns a copy whose changes do not show in r. What is only ever
// replaced as a whole (Seen, Final, Intent, Standing, a cause's errors) is shared.
func (r Record) clone() Record {
	r.Watch = slices.Clone(r.Watch)
	r.Ours = slices.Clone(r.Ours)
	r.Past = slices.Clone(r.Past)
	r.Closings = slices.Clone(r.Closings)
	r.Owed = slices.Clone(r.Owed)
	if r.Incident != nil {
		i := *r.Incident
		i.Causes = slices.Clone(i.Causes)
		i.Attempts = slices.Clone(i.Attempts)
		r.Incident = &i
	}
	return r
}

// reference names an incident for people: short, the same for every message
// that has the same cause. The key is the violating update's id, "create", or
// "found" with the number of incidents before it.
func reference(id endpoint.ID, key string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{id.ARN, id.CreatedAt.UTC().Format(time.RFC3339Nano), key}, "\n")))
	return "EG-" + base32.StdEncoding.EncodeToString(sum[:5])
}

// token is the client request token of an attempt, fresh for each and the same
// when an attempt is repeated after a crash.
func token(ref string, attempt int, desired endpoint.Access) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s", ref, attempt, desired))
	return hex.EncodeToString(sum[:16])
}

// fingerprint stands for a violation: what is open, and which rules it breaks
// with what response. It changes when any of these does.
func fingerprint(v verdict.Verdict) string {
	h := sha256.New()
	a := v.Cluster.Access
	fmt.Fprintf(h, "%t %t %s\n", a.Public, a.Private, endpoint.JoinPrefixes(endpoint.Set(a.Effective(v.Cluster.Family)).Prefixes(), ","))
	for _, rule := range v.Violations() {
		fmt.Fprintf(h, "%s %s", rule.Rule.Name, rule.Response)
		for _, reason := range rule.Reasons {
			fmt.Fprintf(h, " %s", reason.Kind)
		}
		fmt.Fprintln(h)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func notes(rules []verdict.RuleVerdict) []RuleNote {
	out := make([]RuleNote, len(rules))
	for i, rule := range rules {
		out[i] = RuleNote{
			Name: rule.Rule.Name, Description: rule.Rule.Description, Respond: rule.Response, Held: rule.Held, HeldUntil: rule.GraceUntil,
		}
		for _, reason := range rule.Reasons {
			out[i].Reasons = append(out[i].Reasons, reason.Text)
			out[i].Found = append(out[i].Found, Finding{Kind: reason.Kind, CIDRs: reason.CIDRs})
		}
	}
	return out
}

// remember appends id unless it is there, and forgets the oldest beyond the bound.
func remember(ids []string, id string) []string {
	if id == "" || slices.Contains(ids, id) {
		return ids
	}
	ids = append(ids, id)
	return ids[max(0, len(ids)-maxUpdates):]
}

// Finding is one thing that a rule finds wrong.
type Finding struct {
	Kind  verdict.ReasonKind `json:"kind"`
	CIDRs []netip.Prefix     `json:"cidrs,omitempty"` // the offending ones, as written
}
