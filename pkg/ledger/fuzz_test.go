package ledger

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// FuzzItem holds that an item is read whole or refused, and that a record which
// is read reads the same once it has been written again.
func FuzzItem(f *testing.F) {
	const arn = "arn:aws:eks:eu-west-1:111122223333:cluster/demo"
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	r := incident.NewRecord(endpoint.Cluster{ID: endpoint.ID{ARN: arn, CreatedAt: at}, Name: "demo", Account: "111122223333", Region: "eu-west-1"})
	r.Incident = &incident.Incident{Ref: "EG-ABCDEFGH", OpenedAt: at, Stage: incident.Updating, Opening: endpoint.Access{Public: true}}
	r.Intent = &incident.Intent{Kind: incident.IntentApply, By: "a", Until: at}
	text, err := json.Marshal(r)
	if err != nil {
		f.Fatal(err)
	}
	whole := string(text)
	// As an older guardrail, that kept less, and as a newer one, that keeps more.
	for _, record := range []string{
		whole, strings.Replace(whole, `"schema":1`, `"schema":2`, 1), strings.Replace(whole, `"schema":1`, `"schema":0`, 1),
		strings.Replace(whole, `"schema":1`, `"schema":1,"later":{"a":[1]}`, 1), strings.Replace(whole, `"opening"`, `"opened"`, 1),
		`{"schema":1,"cluster":{"arn":"` + arn + `","createdAt":"2026-01-02T03:04:05.678Z"},"name":"demo"}`,
		`{"schema":1,"cluster":{"arn":"` + arn + `2"}}`, `{"schema":1}`, `{}`, `[]`, `null`, ``,
	} {
		f.Add(record, "7", arn)
	}
	f.Add(whole, "-1", arn)
	f.Add(whole, "9223372036854775808", "brake")
	f.Fuzz(func(t *testing.T, text, number, key string) {
		item := map[string]types.AttributeValue{
			PartitionKey: &types.AttributeValueMemberS{Value: key}, record: &types.AttributeValueMemberS{Value: text}, version: &types.AttributeValueMemberN{Value: number},
		}
		r, err := decode(item)
		if err != nil {
			return
		}
		if r.Schema != incident.Schema || r.Cluster.ARN != key || r.Sound() != nil {
			t.Fatalf("read: %+v", r)
		}
		once, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("read, and cannot be written: %v", err)
		}
		item[record] = &types.AttributeValueMemberS{Value: string(once)}
		again, err := decode(item)
		if err != nil {
			t.Fatalf("its own record is refused: %v", err)
		}
		if twice, err := json.Marshal(again); err != nil || string(once) != string(twice) {
			t.Fatalf("written again it reads otherwise: %v\n%s\n%s", err, once, twice)
		}
	})
}
