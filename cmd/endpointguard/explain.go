package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/endpointguard/endpointguard/pkg/awsconfig"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/ekscluster"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/explain"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/policytest"
	"github.com/endpointguard/endpointguard/pkg/text"
	"github.com/endpointguard/endpointguard/pkg/trouble"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// question is the command line of explain.
type question struct {
	policy, event, cluster, access string
	name, account, date, created   string
	family, network, before        string
	tags                           []string
	hybrid, asJSON                 bool

	where account
	given *pflag.FlagSet
}

func newExplain() *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "explain --access ACCESS | --event FILE | --cluster NAME",
		Short: "Says what the policy makes of a cluster, and why",
		Long: `Explain judges one cluster by the policy and says which rules match, each
reason, the endpoint access that the cluster would be brought to, and what would
be done now. It asks the same code as the function that is deployed, and changes
nothing. Without --policy it is policy.yaml of the working directory, else the
policy that ships with endpointguard; its responses are in force.

The cluster is one of these:

  --access   a made-up one: public=true,private=false,cidrs=A+B. Without CIDRs
             a public endpoint is open to everyone. What EKS refuses is refused,
             such as both off, or private addresses. --name, --account, --region
             and --tag say more about it; what isn't said, no rule matches by.
  --event    the one that a CloudTrail record of CreateCluster or
             UpdateClusterConfig asks for, at the record's time ("-" is the
             standard input). A record doesn't tell the tags of a cluster that
             is changed: --tag does.
  --cluster  a live one, read with the standard AWS settings. It needs
             eks:DescribeCluster and, when its access would be narrowed,
             ec2:DescribeVpcAttribute, DescribeVpcs, DescribeDhcpOptions and
             DescribeSecurityGroupRules.

Of a cluster that isn't live the VPC is taken to be in order unless --network
says "unknown" or what it lacks: no-dns-support, no-dns-hostnames,
no-amazon-dns, no-ingress. Rules that revert need the access right before the
change: --before, written like --access; none is known otherwise.

An event that the guardrail ignores, like a call that EKS refused, is
out-of-scope. One that does not tell all that its call asked for, since part of
it was left out or cannot be read, is refused, and the part is named.

--json prints one object: outcome (compliant, out-of-scope, exempt, violation,
would-enforce, blocked), why (only where the rules don't tell it), rules (name,
violated, outcome, reasons; those that match), desired (public, private, cidrs;
null when nothing would change) and dropped (cidr, why: not-allowed, too-wide,
over-the-limit, or reverted for what is allowed and was not open right before).
The exit status is 1 for the last three outcomes.`,
		Example: `  endpointguard explain --access public=true,private=false,cidrs=0.0.0.0/1
  endpointguard explain --event event.json --tag environment=prod
  endpointguard explain --cluster demo-1 --region eu-west-1 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q.given = cmd.Flags()
			return q.run(cmd)
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.policy, "policy", "", "the policy `FILE` to judge by")
	f.StringVar(&q.access, "access", "", "the endpoint `ACCESS` of a made-up cluster")
	f.StringVar(&q.event, "event", "", "the `FILE` with a CloudTrail record")
	f.StringVar(&q.cluster, "cluster", "", "the `NAME` of a live cluster")
	f.StringVar(&q.name, "name", "", "the cluster's `NAME`")
	f.StringVar(&q.account, "account", "", "the cluster's `ACCOUNT`, 12 digits")
	f.StringArrayVar(&q.tags, "tag", nil, "a tag of the cluster, `KEY=VALUE`; may be repeated")
	f.StringVar(&q.date, "date", "", "judge as of this `DATE` or RFC 3339 time, not now")
	f.StringVar(&q.created, "created", "", "the `DATE` or time of the cluster's creation")
	f.StringVar(&q.family, "family", "", "the cluster's IP `FAMILY`: ipv4 or ipv6")
	f.BoolVar(&q.hybrid, "hybrid-nodes", false, "the cluster has hybrid nodes")
	f.StringVar(&q.network, "network", "ok", "the `FACTS` about the VPC, with commas")
	f.StringVar(&q.before, "before", "", "the `ACCESS` right before the change")
	f.BoolVar(&q.asJSON, "json", false, "print one JSON object")
	q.where.flags(f)
	return cmd
}

// subject is a cluster to judge.
type subject struct {
	cluster endpoint.Cluster
	before  *endpoint.Access
	network endpoint.Network
	at      time.Time
	notes   []string // what had to be assumed
}

func (s *subject) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

func (q *question) run(cmd *cobra.Command) error {
	if err := q.check(); err != nil {
		return err
	}
	doc, err := loadPolicy(q.policy, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	s, err := q.ask(cmd, doc.policy)
	if none, ok := errors.AsType[cloudtrail.NoConcern](err); ok {
		return q.ignored(cmd, none)
	}
	if err != nil {
		return err
	}
	a := explain.Of(doc.policy, s.cluster, s.before, s.network, s.at)
	if a.Verdict.Enforcing() && s.before == nil && reverting(a) {
		s.note("the access right before is not known (--before): it is judged as if there were none to go back to")
	}
	if q.asJSON {
		for _, note := range s.notes {
			_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "endpointguard: "+note)
		}
		err = answerJSON(cmd.OutOrStdout(), a)
	} else {
		_, err = io.WriteString(cmd.OutOrStdout(), explained(doc, s, a))
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if a.Outcome.Finding() {
		return errFindings
	}
	return nil
}

func answerJSON(w io.Writer, a explain.Answer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(a.JSON())
}

// ignored answers for an event that the guardrail does not look further at.
func (q *question) ignored(cmd *cobra.Command, none cloudtrail.NoConcern) error {
	why := "the guardrail ignores the event: " + text.Reveal(none.Why)
	var err error
	if q.asJSON {
		err = answerJSON(cmd.OutOrStdout(), explain.Answer{Outcome: explain.OutOfScope, Verdict: verdict.Verdict{Why: why}})
	} else {
		var p page
		p.line("", fmt.Sprintf("%s: %s", text.Reveal(q.event), explain.OutOfScope))
		p.line("  ", why)
		p.heading("What would be done now")
		p.line("  ", "Nothing: no cluster is looked at because of it.")
		_, err = io.WriteString(cmd.OutOrStdout(), p.String())
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// check refuses flags that don't go together.
func (q *question) check() error {
	sources := 0
	for _, flag := range []string{"access", "event", "cluster"} {
		if q.given.Changed(flag) {
			sources++
		}
	}
	if sources != 1 {
		return usageError{"explain needs one of --access, --event and --cluster", "try 'endpointguard explain --access public=true,private=false', or 'endpointguard explain --help'"}
	}
	refuse := func(source string, flags ...string) error {
		for _, flag := range flags {
			if q.given.Changed(source) && q.given.Changed(flag) {
				return usageError{fmt.Sprintf("--%s does not go with --%s", flag, source), "'endpointguard explain --help' says what each is for"}
			}
		}
		return nil
	}
	return errors.Join(
		refuse("access", "profile"),
		refuse("event", "profile", "region", "name", "account"),
		refuse("cluster", "name", "account", "tag", "created", "family", "hybrid-nodes", "network"),
	)
}

// ask finds the cluster that the question is about.
func (q *question) ask(cmd *cobra.Command, p *policy.Policy) (*subject, error) {
	s := &subject{}
	if err := q.common(s); err != nil {
		return nil, err
	}
	var err error
	switch {
	case q.given.Changed("cluster"):
		err = q.live(cmd.Context(), cmd.ErrOrStderr(), s, p)
	case q.given.Changed("event"):
		err = q.fromEvent(cmd.InOrStdin(), s)
	default:
		err = q.madeUp(s, p)
	}
	return s, err
}

// common reads what every kind of question may say.
func (q *question) common(s *subject) error {
	var err error
	if q.date != "" {
		if s.at, err = instant("--date", q.date); err != nil {
			return err
		}
	}
	if s.network, err = policytest.ParseNetwork(q.network); err != nil {
		return usageError{"--network: " + err.Error(), "write several with commas: no-dns-support,no-ingress"}
	}
	if q.before != "" {
		before, err := parseAccess("--before", q.before)
		if err != nil {
			return err
		}
		s.before = &before
	}
	return nil
}

// fromEvent takes the cluster that the event of a file asks for.
func (q *question) fromEvent(in io.Reader, s *subject) error {
	recs, err := records(q.event, in)
	if err != nil {
		return usageError{fmt.Sprintf("cannot read the event: %s: %v", text.Reveal(q.event), err), "give a file with one CloudTrail record or EventBridge event"}
	}
	var found []cloudtrail.Event
	why := "it holds no records"
	var ignored error
	unreadable := false
	for _, record := range recs {
		event, err := cloudtrail.Decode(record)
		_, none := errors.AsType[cloudtrail.NoConcern](err)
		switch {
		case err == nil:
			found = append(found, event)
		case none:
			ignored = err
		default:
			why, unreadable = err.Error(), true
		}
	}
	if len(found) > 1 {
		return usageError{fmt.Sprintf("%s holds %d events that concern clusters", text.Reveal(q.event), len(found)), "give a file with one; 'endpointguard replay' takes many"}
	}
	if len(found) == 0 && ignored != nil && !unreadable {
		return ignored
	}
	if len(found) == 0 {
		return usageError{fmt.Sprintf("there is nothing to explain in %s: %s", text.Reveal(q.event), text.Reveal(why)), "give a file with one CloudTrail record or EventBridge event of CreateCluster or UpdateClusterConfig"}
	}
	e := found[0]
	switch {
	case e.Name != cloudtrail.CreateCluster && e.Name != cloudtrail.UpdateClusterConfig:
		return usageError{fmt.Sprintf("%s of %s says nothing of the endpoint access", e.Name, e.Cluster), "give it with --access, --name, --account, --region and --tag"}
	case len(e.Unread) > 0:
		return usageError{fmt.Sprintf("what the %s of %s asked for cannot be read: %s", e.Name, e.Cluster, text.Reveal(unread(e))), "give it with --access, --name, --account, --region, --tag and --date"}
	}
	if s.at.IsZero() {
		s.at = e.Time
	}
	if s.at.IsZero() {
		s.at = time.Now().UTC()
		s.note("the record tells no time; it is judged as of now (--date)")
	}
	if created, ok := e.Created(); ok {
		s.cluster = created
	} else {
		s.cluster = q.updated(e, s)
	}
	return q.describeAs(s)
}

// updated is the cluster of an UpdateClusterConfig once EKS has carried it out.
func (q *question) updated(e cloudtrail.Event, s *subject) endpoint.Cluster {
	base := endpoint.Access{Private: true}
	switch {
	case s.before != nil:
		base = *s.before
	case e.Asked.Public == nil || e.Asked.Private == nil || e.Asked.CIDRs == nil:
		s.note("what the record leaves open is taken to have been private only (--before)")
	}
	if len(q.tags) == 0 {
		s.note("the record doesn't tell the cluster's tags (--tag)")
	}
	return endpoint.Cluster{
		ID:        endpoint.ID{ARN: e.ARN()},
		Partition: e.Partition, Account: e.Account, Region: e.Region, Name: e.Cluster,
		Status: endpoint.StatusUpdating, Access: e.Asked.Over(base),
	}
}

// live reads the cluster, and the facts on its VPC when they are needed.
func (q *question) live(ctx context.Context, errs io.Writer, s *subject, p *policy.Policy) error {
	if !endpoint.NamePattern.MatchString(q.cluster) {
		return usageError{fmt.Sprintf("--cluster: %q is no name that EKS admits", q.cluster), "give the cluster's name, not its ARN"}
	}
	cfg, err := q.where.config(ctx, telling(errs))
	if err != nil {
		return err
	}
	if s.at.IsZero() {
		s.at = time.Now().UTC()
	}
	s.cluster, err = ekscluster.New(eks.NewFromConfig(cfg)).Cluster(ctx, q.cluster)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case trouble.Of(err) == trouble.Gone && err != nil:
		return fmt.Errorf("there is no cluster %s in %s", q.cluster, cfg.Region)
	case err != nil:
		return err
	}
	s.network = endpoint.Network{}
	if explain.NeedsNetwork(p, s.cluster, s.before, s.at) {
		s.network, err = ekscluster.NewNetworks(ec2.NewFromConfig(cfg)).Network(ctx, s.cluster)
		switch {
		case ctx.Err() != nil:
			return errors.New("interrupted")
		case err != nil:
			why, _ := awsconfig.Plainly(err)
			s.note("not all of the VPC could be read: %s", why)
		}
	}
	switch s.cluster.Status {
	case endpoint.StatusActive:
	case endpoint.StatusUpdating:
		s.note("an update is in progress: EKS shows the values from before it, and accepts no change until it is over")
	default:
		s.note("the cluster is %s: EKS accepts no change now", s.cluster.Status)
	}
	return nil
}

// fileOrInput reads a file; "-" is the standard input.
func fileOrInput(file string, in io.Reader, most int64) ([]byte, error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, pathless(err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, most+1))
	return data, pathless(err)
}

// pathless is an error of a file without its path, which is told already.
func pathless(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}
