// The function sweep: a wake-up for every cluster.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/endpointguard/endpointguard/pkg/function"
)

func main() {
	sweeper, err := function.SweeperFromEnvironment(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "endpointguard: cannot start:", err)
		os.Exit(1)
	}
	lambda.Start(sweeper)
}
