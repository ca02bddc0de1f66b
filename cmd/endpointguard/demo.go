package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/endpointguard/endpointguard/pkg/buildflags"
)

// guardrailPackage is the function that gets deployed.
const guardrailPackage = "github.com/endpointguard/endpointguard/functions/guardrail"

func newDemo() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "demo [--function PATH]",
		Short: "Shows the guardrail at work on clusters that are opened",
		Long: `Demo starts an AWS inside this process and the function that gets deployed as a
child process on its Lambda runtime API. Then people, CloudFormation and
pipelines open the endpoints of clusters, and the guardrail brings them back.
Each step is shown as it happens, then the mails, then where every cluster
ended. Nothing leaves this machine.

On a terminal the clusters' lines change in place, and one mail is shown;
NO_COLOR and TERM=dumb are honoured. Elsewhere it prints plain lines, and every
mail.

PATH is a build of functions/guardrail for this machine; without it the go tool
makes one, in a checkout of endpointguard.

The exit status is 1 if a cluster does not end as the policy says.`,
		Example: `  endpointguard demo
  endpointguard demo --function bin/host/bootstrap`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "endpointguard-demo-")
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(dir) }()
			again := cmd.CommandPath()
			if path != "" {
				again += " --function " + quoted(path)
			}
			if path == "" {
				_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "endpointguard: compiling the function; the first time, that may take minutes")
				path, err = buildFunction(cmd.Context(), dir)
			} else {
				path, err = builtFunction(path)
			}
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			on := terminalOf(out, os.Getenv)
			if on != nil {
				on.again = again
			}
			return runDemo(cmd.Context(), path, dir, out, cmd.ErrOrStderr(), on)
		},
	}
	cmd.Flags().StringVar(&path, "function", "", "the built function, for this machine, at `PATH`")
	return cmd
}

func builtFunction(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", usageError{fmt.Sprintf("there is no built function: %v", err), "'make demo' builds it, and so does 'endpointguard demo' without --function"}
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return "", usageError{path + " is no program", "--function wants a build of functions/guardrail for this machine"}
	}
	return filepath.Abs(path)
}

// buildFunction builds the function into the folder, for this machine. It compiles
// as this program was compiled, which is what Go's build cache still holds.
func buildFunction(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "bootstrap")
	args, env := buildflags.Own()
	build := exec.CommandContext(ctx, "go", slices.Concat([]string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", path}, args, []string{guardrailPackage})...)
	build.Env = append(os.Environ(), env...)
	said, err := build.CombinedOutput()
	if err == nil {
		return path, nil
	}
	if ctx.Err() != nil {
		return "", errors.New("interrupted")
	}
	why := err.Error()
	if lines := strings.Split(strings.TrimSpace(string(said)), "\n"); lines[0] != "" {
		why = strings.TrimSpace(lines[0])
	}
	return "", usageError{
		"the function cannot be built here: " + why,
		"run it in a checkout of endpointguard with Go installed, or give a built function with --function",
	}
}
