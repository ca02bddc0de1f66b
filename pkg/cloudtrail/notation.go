package cloudtrail

import (
	"bytes"
	"encoding/json"
	"strings"
)

// maxDepth is how deep what is written in the notation of SQL engines may be.
const maxDepth = 16

// notation reads what Athena and CloudTrail Lake write in place of JSON:
// {name=value, …} and [value, …], in which a value may be JSON. Nothing in it is
// quoted, so that a caller's free text, such as a tag, can look like the rest of it:
// what can be read in more than one way is not read. That is a text with one of its
// own signs in a value, with a key twice, with an end that is missing, or with an
// endpoint setting that stands where no call has one.
func notation(text string) (value, bool) {
	n := &notationReader{rest: strings.TrimSpace(text)}
	out, ok := n.object(maxDepth)
	if !ok || strings.TrimSpace(n.rest) != "" || !settingsInPlace(text, out.object()) {
		return nil, false
	}
	return out, true
}

// settingsInPlace reports whether the names of the endpoint settings stand in a
// text only where a request or an answer has them, each once.
func settingsInPlace(text string, top object) bool {
	found := map[string]int{}
	count := func(name string) { found[strings.ToLower(name)]++ }
	for _, holder := range []object{top, top.object("cluster")} {
		for name, v := range holder {
			if !strings.EqualFold(name, "resourcesVpcConfig") {
				continue
			}
			count(name)
			for setting := range v.object() {
				count(setting)
			}
		}
	}
	params, _ := top.object("update")["params"].array()
	for _, p := range params {
		name, _ := p.object().str("type")
		count(name)
	}
	text = strings.ToLower(text)
	for _, name := range []string{"resourcesvpcconfig", "endpointpublicaccess", "endpointprivateaccess", "publicaccesscidrs"} {
		if n := strings.Count(text, name); n > 1 || n != found[name] {
			return false
		}
	}
	return true
}

type notationReader struct{ rest string }

// next takes the sign, after blanks, if it comes next.
func (n *notationReader) next(sign string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(n.rest, " "), sign)
	if ok {
		n.rest = rest
	}
	return ok
}

// word takes all up to the next sign.
func (n *notationReader) word() string {
	end := strings.IndexAny(n.rest, `{}[]=,"`)
	if end < 0 {
		end = len(n.rest)
	}
	word := strings.TrimSpace(n.rest[:end])
	n.rest = n.rest[end:]
	return word
}

func (n *notationReader) object(depth int) (value, bool) {
	if depth == 0 || !n.next("{") {
		return nil, false
	}
	out := object{}
	for !n.next("}") {
		if len(out) > 0 && !n.next(",") {
			return nil, false
		}
		key := n.word()
		if _, twice := out[key]; twice || key == "" || !n.next("=") {
			return nil, false
		}
		v, ok := n.value(depth - 1)
		if !ok {
			return nil, false
		}
		out[key] = v
	}
	return out.value(), true
}

func (n *notationReader) list(depth int) (value, bool) {
	if depth == 0 || !n.next("[") {
		return nil, false
	}
	var items []json.RawMessage
	for !n.next("]") {
		if len(items) > 0 && !n.next(",") {
			return nil, false
		}
		v, ok := n.value(depth - 1)
		if !ok {
			return nil, false
		}
		items = append(items, json.RawMessage(v))
	}
	out, err := json.Marshal(items)
	return out, err == nil
}

func (n *notationReader) value(depth int) (value, bool) {
	switch start := strings.TrimLeft(n.rest, " "); {
	case strings.HasPrefix(start, "{"), strings.HasPrefix(start, "["):
		if v, ok := n.json(); ok {
			return v, true
		}
		if start[0] == '{' {
			return n.object(depth)
		}
		return n.list(depth)
	default:
		word := n.word()
		if word == "null" {
			return value("null"), true
		}
		return quoted(word), true
	}
}

// json takes a JSON object or list, if one comes next.
func (n *notationReader) json() (value, bool) {
	d := json.NewDecoder(strings.NewReader(n.rest))
	var raw json.RawMessage
	if d.Decode(&raw) != nil {
		return nil, false
	}
	n.rest = n.rest[d.InputOffset():]
	var out bytes.Buffer
	if json.Compact(&out, raw) != nil {
		return nil, false
	}
	return out.Bytes(), true
}
