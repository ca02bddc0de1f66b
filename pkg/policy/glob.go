package policy

// Patterns are shell-style: * stands for any text, empty too, ? for any one
// character, everything else for itself. There is no escape.

// glob reports whether the pattern matches all of text.
func glob(pattern, text string) bool { return match(pattern, text, false) }

// match is glob; with starred, text is itself a pattern and ? doesn't stand for
// its asterisks. Going back to the last * alone keeps it at len(pattern) ×
// len(text) steps.
func match(pattern, text string, starred bool) bool {
	p, t := 0, 0
	star, mark := -1, 0 // the last * and where its text ends for now
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == '?' && !(starred && text[t] == '*'):
			p++
			t += runeLen(text[t:])
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// runeLen is the length in bytes of the character at the start of s.
func runeLen(s string) int {
	n := 1
	for n < len(s) && s[n]&0xC0 == 0x80 {
		n++
	}
	return n
}

func anyGlob(patterns []string, text string) bool {
	for _, p := range patterns {
		if glob(p, text) {
			return true
		}
	}
	return false
}

// everything reports whether the pattern matches every text.
func everything(pattern string) bool {
	for i := range len(pattern) {
		if pattern[i] != '*' {
			return false
		}
	}
	return pattern != ""
}

// globsMeet reports whether some text matches both patterns. It takes
// len(a) × len(b) steps.
func globsMeet(a, b string) bool {
	// can[j] says whether the rest of a from i meets the rest of b from j.
	can := make([]bool, len(b)+1)
	next := make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				can[j] = true
			case i < len(a) && a[i] == '*':
				can[j] = next[j] || j < len(b) && can[j+1]
			case j < len(b) && b[j] == '*':
				can[j] = can[j+1] || i < len(a) && next[j]
			case i < len(a) && j < len(b):
				can[j] = next[j+1] && (a[i] == '?' || b[j] == '?' || a[i] == b[j])
			default:
				can[j] = false
			}
		}
		can, next = next, can
	}
	return next[0]
}

// globCovers reports whether wide surely matches all that narrow matches: wide
// taken as a pattern over the text of narrow, where only a * of wide may stand
// for a * of narrow. It may miss a case, it never invents one.
func globCovers(wide, narrow string) bool { return match(wide, narrow, true) }
