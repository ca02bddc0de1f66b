package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
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
makes one, of the checkout that this is called in, else of the version that
'go install' has installed.

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

// buildFunction builds the function into the folder, for this machine: the one of the
// checkout that it is called in, else the one of the version that this program was
// installed as. It compiles as this program was compiled, which is what Go's build
// cache still holds.
func buildFunction(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "bootstrap")
	flags, env := buildflags.Own()
	flags = append([]string{"-buildvcs=false", "-ldflags=-s -w"}, flags...)
	err := runGo(ctx, env, slices.Concat([]string{"build", "-o", path}, flags, []string{guardrailPackage})...)
	if version := installedAs(); err != nil && version != "" && ctx.Err() == nil {
		path = filepath.Join(dir, filepath.Base(guardrailPackage))
		if runtime.GOOS == "windows" {
			path += ".exe"
		}
		err = runGo(ctx, append(env, "GOBIN="+dir), slices.Concat([]string{"install"}, flags, []string{guardrailPackage + "@" + version})...)
	}
	switch {
	case err == nil:
		return path, nil
	case ctx.Err() != nil:
		return "", errors.New("interrupted")
	}
	return "", usageError{
		"the function cannot be built here: " + err.Error(),
		"run it in a checkout of endpointguard with Go installed, or give a built function with --function",
	}
}

// installedAs is the version that go install made this program of, "" for another
// build.
func installedAs() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || !strings.HasPrefix(info.Main.Version, "v") || strings.HasSuffix(info.Main.Version, "+dirty") {
		return ""
	}
	return info.Main.Version
}

// runGo runs the go tool. The error is the first line that it writes, but of downloads.
func runGo(ctx context.Context, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), env...)
	said, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	for line := range strings.Lines(string(said)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "go: downloading ") {
			return errors.New(line)
		}
	}
	return err
}
