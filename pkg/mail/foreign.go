package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// maxMarks is how many combining marks one character of foreign text keeps:
// more of them pile up over the lines above and below.
const maxMarks = 2

// foreign makes text from outside fit to stand in a mail: on one line, without
// control, bidirectional or other invisible characters, without anything that a
// mail reader makes a link of, cut to a length in characters. What was cut
// shows as "...".
func foreign(s string, limit int) string {
	var b strings.Builder
	n, marks := 0, 0
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "://", ":/ /")
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) && n == 0:
			continue // so that what follows is the first character
		case unicode.IsSpace(r):
			r = ' '
		case unseen(r):
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

// unseen tells whether a character shows as nothing, or makes others show
// otherwise than they stand.
func unseen(r rune) bool {
	switch r {
	case 0x115f, 0x1160, 0x2800, 0x3164, 0xffa0: // blanks that count as letters or symbols
		return true
	}
	return unicode.Is(unicode.Cf, r) || unicode.IsControl(r) || !unicode.IsPrint(r)
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

// runeColumns is how many columns a character takes in a mail reader at the
// most: those of ambiguous width are wide in an East Asian one. Source:
// Unicode Standard Annex 11, East Asian Width.
func runeColumns(r rune) int {
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

func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

// pad fills s with spaces up to so many columns.
func pad(s string, to int) string { return s + strings.Repeat(" ", max(0, to-columns(s))) }

// shorten cuts the middle out of a name that is longer than limit characters:
// names of one company begin alike.
func shorten(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	if limit < 8 {
		return name[:max(0, limit)]
	}
	tail := (limit - 2) / 2
	return name[:limit-2-tail] + ".." + name[len(name)-tail:]
}

// Where a line of Japanese may not be broken: before the first, after the second.
const (
	neverFirst = "、。，．・：；？！ー）」』】〉》〕］｝々ぁぃぅぇぉっゃゅょァィゥェォッャュョ,.:;!?)]}%"
	neverLast  = "（「『【〈《〔［｛([{"
)

// atom is a piece of text that stays on one line, if it fits on one.
type atom struct {
	text   string
	spaced bool // a space stands before it
}

// atoms cuts a paragraph where its lines may be broken: at spaces, and beside
// wide characters.
func atoms(text string) []atom {
	var out []atom
	for _, word := range strings.Fields(text) {
		spaced, last := true, rune(0)
		for _, r := range word {
			wide := runeColumns(r) == 2
			switch {
			case last == 0:
				out = append(out, atom{string(r), spaced})
			case !wide && runeColumns(last) == 1, strings.ContainsRune(neverFirst, r), strings.ContainsRune(neverLast, last), unicode.Is(unicode.M, r):
				out[len(out)-1].text += string(r)
			default:
				out = append(out, atom{string(r), false})
			}
			last = r
		}
	}
	return out
}

// wrap breaks a paragraph into lines of at most limit columns, the first after
// lead and the others after indent. A word that is longer is broken.
func wrap(lead, indent, text string, limit int) string {
	var b strings.Builder
	line, fresh := lead, true
	at := columns(lead)
	turn := func() {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		line, at, fresh = indent, columns(indent), true
	}
	for _, a := range atoms(text) {
		w := columns(a.text)
		if a.spaced && !fresh {
			if at+1+w <= limit {
				line, at = line+" "+a.text, at+1+w
				continue
			}
			turn()
		} else if !fresh && at+w > limit {
			turn()
		}
		for _, r := range a.text {
			if c := runeColumns(r); !fresh && at+c > limit {
				turn()
			}
			line, at, fresh = line+string(r), at+runeColumns(r), false
		}
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}
