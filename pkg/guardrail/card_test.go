package guardrail

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/mail"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

// room is a chat that notes the cards.
type room struct {
	cards []mail.Mail
	err   error
	after func()
}

func (r *room) Post(_ context.Context, m mail.Mail) error {
	r.cards = append(r.cards, m)
	if r.after != nil {
		r.after()
	}
	return r.err
}

// opened is a guardrail with a chat and a cluster that is open while EKS is
// updating it: one mail.
func opened(t *testing.T) (*fake, *Guardrail, *room) {
	t.Helper()
	f, g := newFake()
	f.cluster.Access, f.cluster.Status = endpoint.Access{Public: true, Private: true}, endpoint.StatusUpdating
	r := &room{}
	g.Chat = r
	return f, g, r
}

// TestACardForEveryMail: posted once the mail was handed over and noted.
func TestACardForEveryMail(t *testing.T) {
	f, g, r := opened(t)
	r.after = func() {
		for _, record := range f.records {
			if record.Incident == nil || record.Incident.DetectedMailed.IsZero() {
				t.Errorf("the card was posted before the mail was noted: %+v", record.Incident)
			}
		}
	}
	for range 3 {
		if _, err := f.handle(t, g, wakeup.Message{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.mails) != 1 || len(r.cards) != 1 || r.cards[0].Card == "" || r.cards[0].Card != f.mails[0].Card {
		t.Errorf("%d mails, %d cards", len(f.mails), len(r.cards))
	}
}

// TestACardIsOwed: one that is not taken is offered again, without its mail; and a mail
// that is not taken has no card yet.
func TestACardIsOwed(t *testing.T) {
	f, g, r := opened(t)
	r.err = errors.New("no such topic")
	report, err := f.handle(t, g, wakeup.Message{})
	if err != nil || report.CardTrouble != "no such topic" || report.Trouble != "" || len(report.Mails) != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	r.err = nil
	if _, err = f.handle(t, g, wakeup.Message{}); err != nil || len(r.cards) != 1 {
		t.Errorf("%v, %d cards before their time", err, len(r.cards))
	}
	f.now = f.now.Add(10 * time.Second)
	if report, err = f.handle(t, g, wakeup.Message{}); err != nil || report.CardTrouble != "" {
		t.Errorf("%+v, %v", report, err)
	}
	if len(f.mails) != 1 || len(r.cards) != 2 || r.cards[0].Card != r.cards[1].Card || len(f.records[f.cluster.CreatedAt].Owed) > 0 {
		t.Errorf("%d mails, %d cards", len(f.mails), len(r.cards))
	}

	f, g, r = opened(t)
	f.errs["publish"] = errors.New("x")
	if _, err := f.handle(t, g, wakeup.Message{}); err != nil || len(r.cards) != 0 {
		t.Errorf("%v, %d cards of mails that were not taken", err, len(r.cards))
	}
	delete(f.errs, "publish")
	f.now = f.now.Add(10 * time.Second)
	if _, err := f.handle(t, g, wakeup.Message{}); err != nil || len(r.cards) != 1 {
		t.Errorf("%v, %d cards of a mail that was taken", err, len(r.cards))
	}
}
