package cloudtrail

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/endpointguard/endpointguard/pkg/text"
)

// maxText is how many bytes of a foreign text are kept.
const maxText = 1024

// value is a JSON value that has not been looked into yet, nil if absent. Its
// methods never fail: of another type than expected it is as good as absent,
// so that a field nobody needs can be anything.
type value []byte

// UnmarshalJSON keeps the value as it stands.
func (v *value) UnmarshalJSON(data []byte) error {
	*v = append(value(nil), data...)
	return nil
}

func quoted(s string) value {
	out, _ := json.Marshal(s) // of a string it never fails
	return out
}

func (v value) absent() bool {
	return len(v) == 0 || string(v) == "null"
}

func (v value) isString() bool {
	return len(v) > 0 && v[0] == '"'
}

func (v value) str() (string, bool) {
	if !v.isString() {
		return "", false
	}
	var s string
	err := json.Unmarshal(v, &s)
	return s, err == nil
}

// boolean reads true, false, "true" and "false".
func (v value) boolean() (is, ok bool) {
	text := string(v)
	if s, ok := v.str(); ok {
		text = strings.ToLower(strings.TrimSpace(s))
	}
	return text == "true", text == "true" || text == "false"
}

func (v value) number() (float64, bool) {
	var f float64
	if v.absent() || json.Unmarshal(v, &f) != nil {
		return 0, false
	}
	return f, true
}

func (v value) array() ([]value, bool) {
	var out []value
	if len(v) == 0 || v[0] != '[' || json.Unmarshal(v, &out) != nil {
		return nil, false
	}
	return out, true
}

func (v value) object() object {
	o, err := parseObject(v)
	if err != nil {
		return nil
	}
	return o
}

// strings returns the strings in an array.
func (v value) strings() []string {
	var out []string
	items, _ := v.array()
	for _, item := range items {
		if s, ok := item.str(); ok {
			out = append(out, s)
		}
	}
	return out
}

// stringMap returns the string members of an object, nil if there are none.
func (v value) stringMap() map[string]string {
	var out map[string]string
	for key, item := range v.object() {
		if s, ok := item.str(); ok {
			if out == nil {
				out = map[string]string{}
			}
			out[key] = s
		}
	}
	return out
}

// object is a JSON object, member by member. Reading from a nil one is safe.
type object map[string]value

func parseObject(data []byte) (object, error) {
	data = bytes.TrimSpace(data)
	var o object
	if err := json.Unmarshal(data, &o); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, errors.New("not JSON: " + clean(syntax.Error()))
		}
		return nil, errors.New("not a JSON object: " + excerpt(data))
	}
	if o == nil {
		return nil, errors.New("not a JSON object: null")
	}
	return o, nil
}

// keys are the names of the members, in order.
func (o object) keys() []string { return slices.Sorted(maps.Keys(o)) }

func (o object) object(key string) object { return o[key].object() }

func (o object) str(key string) (string, bool) { return o[key].str() }

// text returns a member that people will read: cut and cleaned.
func (o object) text(key string) string {
	s, _ := o[key].str()
	return clean(s)
}

// excerpt shows a value of others in a message: short, on one line.
func excerpt(v value) string { return text.Cut(clean(string(v)), 80, "…") }

// clean cuts a foreign text to maxText bytes, and makes visible what would break a line or
// turn the text around in a mail or a log. Blanks stay as they are.
func clean(s string) string {
	s = strings.Map(func(c rune) rune {
		if text.Hidden(c) && !unicode.Is(unicode.Zs, c) {
			return utf8.RuneError
		}
		return c
	}, text.CutBytes(s, maxText, ""))
	// A replaced character can be longer than it was.
	return text.CutBytes(s, maxText, "")
}
