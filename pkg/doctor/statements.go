package doctor

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// sortJSON orders values by how JSON writes them.
func sortJSON(values []any) {
	slices.SortFunc(values, func(a, b any) int { return strings.Compare(asText(a), asText(b)) })
}

// policyDocument reads a policy of IAM's language: JSON, which some services write as
// they would an address.
func policyDocument(written string) (any, error) {
	if strings.HasPrefix(written, "%7B") {
		plain, err := url.PathUnescape(written)
		if err != nil {
			return nil, fmt.Errorf("read the policy: %w", err)
		}
		written = plain
	}
	if written == "" {
		return map[string]any{}, nil
	}
	var out any
	if err := json.Unmarshal([]byte(written), &out); err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	return out, nil
}

// statement is one of a policy: what it does, in one spelling, and how people call it.
type statement struct {
	meaning any
	name    string
}

// statements returns those of a policy document, each in one spelling: lists that are
// sorted, where one text would do, too, and whoever is meant by * as AWS: *. Source:
// the IAM user guide, "IAM JSON policy element reference".
func statements(document any) []statement {
	d, _ := document.(map[string]any)
	all, isList := d["Statement"].([]any)
	if !isList && d["Statement"] != nil {
		all = []any{d["Statement"]}
	}
	var out []statement
	for _, one := range all {
		s, _ := one.(map[string]any)
		meaning := map[string]any{}
		for element, value := range s {
			switch element {
			case "Sid":
			case "Principal", "NotPrincipal":
				if value == "*" {
					value = map[string]any{"AWS": "*"}
				}
				meaning[element] = listed(value)
			case "Action", "NotAction":
				meaning[element] = lower(listed(value))
			case "Condition":
				meaning[element] = conditions(value)
			case "Resource", "NotResource":
				meaning[element] = listed(value)
			default:
				meaning[element] = value
			}
		}
		name, _ := s["Sid"].(string)
		if name == "" {
			name = fmt.Sprintf("%v %v", s["Effect"], s["Action"])
		}
		out = append(out, statement{tidy(meaning), name})
	}
	return out
}

// asText is a value of JSON as the services write it that know nothing but text.
func asText(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	encoded, _ := json.Marshal(value) // Of what was JSON before.
	return string(encoded)
}

// listed makes a list of what may be one text, also one level deeper.
func listed(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, item := range v {
			out[name] = listed(item)
		}
		return out
	case []any:
		return v
	default:
		return []any{fmt.Sprint(v)}
	}
}

func lower(value any) any {
	list, _ := value.([]any)
	out := make([]any, len(list))
	for i, item := range list {
		out[i] = strings.ToLower(fmt.Sprint(item))
	}
	return out
}

// conditions have keys that are spelled in any case, and values that are all text.
func conditions(value any) any {
	operators, _ := value.(map[string]any)
	out := map[string]any{}
	for operator, keys := range operators {
		lowered := map[string]any{}
		k, _ := keys.(map[string]any)
		for name, values := range k {
			list, isList := values.([]any)
			if !isList {
				list = []any{values}
			}
			words := make([]any, len(list))
			for i := range list {
				words[i] = asText(list[i])
			}
			lowered[strings.ToLower(name)] = words
		}
		out[operator] = lowered
	}
	return out
}

// policyDifferences says which statements one policy has and the other, which was
// deployed, has not, and the other way round. What names them is the policy's Sid,
// which means nothing.
func policyDifferences(want, got any) []string {
	wanted, there := statements(want), statements(got)
	var out []string
	for _, s := range without(there, wanted) {
		out = append(out, fmt.Sprintf("the statement %s was not deployed: %s", s.name, shown(s.meaning)))
	}
	for _, s := range without(wanted, there) {
		out = append(out, fmt.Sprintf("the statement %s is missing or changed", s.name))
	}
	return out
}

// without returns those of the statements whose meaning none of the others has.
func without(all, others []statement) []statement {
	return slices.DeleteFunc(slices.Clone(all), func(s statement) bool {
		return slices.ContainsFunc(others, func(o statement) bool { return reflect.DeepEqual(s.meaning, o.meaning) })
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
