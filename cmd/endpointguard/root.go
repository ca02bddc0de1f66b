package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/endpointguard/endpointguard/pkg/awsconfig"
	"github.com/endpointguard/endpointguard/pkg/function"
)

// The exit statuses.
const (
	statusFine     = 0
	statusFindings = 1 // something failed, or was found
	statusUsage    = 2 // wrong use
)

// usageError is wrong use: what is wrong, and a hint, one line each.
type usageError struct{ what, hint string }

func (e usageError) Error() string { return e.what }

// errFindings ends a command that has already told what it found.
var errFindings = errors.New("findings")

// runAs executes a command line and returns the exit status. As is how this program
// is called, for what is proposed to people.
func runAs(ctx context.Context, as string, args []string, in io.Reader, out, errs io.Writer) int {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	written := &stopping{Writer: out, stop: stop}
	root := newRoot(written)
	if as != ownName {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: as}
	}
	root.SetArgs(args)
	root.SetIn(in)
	root.SetErr(errs)
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		plainFlags(root)
	}
	// Until a command begins its work every error is about how it was called.
	began := false
	root.PersistentPreRun = func(*cobra.Command, []string) { began = true }
	cmd, err := root.ExecuteContextC(ctx)
	// Before anything else: cobra drops the error, or the command was stopped by it.
	if failed := written.failed(); failed != nil {
		_, _ = fmt.Fprintln(errs, "endpointguard: the output cannot be written: "+unwritten(failed))
		return statusFindings
	}
	if err == nil {
		return statusFine
	}
	usage, wrong := errors.AsType[usageError](err)
	if unusable, ok := errors.AsType[awsconfig.Unusable](err); ok {
		usage, wrong = usageError{unusable.What, unusable.Hint}, true
	}
	if !wrong && !began {
		usage, wrong = misuse(cmd, err), true
	}
	switch {
	case wrong:
		_, _ = fmt.Fprintf(errs, "endpointguard: %s\nhint: %s\n", oneLine(usage.what), proposing(oneLine(usage.hint), as))
		return statusUsage
	case !errors.Is(err, errFindings):
		what, hint := awsconfig.Plainly(err)
		_, _ = fmt.Fprintf(errs, "endpointguard: %s\n", what)
		if hint != "" {
			_, _ = fmt.Fprintf(errs, "hint: %s\n", proposing(hint, as))
		}
	}
	return statusFindings
}

// stopping is a writer that stops the command once nothing can be written any
// more, and keeps why.
type stopping struct {
	io.Writer
	stop func()

	mu  sync.Mutex
	err error
}

// Write is [io.Writer]'s.
func (w *stopping) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		w.mu.Lock()
		if w.err == nil {
			w.err = err
		}
		w.mu.Unlock()
		w.stop()
	}
	return n, err
}

// failed is the first error of the writer, nil if all was written.
func (w *stopping) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// unwritten says for people why the output cannot be written.
func unwritten(err error) string {
	if errors.Is(err, syscall.EPIPE) {
		return "nobody reads it any more"
	}
	return pathless(err).Error()
}

// misuse is what cobra found wrong with a command line.
func misuse(cmd *cobra.Command, err error) usageError {
	// Suggestions follow on further lines.
	what, _, _ := strings.Cut(err.Error(), "\n")
	u := usageError{what, fmt.Sprintf("'%s --help' shows how it is used", cmd.CommandPath())}
	if unknown, ok := strings.CutPrefix(what, `unknown command "`); ok {
		name, _, _ := strings.Cut(unknown, `"`)
		if near := cmd.SuggestionsFor(name); len(near) > 0 {
			u.hint = fmt.Sprintf("did you mean '%s %s'?", cmd.CommandPath(), near[0])
		}
		if !cmd.HasSubCommands() {
			u.what = fmt.Sprintf("%s takes no argument, and %q is one", cmd.Name(), name)
		}
	}
	return u
}

// plainFlags takes the backquotes out of what flags say of themselves, which name a
// flag's value in the help: completion shows it as it is written.
func plainFlags(cmd *cobra.Command) {
	plain := func(flag *pflag.Flag) { _, flag.Usage = pflag.UnquoteUsage(flag) }
	cmd.Flags().VisitAll(plain)
	cmd.PersistentFlags().VisitAll(plain)
	for _, sub := range cmd.Commands() {
		plainFlags(sub)
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// newRoot is the command line. What it prints goes to out.
func newRoot(out io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "endpointguard",
		Short: "Keeps the API endpoints of EKS clusters within a policy",
		Long: `Endpoint Guard keeps the Kubernetes API endpoints of EKS clusters within a
policy. It runs as a Lambda function; this is the command line for people.

Validate, test, explain and scp are about a policy document. Scan, explain,
incidents and incident read an account and change nothing. Demo and replay run
the function's own code on an AWS inside this process, and touch no account.
Doctor and redrive look after an installation.

The exit status is 0 if all is fine, 1 if something was found or failed, and 2
for wrong use.`,
		Example: `  endpointguard demo
  endpointguard validate policy.yaml
  endpointguard explain --access public=true,private=false
  endpointguard replay event.json`,
		Version:                    function.Version,
		SilenceUsage:               true,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		Args:                       cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageError{"no command given", "'endpointguard --help' lists the commands"}
		},
	}
	root.SetVersionTemplate("endpointguard {{.Version}}\n")
	root.AddCommand(newDemo(), newReplay(), newDoctor(), newRedrive())
	root.AddCommand(newValidate(), newTest(), newExplain(), newScan(), newSCP(), newGrant(), newIncidents(), newIncident())
	root.SetOut(out) // which the commands of completion take as they are made
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Example = "  endpointguard help replay"
			cmd.Run = nil
			cmd.RunE = func(_ *cobra.Command, args []string) error {
				about, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return usageError{fmt.Sprintf("there is no command %q", strings.Join(args, " ")), "'endpointguard --help' lists the commands"}
				}
				about.InitDefaultHelpFlag()
				return about.Help()
			}
		case "completion":
			cmd.Example = "  source <(endpointguard completion bash)"
			cmd.Args = cobra.ArbitraryArgs
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return usageError{fmt.Sprintf("there is no completion for %q", args[0]), "there is one for bash, fish, powershell and zsh"}
				}
				return cmd.Help()
			}
			for _, shell := range cmd.Commands() {
				shell.Example = "  " + shell.CommandPath() + " > endpointguard." + shell.Name()
			}
		}
	}
	return root
}
