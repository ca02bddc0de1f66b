package incident

import (
	"slices"

	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// gracedBefore returns the incident that was closed over this violation while the grace
// of a rule put the change off, nil if there is none, or if anything but the grace's end
// has changed since.
func (t *evaluation) gracedBefore(v verdict.Verdict) *Incident {
	s := t.Standing
	if s == nil || s.Outcome != Violation {
		return nil
	}
	story := t.formerOver(v, nil)
	if story == nil || story.Final == nil {
		return nil
	}
	if p := story.Final.Plan; p == nil || p.Action != PlanChange || p.At.IsZero() || t.now.Before(p.At) {
		return nil
	}
	return story
}

// afterGrace makes of the incident what comes of a violation that was told within a
// grace: the same calls caused it, and where what is done is what was announced for
// now, only its end is news.
func (i *Incident) afterGrace(story *Incident, d verdict.Decision) {
	if story == nil {
		return
	}
	i.Causes, i.Follows = slices.Clone(story.Causes), story.lastMailed()
	p := story.Final.Plan
	if d.Action == verdict.Apply && p.Desired.Equal(d.Desired) && slices.EqualFunc(p.Left, d.Left, func(n RuleNote, r verdict.RuleVerdict) bool { return n.Name == r.Rule.Name }) {
		i.Plan, i.DetectedMailed = p, story.Final.At
	}
}

// announcedInGrace reports whether the last mail of what will be done is that of the
// incident which was closed within a grace.
func (i *Incident) announcedInGrace() bool {
	return i.DetectedMailed.Before(i.OpenedAt) && i.Retry == 0
}
