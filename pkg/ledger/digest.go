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
	"github.com/endpointguard/endpointguard/pkg/digest"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// digestSent is the key of the digest's item, and its text attribute; no ARN
// reads so.
const digestSent = "digest"

// LoadDigest reads which digest was sent last, with strong consistency; one that
// was never written is empty.
func (l *Ledger) LoadDigest(ctx context.Context) (digest.Sent, error) {
	op := "dynamodb:Query " + l.table
	out, err := l.db.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &l.table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("#cluster = :digest"),
		ExpressionAttributeNames:  map[string]string{"#cluster": PartitionKey},
		ExpressionAttributeValues: map[string]types.AttributeValue{":digest": &types.AttributeValueMemberS{Value: digestSent}},
	})
	if err != nil {
		return digest.Sent{}, awstrouble.Sort(op, err, "")
	}
	if len(out.Items) == 0 {
		return digest.Sent{Schema: incident.Schema}, nil
	}
	var s digest.Sent
	text, ok := out.Items[0][digestSent].(*types.AttributeValueMemberS)
	if !ok {
		return s, &trouble.Error{Sort: trouble.Unreadable, Op: op, Err: fmt.Errorf("the item has no text attribute %q", digestSent)}
	}
	if err := json.Unmarshal([]byte(text.Value), &s); err != nil {
		return s, &trouble.Error{Sort: trouble.Unreadable, Op: op, Err: fmt.Errorf("attribute %q: %w", digestSent, err)}
	}
	if s.Schema != incident.Schema {
		return s, &trouble.Error{Sort: trouble.Unreadable, Op: op, Err: fmt.Errorf("the digest's item has schema %d, this guardrail knows %d; deploy the newer guardrail again", s.Schema, incident.Schema)}
	}
	return s, nil
}

// SaveDigest writes it over the version that it carries, and returns it as
// written. trouble.LostRace says that the version in the table is another.
func (l *Ledger) SaveDigest(ctx context.Context, s digest.Sent) (digest.Sent, error) {
	read := s.Version
	s.Version = read + 1
	text, err := encode(s)
	if err != nil {
		return s, fmt.Errorf("encode the digest's item: %w", err)
	}
	return s, l.put(ctx, map[string]types.AttributeValue{
		PartitionKey: &types.AttributeValueMemberS{Value: digestSent},
		SortKey:      &types.AttributeValueMemberS{Value: digestSent},
		version:      &types.AttributeValueMemberN{Value: strconv.FormatInt(s.Version, 10)},
		digestSent:   &types.AttributeValueMemberS{Value: string(text)},
	}, digestSent, read)
}
