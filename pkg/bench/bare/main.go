// A Lambda function that does nothing, for the benchmarks to compare with.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context, json.RawMessage) (map[string]any, error) {
		return map[string]any{"batchItemFailures": []any{}}, nil
	})
}
