package document

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const (
	// notYAML begins what is said of a mistake in the syntax.
	notYAML  = "this is not YAML: "
	deepHint = "a policy needs no more than five levels: look for brackets that aren't closed and lines that are indented too far"
	// tooFar is what is wrong with a line below a key that has its value already.
	tooFar   = "the line is indented more than the one above, which is complete"
	likeNone = "the line is indented like none of those above"

	surplusColon = "mapping values are not allowed in this context" // the library's words
)

// splitLines splits text into the lines that editors number. YAML ends lines at
// three characters more, which are refused.
func splitLines(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n")
}

// mistake is a mistake in the syntax: where it is, what it is, what to do.
type mistake struct {
	line, column int
	what, hint   string
}

// syntax finds out what is wrong with a text in which the YAML library stopped.
// The library says where it was surprised; what is wrong often stands before
// that.
type syntax struct {
	lines []string
	noun  string // what kind of document it is
	err   *yaml.LoadError
}

// explain says what the mistake is in the terms of those who wrote it.
func (s *syntax) explain() mistake {
	at, began := s.err.Mark, s.err.ContextMark
	switch s.err.Message {
	case errTooDeep.Error():
		return mistake{at.Line, at.Column, errTooDeep.Error(), deepHint}
	case errTooMany.Error():
		return mistake{at.Line, at.Column, errTooMany.Error(), "a policy needs few: look for brackets that don't belong"}
	}
	m := s.mistake(at, began)
	m.what = notYAML + m.what
	return m
}

func (s *syntax) mistake(at, began yaml.Mark) mistake {
	message, context := s.err.Message, s.err.ContextMsg
	if s.err.Stage == yaml.ParserStage || message == surplusColon {
		if line, column, quote := s.openedBefore(at); quote != 0 {
			return notClosed(line, column, quote)
		}
	}
	switch message {
	case surplusColon, "could not find expected ':'", "did not find expected node content":
		if line, column, open := s.bracketBefore(at); open != 0 {
			return notClosed(line, column, open)
		}
	}
	switch {
	case context == "while scanning a quoted scalar" && strings.HasPrefix(message, "found unexpected"):
		return notClosed(began.Line, began.Column, s.charAt(began.Line, began.Column))
	case context == "while scanning a quoted scalar":
		return mistake{at.Line, at.Column, "an escape that YAML doesn't know",
			`write \\ for a backslash, or put the text in single quotes`}
	case context == "while parsing a flow sequence" || context == "while parsing a flow mapping":
		return s.inBrackets(at, began)
	case message == surplusColon:
		return s.keyInText(at)
	case message == "could not find expected ':'":
		return s.lacksColon(began.Line)
	case strings.Contains(message, "tab character"), s.charAt(at.Line, at.Column) == '\t':
		return s.tab(at)
	case message == "found character that cannot start any token":
		return s.unquoted(at, fmt.Sprintf("a value cannot begin with %c", s.charAt(at.Line, at.Column)))
	case context == "while scanning an alias":
		return s.unquoted(began, "a value cannot begin with *")
	case context == "while scanning an anchor":
		return s.unquoted(began, "a value cannot begin with &")
	case message == "block sequence entries are not allowed in this context":
		return mistake{at.Line, at.Column, "a list cannot begin in the line of its key",
			"begin it on the next line, or put the value in quotes"}
	case context == "while scanning a block scalar":
		return mistake{at.Line, at.Column, "text follows the | or >", "begin the text on the next line, or put the value in quotes"}
	case strings.Contains(context, "directive"), strings.Contains(message, "directive"):
		return mistake{max(began.Line, 1), 1, "a directive that YAML doesn't know",
			"remove the line: a " + s.noun + " needs no directives"}
	case strings.Contains(context, "tag"), strings.Contains(message, "tag"):
		return s.unquoted(began, "a tag that YAML doesn't know")
	case strings.Contains(message, "did not find expected"):
		return s.misplaced(at)
	}
	return mistake{at.Line, at.Column, Brief(message), "look at the indentation of this line and at the colons and quotes in it"}
}

// misplaced is what stands where it can't: behind a value, or in a line that is
// indented as none can be.
func (s *syntax) misplaced(at yaml.Mark) mistake {
	line := s.line(at.Line)
	before := strings.TrimRight(before(line, at.Column), " \t")
	if before != "" {
		last := before[len(before)-1]
		hint := "put the whole value in quotes"
		switch last {
		case '"':
			hint += `; a quote within them is written \"`
		case '\'':
			hint += "; an apostrophe within them is written ''"
		case ']', '}':
			hint = "look for a bracket too many, or put the whole value in quotes"
		default:
			return mistake{at.Line, at.Column, "what stands here fits nothing before it",
				"look at the indentation, and put a value that holds a colon in quotes"}
		}
		return mistake{at.Line, at.Column, fmt.Sprintf("text follows the closing %c", last), hint}
	}
	if text := strings.TrimLeft(line, " "); len(text) > 1 && text[0] == '-' && text[1] != ' ' {
		return s.lacksColon(at.Line) // it says that the dash lacks its blank
	}
	what := likeNone
	if open := levelsOf(s.line(s.above(at.Line))); len(open) > 0 && open[len(open)-1].column < at.Column-1 {
		what = tooFar
	}
	return mistake{at.Line, at.Column, what, s.indentHint(at)}
}

// indentHint names the column that a line was most likely meant to begin in: of
// the keys, or dashes, that are open above it, the nearest.
func (s *syntax) indentHint(at yaml.Mark) string {
	_, dash := strings.CutPrefix(s.line(at.Line)[indentOf(s.line(at.Line)):]+" ", "- ")
	best, open := -1, 1<<30
	for number := at.Line - 1; number > 0 && open > 0; number-- {
		line := s.line(number)
		if isBlank(line) {
			continue
		}
		for _, level := range levelsOf(line) {
			if level.column < open && level.dash == dash && (best < 0 || distanceOf(level.column,
				at.Column-1) < distanceOf(best, at.Column-1)) {
				best = level.column
			}
		}
		open = min(open, indentOf(line))
	}
	if best < 0 {
		return "indent it like the lines that it belongs to"
	}
	return fmt.Sprintf("begin the line in column %d", best+1)
}

func distanceOf(a, b int) int { return max(a-b, b-a) }

// level is a dash, or a key, that a line begins with.
type level struct {
	column int // from 0
	dash   bool
}

// levelsOf are the dashes at the beginning of a line and the key behind them.
func levelsOf(line string) []level {
	var out []level
	i := indentOf(line)
	for strings.HasPrefix(line[i:], "- ") {
		out = append(out, level{i, true})
		i += 2 + indentOf(line[i+2:])
	}
	if hasKey(line[i:]) {
		out = append(out, level{i, false})
	}
	return out
}

var (
	aKey         = regexp.MustCompile(`^ *(- +)*("[^"]*"|'[^']*'|[^\s"'\[\]{},#&*!|>%@-][^:#]*?) *:( |$)`)
	aQuoted      = regexp.MustCompile(`"(\\.|[^"\\])*"|'[^']*'`)
	aKeyAndValue = regexp.MustCompile(aKey.String() + ` *[^ #]`)
)

func hasKey(line string) bool { return aKey.MatchString(line) }

// inBrackets is what is wrong with the list or mapping in brackets that began
// there.
func (s *syntax) inBrackets(at, began yaml.Mark) mistake {
	open, c := s.charAt(began.Line, began.Column), s.charAt(at.Line, at.Column)
	inner := at.Line == began.Line || at.Line <= len(s.lines) && indentOf(s.line(at.Line)) > indentOf(s.line(began.Line))
	if c == 0 || c == ']' || c == '}' || !inner || at.Line != began.Line && c == ':' {
		return notClosed(began.Line, began.Column, open)
	}
	what := "text"
	if c == ':' {
		what = "a second colon"
	}
	return mistake{at.Line, at.Column, fmt.Sprintf("%s stands where a comma or the closing %c must", what, closing(open)),
		"look for a missing comma, or put the whole value in quotes"}
}

func closing(open rune) rune {
	switch open {
	case '[':
		return ']'
	case '{':
		return '}'
	default:
		return open
	}
}

func notClosed(line, column int, open rune) mistake {
	return mistake{line, column, fmt.Sprintf("the %c that opens here is not closed", open),
		fmt.Sprintf("close it with %c where its value ends", closing(open))}
}

// openedBefore finds the quote that was meant to be closed in a line further up:
// the text in quotes from there ends in this line, before the place.
func (s *syntax) openedBefore(at yaml.Mark) (line, column int, quote rune) {
	var open byte // the quote that is open, 0 for none
	var from yaml.Mark
	for number := 1; number <= min(at.Line, len(s.lines)); number++ {
		text := s.line(number)
		if number == at.Line {
			text = before(text, at.Column)
		}
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case open == '"' && c == '\\', open == '\'' && strings.HasPrefix(text[i:], "''"):
				i++
			case c == open:
				if number == at.Line && from.Line < number {
					return from.Line, from.Column, rune(open)
				}
				open = 0
			case open != 0:
			case c == '#' && (i == 0 || text[i-1] == ' '):
				i = len(text)
			case (c == '"' || c == '\'') && beginsValue(text[:i]):
				open, from = c, yaml.Mark{Line: number, Column: 1 + utf8.RuneCountInString(text[:i])}
			}
		}
	}
	return 0, 0, 0
}

// beginsValue reports whether what stands behind the beginning of a line begins a
// value.
func beginsValue(line string) bool {
	line = strings.TrimRight(line, " ")
	return line == "" || strings.IndexByte(":,[{-", line[len(line)-1]) >= 0
}

// bracketBefore finds the bracket that was meant to be closed in a line further
// up, of those that begin a value.
func (s *syntax) bracketBefore(at yaml.Mark) (line, column int, open rune) {
	const far = 20 // lines: a bracket that is meant to be open for longer is closed by somebody else
	closed := 0
	for number := at.Line - 1; number > 0 && number >= at.Line-far; number-- {
		text := aQuoted.ReplaceAllStringFunc(withoutComment(s.line(number)),
			func(quoted string) string { return strings.Repeat(" ", len(quoted)) })
		for i := len(text) - 1; i >= 0; i-- {
			switch text[i] {
			case ']', '}':
				closed++
			case '[', '{':
				if closed > 0 {
					closed--
				} else if begins := text[:i]; beginsValue(begins) && (strings.TrimSpace(begins) != "" ||
					beginsValue(withoutComment(s.line(s.above(number))))) {
					return number, 1 + utf8.RuneCountInString(s.line(number)[:i]), rune(text[i])
				}
			}
		}
	}
	return 0, 0, 0
}

// keyInText is what is wrong with a colon that makes a key where none can be:
// it is the second one of its line, or the text above goes on in this line.
func (s *syntax) keyInText(at yaml.Mark) mistake {
	line := s.line(at.Line)
	if strings.Contains(before(line, at.Column), ": ") {
		value := ""
		if key := aKey.FindStringIndex(line); key != nil {
			value = strings.TrimSpace(withoutComment(line[key[1]:]))
		}
		return mistake{at.Line, at.Column, "a second colon in the line", offered(value) + ", or begin a new line before the second key"}
	}
	outer, first := 0, at.Line
	for number := at.Line - 1; number > 0; number-- {
		text := s.line(number)
		if isBlank(text) {
			continue
		}
		if indentOf(text) < indentOf(line) {
			outer = number
			break
		}
		first = number
	}
	switch {
	case outer > 0 && !hasKey(s.line(outer)):
		return s.lacksColon(outer)
	case outer > 0 && aKeyAndValue.MatchString(s.line(outer)), first == at.Line:
		place := yaml.Mark{Line: at.Line, Column: indentOf(line) + 1}
		return mistake{place.Line, place.Column, tooFar, s.indentHint(place)}
	case hasKey(s.line(first)):
		return s.misplaced(yaml.Mark{Line: at.Line, Column: indentOf(line) + 1})
	default:
		return s.lacksColon(first)
	}
}

// lacksColon is what is wrong with a text that must be a key.
func (s *syntax) lacksColon(number int) mistake {
	line := s.line(number)
	i := indentOf(line)
	for strings.HasPrefix(line[i:], "- ") {
		i += 2 + indentOf(line[i+2:])
	}
	m := mistake{number, i + 1, "a key without a colon", "write a colon behind it"}
	switch text := line[i:]; {
	case strings.HasPrefix(line, "%"):
		m.what, m.hint = `a directive without a line "---" after it`, "remove the line: a "+s.noun+" needs no directives"
	case len(text) > 1 && text[0] == '-':
		m.what, m.hint = "the dash of an item has no blank behind it", "write a blank behind the dash"
	case strings.IndexByte(text, ':') > 0:
		m.what, m.hint = "the colon of a key has no blank behind it", "write a blank behind the colon"
	}
	return m
}

func (s *syntax) tab(at yaml.Mark) mistake {
	line := s.line(at.Line)
	if i := strings.IndexByte(line, '\t'); i >= 0 && strings.TrimSpace(line[:i]) == "" {
		return mistake{at.Line, i + 1, "the line is indented with a tab", "indent with spaces, never with tabs"}
	}
	return mistake{at.Line, at.Column, "a tab stands where only spaces can", "write spaces for it"}
}

// unquoted is a value that lacks its quotes.
func (s *syntax) unquoted(at yaml.Mark, what string) mistake {
	return mistake{at.Line, at.Column, what, s.offer(at)}
}

// offer is the hint to put the value from the place to its end in quotes.
func (s *syntax) offer(at yaml.Mark) string {
	line := s.line(at.Line)
	value := strings.TrimSpace(withoutComment(line[len(before(line, at.Column)):]))
	if i := strings.IndexAny(value, ",[]{}"); i >= 0 {
		value = strings.TrimSpace(value[:i])
	}
	return offered(value)
}

// offered shows a value in quotes, unless it is long or needs more than quotes.
func offered(value string) string {
	if value == "" || len(value) > MaxPattern || strings.ContainsAny(value, `"\`) {
		return "put the value in quotes"
	}
	return `put it in quotes: "` + value + `"`
}

func withoutComment(text string) string {
	text, _, _ = strings.Cut(text, " #")
	return text
}

// line is a line by its number, empty beyond the last one.
func (s *syntax) line(number int) string {
	if number < 1 || number > len(s.lines) {
		return ""
	}
	return s.lines[number-1]
}

// charAt is the character at a place, 0 behind the end of its line.
func (s *syntax) charAt(line, column int) rune {
	text := s.line(line)
	rest := text[len(before(text, column)):]
	if rest == "" {
		return 0
	}
	c, _ := utf8.DecodeRuneInString(rest)
	return c
}

// above is the number of the last line before this one that isn't blank, 0 if
// there is none.
func (s *syntax) above(number int) int {
	for number--; number > 0 && isBlank(s.line(number)); number-- {
	}
	return max(number, 0)
}

// before is the part of a line before a column.
func before(line string, column int) string {
	for i := range line {
		if column--; column < 1 {
			return line[:i]
		}
	}
	return line
}

// indentOf counts the spaces that a line begins with.
func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// isBlank reports whether a line holds nothing, or a comment alone.
func isBlank(line string) bool {
	text := strings.TrimSpace(line)
	return text == "" || text[0] == '#'
}

// plainSpaces returns the lines with plain spaces for the blanks of other kinds
// that stand where the structure needs a space: in the indentation, and behind a
// dash or the colon of a key. They look like spaces, and YAML takes them for text.
func plainSpaces(lines []string, tell func(line, column int, c rune)) (out []string, found bool) {
	out = make([]string, len(lines))
	for i, line := range lines {
		out[i] = line
		if strings.IndexFunc(line, isOddBlank) < 0 {
			continue
		}
		text := []rune(line)
		for at := 0; at < len(text); at++ {
			if !isOddBlank(text[at]) {
				continue
			}
			before := strings.TrimRight(string(text[:at]), " ")
			if before != "" && before[len(before)-1] != '-' && before[len(before)-1] != ':' || at > MaxPattern {
				break
			}
			tell(i+1, at+1, text[at])
			found = true
			for ; at < len(text) && isOddBlank(text[at]); at++ {
				text[at] = ' '
			}
		}
		out[i] = string(text)
	}
	return out, found
}

func isOddBlank(c rune) bool { return c >= utf8.RuneSelf && unicode.IsSpace(c) }
