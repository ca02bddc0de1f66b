package guardrail

import (
	"encoding/json"
	"errors"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/incident"
)

// TestWhatARecordOfCloudTrailsIsTakenFor: with what could be read of it in the report.
func TestWhatARecordOfCloudTrailsIsTakenFor(t *testing.T) {
	good := map[string]any{
		"eventVersion": "1.08", "eventSource": "eks.amazonaws.com", "eventName": "UpdateClusterConfig", "awsRegion": "eu-west-1",
		"recipientAccountId": "111122223333", "eventID": "e1", "eventTime": "2026-03-02T10:00:00Z",
		"userIdentity": map[string]any{"type": "Root"}, "requestParameters": map[string]any{
			"name": "demo", "resourcesVpcConfig": map[string]any{"endpointPublicAccess": false, "endpointPrivateAccess": true},
		},
	}
	event := Report{Cluster: "demo", Account: "111122223333", Region: "eu-west-1", Event: "e1", Call: "UpdateClusterConfig"}
	for name, tc := range map[string]struct {
		change     map[string]any
		want       func(r *Report)
		unreadable bool
		looked     bool
	}{
		"a call":           {want: func(r *Report) { r.Outcome = incident.Compliant }, looked: true},
		"one that failed":  {map[string]any{"errorCode": "AccessDenied"}, func(r *Report) { r.Outcome, r.Why = incident.Ignored, "the call failed with AccessDenied" }, false, false},
		"without its name": {map[string]any{"requestParameters": map[string]any{}}, func(r *Report) { r.Cluster, r.Outcome = "", incident.Unreadable }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, g := newFake()
			record := maps.Clone(good)
			maps.Copy(record, tc.change)
			body, err := json.Marshal(record)
			if err != nil {
				t.Fatal(err)
			}
			r, err := g.Handle(t.Context(), body, delivery)
			if errors.Is(err, ErrUnreadable) != tc.unreadable || !tc.unreadable && err != nil {
				t.Error(err)
			}
			if tc.unreadable {
				if r.Why == "" {
					t.Error("it does not say why")
				}
				r.Why = ""
			}
			want := event
			tc.want(&want)
			if diff := cmp.Diff(want, r); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tc.looked != (len(f.calls) > 0) {
				t.Errorf("calls %v", f.calls)
			}
		})
	}
}
