package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/endpointguard/endpointguard/pkg/policy"
)

// policyFile is what the policy is called that is deployed.
const policyFile = "policy.yaml"

// shippedPolicy is the policy that ships with the project, for those who have
// the command and nothing else.
//
//go:embed policy.yaml
var shippedPolicy []byte

// document is a policy document and where it comes from.
type document struct {
	name   string
	data   []byte
	policy *policy.Policy
}

// loadPolicy reads the document of the path. Without one it takes policy.yaml
// of the working directory, else the one that ships. Everything that is wrong
// with the document goes to errs.
func loadPolicy(path string, errs io.Writer) (document, error) {
	d := document{name: path}
	var err error
	switch {
	case path != "":
		if d.data, err = os.ReadFile(path); err != nil {
			return d, usageError{fmt.Sprintf("cannot read the policy: %v", err), "give the path of a policy document with --policy"}
		}
	default:
		d.name = policyFile
		d.data, err = os.ReadFile(policyFile)
		if errors.Is(err, fs.ErrNotExist) {
			d.name, d.data, err = "the policy that ships with endpointguard", shippedPolicy, nil
		}
		if err != nil {
			return d, usageError{fmt.Sprintf("cannot read the policy: %v", err), "give the path of another policy document with --policy"}
		}
	}
	p, problems := policy.Parse(d.name, d.data)
	d.policy = p
	if problems.Errors() {
		_, _ = fmt.Fprintln(errs, problems)
		return d, usageError{fmt.Sprintf("the policy %s is invalid: nothing was done", d.name), "put right what is marked above, or give another policy with --policy"}
	}
	return d, nil
}
