package ledger_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/digest"
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
	if err := l.SaveBrake(t.Context(), brake.State{Schema: incident.Schema}); err != nil {
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

// TestWithoutEnd holds that every page is read, the keys alone, and that a
// cluster is left out only once its record has an end.
func TestWithoutEnd(t *testing.T) {
	a, _, l := open(t)
	if got, err := l.WithoutEnd(t.Context()); err != nil || len(got) != 0 {
		t.Fatalf("an empty table: %v, %v", got, err)
	}
	save := func(name string, after time.Duration, change func(*incident.Record)) {
		t.Helper()
		r := record(born.Add(after))
		r.Cluster.ARN = arn + "-" + name
		// A page of a scan holds 1 MiB.
		r.Past = []string{strings.Repeat("y", 200<<10)}
		change(&r)
		if _, err := l.Save(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	present := func(*incident.Record) {}
	gone := func(r *incident.Record) { r.GoneAt = born }
	for n := range 8 {
		save(fmt.Sprint("present-", n), 0, present)
		save(fmt.Sprint("gone-", n), 0, gone)
	}
	save("vanishing", 0, func(r *incident.Record) { r.GoneAt, r.Incident = born, &incident.Incident{Ref: "EG-1"} })
	save("again", 0, gone)
	save("again", time.Hour, present)
	save("former", 0, present)
	save("former", time.Hour, gone)
	if err := l.SaveBrake(t.Context(), brake.State{Schema: incident.Schema}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.SaveDigest(t.Context(), digest.Sent{Schema: incident.Schema}); err != nil {
		t.Fatal(err)
	}
	a.ForgetCalls()
	got, err := l.WithoutEnd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{arn + "-again", arn + "-former"}
	for n := range 8 {
		want = append(want, fmt.Sprint(arn, "-present-", n))
	}
	want = append(want, arn+"-vanishing")
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if calls := len(a.Calls()); calls < 2 {
		t.Errorf("%d calls: the records were to fill more than one page", calls)
	}
	for _, call := range a.Calls() {
		if call.Params["ConsistentRead"] == true {
			t.Error("it is read consistently, which costs twice as much")
		}
	}

	a.Inject(localaws.Fault{Operation: "Scan", Skip: 1, Times: -1, Status: 400, Type: "AccessDeniedException", Message: "no"})
	some, err := l.WithoutEnd(t.Context())
	if trouble.Of(err) != trouble.Refused || !strings.Contains(err.Error(), "dynamodb:Scan t") || len(some) == 0 || len(some) >= len(want) {
		t.Errorf("a page that fails: %v with %d of %d", err, len(some), len(want))
	}
}
