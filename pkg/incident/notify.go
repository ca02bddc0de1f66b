package incident

import (
	"slices"
)

func (t *evaluation) tell(kind NoticeKind) Step {
	t.seen()
	if t.folded(kind) {
		return Tell{Notice: Notice{Kind: kind, Record: t.clone(), At: t.now}, Folded: true}
	}
	t.Intent = &Intent{Kind: IntentTell, Notice: kind, By: t.in.By, Until: t.in.Deadline}
	return Tell{Notice: Notice{Kind: kind, Record: t.clone(), At: t.now}}
}

// Told takes into the record that a mail was handed to SNS, or left to the
// digest. With the outcome's the incident is closed.
func Told(r Record, in Input, kind NoticeKind) Record {
	t := &evaluation{Record: r.clone(), in: in, now: in.Now}
	t.Intent = nil
	t.Owed = forgetDetected(t.Owed, Notice{Kind: kind, Record: r})
	if t.folded(kind) {
		t.Incident.Folded = append(slices.Clone(t.Incident.Folded), kind)
	}
	switch {
	case kind == NoticeLeft:
		t.Left = nil
	case t.Incident == nil:
	case kind == NoticeDetected:
		t.Incident.DetectedMailed = t.now
	case kind == NoticeStuck:
		t.Incident.StuckMailed = t.now
	case t.Incident.Final != nil:
		t.close()
	}
	return t.Record
}
