package document

import (
	"fmt"
	"unicode"

	"github.com/endpointguard/endpointguard/pkg/text"
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
func Brief(s string) string { return text.Cut(s, maxShown, "…") }
