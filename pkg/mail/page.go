package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/endpointguard/endpointguard/pkg/text"
)

// page is the text of a mail while it is being written.
type page struct {
	strings.Builder
	label int // columns of the labels
}

// para writes a paragraph.
func (p *page) para(s string) { p.WriteString(wrap("", "", s)) }

// field writes a value after its label.
func (p *page) field(label, value string) {
	p.WriteString(wrap(pad(label, p.label)+" ", strings.Repeat(" ", p.label+1), value))
}

// heading begins a section.
func (p *page) heading(s string) { p.WriteString("\n" + wrap("", "", s)) }

// item writes an item of a list.
func (p *page) item(s string) { p.WriteString(wrap("- ", "  ", s)) }

// indented writes a paragraph that belongs to an item or a section.
func (p *page) indented(s string) { p.WriteString(wrap("  ", "  ", s)) }

// block writes lines as they are, for others to copy.
func (p *page) block(lines []string) {
	for _, line := range lines {
		p.WriteString(line + "\n")
	}
}

// fill puts values in the place of their names in a phrase: fill("{a} b", "a", "x").
// What is put in is not looked at for names again.
func fill(phrase string, pairs ...string) string {
	var b strings.Builder
	for {
		at := strings.IndexByte(phrase, '{')
		end := strings.IndexByte(phrase[max(0, at):], '}')
		if at < 0 || end < 0 {
			break
		}
		b.WriteString(phrase[:at])
		end += at + 1
		name := phrase[at+1 : end-1]
		value := "{" + name + "}"
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				value = pairs[i+1]
			}
		}
		if last, _ := utf8.DecodeLastRuneInString(phrase[:at]); meets(last, first(value)) {
			b.WriteByte(' ')
		}
		b.WriteString(value)
		phrase = phrase[end:]
		if last, _ := utf8.DecodeLastRuneInString(value); meets(first(phrase), last) {
			b.WriteByte(' ')
		}
	}
	return b.String() + phrase
}

// meets reports whether a letter of Japanese and one of ours stand side by side:
// readers expect a space between them.
func meets(japanese, ours rune) bool {
	return unicode.In(japanese, unicode.Han, unicode.Hiragana, unicode.Katakana) && ours < utf8.RuneSelf && (unicode.IsLetter(ours) || unicode.IsDigit(ours))
}

func first(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// sentences joins sentences: in Japanese nothing stands between them.
func sentences(parts ...string) string {
	var b strings.Builder
	for _, s := range parts {
		if b.Len() > 0 && !strings.HasSuffix(b.String(), "。") {
			b.WriteByte(' ')
		}
		b.WriteString(s)
	}
	return b.String()
}

// columns is how many columns a text takes in a mail.
func columns(s string) int { return text.Columns(s, text.InMail) }

func pad(s string, to int) string { return text.Pad(s, to, text.InMail) }

// wrap breaks a paragraph into the lines of a mail, the first after lead and the others after
// indent.
func wrap(lead, indent, s string) string { return text.Wrap(lead, indent, s, Columns, text.InMail) }
