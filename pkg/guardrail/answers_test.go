package guardrail

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/trouble"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

// TestEKSsAnswersAreTakenIntoTheRecord: its code and its words, without those of the
// adapter, and whether it answers to a repetition.
func TestEKSsAnswersAreTakenIntoTheRecord(t *testing.T) {
	answer := func(sort trouble.Sort, repeated bool) error {
		return &trouble.Error{Sort: sort, Op: "eks:UpdateClusterConfig demo", Code: "AnException", Repeated: repeated, Err: errors.New("no")}
	}
	attempt := incident.Attempt{Number: 1, From: everybody, Desired: endpoint.Access{Private: true}, At: start, Until: start.Add(time.Minute), Sent: 1}
	with := func(change func(a *incident.Attempt)) []incident.Attempt {
		a := attempt
		change(&a)
		return []incident.Attempt{a}
	}
	failed := func(code, text string) func(a *incident.Attempt) {
		return func(a *incident.Attempt) {
			a.Status, a.OverAt, a.Errors = endpoint.UpdateFailed, start, []endpoint.UpdateError{{Code: code, Message: text}}
		}
	}
	for name, tc := range map[string]struct {
		err      error
		report   Report
		attempts []incident.Attempt
	}{
		"it refuses": {answer(trouble.Refused, false), Report{Answer: "no"}, with(failed("AnException", "no"))},
		"it refuses a repetition": {answer(trouble.Refused, true), Report{Answer: "no"}, with(func(a *incident.Attempt) {
			failed("AnException", "no")(a)
			a.Sent = 2
		})},
		"not now":               {answer(trouble.NotNow, false), Report{Answer: "no"}, []incident.Attempt{}},
		"not now, a repetition": {answer(trouble.NotNow, true), Report{Answer: "no"}, with(func(a *incident.Attempt) { a.Sent = 2 })},
		"it does not answer":    {errors.New("a broken line"), Report{Trouble: "a broken line"}, with(func(*incident.Attempt) {})},
		"it answers oddly": {
			answer(trouble.Unreadable, false), Report{Trouble: "eks:UpdateClusterConfig demo: unreadable: no", Refused: true}, with(func(*incident.Attempt) {}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, g := newFake()
			f.cluster.Access = everybody
			f.errs["apply"] = tc.err
			body, err := wakeup.Message{Cluster: "demo", Account: "111122223333", Region: "eu-west-1"}.Encode()
			if err != nil {
				t.Fatal(err)
			}
			r, err := g.Handle(t.Context(), body, delivery)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.report, Report{Answer: r.Answer, Trouble: r.Trouble, Refused: r.Refused, Updates: r.Updates}); diff != "" {
				t.Errorf("the report differs (-want +got):\n%s", diff)
			}
			got := f.records[f.cluster.CreatedAt].Incident.Attempts
			for i := range got {
				if got[i].Token == "" {
					t.Error("without a token")
				}
				got[i].Token, got[i].Dropped = "", nil
			}
			if diff := cmp.Diff(tc.attempts, got); diff != "" {
				t.Errorf("the attempts differ (-want +got):\n%s", diff)
			}
		})
	}
}
