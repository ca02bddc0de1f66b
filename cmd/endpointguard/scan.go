package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/spf13/cobra"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/ekscluster"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/explain"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

const (
	// scanners is how many clusters are looked at in parallel.
	scanners = 8
	// eksPace is the time between two calls to EKS in one region, vpcPace that
	// between the reads of two VPCs, of five calls each. EKS documents no rates
	// and was seen to throttle DescribeCluster at 100 calls at once; EC2 admits
	// about 20 such reads a second. Others in the account want some, too.
	eksPace = 50 * time.Millisecond
	vpcPace = 200 * time.Millisecond
	// scanPage is the most that ListClusters returns at once.
	scanPage = 100
)

// notRead is the outcome of a cluster or region that could not be read.
const notRead explain.Outcome = "unreadable"

func newScan() *cobra.Command {
	var where account
	var policyPath string
	var allRegions, asJSON, asCSV bool
	cmd := &cobra.Command{
		Use:   "scan [--policy FILE] [--all-regions] [--json | --csv]",
		Short: "Judges every cluster of an account, and changes nothing",
		Long: `Scan looks at every EKS cluster of a region, or of all regions of the account,
and says what the policy makes of each: compliant, out-of-scope, exempt,
violation, would-enforce or blocked, as explain does, or unreadable. It only
reads, with the standard AWS settings, and slowly enough not to be throttled: a
thousand clusters of one region take about a minute, longer if many are open.

Without --policy it is policy.yaml of the working directory, else the policy
that ships with endpointguard; its responses are in force. Rules that revert are
judged as if the access right before were not known.

ACCESS is who reaches the endpoint: the VPC, the world, or so many blocks. Below
the table stands, for each rule, what the guardrail would do about the clusters
that break it, and then what stays open all the same: where rules only alert,
where no change is safe, and what is waived. Connected clusters have no endpoint
of EKS's and are out-of-scope.

--json prints one object a line: cluster, arn, account, region, status, access,
outcome, rules (name, violated, outcome, reasons), desired, dropped (cidr, why),
error; access is null where there is none, and a rule's outcome is what would
become of its violation: would-enforce, or violation, blocked or exempt for one
that stays. --csv prints a table with a heading. The exit status is 1 if
something breaks the policy or can't be read. It needs eks:ListClusters and
DescribeCluster, ec2:DescribeVpcAttribute, DescribeVpcs, DescribeDhcpOptions and
DescribeSecurityGroupRules, and with --all-regions ec2:DescribeRegions.`,
		Example: `  endpointguard scan --region eu-west-1
  endpointguard scan --all-regions --profile security-audit --csv > clusters.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case asJSON && asCSV:
				return usageError{"--csv does not go with --json", "ask for one of them"}
			case allRegions && where.region != "":
				return usageError{"--region does not go with --all-regions", "'endpointguard scan --help' says what each is for"}
			}
			doc, err := loadPolicy(policyPath, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			bar := newProgress(cmd.ErrOrStderr())
			cfg, err := where.config(ctx, bar.tell)
			if err != nil {
				return err
			}
			regions := []string{cfg.Region}
			if allRegions {
				if regions, err = enabledRegions(ctx, cfg); err != nil {
					return err
				}
			}
			found := scan{policy: doc.policy, at: time.Now().UTC(), config: cfg, bar: bar}.run(ctx, regions)
			bar.end()
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			switch {
			case asJSON:
				err = scannedJSON(cmd.OutOrStdout(), found)
			case asCSV:
				err = scannedCSV(cmd.OutOrStdout(), found)
			default:
				_, err = io.WriteString(cmd.OutOrStdout(), scannedTable(doc, regions, found))
			}
			if err != nil {
				return fmt.Errorf("write: %w", err)
			}
			tellHints(cmd.ErrOrStderr(), found)
			if slices.ContainsFunc(found, func(s scanned) bool { return s.err != nil || s.answer.Outcome.Finding() }) {
				return errFindings
			}
			return nil
		},
	}
	where.flags(cmd.Flags())
	cmd.Flags().StringVar(&policyPath, "policy", "", "the policy `FILE` to judge by")
	cmd.Flags().BoolVar(&allRegions, "all-regions", false, "look at all regions that the account has enabled")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a cluster")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print comma-separated values")
	return cmd
}

// enabledRegions are the regions that the account can use.
func enabledRegions(ctx context.Context, cfg aws.Config) ([]string, error) {
	out, err := ec2.NewFromConfig(cfg).DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
	if err != nil {
		if ctx.Err() != nil {
			return nil, errors.New("interrupted")
		}
		return nil, awstrouble.Sort("ec2:DescribeRegions", err, "")
	}
	var regions []string
	for _, r := range out.Regions {
		regions = append(regions, aws.ToString(r.RegionName))
	}
	slices.Sort(regions)
	return regions, nil
}

// scanned is what was found of one cluster, or of a region whose clusters could
// not be listed, which has no name.
type scanned struct {
	name, region string
	cluster      endpoint.Cluster
	answer       explain.Answer
	err          error
}

func (s scanned) outcome() explain.Outcome {
	if s.err != nil {
		return notRead
	}
	return s.answer.Outcome
}

// scan looks at all clusters of some regions.
type scan struct {
	policy *policy.Policy
	at     time.Time
	config aws.Config
	bar    *progress
}

// place is one region with what it is read by.
type place struct {
	region   string
	eks      *eks.Client
	clusters *ekscluster.Clusters
	networks *ekscluster.Networks
	eksTurn  *pace
	vpcTurn  *pace
}

func (s scan) place(region string) *place {
	cfg := s.config.Copy()
	cfg.Region = region
	client := eks.NewFromConfig(cfg)
	return &place{
		region: region, eks: client, clusters: ekscluster.New(client), networks: ekscluster.NewNetworks(ec2.NewFromConfig(cfg)),
		eksTurn: &pace{every: eksPace}, vpcTurn: &pace{every: vpcPace},
	}
}

// job is one cluster to look at.
type job struct {
	*place
	name string
}

// run returns what was found, in the order of regions and names.
func (s scan) run(ctx context.Context, regions []string) []scanned {
	jobs, results := make(chan job), make(chan scanned)
	var listing, looking sync.WaitGroup
	for _, region := range regions {
		listing.Go(func() { s.list(ctx, s.place(region), jobs, results) })
	}
	for range scanners {
		looking.Go(func() {
			for j := range jobs {
				if found, there := s.look(ctx, j); there {
					results <- found
				}
				s.bar.done()
			}
		})
	}
	go func() {
		listing.Wait()
		close(jobs)
		looking.Wait()
		close(results)
	}()
	var out []scanned
	for found := range results {
		out = append(out, found)
	}
	slices.SortFunc(out, func(a, b scanned) int {
		return cmp.Or(cmp.Compare(a.region, b.region), cmp.Compare(a.name, b.name))
	})
	return out
}

// list gives out the clusters of a region.
func (s scan) list(ctx context.Context, p *place, jobs chan<- job, results chan<- scanned) {
	pages := eks.NewListClustersPaginator(p.eks, &eks.ListClustersInput{
		MaxResults: aws.Int32(scanPage),
		Include:    []string{"all"}, // connected clusters, too: what is left alone is told
	})
	for pages.HasMorePages() {
		if p.eksTurn.wait(ctx) != nil {
			return
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			results <- scanned{region: p.region, err: awstrouble.Sort("eks:ListClusters", err, "")}
			return
		}
		s.bar.more(len(page.Clusters))
		for _, name := range page.Clusters {
			select {
			case jobs <- job{p, name}:
			case <-ctx.Done():
				return
			}
		}
	}
}

// look judges one cluster. It is false for one that is gone since it was listed.
func (s scan) look(ctx context.Context, j job) (scanned, bool) {
	out := scanned{name: j.name, region: j.region}
	if out.err = j.eksTurn.wait(ctx); out.err != nil {
		return out, true
	}
	out.cluster, out.err = j.clusters.Cluster(ctx, j.name)
	if out.err != nil {
		return out, trouble.Of(out.err) != trouble.Gone
	}
	var net endpoint.Network
	if explain.NeedsNetwork(s.policy, out.cluster, nil, s.at) {
		if out.err = j.vpcTurn.wait(ctx); out.err != nil {
			return out, true
		}
		net, _ = j.networks.Network(ctx, out.cluster) // the answer names what is unknown
	}
	out.answer = explain.Of(s.policy, out.cluster, nil, net, s.at)
	return out, true
}

// pace lets callers through one by one, so far apart.
type pace struct {
	every time.Duration

	mu   sync.Mutex
	next time.Time
}

// wait returns at the caller's turn, or with why the context ended.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	turn := p.next
	if turn.Before(now) {
		turn = now
	}
	p.next = turn.Add(p.every)
	p.mu.Unlock()
	timer := time.NewTimer(turn.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
