package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Width is how many columns a character takes where it is shown.
type Width func(r rune) int

// InMail is how many columns a character takes in a mail reader at the most: one of
// ambiguous width is wide in an East Asian one. Source: Unicode Standard Annex 11, East
// Asian Width.
func InMail(r rune) int {
	if r < utf8.RuneSelf {
		return 1
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth, width.EastAsianAmbiguous:
		return 2
	default:
		return 1
	}
}

// InTerminal is how many columns a character takes in a terminal, where those of ambiguous
// width are narrow, and marks take none.
func InTerminal(r rune) int {
	switch {
	case r < utf8.RuneSelf:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1f300 && r <= 0x1faff:
		return 2 // emoji, which the tables of the width package may not know yet
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// Columns is how many columns a text takes.
func Columns(s string, width Width) int {
	n := 0
	for _, r := range s {
		n += width(r)
	}
	return n
}

// Pad fills a text with spaces up to so many columns.
func Pad(s string, to int, width Width) string {
	return s + strings.Repeat(" ", max(0, to-Columns(s, width)))
}
