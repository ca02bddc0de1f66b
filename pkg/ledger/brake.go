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

// brake is the key of the brake's item, and its text attribute; no ARN reads so.
const brake = "brake"

// LoadBrake reads the brake, with strong consistency; one that was never written
// is empty.
func (l *Ledger) LoadBrake(ctx context.Context) (incident.Brake, error) {
	op := "dynamodb:Query " + l.table
	out, err := l.db.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &l.table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("#cluster = :brake"),
		ExpressionAttributeNames:  map[string]string{"#cluster": PartitionKey},
		ExpressionAttributeValues: map[string]types.AttributeValue{":brake": &types.AttributeValueMemberS{Value: brake}},
	})
	if err != nil {
		return incident.Brake{}, awstrouble.Sort(op, err, "")
	}
	if len(out.Items) == 0 {
		return incident.Brake{Schema: incident.Schema}, nil
	}
	var b incident.Brake
	text, ok := out.Items[0][brake].(*types.AttributeValueMemberS)
	if !ok {
		return b, &trouble.Error{Sort: trouble.Unreadable, Op: op, Err: fmt.Errorf("the item has no text attribute %q", brake)}
	}
	if err := json.Unmarshal([]byte(text.Value), &b); err != nil {
		return b, &trouble.Error{Sort: trouble.Unreadable, Op: op, Err: fmt.Errorf("attribute %q: %w", brake, err)}
	}
	if b.Schema != incident.Schema {
		return b, &trouble.Error{Sort: trouble.Unreadable, Op: op, Err: fmt.Errorf("the brake has schema %d, this guardrail knows %d; deploy the newer guardrail again", b.Schema, incident.Schema)}
	}
	return b, nil
}

// SaveBrake writes the brake over the version that it carries. trouble.LostRace
// says that the version in the table is another.
func (l *Ledger) SaveBrake(ctx context.Context, b incident.Brake) error {
	read := b.Version
	b.Version = read + 1
	text, err := encode(b)
	if err != nil {
		return fmt.Errorf("encode the brake: %w", err)
	}
	return l.put(ctx, map[string]types.AttributeValue{
		PartitionKey: &types.AttributeValueMemberS{Value: brake},
		SortKey:      &types.AttributeValueMemberS{Value: brake},
		version:      &types.AttributeValueMemberN{Value: strconv.FormatInt(b.Version, 10)},
		brake:        &types.AttributeValueMemberS{Value: string(text)},
	}, brake, read)
}
