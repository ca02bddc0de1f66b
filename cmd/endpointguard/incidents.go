package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/endpointguard/endpointguard/pkg/doctor"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/settings"
	"github.com/endpointguard/endpointguard/pkg/text"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// ledgerFlags say where the ledger is: in the installation of a name, or in a table.
type ledgerFlags struct {
	installed
	table string
	given *pflag.FlagSet
}

func (l *ledgerFlags) flags(set *pflag.FlagSet) {
	l.installed.flags(set)
	set.StringVar(&l.table, "table", "", "the ledger's `TABLE`, if not the installation's")
	l.given = set
}

// records reads all records. Those that can be read come with the error of
// those that cannot.
func (l *ledgerFlags) records(ctx context.Context, errs io.Writer) ([]incident.Record, error) {
	named := l.given.Changed("name")
	if named && l.given.Changed("table") {
		return nil, usageError{"--name does not go with --table", "--name finds the table of an installation; --table names any"}
	}
	table := l.table
	if !named {
		table = cmp.Or(table, os.Getenv(settings.Table))
	}
	cfg, err := l.config(ctx, telling(errs))
	if err != nil {
		return nil, err
	}
	hint := "give --table a table, or --name the installation, and --region its region"
	if table == "" {
		in, err := doctor.Find(ctx, cloudformation.NewFromConfig(cfg), doctor.StackName(l.name, cfg.Region))
		switch {
		case ctx.Err() != nil:
			return nil, errors.New("interrupted")
		case err != nil:
			return nil, notInstalled(err, cfg.Region)
		}
		table, hint = in.Table, "the installation has lost it: 'endpointguard doctor' says what to do"
	}
	recs, err := ledger.New(dynamodb.NewFromConfig(cfg), table).All(ctx)
	if ctx.Err() != nil {
		return nil, errors.New("interrupted")
	}
	if answer, ok := errors.AsType[*trouble.Error](err); ok && answer.Code == "ResourceNotFoundException" {
		return nil, usageError{fmt.Sprintf("region %s of this account has no table %s", cfg.Region, text.Reveal(table)), hint}
	}
	return recs, err
}

// entry is one incident as the ledger has it.
type entry struct {
	record incident.Record
	ref    string
	opened time.Time
	ended  time.Time // zero while it is open

	open     *incident.Incident
	closing  *incident.Closing
	standing *incident.Standing // the violation that it was closed over, still there
}

// state is the step of an open incident, the outcome of one that is over.
func (e entry) state() string {
	switch {
	case e.open != nil && !e.open.HeldSince.IsZero():
		return "held by the brake"
	case e.open != nil:
		return string(e.open.Stage)
	case e.closing != nil:
		return string(e.closing.Outcome)
	default:
		return string(e.standing.Outcome)
	}
}

// still reports whether something is open: the incident, or the violation that it
// was closed over.
func (e entry) still() bool { return e.open != nil || e.standing != nil }

// entries are the incidents of all records, the newest first.
func entries(recs []incident.Record) []entry {
	var out []entry
	for _, r := range recs {
		standing := r.Standing
		for i := range r.Closings {
			c := &r.Closings[i]
			e := entry{record: r, ref: c.Ref, opened: c.Opened, ended: c.At, closing: c}
			// The newest closing of a reference is the one that it stands since.
			if standing != nil && standing.Ref == c.Ref && i == lastOf(r.Closings, c.Ref) {
				e.standing, standing = standing, nil
			}
			out = append(out, e)
		}
		if standing != nil && (r.Incident == nil || r.Incident.Ref != standing.Ref) {
			out = append(out, entry{record: r, ref: standing.Ref, opened: standing.Since, ended: standing.Since, standing: standing})
		}
		if i := r.Incident; i != nil {
			out = append(out, entry{record: r, ref: i.Ref, opened: i.OpenedAt, open: i})
		}
	}
	slices.SortFunc(out, func(a, b entry) int {
		return cmp.Or(b.opened.Compare(a.opened), cmp.Compare(a.record.Cluster.ARN, b.record.Cluster.ARN), cmp.Compare(a.ref, b.ref))
	})
	return out
}

func lastOf(closings []incident.Closing, ref string) int {
	last := -1
	for i := range closings {
		if closings[i].Ref == ref {
			last = i
		}
	}
	return last
}

func newIncidents() *cobra.Command {
	var from ledgerFlags
	var onlyOpen, asJSON bool
	cmd := &cobra.Command{
		Use:   "incidents [--open] [--name NAME | --table TABLE]",
		Short: "Lists the incidents that the ledger knows",
		Long: `Incidents lists what the ledger of a deployment says: the incidents that are
open, with the step at which each stands, and the last ones that are over, with
their outcome, the newest first. A violation that an incident was closed over
and that is still there has a "*".

The ledger is that of the installation, which --name tells from others, or the
table of --table or $ENDPOINTGUARD_TABLE. It needs dynamodb:Scan on the table
and, to find it, cloudformation:DescribeStacks and DescribeStackResources.

--json prints one object a line: reference, cluster (the ARN), name, account,
region, state, open, standing, opened, ended (null while it is open).`,
		Example: `  endpointguard incidents --open
  endpointguard incidents --region eu-west-1 --name security --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			recs, reading := from.records(cmd.Context(), cmd.ErrOrStderr())
			if reading != nil && len(recs) == 0 {
				return reading
			}
			list := entries(recs)
			if onlyOpen {
				list = slices.DeleteFunc(list, func(e entry) bool { return !e.still() })
			}
			var err error
			if asJSON {
				err = entriesJSON(cmd.OutOrStdout(), list)
			} else {
				_, err = io.WriteString(cmd.OutOrStdout(), entriesTable(list, len(recs), onlyOpen))
			}
			if err != nil {
				return fmt.Errorf("write: %w", err)
			}
			return reading
		},
	}
	from.flags(cmd.Flags())
	cmd.Flags().BoolVar(&onlyOpen, "open", false, "only what is open, and violations that stand")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object an incident")
	return cmd
}

type entryJSON struct {
	Reference string     `json:"reference"`
	Cluster   string     `json:"cluster"`
	Name      string     `json:"name"`
	Account   string     `json:"account"`
	Region    string     `json:"region"`
	State     string     `json:"state"`
	Open      bool       `json:"open"`
	Standing  bool       `json:"standing"`
	Opened    time.Time  `json:"opened"`
	Ended     *time.Time `json:"ended"`
}

func (e entry) json() entryJSON {
	r := e.record
	out := entryJSON{e.ref, r.Cluster.ARN, r.Name, r.Account, r.Region, e.state(), e.open != nil, e.standing != nil, e.opened, nil}
	if e.open == nil {
		out.Ended = &e.ended
	}
	return out
}

func entriesJSON(w io.Writer, list []entry) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, e := range list {
		if err := enc.Encode(e.json()); err != nil {
			return err
		}
	}
	return nil
}

func entriesTable(list []entry, clusters int, onlyOpen bool) string {
	if len(list) == 0 && onlyOpen {
		return fmt.Sprintf("No incident is open; the ledger knows %s.\n", count(clusters, "cluster"))
	}
	if len(list) == 0 {
		return fmt.Sprintf("The ledger knows %s and no incident.\n", count(clusters, "cluster"))
	}
	rows := [][]string{{"REFERENCE", "STATE", "OPENED (UTC)", "ENDED (UTC)", "CLUSTER"}}
	stands := false
	for _, e := range list {
		state, ended := e.state(), "-"
		if e.standing != nil {
			state, stands = state+" *", true
		}
		if e.open == nil {
			ended = minute(e.ended)
		}
		rows = append(rows, []string{e.ref, state, minute(e.opened), ended, e.record.Name})
	}
	var p page
	p.table(rows)
	if stands {
		p.WriteString("\n* the violation is still there\n")
	}
	return p.String()
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

var refForm = regexp.MustCompile(`^EG-[A-Z2-7]{8}$`)

func newIncident() *cobra.Command {
	var from ledgerFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "incident REFERENCE [--name NAME | --table TABLE]",
		Short: "Tells the story of one incident",
		Long: `Incident tells all that the ledger of a deployment knows of one incident, by the
reference that its mails carry: who asked for what, which rules it breaks, each
mail, and each attempt with EKS's answer. Of a cluster's older incidents only
the outcome and the times are kept when their stories take more than 48 KB
together; their steps are in the function's log under the field "incident". The
ledger is found as by incidents, with the same rights.

--json prints one object: the fields that incidents has, and incident, closing
and violation (that stands) as the ledger has them, null when there is none;
closing.story is the incident as it was when it was closed.`,
		Example: `  endpointguard incident EG-ABCDEFGH
  endpointguard incident EG-ABCDEFGH --region eu-west-1 --json`,
		Args: func(_ *cobra.Command, refs []string) error {
			if len(refs) != 1 || !refForm.MatchString(strings.ToUpper(refs[0])) {
				return usageError{"incident needs one reference", "mails carry it, and 'endpointguard incidents' lists them: EG- and eight letters or digits"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, refs []string) error {
			ref := strings.ToUpper(refs[0])
			recs, reading := from.records(cmd.Context(), cmd.ErrOrStderr())
			list := slices.DeleteFunc(entries(recs), func(e entry) bool { return e.ref != ref })
			if len(list) == 0 {
				if reading != nil {
					return reading
				}
				return fmt.Errorf("the ledger knows no incident %s: it keeps the last ones of each cluster, and each region has a ledger of its own", ref)
			}
			for _, e := range list {
				var err error
				if asJSON {
					err = storyJSON(cmd.OutOrStdout(), e)
				} else {
					_, err = io.WriteString(cmd.OutOrStdout(), story(e))
				}
				if err != nil {
					return fmt.Errorf("write: %w", err)
				}
			}
			return nil
		},
	}
	from.flags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func storyJSON(w io.Writer, e entry) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		entryJSON
		Incident *incident.Incident `json:"incident"`
		Closing  *incident.Closing  `json:"closing"`
		Standing *incident.Standing `json:"violation"`
	}{e.json(), e.open, e.closing, e.standing})
}
