package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxProblems is how many problems are told; a file with more needs another
// look altogether.
const maxProblems = 100

// Parse reads a document; file is its name in the problems. All problems are
// told at once. The policy is nil if one of them is an error; the problems may
// also be warnings only.
func Parse(file string, data []byte) (*Policy, Problems) {
	p, _, problems := parse(file, data)
	return p, problems
}

// parse is Parse; read is the policy as far as it could be read, nil if it is no
// mapping at all.
func parse(file string, data []byte) (p, read *Policy, problems Problems) {
	sum := sha256.Sum256(data)
	r := &reader{file: file, noun: "policy", needs: "version: 1 and rules", homes: policyHomes, meetings: 4 << 20}
	if body := r.document(data); body != nil {
		read = r.policy(body)
	}
	problems = r.all()
	if read == nil || problems.Errors() {
		return nil, read, problems
	}
	read.Hash = hex.EncodeToString(sum[:])[:12]
	return read, read, problems
}

// reader walks one document and collects its problems.
type reader struct {
	file     string
	noun     string // what kind of document it is
	needs    string // what an empty one lacks
	homes    []home
	lines    []string
	ours     bool // whether the file is of this kind, so that its lines may be shown
	problems Problems
	more     int                    // problems beyond maxProblems
	meetings int                    // steps left to find out which rules can meet
	worlds   map[netip.Prefix]world // what global has worked out
}

// all are the problems in the order of the file.
func (r *reader) all() Problems {
	if r.more == 0 {
		return r.problems.sorted()
	}
	last := r.problems[len(r.problems)-1]
	last.What = fmt.Sprintf("%d more problems are not shown", r.more)
	last.Severity, last.Kind, last.Source, last.Hint = Error, "", "", ""
	return append(r.problems.sorted(), last)
}

func (r *reader) add(line, column int, severity Severity, kind Kind, what, hint string) {
	if len(r.problems) == maxProblems {
		if severity == Error {
			r.more++
		}
		return
	}
	p := r.place(line, column)
	p.Severity, p.Kind, p.What, p.Hint = severity, kind, visible(what), visible(hint)
	r.problems = append(r.problems, p)
}

// place returns a problem that has only its place yet.
func (r *reader) place(line, column int) Problem {
	line, column = max(line, 1), max(column, 1)
	p := Problem{File: r.file, Line: line, Column: column}
	if r.ours && line <= len(r.lines) {
		p.Source, p.caret = showSource(r.lines[line-1], column)
	}
	return p
}

func (r *reader) errorAt(n *yaml.Node, hint, format string, args ...any) {
	if len(r.problems) == maxProblems {
		r.more++
		return
	}
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = brief(text)
		}
	}
	r.add(n.Line, n.Column, Error, "", fmt.Sprintf(format, args...), hint)
}

// document returns the node that holds the whole document, nil if there is
// nothing to go on with.
func (r *reader) document(data []byte) *yaml.Node {
	if len(data) > MaxBytes {
		r.add(1, 1, Error, "", fmt.Sprintf("the file has %d bytes, more than %d KiB", len(data), MaxBytes>>10), "split the clusters over several deployments, or match by pattern")
		return nil
	}
	text, ok := r.readText(data)
	if !ok {
		return nil
	}
	r.lines = splitLines(text)
	r.ours = r.beginsLikeOurs()
	if !r.characters() {
		return nil
	}
	doc, wrong := load(strings.Join(r.lines, "\n"))
	if wrong != nil {
		// Blanks that look like spaces hide what else is wrong.
		lines, mended := plainSpaces(r.lines, func(line, column int, c rune) {
			r.add(line, column, Error, "", "the blank here is "+characterName(c), "write a plain space")
		})
		if mended {
			r.lines = lines
			doc, wrong = load(strings.Join(lines, "\n"))
		}
	}
	var m mistake
	if wrong != nil {
		m = (&syntax{lines: r.lines, noun: r.noun, err: wrong}).explain()
	}
	if what := r.foreign(doc.body, wrong); what != "" {
		r.add(min(m.line, len(r.lines)), m.column, Error, "", "this is not a "+r.noun+": "+what, "a "+r.noun+" has "+r.needs+"; look whether this is the right file")
		return nil
	}
	for _, n := range doc.anchors {
		r.errorAt(n, "write the value out where it is needed, or quote it if the & belongs to it", "YAML anchors are not used in a %s", r.noun)
	}
	if wrong != nil {
		doc.second = secondBefore(r.lines, wrong.Mark.Line)
	}
	switch {
	case doc.second != nil:
		r.errorAt(doc.second, "a "+r.noun+" file holds one document: remove the line \"---\" and what doesn't belong", "a second document starts here")
		return nil
	case wrong != nil:
		r.add(min(m.line, len(r.lines)), m.column, Error, "", m.what, m.hint)
		return nil
	case doc.body == nil || isNull(doc.body):
		r.add(1, 1, Error, "", "the document is empty", "it needs "+r.needs)
		return nil
	}
	if !r.tidy(doc.body, 1) {
		return nil
	}
	return doc.body
}

// foreign says why a file is not what is read here at all, empty if it may be. Such
// a file may be anything, a private key, too: nothing of it is ever told.
func (r *reader) foreign(body *yaml.Node, wrong *yaml.LoadError) string {
	if wrong != nil {
		if r.ours || isLimit(wrong) {
			return ""
		}
		return "it is not YAML"
	}
	r.ours = false
	switch {
	case body == nil || isNull(body):
		return ""
	case body.Kind != yaml.MappingNode:
		return "it is " + typeName(body) + ", not a mapping"
	}
	const slips = 2 // of the hand: apiVersion is further away from version
	for i := 0; i < len(body.Content); i += 2 {
		key := body.Content[i].Value
		if near := nearest(key, r.homes[0].keys); near != "" && distance(strings.ToLower(key), near) <= slips {
			r.ours = true
			return ""
		}
	}
	return "it has none of the keys of one"
}

// beginsLikeOurs reports whether the first key of the file is one that is known,
// for a file that can't be read to its end.
func (r *reader) beginsLikeOurs() bool {
	for _, line := range r.lines {
		if isBlank(line) || isMarker(line) || line[0] == '%' {
			continue
		}
		key, _, ok := strings.Cut(strings.TrimLeft(line, "{ "), ":")
		return ok && contains(r.homes[0].keys, strings.Trim(key, "\"' "))
	}
	return false
}

// readText returns the text of the file, with a replacement for each byte that is
// none; false if it is no text at all.
func (r *reader) readText(data []byte) (string, bool) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		r.add(1, 1, Error, "", "the file is UTF-16 text, not UTF-8", "save it as UTF-8")
		return "", false
	}
	if bytes.IndexByte(data, 0) >= 0 {
		r.add(1, 1, Error, "", "the file is not text but binary data", "give a YAML file that is saved as UTF-8")
		return "", false
	}
	if utf8.Valid(data) {
		return string(data), true
	}
	var text strings.Builder
	type spot struct{ line, column int }
	var spots []spot
	at := spot{1, 1}
	for i := 0; i < len(data); {
		c, n := utf8.DecodeRune(data[i:])
		if c == utf8.RuneError && n == 1 && (len(spots) == 0 || spots[len(spots)-1].line != at.line) {
			spots = append(spots, at)
		}
		text.WriteRune(c)
		at.column++
		if c == '\n' || c == '\r' && !bytes.HasPrefix(data[i:], []byte("\r\n")) {
			at = spot{at.line + 1, 1}
		}
		i += n
	}
	r.lines = splitLines(text.String())
	r.ours = r.beginsLikeOurs()
	for _, at := range spots {
		r.add(at.line, at.column, Error, "", "the file is not UTF-8 text", "save it as UTF-8")
	}
	return text.String(), true
}

// characters refuses what can't be seen and changes what is seen, and puts a
// replacement in its place.
func (r *reader) characters() bool {
	for i, line := range r.lines {
		if strings.IndexFunc(line, hidden) < 0 {
			continue
		}
		at := 0
		r.lines[i] = strings.Map(func(c rune) rune {
			at++
			if !hidden(c) {
				return c
			}
			r.add(i+1, at, Error, "", characterName(c)+" stands here", "remove it; editors may not show it")
			return unicode.ReplacementChar
		}, line)
	}
	// A file full of them is no policy, and what else is wrong with it no news.
	return len(r.problems) < maxProblems
}

// tidy refuses aliases, explicit tags and nesting that is too deep; it reports
// whether the walk may go on.
func (r *reader) tidy(n *yaml.Node, depth int) bool {
	if n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode {
		if depth > MaxNesting {
			r.errorAt(n, deepHint, "lists and mappings are nested deeper than %d", MaxNesting)
			return false
		}
		depth++
	}
	if n.Kind == yaml.AliasNode {
		hint := "write the value out, or quote it if it is a pattern"
		if len(n.Value) < maxPattern {
			hint += `: "*` + n.Value + `"`
		}
		r.errorAt(n, hint, "YAML aliases are not used in a %s", r.noun)
	}
	if n.Style&yaml.TaggedStyle != 0 {
		r.errorAt(n, "remove it: the type of a value follows from its place", "the YAML tag %s is not used in a %s", n.Tag, r.noun)
		if n.Kind == yaml.ScalarNode {
			n.Tag = "!!str"
		}
	}
	for _, c := range n.Content {
		if !r.tidy(c, depth) {
			return false
		}
	}
	return true
}
