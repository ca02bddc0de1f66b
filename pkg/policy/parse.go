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
	sum := sha256.Sum256(data)
	r := &reader{file: file, noun: "policy", needs: "version: 1 and rules", homes: policyHomes, meetings: 4 << 20}
	var p *Policy
	if body := r.document(data); body != nil {
		p = r.policy(body)
	}
	problems := r.all()
	if p == nil || problems.Errors() {
		return nil, problems
	}
	p.Hash = hex.EncodeToString(sum[:])[:12]
	return p, problems
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
	p.Severity, p.Kind, p.What, p.Hint = severity, kind, what, hint
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
	r.add(n.Line, n.Column, Error, "", fmt.Sprintf(format, args...), hint)
}

// document returns the node that holds the whole document, nil if there is
// nothing to go on with.
func (r *reader) document(data []byte) *yaml.Node {
	if len(data) > MaxBytes {
		r.add(1, 1, Error, "", fmt.Sprintf("the file has %d bytes, more than %d KiB", len(data), MaxBytes>>10), "split the clusters over several deployments, or match by pattern")
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		r.add(1+bytes.Count(data[:invalidAt(data)], []byte("\n")), 1, Error, "", "the file is not UTF-8 text", "save it as UTF-8")
		return nil
	}
	r.lines = splitLines(string(data))
	if !scan(r.lines, r.noun, func(line, column int, what, hint string) { r.add(line, column, Error, "", what, hint) }) {
		return nil
	}
	for i, line := range r.lines {
		if at := strings.IndexFunc(line, isControl); at >= 0 {
			r.add(i+1, column(line, at), Error, "", "a control character stands here", "remove it; editors may not show it")
			return nil
		}
	}
	referenced := len(r.problems) > 0 // by an anchor or alias
	root, err := decode(data)
	switch {
	case err != nil && referenced:
		return nil
	case err != nil:
		line := r.syntaxLine(data, err)
		text := r.lines[line-1]
		r.add(line, column(text, len(text)-len(strings.TrimLeft(text, " "))), Error, "", "this is not YAML: "+yamlMessage(err), syntaxHint(text, yamlMessage(err)))
		return nil
	case root == nil || len(root.Content) == 0 || isNull(root.Content[0]):
		r.add(1, 1, Error, "", "the document is empty", "it needs "+r.needs)
		return nil
	}
	body := root.Content[0]
	if !r.tidy(body, 1) {
		return nil
	}
	return body
}

// isControl tells whether YAML refuses the character in a line.
func isControl(c rune) bool {
	return c < ' ' && c != '\t' || c >= 0x7f && c < 0xa0 || c == '\ufeff' || c == '\ufffe' || c == '\uffff'
}

func invalidAt(data []byte) int {
	for i := 0; i < len(data); {
		c, n := utf8.DecodeRune(data[i:])
		if c == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(data)
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

// syntaxHint guesses what is wrong with a line that is not YAML.
func syntaxHint(line, message string) string {
	switch text := strings.TrimLeft(line, " "); {
	case strings.HasPrefix(text, "\t"):
		return "indent with spaces, never with tabs"
	case strings.Contains(text, "?") && strings.ContainsAny(text, "[{"):
		return "put patterns with a question mark in quotes"
	case strings.Count(text, "[") != strings.Count(text, "]") || strings.Count(text, "{") != strings.Count(text, "}"):
		return "look for a bracket or brace that isn't closed"
	case strings.Count(text, `"`)%2 == 1 || strings.Count(text, "'")%2 == 1:
		return "look for a quote that isn't closed"
	case strings.Contains(message, "cannot start any token"):
		return "put a value that starts with a special character in quotes"
	case strings.Contains(message, "mapping values are not allowed"):
		return "put a value that holds a colon in quotes, and look at the indentation"
	case !strings.Contains(text, ":") && !strings.HasPrefix(text, "-"):
		return "look for a missing colon after the key"
	default:
		return "look at the indentation of this line and at the colons and quotes in it"
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
