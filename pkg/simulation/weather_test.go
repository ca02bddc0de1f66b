package simulation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// weather is what AWS does to a history beyond what goes wrong with single
// calls: reads that skew, lists that lag, rights that are lost for hours. It
// draws numbers of its own, so that a history without it stays what it is.
type weather struct {
	deaf bool // no event comes
	rand *rand.Rand

	slow     time.Time // until then each call to EKS takes its time
	denials  []denial
	copied   []map[string]any // the ledger as it was once
	restored bool             // the ledger was put back to that
	crowded  string           // the cluster with many earlier updates
	dark     bool             // EKS lets no update be read, ever
}

// denial is a time in which calls are refused.
type denial struct {
	service, operation string // "" for all operations
	from, until        time.Time
	fault              localaws.Fault // how
}

func (d denial) String() string {
	return fmt.Sprintf("%s %s (%s)", d.service, cmp.Or(d.operation, "altogether"), cmp.Or(d.fault.Type, fmt.Sprint(d.fault.Status)))
}

// newWeather draws how AWS behaves in a history, besides what is set already.
func newWeather(seed uint64, o *localaws.Options) *weather {
	w := &weather{rand: rand.New(rand.NewPCG(seed, 8)), dark: rand.New(rand.NewPCG(seed, 9)).IntN(1000) < 40}
	if w.chance(300) {
		o.ListLag = w.upTo(30 * time.Second)
	}
	if w.chance(250) {
		o.UpdateLag = w.upTo(20 * time.Second)
	}
	if w.chance(300) {
		o.ReadSkew, o.StaleReads = true, max(o.StaleReads, w.upTo(25*time.Second))
	}
	if w.chance(200) {
		o.TagLag = w.upTo(30 * time.Second)
	}
	o.ListReorder, o.RefuseEmptyCIDRs = w.chance(500), w.chance(500)
	if w.chance(250) {
		o.RepeatedToken = localaws.InUse
	}
	if w.chance(150) {
		o.TokenMemory = 5*time.Minute + w.upTo(25*time.Minute)
	}
	return w
}

func (w *weather) pick(n int) int { return w.rand.IntN(n) }

func (w *weather) chance(n int) bool { return w.pick(1000) < n }

func (w *weather) upTo(d time.Duration) time.Duration {
	return time.Duration(w.pick(int(d/time.Second))) * time.Second
}

// drawn is what a function draws of the weather; h.mu guards that.
func drawn[T any](h *history, draw func(*weather) T) T {
	h.mu.Lock()
	defer h.mu.Unlock()
	return draw(h.weather)
}

// turns lets the weather change, at times. It returns for how long the history
// should let that be before anybody does something more.
func (h *history) turns(names []string) time.Duration {
	if h.weather == nil {
		return 0
	}
	type turn struct {
		kind, part int
		name       string
		long, wait bool
		d          time.Duration
	}
	n := drawn(h, func(w *weather) turn {
		return turn{w.pick(36), w.pick(12), names[w.pick(len(names))], w.chance(400), w.chance(500), 2*time.Minute + w.upTo(38*time.Minute)}
	})
	if h.weather.crowded != "" && n.kind >= 14 && n.kind < 24 {
		// What was right before is in a list that one check does not read.
		h.closesUnheard(h.weather.crowded, n.part)
		return 0
	}
	switch n.kind {
	case 0:
		h.mu.Lock()
		defer h.mu.Unlock()
		d := min(n.d, 10*time.Minute)
		h.weather.slow = time.Now().Add(d)
		h.troubles++
		h.counts["EKS: is slow"]++
		h.tell("EKS is slow for %s", d)
	case 1:
		h.deny(denial{service: "dynamodb", operation: "PutItem", fault: [...]localaws.Fault{
			{Status: http.StatusInternalServerError}, {Type: "ThrottlingException"}, localaws.KeyRefused("dynamodb", localaws.KeyDisabled),
		}[n.part%3]}, n.d)
	case 2, 3:
		what := [...]denial{
			{service: "eks", operation: "DescribeCluster"}, {service: "eks", operation: "UpdateClusterConfig"},
			{service: "eks", operation: "DescribeUpdate"}, {service: "eks", operation: "ListUpdates"}, {service: "eks"},
			{service: "dynamodb", operation: "PutItem"}, {service: "dynamodb", operation: "Query"}, {service: "dynamodb"},
			{service: "sqs"}, {service: "sns"}, {service: "ec2"}, {service: "sns"},
		}[n.part]
		what.fault = localaws.Denied(what.service, what.operation)
		if n.part == 11 {
			what.fault = localaws.KeyRefused("sns", localaws.KeyPendingDeletion)
		}
		if n.long {
			n.d = 2*time.Hour + n.d*2
		}
		h.deny(what, n.d)
		if n.long && n.wait {
			return n.d
		}
	case 4:
		err := h.w.aws.RefuseUpdates(n.name, "The cluster is in a state in which it cannot be updated.", n.d)
		h.happens("EKS: refuses changes", n.name, fmt.Sprintf("EKS refuses to change %s for %s", n.name, n.d), err)
	case 5:
		kind := [...]string{"VersionRollback", "ControlPlaneEgressUpdate", "ControlPlaneComponentConfigUpdate", "CertificateAuthorityUpdate"}[n.part%4]
		d := n.d
		if n.long {
			d *= 12
		}
		_, err := h.w.aws.StartUpdate(n.name, kind, d)
		h.happens("EKS: works for long", n.name, fmt.Sprintf("EKS begins a %s of %s for %s", kind, n.name, d), err)
	case 6:
		err := h.w.aws.EndUpdate(n.name, [...]string{"Cancelled", "Failed"}[n.part%2])
		h.happens("EKS: cancels", n.name, "EKS gives up what it works on at "+n.name, err)
	case 7, 8:
		h.legislate((h.w.law + alertOnly) % (2 * alertOnly))
		h.count("somebody: changes the mode")
	case 9:
		_, err := h.w.people[bob].DeleteCluster(h.t.Context(), &eks.DeleteClusterInput{Name: &n.name})
		h.happens("somebody: deletes unheard", n.name, "bob deletes "+n.name, err)
	case 10:
		h.copyLedger(n.part)
	case 11, 12:
		h.closesUnheard(n.name, n.part)
	case 13:
		h.opensAgain(n.part)
	}
	return 0
}

// opensAgain: a cluster of which rules only tell is opened, put right with no event that
// tells, and opened in the very same way again.
func (h *history) opensAgain(part int) {
	const name = "told-a"
	if _, there := h.w.aws.Cluster(name); !there {
		return
	}
	wide := []endpoint.Access{world0, access(true, true, "198.0.0.0/8")}[part%2]
	set := func(verb string, a endpoint.Access) {
		h.open(bob, verb, name, a, func() error { return h.w.set(bob, name, a) })
		h.drive(time.Now().Add(12 * time.Minute))
	}
	set("sets", wide)
	h.hears(false)
	set("closes unheard", closed)
	h.hears(true)
	set("sets", wide)
}

// hears says whether events come.
func (h *history) hears(yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.weather.deaf = !yes
}

// closesUnheard: somebody narrows or closes a cluster, and no event tells; a while later
// it is opened, and one does. What was right before is in EKS's own history alone.
func (h *history) closesUnheard(name string, part int) {
	if _, there := h.w.aws.Cluster(name); !there {
		return
	}
	narrow := []endpoint.Access{closed, access(true, true, "198.51.100.7/32"), closed, office}[part%4]
	wide := []endpoint.Access{world0, access(true, true, "192.0.2.0/24", "198.51.100.0/24"), access(true, false, "192.0.2.0/24")}[part%3]
	h.hears(false)
	h.open(alice, "closes unheard", name, narrow, func() error { return h.w.set(alice, name, narrow) })
	h.hears(true)
	h.drive(time.Now().Add(12 * time.Minute))
	h.open(bob, "sets", name, wide, func() error { return h.w.set(bob, name, wide) })
}

// happens tells of something that the weather did to a cluster.
func (h *history) happens(what, name, text string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.changes[name]++
		h.troubles++
		h.harmed[name]++
		h.counts[what]++
	}
	h.tell("%s%s", text, failed(err))
}

// deny refuses calls of the guardrail's for a while.
func (h *history) deny(d denial, long time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d.from, d.until = time.Now(), time.Now().Add(long)
	h.weather.denials = append(h.weather.denials, d)
	h.troubles++
	h.counts["the guardrail: is denied something"]++
	h.tell("%s is refused for %s", d, long)
}

// copyLedger copies the ledger, and at times puts the copy back later.
func (h *history) copyLedger(part int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.weather.copied == nil:
		h.weather.copied = h.w.aws.Items(tableName)
	case part == 0:
		if err := h.w.aws.RestoreItems(tableName, h.weather.copied); err != nil {
			h.t.Error(err)
		}
		h.weather.restored = true
		h.w.mu.Lock()
		h.w.forgetful = true
		h.w.mu.Unlock()
		h.troubles++
		h.counts["somebody: restores the ledger"]++
		h.tell("the ledger is put back to an earlier copy")
	}
}

// restored reports whether the ledger forgot what was so: who relies on it
// for what was mailed can't know.
func (h *history) restored() bool { return h.weather != nil && h.weather.restored }

// suffersWeather lets the weather at a call of the guardrail's. It is done when the call
// got its answer by that.
func (k *worker) suffersWeather(next http.RoundTripper, r *http.Request) (answer *http.Response, done bool, err error) {
	h := k.h
	if h.weather == nil || k.sweeps {
		return nil, false, nil
	}
	service, now := serviceOf(r), time.Now()
	h.mu.Lock()
	var takes time.Duration
	var hit *denial
	if h.weather.dark && operationOf(r) == "DescribeUpdate" {
		hit = &denial{fault: localaws.Denied("eks", "DescribeUpdate")}
		h.counts["EKS: lets no update be read"]++
	}
	if !h.calm {
		if service == "eks" && now.Before(h.weather.slow) {
			takes = time.Second + h.weather.upTo(30*time.Second)
		}
		operation := operationOf(r)
		i := slices.IndexFunc(h.weather.denials, func(d denial) bool {
			return d.service == service && (d.operation == "" || d.operation == operation) && now.Before(d.until)
		})
		if i >= 0 {
			hit = &h.weather.denials[i]
		}
	}
	h.mu.Unlock()
	if takes > 0 {
		k.suffers(r, takes.String()+" pass before")
	} else if c := h.weather.crowded; c != "" && strings.Contains(r.URL.Path, "/"+c+"/updates/") {
		takes = 550 * time.Millisecond // observed; of many, longer than a check has
	}
	if takes > 0 {
		timer := time.NewTimer(takes)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return nil, true, r.Context().Err()
		}
	}
	if operationOf(r) == "UpdateClusterConfig" && hit == nil && h.sameByAnother(k, r) {
		return nil, true, errors.New("connection reset")
	}
	if hit != nil {
		k.suffers(r, "refused:")
		k.forgets(operationOf(r))
		fault := hit.fault
		fault.Times = 1
		h.w.aws.Inject(fault)
		answer, err := k.reach(next, r)
		return answer, true, err
	}
	return nil, false, nil
}

// sameByAnother: at times, the guardrail's call is lost on its way to EKS, and somebody
// makes the very same one right then. Whose the update is, is then not the guardrail's to say.
func (h *history) sameByAnother(k *worker, r *http.Request) bool {
	h.mu.Lock()
	lost := !h.calm && h.rate > 0 && h.weather.chance(60)
	h.mu.Unlock()
	if !lost {
		return false
	}
	body, err := io.ReadAll(r.Body)
	must(h.w, err)
	var asks struct {
		VPC struct {
			Public  bool           `json:"endpointPublicAccess"`
			Private bool           `json:"endpointPrivateAccess"`
			CIDRs   []netip.Prefix `json:"publicAccessCidrs"`
		} `json:"resourcesVpcConfig"`
	}
	must(h.w, json.Unmarshal(body, &asks))
	a := endpoint.Access{Public: asks.VPC.Public, Private: asks.VPC.Private, CIDRs: asks.VPC.CIDRs}
	k.suffers(r, "lost on its way:")
	name := k.about
	h.open(bob, "sets the same,", name, a, func() error { return h.w.set(bob, name, a) })
	return true
}

// historyRefused reports whether EKS's updates can't be read now, or could not a minute
// ago: it refuses that, or takes longer than an invocation has.
func (h *history) historyRefused() bool {
	return h.weather != nil && time.Now().Before(h.weather.slow.Add(timeout)) || h.historyRefusedAt(time.Now())
}

// historyRefusedAt reports whether EKS refuses to let its updates be read at a time, or
// did a minute before.
func (h *history) historyRefusedAt(at time.Time) bool {
	return h.weather != nil && (h.weather.dark || slices.ContainsFunc(h.weather.denials, func(d denial) bool {
		return d.service == "eks" && (d.operation == "" || d.operation == "DescribeUpdate" || d.operation == "ListUpdates") &&
			!at.Before(d.from) && at.Before(d.until.Add(timeout))
	}))
}

// forgets: what an invocation saw, and could not write down, is lost to it.
func (k *worker) forgets(operation string) {
	if operation != "PutItem" {
		return
	}
	k.h.mu.Lock()
	defer k.h.mu.Unlock()
	k.lose()
}

// operationOf is the operation of a call to EKS that the guardrail makes, or of
// one whose protocol names it in a header.
func operationOf(r *http.Request) string {
	if _, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return operation
	}
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(path) == 2:
		return "DescribeCluster"
	case len(path) == 3 && path[2] == "update-config":
		return "UpdateClusterConfig"
	case len(path) == 3:
		return "ListUpdates"
	case len(path) == 4:
		return "DescribeUpdate"
	default:
		return ""
	}
}

// twice lets Lambda invoke the function a second time with the same batch, at times.
func (k *worker) twice(ctx context.Context) {
	h := k.h
	lc, ok := lambdacontext.FromContext(ctx)
	if h.weather == nil || !ok || k.f == nil {
		return
	}
	after := drawn(h, func(w *weather) time.Duration {
		if h.calm || h.rate == 0 || !w.chance(20) {
			return -1
		}
		return w.upTo(5 * time.Minute)
	})
	if after < 0 {
		return
	}
	h.count("messages: invoked twice")
	h.w.mu.Lock()
	h.w.messages.extra[k.about]++
	h.w.mu.Unlock()
	must(h.w, k.f.InvokeAgain(lc.AwsRequestID, after))
}

// lived gives a cluster more earlier updates than EKS lists on one page, in some histories.
func (h *history) lived() {
	if h.weather == nil {
		return
	}
	n := drawn(h, func(w *weather) int {
		if !w.chance(40) {
			return 0
		}
		return 101 + w.pick(80)
	})
	if n == 0 {
		return
	}
	h.weather.crowded = "office-a"
	h.count("EKS: lists many updates")
	h.tell("office-a had %d updates before", n)
	for range n {
		_, err := h.w.aws.StartUpdate("office-a", "LoggingUpdate", time.Second)
		must(h.w, err)
		pass(1100 * time.Millisecond)
	}
}
