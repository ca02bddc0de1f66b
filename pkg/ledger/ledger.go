// Package ledger keeps the records of clusters in a DynamoDB table: one item a
// cluster, its key the cluster's ARN and creation time, written only over the
// version that was read.
package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// The attributes of an item. The record is one JSON text: DynamoDB needs to
// know no more of it than what its conditions and listings ask for.
const (
	PartitionKey = "cluster"   // the ARN
	SortKey      = "createdAt" // RFC 3339, UTC
	version      = "version"
	record       = "record"
	open         = "open"    // there while an incident is open: its reference
	Expires      = "expires" // epoch seconds, for records of deleted clusters
)

// keepGone is how long the record of a deleted cluster is kept.
const keepGone = 90 * 24 * time.Hour

// Ledger is the table.
type Ledger struct {
	db    *dynamodb.Client
	table string
}

// New returns the ledger in the table.
func New(client *dynamodb.Client, table string) *Ledger { return &Ledger{db: client, table: table} }

// Load reads the records of all clusters that had the ARN, with strong
// consistency.
func (l *Ledger) Load(ctx context.Context, arn string) ([]incident.Record, error) {
	op := "dynamodb:Query " + l.table
	pages := dynamodb.NewQueryPaginator(l.db, &dynamodb.QueryInput{
		TableName:                 &l.table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("#cluster = :cluster"),
		ExpressionAttributeNames:  map[string]string{"#cluster": PartitionKey},
		ExpressionAttributeValues: map[string]types.AttributeValue{":cluster": &types.AttributeValueMemberS{Value: arn}},
	})
	var records []incident.Record
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, awstrouble.Sort(op, err, "")
		}
		for _, item := range page.Items {
			r, err := decode(item)
			if err != nil {
				return nil, &trouble.Error{Sort: trouble.Unreadable, Op: op, Err: err}
			}
			records = append(records, r)
		}
	}
	return records, nil
}

// decode reads an item. One that a later guardrail wrote is an error: to act on
// half of what it says would be worse than not to act.
func decode(item map[string]types.AttributeValue) (incident.Record, error) {
	var r incident.Record
	text, ok := item[record].(*types.AttributeValueMemberS)
	if !ok {
		return r, fmt.Errorf("the item has no text attribute %q", record)
	}
	if err := json.Unmarshal([]byte(text.Value), &r); err != nil {
		return r, fmt.Errorf("attribute %q: %w", record, err)
	}
	if r.Schema != incident.Schema {
		return r, fmt.Errorf("the record has schema %d, this guardrail knows %d; deploy the newer guardrail again", r.Schema, incident.Schema)
	}
	number, ok := item[version].(*types.AttributeValueMemberN)
	if !ok {
		return r, fmt.Errorf("the item has no number attribute %q", version)
	}
	v, err := strconv.ParseInt(number.Value, 10, 64)
	if err != nil {
		return r, fmt.Errorf("attribute %q: %w", version, err)
	}
	r.Version = v
	// A record under the key of another cluster would be acted on in its name.
	if key, ok := item[PartitionKey].(*types.AttributeValueMemberS); !ok || key.Value != r.Cluster.ARN {
		return r, fmt.Errorf("the record is of cluster %.300q, which its key is not", r.Cluster.ARN)
	}
	if err := r.Sound(); err != nil {
		return r, err
	}
	return r, nil
}

// Save writes a record over the version that it carries and returns the next
// one. trouble.LostRace says that the version in the table is another.
func (l *Ledger) Save(ctx context.Context, r incident.Record) (int64, error) {
	op := "dynamodb:PutItem " + l.table
	read := r.Version
	r.Version = read + 1
	text, err := encode(r)
	if err == nil && len(text) > incident.MaxRecord {
		text, err = encode(r.Lighter())
	}
	if err != nil {
		return read, fmt.Errorf("%s: encode the record of cluster %s: %w", op, r.Name, err)
	}
	item := map[string]types.AttributeValue{
		PartitionKey: &types.AttributeValueMemberS{Value: r.Cluster.ARN},
		SortKey:      &types.AttributeValueMemberS{Value: r.Cluster.CreatedAt.UTC().Format(time.RFC3339Nano)},
		version:      &types.AttributeValueMemberN{Value: strconv.FormatInt(r.Version, 10)},
		record:       &types.AttributeValueMemberS{Value: string(text)},
	}
	if r.Incident != nil {
		item[open] = &types.AttributeValueMemberS{Value: r.Incident.Ref}
	}
	if !r.Open() && !r.GoneAt.IsZero() {
		// Not before all is told: without an end the sweep finds it, whatever
		// becomes of the message that would have.
		item[Expires] = &types.AttributeValueMemberN{Value: strconv.FormatInt(r.GoneAt.Add(keepGone).Unix(), 10)}
	}
	if err := l.put(ctx, item, record, read); err != nil {
		return read, err
	}
	return r.Version, nil
}

// encode returns what is kept of a record, as JSON without the escapes for HTML,
// which take six bytes for a letter.
func encode(v any) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}

// put writes an item over the version that was read, 0 for none. The text
// attribute reports whether an item that is there is this very one.
func (l *Ledger) put(ctx context.Context, item map[string]types.AttributeValue, text string, read int64) error {
	op := "dynamodb:PutItem " + l.table
	put := &dynamodb.PutItemInput{
		TableName: &l.table, Item: item, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if read == 0 {
		put.ConditionExpression = aws.String("attribute_not_exists(#cluster)")
		put.ExpressionAttributeNames = map[string]string{"#cluster": PartitionKey}
	} else {
		put.ConditionExpression = aws.String("#version = :read")
		put.ExpressionAttributeNames = map[string]string{"#version": version}
		put.ExpressionAttributeValues = map[string]types.AttributeValue{
			":read": &types.AttributeValueMemberN{Value: strconv.FormatInt(read, 10)},
		}
	}
	if _, err := l.db.PutItem(ctx, put); err != nil {
		if lost, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
			there, _ := lost.Item[text].(*types.AttributeValueMemberS)
			ours, _ := item[text].(*types.AttributeValueMemberS)
			if there != nil && ours != nil && there.Value == ours.Value {
				// Our own write: only its answer was lost, and the SDK sent it again.
				return nil
			}
			return awstrouble.Sort(op, err, trouble.LostRace)
		}
		return awstrouble.Sort(op, err, "")
	}
	return nil
}
