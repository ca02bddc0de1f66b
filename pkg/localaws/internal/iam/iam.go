// Package iam reads as much of IAM's policies as decides who may publish to a
// topic and use its key. Start with [Read]. What it does not know of the language
// is an error when a policy is read, never a guess when it decides.
package iam

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Policy is a policy's statements.
type Policy []statement

// statement is one statement of a policy, as far as topics and keys need it.
type statement struct {
	Effect     string
	Principal  any
	Action     any
	Resource   any
	Condition  map[string]map[string]any
	NotAction  any
	NotPrinc   any `json:"NotPrincipal"`
	NotResourc any `json:"NotResource"`
}

// Read reads a policy. What it does not know of IAM's language is an error: a
// test must not pass for what AWS would do otherwise.
func Read(text string) (Policy, error) {
	if text == "" {
		return nil, nil
	}
	var p struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("localaws: read the policy: %w", err)
	}
	var all Policy
	if err := json.Unmarshal(p.Statement, &all); err != nil {
		all = make(Policy, 1)
		if err := json.Unmarshal(p.Statement, &all[0]); err != nil {
			return nil, fmt.Errorf("localaws: read the policy's statements: %w", err)
		}
	}
	for _, s := range all {
		if s.NotAction != nil || s.NotPrinc != nil || s.NotResourc != nil || s.Effect != "Allow" && s.Effect != "Deny" {
			return nil, fmt.Errorf("localaws: a statement of the policy is not understood: %s", text)
		}
		for operator := range s.Condition {
			if operators[operator] == nil {
				return nil, fmt.Errorf("localaws: the condition operator %s is not understood", operator)
			}
		}
	}
	return all, nil
}

// operators are those of conditions that are understood. Those that are not negated
// do not hold for a key that a request lacks.
var operators = map[string]func(patterns []string, value string) bool{
	"StringEquals": slices.Contains[[]string],
	// Of what is asked about topics and keys there is never such a key.
	"Null": func([]string, string) bool { return false }, "Bool": slices.Contains[[]string],
	"ArnEquals": matchesOne, "ArnLike": matchesOne, "StringLike": matchesOne,
}

func matchesOne(patterns []string, value string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(p))
		return regexp.MustCompile("^" + expression + "$").MatchString(value)
	})
}

func texts(value any) []string {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		out := make([]string, len(v))
		for i := range v {
			out[i] = fmt.Sprint(v[i])
		}
		return out
	default:
		return []string{fmt.Sprint(v)}
	}
}

// Question is what policies look at.
type Question struct {
	Action, Resource string
	Keys             map[string]string // of conditions, in lower case
}

// Allows reports whether a policy allows what is asked: a statement does, and
// none denies it. In a policy of a resource's, principal is who asks; in one of
// the caller's own it is "".
func (p Policy) Allows(q Question, principal string) bool {
	allowed := false
	for _, s := range p {
		if !matchesOne(texts(s.Action), q.Action) || !matchesOne(texts(s.Resource), q.Resource) {
			continue
		}
		if principal != "" && !isPrincipal(s.Principal, principal) {
			continue
		}
		holds := true
		for operator, keys := range s.Condition {
			for key, patterns := range keys {
				value, there := q.Keys[strings.ToLower(key)]
				holds = holds && there && operators[operator](texts(patterns), value)
			}
		}
		if !holds {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

// isPrincipal reports whether a statement is about the role: by its ARN, by its
// account's, or as anybody.
func isPrincipal(principal any, role string) bool {
	who, isMap := principal.(map[string]any)
	if !isMap {
		return principal == "*"
	}
	parts := strings.SplitN(role, ":", 6)
	root := strings.Join(append(slices.Clone(parts[:5]), "root"), ":")
	return slices.ContainsFunc(texts(who["AWS"]), func(p string) bool { return p == "*" || p == role || p == root || p == parts[4] })
}
