package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// All reads the records of all clusters, in no order. Those that can be read
// come with the error of those that cannot.
func (l *Ledger) All(ctx context.Context) ([]incident.Record, error) {
	op := "dynamodb:Scan " + l.table
	pages := dynamodb.NewScanPaginator(l.db, &dynamodb.ScanInput{TableName: &l.table, ConsistentRead: aws.Bool(true)})
	var records []incident.Record
	var unreadable []error
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return records, errors.Join(append(unreadable, awstrouble.Sort(op, err, ""))...)
		}
		for _, item := range page.Items {
			key, _ := item[PartitionKey].(*types.AttributeValueMemberS)
			if key != nil && !isRecord(key.Value) {
				continue
			}
			r, err := decode(item)
			if err != nil {
				if key != nil {
					err = fmt.Errorf("cluster %.300q: %w", key.Value, err)
				}
				unreadable = append(unreadable, &trouble.Error{Sort: trouble.Unreadable, Op: op, Err: err})
				continue
			}
			records = append(records, r)
		}
	}
	return records, errors.Join(unreadable...)
}

// WithoutEnd returns the ARNs of the clusters with a record that is kept for
// good, one for each such record: of all clusters but those that the guardrail
// saw to be gone, with nothing left to tell of them. It may be a moment old, which is enough to know whom to look
// for. With an error come those that were read before it.
func (l *Ledger) WithoutEnd(ctx context.Context) ([]string, error) {
	op := "dynamodb:Scan " + l.table
	pages := dynamodb.NewScanPaginator(l.db, &dynamodb.ScanInput{
		TableName:                &l.table,
		ProjectionExpression:     aws.String("#cluster, #expires"),
		ExpressionAttributeNames: map[string]string{"#cluster": PartitionKey, "#expires": Expires},
	})
	var arns []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return arns, awstrouble.Sort(op, err, "")
		}
		for _, item := range page.Items {
			key, ok := item[PartitionKey].(*types.AttributeValueMemberS)
			if _, ends := item[Expires]; ok && !ends && isRecord(key.Value) {
				arns = append(arns, key.Value)
			}
		}
	}
	return arns, nil
}
