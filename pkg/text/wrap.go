package text

import (
	"strings"
	"unicode"
)

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
func atoms(text string, width Width) []atom {
	var out []atom
	for _, word := range strings.Fields(text) {
		spaced, last := true, rune(0)
		for _, r := range word {
			wide := width(r) == 2
			switch {
			case last == 0:
				out = append(out, atom{string(r), spaced})
			case !wide && width(last) <= 1, strings.ContainsRune(neverFirst, r), strings.ContainsRune(neverLast, last), unicode.Is(unicode.M, r):
				out[len(out)-1].text += string(r)
			default:
				out = append(out, atom{string(r), false})
			}
			last = r
		}
	}
	return out
}

// Wrap breaks a paragraph into lines of at most limit columns, the first after lead and the
// others after indent, each with its line feed. A word that is longer is broken.
func Wrap(lead, indent, text string, limit int, width Width) string {
	var b strings.Builder
	line, fresh := lead, true
	at := Columns(lead, width)
	turn := func() {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		line, at, fresh = indent, Columns(indent, width), true
	}
	for _, a := range atoms(text, width) {
		w := Columns(a.text, width)
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
			if c := width(r); !fresh && at+c > limit {
				turn()
			}
			line, at, fresh = line+string(r), at+width(r), false
		}
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}

// Lines breaks a paragraph into lines of at most so many columns of a terminal; of an empty
// one, there is one empty line.
func Lines(text string, columns int) []string {
	return strings.Split(strings.TrimSuffix(Wrap("", "", text, columns, InTerminal), "\n"), "\n")
}
