// The least that a function can do which makes the guardrail's calls with the
// guardrail's SDK clients, for the benchmarks to compare with: for each message
// one read of the ledger and one look at the cluster, and nothing is made of them.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

type clients struct {
	db  *dynamodb.Client
	eks *eks.Client
	ec2 *ec2.Client
	sns *sns.Client
	sqs *sqs.Client
}

func main() {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 1
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithHTTPClient(&http.Client{Transport: transport, Timeout: 10 * time.Second}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c := clients{dynamodb.NewFromConfig(cfg), eks.NewFromConfig(cfg), ec2.NewFromConfig(cfg), sns.NewFromConfig(cfg), sqs.NewFromConfig(cfg)}
	lambda.Start(c.handle)
}

func (c clients) handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, m := range batch.Records {
		if err := c.look(ctx, m.Body); err != nil {
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return answer, nil
}

func (c clients) look(ctx context.Context, body string) error {
	var m struct {
		WakeUp struct {
			Cluster, Account, Region string
		} `json:"wakeUp"`
	}
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		return err
	}
	w := m.WakeUp
	_, err := c.db.Query(ctx, &dynamodb.QueryInput{
		TableName: aws.String(os.Getenv("ENDPOINTGUARD_TABLE")), ConsistentRead: aws.Bool(true),
		KeyConditionExpression:   aws.String("#cluster = :cluster"),
		ExpressionAttributeNames: map[string]string{"#cluster": "cluster"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":cluster": &types.AttributeValueMemberS{Value: "arn:aws:eks:" + w.Region + ":" + w.Account + ":cluster/" + w.Cluster},
		},
	})
	if err != nil {
		return err
	}
	_, err = c.eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &w.Cluster})
	return err
}
