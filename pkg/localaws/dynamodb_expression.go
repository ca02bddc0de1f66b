package localaws

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// expressions reads DynamoDB's expressions, with the names and values that
// stand for placeholders in them. Source: the DynamoDB developer guide,
// "Using expressions in DynamoDB".
type expressions struct {
	names      map[string]string
	values     attributes
	usedNames  map[string]bool
	usedValues map[string]bool

	tokens []string
	at     int
}

func newExpressions(names map[string]string, values attributes) *expressions {
	return &expressions{names: names, values: values, usedNames: map[string]bool{}, usedValues: map[string]bool{}}
}

// expressionError is what DynamoDB says of an expression, in its words.
type expressionError string

func (e expressionError) Error() string { return string(e) }

func wrong(format string, args ...any) error {
	return expressionError(fmt.Sprintf(format, args...))
}

// predicate holds an item against a condition; a nil item is one that is not there.
type predicate func(attributes) (bool, error)

// operand is a value of an item or a constant; ok is false where there is none.
type operand func(attributes) (value any, ok bool, err error)

// step is one step of a document path: into a map by name or a list by index.
type step struct {
	name  string
	index int // used when name is empty
}

type path []step

func (p path) String() string {
	text := ""
	for _, s := range p {
		switch {
		case s.name == "":
			text += "[" + strconv.Itoa(s.index) + "]"
		case text == "":
			text = s.name
		default:
			text += "." + s.name
		}
	}
	return text
}

// get follows the path.
func (p path) get(item attributes) (any, bool) {
	var value any = map[string]any{"M": item}
	for _, s := range p {
		typ, content := typed(value)
		switch {
		case s.name != "" && typ == "M":
			m, _ := content.(map[string]any)
			next, ok := m[s.name]
			if !ok {
				return nil, false
			}
			value = next
		case s.name == "" && typ == "L":
			list, _ := content.([]any)
			if s.index >= len(list) {
				return nil, false
			}
			value = list[s.index]
		default:
			return nil, false
		}
	}
	return value, true
}

// put sets the value at the path, and makes maps on the way: for projections.
func (p path) put(item attributes, value any) {
	for _, s := range p[:len(p)-1] {
		if s.name == "" {
			break
		}
		_, content := typed(item[s.name])
		inner, ok := content.(map[string]any)
		if !ok {
			inner = attributes{}
			item[s.name] = map[string]any{"M": inner}
		}
		item = inner
	}
	for i := len(p) - 1; i >= 0; i-- {
		if p[i].name != "" {
			item[p[i].name] = value
			return
		}
		value = map[string]any{"L": []any{value}}
	}
}

var errNoPath = wrong("The document path provided in the update expression is invalid for update")

// set puts the value at the path; everything above it must be there.
func (p path) set(item attributes, value any) error {
	last := p[len(p)-1]
	parent, ok := p[:len(p)-1].get(item)
	typ, content := typed(parent)
	switch {
	case ok && last.name != "" && typ == "M":
		content.(map[string]any)[last.name] = value
		return nil
	case ok && last.name == "" && typ == "L":
		list := content.([]any)
		if last.index < len(list) {
			list[last.index] = value
		} else {
			parent.(map[string]any)["L"] = append(list, value)
		}
		return nil
	default:
		return errNoPath
	}
}

// remove takes the value at the path away, if there is one.
func (p path) remove(item attributes) error {
	last := p[len(p)-1]
	parent, ok := p[:len(p)-1].get(item)
	typ, content := typed(parent)
	switch {
	case ok && last.name != "" && typ == "M":
		delete(content.(map[string]any), last.name)
		return nil
	case ok && last.name == "" && typ == "L":
		list := content.([]any)
		if last.index < len(list) {
			parent.(map[string]any)["L"] = slices.Delete(slices.Clone(list), last.index, last.index+1)
		}
		return nil
	default:
		return errNoPath
	}
}

// start splits an expression into its words and signs.
func (x *expressions) start(text string) error {
	x.tokens, x.at = nil, 0
	for i := 0; i < len(text); {
		c := rune(text[i])
		switch {
		case unicode.IsSpace(c):
			i++
		case strings.HasPrefix(text[i:], "<>"), strings.HasPrefix(text[i:], "<="), strings.HasPrefix(text[i:], ">="):
			x.tokens = append(x.tokens, text[i:i+2])
			i += 2
		case strings.ContainsRune("=<>(),.[]+-", c):
			x.tokens = append(x.tokens, text[i:i+1])
			i++
		case c == '#' || c == ':' || c == '_' || c < 128 && (unicode.IsLetter(c) || unicode.IsDigit(c)):
			end := i + 1
			for end < len(text) && (text[end] == '_' || text[end] < 128 && (unicode.IsLetter(rune(text[end])) || unicode.IsDigit(rune(text[end])))) {
				end++
			}
			x.tokens = append(x.tokens, text[i:end])
			i = end
		default:
			return wrong("Syntax error; token: %q, near: %q", string(c), text[max(0, i-8):min(len(text), i+8)])
		}
	}
	if len(x.tokens) == 0 {
		return wrong("The expression can not be empty;")
	}
	return nil
}

func (x *expressions) peek() string {
	if x.at < len(x.tokens) {
		return x.tokens[x.at]
	}
	return ""
}

func (x *expressions) next() string {
	token := x.peek()
	x.at++
	return token
}

func (x *expressions) word(words ...string) bool {
	for _, w := range words {
		if strings.EqualFold(x.peek(), w) {
			x.at++
			return true
		}
	}
	return false
}

func (x *expressions) expect(token string) error {
	if x.peek() != token {
		return x.syntax()
	}
	x.at++
	return nil
}

func (x *expressions) syntax() error {
	token := x.peek()
	if token == "" {
		token = "<EOF>"
	}
	return wrong("Syntax error; token: %q, near: %q", token, strings.Join(x.tokens[max(0, x.at-2):min(len(x.tokens), x.at+2)], " "))
}

func (x *expressions) end() error {
	if x.at < len(x.tokens) {
		return x.syntax()
	}
	return nil
}

func (x *expressions) condition(text string) (predicate, error) {
	if err := x.start(text); err != nil {
		return nil, err
	}
	p, err := x.or()
	if err != nil {
		return nil, err
	}
	return p, x.end()
}

func (x *expressions) or() (predicate, error) {
	left, err := x.and()
	for err == nil && x.word("OR") {
		var right predicate
		right, err = x.and()
		l := left
		left = func(item attributes) (bool, error) {
			holds, err := l(item)
			if err != nil || holds {
				return holds, err
			}
			return right(item)
		}
	}
	return left, err
}

func (x *expressions) and() (predicate, error) {
	left, err := x.not()
	for err == nil && x.word("AND") {
		var right predicate
		right, err = x.not()
		l := left
		left = func(item attributes) (bool, error) {
			holds, err := l(item)
			if err != nil || !holds {
				return false, err
			}
			return right(item)
		}
	}
	return left, err
}

func (x *expressions) not() (predicate, error) {
	if !x.word("NOT") {
		return x.primary()
	}
	inner, err := x.not()
	if err != nil {
		return nil, err
	}
	return func(item attributes) (bool, error) {
		holds, err := inner(item)
		return !holds, err
	}, nil
}

func (x *expressions) primary() (predicate, error) {
	if x.peek() == "(" {
		x.at++
		p, err := x.or()
		if err != nil {
			return nil, err
		}
		return p, x.expect(")")
	}
	if x.at+1 < len(x.tokens) && x.tokens[x.at+1] == "(" && !strings.EqualFold(x.peek(), "size") {
		return x.function()
	}
	left, err := x.operand()
	if err != nil {
		return nil, err
	}
	switch {
	case x.word("BETWEEN"):
		low, err := x.operand()
		if err != nil {
			return nil, err
		}
		if !x.word("AND") {
			return nil, x.syntax()
		}
		high, err := x.operand()
		if err != nil {
			return nil, err
		}
		return both(comparison(">=", left, low), comparison("<=", left, high)), nil
	case x.word("IN"):
		return x.in(left)
	}
	operator := x.next()
	switch operator {
	case "=", "<>", "<", "<=", ">", ">=":
	default:
		x.at--
		return nil, x.syntax()
	}
	right, err := x.operand()
	if err != nil {
		return nil, err
	}
	return comparison(operator, left, right), nil
}

func both(p, q predicate) predicate {
	return func(item attributes) (bool, error) {
		holds, err := p(item)
		if err != nil || !holds {
			return false, err
		}
		return q(item)
	}
}

func (x *expressions) in(left operand) (predicate, error) {
	if err := x.expect("("); err != nil {
		return nil, err
	}
	var choices []predicate
	for {
		right, err := x.operand()
		if err != nil {
			return nil, err
		}
		choices = append(choices, comparison("=", left, right))
		if x.peek() != "," {
			break
		}
		x.at++
	}
	return func(item attributes) (bool, error) {
		for _, choice := range choices {
			if holds, err := choice(item); err != nil || holds {
				return holds, err
			}
		}
		return false, nil
	}, x.expect(")")
}

// comparison compares as DynamoDB does: values of different types are not
// equal and in no order, and what is missing differs from everything.
func comparison(operator string, left, right operand) predicate {
	return func(item attributes) (bool, error) {
		l, lok, err := left(item)
		if err != nil {
			return false, err
		}
		r, rok, err := right(item)
		if err != nil {
			return false, err
		}
		switch operator {
		case "=":
			return lok && rok && equal(l, r), nil
		case "<>":
			return !lok || !rok || !equal(l, r), nil
		}
		if !lok || !rok {
			return false, nil
		}
		c, ordered := compare(l, r)
		if !ordered {
			return false, nil
		}
		switch operator {
		case "<":
			return c < 0, nil
		case "<=":
			return c <= 0, nil
		case ">":
			return c > 0, nil
		default:
			return c >= 0, nil
		}
	}
}

func (x *expressions) function() (predicate, error) {
	name := x.next()
	x.at++ // the parenthesis
	switch name {
	case "attribute_exists", "attribute_not_exists":
		p, err := x.path()
		if err != nil {
			return nil, err
		}
		want := name == "attribute_exists"
		return func(item attributes) (bool, error) {
			_, ok := p.get(item)
			return ok == want, nil
		}, x.expect(")")
	case "attribute_type", "begins_with", "contains":
		left, err := x.operand()
		if err != nil {
			return nil, err
		}
		if err := x.expect(","); err != nil {
			return nil, err
		}
		right, err := x.operand()
		if err != nil {
			return nil, err
		}
		return func(item attributes) (bool, error) {
			l, lok, err := left(item)
			if err != nil || !lok {
				return false, err
			}
			r, rok, err := right(item)
			if err != nil || !rok {
				return false, err
			}
			return holdsFunction(name, l, r), nil
		}, x.expect(")")
	default:
		return nil, wrong("Invalid function name; function: %s", name)
	}
}

func holdsFunction(name string, left, right any) bool {
	lt, l := typed(left)
	rt, r := typed(right)
	switch name {
	case "attribute_type":
		return rt == "S" && r == lt
	case "begins_with":
		ls, lok := bytesOf(left)
		rs, rok := bytesOf(right)
		return lt == rt && lok && rok && strings.HasPrefix(ls, rs)
	default: // contains
		if lt == "S" && rt == "S" {
			return strings.Contains(l.(string), r.(string))
		}
		elements, _ := l.([]any)
		for _, element := range elements {
			if lt != "L" {
				// SS holds S, NS holds N, BS holds B.
				element = map[string]any{lt[:1]: element}
			}
			if equal(element, right) {
				return true
			}
		}
		return false
	}
}

func (x *expressions) operand() (operand, error) {
	token := x.peek()
	switch {
	case strings.HasPrefix(token, ":"):
		x.at++
		value, ok := x.values[token]
		if !ok {
			return nil, wrong("An expression attribute value used in expression is not defined; attribute value: %s", token)
		}
		x.usedValues[token] = true
		return func(attributes) (any, bool, error) { return value, true, nil }, nil
	case strings.EqualFold(token, "size") && x.at+1 < len(x.tokens) && x.tokens[x.at+1] == "(":
		x.at += 2
		p, err := x.path()
		if err != nil {
			return nil, err
		}
		return func(item attributes) (any, bool, error) {
			value, ok := p.get(item)
			if !ok {
				return nil, false, nil
			}
			n, ok := sizeOf(value)
			return map[string]any{"N": strconv.Itoa(n)}, ok, nil
		}, x.expect(")")
	default:
		p, err := x.path()
		if err != nil {
			return nil, err
		}
		return func(item attributes) (any, bool, error) {
			value, ok := p.get(item)
			return value, ok, nil
		}, nil
	}
}

func sizeOf(value any) (int, bool) {
	typ, content := typed(value)
	switch c := content.(type) {
	case string:
		if typ == "B" {
			raw, ok := bytesOf(value)
			return len(raw), ok
		}
		return len(c), typ == "S"
	case []any:
		return len(c), true
	case map[string]any:
		return len(c), true
	default:
		return 0, false
	}
}

func (x *expressions) path() (path, error) {
	first, err := x.name()
	if err != nil {
		return nil, err
	}
	p := path{{name: first}}
	for {
		switch x.peek() {
		case ".":
			x.at++
			name, err := x.name()
			if err != nil {
				return nil, err
			}
			p = append(p, step{name: name})
		case "[":
			x.at++
			index, err := strconv.Atoi(x.next())
			if err != nil || index < 0 {
				x.at--
				return nil, x.syntax()
			}
			p = append(p, step{index: index})
			if err := x.expect("]"); err != nil {
				return nil, err
			}
		default:
			return p, nil
		}
	}
}

func (x *expressions) name() (string, error) {
	token := x.peek()
	switch {
	case strings.HasPrefix(token, "#"):
		x.at++
		name, ok := x.names[token]
		if !ok {
			return "", wrong("An expression attribute name used in the document path is not defined; attribute name: %s", token)
		}
		x.usedNames[token] = true
		return name, nil
	case token == "" || !unicode.IsLetter(rune(token[0])):
		return "", x.syntax()
	case reservedWord(token):
		return "", wrong("Attribute name is a reserved keyword; reserved keyword: %s", token)
	default:
		x.at++
		return token, nil
	}
}

func (x *expressions) projection(text string) ([]path, error) {
	if err := x.start(text); err != nil {
		return nil, err
	}
	var paths []path
	for {
		p, err := x.path()
		if err != nil {
			return nil, err
		}
		paths = append(paths, p)
		if x.peek() != "," {
			return paths, x.end()
		}
		x.at++
	}
}

// keyCondition reads a key condition: the partition key equal to a value, and
// possibly a condition on the sort key.
func (x *expressions) keyCondition(text, partition, sort string) (predicate, error) {
	p, err := x.condition(text)
	if err != nil {
		return nil, err
	}
	partitionEqual := false
	for i, token := range x.tokens {
		switch upper := strings.ToUpper(token); upper {
		case "OR", "NOT", "<>", "IN":
			return nil, wrong("Invalid operator used in KeyConditionExpression: %s", upper)
		default:
			name := token
			if resolved, ok := x.names[token]; ok {
				name = resolved
			} else if strings.HasPrefix(token, ":") || !unicode.IsLetter(rune(token[0])) ||
				upper == "AND" || upper == "BETWEEN" || token == "begins_with" {
				continue
			}
			switch name {
			case partition:
				if i+1 >= len(x.tokens) || x.tokens[i+1] != "=" {
					return nil, wrong("Query key condition not supported")
				}
				partitionEqual = true
			case sort:
			default:
				return nil, wrong("Query condition missed key schema element: %s", name)
			}
		}
	}
	if !partitionEqual {
		return nil, wrong("Query condition missed key schema element: %s", partition)
	}
	return p, nil
}

// change is an update expression.
type change struct {
	sets    []assignment
	removes []path
	adds    []assignment
	deletes []assignment
}

type assignment struct {
	path  path
	value operand
}

func (c *change) paths() []path {
	var out []path
	for _, s := range c.sets {
		out = append(out, s.path)
	}
	out = append(out, c.removes...)
	for _, s := range c.adds {
		out = append(out, s.path)
	}
	for _, s := range c.deletes {
		out = append(out, s.path)
	}
	return out
}

func (x *expressions) update(text string) (*change, error) {
	c := &change{}
	if text == "" {
		return c, nil
	}
	if err := x.start(text); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for x.at < len(x.tokens) {
		section := strings.ToUpper(x.next())
		if seen[section] {
			return nil, wrong("The %q section can only be used once in an update expression;", section)
		}
		seen[section] = true
		for {
			if err := x.clause(c, section); err != nil {
				return nil, err
			}
			if x.peek() != "," {
				break
			}
			x.at++
		}
	}
	var known []string
	for _, p := range c.paths() {
		text := p.String()
		for _, other := range known {
			if other == text || strings.HasPrefix(other, text+".") || strings.HasPrefix(text, other+".") {
				return nil, wrong("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [%s], path two: [%s]", other, text)
			}
		}
		known = append(known, text)
	}
	return c, nil
}

func (x *expressions) clause(c *change, section string) error {
	switch section {
	case "SET", "REMOVE", "ADD", "DELETE":
	default:
		x.at--
		return x.syntax()
	}
	p, err := x.path()
	if err != nil {
		return err
	}
	switch section {
	case "REMOVE":
		c.removes = append(c.removes, p)
		return nil
	case "SET":
		if err := x.expect("="); err != nil {
			return err
		}
		value, err := x.sum()
		if err != nil {
			return err
		}
		c.sets = append(c.sets, assignment{p, value})
		return nil
	}
	value, err := x.operand()
	if err != nil {
		return err
	}
	if section == "ADD" {
		c.adds = append(c.adds, assignment{p, value})
	} else {
		c.deletes = append(c.deletes, assignment{p, value})
	}
	return nil
}

var errNoAttribute = wrong("The provided expression refers to an attribute that does not exist in the item")

// sum is the right side of SET: a value, or two with + or - between them.
func (x *expressions) sum() (operand, error) {
	left, err := x.setOperand()
	if err != nil {
		return nil, err
	}
	sign := x.peek()
	if sign != "+" && sign != "-" {
		return left, nil
	}
	x.at++
	right, err := x.setOperand()
	if err != nil {
		return nil, err
	}
	return func(item attributes) (any, bool, error) {
		l, lok, err := left(item)
		if err != nil {
			return nil, false, err
		}
		r, rok, err := right(item)
		if err != nil {
			return nil, false, err
		}
		if !lok || !rok {
			return nil, false, errNoAttribute
		}
		ln, lok := numberOf(l)
		rn, rok := numberOf(r)
		if !lok || !rok {
			return nil, false, errOperandType
		}
		if sign == "-" {
			rn = new(big.Rat).Neg(rn)
		}
		return numberValue(new(big.Rat).Add(ln, rn)), true, nil
	}, nil
}

func (x *expressions) setOperand() (operand, error) {
	if x.at+1 >= len(x.tokens) || x.tokens[x.at+1] != "(" {
		return x.operand()
	}
	name := x.next()
	x.at++
	switch name {
	case "if_not_exists":
		p, err := x.path()
		if err != nil {
			return nil, err
		}
		if err := x.expect(","); err != nil {
			return nil, err
		}
		fallback, err := x.operand()
		if err != nil {
			return nil, err
		}
		return func(item attributes) (any, bool, error) {
			if value, ok := p.get(item); ok {
				return value, true, nil
			}
			return fallback(item)
		}, x.expect(")")
	case "list_append":
		left, err := x.setOperand()
		if err != nil {
			return nil, err
		}
		if err := x.expect(","); err != nil {
			return nil, err
		}
		right, err := x.setOperand()
		if err != nil {
			return nil, err
		}
		return func(item attributes) (any, bool, error) {
			var joined []any
			for _, side := range []operand{left, right} {
				value, ok, err := side(item)
				if err != nil {
					return nil, false, err
				}
				if !ok {
					return nil, false, errNoAttribute
				}
				typ, content := typed(value)
				if typ != "L" {
					return nil, false, errOperandType
				}
				joined = append(joined, content.([]any)...)
			}
			return map[string]any{"L": joined}, true, nil
		}, x.expect(")")
	default:
		return nil, wrong("Invalid function name; function: %s", name)
	}
}

// apply changes fresh, a copy of old; every value is worked out of old.
func (c *change) apply(old, fresh attributes) error {
	for _, s := range c.sets {
		value, ok, err := s.value(old)
		if err != nil {
			return err
		}
		if !ok {
			return errNoAttribute
		}
		if err := s.path.set(fresh, copyValue(value)); err != nil {
			return err
		}
	}
	for _, p := range c.removes {
		if err := p.remove(fresh); err != nil {
			return err
		}
	}
	for _, s := range c.adds {
		value, _, err := s.value(old)
		if err != nil {
			return err
		}
		present, ok := s.path.get(old)
		sum, err := added(present, ok, value)
		if err != nil {
			return err
		}
		if err := s.path.set(fresh, sum); err != nil {
			return err
		}
	}
	for _, s := range c.deletes {
		value, _, err := s.value(old)
		if err != nil {
			return err
		}
		present, ok := s.path.get(old)
		if !ok {
			continue
		}
		rest, err := without(present, value)
		if err != nil {
			return err
		}
		if rest == nil {
			err = s.path.remove(fresh)
		} else {
			err = s.path.set(fresh, rest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var errOperandType = wrong("An operand in the update expression has an incorrect data type")

func added(present any, ok bool, value any) (any, error) {
	typ, content := typed(value)
	switch typ {
	case "N":
		sum, valid := numberOf(value)
		if ok {
			n, isNumber := numberOf(present)
			if !isNumber {
				return nil, errOperandType
			}
			sum = new(big.Rat).Add(n, sum)
		}
		if !valid {
			return nil, errOperandType
		}
		return numberValue(sum), nil
	case "SS", "NS", "BS":
		union := slices.Clone(content.([]any))
		if ok {
			presentType, elements := typed(present)
			if presentType != typ {
				return nil, errOperandType
			}
			for _, element := range elements.([]any) {
				if !slices.Contains(union, element) {
					union = append(union, element)
				}
			}
		}
		return map[string]any{typ: union}, nil
	default:
		return nil, errOperandType
	}
}

// without takes the elements of one set out of another; nil means that nothing
// is left.
func without(present, value any) (any, error) {
	typ, content := typed(value)
	presentType, elements := typed(present)
	gone, ok := content.([]any)
	if !ok || typ == "L" || typ != presentType {
		return nil, errOperandType
	}
	rest := slices.DeleteFunc(slices.Clone(elements.([]any)), func(element any) bool { return slices.Contains(gone, element) })
	if len(rest) == 0 {
		return nil, nil
	}
	return map[string]any{typ: rest}, nil
}

func numberOf(value any) (*big.Rat, bool) {
	typ, content := typed(value)
	text, ok := content.(string)
	if typ != "N" || !ok || strings.Contains(text, "/") {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

func numberValue(n *big.Rat) any {
	if n.IsInt() {
		return map[string]any{"N": n.Num().String()}
	}
	// DynamoDB keeps 38 digits.
	return map[string]any{"N": strings.TrimRight(n.FloatString(38), "0")}
}

// bytesOf is a text, or what a binary value decodes to.
func bytesOf(value any) (string, bool) {
	typ, content := typed(value)
	text, ok := content.(string)
	switch {
	case typ == "S" && ok:
		return text, true
	case typ == "B" && ok:
		raw, err := base64.StdEncoding.DecodeString(text)
		return string(raw), err == nil
	default:
		return "", false
	}
}

func equal(x, y any) bool {
	if xn, ok := numberOf(x); ok {
		yn, ok := numberOf(y)
		return ok && xn.Cmp(yn) == 0
	}
	xt, xc := typed(x)
	yt, yc := typed(y)
	if xt != yt {
		return false
	}
	switch xt {
	case "SS", "NS", "BS":
		xs, ys := asStrings(xc), asStrings(yc)
		slices.Sort(xs)
		slices.Sort(ys)
		return slices.Equal(xs, ys)
	default:
		return reflect.DeepEqual(xc, yc)
	}
}

// compare orders two values of one type that has an order.
func compare(x, y any) (int, bool) {
	if xn, ok := numberOf(x); ok {
		yn, ok := numberOf(y)
		if !ok {
			return 0, false
		}
		return xn.Cmp(yn), true
	}
	xt, _ := typed(x)
	yt, _ := typed(y)
	xs, xok := bytesOf(x)
	ys, yok := bytesOf(y)
	if xt != yt || !xok || !yok {
		return 0, false
	}
	return strings.Compare(xs, ys), true
}
