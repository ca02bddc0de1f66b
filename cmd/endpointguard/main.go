// Command endpointguard is the guardrail for people: it shows what the guardrail
// does, on an AWS that runs inside the process.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A reader that goes away (endpointguard demo | head) ends the command as an
	// interrupt does, with everything cleared away.
	signal.Ignore(syscall.SIGPIPE)
	status := runAs(ctx, calledAs(os.Args[0]), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
