package guardrail

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

func TestTheReportOfWhatIsNotHandled(t *testing.T) {
	e := cloudtrail.Event{ID: "e1", Name: cloudtrail.TagResource, Account: "111122223333", Region: "eu-west-1", Cluster: "demo"}
	want := Report{
		Cluster: "demo", Account: "111122223333", Region: "eu-west-1", Event: "e1", Call: "TagResource",
		Outcome: incident.Ignored, Why: "because",
	}
	if diff := cmp.Diff(want, reportOf(e, incident.Ignored, "because")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTheEndOfAnIncidentIsTheBetterWord: of what the check came to.
func TestTheEndOfAnIncidentIsTheBetterWord(t *testing.T) {
	var r Report
	r.done(incident.Compliant, "it complies")
	if r.Outcome != incident.Compliant || r.Why != "it complies" {
		t.Errorf("without an incident: %+v", r)
	}
	r = Report{Closed: []Closed{{Ref: "EG-1"}}, Outcome: incident.Enforced, Why: "done"}
	r.done(incident.Compliant, "it complies")
	if r.Outcome != incident.Enforced || r.Why != "done" {
		t.Errorf("with one: %+v", r)
	}
}

func TestOpenedIncidentsAreReportedOnce(t *testing.T) {
	none, one := incident.Record{Opened: 3}, incident.Record{Opened: 4, Incident: &incident.Incident{Ref: "EG-4"}}
	for name, tc := range map[string]struct {
		before, after incident.Record
		opened        []string
		ref           string
	}{
		"opened":       {none, one, []string{"EG-4"}, "EG-4"},
		"open before":  {one, one, nil, "EG-4"},
		"none is open": {none, none, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var r Report
			r.opened(tc.before, tc.after)
			if diff := cmp.Diff(Report{Opened: tc.opened, Ref: tc.ref}, r); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	r := Report{Ref: "EG-3"}
	if r.opened(none, none); r.Ref != "EG-3" {
		t.Errorf("the incident that was closed is forgotten: %+v", r)
	}
}

func TestMailsAreReportedWithWhatTheyAreAbout(t *testing.T) {
	i, left := &incident.Incident{Ref: "EG-1"}, &incident.Departure{Ref: "EG-2"}
	for name, tc := range map[string]struct {
		notice incident.Notice
		want   string
	}{
		"an incident":                           {incident.Notice{Kind: incident.NoticeDetected, Record: incident.Record{Incident: i}}, "EG-1"},
		"a departure":                           {incident.Notice{Kind: incident.NoticeLeft, Record: incident.Record{Left: left}}, "EG-2"},
		"a departure while an incident is open": {incident.Notice{Kind: incident.NoticeLeft, Record: incident.Record{Incident: i, Left: left}}, "EG-2"},
		"an incident while a departure is told": {incident.Notice{Kind: incident.NoticeStuck, Record: incident.Record{Incident: i, Left: left}}, "EG-1"},
		"neither":                               {incident.Notice{Kind: incident.NoticeDetected}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var r Report
			r.told(tc.notice)
			if diff := cmp.Diff([]Told{{Kind: tc.notice.Kind, Ref: tc.want}}, r.Mails); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestHowLongAnIncidentTook: from the earliest call that is known to have caused
// it, else from its discovery.
func TestHowLongAnIncidentTook(t *testing.T) {
	cause := func(minutes int) incident.Cause {
		return incident.Cause{At: start.Add(time.Duration(minutes) * time.Minute)}
	}
	for name, tc := range map[string]struct {
		causes []incident.Cause
		want   time.Duration
	}{
		"found":                           {nil, 10 * time.Minute},
		"by a call before":                {[]incident.Cause{cause(-5)}, 15 * time.Minute},
		"by several calls":                {[]incident.Cause{cause(-2), cause(-7), cause(-1)}, 17 * time.Minute},
		"with a call after":               {[]incident.Cause{cause(3)}, 10 * time.Minute},
		"by a call whose time is unknown": {[]incident.Cause{{}, cause(-1)}, 11 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			i := &incident.Incident{Ref: "EG-1", OpenedAt: start, Causes: tc.causes, Final: &incident.Final{Outcome: incident.Enforced, Why: "done"}}
			n := incident.Notice{Kind: incident.NoticeOutcome, At: start.Add(10 * time.Minute), Record: incident.Record{Incident: i}}
			var r Report
			r.closed(n, incident.Record{})
			want := Report{Closed: []Closed{{Ref: "EG-1", Outcome: incident.Enforced, Took: tc.want}}, Outcome: incident.Enforced, Why: "done"}
			if diff := cmp.Diff(want, r); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyTheMailOfTheOutcomeCloses(t *testing.T) {
	i := &incident.Incident{Ref: "EG-1", Final: &incident.Final{Outcome: incident.Enforced}}
	for name, tc := range map[string]struct {
		kind  incident.NoticeKind
		after incident.Record
	}{
		"another mail":        {incident.NoticeDetected, incident.Record{}},
		"it stays open":       {incident.NoticeOutcome, incident.Record{Incident: i}},
		"neither is the case": {incident.NoticeStuck, incident.Record{Incident: i}},
	} {
		t.Run(name, func(t *testing.T) {
			var r Report
			r.closed(incident.Notice{Kind: tc.kind, Record: incident.Record{Incident: i}}, tc.after)
			if diff := cmp.Diff(Report{}, r); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheReportTellsWhereTheRecordStands(t *testing.T) {
	var r Report
	r.ended(incident.Record{Incident: &incident.Incident{Stage: incident.Updating, OpenedAt: start}}, start.Add(time.Hour))
	if diff := cmp.Diff(Report{Stage: incident.Updating, OpenAge: time.Hour}, r); diff != "" {
		t.Errorf("an open incident (-want +got):\n%s", diff)
	}
	r = Report{}
	r.ended(incident.Record{}, start)
	if diff := cmp.Diff(Report{}, r); diff != "" {
		t.Errorf("none (-want +got):\n%s", diff)
	}
}
