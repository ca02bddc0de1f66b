// The function guardrail: a batch of messages in, compliant endpoints out.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/endpointguard/endpointguard/pkg/function"
)

func main() {
	handler, err := function.FromEnvironment(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "endpointguard: cannot start:", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}
