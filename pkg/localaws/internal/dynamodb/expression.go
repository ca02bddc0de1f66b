package dynamodb

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// expressions reads those of DynamoDB's expressions that are implemented, with
// the placeholders for names and values in them. Names are placeholders in all
// of them, which are never words that DynamoDB reserves. Source: the DynamoDB
// developer guide, "Using expressions in DynamoDB".
type expressions struct {
	names  map[string]string
	values attributes
	used   map[string]bool // by placeholder
}

func newExpressions(in *input) *expressions {
	return &expressions{names: in.Names, values: in.Values, used: map[string]bool{}}
}

// predicate holds an item against a condition; a nil item is one that is not there.
type predicate func(attributes) bool

var (
	absence  = regexp.MustCompile(`^attribute_not_exists\((#\w+)\)$`)
	equality = regexp.MustCompile(`^(#\w+) = (:\w+)$`)
	names    = regexp.MustCompile(`^#\w+(, #\w+)*$`)
)

// condition reads the condition of a write; an empty one always holds.
func (x *expressions) condition(text string) (predicate, *wire.Error) {
	const where = "ConditionExpression"
	if text == "" {
		return func(attributes) bool { return true }, nil
	}
	if m := absence.FindStringSubmatch(text); m != nil {
		name, e := x.name(where, m[1])
		return func(item attributes) bool { return item[name] == nil }, e
	}
	if m := equality.FindStringSubmatch(text); m != nil {
		_, holds, e := x.equality(where, m)
		return holds, e
	}
	return nil, notImplemented("this %s, only attribute_not_exists(#name) and #name = :value: %s", where, text)
}

// keyCondition reads the condition of a query: the partition key is a value.
func (x *expressions) keyCondition(text, partition string) (predicate, *wire.Error) {
	const where = "KeyConditionExpression"
	if text == "" {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	m := equality.FindStringSubmatch(text)
	if m == nil {
		return nil, notImplemented("this %s, only #name = :value: %s", where, text)
	}
	name, holds, e := x.equality(where, m)
	if e == nil && name != partition {
		e = invalid("Query condition missed key schema element: %s", partition)
	}
	return holds, e
}

// equality is "#name = :value" taken apart.
func (x *expressions) equality(where string, m []string) (name string, holds predicate, e *wire.Error) {
	name, e = x.name(where, m[1])
	if e != nil {
		return "", nil, e
	}
	value, ok := x.values[m[2]]
	if !ok {
		return "", nil, invalid("Invalid %s: An expression attribute value used in expression is not defined; attribute value: %s", where, m[2])
	}
	x.used[m[2]] = true
	return name, func(item attributes) bool { return equal(item[name], value) }, checkValue(m[2], value)
}

// projection reads which attributes a scan tells; empty means all.
func (x *expressions) projection(text string) (func(attributes) attributes, *wire.Error) {
	const where = "ProjectionExpression"
	if text == "" {
		return func(item attributes) attributes { return item }, nil
	}
	if !names.MatchString(text) {
		return nil, notImplemented("this %s, only #name, #name …: %s", where, text)
	}
	told := map[string]bool{}
	for placeholder := range strings.SplitSeq(text, ", ") {
		name, e := x.name(where, placeholder)
		if e != nil {
			return nil, e
		}
		told[name] = true
	}
	return func(item attributes) attributes {
		out := maps.Clone(item)
		maps.DeleteFunc(out, func(name string, _ any) bool { return !told[name] })
		return out
	}, nil
}

// name is the attribute that a placeholder stands for.
func (x *expressions) name(where, placeholder string) (string, *wire.Error) {
	name, ok := x.names[placeholder]
	if !ok {
		return "", invalid("Invalid %s: An expression attribute name used in the document path is not defined; attribute name: %s",
			where, placeholder)
	}
	x.used[placeholder] = true
	return name, nil
}

// unused refuses placeholders that no expression used, as DynamoDB does.
func (x *expressions) unused() *wire.Error {
	isUsed := func(placeholder string) bool { return x.used[placeholder] }
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(x.names)), isUsed)
	values := slices.DeleteFunc(slices.Sorted(maps.Keys(x.values)), isUsed)
	switch {
	case len(names) > 0:
		return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", strings.Join(names, ", "))
	case len(values) > 0:
		return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", strings.Join(values, ", "))
	default:
		return nil
	}
}
