package eventbridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// Match reports whether an event pattern of EventBridge's matches an
// event. It knows values in lists, nested objects, $or, and the filters
// exists, prefix, suffix, equals-ignore-case, anything-but, numeric and
// wildcard; a pattern with anything else, or that AWS would refuse, is an
// error. Source: the EventBridge user guide, "Event patterns".
func Match(pattern, event []byte) (bool, error) {
	p, err := parsePattern(pattern)
	if err != nil {
		return false, err
	}
	e, err := parseJSON(event)
	if err != nil {
		return false, fmt.Errorf("the event is not a JSON object: %w", err)
	}
	return matchObject(p, e), nil
}

func parseJSON(data []byte) (map[string]any, error) {
	var out map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return nil, err
	}
	return out, nil
}

func parsePattern(data []byte) (map[string]any, error) {
	p, err := parseJSON(data)
	if err != nil {
		return nil, fmt.Errorf("the pattern is not a JSON object: %w", err)
	}
	if len(p) == 0 {
		return nil, errors.New("the pattern is empty")
	}
	return p, checkPattern(p, "")
}

func checkPattern(p map[string]any, at string) error {
	for name, value := range p {
		here := strings.TrimPrefix(at+"."+name, ".")
		switch v := value.(type) {
		case map[string]any:
			if len(v) == 0 {
				return fmt.Errorf("%s: an empty object is not allowed", here)
			}
			if err := checkPattern(v, here); err != nil {
				return err
			}
		case []any:
			if len(v) == 0 {
				return fmt.Errorf("%s: an empty list is not allowed", here)
			}
			for _, element := range v {
				if name == "$or" {
					branch, ok := element.(map[string]any)
					if !ok {
						return fmt.Errorf("%s: the elements must be objects", here)
					}
					if err := checkPattern(branch, here); err != nil {
						return err
					}
					continue
				}
				if err := checkElement(element, here); err != nil {
					return err
				}
			}
		default:
			return fmt.Errorf("%s must be an object or a list", here)
		}
	}
	return nil
}

func checkElement(element any, at string) error {
	switch e := element.(type) {
	case []any:
		return fmt.Errorf("%s: a list within a list is not allowed", at)
	case map[string]any:
		if len(e) != 1 {
			return fmt.Errorf("%s: a filter has one key, not %d", at, len(e))
		}
		for name, operand := range e {
			if ok := filterFits(name, operand); !ok {
				return fmt.Errorf("%s: localaws does not know the filter %s: %s", at, name, wire.JSON(operand))
			}
		}
	}
	return nil
}

func filterFits(name string, operand any) bool {
	switch name {
	case "exists":
		_, ok := operand.(bool)
		return ok
	case "prefix", "suffix":
		if ignoring, ok := operand.(map[string]any); ok {
			operand = ignoring["equals-ignore-case"]
		}
		_, ok := operand.(string)
		return ok
	case "equals-ignore-case", "wildcard":
		_, ok := operand.(string)
		return ok
	case "anything-but":
		filter, ok := operand.(map[string]any)
		if !ok {
			return operand != nil
		}
		for name, inner := range filter {
			switch name {
			case "prefix", "suffix", "equals-ignore-case", "wildcard":
				return len(filter) == 1 && (filterFits(name, inner) || isList(inner))
			}
		}
		return false
	case "numeric":
		list, ok := operand.([]any)
		if !ok || len(list) == 0 || len(list)%2 != 0 {
			return false
		}
		for i := 0; i < len(list); i += 2 {
			operator, isText := list[i].(string)
			_, isNumber := list[i+1].(json.Number)
			if !isText || !isNumber || !slices.Contains([]string{"=", "<", "<=", ">", ">="}, operator) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}

func matchObject(pattern, event map[string]any) bool {
	for name, want := range pattern {
		if branches, ok := want.([]any); ok && name == "$or" {
			if !matchAny(branches, event) {
				return false
			}
			continue
		}
		have, present := event[name]
		if !matchMember(want, have, present) {
			return false
		}
	}
	return true
}

func matchAny(branches []any, event map[string]any) bool {
	for _, branch := range branches {
		if matchObject(branch.(map[string]any), event) {
			return true
		}
	}
	return false
}

func matchMember(want, have any, present bool) bool {
	switch w := want.(type) {
	case map[string]any:
		switch h := have.(type) {
		case map[string]any:
			return matchObject(w, h)
		case []any:
			for _, element := range h {
				if object, ok := element.(map[string]any); ok && matchObject(w, object) {
					return true
				}
			}
			return false
		default:
			// Nothing is there to look into; only an absence can match.
			return matchObject(w, nil)
		}
	case []any:
		leaves := leavesOf(have, present)
		for _, element := range w {
			if matchElement(element, leaves) {
				return true
			}
		}
	}
	return false
}

// leavesOf are the values that a list of a pattern is held against. An object
// is no leaf: for exists, it is not there.
func leavesOf(have any, present bool) []any {
	if !present {
		return nil
	}
	switch h := have.(type) {
	case map[string]any:
		return nil
	case []any:
		var leaves []any
		for _, element := range h {
			leaves = append(leaves, leavesOf(element, true)...)
		}
		return leaves
	default:
		return []any{have}
	}
}

func matchElement(element any, leaves []any) bool {
	filter, ok := element.(map[string]any)
	if !ok {
		for _, leaf := range leaves {
			if leaf == element {
				return true
			}
		}
		return false
	}
	for name, operand := range filter {
		if name == "exists" {
			return (len(leaves) > 0) == operand.(bool)
		}
		for _, leaf := range leaves {
			if matchFilter(name, operand, leaf) {
				return true
			}
		}
	}
	return false
}

func matchFilter(name string, operand, leaf any) bool {
	text, isText := leaf.(string)
	switch name {
	case "prefix":
		if ignoring, ok := operand.(map[string]any); ok {
			return isText && strings.HasPrefix(strings.ToLower(text), strings.ToLower(ignoring["equals-ignore-case"].(string)))
		}
		return isText && strings.HasPrefix(text, operand.(string))
	case "suffix":
		if ignoring, ok := operand.(map[string]any); ok {
			return isText && strings.HasSuffix(strings.ToLower(text), strings.ToLower(ignoring["equals-ignore-case"].(string)))
		}
		return isText && strings.HasSuffix(text, operand.(string))
	case "equals-ignore-case":
		return isText && strings.EqualFold(text, operand.(string))
	case "wildcard":
		return isText && matchWildcard(operand.(string), text)
	case "anything-but":
		return !matchBut(operand, leaf)
	case "numeric":
		return matchNumeric(operand.([]any), leaf)
	default:
		return false
	}
}

// matchBut reports whether a leaf is what anything-but leaves out.
func matchBut(operand, leaf any) bool {
	switch o := operand.(type) {
	case []any:
		for _, element := range o {
			if matchBut(element, leaf) {
				return true
			}
		}
		return false
	case map[string]any:
		for name, inner := range o {
			list, ok := inner.([]any)
			if !ok {
				list = []any{inner}
			}
			for _, element := range list {
				if _, isText := element.(string); isText && matchFilter(name, element, leaf) {
					return true
				}
			}
		}
		return false
	default:
		return leaf == operand
	}
}

func matchNumeric(operand []any, leaf any) bool {
	number, ok := leaf.(json.Number)
	if !ok {
		return false
	}
	value, ok := new(big.Rat).SetString(string(number))
	if !ok {
		return false
	}
	for i := 0; i < len(operand); i += 2 {
		bound, ok := new(big.Rat).SetString(string(operand[i+1].(json.Number)))
		if !ok {
			return false
		}
		c := value.Cmp(bound)
		switch operand[i].(string) {
		case "=":
			ok = c == 0
		case "<":
			ok = c < 0
		case "<=":
			ok = c <= 0
		case ">":
			ok = c > 0
		case ">=":
			ok = c >= 0
		}
		if !ok {
			return false
		}
	}
	return true
}

func matchWildcard(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, parts[last])
}
