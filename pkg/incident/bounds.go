package incident

import (
	"encoding/json"
	"slices"

	"github.com/endpointguard/endpointguard/pkg/text"
)

// How long a record may be, in bytes of its JSON.
const (
	// maxStories is what the stories of former incidents may take together: what
	// a check reads with every look must stay small.
	maxStories = 48 << 10
	// MaxRecord is what the record may take, without the escapes for HTML.
	// DynamoDB admits items of 400 KB, their keys included. Source: DynamoDB
	// developer guide, "Constraints".
	MaxRecord = 380 << 10
)

// What Lighter keeps of lists and texts.
const (
	fewRules   = 10
	fewReasons = 3
	fewCIDRs   = 5
	fewErrors  = 3
	fewCalls   = 3
	shortText  = 120
	shorter    = 64
)

// keepStories forgets the stories of the oldest closings beyond the bound; the
// closings themselves stay. The newest story is told more briefly before it goes.
func keepStories(closings []Closing) {
	room, newest := maxStories, true
	for i := len(closings) - 1; i >= 0; i-- {
		c := &closings[i]
		if c.Story == nil {
			continue
		}
		need := length(c.Story)
		if newest && need > room {
			c.Story = c.Story.brief()
			need = length(c.Story)
		}
		newest = false
		if room -= need; room < 0 {
			c.Story, room = nil, -1
		}
	}
}

// length is what an incident takes as JSON, more than any bound if it has none.
func length(i *Incident) int {
	text, err := json.Marshal(i)
	if err != nil {
		return MaxRecord
	}
	return len(text)
}

// Lighter returns the record without what no decision rests on: the stories of
// former incidents, all but the first of many rules, the rest of long texts. It
// is for a record that would not fit into MaxRecord.
func (r Record) Lighter() Record {
	r = r.clone()
	for i := range r.Closings {
		r.Closings[i].Story = nil
		r.Closings[i].By = cut(r.Closings[i].By, shorter)
	}
	for i := range r.Watch {
		r.Watch[i] = r.Watch[i].lighter()
	}
	if r.Incident != nil {
		r.Incident = r.Incident.lighter()
	}
	if r.Standing != nil {
		s := *r.Standing
		s.Rules = lighterNotes(s.Rules)
		r.Standing = &s
	}
	for i := range r.Owed {
		if r.Owed[i].Incident != nil {
			r.Owed[i].Incident = r.Owed[i].Incident.lighter()
		}
	}
	if r.Left != nil && r.Left.By != nil {
		left, by := *r.Left, r.Left.By.lighter()
		left.By = &by
		r.Left = &left
	}
	return r
}

func (i Incident) lighter() *Incident {
	i.Causes, i.Attempts = slices.Clone(i.Causes), slices.Clone(i.Attempts)
	for k := range i.Causes {
		i.Causes[k] = i.Causes[k].lighter()
	}
	for k := range i.Attempts {
		a := &i.Attempts[k]
		a.Kept, a.Warnings, a.Dropped = fewTexts(a.Kept), fewTexts(a.Warnings), a.Dropped[:min(len(a.Dropped), fewCIDRs)]
		a.OverLimit = a.OverLimit[:min(len(a.OverLimit), fewCIDRs)]
		a.Errors = slices.Clone(a.Errors[:min(len(a.Errors), fewErrors)])
		for n := range a.Errors {
			a.Errors[n].Message = cut(a.Errors[n].Message, shortText)
		}
	}
	i.Rules, i.Plan = lighterNotes(i.Rules), i.Plan.lighter()
	if i.Final != nil {
		f := *i.Final
		f.Plan = f.Plan.lighter()
		f.Left, f.Kept, f.Warn = lighterNotes(f.Left), fewTexts(f.Kept), fewTexts(f.Warn)
		if f.UndoneBy != nil {
			by := f.UndoneBy.lighter()
			f.UndoneBy = &by
		}
		i.Final = &f
	}
	return &i
}

func (p *Plan) lighter() *Plan {
	if p == nil {
		return nil
	}
	out := *p
	out.Left = lighterNotes(p.Left)
	return &out
}

// brief is the lighter incident with the call that opened it, the last ones and
// the last attempts: a story for which there is no more room.
func (i Incident) brief() *Incident {
	out := i.lighter()
	if n := len(out.Causes); n > fewCalls {
		out.Causes = append(out.Causes[:1], out.Causes[n-fewCalls+1:]...)
	}
	out.Attempts = out.Attempts[max(0, len(out.Attempts)-fewCalls):]
	return out
}

func (c Cause) lighter() Cause {
	for _, field := range []*string{
		&c.Actor.Type, &c.Actor.Name, &c.Actor.ARN, &c.Actor.Role, &c.Actor.RoleARN, &c.Actor.Session,
		&c.Actor.SourceIdentity, &c.Actor.InvokedBy, &c.Actor.SourceIP, &c.Actor.UserAgent, &c.Actor.AccessKeyID,
	} {
		*field = cut(*field, shorter)
	}
	c.EventID = cut(c.EventID, shorter)
	c.Errors = slices.Clone(c.Errors[:min(len(c.Errors), fewErrors)])
	for i := range c.Errors {
		c.Errors[i].Message = cut(c.Errors[i].Message, shorter)
	}
	return c
}

// lighterNotes keeps the first few rules, those that enforce first.
func lighterNotes(notes []RuleNote) []RuleNote {
	notes = slices.Clone(notes)
	slices.SortStableFunc(notes, func(a, b RuleNote) int {
		switch {
		case a.Respond.Enforcing() == b.Respond.Enforcing():
			return 0
		case a.Respond.Enforcing():
			return -1
		}
		return 1
	})
	notes = notes[:min(len(notes), fewRules)]
	for i := range notes {
		n := &notes[i]
		n.Description, n.Held = cut(n.Description, shortText), cut(n.Held, shortText)
		n.Reasons, n.Found = fewTexts(n.Reasons), slices.Clone(n.Found[:min(len(n.Found), fewReasons)])
		for k := range n.Found {
			n.Found[k].CIDRs = n.Found[k].CIDRs[:min(len(n.Found[k].CIDRs), fewCIDRs)]
		}
	}
	return notes
}

func fewTexts(texts []string) []string {
	texts = slices.Clone(texts[:min(len(texts), fewReasons)])
	for i := range texts {
		texts[i] = cut(texts[i], shortText)
	}
	return texts
}

// cut shortens a text to so many bytes.
func cut(s string, to int) string { return text.CutBytes(s, to, "…") }
