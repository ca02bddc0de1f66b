package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// foreign makes text from outside fit to stand in a mail: on one line, without
// control, bidirectional or other invisible characters, cut to a length in
// characters. What was cut shows as "...".
func foreign(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, "?") {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case unicode.Is(unicode.Cf, r) || unicode.IsControl(r) || !unicode.IsPrint(r):
			continue
		}
		if n == limit {
			return strings.TrimSpace(b.String()) + "..."
		}
		b.WriteRune(r)
		n++
	}
	return strings.TrimSpace(b.String())
}

// ascii replaces what SNS does not admit in a subject.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= utf8.RuneSelf || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

// wrap breaks a paragraph into lines of at most width columns, the first after
// lead and the others after indent. A word that is longer is broken.
func wrap(lead, indent, text string, width int) string {
	var b strings.Builder
	line, fresh := lead, true
	for _, word := range strings.Fields(text) {
		for {
			gap := ""
			if !fresh {
				gap = " "
			}
			if utf8.RuneCountInString(line+gap+word) <= width {
				line, fresh = line+gap+word, false
				break
			}
			if fresh {
				runes := []rune(word)
				cut := max(1, width-utf8.RuneCountInString(line))
				line, word = line+string(runes[:cut]), string(runes[cut:])
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line, fresh = indent, true
		}
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}
