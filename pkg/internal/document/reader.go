// Package document reads YAML documents that people write: strictly, all problems
// at once, each with its place, the line itself and what to do. Start at Read,
// which leaves a tree of nodes; the methods of Reader read values from it and note
// what is wrong with them. What the values mean is for the packages that own a
// kind of document: policy and policytest.
//
// YAML itself is go.yaml.in/yaml's business. Here is what it leaves open: what a
// document may cost, and how a mistake is told to its author.
package document

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/endpointguard/endpointguard/pkg/text"
	"go.yaml.in/yaml/v4"
)

// maxProblems is how many problems are told; a file with more needs another
// look altogether.
const maxProblems = 100

// Form is a kind of document.
type Form struct {
	Noun     string   // what it is called
	Needs    string   // what an empty one lacks
	Homes    []Home   // where keys belong; the first are those of the document itself
	Examples []string // "KEY: " and what a value of it looks like, for keys that are needed
}

// Reader walks one document and collects its problems.
type Reader struct {
	file     string
	form     Form
	lines    []string
	ours     bool // whether the file is of this kind, so that its lines may be shown
	problems Problems
	more     int // problems beyond maxProblems
}

// Problems are all problems so far, in the order of the file.
func (r *Reader) Problems() Problems {
	if r.more == 0 {
		return r.problems.Sorted()
	}
	last := r.problems[len(r.problems)-1]
	last.What = fmt.Sprintf("%d more problems are not shown", r.more)
	last.Severity, last.Kind, last.Source, last.Hint = Error, "", "", ""
	return append(r.problems.Sorted(), last)
}

// Full reports whether no more problems are told, but counted alone.
func (r *Reader) Full() bool { return len(r.problems) == maxProblems }

// Add tells of a problem at a place; lines and columns count from 1.
func (r *Reader) Add(line, column int, severity Severity, kind Kind, what, hint string) {
	if r.Full() {
		if severity == Error {
			r.more++
		}
		return
	}
	p := r.Place(line, column)
	p.Severity, p.Kind, p.What, p.Hint = severity, kind, text.Reveal(what), text.Reveal(hint)
	r.problems = append(r.problems, p)
}

// Place returns a problem that has only its place yet.
func (r *Reader) Place(line, column int) Problem {
	line, column = max(line, 1), max(column, 1)
	p := Problem{File: r.file, Line: line, Column: column}
	if r.ours && line <= len(r.lines) {
		p.Source, p.caret = showSource(r.lines[line-1], column)
	}
	return p
}

// ErrorAt tells of an error where a node stands. Texts among the arguments are cut
// to what a message quotes.
func (r *Reader) ErrorAt(n *yaml.Node, hint, format string, args ...any) {
	if r.Full() {
		r.more++
		return
	}
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = Brief(text)
		}
	}
	r.Add(n.Line, n.Column, Error, "", fmt.Sprintf(format, args...), hint)
}

// Read reads the YAML of a file; its name is that in the problems. The node holds
// the whole document, nil if there is nothing to go on with. The reader has the
// problems so far, and takes more.
func Read(file string, data []byte, form Form) (*Reader, *yaml.Node) {
	r := &Reader{file: file, form: form}
	return r, r.read(data)
}

func (r *Reader) read(data []byte) *yaml.Node {
	if len(data) > MaxBytes {
		r.Add(1, 1, Error, "", fmt.Sprintf("the file has %d bytes, more than %d KiB", len(data), MaxBytes>>10),
			"split the clusters over several deployments, or match by pattern")
		return nil
	}
	if bytes.Count(data, []byte(","))+bytes.Count(data, []byte(`"`))/2+bytes.Count(data, []byte("'"))/2 > maxValues {
		r.Add(1, 1, Error, "", fmt.Sprintf("there are more than %d values", maxValues), "a policy needs few: join patterns, and CIDRs that are neighbours")
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
			r.Add(line, column, Error, "", "the blank here is "+CharacterName(c), "write a plain space")
		})
		if mended {
			r.lines = lines
			doc, wrong = load(strings.Join(lines, "\n"))
		}
	}
	var m mistake
	if wrong != nil {
		m = (&syntax{lines: r.lines, noun: r.form.Noun, err: wrong}).explain()
	}
	if what := r.foreign(doc.body, wrong); what != "" {
		r.Add(min(m.line, len(r.lines)), m.column, Error, "", "this is not a "+r.form.Noun+": "+what,
			"a "+r.form.Noun+" has "+r.form.Needs+"; look whether this is the right file")
		return nil
	}
	for _, n := range doc.anchors {
		r.ErrorAt(n, "write the value out where it is needed, or quote it if the & belongs to it",
			"YAML anchors are not used in a %s", r.form.Noun)
	}
	if wrong != nil {
		doc.second = secondBefore(r.lines, wrong.Mark.Line)
	}
	switch {
	case doc.second != nil:
		r.ErrorAt(doc.second, "a "+r.form.Noun+" file holds one document: remove the line \"---\" and what doesn't belong",
			"a second document starts here")
		return nil
	case wrong != nil:
		r.Add(min(m.line, len(r.lines)), m.column, Error, "", m.what, m.hint)
		return nil
	case doc.body == nil || IsNull(doc.body):
		r.Add(1, 1, Error, "", "the document is empty", "it needs "+r.form.Needs)
		return nil
	}
	if !r.tidy(doc.body, 1) {
		return nil
	}
	return doc.body
}

// foreign says why a file is not what is read here at all, empty if it may be. Such
// a file may be anything, a private key, too: nothing of it is ever told.
func (r *Reader) foreign(body *yaml.Node, wrong *yaml.LoadError) string {
	if wrong != nil {
		if r.ours || isLimit(wrong) {
			return ""
		}
		return "it is not YAML"
	}
	r.ours = false
	switch {
	case body == nil || IsNull(body):
		return ""
	case body.Kind != yaml.MappingNode:
		return "it is " + typeName(body) + ", not a mapping"
	}
	for i := 0; i < len(body.Content); i += 2 {
		if r.knows(body.Content[i].Value) {
			r.ours = true
			return ""
		}
	}
	return "it has none of the keys of one"
}

// beginsLikeOurs reports whether the first key of the file is one that is known,
// for a file that can't be read to its end.
func (r *Reader) beginsLikeOurs() bool {
	for _, line := range r.lines {
		if isBlank(line) || isMarker(line) || line[0] == '%' {
			continue
		}
		key, _, ok := strings.Cut(strings.TrimLeft(line, "{ "), ":")
		return ok && r.knows(strings.Trim(key, "\"' "))
	}
	return false
}

// knows reports whether a key is one of the document's, but for a slip or two of the
// hand: apiVersion is further away from version.
func (r *Reader) knows(key string) bool {
	near := Nearest(key, r.form.Homes[0].Keys)
	return near != "" && Distance(strings.ToLower(key), near) <= 2
}

// readText returns the text of the file, with a replacement for each byte that is
// none; false if it is no text at all.
func (r *Reader) readText(data []byte) (string, bool) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		r.Add(1, 1, Error, "", "the file is UTF-16 text, not UTF-8", "save it as UTF-8")
		return "", false
	}
	if bytes.IndexByte(data, 0) >= 0 {
		r.Add(1, 1, Error, "", "the file is not text but binary data", "give a YAML file that is saved as UTF-8")
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
		r.Add(at.line, at.column, Error, "", "the file is not UTF-8 text", "save it as UTF-8")
	}
	return text.String(), true
}

// characters refuses what can't be seen and changes what is seen, and puts a
// replacement in its place.
func (r *Reader) characters() bool {
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
			r.Add(i+1, at, Error, "", CharacterName(c)+" stands here", "remove it; editors may not show it")
			return unicode.ReplacementChar
		}, line)
	}
	// A file full of them is no policy, and what else is wrong with it no news.
	return len(r.problems) < maxProblems
}

// tidy refuses aliases, explicit tags and nesting that is too deep; it reports
// whether the walk may go on.
func (r *Reader) tidy(n *yaml.Node, depth int) bool {
	if n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode {
		if depth > MaxNesting {
			r.ErrorAt(n, deepHint, "lists and mappings are nested deeper than %d", MaxNesting)
			return false
		}
		depth++
	}
	if n.Kind == yaml.AliasNode {
		hint := "write the value out, or quote it if it is a pattern"
		if len(n.Value) < MaxPattern {
			hint += `: "*` + n.Value + `"`
		}
		r.ErrorAt(n, hint, "YAML aliases are not used in a %s", r.form.Noun)
	}
	if n.Style&yaml.TaggedStyle != 0 {
		r.ErrorAt(n, "remove it: the type of a value follows from its place", "the YAML tag %s is not used in a %s", n.Tag, r.form.Noun)
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
