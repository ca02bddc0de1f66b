package incident

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// transition is a row of the table in docs/architecture.md, played.
type transition struct {
	has, shows string
	play       func(t *testing.T) *desk // up to where the record has it
	look       func(d *desk)            // what the look shows, and the look
}

// opened is a cluster of which the guardrail heard that it is being opened.
func opened(t *testing.T) *desk {
	d := newDesk(t, enforce, private)
	return d.comes(d.asks("u1", world))
}

// closingIt is a cluster that the guardrail is closing.
func closingIt(t *testing.T) *desk { return newDesk(t, enforce, world).wakes() }

func fresh(p *policy.Policy, a endpoint.Access) func(*testing.T) *desk {
	return func(t *testing.T) *desk { return newDesk(t, p, a) }
}

func wakes(d *desk) { d.wakes() }

// transitions are the rows in the document's order.
var transitions = []transition{
	{"no incident", "settled, complies", fresh(enforce, private), func(d *desk) {
		d.wakes()
		if d.r.Compliant == nil {
			d.t.Error("the last compliant state is not remembered")
		}
	}},
	{"no incident", "settled, violates, only alert rules", fresh(tell, world), func(d *desk) {
		d.wakes().after(time.Hour).wakes()
	}},
	{"no incident", "settled, violates an enforcing rule", fresh(enforce, world), wakes},
	{"no incident", "settled, violates, the network forbids it", func(t *testing.T) *desk {
		d := newDesk(t, enforce, world)
		d.network.DNSSupport = endpoint.No
		return d
	}, wakes},
	{"no incident", "not settled, a violation was asked for or is there", fresh(enforce, private), func(d *desk) {
		d.comes(d.asks("u1", world))
		if b := d.r.Incident.Before; b == nil || !b.Access.Equal(private) {
			d.t.Errorf("before is %v", b)
		}
	}},
	{"no incident", "not settled, nothing wrong known", fresh(enforce, world), func(d *desk) {
		d.comes(d.asks("u1", private))
		d.ends("u1", endpoint.UpdateSuccessful)
		d.after(s15).recheck()
	}},
	{"no incident", "settled, complies, but a violation was asked for and carried out", fresh(enforce, private), func(d *desk) {
		e := d.asks("u1", world)
		d.ends("u1", endpoint.UpdateSuccessful)
		d.after(time.Minute).asks("u2", private)
		d.ends("u2", endpoint.UpdateSuccessful)
		d.comes(e).after(s15).recheck()
	}},
	{"no incident", "DELETING, then gone", func(t *testing.T) *desk {
		d := newDesk(t, tell, world).wakes()
		d.r.Version = 1
		return d
	}, func(d *desk) {
		d.cluster.Status = endpoint.StatusDeleting
		d.wakes()
		d.gone = true
		d.after(slowPace).recheck().after(s15).recheck()
	}},
	{"*waiting*", "not settled", opened, func(d *desk) { d.after(s15).recheck() }},
	{"*waiting*", "settled, violates an enforcing rule", opened, func(d *desk) {
		d.ends("u1", endpoint.UpdateSuccessful)
		d.after(s15).recheck()
	}},
	{"*waiting*", "settled, violates, only alert rules", func(t *testing.T) *desk {
		d := newDesk(t, tell, private)
		return d.comes(d.asks("u1", world))
	}, func(d *desk) {
		d.ends("u1", endpoint.UpdateSuccessful)
		d.after(s15).recheck()
	}},
	{"*waiting*", "settled, violates, the network forbids it", func(t *testing.T) *desk {
		d := opened(t)
		d.network.DNSSupport = endpoint.No
		return d
	}, func(d *desk) {
		d.ends("u1", endpoint.UpdateSuccessful)
		d.after(s15).recheck()
	}},
	{"*waiting*", "settled, complies", opened, func(d *desk) {
		d.ends("u1", endpoint.UpdateFailed)
		d.after(s15).recheck().after(s15).recheck()
	}},
	{"*waiting*", "settled, complies, because the policy changed", opened, func(d *desk) {
		d.policy = &policy.Policy{Hash: "another", Rules: bothWays.Rules[:1]}
		d.ends("u1", endpoint.UpdateSuccessful)
		d.after(s15).recheck().after(s15).recheck()
	}},
	{"*waiting*", "settled, violates, but the brake holds", func(t *testing.T) *desk {
		d := opened(t)
		d.limit = 1
		d.brake, _, _ = d.brake.Ask(brake.Entry{ARN: "other", Fresh: true}, 1, d.now)
		return d
	}, func(d *desk) {
		d.ends("u1", endpoint.UpdateSuccessful)
		d.after(s15).recheck()
	}},
	{"*updating*", "our update in progress", closingIt, func(d *desk) { d.after(s15).recheck() }},
	{"*updating*", "our update Successful, a later look complies", closingIt, func(d *desk) {
		d.ends("ours-0", endpoint.UpdateSuccessful)
		d.after(s15).recheck()
	}},
	{"*updating*", "our update Successful, only alert rules or what is blocked is left", func(t *testing.T) *desk {
		return newDesk(t, bothWays, exposed).wakes()
	}, func(d *desk) {
		d.ends("ours-0", endpoint.UpdateSuccessful)
		d.after(s15).recheck()
	}},
	{"*updating*", "our update Successful, the look shows the values from before it", closingIt, func(d *desk) {
		d.ends("ours-0", endpoint.UpdateSuccessful)
		d.cluster.Access = world
		d.after(s15).recheck()
	}},
	{"*updating*", "our update Successful, the look shows something else that violates", closingIt, func(d *desk) {
		d.ends("ours-0", endpoint.UpdateSuccessful)
		d.after(time.Second).asks("u1", exposed)
		d.ends("u1", endpoint.UpdateSuccessful)
		d.after(s15).recheck()
	}},
	{"*updating*", "our update Failed or Cancelled", closingIt, func(d *desk) {
		d.ends("ours-0", endpoint.UpdateFailed)
		d.after(s15).recheck()
	}},
	{"*updating*", "our third update Failed or Cancelled", func(t *testing.T) *desk {
		d := newDesk(t, enforce, world)
		d.answers = slices.Repeat([]Answer{{Sort: trouble.Refused}}, 2)
		return d.wakes().after(s15).recheck().after(time.Minute).recheck()
	}, func(d *desk) {
		d.ends("ours-0", endpoint.UpdateCancelled)
		d.after(s15).recheck()
	}},
	{"any", "a change of tags takes the cluster out of an enforcing rule", func(t *testing.T) *desk {
		d := newDesk(t, tagged(policy.Enforce), private)
		d.cluster.Tags = map[string]string{"environment": "production"}
		return d.wakes()
	}, func(d *desk) {
		d.cluster.Tags = nil
		d.wakes()
	}},
	{"any, for two hours", "not settled", opened, func(d *desk) { d.after(stuckAfter).recheck() }},
	{"any", "EKS knows no such cluster, twice", opened, func(d *desk) {
		d.gone = true
		d.after(s15).recheck().after(s15).recheck()
	}},
}

// TestTransitionsInTheArchitecture plays every row of the table, and holds that
// the mails, the outcome and the stage that the row names are what comes of it.
func TestTransitionsInTheArchitecture(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(document), "| the record has | the look shows | what happens | mail | then |\n|---|---|---|---|---|\n")
	table, _, found := strings.Cut(table, "\n\n")
	if !found {
		t.Fatal("there is no table")
	}
	rows := strings.Split(table, "\n")
	if len(rows) != len(transitions) {
		t.Fatalf("%d rows, %d are played", len(rows), len(transitions))
	}
	for i, tr := range transitions {
		t.Run(fmt.Sprintf("%s/%s", tr.has, tr.shows), func(t *testing.T) {
			cells := strings.Split(strings.Trim(rows[i], "| "), " | ")
			if len(cells) != 5 || cells[0] != tr.has || cells[1] != tr.shows {
				t.Fatalf("row %d is %q", i+1, cells)
			}
			d := tr.play(t)
			if stage := strings.Trim(tr.has, "*"); stage != tr.has && stageOf(d) != stage {
				t.Fatalf("the record has %s", stageOf(d))
			}
			d.log, d.mails, d.done = nil, nil, Done{}
			tr.look(d)
			if got, want := mailed(d), quoted(cells[3]); !slices.Equal(got, want) {
				t.Errorf("mails %q, the row says %q: %q", got, want, d.log)
			}
			then := stageOf(d)
			if then == "" {
				then = string(d.done.Outcome)
			} else {
				then = "*" + then + "*"
			}
			if want := strings.ReplaceAll(cells[4], "`", ""); then != want {
				t.Errorf("then %q, the row says %q: %q", then, want, d.log)
			}
			if asks := strings.Contains(cells[2], "asked for the desired access"); asks != strings.Contains(strings.Join(d.log, "\n"), "asks for ") {
				t.Errorf("an update is asked for, says the row: %t: %q", asks, d.log)
			}
			if standing := strings.Contains(cells[2], "remembered as standing"); standing != (d.r.Standing != nil) {
				t.Errorf("it stands, says the row: %t: %+v", standing, d.r.Standing)
			}
		})
	}
}

func stageOf(d *desk) string {
	if d.r.Incident == nil {
		return ""
	}
	return string(d.r.Incident.Stage)
}

// mailed are the mails of a story.
func mailed(d *desk) []string {
	var out []string
	for _, line := range d.log {
		if name, ok := strings.CutPrefix(line, "mails "); ok {
			out = append(out, name)
		}
	}
	return out
}

// quoted are the words in backquotes.
func quoted(cell string) []string {
	var out []string
	for _, m := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(cell, -1) {
		out = append(out, m[1])
	}
	return out
}
