package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/endpointguard/endpointguard/pkg/policy"
)

// Document is a policy that may be deployed.
type Document struct {
	Text     []byte
	Hash     string
	Warnings []string
}

// loadPolicy reads the policy document. What the functions would refuse to start
// with is refused here, and documentation ranges with it: an example must never
// cut anyone off. The error has one line for each problem.
func loadPolicy(root, file string, now time.Time) (Document, error) {
	text, err := os.ReadFile(path(root, file))
	if err != nil {
		return Document{}, fmt.Errorf("setting %s: %w", keyPolicyFile, err)
	}
	p, problems := policy.Parse(file, text)
	if p != nil {
		problems = append(problems, p.WarningsAt(now)...)
	}
	var errs []error
	document := Document{Text: text}
	for _, problem := range problems {
		line := fmt.Sprintf("%s:%d:%d: %s", problem.File, problem.Line, problem.Column, problem.What)
		if problem.Hint != "" {
			line += " (" + problem.Hint + ")"
		}
		switch {
		case problem.Kind == policy.KindDocumentationRange:
			errs = append(errs, fmt.Errorf("setting %s: %s: it is not deployed", keyPolicyFile, line))
		case problem.Severity == policy.Error:
			errs = append(errs, fmt.Errorf("setting %s: %s", keyPolicyFile, line))
		default:
			document.Warnings = append(document.Warnings, line)
		}
	}
	if len(errs) > 0 {
		return Document{}, errors.Join(errs...)
	}
	document.Hash = p.Hash
	return document, nil
}
