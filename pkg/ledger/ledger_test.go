package ledger_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

const arn = "arn:aws:eks:eu-west-1:111122223333:cluster/demo"

func open(t *testing.T) (*localaws.AWS, *dynamodb.Client, *ledger.Ledger) {
	t.Helper()
	a := localaws.New(localaws.Options{})
	if err := a.CreateTable("t", ledger.PartitionKey, ledger.SortKey); err != nil {
		t.Fatal(err)
	}
	cfg := a.Config("AKIDGUARDRAIL")
	cfg.Retryer = func() aws.Retryer { return retry.AddWithMaxBackoffDelay(retry.NewStandard(), time.Millisecond) }
	client := dynamodb.NewFromConfig(cfg)
	return a, client, ledger.New(client, "t")
}

func record(born time.Time) incident.Record {
	r := incident.NewRecord(endpoint.Cluster{ID: endpoint.ID{ARN: arn, CreatedAt: born}, Name: "demo", Account: "111122223333", Region: "eu-west-1"})
	r.Compliant = &incident.Seen{Access: endpoint.Access{Public: true, CIDRs: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}}, At: born}
	return r
}

var born = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

func TestSaveAndLoad(t *testing.T) {
	_, _, l := open(t)
	want := record(born)
	version, err := l.Save(t.Context(), want)
	if err != nil || version != 1 {
		t.Fatal(version, err)
	}
	want.Version = version
	if want.Version, err = l.Save(t.Context(), want); err != nil || want.Version != 2 {
		t.Fatal(want.Version, err)
	}
	other := record(born.Add(time.Hour))
	if other.Version, err = l.Save(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	got, err := l.Load(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]incident.Record{want, other}, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := l.Load(t.Context(), arn+"2"); err != nil || len(got) > 0 {
		t.Errorf("another cluster's: %v, %v", got, err)
	}
}

func TestWhoeverIsSlowerLoses(t *testing.T) {
	_, _, l := open(t)
	first, second := record(born), record(born)
	second.Opened = 1
	if _, err := l.Save(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Save(t.Context(), second); trouble.Of(err) != trouble.LostRace {
		t.Errorf("a record that is there was written over: %v", err)
	}
	first.Version = 1
	second.Version = 1
	if _, err := l.Save(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Save(t.Context(), second); trouble.Of(err) != trouble.LostRace {
		t.Errorf("a newer version was written over: %v", err)
	}
}

func TestLostAnswerIsNoLostRace(t *testing.T) {
	a, _, l := open(t)
	a.Inject(localaws.Fault{Operation: "PutItem", Drop: localaws.DropAfter})
	if version, err := l.Save(t.Context(), record(born)); err != nil || version != 1 {
		t.Errorf("version %d, %v", version, err)
	}
}

func TestTrouble(t *testing.T) {
	a, _, l := open(t)
	a.Inject(localaws.Fault{Service: "dynamodb", Status: 400, Type: "AccessDeniedException", Message: "no", Times: 2})
	if _, err := l.Load(t.Context(), arn); trouble.Of(err) != trouble.Refused || !strings.Contains(err.Error(), "dynamodb:Query t") {
		t.Error(err)
	}
	if _, err := l.Save(t.Context(), record(born)); trouble.Of(err) != trouble.Refused || !strings.Contains(err.Error(), "dynamodb:PutItem t") {
		t.Error(err)
	}
}

func TestRecordsOfAnotherKindAreRefused(t *testing.T) {
	s := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	n := func(v string) types.AttributeValue { return &types.AttributeValueMemberN{Value: v} }
	for name, tc := range map[string]struct {
		item map[string]types.AttributeValue
		want string
	}{
		"later schema":    {map[string]types.AttributeValue{"record": s(`{"schema":2}`), "version": n("1")}, "schema 2"},
		"no record":       {map[string]types.AttributeValue{"version": n("1")}, `"record"`},
		"not JSON":        {map[string]types.AttributeValue{"record": s(`{`), "version": n("1")}, `"record"`},
		"no version":      {map[string]types.AttributeValue{"record": s(`{"schema":1}`)}, `"version"`},
		"another cluster": {map[string]types.AttributeValue{"record": s(`{"schema":1,"cluster":{"arn":"` + arn + `2"}}`), "version": n("1")}, "its key is not"},
		"no whole":        {map[string]types.AttributeValue{"record": s(`{"schema":1,"cluster":{"arn":"` + arn + `"},"left":{}}`), "version": n("1")}, "left the reach"},
		"odd version":     {map[string]types.AttributeValue{"record": s(`{"schema":1}`), "version": n("1.5")}, `"version"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, client, l := open(t)
			tc.item[ledger.PartitionKey], tc.item[ledger.SortKey] = s(arn), s("2026")
			if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("t"), Item: tc.item}); err != nil {
				t.Fatal(err)
			}
			_, err := l.Load(t.Context(), arn)
			if trouble.Of(err) != trouble.Unreadable || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want one about %s", err, tc.want)
			}
		})
	}
}

func TestWhatTheTableCanSee(t *testing.T) {
	a, _, l := open(t)
	r := record(born)
	r.Incident = &incident.Incident{Ref: "EG-1"}
	version, err := l.Save(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	item := a.Items("t")[0]
	if diff := cmp.Diff(map[string]any{"S": "EG-1"}, item["open"]); diff != "" {
		t.Errorf("an open incident (-want +got):\n%s", diff)
	}
	r.Version, r.Incident, r.GoneAt = version, nil, born
	if _, err := l.Save(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	item = a.Items("t")[0]
	if _, there := item["open"]; there || item[ledger.Expires] == nil {
		t.Errorf("a cluster that is gone: %v", item)
	}
}

func TestTheBrake(t *testing.T) {
	a, client, l := open(t)
	b, err := l.LoadBrake(t.Context())
	if err != nil || b.Version != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	b, _, _ = b.Ask(incident.Entry{ARN: arn, Name: "demo"}, 20, born)
	a.Inject(localaws.Fault{Operation: "PutItem", Drop: localaws.DropAfter})
	if err := l.SaveBrake(t.Context(), b); err != nil {
		t.Fatalf("a lost answer: %v", err)
	}
	other := b
	other.Mailed = born
	if err := l.SaveBrake(t.Context(), other); trouble.Of(err) != trouble.LostRace {
		t.Errorf("a brake that is there was written over: %v", err)
	}
	got, err := l.LoadBrake(t.Context())
	if err != nil || got.Version != 1 || !got.Changed[arn].Equal(born) {
		t.Errorf("%+v, %v", got, err)
	}
	if records, err := l.Load(t.Context(), arn); err != nil || len(records) > 0 {
		t.Errorf("the brake is read as a record: %v, %v", records, err)
	}
	for _, text := range []string{`{`, `{"schema":2}`} {
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("t"), Item: map[string]types.AttributeValue{
			ledger.PartitionKey: &types.AttributeValueMemberS{Value: "brake"}, ledger.SortKey: &types.AttributeValueMemberS{Value: "brake"},
			"brake": &types.AttributeValueMemberS{Value: text},
		}}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.LoadBrake(t.Context()); trouble.Of(err) != trouble.Unreadable {
			t.Errorf("%s: %v", text, err)
		}
	}
}
