// Package text makes foreign text fit to be shown to people: without what can't be seen,
// cut to a length, and on lines of so many columns. It is the one place that knows which
// characters hide, turn or pile up, and how wide they are; whoever prints a name, a tag or
// an error that somebody else wrote begins here. What a mail's or a chat's own syntax makes
// of text, its writer knows.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks one character of foreign text keeps:
// more of them pile up over the lines above and below.
const maxMarks = 2

// Clean makes foreign text fit to stand in a sentence: on one line, without control,
// bidirectional or other invisible characters, without anything that a mail reader makes
// a link of, cut to a length in characters. What was cut shows as "...".
func Clean(s string, limit int) string {
	var b strings.Builder
	n, marks := 0, 0
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "://", ":/ /")
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) && n == 0:
			continue // so that what follows is the first character
		case unicode.IsSpace(r):
			r = ' '
		case Hidden(r):
			continue
		}
		if unicode.Is(unicode.M, r) {
			if marks++; marks > maxMarks || n == 0 {
				continue
			}
		} else {
			marks = 0
		}
		if n == limit {
			return strings.TrimSpace(b.String()) + "..."
		}
		b.WriteRune(r)
		n++
	}
	return strings.TrimSpace(b.String())
}

// Reveal puts U+FFFD in the place of every character that can't be seen, and of blanks
// other than spaces: what is left is one line that no terminal acts on.
func Reveal(s string) string {
	return strings.Map(func(r rune) rune {
		if Hidden(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// Hidden reports whether a character shows as nothing or as a blank other than a space,
// or makes others show otherwise than they stand.
func Hidden(r rune) bool {
	switch r {
	case 0x115f, 0x1160, 0x2800, 0x3164, 0xffa0: // blanks that count as letters or symbols
		return true
	}
	return !unicode.IsPrint(r) // neither control nor format characters are, nor separators but the space
}

// ASCII puts a question mark in the place of every character that is not a printable one of
// ASCII.
func ASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= utf8.RuneSelf || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
