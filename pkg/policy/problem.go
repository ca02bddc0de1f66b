package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Severity is how bad a problem is.
type Severity string

// The severities: an error makes the document unusable, a warning doesn't.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Kind names the problems that a program may want to treat in its own way.
type Kind string

// The kinds. All other problems have none.
const (
	KindDocumentationRange Kind = "documentation-range" // addresses that only examples may use
	KindExemptionEnded     Kind = "exemption-ended"
	KindExemptionFar       Kind = "exemption-far"
	KindDisjoint           Kind = "disjoint"    // two enforcing rules that together admit no address
	KindSteppedOut         Kind = "stepped-out" // an enforcing rule that a tag or a name can leave
)

// Problem is one thing that is wrong with a document, and where.
type Problem struct {
	File         string
	Line, Column int // from 1; the column counts characters
	Severity     Severity
	Kind         Kind
	What         string // the problem, without its place
	Source       string // the line of the file, cut to what is shown
	Hint         string // what to do, or empty

	caret int // the column of the place in Source, which may be a cut of the line
}

// String is the problem for people:
//
//	FILE:LINE:COLUMN: error: what is wrong
//	    the line
//	    ^
//	hint: what to do
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s: %s", p.File, p.Line, p.Column, p.Severity, p.What)
	if strings.TrimSpace(p.Source) != "" {
		caret := p.caret
		if caret == 0 {
			caret = p.Column
		}
		fmt.Fprintf(&b, "\n    %s\n    ", p.Source)
		for i, c := range []rune(p.Source) {
			if i >= caret-1 {
				break
			}
			if c != '\t' {
				c = ' '
			}
			b.WriteRune(c)
		}
		b.WriteByte('^')
	}
	if p.Hint != "" {
		b.WriteString("\nhint: " + p.Hint)
	}
	return b.String()
}

// Problems are all that is wrong with a document, in the order of the file.
type Problems []Problem

// Errors tells whether one of the problems is an error.
func (ps Problems) Errors() bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return p.Severity == Error })
}

// Error is String: problems that hold an error can be returned as one.
func (ps Problems) Error() string { return ps.String() }

// String is all problems for people, one below the other.
func (ps Problems) String() string {
	words := make([]string, len(ps))
	for i, p := range ps {
		words[i] = p.String()
	}
	return strings.Join(words, "\n")
}

// sorted returns the problems in the order of the file, errors before warnings
// of the same place.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		if a.Column != b.Column {
			return a.Column - b.Column
		}
		return strings.Compare(string(a.Severity), string(b.Severity))
	})
	return ps
}

// sourceWidth is how many characters of a line are shown.
const sourceWidth = 120

// showSource cuts a line to what fits around the column, in characters from 1,
// and returns it with the column inside the cut. Characters that a terminal
// might act on are shown as a replacement.
func showSource(line string, column int) (string, int) {
	rs := []rune(line)
	from := 0
	if len(rs) > sourceWidth && column > sourceWidth/2 {
		from = min(column-sourceWidth/2, len(rs)-sourceWidth)
	}
	to := min(from+sourceWidth, len(rs))
	out := slices.Clone(rs[from:to])
	for i, r := range out {
		if r != '\t' && !unicode.IsPrint(r) {
			out[i] = unicode.ReplacementChar
		}
	}
	if from > 0 {
		out[0] = '…'
	}
	if to < len(rs) {
		out[len(out)-1] = '…'
	}
	return strings.TrimRight(string(out), " \t"), column - from
}
