package simulation

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/settings"
)

// What a mail has told of a violation, who opened the cluster, with which call, since when
// and what was there before, the mails of what comes of the same violation later tell, too.
func TestWhoIsNotForgotten(t *testing.T) {
	hidden := func(w *world, f localaws.Fault) {
		w.faulty(f)
		w.mustSet(alice, "closed-1", world0)
		w.runFor(50 * time.Minute)
		w.aws.ClearFaults()
	}
	for name, tc := range map[string]struct {
		cluster string
		play    func(w *world)
		first   string // the outcome that was told first
	}{
		"blocked, then the network is mended": {"closed-1", func(w *world) { hidden(w, localaws.Denied("ec2", "DescribeVpcs")) }, "blocked"},
		"failed, then tried again": {"closed-1", func(w *world) {
			hidden(w, localaws.Denied("eks", "UpdateClusterConfig"))
			w.runFor(time.Hour)
		}, "failed"},
		"partly enforced, then the network is mended": {"closed-1", func(w *world) {
			w.faulty(localaws.Denied("ec2", "DescribeVpcs"))
			w.mustSet(alice, "closed-1", halves)
			w.runFor(50 * time.Minute)
			w.aws.ClearFaults()
		}, "partly-enforced"},
		"exempted, then not any more": {"closed-1", func(w *world) {
			w.mustSet(alice, "closed-1", world0)
			w.runFor(time.Minute)
			w.enacted = append(w.enacted, enacted{time.Now(), lax})
			w.runWith(exempted, 50*time.Minute)
			w.enacted = append(w.enacted, enacted{time.Now(), companys})
		}, "exempt"},
		"only told, then the mode enforces": {"closed-1", func(w *world) {
			w.mode = settings.ModeAlert
			w.mustSet(alice, "closed-1", world0)
			w.runFor(50 * time.Minute)
			w.mode = settings.ModeEnforce
		}, "violation"},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, localaws.Options{}, func(w *world) {
				w.put(tc.cluster, closed)
				w.remember()
				w.sweep()
				w.runFor(time.Minute)
				tc.play(w)
				w.wantTold(tc.cluster, tc.first)
				told := w.lastMail(tc.cluster)
				w.sweep()
				w.runFor(2 * time.Hour)
				w.wantTold(tc.cluster, "enforced")
				for _, m := range w.mailsOf(tc.cluster) {
					for _, label := range []string{"Opened by", "Since", "Event", "Before"} {
						was, is := fieldOf(told.Message, label), fieldOf(m.Message, label)
						if label == "Since" {
							was, is = stamps.FindString(was), stamps.FindString(is)
						}
						if is != was {
							t.Errorf("%s: the mail %q said %q, and %q says %q", label, told.Subject, was, m.Subject, is)
						}
					}
				}
			})
		})
	}
}

var stamps = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC`)

// fieldOf is what a mail says behind a label, without its line breaks; "" if nothing.
func fieldOf(text, label string) string {
	found := regexp.MustCompile(`(?m)^ *` + label + ` +(.*(\n {8,}.*)*)$`).FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return flat(found[1])
}

// A mail names as the earlier one a reference that a mail had, also where a try at what
// failed was told to nobody.
func TestToldBeforeAsWhatWasMailed(t *testing.T) {
	story(t, localaws.Options{}, func(w *world) {
		w.put("closed-1", closed)
		w.remember()
		w.sweep()
		w.runFor(time.Minute)
		w.faulty(localaws.Denied("eks", "UpdateClusterConfig"))
		w.mustSet(alice, "closed-1", world0)
		w.runFor(4 * time.Hour)
		w.aws.ClearFaults()
		for range 8 {
			w.sweep()
			w.runFor(time.Hour)
		}
		w.wantTold("closed-1", "enforced")
		w.checkReferences()
		if before := toldBefore.FindStringSubmatch(flat(w.lastMail("closed-1").Message)); before == nil {
			t.Errorf("the last mail names no earlier one:\n%s", w.lastMail("closed-1").Message)
		}
	})
}

var toldBefore = regexp.MustCompile(`told before as (EG-[A-Z2-7]+)`)

// checkReferences: what a mail says was told before, an earlier mail about the cluster
// told.
func (w *world) checkReferences() {
	w.t.Helper()
	var before strings.Builder
	for _, m := range w.aws.Mails(topicName) {
		if named := toldBefore.FindStringSubmatch(flat(m.Message)); named != nil && !strings.Contains(before.String(), " "+m.Attributes["cluster"]+" "+named[1]+" ") {
			w.t.Errorf("the mail %q of %s says that it was told before as %s, and no mail was", m.Subject, m.Attributes["cluster"], named[1])
		}
		before.WriteString(" " + m.Attributes["cluster"] + " " + m.Attributes["reference"] + " ")
	}
}
