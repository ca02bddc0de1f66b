package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

const (
	// columns is the width that no line of the demo's own exceeds.
	columns = 80
	// The smallest terminal on which lines that change in place can be read.
	leastWidth, leastHeight = 60, 18
)

// terminal is what the demo is shown on.
type terminal struct {
	size   func() (width, height int)
	colour bool
	again  string // the command that shows the demo again
}

// terminalOf is the terminal that a command writes to, nil if that is none, or
// one on which nothing can change in place.
func terminalOf(w io.Writer, getenv func(string) string) *terminal {
	if s, ok := w.(*stopping); ok {
		w = s.Writer
	}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || slices.Contains([]string{"", "dumb"}, getenv("TERM")) {
		return nil
	}
	return &terminal{
		size: func() (int, int) {
			width, height, err := term.GetSize(int(f.Fd()))
			if err != nil || width <= 0 || height <= 0 {
				return columns, 24 // a serial line does not know its size
			}
			return width, height
		},
		colour: getenv("NO_COLOR") == "",
	}
}

// style is how a terminal shows a text: parameters of SGR, "" for as it is.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "1;31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

// span is a text in one style.
type span struct {
	text  string
	style style
}

// styled is one line of a terminal.
type styled []span

func (l styled) width() int {
	n := 0
	for _, s := range l {
		n += utf8.RuneCountInString(s.text)
	}
	return n
}

// render is the line as it is written, cut to the width.
func (l styled) render(width int, colour bool) string {
	var out strings.Builder
	for _, s := range l {
		text := []rune(s.text)
		text = text[:min(len(text), width)]
		width -= len(text)
		if colour && s.style != plain && len(text) > 0 {
			fmt.Fprintf(&out, "\x1b[%sm%s\x1b[0m", s.style, string(text))
		} else {
			out.WriteString(string(text))
		}
	}
	return out.String()
}

// canvas is a terminal's other screen, on which lines change in place. What was
// on the terminal before comes back when it is closed.
type canvas struct {
	out           io.Writer
	on            terminal
	width, height int
	shown         []string
}

func openCanvas(out io.Writer, on terminal) *canvas {
	_, _ = io.WriteString(out, "\x1b[?1049h\x1b[?25l")
	return &canvas{out: out, on: on}
}

// close clears first: a console without another screen shows what follows on the
// same one.
func (c *canvas) close() {
	_, _ = io.WriteString(c.out, "\x1b[2J\x1b[H\x1b[?25h\x1b[?1049l")
}

// draw shows what frame makes for the terminal's size. Only lines that changed
// are written, so nothing flickers.
func (c *canvas) draw(frame func(width, height int) []styled) {
	var out strings.Builder
	width, height := c.on.size()
	if width != c.width || height != c.height {
		// The terminal may have broken the lines anew.
		out.WriteString("\x1b[2J")
		c.width, c.height, c.shown = width, height, nil
	}
	lines := frame(width, height)
	lines = lines[:min(len(lines), height)]
	for len(lines) < len(c.shown) {
		lines = append(lines, nil)
	}
	for i, l := range lines {
		text := l.render(width, c.on.colour)
		switch {
		case i == len(c.shown):
			c.shown = append(c.shown, text)
		case c.shown[i] == text:
			continue
		default:
			c.shown[i] = text
		}
		fmt.Fprintf(&out, "\x1b[%d;1H%s", i+1, text)
		// At the end of a full line this would clear its last character.
		if l.width() < width {
			out.WriteString("\x1b[K")
		}
	}
	if out.Len() > 0 {
		_, _ = io.WriteString(c.out, out.String())
	}
}
