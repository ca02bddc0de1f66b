package policy

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// What a document may be at most.
const (
	MaxBytes   = 256 << 10 // the size of the file
	MaxNesting = 32        // lists and mappings inside each other
)

const deepHint = "a policy needs no more than five levels: look for brackets that aren't closed and lines that are indented too far"

// splitLines splits text into the lines that editors number. YAML ends lines at
// three characters more, which are refused.
func splitLines(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n")
}

// scanner looks over a document before the YAML parser does, to refuse in one
// pass what that parser would be slow at or has no place for: deep nesting,
// anchors and aliases, several documents. It follows YAML only as far as it
// takes to tell text from structure. The mistakes that it comes across on the
// way it points at, since the YAML parser knows no columns. Those that a pair of
// quotes would mend it mends for the parser, so that they hide no others; after
// any other it goes on where a new key begins, and the parser isn't asked.
type scanner struct {
	noun    string // what kind of document it is
	problem func(line, column int, what, hint string)

	levels  []level   // the block keys and dashes that are open
	flow    []opening // the brackets and braces that are open
	fresh   bool      // in a flow collection: whether a new value may start
	closed  bool      // in a flow collection: whether a quote or bracket has just ended
	quote   byte      // the quote that is open, 0 for none
	quoteAt place     // where the last quote opened
	text    int       // the column that a block scalar or a long plain scalar must be right of
	block   bool      // the text is a block scalar, whose blank lines and # belong to it
	inText  bool
	textAt  place  // where the text began
	textOf  string // its first line
	alone   bool   // whether it began a line, without a key or dash before it
	sibling bool   // whether the line stands in the column of a key, so that it must be one
	under   bool   // of a line with a dash: level.under
	started bool   // whether the document has begun
	ended   bool   // whether ... has ended it

	ruler     ruler
	directive int // the line of the last directive, 0 for none
	repairs   []repair
	stop      bool // whether there is a mistake that is not mended
	resume    int  // the line to go on with after a quote that is not closed, 0 for the next
}

type place struct{ line, column int }

// level is a block key or dash that is open.
type level struct {
	column int // from 0
	dash   bool
	full   bool // whether its whole value stands behind it
	under  bool // of a dash: whether the key that its list belongs to is in the same column
	real   int  // behind a misplaced dash, the column that it really has; else 0
}

// opening is a bracket or brace that is open.
type opening struct {
	place
	char  byte
	colon int // the line of the colon of the current pair, 0 for none
}

// repair is a piece of a line that the YAML parser is shown something else for,
// of as many characters.
type repair struct {
	at    place
	count int    // of characters
	with  rune   // what the parser is shown for each
	text  string // what stands there, empty if it belongs to no value
	alias bool
}

// ruler converts between offsets and columns of a line. It counts on from where
// it last was, since one line can be the whole file.
type ruler struct{ line, offset, column int }

func (r *ruler) start(number int, back bool) {
	if r.line != number || back {
		*r = ruler{line: number, column: 1}
	}
}

// columnAt is the column of the character at an offset.
func (r *ruler) columnAt(number int, line string, offset int) int {
	r.start(number, r.offset > offset)
	r.column += utf8.RuneCountInString(line[r.offset:offset])
	r.offset = offset
	return r.column
}

// scan reports what must not be there and tells whether the YAML parser may go
// on, with the repairs made.
func scan(lines []string, noun string, problem func(line, column int, what, hint string)) ([]repair, bool) {
	s := scanner{noun: noun, problem: problem}
	for i := 0; i < len(lines); i++ {
		if !s.line(i+1, lines[i]) {
			return nil, false
		}
		if i == len(lines)-1 {
			s.end()
		}
		if s.resume > 0 {
			i, s.resume = s.resume-2, 0
		}
	}
	// Of what lies beyond so many repairs nobody would be told.
	return s.repairs, !s.stop && len(s.repairs) <= maxProblems
}

// end reports what is still open after the last line.
func (s *scanner) end() {
	switch n := len(s.flow); {
	case s.quote != 0:
		s.notClosed(s.quoteAt, s.quote)
	case n > 0:
		s.notClosed(s.flow[n-1].place, s.flow[n-1].char)
	}
}

func (s *scanner) line(number int, line string) bool {
	i := 0
	for i < len(line) && line[i] == ' ' {
		i++
	}
	if s.quote == 0 && len(s.flow) > 0 && s.leavesFlow(line, i) {
		last := s.flow[len(s.flow)-1]
		s.notClosed(last.place, last.char)
	}
	if s.quote != 0 || len(s.flow) > 0 {
		return s.flowTokens(number, line, 0)
	}
	blank := strings.TrimLeft(line[i:], "\t") == ""
	if s.inText {
		if blank && s.block {
			return true
		}
		if i > s.text && !blank {
			if s.block || !s.keyInText(number, line, i) {
				return true
			}
			s.inText = false
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
		s.ended, s.levels = true, s.levels[:0]
		return true
	case marker && s.started, s.ended:
		s.problem(number, 1, "a second document starts here", "a "+s.noun+" file holds one document: remove the line "+`"---"`+" and what doesn't belong")
		return false
	case marker:
		s.started = true
		i = 3
	case line[0] == '%' && !s.started:
		s.directive = number
		return true
	case !s.started && s.directive > 0:
		s.problem(s.directive, 1, notYAML+`a directive without a line "---" after it`, "remove the line: a "+s.noun+" needs no directives")
		return false
	}
	s.started = true
	if !marker {
		line = s.plainSpaces(number, line, i)
		for i < len(line) && line[i] == ' ' {
			i++
		}
		if i == len(line) || line[i] == '#' {
			return true
		}
	}
	indent := i
	if marker {
		indent = 0
	}
	if i < len(line) && line[i] == '\t' {
		return s.tabbed(number, line, i)
	}
	return s.blockTokens(number, line, i, s.align(number, indent, isDash(line, i)))
}

// tabbed reports a line that is indented with a tab, and follows it as if it
// belonged to the keys, or dashes, before it.
func (s *scanner) tabbed(number int, line string, i int) bool {
	s.problem(number, i+1, notYAML+"the line is indented with a tab", "indent with spaces, never with tabs")
	s.stop = true
	for i < len(line) && spaceAt(line, i) {
		i++
	}
	start, _ := s.close(isDash(line, i))
	return s.blockTokens(number, line, i, start)
}

// align closes the levels that a line ends which begins at the indent, and
// reports a line that begins where none can. It returns the column that the line
// was probably meant to begin in, -1 if it begins well.
func (s *scanner) align(number, indent int, dash bool) int {
	s.sibling, s.under = false, false
	n := len(s.levels)
	// What follows a misplaced dash may be as misplaced, or not.
	if n > 0 && s.levels[n-1].real > 0 && s.levels[n-1].real == indent {
		s.levels[n-1].column = indent
	}
	for n > 0 && s.levels[n-1].column >= indent {
		n--
	}
	open, ended := s.levels[:n], s.levels[n:]
	if len(ended) > 0 && ended[0].column > indent {
		column, hint := -1, "indent it like the lines that it belongs to"
		if s.levels = open; ended[0].dash == dash {
			column = ended[0].column
		} else if to, ok := s.close(dash); ok {
			column = to
		}
		if column >= 0 {
			hint = beginIn(column)
		}
		s.problem(number, indent+1, notYAML+"the line is indented like none of those above", hint)
		s.stop = true
		return column
	}
	s.levels = open
	if len(ended) > 0 {
		s.sibling = !ended[0].dash && !dash
		s.under = dash && (!ended[0].dash || ended[0].under)
		switch {
		case dash && !ended[0].dash && ended[0].full:
			s.problem(number, indent+1, notYAML+"an item of a list stands where only a key can", "indent it like the items that it belongs to")
			s.stop = true
		case !dash && ended[0].dash && !ended[0].under:
			s.problem(number, indent+1, notYAML+"a list goes on here, and the line is no item of it", "begin an item with a dash and a blank, or indent the line like those that it belongs to")
			s.stop = true
			s.levels = s.levels[:n+1] // so that what follows is looked at as if it were one
		}
		return -1
	}
	if n == 0 || !open[n-1].full {
		return -1
	}
	column, ok := s.close(dash)
	hint := "indent it like the lines that it belongs to"
	if ok {
		hint = beginIn(column)
	}
	s.problem(number, indent+1, notYAML+tooFar, hint)
	s.stop = true
	return column
}

// tooFar is what is wrong with a line below a key that has its value already.
const tooFar = "the line is indented more than the one above, which is complete"

func beginIn(column int) string { return fmt.Sprintf("begin the line in column %d", column+1) }

// close closes the levels up to the innermost dash, or key, and returns its
// column.
func (s *scanner) close(dash bool) (int, bool) {
	for n := len(s.levels) - 1; n >= 0; n-- {
		if s.levels[n].dash == dash {
			s.levels = s.levels[:n]
			return s.levels[:n+1][n].column, true
		}
	}
	return -1, false
}

// leavesFlow tells whether a line inside of brackets is rather the next key of
// the mapping around them, so that they were meant to be closed before it.
func (s *scanner) leavesFlow(line string, i int) bool {
	if n := len(s.levels); s.fresh || n == 0 || i > s.levels[n-1].column || i == len(line) {
		return false
	}
	if isDash(line, i) {
		return true
	}
	end := flowPlain(line, i)
	return end > i && end < len(line) && line[end] == ':'
}

// keyInText reports a key that YAML takes for the continuation of the text above,
// or that text, if it was to be a key.
func (s *scanner) keyInText(number int, line string, i int) bool {
	if line[i] == '#' {
		return false
	}
	_, key := plainKey(line, i)
	dash := isDash(line, i) && i >= s.textAt.column && !strings.Contains(strings.TrimSpace(s.textOf), " ")
	switch {
	case s.alone && (key || dash):
		s.lacksColon(s.textAt, s.textOf)
		s.stop = true
		s.levels = append(s.levels, level{column: s.textAt.column - 1})
		return true
	case key && len(s.levels) > 0:
		// The line is told of by align.
		s.fill()
		return true
	default:
		return false
	}
}

// lacksColon reports a text that must be a key.
func (s *scanner) lacksColon(at place, text string) {
	what, hint := "a key without a colon", "write a colon behind it"
	if strings.IndexByte(text, ':') > 0 {
		what, hint = "the colon of a key has no blank behind it", "write a blank behind the colon"
	}
	s.problem(at.line, at.column, notYAML+what, hint)
}

// plainSpaces reports blanks other than plain spaces in the indentation and
// behind dashes and colons, where they look like spaces and aren't, and returns
// the line with spaces for them.
func (s *scanner) plainSpaces(number int, line string, i int) string {
	key := strings.IndexByte(line, ':')
	for ; i < len(line); i++ {
		if i > key && (key < 0 || i > key+1) && line[i] != ' ' && line[i] != '-' && line[i] < utf8.RuneSelf {
			break
		}
		c, n := utf8.DecodeRuneInString(line[i:])
		if c < utf8.RuneSelf || !unicode.IsSpace(c) {
			if strings.IndexByte("\"'#[{|>", line[i]) >= 0 {
				break
			}
			continue
		}
		end := i + n
		for end < len(line) {
			next, n := utf8.DecodeRuneInString(line[end:])
			if next < utf8.RuneSelf || !unicode.IsSpace(next) {
				break
			}
			end += n
		}
		before := strings.TrimRight(line[:i], " ")
		if before != "" && !strings.HasSuffix(before, "-") && !strings.HasSuffix(before, ":") {
			i = end - 1
			continue
		}
		s.mend(number, line, i, end, "", ' ')
		s.problem(number, s.ruler.columnAt(number, line, i), "the blank here is "+characterName(c), "write a plain space")
		line = line[:i] + strings.Repeat(" ", utf8.RuneCountInString(line[i:end])) + line[end:]
	}
	return line
}

func isMarker(line, marker string) bool {
	return strings.HasPrefix(line, marker) && (len(line) == len(marker) || line[len(marker)] == ' ' || line[len(marker)] == '\t')
}

func isDash(line string, i int) bool {
	return i < len(line) && line[i] == '-' && spaceAt(line, i+1)
}

func spaceAt(line string, i int) bool {
	return i < 0 || i >= len(line) || line[i] == ' ' || line[i] == '\t'
}

// neverFirst are the characters that have a meaning of their own at the start of
// a value, or may have one some day.
const neverFirst = "]},@`%"

// blockTokens follows a line from i, where a new value starts, outside of all
// brackets. Start is the column that the first key or dash counts as standing
// in, if not its own: that of its anchor or tag, or where it was meant to be.
func (s *scanner) blockTokens(number int, line string, i, start int) bool {
	keyed := false // whether a key stands right before
	first := true  // whether nothing but anchors and tags stands before
	shift := 0     // how far a misplaced dash is from its place
	for {
		for i < len(line) && spaceAt(line, i) {
			i++
		}
		if i == len(line) || line[i] == '#' {
			return true
		}
		switch c := line[i]; {
		case (c == '-' || c == '?' || c == ':') && spaceAt(line, i+1):
			if !s.push(number, line, startOf(start, i), c == '-') {
				return false
			}
			if c == '-' && first {
				s.levels[len(s.levels)-1].under = s.under
			}
			if keyed, first = false, false; start >= 0 {
				shift = i - start
			}
			i++
			start = -1
		case c == '[' || c == '{':
			s.fresh, s.closed = false, false
			s.fill()
			return s.flowTokens(number, line, i)
		case c == '"' || c == '\'':
			end := s.openQuote(number, line, i)
			if end < 0 {
				s.fill()
				return true
			}
			rest := strings.TrimLeft(line[end:], " \t")
			if !strings.HasPrefix(rest, ":") || keyed {
				s.fill()
				return s.after(number, line, end)
			}
			if !s.push(number, line, startOf(start, i)-shift, false) {
				return false
			}
			if shift != 0 {
				s.levels[len(s.levels)-1].real, shift = startOf(start, i), 0
			}
			keyed, first, start = true, false, -1
			i = len(line) - len(rest) + 1
		case c == '|' || c == '>':
			s.openText(true, place{}, "", false)
			return true
		case c == '&' || c == '*':
			start = startOf(start, i)
			end := wordEnd(line, i, " \t")
			s.reference(number, line, i, end)
			i = end
			if c == '*' && !strings.HasPrefix(strings.TrimLeft(line[i:], " \t"), ":") {
				if rest := strings.TrimLeft(line[i:], " \t"); rest != "" && rest[0] != '#' {
					s.stop = true
				}
				s.fill()
				return true
			}
		case c == '!':
			start = startOf(start, i)
			i = wordEnd(line, i, " \t")
		default:
			end, key := plainKey(line, i)
			colon, second := end, key && keyed
			for second && key {
				end, key = plainKey(line, end+1)
			}
			if strings.IndexByte(neverFirst, c) >= 0 {
				s.unquoted(number, line, i, i, end, fmt.Sprintf("a value cannot begin with %c", c), "")
			} else if second {
				s.unquoted(number, line, colon, i, end, "a second colon in the line", ", or begin a new line before the second key")
			}
			if !key {
				if first && s.sibling {
					s.lacksColon(place{number, s.ruler.columnAt(number, line, i)}, line[i:])
					s.stop = true
					return s.push(number, line, startOf(start, i)-shift, false)
				}
				if end == len(line) {
					s.openText(false, place{number, s.ruler.columnAt(number, line, i)}, line[i:], first)
				} else {
					s.fill()
				}
				return true
			}
			if start >= 0 && start < i && line[start] == '&' {
				// The parser is shown blanks for the anchor, which would
				// indent the key.
				s.stop = true
			}
			if !s.push(number, line, startOf(start, i)-shift, false) {
				return false
			}
			if shift != 0 {
				s.levels[len(s.levels)-1].real, shift = startOf(start, i), 0
			}
			keyed, first, start = true, false, -1
			i = end + 1
		}
	}
}

// openText notes that the lines to come are text as long as they are indented
// more than the key or dash that the text belongs to.
func (s *scanner) openText(block bool, at place, of string, alone bool) {
	s.inText, s.block, s.text, s.textAt, s.textOf, s.alone = true, block, -1, at, of, alone
	if n := len(s.levels); n > 0 {
		s.text = s.levels[n-1].column
	}
	s.fill()
}

// fill notes that the last key or dash has its whole value behind it.
func (s *scanner) fill() {
	if n := len(s.levels); n > 0 {
		s.levels[n-1].full = true
	}
}

// startOf is where a key starts: at i, or where its anchor or tag does.
func startOf(start, i int) int {
	if start >= 0 {
		return start
	}
	return i
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

// openQuote follows the quote that opens at i to its end, -1 if that is in
// another line.
func (s *scanner) openQuote(number int, line string, i int) int {
	s.quote, s.quoteAt = line[i], place{number, s.ruler.columnAt(number, line, i)}
	return s.quoted(line, i+1)
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
		char := s.quote
		if i = s.quoted(line, i); i < 0 {
			return true
		}
		s.fresh, s.closed = false, len(s.flow) > 0
		// What follows a quote over several lines and cannot stand there was
		// meant to be within quotes: the first of them is the one to look at.
		if rest := strings.TrimLeft(line[i:], " \t"); rest != "" && strings.IndexByte(s.mayFollow(), rest[0]) < 0 {
			s.notClosed(s.quoteAt, char)
			return true
		}
		if len(s.flow) == 0 {
			return true
		}
	}
	for ; i < len(line); i++ {
		c := line[i]
		switch {
		case c == ' ' || c == '\t':
		case c == '#' && (s.closed || i == 0 || spaceAt(line, i-1)):
			return true
		case s.closed && strings.IndexByte(s.mayFollow(), c) < 0:
			s.lacksComma(number, line, i, "text")
			s.fresh, s.closed = true, false
			i--
		case c == '[' || c == '{':
			if len(s.levels)+len(s.flow) >= MaxNesting {
				s.tooDeep(number, line, i)
				return false
			}
			s.flow = append(s.flow, opening{place: place{number, s.ruler.columnAt(number, line, i)}, char: c})
			s.fresh, s.closed = true, false
		case c == ']' || c == '}':
			last := s.flow[len(s.flow)-1]
			if (last.char == '[') != (c == ']') {
				s.notClosed(last.place, last.char)
				return true
			}
			s.flow = s.flow[:len(s.flow)-1]
			s.fresh, s.closed = false, len(s.flow) > 0
			if len(s.flow) > 0 {
				continue
			}
			rest := strings.TrimLeft(line[i+1:], " \t")
			if !strings.HasPrefix(rest, ":") || last.line != number {
				return s.after(number, line, i+1)
			}
			// The whole collection is a key.
			if n := len(s.levels); n > 0 {
				s.levels[n-1].full = false
			}
			return s.push(number, line, last.column-1, false) && s.blockTokens(number, line, len(line)-len(rest)+1, -1)
		case c == ',':
			s.flow[len(s.flow)-1].colon = 0
			s.fresh, s.closed = true, false
		case c == ':' && (s.closed || spaceAt(line, i+1) || strings.IndexByte(",[]{}", line[i+1]) >= 0):
			in := &s.flow[len(s.flow)-1]
			if in.colon != 0 {
				s.lacksComma(number, line, i, "a second colon")
			}
			in.colon = number
			s.fresh, s.closed = true, false
		case !s.fresh:
		case c == '"' || c == '\'':
			s.fresh, s.closed = false, true
			end := s.openQuote(number, line, i)
			if end < 0 {
				return true
			}
			i = end - 1
		case c == '&' || c == '*':
			end := wordEnd(line, i, " \t,[]{}")
			s.reference(number, line, i, end)
			i = end - 1
			s.fresh = c == '&'
		case c == '!':
			i = wordEnd(line, i, " \t,[]{}") - 1
		case c == '?' && spaceAt(line, i+1):
		default:
			end := flowPlain(line, i)
			if question := strings.IndexByte(line[i:end], '?'); question >= 0 {
				s.unquoted(number, line, i, i, end, "a question mark within brackets", "")
			} else if strings.IndexByte(":|>@`%", c) >= 0 {
				s.unquoted(number, line, i, i, end, fmt.Sprintf("a value within brackets cannot begin with %c", c), "")
			}
			i = end - 1
			s.fresh = false
		}
	}
	return true
}

// flowPlain finds the end of the plain text from i inside of brackets.
func flowPlain(line string, i int) int {
	for ; i < len(line); i++ {
		switch c := line[i]; {
		case strings.IndexByte(",[]{}", c) >= 0,
			c == '#' && spaceAt(line, i-1),
			c == ':' && (spaceAt(line, i+1) || strings.IndexByte(",[]{}", line[i+1]) >= 0):
			return i
		}
	}
	return i
}

// mayFollow are the characters that may stand behind a quote or bracket.
func (s *scanner) mayFollow() string {
	if len(s.flow) == 0 {
		return "#:"
	}
	return "#:,]}"
}

// after looks at what stands behind a quote or bracket outside of all brackets.
func (s *scanner) after(number int, line string, i int) bool {
	rest := strings.TrimLeft(line[i:], " \t")
	if rest == "" || rest[0] == '#' || line[i-1] != '"' && line[i-1] != '\'' && rest[0] == ':' {
		return true
	}
	hint := "put the whole value in quotes"
	switch line[i-1] {
	case '"':
		hint += `; a quote within them is written \"`
	case '\'':
		hint += "; an apostrophe within them is written ''"
	default:
		hint = "look for a bracket too many, or put the whole value in quotes"
	}
	s.problem(number, s.ruler.columnAt(number, line, len(line)-len(rest)), fmt.Sprintf("%stext follows the closing %c", notYAML, line[i-1]), hint)
	s.stop = true
	return true
}

// lacksComma reports what stands inside of brackets where only a comma or their
// end can.
func (s *scanner) lacksComma(number int, line string, i int, what string) {
	in := s.flow[len(s.flow)-1]
	s.problem(number, s.ruler.columnAt(number, line, i), fmt.Sprintf("%s%s stands where a comma or the closing %c must", notYAML, what, closing(in.char)), "look for a missing comma, or put the whole value in quotes")
	s.stop = true
}

func closing(char byte) byte {
	switch char {
	case '[':
		return ']'
	case '{':
		return '}'
	default:
		return char
	}
}

// notClosed reports a quote or bracket and goes on as if all were closed; after a
// quote, with the line below it.
func (s *scanner) notClosed(at place, char byte) {
	s.stop, s.flow, s.fresh, s.closed = true, nil, false, false
	if char == '"' || char == '\'' {
		s.quote, s.resume = 0, at.line+1
	}
	s.problem(at.line, at.column, fmt.Sprintf("%sthe %c that opens here is not closed", notYAML, char), fmt.Sprintf("close it with %c where its value ends", closing(char)))
}

// notYAML begins what is said of a mistake in the syntax.
const notYAML = "this is not YAML: "

// unquoted reports a value that lacks its quotes, and mends it.
func (s *scanner) unquoted(number int, line string, caret, from, to int, what, more string) {
	to = from + len(strings.TrimRight(line[from:to], " \t"))
	text := line[from:to]
	s.mend(number, line, from, to, text, 'x')
	hint := "put the value in quotes"
	if len(text) <= maxPattern && !strings.ContainsAny(text, `"\`) {
		hint = `put it in quotes: "` + text + `"`
	}
	s.problem(number, s.ruler.columnAt(number, line, caret), notYAML+what, hint+more)
}

func (s *scanner) mend(number int, line string, from, to int, text string, with rune) {
	if len(s.repairs) <= maxProblems {
		s.repairs = append(s.repairs, repair{
			at: place{number, s.ruler.columnAt(number, line, from)}, count: utf8.RuneCountInString(line[from:to]),
			with: with, text: text, alias: strings.HasPrefix(text, "*"),
		})
	}
}

// mended is the document with the repairs made.
func mended(lines []string, repairs []repair) []byte {
	byLine := map[int][]repair{}
	for _, r := range repairs {
		byLine[r.at.line] = append(byLine[r.at.line], r)
	}
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if list := byLine[i+1]; list != nil {
			text := []rune(line)
			for _, r := range list {
				for j := range r.count {
					text[r.at.column-1+j] = r.with
				}
			}
			line = string(text)
		}
		b.WriteString(line)
	}
	return []byte(b.String())
}

func (s *scanner) push(number int, line string, i int, dash bool) bool {
	s.levels = append(s.levels, level{column: i, dash: dash})
	if len(s.levels) > MaxNesting {
		s.tooDeep(number, line, i)
		return false
	}
	return true
}

func (s *scanner) tooDeep(number int, line string, i int) {
	s.problem(number, s.ruler.columnAt(number, line, min(i, len(line))), "lists and mappings are nested deeper than 32", deepHint)
}

// reference reports an anchor or alias and hides it from the parser, which would
// put the anchored value in its place.
func (s *scanner) reference(number int, line string, i, end int) {
	if line[i] == '&' {
		s.mend(number, line, i, end, "", ' ')
		s.problem(number, s.ruler.columnAt(number, line, i), "YAML anchors are not used in a "+s.noun, "write the value out where it is needed, or quote it if the & belongs to it")
		return
	}
	s.mend(number, line, i, end, line[i:end], 'x')
	hint := "write the value out, or quote it if it is a pattern"
	if end-i <= maxPattern {
		hint += `: "` + line[i:end] + `"`
	}
	s.problem(number, s.ruler.columnAt(number, line, i), "YAML aliases are not used in a "+s.noun, hint)
}

// restore gives the values that were mended back their text. Aliases stay what
// they are, so that nothing more is said of them.
func restore(n *yaml.Node, repairs map[place]repair) {
	if r, ok := repairs[place{n.Line, n.Column}]; ok && n.Kind == yaml.ScalarNode {
		if rest, ok := strings.CutPrefix(n.Value, strings.Repeat(string(r.with), r.count)); ok {
			n.Value, n.Tag = r.text+rest, "!!str"
		}
		if r.alias {
			n.Kind = yaml.AliasNode
		}
	}
	for _, c := range n.Content {
		restore(c, repairs)
	}
}

// placed are the repairs of values by their places.
func placed(repairs []repair) map[place]repair {
	out := make(map[place]repair, len(repairs))
	for _, r := range repairs {
		if r.text != "" {
			out[r.at] = r
		}
	}
	return out
}
