package mail

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// story is the life of one cluster, told by the real Next under a real policy
// document: every mail in the golden files is one that the guardrail would write.
type story struct {
	r       incident.Record
	now     time.Time
	policy  *policy.Policy
	cluster endpoint.Cluster
	updates []endpoint.Update
	network endpoint.Network
	gone    bool
	trouble string
	unread  string // why no update can be read
	fails   bool   // EKS fails the guardrail's own updates
	// unanswered is set when EKS neither takes nor answers the guardrail's calls.
	unanswered bool
	// refuses is set when the topic takes no mail.
	refuses bool
	brake   brake.State
	limit   int // the brake's, 0 for none
	check   int
	calls   int
	told    map[string][]incident.Notice // by kind, or by outcome
}

const (
	officeRule = `
  - name: office-only
    description: Only the office may reach the API.
    require: {publicAccess: restricted, allowedCidrs: [198.51.100.0/24]}
    respond: revert
`
	closedRule = `
  - name: production-is-private
    description: Production has no public endpoint.
    require: {publicAccess: disabled}
    respond: enforce
`
	insideRule = `
  - name: nodes-stay-inside
    description: Node traffic must not leave the VPC.
    require: {privateAccess: enabled}
    respond: enforce
`
	worldRule = `
  - name: not-the-whole-world
    description: Not the whole internet.
    require: {publicAccess: restricted, notWiderThan: {ipv4: 8, ipv6: 32}}
    respond: alert
`
	taggedRule = `
  - name: production-is-private
    match: {tags: {environment: prod*}}
    require: {publicAccess: disabled}
    respond: enforce
`
	demoExemption = `
exemptions:
  - name: partner-demo
    rules: [office-only]
    match: {accounts: ["111122223333"], regions: [eu-west-1], clusters: [payments]}
    until: 2026-03-31
    reason: Partner demo, SEC-1234
    approvedBy: alice@example.com
`
)

// with changes what a rule says.
func with(rule string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(rule) }

func document(rules string) *policy.Policy {
	p, problems := policy.Parse("policy.yaml", []byte("version: 1\nrules:"+rules))
	if problems.Errors() {
		panic(fmt.Sprint(problems))
	}
	return p
}

// id numbers the ids that AWS gives.
func uuid(kind string, n int) string { return fmt.Sprintf("%s-0000-4000-8000-%012d", kind, n) }

func newStory(rules string) *story {
	s := &story{now: start.Add(-time.Hour), policy: document(rules), told: map[string][]incident.Notice{}}
	s.network = endpoint.Network{
		DNSSupport: endpoint.Yes, DNSHostnames: endpoint.Yes, AmazonDNS: endpoint.Yes, Ingress443: endpoint.Yes, DHCPOptions: "dopt-0123456789abcdef0",
	}
	s.cluster = endpoint.Cluster{
		ID:        endpoint.ID{ARN: endpoint.ARN("aws", "eu-west-1", "111122223333", "payments"), CreatedAt: start.AddDate(0, -3, 0)},
		Partition: "aws", Account: "111122223333", Region: "eu-west-1", Name: "payments", Status: endpoint.StatusActive, Family: endpoint.IPv4,
		Access: office, VPC: "vpc-0a1b2c3d4e5f60718", ClusterSecurityGroup: "sg-0123456789abcdef0", SecurityGroups: []string{"sg-0fedcba9876543210"}, AuditLogs: true,
	}
	s.r = incident.NewRecord(s.cluster)
	return s
}

// named tells the story of a cluster of another name.
func (s *story) named(name string) *story {
	s.cluster.Name, s.cluster.ARN = name, endpoint.ARN("aws", "eu-west-1", "111122223333", name)
	s.r = incident.NewRecord(s.cluster)
	return s
}

// at turns the clock to so long after the start.
func (s *story) at(d time.Duration) *story {
	s.now = start.Add(d)
	return s
}

// asks begins somebody's update and returns its event.
func (s *story) asks(who cloudtrail.Actor, a endpoint.Access) *cloudtrail.Event {
	n := len(s.updates) + 1
	u := endpoint.Update{
		ID: uuid("facade00", n), Type: endpoint.EndpointAccessUpdate, Status: endpoint.UpdateInProgress, Asked: asked(a), CreatedAt: s.now,
	}
	s.updates, s.cluster.Status = append(s.updates, u), endpoint.StatusUpdating
	return &cloudtrail.Event{
		ID: uuid("c0ffee00", n), Time: s.now, Name: cloudtrail.UpdateClusterConfig, Cluster: s.cluster.Name, UpdateID: u.ID, Asked: u.Asked, Actor: who,
	}
}

// creates begins a cluster's life with that access and returns its event.
func (s *story) creates(who cloudtrail.Actor, a endpoint.Access) *cloudtrail.Event {
	s.cluster.CreatedAt, s.cluster.Access, s.cluster.Status = s.now, a, endpoint.StatusCreating
	s.r = incident.NewRecord(s.cluster)
	return &cloudtrail.Event{
		ID: uuid("c0ffee00", 9), Time: s.now, Name: cloudtrail.CreateCluster, Cluster: s.cluster.Name, Asked: asked(a), CreatedAt: s.now, Actor: who,
	}
}

// ends finishes the update in progress.
func (s *story) ends(ok bool) *story {
	s.cluster.Status = endpoint.StatusActive
	for i := range s.updates {
		u := &s.updates[i]
		switch {
		case u.Over():
		case ok:
			u.Status, s.cluster.Access = endpoint.UpdateSuccessful, u.Asked.Over(s.cluster.Access)
		default:
			u.Status = endpoint.UpdateFailed
			u.Errors = []endpoint.UpdateError{{Code: "IpNotAvailable", Message: "There are not enough free addresses in subnet-0a1b2c3d4e5f60718 for this operation."}}
		}
	}
	return s
}

func (s *story) hears(e *cloudtrail.Event) *story { return s.look(incident.Message{Event: e}) }
func (s *story) rechecks() *story                 { return s.look(incident.Message{Check: s.check}) }
func (s *story) sweeps() *story                   { return s.look(incident.Message{Sweep: true}) }

// goesOn lets minutes pass with a re-check every 20 seconds, and the guardrail's
// own updates take three minutes.
func (s *story) goesOn(d time.Duration) *story {
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(20 * time.Second)
		if k := len(s.updates) - 1; k >= 0 && slices.Contains(s.r.Ours, s.updates[k].ID) && !s.updates[k].Over() && s.now.Sub(s.updates[k].CreatedAt) >= 3*time.Minute {
			s.ends(!s.fails)
		}
		s.rechecks()
	}
	return s
}

// look plays the loop around Next for one message.
func (s *story) look(m incident.Message) *story {
	s.calls++
	in := incident.Input{
		Now: s.now, By: fmt.Sprint(s.calls), Deadline: s.now.Add(time.Minute), Message: m, OwnRole: "arn:aws:iam::111122223333:role/endpointguard",
		Policy: s.policy, Limits: incident.Limits{TugPerHour: 3, TugDays: 5}, Cluster: s.cluster, Gone: s.gone, Updates: map[string]incident.UpdateRead{}, Trouble: s.trouble,
	}
	read := func(ids []string, after bool) {
		for _, id := range ids {
			k := slices.IndexFunc(s.updates, func(u endpoint.Update) bool { return u.ID == id })
			in.Updates[id] = incident.UpdateRead{Update: s.updates[k], AfterLook: after}
			if s.unread != "" {
				in.Updates[id], in.HistoryTrouble = incident.UpdateRead{Unread: true}, s.unread
			}
		}
	}
	if s.trouble != "" {
		in.Cluster = endpoint.Cluster{}
	}
	read(s.r.Wanted(), false)
	for range 30 {
		next, step := incident.Next(s.r, in)
		s.r = next
		switch step := step.(type) {
		case incident.Read:
			read(step.Updates, true)
			if step.History {
				in.HistoryRead, in.History = true, endpoint.History{Read: s.updates, Whole: true}
				if s.unread != "" {
					in.History, in.HistoryTrouble = endpoint.History{}, s.unread
				}
			}
			if step.Network {
				in.Network = s.network
				in.Network.Read = true
			}
			in.Cluster = s.cluster
		case incident.Ask:
			in.Brake = incident.BrakeGranted
			if s.limit > 0 {
				var granted bool
				if s.brake, granted, _ = s.brake.Ask(step.Entry, s.limit, s.now); !granted {
					in.Brake, in.BrakeUntil = incident.BrakeHeld, s.brake.Free(step.Entry, s.limit)
				}
			}
		case incident.Apply:
			if s.unanswered {
				s.r = incident.Applied(s.r, in, incident.Answer{Sort: trouble.Transient})
				in.Trouble = "no answer"
				continue
			}
			u := endpoint.Update{
				ID: uuid("0ff1ce00", len(s.updates)+1), Type: endpoint.EndpointAccessUpdate, Status: endpoint.UpdateInProgress,
				Asked: asked(step.Desired), CreatedAt: s.now,
			}
			s.updates, s.cluster.Status = append(s.updates, u), endpoint.StatusUpdating
			s.r = incident.Applied(s.r, in, incident.Answer{Update: u})
		case incident.Tell:
			if s.refuses || !step.Folded && !step.Owed && s.r.OwesMail() {
				s.r = incident.NotTold(s.r, in, step)
				continue
			}
			kind := string(step.Notice.Kind)
			if step.Notice.Kind == incident.NoticeOutcome {
				kind = string(step.Notice.Outcome())
			}
			if !step.Folded {
				s.told[kind] = append(s.told[kind], step.Notice)
			}
			if step.Owed {
				s.r = incident.Paid(s.r)
			} else {
				s.r = incident.Told(s.r, in, step.Notice.Kind)
			}
		case incident.Wait:
			s.check = step.Number
			return s
		default:
			return s
		}
	}
	panic("no end after 30 steps")
}

// mail returns the last notice of a kind or outcome.
func (s *story) mail(kind string) incident.Notice {
	all := s.told[kind]
	if len(all) == 0 {
		panic(fmt.Sprintf("%s was not told: %v", kind, s.r.Incident))
	}
	return all[len(all)-1]
}

// opened is the story of a cluster that complied, until somebody's update that
// opens it is done and the guardrail was told.
func opened(rules string, a endpoint.Access) *story {
	s := newStory(rules).sweeps()
	return s.openedAgain(0, a)
}

func (s *story) openedAgain(at time.Duration, a endpoint.Access) *story {
	e := s.at(at).asks(alice, a)
	return s.at(at + 40*time.Second).hears(e).at(at + 4*time.Minute).ends(true)
}

// discovered is the story of a cluster that a sweep finds as it is.
func discovered(rules string, a endpoint.Access) *story {
	s := newStory(rules).sweeps()
	s.cluster.Access = a
	return s.at(40 * time.Second)
}

// stories are the incidents of the golden files, by the name of their file.
func stories() map[string]incident.Notice {
	open := endpoint.Access{Public: true, Private: true, CIDRs: wide.CIDRs}
	half := endpoint.Access{Public: true, CIDRs: office.CIDRs}
	narrow := endpoint.Access{Public: true, Private: true, CIDRs: []netip.Prefix{office.CIDRs[0], netip.MustParsePrefix("203.0.113.0/24")}}
	alert := []string{"respond: revert", "respond: alert", "respond: enforce", "respond: alert"}
	quiet := func(s *story) *story {
		s.cluster.AuditLogs, s.network.Ingress443 = false, endpoint.No
		return s
	}
	out := map[string]incident.Notice{}

	s := opened(officeRule, wide)
	out["detected"] = s.mail("detected")
	out["enforced"] = s.goesOn(5 * time.Minute).mail("enforced")
	out["detected-alert-only"] = opened(with(officeRule, alert...), wide).mail("detected")
	out["violation"] = opened(with(officeRule, alert...), wide).goesOn(time.Minute).mail("violation")
	out["long-name"] = func() incident.Notice {
		s := newStory(officeRule).named("payments-" + strings.Repeat("eu-central-", 8) + "pro").sweeps()
		return s.openedAgain(0, wide).goesOn(5 * time.Minute).mail("enforced")
	}()

	create := newStory(officeRule).at(0)
	made := create.creates(alice, wide)
	out["detected-created"] = create.at(40 * time.Second).hears(made).mail("detected")
	create = newStory(with(officeRule, "respond: revert", "respond: revert\n    graceAfterCreation: 30m")).at(0)
	made = create.creates(alice, wide)
	out["detected-graced"] = create.at(40 * time.Second).hears(made).mail("detected")
	late := newStory(officeRule).sweeps().at(0)
	event := late.asks(alice, wide)
	out["detected-updating"] = late.at(4 * time.Minute).ends(true).hears(event).mail("detected")
	blind := newStory(officeRule).sweeps().at(0)
	blind.asks(alice, wide)
	out["unknown-caller"] = blind.at(4 * time.Minute).ends(true).sweeps().mail("detected")
	out["detected-inside"] = opened(insideRule, half).mail("detected")

	create = newStory(insideRule + worldRule).at(0)
	made = create.creates(alice, wide)
	out["detected-partly"] = create.at(40 * time.Second).hears(made).mail("detected")
	noNames := func(s *story) *story {
		s.network.DNSHostnames = endpoint.No
		return s
	}
	out["detected-blocked"] = noNames(newStory(officeRule).sweeps()).openedAgain(0, open).mail("detected")
	out["detected-half"] = noNames(newStory(officeRule).sweeps()).openedAgain(0, wide).mail("detected")
	out["detected-unknown"] = func() incident.Notice {
		s := newStory(officeRule).sweeps()
		s.network = endpoint.Network{}
		return s.openedAgain(0, open).mail("detected")
	}()
	out["taken-back"] = noNames(newStory(officeRule).sweeps().openedAgain(0, open)).goesOn(5 * time.Minute).mail("blocked")
	create = newStory(with(insideRule, "respond: enforce", "respond: enforce\n    graceAfterCreation: 30m") + worldRule).at(0)
	made = create.creates(alice, wide)
	out["detected-graced-partly"] = create.at(40 * time.Second).hears(made).mail("detected")
	create.at(9 * time.Minute).ends(true)
	out["graced-partly"] = create.rechecks().mail("violation")
	out["partly-enforced-after-grace"] = create.at(31 * time.Minute).rechecks().goesOn(5 * time.Minute).mail("partly-enforced")
	out["detected-found-partly"] = discovered(insideRule+worldRule, wide).sweeps().mail("detected")

	rollback := newStory(officeRule).sweeps()
	rollback.at(0).asks(alice, wide)
	rollback.at(4*time.Minute).ends(true).asks(alice, wide)
	u := &rollback.updates[1]
	u.Type, u.Asked = "VersionRollback", endpoint.Request{}
	out["detected-rollback"] = rollback.at(5 * time.Minute).sweeps().mail("detected")
	out["stuck-rollback"] = rollback.at(14 * time.Hour).rechecks().mail("stuck")
	logging := newStory(officeRule).sweeps()
	event = logging.at(0).asks(alice, wide)
	logging.at(40 * time.Second).hears(event)
	logging.at(4*time.Minute).ends(true).asks(alice, wide)
	logging.updates[1].Type, logging.updates[1].Asked = "LoggingUpdate", endpoint.Request{}
	out["stuck-logging"] = logging.at(3 * time.Hour).rechecks().mail("stuck")

	blind = newStory(officeRule).sweeps()
	blind.at(40 * time.Second).hears(blind.at(0).asks(alice, wide))
	blind.trouble = "eks:DescribeCluster payments: refused: AccessDeniedException: not authorized, with an explicit deny in a service control policy"
	out["stuck-refused"] = blind.at(2*time.Hour + 5*time.Minute).rechecks().mail("stuck")

	dark := newStory(closedRule)
	dark.cluster.Access = shut
	dark = quiet(dark).sweeps()
	dark.unread = "eks:DescribeUpdate payments: refused: AccessDeniedException: not authorized"
	event = dark.at(0).asks(alice, wide)
	dark.at(40 * time.Second).hears(event).at(3 * time.Minute).ends(true)
	out["unconfirmed"] = dark.goesOn(40 * time.Minute).mail("compliant")
	dark = newStory(officeRule).sweeps()
	dark.unread = "eks:DescribeUpdate payments: refused: AccessDeniedException: not authorized"
	event = dark.at(0).asks(alice, wide)
	dark.at(40 * time.Second).hears(event).at(3 * time.Minute).ends(true)
	out["unconfirmed-narrowed"] = dark.goesOn(40 * time.Minute).mail("compliant")

	stuck := newStory(officeRule).sweeps()
	out["stuck"] = stuck.at(40 * time.Second).hears(stuck.at(0).asks(alice, wide)).at(2*time.Hour + 5*time.Minute).rechecks().mail("stuck")

	private := newStory(closedRule)
	private.cluster.Access = shut
	private = quiet(private).sweeps().openedAgain(0, wide)
	out["enforced-private"] = private.goesOn(5 * time.Minute).mail("enforced")
	out["enforced-inside"] = discovered(insideRule, half).sweeps().goesOn(5 * time.Minute).mail("enforced")
	out["violation-inside"] = discovered(with(insideRule, alert...), half).sweeps().mail("violation")
	hybrid := newStory(officeRule)
	hybrid.cluster.HybridNodes = true
	hybrid = hybrid.sweeps()
	out["violation-hybrid"] = hybrid.openedAgain(0, wide).goesOn(time.Minute).mail("violation")
	wideRange := wide
	wideRange.CIDRs = nil
	for n := range 40 {
		wideRange.CIDRs = append(wideRange.CIDRs, netip.MustParsePrefix(fmt.Sprintf("203.0.%d.0/24", 100+2*n)))
	}
	out["forty-cidrs"] = opened(officeRule, wideRange).goesOn(5 * time.Minute).mail("enforced")
	graced := newStory(with(officeRule, "respond: revert", "respond: revert\n    graceAfterCreation: 30m")).at(0)
	event = graced.creates(alice, endpoint.Access{Public: true, CIDRs: append(slices.Clone(office.CIDRs), wide.CIDRs...)})
	graced.at(40 * time.Second).hears(event).at(9 * time.Minute).ends(true)
	out["grace"] = graced.rechecks().mail("violation")

	partly := officeRule + with(closedRule, alert...)
	out["partly-enforced"] = quiet(opened(partly, open)).goesOn(5 * time.Minute).mail("partly-enforced")

	for name, network := range map[string]endpoint.Network{
		"blocked":           {DNSSupport: endpoint.Yes, DNSHostnames: endpoint.No, AmazonDNS: endpoint.Yes, Ingress443: endpoint.Yes},
		"blocked-support":   {DNSSupport: endpoint.No, DNSHostnames: endpoint.No, AmazonDNS: endpoint.Yes, Ingress443: endpoint.Yes},
		"blocked-dhcp":      {DNSSupport: endpoint.Yes, DNSHostnames: endpoint.Yes, AmazonDNS: endpoint.No, Ingress443: endpoint.Yes, DHCPOptions: "dopt-0123456789abcdef0"},
		"blocked-no-dhcp":   {DNSSupport: endpoint.Yes, DNSHostnames: endpoint.Yes, AmazonDNS: endpoint.No, Ingress443: endpoint.Yes, DHCPOptions: "default"},
		"blocked-unknown":   {},
		"blocked-half-done": {DNSSupport: endpoint.Yes, DNSHostnames: endpoint.No, AmazonDNS: endpoint.Yes, Ingress443: endpoint.No},
	} {
		a, outcome := open, "blocked"
		if name == "blocked-half-done" {
			a, outcome = wide, "partly-enforced"
		}
		s := newStory(officeRule).sweeps()
		s.network = network
		out[name] = s.openedAgain(0, a).goesOn(5 * time.Minute).mail(outcome)
	}
	s = discovered(officeRule, open)
	s.network.DNSHostnames = endpoint.No
	out["blocked-found"] = s.sweeps().mail("blocked")

	s = opened(officeRule, wide)
	s.fails = true
	out["failed"] = s.goesOn(2 * time.Hour).mail("failed")

	s = opened(insideRule, half)
	s.fails = true
	out["failed-inside"] = s.goesOn(2 * time.Hour).mail("failed")

	bob := cloudtrail.Actor{Type: "IAMUser", Name: "bob", SourceIP: "203.0.113.20", UserAgent: "Boto3/1.34"}
	s = newStory(officeRule).sweeps()
	s.at(40 * time.Second).hears(s.at(0).asks(alice, wide)).at(4 * time.Minute).ends(true)
	back := s.asks(bob, office)
	s.hears(back).at(6 * time.Minute).ends(true)
	out["already-undone"] = s.goesOn(time.Minute).mail("already-undone")
	s = newStory(officeRule).sweeps()
	event = s.at(0).asks(alice, wide)
	s.at(time.Minute).ends(true).at(2*time.Minute).asks(bob, office)
	out["undone-unknown"] = s.at(3 * time.Minute).ends(true).hears(event).goesOn(time.Minute).mail("already-undone")
	s = newStory(officeRule).sweeps()
	s.at(40 * time.Second).hears(s.at(0).asks(alice, wide)).at(4 * time.Minute).ends(false)
	out["never-done"] = s.goesOn(time.Minute).mail("already-undone")

	s = newStory(officeRule).sweeps()
	event = s.at(0).asks(alice, wide)
	s.unanswered = true
	s.at(4 * time.Minute).ends(true).hears(event)
	s.at(4*time.Minute+10*time.Second).asks(bob, office)
	out["undone-unclear"] = s.at(8 * time.Minute).ends(true).goesOn(20 * time.Minute).mail("compliant")

	s = newStory(officeRule).sweeps()
	s.limit = 1
	s.brake, _, _ = s.brake.Ask(brake.Entry{ARN: "another", Fresh: true}, 1, start.Add(-20*time.Minute))
	event = s.at(0).asks(alice, wide)
	out["held"] = s.at(4 * time.Minute).ends(true).hears(event).mail("detected")

	tug := func(rules string) *story {
		s := newStory(rules).sweeps()
		for n := range 3 {
			s.openedAgain(time.Duration(n)*15*time.Minute, open).goesOn(5 * time.Minute)
		}
		return s
	}
	out["tug-of-war"] = tug(officeRule).mail("enforced")
	out["tug-of-war-partly"] = tug(partly).mail("partly-enforced")

	untagged := func(rules string, a endpoint.Access) *story {
		s := newStory(rules)
		s.cluster.Tags, s.cluster.Access = map[string]string{"environment": "prod", "team": "shop"}, shut
		s.sweeps()
		s.cluster.Tags, s.cluster.Access = map[string]string{"team": "shop"}, a
		return s.at(0).hears(&cloudtrail.Event{
			ID: uuid("c0ffee00", 3), Time: start.Add(-20 * time.Second), Name: cloudtrail.UntagResource, Cluster: "payments", RemovedTags: []string{"environment"},
			Actor: cloudtrail.Actor{Type: "IAMUser", Name: "alice", SourceIP: "203.0.113.9", UserAgent: alice.UserAgent, MFA: &no},
		})
	}
	out["left"] = untagged(taggedRule, wide).mail("left")
	out["left-private"] = untagged(taggedRule, shut).mail("left")
	out["left-some"] = untagged(taggedRule+officeRule, narrow).mail("left")

	s = newStory(officeRule).sweeps()
	s.at(40 * time.Second).hears(s.at(0).asks(alice, wide))
	s.gone = true
	out["gone"] = s.at(5 * time.Minute).rechecks().goesOn(time.Minute).mail("gone")

	allowed := func(change func(*story), outcome string) incident.Notice {
		s := newStory(officeRule + with(taggedRule, "prod*", "prod*")).sweeps()
		s.at(40 * time.Second).hears(s.at(0).asks(alice, wide)).at(4 * time.Minute).ends(true)
		s.limit = 1
		s.brake, _, _ = s.brake.Ask(brake.Entry{ARN: "another", Fresh: true}, 1, s.now)
		change(s.rechecks())
		return s.goesOn(5 * time.Minute).mail(outcome)
	}
	out["compliant"] = allowed(func(s *story) {
		s.policy = document(with(officeRule, ", allowedCidrs: [198.51.100.0/24]", ", notWiderThan: {ipv4: 0}"))
	}, "compliant")
	out["compliant-otherwise"] = allowed(func(s *story) {
		s.policy = document(with(officeRule, ", allowedCidrs: [198.51.100.0/24]", ", notWiderThan: {ipv4: 0}"))
		s.cluster.Access = open // nobody knows by what
	}, "compliant")
	out["exempt"] = allowed(func(s *story) { s.policy = document(officeRule + demoExemption) }, "exempt")
	meanwhile := func(rules string) incident.Notice {
		s := opened(officeRule, wide).goesOn(20 * time.Second) // ours is under way
		s.policy = document(rules)
		return s.goesOn(5 * time.Minute).mail("exempt")
	}
	out["exempt-closed"] = meanwhile(officeRule + demoExemption)
	s = newStory(officeRule).sweeps()
	s.network.DNSHostnames = endpoint.No
	s.openedAgain(0, open).goesOn(5 * time.Minute)
	s.network.DNSHostnames = endpoint.Yes
	out["enforced-later"] = s.at(time.Hour).sweeps().goesOn(5 * time.Minute).mail("enforced")
	s = opened(officeRule, wide)
	s.policy = document(officeRule).AlertOnly()
	out["taken-back-mode"] = s.goesOn(5 * time.Minute).mail("violation")
	out["out-of-scope"] = allowed(func(s *story) { s.policy = document(taggedRule) }, "out-of-scope")
	return out
}

// lateStories are the mails that were held up, because the topic took none for an hour and
// more, by the name of their golden file.
func lateStories() map[string]incident.Notice {
	open := endpoint.Access{Public: true, Private: true, CIDRs: wide.CIDRs}
	told := with(officeRule, "respond: revert", "respond: alert")
	taken := func(s *story, kind string) incident.Notice {
		s.refuses = false
		for n := range 40 {
			if len(s.told[kind]) > 0 {
				return s.told[kind][0]
			}
			s.at(5*time.Hour + time.Duration(n)*15*time.Minute).sweeps()
		}
		panic(fmt.Sprintf("%s was not told late: %v", kind, s.told))
	}
	refused := func(rules string) *story {
		s := newStory(rules).sweeps()
		s.refuses = true
		return s.openedAgain(0, open).goesOn(10 * time.Minute)
	}
	out := map[string]incident.Notice{}
	out["late-same"] = taken(refused(told), "violation")
	out["late-enforced"] = taken(refused(officeRule), "enforced")
	s := refused(told)
	s.at(time.Hour).asks(alice, office)
	out["late-over"] = taken(s.at(time.Hour+4*time.Minute).ends(true).at(2*time.Hour).sweeps(), "violation")
	s = refused(officeRule)
	s.network.DNSHostnames = endpoint.No
	out["late-other"] = taken(s.openedAgain(time.Hour, open).goesOn(10*time.Minute), "enforced")
	s = refused(told)
	s.gone = true
	out["late-gone"] = taken(s.at(time.Hour).sweeps().at(2*time.Hour).sweeps(), "violation")
	s = refused(told)
	s.trouble = "eks:DescribeCluster payments: refused: AccessDeniedException: not authorized"
	out["late-unseen"] = taken(s, "violation")
	s = refused(told)
	s.cluster.Access, s.unread = office, "eks:DescribeUpdate payments: refused: AccessDeniedException: not authorized" // it may be an old look
	out["late-unsure"] = taken(s, "violation")
	s = newStory(told).sweeps()
	s.refuses = true
	for n := range 14 {
		s.openedAgain(time.Duration(n)*20*time.Minute, open).goesOn(5 * time.Minute)
		s.asks(alice, office)
		s.at(time.Duration(n)*20*time.Minute + 12*time.Minute).ends(true).sweeps().goesOn(2 * time.Minute)
	}
	out["backlog"] = taken(s, string(incident.NoticeBacklog))
	return out
}
