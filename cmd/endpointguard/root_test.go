package main

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func diffText(want, got string) string {
	return cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n"))
}

func TestWrongUse(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("event.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "endpointguard: no command given\nhint: 'endpointguard --help' lists the commands\n"},
		{[]string{"replai"}, "endpointguard: unknown command \"replai\" for \"endpointguard\"\nhint: did you mean 'endpointguard replay'?\n"},
		{[]string{"frobnicate"}, "endpointguard: unknown command \"frobnicate\" for \"endpointguard\"\nhint: 'endpointguard --help' shows how it is used\n"},
		{[]string{"--nope"}, "endpointguard: unknown flag: --nope\nhint: 'endpointguard --help' shows how it is used\n"},
		{[]string{"replay"}, "endpointguard: replay needs a file with events\nhint: try 'endpointguard replay event.json', or 'endpointguard replay --help'\n"},
		{[]string{"replay", "--jsn", "event.json"}, "endpointguard: unknown flag: --jsn\nhint: 'endpointguard replay --help' shows how it is used\n"},
		{[]string{"replay", "--policy"}, "endpointguard: flag needs an argument: --policy\nhint: 'endpointguard replay --help' shows how it is used\n"},
		{[]string{"replay", "--policy", "none.yaml", "event.json"}, "endpointguard: cannot read the policy: open none.yaml: no such file or directory\nhint: give the path of a policy document with --policy\n"},
		{[]string{"demo", "now"}, "endpointguard: demo takes no argument, and \"now\" is one\nhint: 'endpointguard demo --help' shows how it is used\n"},
		{[]string{"demo", "--function", "none"}, "endpointguard: there is no built function: stat none: no such file or directory\nhint: 'make demo' builds it, and so does 'endpointguard demo' without --function\n"},
		{[]string{"demo", "--function", "."}, "endpointguard: . is no program\nhint: --function wants a build of functions/guardrail for this machine\n"},
		{[]string{"demo", "--function", "event.json"}, "endpointguard: event.json is no program\nhint: --function wants a build of functions/guardrail for this machine\n"},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			status, out, errs := execute(t, tc.args...)
			if status != statusUsage || out != "" {
				t.Errorf("status %d, output %q; want %d and none", status, out, statusUsage)
			}
			if diff := diffText(tc.want, errs); diff != "" {
				t.Errorf("standard error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryHelpShowsAnExample(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		args := slices.Concat(strings.Fields(cmd.CommandPath())[1:], []string{"--help"})
		status, out, errs := execute(t, args...)
		if status != statusFine || errs != "" || !strings.Contains(out, "\nExamples:\n  ") {
			t.Errorf("%v: status %d, standard error %q, output:\n%s", args, status, errs, out)
		}
		for line := range strings.Lines(out) {
			// What there is to say about completion is cobra's.
			if len(args) < 3 && args[0] != "completion" && len(line) > columns+1 {
				t.Errorf("%v: a line of over %d columns: %s", args, columns, line)
			}
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(io.Discard))
}

// unwritable is an output that takes nothing.
type unwritable struct{ err error }

func (u unwritable) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: u.err}
}

// TestNothingCanBeWritten: whoever sends the output to a full disk, or to a reader
// that went away, is told so, whatever the command; cobra drops some such errors.
func TestNothingCanBeWritten(t *testing.T) {
	inSamples(t)
	if err := os.WriteFile("policy_test.yaml", []byte(`
version: 1
cases:
  - {name: open, given: {access: {public: true, private: true}}, expect: {outcome: compliant}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	commands := [][]string{
		{"--version"},
		{"help", "scan"},
		{"completion", "bash"}, {"completion", "fish"}, {"completion", "powershell"}, {"completion", "zsh"},
		{cobra.ShellCompRequestCmd, "re"}, {cobra.ShellCompNoDescRequestCmd, "re"},
		{"validate", policyFile}, {"validate", "--json", "samples/create-open-iam-user.json"},
		{"test", "policy_test.yaml"}, {"test", "--json", "policy_test.yaml"},
		{"explain", "--access", "public=true,private=true"}, {"explain", "--access", "public=true,private=true", "--json"},
		{"replay", "samples/create-open-iam-user.json"}, {"replay", "--json", "log.json", "array.json"},
		{"scp"}, {"scp", "--protect", "--deployer", "arn:aws:iam::111122223333:role/deploy"},
		{"grant", "--account", "111122223333", "--topic", "arn:aws:sns:eu-west-1:444455556666:security"},
	}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		commands = append(commands, slices.Concat(strings.Fields(cmd.CommandPath())[1:], []string{"--help"}))
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(io.Discard))
	for _, args := range commands {
		for err, words := range map[error]string{syscall.ENOSPC: "no space left on device", syscall.EPIPE: "nobody reads it any more"} {
			t.Run(strings.Join(args, " ")+": "+err.Error(), func(t *testing.T) {
				var errs bytes.Buffer
				status := run(t.Context(), args, strings.NewReader(""), unwritable{err}, &errs)
				told := slices.DeleteFunc(strings.Split(errs.String(), "\n"), func(line string) bool {
					return !strings.Contains(line, "the output")
				})
				want := []string{"endpointguard: the output cannot be written: " + words}
				if diff := cmp.Diff(want, told); diff != "" || status != statusFindings {
					t.Errorf("status %d, want %d; standard error:\n%s(-want +got):\n%s", status, statusFindings, errs.String(), diff)
				}
				if strings.Contains(errs.String(), "interrupted") || strings.Contains(errs.String(), "write:") {
					t.Errorf("it is told twice:\n%s", errs.String())
				}
			})
		}
	}
}

func TestCompletionKnowsTheCommands(t *testing.T) {
	status, out, _ := execute(t, "__complete", "re")
	if status != statusFine || !strings.Contains(out, "replay\t") {
		t.Errorf("status %d, output:\n%s", status, out)
	}
}

// TestCompletionIsPlain: a description is shown as it is written; the backquotes
// that name a flag's value are for the help alone.
func TestCompletionIsPlain(t *testing.T) {
	flags := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, request := range []string{cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd} {
			for _, begun := range []string{"", "-", "--"} {
				args := slices.Concat([]string{request}, strings.Fields(cmd.CommandPath())[1:], []string{begun})
				status, out, _ := execute(t, args...)
				if status != statusFine || strings.Contains(out, "`") {
					t.Errorf("%v: status %d, output:\n%s", args, status, out)
				}
				flags += strings.Count(out, "--")
			}
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(io.Discard))
	if _, out, _ := execute(t, cobra.ShellCompRequestCmd, "explain", "--pol"); !strings.Contains(out, "--policy\tthe policy FILE to judge by\n") || flags == 0 {
		t.Errorf("no description:\n%s", out)
	}
	if _, out, _ := execute(t, "explain", "--help"); !strings.Contains(out, "--policy FILE ") {
		t.Errorf("the help lost the value's name:\n%s", out)
	}
}

// TestShippedPolicy holds the copy that is in the command to the document that
// gets deployed.
func TestShippedPolicy(t *testing.T) {
	shipped, err := os.ReadFile(filepath.Join("..", "..", policyFile))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(policyFile, shipped, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := diffText(string(shipped), string(shippedPolicy)); diff != "" {
		t.Errorf("cmd/endpointguard/policy.yaml differs from policy.yaml; run the test with -update (-want +got):\n%s", diff)
	}
}

func TestLoadPolicy(t *testing.T) {
	t.Chdir(t.TempDir())
	var errs bytes.Buffer
	d, err := loadPolicy("", &errs)
	if err != nil || !bytes.Equal(d.data, shippedPolicy) || !strings.Contains(d.name, "ships") {
		t.Errorf("without a file: %q, %v; want the shipped one", d.name, err)
	}
	const own = "version: 1\nrules:\n  - name: mine\n    require: {privateAccess: enabled}\n    respond: alert\n"
	if err := os.WriteFile(policyFile, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err = loadPolicy("", &errs)
	if err != nil || d.name != policyFile || len(d.policy.Rules) != 1 {
		t.Errorf("with policy.yaml: %q, %v; want that one", d.name, err)
	}
	if errs.Len() > 0 {
		t.Errorf("standard error: %s", errs.String())
	}
}
