package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
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
	problems Problems
	more     int // problems beyond maxProblems
	meetings int // steps left to find out which rules can meet
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
	if line <= len(r.lines) {
		p.Source, p.caret = showSource(r.lines[line-1], column)
	}
	return p
}

func (r *reader) errorAt(n *yaml.Node, hint, format string, args ...any) {
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
	if !r.characters() {
		return nil
	}
	repairs, ok := scan(r.lines, r.noun, func(line, column int, what, hint string) { r.add(line, column, Error, "", what, hint) })
	if !ok {
		return nil
	}
	readable := mended(r.lines, repairs)
	root, err := decode(readable)
	switch {
	case err != nil:
		line := r.syntaxLine(readable, err)
		text := r.lines[line-1]
		message := yamlMessage(err)
		what, hint := syntaxHint(message)
		r.add(line, 1+len(text)-len(strings.TrimLeft(text, " ")), Error, "", notYAML+what, hint)
		return nil
	case root == nil || len(root.Content) == 0 || isNull(root.Content[0]):
		r.add(1, 1, Error, "", "the document is empty", "it needs "+r.needs)
		return nil
	}
	body := root.Content[0]
	restore(body, placed(repairs))
	if !r.tidy(body, 1) {
		return nil
	}
	return body
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

var errSecondDocument = errors.New("a second document follows")

func decode(data []byte) (*yaml.Node, error) {
	var root, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	switch err := d.Decode(&root); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	switch err := d.Decode(&second); {
	case errors.Is(err, io.EOF):
		return &root, nil
	case err != nil:
		return nil, err
	default:
		return nil, errSecondDocument
	}
}

// yamlMessage is the YAML parser's message without its place, which is that of
// the surrounding mapping or list more often than that of the mistake.
func yamlMessage(err error) string {
	_, message := yamlLine(err)
	return message
}

func yamlLine(err error) (int, string) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		if number, text, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(number); err == nil {
				return line, text
			}
		}
	}
	return 1, message
}

// syntaxLine finds the line that a syntax error starts at: the one after the
// longest beginning of the file that is valid. Long files would take too many
// tries; for those the YAML parser's own line must do.
func (r *reader) syntaxLine(data []byte, err error) int {
	budget := 4 << 20
	for end := len(data); budget > 0; budget -= end {
		end = bytes.LastIndexByte(data[:max(end-1, 0)], '\n') + 1
		if _, err := decode(data[:end]); err == nil {
			return min(len(splitLines(string(data[:end]))), len(r.lines))
		}
	}
	line, _ := yamlLine(err)
	return max(1, min(line, len(r.lines)))
}

// syntaxHint says what is wrong with a line that is not YAML, and what to do.
func syntaxHint(message string) (what, hint string) {
	switch {
	case strings.Contains(message, "could not find expected ':'"):
		return "a key without a colon", `write a colon and a blank after the key`
	case strings.Contains(message, "mapping values are not allowed"):
		return "a key stands where none can", "look at the indentation, and put a value that holds a colon in quotes"
	case strings.Contains(message, "did not find expected"):
		return "the line fits none of those above", "indent it like the keys or dashes that it belongs to"
	default:
		return message, "look at the indentation of this line and at the colons and quotes in it"
	}
}

// tidy refuses explicit tags and nesting that is too deep; it tells whether the
// walk may go on.
func (r *reader) tidy(n *yaml.Node, depth int) bool {
	if n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode {
		if depth > MaxNesting {
			r.errorAt(n, deepHint, "lists and mappings are nested deeper than %d", MaxNesting)
			return false
		}
		depth++
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
