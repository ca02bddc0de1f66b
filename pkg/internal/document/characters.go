package document

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// hidden reports whether a character of a document can't be seen and changes what
// is seen or read: control characters, the line ends that YAML has beyond those
// of editors, and what turns the direction of text.
func hidden(c rune) bool {
	return c != '\t' && (unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || c == '\ufeff' || c == '\ufffe' ||
		c == '\uffff' || unicode.Is(unicode.Bidi_Control, c))
}

// CharacterName says what a character is that can't be seen.
func CharacterName(c rune) string {
	what := "a control character"
	switch {
	case c == '\u00a0' || c == '\u202f':
		what = "a no-break space"
	case c == '\u0085' || c == '\u2028' || c == '\u2029':
		what = "a line separator"
	case c == '\ufeff':
		what = "a byte order mark"
	case unicode.Is(unicode.Bidi_Control, c):
		what = "a character that turns the direction of text"
	case unicode.IsSpace(c):
		what = "a blank other than a space"
	case c == '\ufffe' || c == '\uffff':
		what = "a code that is no character"
	}
	return fmt.Sprintf("%s (U+%04X)", what, c)
}

// maxShown is how many characters of a document's text a message quotes.
const maxShown = 120

// Brief is a text of the document as messages quote it: cut to maxShown.
func Brief(text string) string {
	n := 0
	for i := range text {
		if n++; n > maxShown {
			return text[:i] + "…"
		}
	}
	return text
}

// visible is text on one line without anything that a terminal might act on.
func visible(text string) string {
	return strings.Map(func(c rune) rune {
		if c == ' ' || unicode.IsPrint(c) {
			return c
		}
		return unicode.ReplacementChar
	}, text)
}

// cells is how many columns of a terminal a character takes.
func cells(c rune) int {
	switch {
	case unicode.In(c, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case c >= 0x1f300 && c <= 0x1faff:
		return 2 // emoji, which the tables of this width package may not know yet
	}
	switch width.LookupRune(c).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}
