package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// begins has EKS work on the cluster in another way.
func (d *desk) begins(id, kind string) *desk {
	d.updates[id] = endpoint.Update{ID: id, Type: kind, Status: endpoint.UpdateInProgress, CreatedAt: d.now}
	d.cluster.Status = endpoint.StatusUpdating
	return d
}

func (d *desk) last() *Incident { return d.mails[len(d.mails)-1].Record.Incident }

// A mail about a cluster that EKS does not let be changed names the update that is in
// the way, and who asked for it.
func TestMailsNameWhatHoldsUp(t *testing.T) {
	d := newDesk(t, enforce, private)
	d.wakes()
	d.log = nil
	e := d.asks("u1", world)
	d.comes(e).told("mails detected", "waits 15s")
	want := &Blocker{UpdateID: "u1", Type: endpoint.EndpointAccessUpdate, Since: start, By: &e.Actor}
	if diff := cmp.Diff(want, d.last().Blocker); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	d.ends("u1", endpoint.UpdateSuccessful)
	d.after(time.Minute).begins("roll", VersionRollback)
	d.recheck()
	d.after(2 * time.Hour).recheck()
	want = &Blocker{UpdateID: "roll", Type: VersionRollback, Since: start.Add(time.Minute)}
	if diff := cmp.Diff(want, d.last().Blocker); diff != "" || d.mails[len(d.mails)-1].Kind != NoticeStuck {
		t.Errorf("%v (-want +got):\n%s", d.log, diff)
	}
}

// An incident is stuck after two hours, or when what holds it up has taken longer than
// such an update may, if the first mail has named that.
func TestStuckIsJudgedByKind(t *testing.T) {
	for name, tc := range map[string]struct {
		kind  string
		named bool
		after time.Duration // that stuck is told
	}{
		"a rollback that the mail named":      {VersionRollback, true, 13 * time.Hour},
		"a rollback that came after the mail": {VersionRollback, false, 2 * time.Hour},
		"an update of logging":                {"LoggingUpdate", true, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, enforce, world)
			if tc.named {
				d.begins("u1", tc.kind).wakes()
			} else {
				d.begins("u0", "LoggingUpdate").wakes()
				delete(d.updates, "u0")
				d.begins("u1", tc.kind)
			}
			stuck := func(at time.Duration) bool {
				d.now = start.Add(at)
				d.recheck()
				return d.mails[len(d.mails)-1].Kind == NoticeStuck
			}
			for _, at := range []time.Duration{time.Hour, 2*time.Hour - time.Second, tc.after - time.Second} {
				if stuck(at) {
					t.Fatalf("told as stuck after %s", at)
				}
			}
			if !stuck(tc.after) {
				t.Errorf("not told as stuck after %s: %v", tc.after, d.log)
			}
			d.log = nil
			d.after(time.Hour).recheck()
			if d.mails[len(d.mails)-2].Kind == NoticeStuck {
				t.Error("told twice")
			}
		})
	}
}

// When the rollback that a mail named is over and something else takes long, the two
// hours count.
func TestAnotherUpdateIsNotTheNamedOne(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.begins("roll", VersionRollback).wakes()
	delete(d.updates, "roll")
	d.after(time.Hour).begins("log", "LoggingUpdate").recheck()
	d.after(time.Hour - time.Second).recheck()
	if n := len(d.mails); n != 1 {
		t.Fatalf("%v", d.log)
	}
	d.after(time.Second).recheck()
	if m := d.mails[len(d.mails)-1]; m.Kind != NoticeStuck || m.Record.Incident.Blocker.UpdateID != "log" {
		t.Errorf("%v", d.log)
	}
}

// While an update of the guardrail's own is carried out, the incident is being settled,
// and not stuck before that takes long.
func TestWhatIsBeingSettledIsNotStuck(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.begins("roll", VersionRollback).wakes()
	delete(d.updates, "roll")
	d.cluster.Status = endpoint.StatusActive
	d.after(13 * time.Hour).recheck()
	if last := d.mails[len(d.mails)-1]; last.Kind == NoticeStuck || last.Record.Incident.Blocker == nil {
		t.Fatalf("%v", d.log)
	}
	if a := d.r.attempt(); a == nil || !a.inProgress() {
		t.Fatalf("%v", d.log)
	}
	d.after(30*time.Minute - time.Second).recheck()
	if d.mails[len(d.mails)-1].Kind == NoticeStuck {
		t.Errorf("%v", d.log)
	}
	d.after(time.Second).recheck()
	if last := d.mails[len(d.mails)-1]; last.Kind != NoticeStuck {
		t.Errorf("%v", d.log)
	}
}

// What can't be read names nobody, and forgets nobody.
func TestAHistoryThatCannotBeReadNamesNobody(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.begins("log", "LoggingUpdate")
	d.unlisted = "denied"
	d.wakes()
	d.after(time.Minute).recheck()
	d.after(time.Minute).recheck()
	if b := d.last().Blocker; b != nil {
		t.Errorf("%+v", b)
	}
	d.unlisted = ""
	d.after(2 * time.Hour).recheck()
	if b := d.last().Blocker; b == nil || b.UpdateID != "log" {
		t.Errorf("%+v, %v", b, d.log)
	}
}

// A rollback that a mail named is remembered while EKS's list can't be read.
func TestANamedRollbackIsRemembered(t *testing.T) {
	d := newDesk(t, enforce, world)
	d.begins("roll", VersionRollback).wakes()
	d.unlisted = "denied"
	for range 5 {
		d.after(2 * time.Hour).recheck()
	}
	if n := len(d.mails); n != 1 {
		t.Errorf("%v", d.log)
	}
}

// Whatever the order of EKS's list, it is the update in progress that is named, and none
// of ours; none, when nothing is.
func TestWhichUpdateIsNamed(t *testing.T) {
	over := func(id string) endpoint.Update {
		return endpoint.Update{ID: id, Type: "LoggingUpdate", Status: endpoint.UpdateSuccessful}
	}
	running := func(id string) endpoint.Update {
		return endpoint.Update{ID: id, Type: "LoggingUpdate", Status: endpoint.UpdateInProgress}
	}
	for name, tc := range map[string]struct {
		read []endpoint.Update
		want string
	}{
		"the last":          {[]endpoint.Update{over("a"), running("b")}, "b"},
		"the first":         {[]endpoint.Update{running("a"), over("b")}, "a"},
		"one between":       {[]endpoint.Update{over("a"), running("b"), over("c")}, "b"},
		"ours beside it":    {[]endpoint.Update{running("b"), running("ours")}, "b"},
		"ours before it":    {[]endpoint.Update{running("ours"), running("b")}, "b"},
		"only ours":         {[]endpoint.Update{running("ours")}, ""},
		"none any more":     {nil, ""},
		"none that is left": {[]endpoint.Update{over("a")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := &evaluation{Record: Record{Incident: &Incident{Blocker: &Blocker{UpdateID: "before"}}, Ours: []string{"ours"}}}
			e.in.HistoryRead, e.in.History.Read = true, tc.read
			e.block()
			got := ""
			if b := e.Incident.Blocker; b != nil {
				got = b.UpdateID
			}
			if got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
