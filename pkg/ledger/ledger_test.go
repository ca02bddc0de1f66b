package ledger_test

import (
	"encoding/json"
	"fmt"
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

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

const arn = "arn:aws:eks:eu-west-1:111122223333:cluster/demo"

func open(t *testing.T) (*localaws.AWS, *dynamodb.Client, *ledger.Ledger) {
	t.Helper()
	a, l := table(t, localaws.Options{})
	return a, clientOf(a), l
}

// table is a ledger in a table of an AWS with some options.
func table(t *testing.T, o localaws.Options) (*localaws.AWS, *ledger.Ledger) {
	t.Helper()
	a := localaws.New(o)
	if err := a.CreateTable("t", ledger.PartitionKey, ledger.SortKey); err != nil {
		t.Fatal(err)
	}
	return a, ledger.New(clientOf(a), "t")
}

func clientOf(a *localaws.AWS) *dynamodb.Client {
	cfg := a.Config("AKIDGUARDRAIL")
	cfg.Retryer = func() aws.Retryer { return retry.AddWithMaxBackoffDelay(retry.NewStandard(), time.Millisecond) }
	return dynamodb.NewFromConfig(cfg)
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
	if diff := cmp.Diff(map[string]any{"S": "EG-1"}, item["open"]); diff != "" || item[ledger.Expires] != nil {
		t.Errorf("an open incident, expires %v (-want +got):\n%s", item[ledger.Expires], diff)
	}
	r.Version, r.Incident = version, nil
	if version, err = l.Save(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if item := a.Items("t")[0]; item["open"] != nil || item[ledger.Expires] != nil {
		t.Errorf("a cluster that is at rest: %v", item)
	}
	r.Version, r.GoneAt, r.Owed = version, born, []incident.Debt{{Kind: incident.NoticeOutcome, At: born}}
	if version, err = l.Save(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if item := a.Items("t")[0]; item[ledger.Expires] != nil {
		t.Errorf("a cluster that is gone and of which a mail is owed: %v", item)
	}
	r.Version, r.Owed = version, nil
	if _, err := l.Save(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	item = a.Items("t")[0]
	// 90 days, to the second.
	if diff := cmp.Diff(map[string]any{"N": fmt.Sprint(born.AddDate(0, 0, 90).Unix())}, item[ledger.Expires]); diff != "" || item["open"] != nil {
		t.Errorf("a cluster that is gone, open %v (-want +got):\n%s", item["open"], diff)
	}
}

// TestVersionsAreNumbers: of two digits as well as of one.
func TestVersionsAreNumbers(t *testing.T) {
	a, _, l := open(t)
	r := record(born)
	for want := int64(1); want <= 12; want++ {
		version, err := l.Save(t.Context(), r)
		if err != nil || version != want {
			t.Fatalf("version %d, %v; want %d", version, err, want)
		}
		r.Version = version
	}
	if diff := cmp.Diff(map[string]any{"N": "12"}, a.Items("t")[0]["version"]); diff != "" {
		t.Errorf("in the table (-want +got):\n%s", diff)
	}
	if got, err := l.Load(t.Context(), arn); err != nil || len(got) != 1 || got[0].Version != 12 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestLongRecordsAreWrittenLighter: only those that would not fit, so that as
// much as possible is remembered.
func TestLongRecordsAreWrittenLighter(t *testing.T) {
	// A letter that takes more bytes where it is escaped as for HTML.
	padded := func(to int) incident.Record {
		r := record(born)
		r.Closings = []incident.Closing{{Ref: "EG-1", Story: &incident.Incident{Ref: "EG-1"}}}
		r.Version = 1 // as it is written
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		r.Version = 0
		const member = `,"past":[""]`
		r.Past = []string{strings.Repeat("<", to-len(text)-len(member))}
		return r
	}
	for name, tc := range map[string]struct {
		size  int
		story bool
	}{
		"short":           {10 << 10, true},
		"just fits":       {incident.MaxRecord, true},
		"a byte too long": {incident.MaxRecord + 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, l := open(t)
			if _, err := l.Save(t.Context(), padded(tc.size)); err != nil {
				t.Fatal(err)
			}
			got, err := l.Load(t.Context(), arn)
			if err != nil || len(got) != 1 || len(got[0].Closings) != 1 {
				t.Fatalf("%+v, %v", got, err)
			}
			if kept := got[0].Closings[0].Story != nil; kept != tc.story {
				t.Errorf("the story is kept: %t", kept)
			}
			text := a.Items("t")[0]["record"].(map[string]any)["S"].(string)
			if tc.story && len(text) != tc.size {
				t.Errorf("the record takes %d bytes, want %d", len(text), tc.size)
			}
		})
	}
}

// TestAnItemWithoutARecordIsNotOurs: whoever wrote it was there first.
func TestAnItemWithoutARecordIsNotOurs(t *testing.T) {
	_, client, l := open(t)
	put(t, client, map[string]types.AttributeValue{
		ledger.PartitionKey: &types.AttributeValueMemberS{Value: arn}, ledger.SortKey: &types.AttributeValueMemberS{Value: born.Format(time.RFC3339Nano)},
	})
	if _, err := l.Save(t.Context(), record(born)); trouble.Of(err) != trouble.LostRace {
		t.Error(err)
	}
}

func TestTheBrake(t *testing.T) {
	a, client, l := open(t)
	b, err := l.LoadBrake(t.Context())
	if err != nil || b.Version != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	b, _, _ = b.Ask(brake.Entry{ARN: arn, Name: "demo"}, 20, born)
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
	for want := int64(2); want <= 12; want++ {
		if err := l.SaveBrake(t.Context(), got); err != nil {
			t.Fatal(err)
		}
		if got, err = l.LoadBrake(t.Context()); err != nil || got.Version != want {
			t.Fatalf("version %d, %v; want %d", got.Version, err, want)
		}
	}
	if diff := cmp.Diff(map[string]any{"N": "12"}, a.Items("t")[0]["version"]); diff != "" {
		t.Errorf("the version in the table (-want +got):\n%s", diff)
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
