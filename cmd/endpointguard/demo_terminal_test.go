package main

import (
	"context"
	"debug/buildinfo"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDemoOnATerminal runs the demo on a terminal, and holds the picture of the
// README to it.
func TestDemoOnATerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the function and takes 20 seconds")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	function, err := buildFunction(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	checkCompiledAlike(t, function)
	// Most terminals have 80 columns and 24 rows when they open.
	s := newScreen(columns, 24)
	if err := runDemo(t.Context(), function, dir, s, os.Stderr, s.terminal(true)); err != nil {
		t.Fatalf("%v; the terminal:\n%s", err, plainText(s.main))
	}
	checkRestored(t, s)
	if !s.colour {
		t.Error("there is no colour")
	}
	last := s.frames[len(s.frames)-1].rows
	for _, r := range cast() {
		place := slices.IndexFunc(last, func(g glyphs) bool { return strings.HasPrefix(g.String(), r.name+" ") })
		if place < 0 {
			t.Errorf("%s has no line:\n%s", r.name, plainText(last))
			continue
		}
		states := map[string]bool{}
		for i, f := range s.frames {
			line := f.rows[place].String()
			if !strings.HasPrefix(line, r.name+" ") && i > 0 {
				t.Errorf("%s has left its line for %q", r.name, line)
			}
			states[untimed(line)] = true
		}
		if len(states) < 3 {
			t.Errorf("the line of %s does not change: %v", r.name, states)
		}
		if line := last[place].String(); strings.Contains(line, "!") || !strings.Contains(line, "ACTIVE") || !strings.Contains(line, string(r.outcome)) {
			t.Errorf("%s ends as %q", r.name, line)
		}
	}
	story, rest, one := strings.Cut(plainText(s.main), "\nOne of the 12 mails\n")
	mail, table, more := strings.Cut(rest, "\nWhere every cluster ended\n")
	if !one || !more || strings.Count(mail, "Subject: ") != 1 || !strings.Contains(mail, "payments-prod") {
		t.Errorf("there is more or less than the story, one mail and the table:\n%s", plainText(s.main))
	}
	if !strings.Contains(story, `guardrail: mail "enforced"`) || !strings.Contains(table, "broke production-is-private, office-only:") {
		t.Errorf("the story or the table lacks something:\n%s", plainText(s.main))
	}
	checkPicture(t, s)
}

// checkCompiledAlike holds that a program was compiled with this test's own flags:
// with others, Go's build cache would have nothing of it, and the SDK takes minutes.
func checkCompiledAlike(t *testing.T, path string) {
	t.Helper()
	built, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	own, ok := debug.ReadBuildInfo()
	if !ok {
		t.Fatal("this test has no build information")
	}
	flags := func(info *debug.BuildInfo) map[string]string {
		out := map[string]string{}
		for _, s := range info.Settings {
			if slices.Contains([]string{"-trimpath", "-race", "-tags", "CGO_ENABLED"}, s.Key) {
				out[s.Key] = s.Value
			}
		}
		return out
	}
	if diff := cmp.Diff(flags(own), flags(built)); diff != "" {
		t.Errorf("the function was compiled otherwise (-own +function):\n%s", diff)
	}
}

func plainText(rows []glyphs) string {
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(row.String() + "\n")
	}
	return out.String()
}

// checkRestored holds that the terminal is as it was, and nothing went wrong on it.
func checkRestored(t *testing.T, s *screen) {
	t.Helper()
	if !s.onMain || !s.cursor || s.style != plain {
		t.Errorf("the terminal is not as it was: main screen %t, cursor %t, style %q", s.onMain, s.cursor, s.style)
	}
	for _, what := range s.wrong {
		t.Error(what)
	}
}

// TestBoard draws the board on terminals of all sizes, with colours and without.
func TestBoard(t *testing.T) {
	for _, size := range [][2]int{{200, 60}, {80, 40}, {80, 24}, {79, 24}, {60, 18}, {40, 10}, {3, 2}, {1, 1}} {
		for _, colour := range []bool{true, false} {
			s := newScreen(size[0], size[1])
			d := newTestDemo(t, &strings.Builder{})
			d.end()
			d.out = s
			d.canvas = openCanvas(s, *s.terminal(colour))
			d.draw()
			for i := range 100 {
				d.tell("payments-prod", strings.Repeat("guardrail: something long happens ", i%5))
				d.doing("payments-prod", strings.Repeat("does something ", i), red)
				d.draw()
			}
			// Somebody makes the window smaller, then larger.
			s.width, s.height, s.other = 50, 12, make([]glyphs, 12)
			d.draw()
			s.width, s.height, s.other = size[0], size[1], make([]glyphs, size[1])
			d.draw()
			if got := plainText(s.other); size[0] >= 60 && size[1] >= 18 && (!regexp.MustCompile(`payments-prod +(ACTIVE +)?VPC only  `).MatchString(got) || !strings.Contains(got, "100") && !strings.Contains(got, "guardrail:")) {
				t.Errorf("%v shows:\n%s", size, got)
			}
			d.canvas.close()
			checkRestored(t, s)
			if s.colour && !colour {
				t.Errorf("%v: colours where none are wanted", size)
			}
		}
	}
}

// TestDemoOnASmallTerminal holds that a terminal that is too small for lines that
// change in place gets lines that it need not break.
func TestDemoOnASmallTerminal(t *testing.T) {
	s := newScreen(50, 40)
	d := newTestDemo(t, &strings.Builder{})
	d.out, d.width, d.cast = s, s.width, nil
	for _, r := range cast() {
		if r.updates == 0 {
			d.cast = append(d.cast, r)
		}
	}
	d.end()
	d.tell("analytics", "guardrail: asks EKS for VPC and 203.0.113.0/24 198.51.100.0/25")
	if !d.table() {
		t.Errorf("not fine:\n%s", plainText(s.main))
	}
	checkRestored(t, s)
}

// TestInterruptedOnATerminal holds that Ctrl-C leaves the terminal as it was.
func TestInterruptedOnATerminal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bootstrap")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec tail -f /dev/null\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := newScreen(columns, 24)
	out := io.MultiWriter(s, &cancelOn{text: "the sweep after the deployment", cancel: cancel})
	if err := runDemo(ctx, path, dir, out, os.Stderr, s.terminal(false)); err == nil || err.Error() != "interrupted" {
		t.Errorf("got %v, want interrupted", err)
	}
	checkRestored(t, s)
	if len(s.frames) == 0 || s.colour {
		t.Errorf("%d frames, colours: %t", len(s.frames), s.colour)
	}
	if got := strings.TrimSpace(plainText(s.main)); got != "" {
		t.Errorf("there is left:\n%s", got)
	}
}

// TestTerminalOf holds that only a terminal is taken for one.
func TestTerminalOf(t *testing.T) {
	getenv := func(string) string { return "xterm" }
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if terminalOf(file, getenv) != nil || terminalOf(&stopping{Writer: file, stop: func() {}}, getenv) != nil || terminalOf(&strings.Builder{}, getenv) != nil {
		t.Error("something else is taken for a terminal")
	}
	device, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = device.Close() }()
	for _, tc := range []struct {
		kind, noColour string
		want, colour   bool
	}{{"xterm", "", true, true}, {"xterm", "1", true, false}, {"dumb", "", false, false}, {"", "", false, false}} {
		got := terminalOf(&stopping{Writer: device, stop: func() {}}, func(name string) string {
			return map[string]string{"TERM": tc.kind, "NO_COLOR": tc.noColour}[name]
		})
		if (got != nil) != tc.want || got != nil && got.colour != tc.colour {
			t.Errorf("TERM=%s NO_COLOR=%s: %+v", tc.kind, tc.noColour, got)
		}
		if got == nil {
			continue
		}
		// A terminal of nobody's has no size.
		if width, height := got.size(); width <= 0 || height <= 0 {
			t.Errorf("the size is %d %d", width, height)
		}
	}
}
