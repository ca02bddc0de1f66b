package mail

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/text"
)

// How long the parts of a card may be, in characters; within what Amazon Q
// Developer takes.
const (
	maxCardTitle = 240
	maxCardText  = 3000
	maxCardField = 400
)

// card is a mail in short, for Amazon Q Developer in chat applications. Source:
// its administrator guide, "Custom notifications".
type card struct {
	Title     string
	Text      string
	Fields    [][2]string
	Steps     []string
	Severity  Severity
	Outcome   string
	Reference string // all cards of an incident are one thread
	ARN       string
	Link      string // to be shown as it is; "" for none
	LinkName  string
}

type cardJSON struct {
	Version  string       `json:"version"`
	Source   string       `json:"source"`
	Content  cardContent  `json:"content"`
	Metadata cardMetadata `json:"metadata"`
}

type cardContent struct {
	TextType    string   `json:"textType"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	NextSteps   []string `json:"nextSteps,omitempty"`
	Keywords    []string `json:"keywords,omitempty"`
}

type cardMetadata struct {
	ThreadID   string            `json:"threadId"`
	Summary    string            `json:"summary"`
	EventType  string            `json:"eventType"`
	Resources  []string          `json:"relatedResources,omitempty"`
	Additional map[string]string `json:"additionalContext,omitempty"`
}

func (c card) encode() string {
	var b strings.Builder
	b.WriteString(plain(c.Text))
	for _, f := range c.Fields {
		b.WriteString("\n*" + plain(f[0]) + "* " + plain(text.Clean(f[1], maxCardField)))
	}
	if c.Link != "" {
		b.WriteString("\n" + plain(c.LinkName) + " " + c.Link)
	}
	out := cardJSON{
		Version: "1.0", Source: "custom",
		Content: cardContent{
			TextType: "client-markdown", Title: plain(text.Clean(c.Title, maxCardTitle)), Description: text.Cut(b.String(), maxCardText, "..."),
			Keywords: []string{string(c.Severity), c.Outcome},
		},
		Metadata: cardMetadata{
			ThreadID: c.Reference, Summary: plain(text.Clean(c.Title, maxCardTitle)), EventType: c.Outcome,
			Additional: map[string]string{"severity": string(c.Severity), "outcome": c.Outcome, "reference": c.Reference},
		},
	}
	for _, step := range c.Steps {
		out.Content.NextSteps = append(out.Content.NextSteps, plain(step))
	}
	if c.ARN != "" {
		out.Metadata.Resources = []string{c.ARN}
	}
	// Nothing in it can fail to be encoded.
	data, _ := json.Marshal(out)
	return string(data)
}

// plain takes from a text what a chat application makes more of than text:
// emphasis, links, code, emoji, and mentions of people and channels.
func plain(s string) string {
	s = strings.NewReplacer(
		"<", "(", ">", ")", "&", "+", "`", "'", "*", "·", "~", "-", "[", "(", "]", ")", "|", "/", "@", "(at)", "#", "no. ", "\\", "/",
	).Replace(s)
	// Within a word an underscore is but itself, which keeps names as they are.
	s = underscores.ReplaceAllStringFunc(s, func(run string) string {
		trimmed := strings.Trim(run, "_")
		at := strings.Index(run, trimmed)
		if trimmed == "" {
			return strings.Repeat("-", len(run))
		}
		return strings.Repeat("-", at) + trimmed + strings.Repeat("-", len(run)-at-len(trimmed))
	})
	return emoji.ReplaceAllString(s, "$1;")
}

var (
	// underscores are words with underscores in or around them.
	underscores = regexp.MustCompile(`[\pL\pN_]*_[\pL\pN_]*`)
	// emoji is how chat applications write one; no address has such letters.
	emoji = regexp.MustCompile(`(:[0-9a-z_+-]*[g-z_+-][0-9a-z_+-]*):`)
)
