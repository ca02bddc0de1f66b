package ledger_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/digest"
	"github.com/endpointguard/endpointguard/pkg/heartbeat"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// unencodable is a time that JSON has no text for.
var unencodable = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)

// put writes an item past the ledger.
func put(t *testing.T, client *dynamodb.Client, item map[string]types.AttributeValue) {
	t.Helper()
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("t"), Item: item}); err != nil {
		t.Fatal(err)
	}
}

func TestTheDigest(t *testing.T) {
	a, _, l := open(t)
	s, err := l.LoadDigest(t.Context())
	if diff := cmp.Diff(digest.Sent{Schema: incident.Schema}, s); err != nil || diff != "" {
		t.Fatalf("one that was never written: %v (-want +got):\n%s", err, diff)
	}
	s = s.Claim(born.Add(time.Minute))
	a.Inject(localaws.Fault{Operation: "PutItem", Drop: localaws.DropAfter})
	written, err := l.SaveDigest(t.Context(), s)
	if err != nil || written.Version != 1 {
		t.Fatalf("a lost answer: version %d, %v", written.Version, err)
	}
	if _, err := l.SaveDigest(t.Context(), s.Done(born)); trouble.Of(err) != trouble.LostRace {
		t.Errorf("a digest that is there was written over: %v", err)
	}
	// Ten and more, since a version is a number in the table, not a text.
	for want := int64(2); want <= 12; want++ {
		if written, err = l.SaveDigest(t.Context(), written.Done(born.AddDate(0, 0, int(want)))); err != nil || written.Version != want {
			t.Fatalf("version %d, %v; want %d", written.Version, err, want)
		}
	}
	got, err := l.LoadDigest(t.Context())
	if diff := cmp.Diff(written, got); err != nil || diff != "" || got.Day != "2026-01-14" {
		t.Errorf("%v (-written +read):\n%s", err, diff)
	}
	if diff := cmp.Diff(map[string]any{"N": "12"}, a.Items("t")[0]["version"]); diff != "" {
		t.Errorf("the version in the table (-want +got):\n%s", diff)
	}
	if records, err := l.All(t.Context()); err != nil || len(records) > 0 {
		t.Errorf("the digest is read as a record: %v, %v", records, err)
	}
}

func TestTheHeartbeat(t *testing.T) {
	_, _, l := open(t)
	m, err := l.LoadHeartbeat(t.Context())
	if diff := cmp.Diff(heartbeat.Memory{Schema: incident.Schema}, m); err != nil || diff != "" {
		t.Fatalf("one that was never written: %v (-want +got):\n%s", err, diff)
	}
	m.At, m.Missed = born, map[string]int{"demo": 2}
	if err := l.SaveHeartbeat(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := l.SaveHeartbeat(t.Context(), heartbeat.Memory{Schema: incident.Schema}); trouble.Of(err) != trouble.LostRace {
		t.Errorf("a heartbeat that is there was written over: %v", err)
	}
	m.Version = 1
	got, err := l.LoadHeartbeat(t.Context())
	if diff := cmp.Diff(m, got); err != nil || diff != "" {
		t.Errorf("%v (-written +read):\n%s", err, diff)
	}
	if records, err := l.All(t.Context()); err != nil || len(records) > 0 {
		t.Errorf("the heartbeat is read as a record: %v, %v", records, err)
	}
	if arns, err := l.WithoutEnd(t.Context()); err != nil || len(arns) > 0 {
		t.Errorf("the heartbeat is looked for as a cluster: %v, %v", arns, err)
	}
}

// TestItemsOfAnotherKindAreRefused: the brake's and the digest's, as a later
// guardrail or a stranger may have left them.
func TestItemsOfAnotherKindAreRefused(t *testing.T) {
	s := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	for _, kind := range []struct {
		key  string
		load func(*testing.T, *ledger.Ledger) error
	}{
		{"brake", func(t *testing.T, l *ledger.Ledger) error { _, err := l.LoadBrake(t.Context()); return err }},
		{"digest", func(t *testing.T, l *ledger.Ledger) error { _, err := l.LoadDigest(t.Context()); return err }},
		{"heartbeat", func(t *testing.T, l *ledger.Ledger) error { _, err := l.LoadHeartbeat(t.Context()); return err }},
	} {
		for name, tc := range map[string]struct {
			text types.AttributeValue
			want string
		}{
			"no text":      {&types.AttributeValueMemberN{Value: "1"}, `the item has no text attribute "` + kind.key + `"`},
			"not JSON":     {s(`{"schema":1,`), "unexpected end of JSON input"},
			"later schema": {s(`{"schema":2}`), "schema 2, this guardrail knows 1"},
			"no schema":    {s(`{}`), "schema 0"},
		} {
			t.Run(kind.key+" "+name, func(t *testing.T) {
				_, client, l := open(t)
				put(t, client, map[string]types.AttributeValue{ledger.PartitionKey: s(kind.key), ledger.SortKey: s(kind.key), kind.key: tc.text})
				if err := kind.load(t, l); trouble.Of(err) != trouble.Unreadable || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%v, want one about %s", err, tc.want)
				}
			})
		}
	}
}

func TestTroubleWithTheBrakeAndTheDigest(t *testing.T) {
	a, _, l := open(t)
	a.Inject(localaws.Fault{Service: "dynamodb", Status: 400, Type: "AccessDeniedException", Message: "no", Times: 4})
	_, loadBrake := l.LoadBrake(t.Context())
	_, loadDigest := l.LoadDigest(t.Context())
	saveBrake := l.SaveBrake(t.Context(), brake.State{})
	_, saveDigest := l.SaveDigest(t.Context(), digest.Sent{})
	for name, err := range map[string]error{"Query t: load brake": loadBrake, "Query t: load digest": loadDigest, "PutItem t: save brake": saveBrake, "PutItem t: save digest": saveDigest} {
		op, what, _ := strings.Cut(name, ": ")
		if trouble.Of(err) != trouble.Refused || !strings.Contains(err.Error(), "dynamodb:"+op) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestWhatCannotBeWrittenIsNotWritten: half of a text must not take the place of
// a whole one.
func TestWhatCannotBeWrittenIsNotWritten(t *testing.T) {
	a, _, l := open(t)
	_, ofDigest := l.SaveDigest(t.Context(), digest.Sent{Claimed: unencodable})
	ofBrake := l.SaveBrake(t.Context(), brake.State{Since: unencodable})
	r := record(born)
	r.GoneAt = unencodable
	version, ofRecord := l.Save(t.Context(), r)
	if version != 0 {
		t.Errorf("the record's version is %d", version)
	}
	for want, err := range map[string]error{`encode the item "digest"`: ofDigest, `encode the item "brake"`: ofBrake, "encode the record of cluster demo": ofRecord} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one that says %q", err, want)
		}
	}
	if items := a.Items("t"); len(items) > 0 || len(a.Calls()) > 0 {
		t.Errorf("written is %v", items)
	}
}

// TestReadsSeeTheLastWrite: what was written a moment ago is read, though
// DynamoDB may show a reader that does not insist what was there before.
func TestReadsSeeTheLastWrite(t *testing.T) {
	_, l := table(t, localaws.Options{StaleItems: time.Hour})
	if _, err := l.Save(t.Context(), record(born)); err != nil {
		t.Fatal(err)
	}
	if err := l.SaveBrake(t.Context(), brake.State{Schema: incident.Schema}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.SaveDigest(t.Context(), digest.Sent{Schema: incident.Schema}); err != nil {
		t.Fatal(err)
	}
	if r, err := l.Load(t.Context(), arn); err != nil || len(r) != 1 {
		t.Errorf("the cluster's records: %v, %v", r, err)
	}
	if r, err := l.All(t.Context()); err != nil || len(r) != 1 {
		t.Errorf("all records: %v, %v", r, err)
	}
	if b, err := l.LoadBrake(t.Context()); err != nil || b.Version != 1 {
		t.Errorf("the brake: %+v, %v", b, err)
	}
	if s, err := l.LoadDigest(t.Context()); err != nil || s.Version != 1 {
		t.Errorf("the digest: %+v, %v", s, err)
	}
}
