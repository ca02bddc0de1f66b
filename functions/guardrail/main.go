// The function guardrail: a batch of messages in, compliant endpoints out.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/endpointguard/endpointguard/pkg/function"
)

// garbage is how much more than what is in use the heap may hold, in percent,
// before it is collected. What a start makes stays; to look through it in the
// middle of the first check costs a tenth of the time until its answer.
const garbage = 200

func main() {
	debug.SetGCPercent(garbage)
	handler, err := function.FromEnvironment(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "endpointguard: cannot start:", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}
