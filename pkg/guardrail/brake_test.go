package guardrail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/mail"
	"github.com/endpointguard/endpointguard/pkg/trouble"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

// shelf keeps the brake's item. Its errors are given by the number of the call,
// from 0; beyond the last every call goes well.
type shelf struct {
	brake        brake.State
	loads, saves int
	loading      []error
	saving       []error
	meanwhile    func() // right before a save that fails
}

func next(errs []error, call int) error {
	if call < len(errs) {
		return errs[call]
	}
	return nil
}

func (s *shelf) LoadBrake(context.Context) (brake.State, error) {
	s.loads++
	return s.brake, next(s.loading, s.loads-1)
}

func (s *shelf) SaveBrake(_ context.Context, b brake.State) error {
	s.saves++
	if err := next(s.saving, s.saves-1); err != nil {
		if s.meanwhile != nil {
			s.meanwhile()
		}
		return err
	}
	if b.Version != s.brake.Version {
		return sorted(trouble.LostRace)
	}
	b.Version++
	s.brake = b
	return nil
}

// counter is the topic; it sees what the brake says while it mails.
type counter struct {
	*fake
	shelf  *shelf
	during []brake.State
}

func (c *counter) Publish(ctx context.Context, m mail.Mail) error {
	c.during = append(c.during, c.shelf.brake)
	return c.fake.Publish(ctx, m)
}

// braked is a guardrail with a brake of four that lets nothing more through but
// the given number, and an open cluster that stands.
func braked(room int) (*fake, *Guardrail, *shelf) {
	f, g := newFake()
	f.cluster.Access = endpoint.Access{Public: true, Private: true}
	s := &shelf{brake: brake.State{Schema: incident.Schema, Changed: map[string]time.Time{}}}
	// A quarter is kept for fresh violations: three for those that stand.
	for n := range 3 - room {
		s.brake.Changed[fmt.Sprint("other-", n)] = start.Add(time.Duration(n-10) * time.Minute)
	}
	g.Brakes, g.BrakeLimit = s, 4
	return f, g, s
}

// sweep has the cluster looked at, by an invocation that ends in a minute.
func sweep(t *testing.T, f *fake, g *Guardrail) Report {
	t.Helper()
	body, err := wakeup.Message{Cluster: "demo", Account: "111122223333", Region: "eu-west-1"}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Handle(t.Context(), body, Delivery{Message: "m", Invocation: fmt.Sprint("invocation at ", f.now)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (f *fake) changed() bool { return slices.Contains(f.calls, "apply") }

func TestTheBrakeLetsThrough(t *testing.T) {
	f, g, s := braked(1)
	r := sweep(t, f, g)
	if !f.changed() || r.Braked || len(r.Updates) != 1 || s.saves != 1 {
		t.Errorf("%+v after %v, saved %d times", r, f.calls, s.saves)
	}
	if at := s.brake.Changed[f.cluster.ARN]; !at.Equal(start) {
		t.Errorf("the change is noted at %s", at)
	}
	if rec := f.records[f.cluster.CreatedAt]; !rec.Incident.HeldSince.IsZero() {
		t.Errorf("it is noted as held since %s", rec.Incident.HeldSince)
	}
}

func TestWithoutABrakeNobodyIsAsked(t *testing.T) {
	f, g, s := braked(0)
	g.BrakeLimit = 0
	if r := sweep(t, f, g); !f.changed() || r.Braked || s.loads > 0 {
		t.Errorf("%+v after %v, loaded %d times", r, f.calls, s.loads)
	}
}

// TestTheBrakeHolds: it is told once, when clusters have waited for a minute.
func TestTheBrakeHolds(t *testing.T) {
	f, g, s := braked(0)
	c, r := &counter{fake: f, shelf: s}, &room{}
	g.Topic, g.Chat = c, r
	report := sweep(t, f, g)
	if f.changed() || !report.Braked || len(f.mails) > 0 || report.Trouble != "" {
		t.Fatalf("%+v after %v", report, f.calls)
	}
	i := f.records[f.cluster.CreatedAt].Incident
	// The first of the three changes is an hour old then.
	if want := start.Add(50 * time.Minute); !i.HeldSince.Equal(start) || !i.HeldUntil.Equal(want) {
		t.Errorf("held from %s to %s, want from now to %s", i.HeldSince, i.HeldUntil, want)
	}
	f.now = start.Add(59 * time.Second)
	if report = sweep(t, f, g); len(f.mails) > 0 || len(report.Mails) > 0 {
		t.Errorf("told before the minute was over: %+v", report)
	}
	f.now = start.Add(time.Minute)
	report = sweep(t, f, g)
	if diff := cmp.Diff([]Told{{Kind: NoticeBrake}}, report.Mails); diff != "" || !report.Braked {
		t.Errorf("after a minute, braked %t (-want +got):\n%s", report.Braked, diff)
	}
	if len(f.mails) != 1 || !strings.Contains(f.mails[0].Text, "demo") || len(r.cards) != 1 || r.cards[0].Text != f.mails[0].Text {
		t.Fatalf("%d mails, %d cards", len(f.mails), len(r.cards))
	}
	if len(c.during) != 1 || !c.during[0].Telling.Equal(f.now.Add(time.Minute)) || !c.during[0].Mailed.IsZero() {
		t.Errorf("while it was told the brake was %+v", c.during)
	}
	if !s.brake.Mailed.Equal(f.now) {
		t.Errorf("told at %s", s.brake.Mailed)
	}
	f.now = start.Add(10 * time.Minute)
	if report = sweep(t, f, g); len(f.mails) != 1 || len(r.cards) != 1 || len(report.Mails) > 0 {
		t.Errorf("it is told again: %+v", report)
	}
	f.now = start.Add(50 * time.Minute)
	if report = sweep(t, f, g); !f.changed() || report.Braked {
		t.Errorf("it never lets through: %+v", report)
	}
}

// TestTheBrakesMailIsNotTaken: the next that is held back tells it, once this
// one's time is over.
func TestTheBrakesMailIsNotTaken(t *testing.T) {
	f, g, s := braked(0)
	r := &room{}
	g.Chat = r
	sweep(t, f, g)
	f.now = start.Add(time.Minute)
	f.errs["publish"] = sorted(trouble.Transient)
	report := sweep(t, f, g)
	if report.Trouble == "" || len(report.Mails) > 0 || len(r.cards) > 0 || !s.brake.Mailed.IsZero() || f.changed() {
		t.Fatalf("%+v, %d cards, %+v", report, len(r.cards), s.brake)
	}
	f.errs, f.mails = map[string]error{}, nil
	f.now = start.Add(2*time.Minute - time.Second)
	if sweep(t, f, g); len(f.mails) > 0 {
		t.Error("two tell it at once")
	}
	f.now = start.Add(2 * time.Minute)
	if report = sweep(t, f, g); len(f.mails) != 1 || len(r.cards) != 1 || report.Trouble != "" {
		t.Errorf("%d mails, %d cards, %+v", len(f.mails), len(r.cards), report)
	}
}

// TestTheBrakesMailIsNotNoted: it was handed over all the same.
func TestTheBrakesMailIsNotNoted(t *testing.T) {
	f, g, s := braked(0)
	r := &room{}
	g.Chat = r
	sweep(t, f, g)
	f.now = start.Add(time.Minute)
	s.saving = []error{nil, nil, sorted(trouble.Refused)}
	report := sweep(t, f, g)
	if diff := cmp.Diff([]Told{{Kind: NoticeBrake}}, report.Mails); diff != "" || report.Trouble == "" || !report.Refused || len(r.cards) != 1 {
		t.Errorf("%d cards, trouble %q (-want +got):\n%s", len(r.cards), report.Trouble, diff)
	}
}

// TestARaceForTheBrake: what was granted over a version that is no longer there
// was not granted.
func TestARaceForTheBrake(t *testing.T) {
	lost := sorted(trouble.LostRace)
	t.Run("won in the second try", func(t *testing.T) {
		f, g, s := braked(1)
		s.saving = []error{lost}
		if r := sweep(t, f, g); !f.changed() || r.Braked || s.loads != 2 || s.saves != 2 {
			t.Errorf("%+v after %d loads, %d saves", r, s.loads, s.saves)
		}
	})
	t.Run("somebody else took the last room", func(t *testing.T) {
		f, g, s := braked(1)
		s.saving = []error{lost}
		s.meanwhile = func() { s.brake.Changed["faster"] = start }
		if r := sweep(t, f, g); f.changed() || !r.Braked || r.Trouble != "" {
			t.Errorf("%+v after %v", r, f.calls)
		}
	})
	t.Run("lost every time", func(t *testing.T) {
		f, g, s := braked(1)
		s.saving = slices.Repeat([]error{lost}, 100)
		if r := sweep(t, f, g); f.changed() || !r.Braked || r.Trouble != "" || s.saves != 8 {
			t.Errorf("%+v after %v and %d saves", r, f.calls, s.saves)
		}
	})
	t.Run("lost every time when it is to be told", func(t *testing.T) {
		f, g, s := braked(0)
		sweep(t, f, g)
		f.now = start.Add(time.Minute)
		s.saving = slices.Repeat([]error{lost}, 100)
		if r := sweep(t, f, g); !r.Braked || len(f.mails) > 0 || r.Trouble != "" {
			t.Errorf("%+v, %d mails", r, len(f.mails))
		}
	})
}

// TestTheBrakeCannotBeAsked: nothing is changed without its word.
func TestTheBrakeCannotBeAsked(t *testing.T) {
	for name, tc := range map[string]struct {
		loading, saving []error
		refused         bool
	}{
		"not read":         {loading: []error{errors.New("x")}},
		"not allowed":      {loading: []error{sorted(trouble.Refused)}, refused: true},
		"not written":      {saving: []error{errors.New("x")}},
		"write is refused": {saving: []error{sorted(trouble.Refused)}, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			f, g, s := braked(1)
			s.loading, s.saving = tc.loading, tc.saving
			r := sweep(t, f, g)
			if f.changed() || r.Trouble == "" || r.Refused != tc.refused || r.Braked || s.loads != 1 || s.saves != len(tc.saving) {
				t.Errorf("%+v after %v, %d loads and %d saves", r, f.calls, s.loads, s.saves)
			}
			if len(f.sent) != 1 {
				t.Errorf("%d messages are on their way", len(f.sent))
			}
		})
	}
}
