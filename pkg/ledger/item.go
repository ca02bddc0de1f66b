package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// The keys of the items that are no cluster's record, each the name of its text
// attribute, too; no ARN reads so.
const (
	brakeKey   = "brake"
	digestSent = "digest"
	beat       = "heartbeat"
)

// isRecord reports whether an item with the key is a cluster's record.
func isRecord(key string) bool { return key != brakeKey && key != digestSent && key != beat }

// loadItem reads the item of a key into v, with strong consistency, and reports whether
// there is one. The schema is that field of v.
func (l *Ledger) loadItem(ctx context.Context, key string, v any, schema *int) (bool, error) {
	op := "dynamodb:Query " + l.table
	out, err := l.db.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &l.table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("#cluster = :key"),
		ExpressionAttributeNames:  map[string]string{"#cluster": PartitionKey},
		ExpressionAttributeValues: map[string]types.AttributeValue{":key": &types.AttributeValueMemberS{Value: key}},
	})
	if err != nil {
		return false, awstrouble.Sort(op, err, "")
	}
	if len(out.Items) == 0 {
		return false, nil
	}
	unreadable := func(err error) error { return &trouble.Error{Sort: trouble.Unreadable, Op: op, Err: err} }
	text, ok := out.Items[0][key].(*types.AttributeValueMemberS)
	if !ok {
		return false, unreadable(fmt.Errorf("the item has no text attribute %q", key))
	}
	if err := json.Unmarshal([]byte(text.Value), v); err != nil {
		return false, unreadable(fmt.Errorf("attribute %q: %w", key, err))
	}
	if *schema != incident.Schema {
		return false, unreadable(fmt.Errorf("the item %q has schema %d, this guardrail knows %d; deploy the newer guardrail again", key, *schema, incident.Schema))
	}
	return true, nil
}

// saveItem writes v as the item of a key over the version that was read.
// trouble.LostRace says that the version in the table is another.
func (l *Ledger) saveItem(ctx context.Context, key string, v any, read int64) error {
	text, err := encode(v)
	if err != nil {
		return fmt.Errorf("encode the item %q: %w", key, err)
	}
	return l.put(ctx, map[string]types.AttributeValue{
		PartitionKey: &types.AttributeValueMemberS{Value: key},
		SortKey:      &types.AttributeValueMemberS{Value: key},
		version:      &types.AttributeValueMemberN{Value: strconv.FormatInt(read+1, 10)},
		key:          &types.AttributeValueMemberS{Value: string(text)},
	}, key, read)
}
