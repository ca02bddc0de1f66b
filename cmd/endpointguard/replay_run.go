package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/settings"
	"github.com/endpointguard/endpointguard/pkg/text"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

const (
	// maxChecks bounds the checks of one record: a rule's grace of 24 hours
	// takes about a hundred.
	maxChecks = 500
	// maxRecordTime bounds the time that one record takes for real; a usual one
	// takes milliseconds.
	maxRecordTime = 30 * time.Second
	// olderBy is for how long a cluster has existed that an event changes: no
	// rule's grace lasts so long.
	olderBy = 30 * 24 * time.Hour

	// What a record is replayed in that does not tell its account and region.
	someAccount = "111122223333"
	someRegion  = "eu-west-1"
)

var regionForm = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)*(-[0-9]+)?$`)

// replayed is what became of one record.
type replayed struct {
	Event   string           `json:"event"` // the eventID
	File    string           `json:"file"`
	Cluster string           `json:"cluster"` // the ARN
	Outcome incident.Outcome `json:"outcome"`
	Why     string           `json:"why"`
	Reasons []string         `json:"reasons"`
	Before  *endpoint.Access `json:"before"` // as EKS shows it when the event comes
	After   *endpoint.Access `json:"after"`
	Updates int              `json:"updates"` // that the guardrail made
	Mails   []replayedMail   `json:"mails"`
	// Assumed is all that the record doesn't tell and that the outcome may hang on.
	Assumed []string `json:"assumed"`
	// Unread is what of the record could not be read, with nothing made up in its place.
	Unread []cloudtrail.Unread `json:"unread"`

	event cloudtrail.Event
	took  time.Duration
}

type replayedMail struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// replay replays files under one policy.
type replay struct {
	before *endpoint.Access // of clusters that exist; nil: not known
	doc    document
	in     io.Reader
	errs   io.Writer
	asJSON bool
	print  func(replayed) error
}

// file replays the records of a file. What cannot be replayed is an error; the
// rest of the file still is.
func (r replay) file(ctx context.Context, file string) error {
	recs, err := records(file, r.in)
	problems := []error{err}
	unreadable := 0
	for i, record := range recs {
		done, err := r.record(ctx, record)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("record %d: %w", i+1, err))
			continue
		}
		done.File = file
		if err := r.print(done); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if done.Outcome == incident.Unreadable {
			unreadable++
		}
	}
	if unreadable > 0 {
		problems = append(problems, fmt.Errorf("unreadable: %d of %d records", unreadable, len(recs)))
	}
	if err == nil && len(recs) == 0 {
		_, _ = fmt.Fprintf(r.errs, "endpointguard: %s: it holds no records\n", text.Reveal(file))
	}
	return errors.Join(problems...)
}

// record replays one record.
func (r replay) record(ctx context.Context, record []byte) (replayed, error) {
	ctx, cancel := context.WithTimeout(ctx, maxRecordTime)
	defer cancel()
	event, concerns := decodeEvent(record)
	out := replayed{
		Event: event.ID, Reasons: []string{}, Mails: []replayedMail{}, Assumed: []string{}, Unread: []cloudtrail.Unread{}, event: event,
	}
	if event.Cluster != "" && event.Account != "" && event.Region != "" {
		out.Cluster = event.ARN()
	}
	if concerns && len(event.Unread) > 0 {
		// The function looks at the cluster, which shows what the record doesn't tell.
		// Here is none, and one that is made up would show what was made up.
		out.Outcome, out.Unread = incident.Unreadable, event.Unread
		out.Why = "what the call asked for cannot be read: " + unread(event) + ". The guardrail looks at the cluster as it is, which replay cannot"
		return out, nil
	}
	s, err := newStage(event, &out)
	if err != nil {
		return out, err
	}
	var asked endpoint.Cluster
	if concerns {
		if asked, err = s.imply(event, r.before, &out); err != nil {
			return out, err
		}
		out.Before = s.shown(event.Cluster)
	}
	last, err := s.run(ctx, r.doc, record)
	if err != nil {
		return out, err
	}
	if !concerns {
		out.Assumed = []string{} // where it is replayed means nothing then
	}
	out.Outcome, out.Why, out.took = last.outcome, last.why, s.now.Sub(s.start)
	if concerns {
		s.settle(event.Cluster)
		out.After = s.shown(event.Cluster)
	}
	switch out.Outcome {
	case incident.Ignored, incident.Unreadable, incident.Gone:
	default:
		out.Reasons = reasons(verdict.Judge(r.doc.policy, asked, s.start))
	}
	for _, call := range s.aws.Calls() {
		if call.Operation == "UpdateClusterConfig" && call.Error == "" {
			out.Updates++
		}
	}
	for _, m := range s.aws.Mails(topicName) {
		out.Mails = append(out.Mails, replayedMail{m.Subject, m.Message})
	}
	return out, nil
}

// decodeEvent reads what there is of an event, and reports whether it concerns
// the guardrail.
func decodeEvent(record []byte) (cloudtrail.Event, bool) {
	event, err := cloudtrail.Decode(record)
	if none, ok := errors.AsType[cloudtrail.NoConcern](err); ok {
		return none.Event, false
	}
	if broken, ok := errors.AsType[cloudtrail.Unreadable](err); ok {
		return broken.Event, false
	}
	return event, err == nil
}

// unread names what of an event could not be read.
func unread(event cloudtrail.Event) string {
	var parts []string
	for _, u := range event.Unread {
		parts = append(parts, u.String())
	}
	return strings.Join(parts, "; ")
}

// reasons are what every violated rule finds wrong, each with the rule's name.
func reasons(v verdict.Verdict) []string {
	out := []string{}
	for _, rule := range v.Rules {
		for _, reason := range rule.Reasons {
			text := rule.Rule.Name + ": " + reason.Text
			if rule.Exemption != nil {
				text += " (waived by exemption " + rule.Exemption.Name + ")"
			}
			out = append(out, text)
		}
	}
	return out
}

// The names of what the embedded AWS holds.
const (
	tableName    = "endpoint-guard"
	queueName    = "endpoint-guard"
	deadName     = "endpoint-guard-dead-letters"
	topicName    = "endpoint-guard"
	functionName = "endpoint-guard-guardrail"
	roleName     = "endpoint-guard"
	guardrailKey = "GUARDRAIL"
)

// stage is the embedded AWS of one record. Its clock goes only when the next
// message is due.
type stage struct {
	aws        *localaws.AWS
	start, now time.Time
}

// newStage makes the AWS of the event's account and region at the event's time.
func newStage(event cloudtrail.Event, out *replayed) (*stage, error) {
	s := &stage{start: event.Time}
	for _, t := range []time.Time{event.Time, event.CreatedAt} {
		// A cluster is seen right after it was created, never before.
		if plausible(t) && (!plausible(s.start) || t.After(s.start) && t.Sub(s.start) < time.Minute) {
			s.start = t
		}
	}
	if !plausible(s.start) {
		s.start = time.Now().UTC()
		out.assume("the record tells no time that can be replayed: it is replayed as of now")
	}
	s.now = s.start
	options := localaws.Options{
		Account: event.Account, Region: event.Region, Partition: event.Partition, Clock: func() time.Time { return s.now },
	}
	if options.Account == "" || options.Region == "" {
		if event.Account == "" {
			options.Account = someAccount
		}
		if event.Region == "" {
			options.Region, options.Partition = someRegion, ""
		}
		out.assume("the record's account or region cannot be used: it is replayed in %s in %s", options.Account, options.Region)
	}
	if unknown := policy.UnknownRegion(options.Region); unknown != "" {
		out.assume("%s", unknown)
	}
	s.aws = localaws.New(options)
	return s, furnish(s.aws)
}

// plausible reports whether a time can be lived in: early times are no Unix
// times, and years of five digits have no place in JSON.
func plausible(t time.Time) bool { return t.Year() >= 1970 && t.Year() < 9990 }

func (r *replayed) assume(format string, args ...any) {
	r.Assumed = append(r.Assumed, fmt.Sprintf(format, args...))
}

// someAddress may reach a public endpoint of which nothing else is known: one of
// those set apart for documentation.
var someAddress = netip.MustParsePrefix("192.0.2.1/32")

// before is the endpoint access before the event, and says so where the record
// doesn't.
func (r *replayed) before(event cloudtrail.Event, given *endpoint.Access) endpoint.Access {
	asked := event.Asked
	// EKS takes CIDRs alone of a public cluster alone; of others it says that
	// nothing would change.
	public := event.Name == cloudtrail.UpdateClusterConfig && asked.CIDRs != nil && asked.Public == nil && asked.Private == nil
	if given != nil {
		access := given.Clone()
		if public && !access.Public {
			access.Public, access.CIDRs = true, []netip.Prefix{someAddress}
			r.assume("before, the endpoint was %s, whatever --before says: the call succeeded with CIDRs alone, which EKS takes of public clusters alone", describe(access))
		}
		return access
	}
	access := endpoint.Access{Private: true}
	if public {
		access = endpoint.Access{Private: true, Public: true, CIDRs: []netip.Prefix{someAddress}}
		r.assume("before, the endpoint was %s: the call succeeded with CIDRs alone, which EKS takes of public clusters alone (--before)", describe(access))
		return access
	}
	r.assume("before, the endpoint was %s (--before)", describe(access))
	return access
}

// imply puts the cluster into the state that the event implies, and returns it
// as it was asked for.
func (s *stage) imply(event cloudtrail.Event, given *endpoint.Access, out *replayed) (endpoint.Cluster, error) {
	put := localaws.Cluster{Name: event.Cluster, Status: string(endpoint.StatusActive), CreatedAt: s.start.Add(-olderBy)}
	switch event.Name {
	case cloudtrail.TagResource:
		put.Tags = event.ChangedTags
	case cloudtrail.DeleteCluster:
		put.Status = string(endpoint.StatusDeleting)
	}
	var asked endpoint.Access
	if event.Name == cloudtrail.CreateCluster {
		// EKS's own defaults, for what the event leaves open.
		asked = event.Asked.Over(endpoint.Access{Public: true})
		put.Public, put.Private, put.CIDRs = asked.Public, asked.Private, texts(asked.CIDRs)
		if len(event.Defaults) > 0 {
			out.assume("%s: EKS's default, the record doesn't tell", strings.Join(event.Defaults, ", "))
		}
		put.Status, put.CreatedAt = string(endpoint.StatusCreating), s.start
		if plausible(event.CreatedAt) {
			put.CreatedAt = event.CreatedAt
		}
		put.IPFamily, put.Tags, put.VPC, put.SecurityGroups = string(event.Family), event.Tags, event.VPC, event.SecurityGroups
		if event.OutpostsLocal {
			put.OutpostARNs = []string{fmt.Sprintf("arn:%s:outposts:%s:%s:outpost/op-0123456789abcdef0", s.aws.Partition(), s.aws.Region(), s.aws.Account())}
		}
		if event.HybridNodes {
			put.RemoteNodeNetworks = []string{"10.80.0.0/16"}
		}
		if event.AuditLogs {
			put.Logging = []string{"audit"}
		}
	} else {
		before := out.before(event, given)
		asked = event.Asked.Over(before)
		put.Public, put.Private, put.CIDRs = before.Public, before.Private, texts(before.CIDRs)
		put.IPFamily = string(endpoint.IPv4)
		if slices.ContainsFunc(slices.Concat(asked.CIDRs, before.CIDRs), func(p netip.Prefix) bool { return p.Addr().Is6() }) {
			// EKS admits IPv6 CIDRs on no other cluster.
			put.IPFamily = string(endpoint.IPv6)
		}
		out.existing(event, put)
	}
	out.assume("EKS carries out every update, and the VPC is in order: its DNS, its DHCP options, ingress on 443")
	s.aws.PutCluster(put)
	family := cmp.Or(endpoint.Family(put.IPFamily), endpoint.IPv4)
	if asked.Public && len(asked.CIDRs) == 0 {
		asked.CIDRs = endpoint.World(family)
	}
	if event.Name == cloudtrail.UpdateClusterConfig {
		update := localaws.GivenUpdate{ID: event.UpdateID, Public: asked.Public, Private: asked.Private, CIDRs: texts(asked.CIDRs)}
		if _, err := s.aws.PutUpdate(event.Cluster, update); err != nil {
			return endpoint.Cluster{}, err
		}
	}
	return endpoint.Cluster{
		ID:        endpoint.ID{ARN: event.ARN(), CreatedAt: put.CreatedAt},
		Partition: event.Partition, Account: event.Account, Region: event.Region, Name: event.Cluster,
		Status: endpoint.StatusActive, Access: asked, Family: family, Tags: put.Tags,
		OutpostsLocal: event.OutpostsLocal, HybridNodes: event.HybridNodes,
	}, nil
}

// existing says what is assumed of a cluster that the call didn't make.
func (r *replayed) existing(event cloudtrail.Event, put localaws.Cluster) {
	if untold := event.Asked.Untold(); event.Name == cloudtrail.UpdateClusterConfig && len(untold) > 0 {
		r.assume("%s: as before, the record doesn't tell", strings.Join(untold, ", "))
	}
	if event.Name == cloudtrail.UpdateClusterConfig && event.UpdateID == "" {
		r.assume("the update's id: made up, the record doesn't tell")
	}
	tags := "no tags"
	if event.Name == cloudtrail.TagResource {
		tags = "no other tags"
	}
	family := map[string]string{string(endpoint.IPv4): "IPv4", string(endpoint.IPv6): "IPv6"}[put.IPFamily]
	r.assume("the cluster was %d days old, had %s, was an %s cluster, no hybrid nodes, not on an Outpost: no record of this call tells", int(olderBy.Hours()/24), tags, family)
}

func texts(prefixes []netip.Prefix) []string {
	var out []string
	for _, p := range prefixes {
		out = append(out, p.String())
	}
	return out
}

// shown is the endpoint access that EKS holds in force, nil without a cluster.
func (s *stage) shown(name string) *endpoint.Access {
	c, ok := s.aws.Cluster(name)
	if !ok {
		return nil
	}
	a := accessOf(c)
	a.CIDRs = slices.SortedFunc(slices.Values(a.CIDRs), netip.Prefix.Compare)
	return &a
}

// settle waits until EKS is done with the cluster: the guardrail does not wait
// for the end of a change that complies.
func (s *stage) settle(name string) {
	c, _ := s.aws.Cluster(name)
	for _, u := range c.Updates {
		if u.EndsAt.After(s.now) {
			s.now = u.EndsAt
		}
	}
}

// run delivers the event and every message that follows from it.
func (s *stage) run(ctx context.Context, doc document, record []byte) (check, error) {
	f, err := s.aws.Function(functionName, queueName, localaws.FunctionOptions{Timeout: time.Minute, BatchSize: 1})
	if err != nil {
		return check{}, err
	}
	cfg := s.aws.Config(guardrailKey)
	if !regionForm.MatchString(cfg.Region) {
		// The SDK signs for nothing else; whom it calls stays the same.
		cfg.Region = someRegion
	}
	var log bytes.Buffer
	handler, err := function.New(settings.Guardrail{
		Mode: settings.ModeEnforce, Partition: s.aws.Partition(), Account: s.aws.Account(), Region: s.aws.Region(),
		Table: tableName, QueueURL: s.aws.QueueURL(queueName), TopicARN: s.aws.TopicARN(topicName), RoleARN: roleARN(s.aws),
		PolicyFile: doc.name, LogLevel: "info",
	}, doc.data, cfg, &log)
	if err != nil {
		return check{}, err
	}
	handler = handler.WithClock(func() time.Time { return s.now })
	if err := s.aws.Send(queueName, string(record), 0); err != nil {
		return check{}, err
	}
	var last check
	for range maxChecks {
		due, waiting := s.aws.Next(queueName)
		if !waiting && last.outcome == "" {
			return last, fmt.Errorf("it ended without an outcome: %s", last)
		}
		if !waiting {
			return last, nil
		}
		if due.After(s.now) {
			s.now = due
		}
		log.Reset()
		if _, err := f.RunOnce(ctx, handler.Invoke); err != nil {
			return last, fmt.Errorf("no end within %s: %w", maxRecordTime, err)
		}
		for line := range bytes.Lines(log.Bytes()) {
			if l, ok := readLog(line); ok {
				last = last.then(l)
			}
		}
	}
	return last, fmt.Errorf("no end after %d checks; the last one said: %s", maxChecks, last)
}
