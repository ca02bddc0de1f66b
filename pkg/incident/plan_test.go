package incident

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// inside wants private access on.
func inside(respond policy.Response) policy.Rule {
	return policy.Rule{Name: "inside", Require: policy.Requirement{PrivateAccess: true}, Respond: respond}
}

func graced(r policy.Rule, d time.Duration) policy.Rule {
	r.GraceAfterCreation = d
	return r
}

func warned(r policy.Rule) policy.Rule {
	r.LockoutChecks = policy.LockoutWarn
	return r
}

// The mail of a discovery announces what Decide makes of the access that is asked for,
// with the VPC as it is, and of rules whose grace will be over.
func TestWhatTheFirstMailAnnounces(t *testing.T) {
	noNames := goodVPC
	noNames.DNSHostnames = endpoint.No
	half := endpoint.Access{Public: true, CIDRs: cidrs("0.0.0.0/0")}
	end := start.Add(-time.Second + 30*time.Minute)
	for name, tc := range map[string]struct {
		policy  *policy.Policy
		before  endpoint.Access // the zero access for a cluster that is being created
		asked   endpoint.Access
		network endpoint.Network
		want    Plan
		left    string // the rules that stay violated
	}{
		"it is brought back":                {revert, office, world, goodVPC, Plan{Action: PlanChange, Desired: office}, ""},
		"it is closed":                      {enforce, private, world, goodVPC, Plan{Action: PlanChange, Desired: private}, ""},
		"nothing is done":                   {tell, private, world, goodVPC, Plan{Action: PlanNothing, Desired: world}, "closed"},
		"only private access is put right":  {bothWays, private, half, goodVPC, Plan{Action: PlanChange, Desired: world}, "closed"},
		"to close it could cut nodes off":   {enforce, private, world, noNames, Plan{Action: PlanBlocked, Desired: world, Missing: []Gap{{Name: "enableDnsHostnames"}}}, "closed"},
		"half of it could cut nodes off":    {enforce, private, half, noNames, Plan{Action: PlanChange, Desired: world, Missing: []Gap{{Name: "enableDnsHostnames"}}}, "closed"},
		"nothing is known of the VPC":       {enforce, private, world, endpoint.Network{}, Plan{Action: PlanBlocked, Desired: world, Missing: []Gap{{Name: "enableDnsSupport", Unknown: true}, {Name: "enableDnsHostnames", Unknown: true}, {Name: "AmazonProvidedDNS", Unknown: true}}}, "closed"},
		"it is new, and closed later":       {rules(graced(closed("closed", policy.Enforce), 30*time.Minute)), endpoint.Access{}, world, goodVPC, Plan{Action: PlanChange, At: end, Desired: private}, ""},
		"it is new, and partly fixed later": {rules(graced(inside(policy.Enforce), 30*time.Minute), closed("closed", policy.Alert)), endpoint.Access{}, half, goodVPC, Plan{Action: PlanChange, At: end, Desired: world}, "closed"},
		"the first grace to end counts": {
			rules(graced(closed("closed", policy.Enforce), 50*time.Minute), graced(inside(policy.Enforce), 30*time.Minute)), endpoint.Access{}, half, goodVPC,
			Plan{Action: PlanChange, At: end, Desired: world}, "closed",
		},
		"one rule has a grace, the other acts now": {
			rules(graced(closed("closed", policy.Enforce), 30*time.Minute), inside(policy.Enforce)), endpoint.Access{}, half, goodVPC,
			Plan{Action: PlanChange, Desired: world}, "closed",
		},
		"a grace that is over says nothing": {rules(graced(closed("closed", policy.Alert), 30*time.Minute)), private, world, goodVPC, Plan{Action: PlanNothing, Desired: world}, "closed"},
		"a check of the VPC that only warns": {
			rules(warned(closed("closed", policy.Enforce))), private, world, noNames, Plan{Action: PlanChange, Desired: private}, "",
		},
		"only to tell, whatever the grace": {
			rules(graced(closed("closed", policy.Enforce), 30*time.Minute)).AlertOnly(), endpoint.Access{}, world, goodVPC, Plan{Action: PlanNothing, Desired: world}, "closed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, tc.policy, tc.before)
			d.network = tc.network
			if tc.before.Private || tc.before.Public {
				d.wakes()
				d.log = nil
				d.comes(d.after(time.Minute).asks("u1", tc.asked))
			} else {
				d.cluster.Status, d.cluster.CreatedAt, d.cluster.Access = endpoint.StatusCreating, start.Add(-time.Second), tc.asked
				d.r = NewRecord(d.cluster)
				d.comes(&cloudtrail.Event{ID: "c1", Time: start, Name: cloudtrail.CreateCluster, Cluster: "demo", Asked: request(tc.asked), CreatedAt: d.cluster.CreatedAt})
			}
			if len(d.mails) != 1 || d.mails[0].Kind != NoticeDetected {
				t.Fatalf("%v", d.log)
			}
			got := *d.mails[0].Record.Incident.Plan
			var left []string
			for _, rule := range got.Left {
				left = append(left, rule.Name)
			}
			if strings.Join(left, " ") != tc.left {
				t.Errorf("%q stay violated, want %q", left, tc.left)
			}
			got.Left = nil
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
				t.Errorf("the plan differs (-want +got):\n%s", diff)
			}
		})
	}
}

// What was announced is kept as it was, whatever is found later.
func TestThePlanIsThatOfTheFirstMail(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.wakes()
	d.log = nil
	d.comes(d.after(time.Minute).asks("u1", world)).told("mails detected", "waits 15s")
	d.network.DNSSupport = endpoint.No
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(s15).recheck().told("mails blocked", "blocked")
	if i := d.mails[1].Record.Incident; i.Plan.Action != PlanChange || i.Final.Plan != nil {
		t.Errorf("announced was %+v, and for later %+v", i.Plan, i.Final.Plan)
	}
}

// A violation that only its grace keeps as it is, is told with what comes then.
func TestTheOutcomeOfAGraceHasAPlan(t *testing.T) {
	d := newDesk(t, rules(graced(closed("closed", policy.Enforce), 30*time.Minute)), world)
	d.cluster.CreatedAt = start.Add(-time.Minute)
	d.r = NewRecord(d.cluster)
	d.wakes()
	last := d.mails[len(d.mails)-1]
	if p := last.Record.Incident.Final.Plan; last.Outcome() != Violation || p == nil || p.Action != PlanChange || !p.At.Equal(start.Add(29*time.Minute)) || !p.Desired.Equal(private) {
		t.Errorf("%s with %+v", last.Outcome(), p)
	}
}

// With hybrid nodes, too, the end of a grace brings no change.
func TestAGraceWithoutAChange(t *testing.T) {
	d := newDesk(t, rules(graced(closed("closed", policy.Enforce), 30*time.Minute)), endpoint.Access{})
	d.cluster.Status, d.cluster.CreatedAt, d.cluster.Access, d.cluster.HybridNodes = endpoint.StatusCreating, start.Add(-time.Second), world, true
	d.r = NewRecord(d.cluster)
	d.wakes()
	if len(d.mails) != 1 {
		t.Fatalf("%v", d.log)
	}
	if p := d.mails[0].Record.Incident.Plan; p.Action != PlanNothing || !p.At.IsZero() {
		t.Errorf("%+v", p)
	}
}
