package text_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/endpointguard/endpointguard/pkg/text"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                 "plain",
		"two\r\nlines":          "two  lines",
		"\u202eevil\u2066":      "evil",
		"\x1b[31mred":           "[31mred",
		strings.Repeat("x", 30): "xxxxxxxxxxxxxxxxxxxx...",
		"\xff":                  "?",
		" \u00a0padded\u2003 ":  "padded",
		"\v\u0300mark":          "mark",
	} {
		if got := text.Clean(in, 20); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestReveal(t *testing.T) {
	for in, want := range map[string]string{
		"plain, 鍵 and é":     "plain, 鍵 and é",
		"a\tb\nc\x1b[2J":     "a\ufffdb\ufffdc\ufffd[2J",
		"a\u00a0b\u3000c":    "a\ufffdb\ufffdc",
		"\u202eevil\u2066":   "\ufffdevil\ufffd",
		"\u200b\u2800\u3164": "\ufffd\ufffd\ufffd",
		"\xff":               "\ufffd",
	} {
		if got := text.Reveal(in); got != want {
			t.Errorf("Reveal(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestNothingHidden: of whatever text, what is shown has nothing in it that hides, turns or
// ends a line, and the ASCII of it nothing else.
func TestNothingHidden(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, limit := rapid.String().Draw(t, "text"), rapid.IntRange(0, 40).Draw(t, "limit")
		for name, got := range map[string]string{"Clean": text.Clean(s, limit), "Reveal": text.Reveal(s)} {
			if !utf8.ValidString(got) || strings.ContainsFunc(got, text.Hidden) {
				t.Errorf("%s(%q) = %q", name, s, got)
			}
		}
		if got := text.Clean(s, limit); utf8.RuneCountInString(got) > limit+len("...") {
			t.Errorf("Clean(%q, %d) = %q", s, limit, got)
		}
		if got := text.ASCII(s); strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("ASCII(%q) = %q", s, got)
		}
	})
}

// TestCutBytes: never within a letter, and what has no beginning of a letter at all is left
// out.
func TestCutBytes(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"as long as may":     {"aaaa", "aaaa"},
		"a byte longer":      {"aaaaa", "aaaa…"},
		"within a letter":    {"xéé", "xé…"},
		"between letters":    {"ééé", "éé…"},
		"no letter":          {strings.Repeat("\x80", 5), "…"},
		"one, then no other": {"x" + strings.Repeat("\x80", 5), "…"},
	} {
		if got := text.CutBytes(tc.text, 4, "…"); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestCut(t *testing.T) {
	for in, want := range map[string]string{"": "", "鍵鍵鍵": "鍵鍵鍵", "鍵鍵鍵鍵": "鍵鍵鍵...", "éabc": "éab..."} {
		if got := text.Cut(in, 3, "..."); got != want {
			t.Errorf("Cut(%q) = %q, want %q", in, got, want)
		}
	}
	for limit, want := range map[int]string{30: "payments-eu-central-1-prod", 26: "payments-eu-central-1-prod", 12: "payme..-prod", 8: "pay..rod", 7: "payment", -1: ""} {
		if got := text.CutMiddle("payments-eu-central-1-prod", limit); got != want {
			t.Errorf("CutMiddle to %d = %q, want %q", limit, got, want)
		}
	}
}

// TestColumns: a terminal shows marks above what they belong to, and letters of ambiguous
// width as narrow ones; a mail reader may not.
func TestColumns(t *testing.T) {
	for s, want := range map[string][2]int{"abc": {3, 3}, "鍵": {2, 2}, "…": {2, 1}, "e\u0301": {3, 1}, "ｱ": {1, 1}, "🔑": {2, 2}, "": {0, 0}} {
		if got := [2]int{text.Columns(s, text.InMail), text.Columns(s, text.InTerminal)}; got != want {
			t.Errorf("%q takes %v columns, want %v", s, got, want)
		}
	}
	if got := text.Pad("鍵", 4, text.InTerminal) + "|" + text.Pad("abcde", 4, text.InTerminal); got != "鍵  |abcde" {
		t.Errorf("%q", got)
	}
}

func TestWrap(t *testing.T) {
	got := text.Wrap("- ", "  ", "one two "+strings.Repeat("x", 25)+" three", 12, text.InMail)
	want := "- one two\n  xxxxxxxxxx\n  xxxxxxxxxx\n  xxxxx\n  three\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"one 鍵", "鍵鍵鍵", "two"}, text.Lines(" one  鍵鍵鍵鍵\ttwo ", 6)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{""}, text.Lines("", 6)); diff != "" {
		t.Error(diff)
	}
}

// FuzzWrap holds that no text makes a line too long, and that nothing of it is lost.
func FuzzWrap(f *testing.F) {
	f.Add("- ", "one two three", byte(12), true)
	f.Add("", "重要なクラスター、。「閉じる」 a", byte(9), false)
	f.Add("  ", strings.Repeat("、", 50), byte(20), true)
	f.Add("", "e\u0301\u0302\u0303x", byte(30), true)
	f.Fuzz(func(t *testing.T, lead, s string, limit byte, mail bool) {
		width := text.InTerminal
		if mail {
			width = text.InMail
		}
		s = text.Clean(s, 500)
		if !utf8.ValidString(s) || utf8.RuneCountInString(s) > 503 {
			t.Fatalf("foreign text of %d characters: %q", utf8.RuneCountInString(s), s)
		}
		most := 8 + int(limit)%70
		if text.Columns(lead, width) > 4 || text.Clean(lead, 4) != strings.TrimSpace(lead) {
			lead = ""
		}
		out := text.Wrap(lead, "  ", s, most, width)
		for line := range strings.SplitSeq(out, "\n") {
			if text.Columns(line, width) > most {
				t.Fatalf("%d columns of %d: %q", text.Columns(line, width), most, line)
			}
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if squeeze(out) != squeeze(lead+s) {
			t.Fatalf("lost: %q of %q", out, lead+s)
		}
	})
}
