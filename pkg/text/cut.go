package text

import "unicode/utf8"

// Cut shortens a text to so many characters. The mark stands for what was cut.
func Cut(s string, limit int, mark string) string {
	n := 0
	for i := range s {
		if n == limit {
			return s[:i] + mark
		}
		n++
	}
	return s
}

// CutBytes shortens a text to so many bytes, or a few less, so that no character is cut in
// two. The mark stands for what was cut.
func CutBytes(s string, limit int, mark string) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + mark
}

// CutMiddle takes the middle out of a name in ASCII that is longer than limit characters:
// names of one company begin alike.
func CutMiddle(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	if limit < 8 {
		return name[:max(0, limit)]
	}
	tail := (limit - 2) / 2
	return name[:limit-2-tail] + ".." + name[len(name)-tail:]
}
