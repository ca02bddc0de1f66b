package document

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/endpointguard/endpointguard/pkg/text"
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
			switch {
			case i >= caret-1:
			case c == '\t':
				b.WriteByte('\t')
			default:
				b.WriteString(strings.Repeat(" ", text.InTerminal(c)))
			}
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

// Errors reports whether one of the problems is an error.
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

// Sorted returns the problems in the order of the file, errors before warnings
// of the same place.
func (ps Problems) Sorted() Problems {
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

// sourceWidth is how many columns of a terminal the shown line may take: with the
// blanks before it, it fits a terminal of 80.
const sourceWidth = 75

// showSource cuts a line to what fits around the column, in characters from 1,
// and returns it with the column inside the cut. Characters that a terminal
// might act on are shown as a replacement, and so are blanks other than spaces.
func showSource(line string, column int) (string, int) {
	// A line can be the whole file: what is far from the column is not looked at.
	skipped := 0
	for line != "" && skipped < column-1-sourceWidth {
		_, n := utf8.DecodeRuneInString(line)
		line = line[n:]
		skipped++
	}
	out := make([]rune, 0, 3*sourceWidth)
	rest := false
	for _, c := range line {
		if rest = len(out) == cap(out); rest {
			break
		}
		if c != '\t' && text.Hidden(c) {
			c = unicode.ReplacementChar
		}
		out = append(out, c)
	}
	at := column - skipped
	from, to := 0, len(out)
	middle := min(max(at-1, 0), to)
	left, right := shownCells(out[:middle]), shownCells(out[middle:])
	for left+right > sourceWidth {
		// The beginning of the line says more than its end.
		if right > sourceWidth/2 {
			to--
			right -= shownCells(out[to : to+1])
		} else {
			left -= shownCells(out[from : from+1])
			from++
		}
	}
	cutLeft, cutRight := skipped+from > 0, rest || to < len(out)
	out = out[from:to]
	if cutLeft && len(out) > 0 {
		out[0] = '…'
	}
	if cutRight && len(out) > 1 {
		out[len(out)-1] = '…'
	}
	return strings.TrimRight(string(out), " \t"), at - from
}

func shownCells(line []rune) int {
	n := 0
	for _, c := range line {
		if n += text.InTerminal(c); c == '\t' {
			n += tabWidth - 1
		}
	}
	return n
}

// tabWidth is how many columns a tab takes at the most.
const tabWidth = 8
