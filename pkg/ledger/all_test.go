package ledger_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// TestAll holds that every page is read, that the brake is no cluster, and that
// one record of another kind does not hide the others.
func TestAll(t *testing.T) {
	a, client, l := open(t)
	if got, err := l.All(t.Context()); err != nil || len(got) != 0 {
		t.Fatalf("an empty table: %v, %v", got, err)
	}
	const many = 30
	want := map[string]incident.Record{}
	for i := range many {
		r := record(born.Add(time.Duration(i) * time.Hour))
		r.Cluster.ARN = fmt.Sprintf("%s-%d", arn, i)
		r.Name = strings.Repeat("x", i)
		// A page of a scan holds 1 MiB.
		r.Past = []string{strings.Repeat("y", 60<<10)}
		var err error
		if r.Version, err = l.Save(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		want[r.Cluster.ARN] = r
	}
	if err := l.SaveBrake(t.Context(), incident.Brake{Schema: incident.Schema}); err != nil {
		t.Fatal(err)
	}
	a.ForgetCalls()
	list, err := l.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]incident.Record{}
	for _, r := range list {
		got[r.Cluster.ARN] = r
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" || len(list) != many {
		t.Errorf("%d records (-want +got):\n%s", len(list), diff)
	}
	if calls := len(a.Calls()); calls < 2 {
		t.Errorf("%d calls: the records were to fill more than one page", calls)
	}

	s := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	later := map[string]types.AttributeValue{"cluster": s("arn:later"), "createdAt": s("2026"), "record": s(`{"schema":99}`), "version": &types.AttributeValueMemberN{Value: "1"}}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("t"), Item: later}); err != nil {
		t.Fatal(err)
	}
	list, err = l.All(t.Context())
	if len(list) != many || trouble.Of(err) != trouble.Unreadable || !strings.Contains(err.Error(), "arn:later") || !strings.Contains(err.Error(), "schema 99") {
		t.Errorf("%d records, %v", len(list), err)
	}

	a.Inject(localaws.Fault{Operation: "Scan", Status: 400, Type: "AccessDeniedException", Message: "no"})
	if _, err := l.All(t.Context()); trouble.Of(err) != trouble.Refused || !strings.Contains(err.Error(), "dynamodb:Scan t") {
		t.Error(err)
	}
}
