package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// screen is a terminal as far as the demo uses one. What the demo must not do is
// in wrong.
type screen struct {
	mu            sync.Mutex
	width, height int

	main   []glyphs // everything since the beginning; nothing leaves it
	other  []glyphs
	onMain bool
	row    int // of the other screen
	column int
	style  style
	cursor bool // it is shown
	colour bool // there was one

	began  time.Time
	frames []frame
	wrong  []string
}

// glyph is what is in one place of a screen.
type glyph struct {
	rune  rune
	style style
}

type glyphs []glyph

func (g glyphs) String() string {
	var out strings.Builder
	for _, c := range g {
		out.WriteRune(max(c.rune, ' '))
	}
	return strings.TrimRight(out.String(), " ")
}

// frame is the other screen at one time.
type frame struct {
	at   time.Duration
	rows []glyphs
}

func newScreen(width, height int) *screen {
	return &screen{
		width: width, height: height, onMain: true, cursor: true, main: []glyphs{nil},
		other: make([]glyphs, height), began: time.Now(),
	}
}

func (s *screen) terminal(colour bool) *terminal {
	return &terminal{size: func() (int, int) { return s.width, s.height }, colour: colour, again: "endpointguard demo"}
}

// escape is a control sequence, or nothing else but text.
var escape = regexp.MustCompile(`^\x1b\[(\??)([0-9;]*)([A-Za-z])`)

// Write interprets what a program writes, one frame a call.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for text := string(p); text != ""; {
		if m := escape.FindStringSubmatch(text); m != nil {
			s.control(m[1]+m[3], m[2])
			text = text[len(m[0]):]
			continue
		}
		for _, r := range text {
			s.put(r)
			text = text[len(string(r)):]
			break
		}
	}
	if !s.onMain {
		rows := make([]glyphs, len(s.other))
		for i, row := range s.other {
			rows[i] = slices.Clone(row)
		}
		s.frames = append(s.frames, frame{time.Since(s.began), rows})
	}
	return len(p), nil
}

func (s *screen) control(what, parameters string) {
	switch what {
	case "m":
		s.style = style(parameters)
		if parameters == "0" {
			s.style = plain
		}
		s.colour = true
	case "H":
		s.row, s.column = 0, 0
		if row, column, ok := strings.Cut(parameters, ";"); ok {
			r, _ := strconv.Atoi(row)
			c, _ := strconv.Atoi(column)
			s.row, s.column = r-1, c-1
		}
		if s.row < 0 || s.row >= s.height || s.onMain {
			s.wrong = append(s.wrong, fmt.Sprintf("the cursor goes to %q, on the main screen: %t", parameters, s.onMain))
		}
	case "K":
		s.other[s.row] = s.other[s.row][:min(s.column, len(s.other[s.row]))]
	case "J":
		clear(s.other)
		if parameters != "2" || s.onMain {
			s.wrong = append(s.wrong, "clears more than the other screen")
		}
	case "?h", "?l":
		switch parameters {
		case "1049":
			s.onMain = what == "?l"
		case "25":
			s.cursor = what == "?h"
		default:
			s.wrong = append(s.wrong, "sets the mode "+parameters)
		}
	default:
		s.wrong = append(s.wrong, "the unknown sequence "+what)
	}
}

func (s *screen) put(r rune) {
	if s.onMain {
		if r == '\n' {
			s.main = append(s.main, nil)
			return
		}
		last := len(s.main) - 1
		s.main[last] = append(s.main[last], glyph{r, s.style})
		if len(s.main[last]) == s.width+1 {
			s.wrong = append(s.wrong, "too long: "+s.main[last].String())
		}
		return
	}
	if s.column >= s.width || r < ' ' {
		s.wrong = append(s.wrong, fmt.Sprintf("%q in column %d of row %d", r, s.column, s.row))
		return
	}
	row := s.other[s.row]
	for len(row) <= s.column {
		row = append(row, glyph{})
	}
	row[s.column] = glyph{r, s.style}
	s.other[s.row] = row
	s.column++
}

// page are as many lines of the main screen as fit, from the line on that begins
// with the text.
func (s *screen) page(from string) []glyphs {
	begins := func(g glyphs) bool { return strings.HasPrefix(g.String(), from) }
	lines := s.main[max(0, slices.IndexFunc(s.main, begins)):]
	return lines[:min(len(lines), s.height)]
}
