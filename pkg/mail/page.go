package mail

import (
	"strings"
)

// page is the text of a mail while it is being written.
type page struct {
	strings.Builder
	label int // columns of the labels
}

// para writes a paragraph.
func (p *page) para(text string) { p.WriteString(wrap("", "", text, Columns)) }

// field writes a value after its label.
func (p *page) field(label, value string) {
	p.WriteString(wrap(pad(label, p.label)+" ", strings.Repeat(" ", p.label+1), value, Columns))
}

// heading begins a section.
func (p *page) heading(text string) { p.WriteString("\n" + wrap("", "", text, Columns)) }

// item writes an item of a list.
func (p *page) item(text string) { p.WriteString(wrap("- ", "  ", text, Columns)) }

// inside writes a paragraph that belongs to an item or a section.
func (p *page) inside(text string) { p.WriteString(wrap("  ", "  ", text, Columns)) }

// block writes lines as they are, for others to copy.
func (p *page) block(lines []string) {
	for _, line := range lines {
		p.WriteString(line + "\n")
	}
}

// fill puts values in the place of their names in a phrase: fill("{a} b", "a", "x").
// What is put in is not looked at for names again.
func fill(phrase string, pairs ...string) string {
	out := make([]string, len(pairs))
	for i, s := range pairs {
		if i%2 == 0 {
			s = "{" + s + "}"
		}
		out[i] = s
	}
	return strings.NewReplacer(out...).Replace(phrase)
}
