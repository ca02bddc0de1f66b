package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// picturePath is the picture of the README. The test writes it with -update, as
// "make picture" does.
var picturePath = filepath.Join("..", "..", "docs", "demo.svg")

const (
	// between is how often the picture changes at the most, unless something would
	// never be seen otherwise.
	between = 500 * time.Millisecond
	// reading is how long the last board, the mail and the table stay.
	reading = 6 * time.Second

	// The size of a glyph and the border, in pixels.
	glyphWidth, glyphHeight, border = 7.8, 17.0, 14.0
)

// shot is a screen and how long it is shown.
type shot struct {
	rows []glyphs
	stay time.Duration
}

// recording is what the picture shows of a run: the board as it changes, then the
// mail, then the table.
func recording(s *screen) (board []shot, pages []shot) {
	seen := map[string]bool{}
	var kept []frame
	frames := s.frames[1:] // the first one is empty
	for i, f := range frames {
		fresh := false
		for _, c := range cells(f.rows) {
			fresh = fresh || !seen[c]
			seen[c] = true
		}
		if fresh || i == len(frames)-1 || f.at-kept[len(kept)-1].at >= between {
			kept = append(kept, f)
		}
	}
	for i, f := range kept {
		stay := reading
		if i+1 < len(kept) {
			stay = kept[i+1].at - f.at
		}
		board = append(board, shot{f.rows, stay})
	}
	return board, []shot{{s.page("Subject: "), 2 * reading}, {s.page("Where every cluster ended"), 2 * reading}}
}

// Whatever differs from run to run.
var timed = regexp.MustCompile(` *\d+\.\d s` +
	`|\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d)?|\b\d\d:\d\d:\d\d` + // a line may break between the day and the time
	`|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}` +
	`|\b(?:vpc|sg)-[0-9a-f]{17}|\bEG-[0-9A-Z]{8}`)

func untimed(line string) string { return timed.ReplaceAllString(line, "  #") }

// marked is the text of a row with its styles, as [32] before what is green.
func (g glyphs) marked() string {
	var out strings.Builder
	last := plain
	for i, c := range g {
		switch {
		case blanks(g[i:]):
			last = plain
		case c.rune > ' ' && c.style != last:
			fmt.Fprintf(&out, "[%s]", c.style)
			last = c.style
		}
		out.WriteRune(max(c.rune, ' '))
	}
	return strings.TrimRight(out.String(), " ")
}

// cells are the texts of the rows with their styles, without what differs from run
// to run. A cell ends where two blanks are.
func cells(rows []glyphs) []string {
	var out []string
	for _, row := range rows {
		for _, cell := range strings.Split(untimed(row.marked()), "  ") {
			if cell = strings.TrimSpace(cell); cell != "" {
				out = append(out, cell)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func allCells(shots []shot) []string {
	var out []string
	for _, s := range shots {
		out = append(out, cells(s.rows)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// checkPicture holds that the picture shows what the demo prints.
func checkPicture(t *testing.T, s *screen) {
	t.Helper()
	board, pages := recording(s)
	if *update {
		if err := os.WriteFile(picturePath, picture(append(board, pages...)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(picturePath)
	if err != nil {
		t.Fatalf("%v: make picture makes it", err)
	}
	defer func() { _ = file.Close() }()
	shown, err := readPicture(file)
	if err != nil || len(shown) < 5 {
		t.Fatalf("the picture has %d screens, %v", len(shown), err)
	}
	for _, difference := range stale(shown, board, pages) {
		t.Errorf("the picture is stale, make picture makes it anew: %s", difference)
	}
}

// stale is how a picture differs from a recording in more than its times. Which
// states of two clusters meet in one screen differs from run to run, so that the
// boards are compared by what is in them.
func stale(shown, board, pages []shot) []string {
	var out []string
	last := shown[len(shown)-len(pages):]
	got, want := allCells(shown[:len(shown)-len(pages)]), allCells(board)
	for _, cell := range got {
		if _, found := slices.BinarySearch(want, cell); !found {
			out = append(out, fmt.Sprintf("it shows %q", cell))
		}
	}
	for _, cell := range want {
		if _, found := slices.BinarySearch(got, cell); !found {
			out = append(out, fmt.Sprintf("it lacks %q", cell))
		}
	}
	for i, page := range pages {
		if diff := diffText(pageText(last[i]), pageText(page)); diff != "" {
			out = append(out, "(-picture +demo)\n"+diff)
		}
	}
	return out
}

// pageText is a page without what differs from run to run.
func pageText(s shot) string {
	var out strings.Builder
	for _, row := range s.rows {
		out.WriteString(untimed(row.marked()) + "\n")
	}
	return strings.TrimRight(out.String(), "\n")
}

// inks are the colours of the picture, on its own dark ground, so that it is read
// on light pages and dark ones.
var inks = map[style]string{
	bold: `font-weight="bold" fill="#f0f6fc"`, dim: `fill="#9198a1"`, red: `font-weight="bold" fill="#ff7b72"`,
	green: `fill="#56d364"`, yellow: `fill="#e3b341"`, cyan: `fill="#79c0ff"`,
}

// picture draws the shots one after the other, for ever. They stand below each
// other on a strip that moves behind a window. Where nothing moves, and where
// people want nothing to move, the last one is seen: where every cluster ended.
func picture(shots []shot) []byte {
	rows, all := 0, time.Duration(0)
	for _, s := range shots {
		rows, all = max(rows, len(s.rows)), all+s.stay
	}
	window := float64(rows)*glyphHeight + 6
	width, height := columns*glyphWidth+2*border, window+2*border

	var lines, frames, moves bytes.Buffer
	ids := map[string]int{}
	at := time.Duration(0)
	for i, s := range shots {
		fmt.Fprintf(&moves, "%.3f%%{transform:translateY(%.0fpx)}", 100*at.Seconds()/all.Seconds(), -float64(i)*window)
		at += s.stay
		fmt.Fprintf(&frames, "<g transform=\"translate(0,%.0f)\">\n", float64(i)*window)
		for n, row := range s.rows {
			drawn := drawRow(row)
			if drawn == "" {
				continue
			}
			id, known := ids[drawn]
			if !known {
				id = len(ids)
				ids[drawn] = id
				fmt.Fprintf(&lines, "<text id=\"l%d\">%s</text>\n", id, drawn)
			}
			fmt.Fprintf(&frames, "<use href=\"#l%d\" y=\"%.0f\"/>", id, float64(n+1)*glyphHeight)
		}
		frames.WriteString("\n</g>\n")
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]g" height="%[2]g" viewBox="0 0 %[1]g %[2]g" role="img">
<title>endpointguard demo on a terminal</title>
<!-- made by "make picture" -->
<style>
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;fill:#d1d7e0;white-space:pre}
#strip{animation:play %.1fs steps(1,end) infinite}
@media (prefers-reduced-motion:reduce){#strip{animation:none}}
@keyframes play{%s}
</style>
<defs>
%s</defs>
<rect x=".5" y=".5" width="%g" height="%g" rx="8" fill="#0d1117" stroke="#59636e"/>
<svg x="%g" y="%g" width="%g" height="%g">
<g id="strip" transform="translate(0,%.0f)">
%s</g>
</svg>
</svg>
`, width, height, all.Seconds(), moves.Bytes(), lines.Bytes(), width-1, height-1,
		border, border, width-border, window, -float64(len(shots)-1)*window, frames.Bytes())
	return out.Bytes()
}

// drawRow is a row as SVG, each cell at its place, so that the columns stand in
// every font.
func drawRow(row glyphs) string {
	var out strings.Builder
	for i := 0; i < len(row); {
		if row[i].rune <= ' ' {
			i++
			continue
		}
		from, cell := i, ""
		for i < len(row) && row[i].rune > 0 && row[i].style == row[from].style && !blanks(row[i:]) {
			cell += string(row[i].rune)
			i++
		}
		ink := inks[row[from].style]
		if ink != "" {
			ink = " " + ink
		}
		fmt.Fprintf(&out, `<tspan x="%.1f"%s>`, float64(from)*glyphWidth, ink)
		_ = xml.EscapeText(&out, []byte(strings.TrimRight(cell, " ")))
		out.WriteString("</tspan>")
	}
	return out.String()
}

// blanks reports whether a cell ends here.
func blanks(row glyphs) bool {
	return row[0].rune <= ' ' && (len(row) == 1 || row[1].rune <= ' ')
}

// readPicture reads what a picture shows: its screens, with their styles.
func readPicture(r io.Reader) ([]shot, error) {
	type tspan struct {
		X    float64 `xml:"x,attr"`
		Fill string  `xml:"fill,attr"`
		Text string  `xml:",chardata"`
	}
	var drawn struct {
		Lines []struct {
			ID    string  `xml:"id,attr"`
			Spans []tspan `xml:"tspan"`
		} `xml:"defs>text"`
		Frames []struct {
			Uses []struct {
				Line string  `xml:"href,attr"`
				Y    float64 `xml:"y,attr"`
			} `xml:"use"`
		} `xml:"svg>g>g"`
	}
	if err := xml.NewDecoder(r).Decode(&drawn); err != nil {
		return nil, err
	}
	styles := map[string]style{}
	for how, ink := range inks {
		_, fill, _ := strings.Cut(ink, `fill="`)
		styles[strings.TrimSuffix(fill, `"`)] = how
	}
	lines := map[string]glyphs{}
	for _, l := range drawn.Lines {
		var row glyphs
		for _, span := range l.Spans {
			for len(row) < int(span.X/glyphWidth+0.5) {
				row = append(row, glyph{rune: ' '})
			}
			for _, r := range span.Text {
				row = append(row, glyph{r, styles[span.Fill]})
			}
		}
		lines["#"+l.ID] = row
	}
	var out []shot
	for _, f := range drawn.Frames {
		var s shot
		for _, u := range f.Uses {
			line, ok := lines[u.Line]
			if !ok {
				return nil, fmt.Errorf("there is no line %s", u.Line)
			}
			for n := int(u.Y/glyphHeight + 0.5); len(s.rows) < n; {
				s.rows = append(s.rows, nil)
			}
			s.rows[len(s.rows)-1] = line
		}
		out = append(out, s)
	}
	return out, nil
}

// TestStalePictures holds that the comparison sees every difference but times.
func TestStalePictures(t *testing.T) {
	rowsOf := func(lines ...string) shot {
		s := shot{stay: time.Second}
		for i, l := range lines {
			var row glyphs
			for _, r := range l {
				row = append(row, glyph{r, []style{plain, red, green}[i%3]})
			}
			s.rows = append(s.rows, row)
		}
		return s
	}
	page := []string{"Subject: <closed> & done", "", "At  2026-11-24 00:00:25 UTC", "  update 8aefbcd2-6c38-4c66-9eab-135ba3608bc0"}
	board := []shot{rowsOf("CLUSTER  SECONDS", "a  ACTIVE    1.5 s"), rowsOf("CLUSTER  SECONDS", "b  UPDATING   11.5 s")}
	shown, err := readPicture(bytes.NewReader(picture(append(board, rowsOf(page...)))))
	if err != nil {
		t.Fatal(err)
	}
	later := slices.Clone(page)
	later[2] = "At  2027-01-02 03:04:05 UTC"
	for name, tc := range map[string]struct {
		board []shot
		page  []string
		want  []string
	}{
		"the same":     {board, page, nil},
		"other times":  {[]shot{rowsOf("CLUSTER  SECONDS", "b  ACTIVE   0.5 s"), rowsOf("CLUSTER", "a  UPDATING")}, later, nil},
		"another cell": {[]shot{rowsOf("CLUSTER  SECONDS", "b  ACTIVE   0.5 s"), rowsOf("CLUSTER", "a  DELETING")}, page, []string{`it shows "[1;31]UPDATING"`, `it lacks "[1;31]DELETING"`}},
	} {
		got := stale(shown, tc.board, []shot{rowsOf(tc.page...)})
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	board[0].rows[1] = append(glyphs{{'a', green}}, board[0].rows[1][1:]...)
	if got, want := stale(shown, board, []shot{rowsOf(page...)}), []string{`it shows "[1;31]a"`, `it lacks "[32]a"`}; !slices.Equal(got, want) {
		t.Errorf("another colour: %q, want %q", got, want)
	}
	other := slices.Clone(page)
	other[0] += "!"
	if got := stale(shown, board, []shot{rowsOf(other...)}); len(got) != 3 {
		t.Errorf("another page: %q", got)
	}
}

// TestPictureIsInTheReadme holds that the picture is shown, and that its width and
// height are what it is drawn for.
func TestPictureIsInTheReadme(t *testing.T) {
	if !strings.Contains(fromRoot(t, "README.md"), "(docs/demo.svg)") {
		t.Error("README.md does not show docs/demo.svg")
	}
	m := regexp.MustCompile(`width="(\d+)" height="(\d+)"`).FindStringSubmatch(fromRoot(t, "docs", "demo.svg"))
	if m == nil {
		t.Fatal("the picture has no size")
	}
	if width, _ := strconv.Atoi(m[1]); width != columns*glyphWidth+2*border {
		t.Errorf("it is %d wide", width)
	}
}
