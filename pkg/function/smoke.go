package function

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
)

// topics are the ARNs of those that all mails, and their cards, go to.
type topics struct{ mails, cards string }

// sent is the answer after a test mail.
type sent struct {
	Reference string   `json:"reference"`
	Topics    []string `json:"topics"` // ARNs, of those that took it
}

// askedForSmoke tells a payload that asks for a test mail, {"smoke": true}, from a
// batch of messages.
func askedForSmoke(payload []byte) bool {
	var asked struct {
		Smoke   bool            `json:"smoke"`
		Records json.RawMessage `json:"Records"`
	}
	return json.Unmarshal(payload, &asked) == nil && asked.Smoke && asked.Records == nil
}

// testMail sends one. Nothing of the payload gets into it: who may invoke the function
// may not write mails.
func (h *Handler) testMail(ctx context.Context) ([]byte, error) {
	g := h.guardrail
	out := sent{Reference: "TEST-" + rand.Text()[:8]}
	m := g.Letter.Test(out.Reference, g.Place.Account, g.Place.Region, g.Now())
	err := g.Topic.Publish(ctx, m)
	if err == nil {
		out.Topics = append(out.Topics, h.topics.mails)
		if g.Chat != nil {
			if err = g.Chat.Post(ctx, m); err == nil {
				out.Topics = append(out.Topics, h.topics.cards)
			}
		}
	}
	if err != nil {
		h.log.LogAttrs(ctx, slog.LevelError, "test mail", slog.String("reference", out.Reference), slog.Any("topics", out.Topics), slog.String("error", err.Error()))
		return nil, fmt.Errorf("send the test mail %s, which %d topics have taken: %w", out.Reference, len(out.Topics), err)
	}
	h.log.LogAttrs(ctx, slog.LevelInfo, "test mail", slog.String("reference", out.Reference), slog.Any("topics", out.Topics))
	return json.Marshal(out)
}
