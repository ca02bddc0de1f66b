package policy

import (
	"strings"
	"unicode/utf8"
)

// What a document may be at most.
const (
	MaxBytes   = 256 << 10 // the size of the file
	MaxNesting = 32        // lists and mappings inside each other
)

const deepHint = "a policy needs no more than five levels: look for brackets that aren't closed and lines that are indented too far"

// splitLines splits text at what YAML takes for the end of a line, so that line
// numbers agree with the YAML parser's.
func splitLines(text string) []string {
	var lines []string
	start := 0
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch r {
		case '\r':
			if strings.HasPrefix(text[i+1:], "\n") {
				n = 2
			}
		case '\n', '\u0085', '\u2028', '\u2029':
		default:
			i += n
			continue
		}
		lines = append(lines, text[start:i])
		i += n
		start = i
	}
	return append(lines, text[start:])
}

// scanner looks over a document before the YAML parser does, to refuse in one
// pass what that parser would be slow at or has no place for: deep nesting,
// anchors and aliases, several documents. It follows YAML only as far as it
// takes to tell text from structure.
type scanner struct {
	noun    string // what kind of document it is
	problem func(line, column int, what, hint string)

	columns []int // of the block keys and dashes that are open
	flow    int   // open brackets and braces
	fresh   bool  // in a flow collection: whether a new value may start
	quote   byte  // the quote that is open, 0 for none
	text    int   // the column that a block scalar or a long plain scalar must be right of
	block   bool  // the text is a block scalar, whose blank lines and # belong to it
	inText  bool
	started bool // whether the document has begun
	ended   bool // whether ... has ended it
}

// scan reports what must not be there and tells whether the YAML parser may go
// on.
func scan(lines []string, noun string, problem func(line, column int, what, hint string)) bool {
	s := scanner{noun: noun, problem: problem}
	for i, line := range lines {
		if !s.line(i+1, line) {
			return false
		}
	}
	return true
}

func column(line string, i int) int { return utf8.RuneCountInString(line[:i]) + 1 }

func (s *scanner) line(number int, line string) bool {
	i := 0
	for i < len(line) && line[i] == ' ' {
		i++
	}
	if s.quote == 0 && s.flow == 0 {
		blank := strings.TrimLeft(line[i:], "\t") == ""
		if s.inText {
			if blank && s.block || i > s.text && !blank {
				return true
			}
			if !blank {
				s.inText = false
			}
		}
		if blank || line[i] == '#' {
			return true
		}
		marker := isMarker(line, "---")
		switch {
		case isMarker(line, "..."):
			s.ended, s.columns = true, s.columns[:0]
			return true
		case marker && s.started, s.ended:
			s.problem(number, 1, "a second document starts here", "a "+s.noun+" file holds one document: remove the line "+`"---"`+" and what doesn't belong")
			return false
		case marker:
			s.started = true
			i = 3
		case line[0] == '%' && !s.started:
			return true
		}
		s.started = true
		indent := i
		if marker {
			indent = 0
		}
		for len(s.columns) > 0 && s.columns[len(s.columns)-1] >= indent {
			s.columns = s.columns[:len(s.columns)-1]
		}
		return s.blockTokens(number, line, i)
	}
	return s.flowTokens(number, line, 0)
}

func isMarker(line, marker string) bool {
	return strings.HasPrefix(line, marker) && (len(line) == len(marker) || line[len(marker)] == ' ' || line[len(marker)] == '\t')
}

func spaceAt(line string, i int) bool {
	return i >= len(line) || line[i] == ' ' || line[i] == '\t'
}

// blockTokens follows a line from i, where a new value starts, outside of all
// brackets.
func (s *scanner) blockTokens(number int, line string, i int) bool {
	for {
		for i < len(line) && spaceAt(line, i) {
			i++
		}
		if i == len(line) || line[i] == '#' {
			return true
		}
		switch c := line[i]; {
		case (c == '-' || c == '?' || c == ':') && spaceAt(line, i+1):
			if !s.push(number, line, i) {
				return false
			}
			i++
		case c == '[' || c == '{':
			return s.flowTokens(number, line, i)
		case c == '"' || c == '\'':
			s.quote = c
			end := s.quoted(line, i+1)
			if end < 0 {
				return true
			}
			rest := strings.TrimLeft(line[end:], " \t")
			if !strings.HasPrefix(rest, ":") {
				return true
			}
			if !s.push(number, line, i) {
				return false
			}
			i = len(line) - len(rest) + 1
		case c == '|' || c == '>':
			s.openText(true)
			return true
		case c == '&' || c == '*':
			s.reference(number, line, i)
			i = wordEnd(line, i, " \t")
		case c == '!':
			i = wordEnd(line, i, " \t")
		default:
			end, key := plainKey(line, i)
			if !key {
				if end == len(line) {
					s.openText(false)
				}
				return true
			}
			if !s.push(number, line, i) {
				return false
			}
			i = end + 1
		}
	}
}

// openText notes that the lines to come are text as long as they are indented
// more than the key or dash that the text belongs to.
func (s *scanner) openText(block bool) {
	s.inText, s.block, s.text = true, block, -1
	if n := len(s.columns); n > 0 {
		s.text = s.columns[n-1]
	}
}

// plainKey finds the colon that makes a key of the plain text from i; without
// one it returns where the text ends, which is the end of the line or a comment.
func plainKey(line string, i int) (int, bool) {
	for ; i < len(line); i++ {
		switch {
		case line[i] == ':' && spaceAt(line, i+1):
			return i, true
		case line[i] == '#' && spaceAt(line, i-1):
			return i, false
		}
	}
	return i, false
}

func wordEnd(line string, i int, stop string) int {
	if n := strings.IndexAny(line[i+1:], stop); n >= 0 {
		return i + 1 + n
	}
	return len(line)
}

// quoted finds the end of the open quote from i and closes it; it returns -1
// when the quote goes on in the next line.
func (s *scanner) quoted(line string, i int) int {
	for ; i < len(line); i++ {
		switch {
		case line[i] == '\\' && s.quote == '"':
			i++
		case line[i] == s.quote:
			if s.quote == '\'' && strings.HasPrefix(line[i+1:], "'") {
				i++
				continue
			}
			s.quote = 0
			return i + 1
		}
	}
	return -1
}

// flowTokens follows a line from i inside of brackets, or inside of a quote.
func (s *scanner) flowTokens(number int, line string, i int) bool {
	if s.quote != 0 {
		if i = s.quoted(line, i); i < 0 {
			return true
		}
		s.fresh = false
		if s.flow == 0 {
			return true
		}
	}
	for ; i < len(line); i++ {
		switch c := line[i]; {
		case c == '[' || c == '{':
			s.flow++
			s.fresh = true
			if len(s.columns)+s.flow > MaxNesting {
				s.tooDeep(number, line, i)
				return false
			}
		case c == ']' || c == '}':
			s.flow--
			s.fresh = false
			if s.flow == 0 {
				return true
			}
		case c == ',':
			s.fresh = true
		case c == ':' && (spaceAt(line, i+1) || strings.IndexByte(",[]{}", line[i+1]) >= 0):
			s.fresh = true
		case c == '#' && (i == 0 || spaceAt(line, i-1)):
			return true
		case s.fresh && (c == '"' || c == '\''):
			s.quote = c
			end := s.quoted(line, i+1)
			s.fresh = false
			if end < 0 {
				return true
			}
			i = end - 1
		case s.fresh && (c == '&' || c == '*'):
			s.reference(number, line, i)
			i = wordEnd(line, i, " \t,[]{}") - 1
			s.fresh = c == '&'
		case c != ' ' && c != '\t':
			s.fresh = false
		}
	}
	return true
}

func (s *scanner) push(number int, line string, i int) bool {
	s.columns = append(s.columns, i)
	if len(s.columns) > MaxNesting {
		s.tooDeep(number, line, i)
		return false
	}
	return true
}

func (s *scanner) tooDeep(number int, line string, i int) {
	s.problem(number, column(line, i), "lists and mappings are nested deeper than 32", deepHint)
}

func (s *scanner) reference(number int, line string, i int) {
	what, hint := "YAML anchors are not used in a "+s.noun, "write the value out where it is needed, or quote it if the & belongs to it"
	if line[i] == '*' {
		what = "YAML aliases are not used in a " + s.noun
		hint = "write the value out, or quote it if it is a pattern: \"" + strings.TrimRight(line[i:wordEnd(line, i, " \t,]}")], " ") + "\""
	}
	s.problem(number, column(line, i), what, hint)
}
