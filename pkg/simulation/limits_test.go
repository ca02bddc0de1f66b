package simulation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// TestTheBrake: a policy finds forty clusters open at once. No more of them are
// changed within an hour than the brake admits, one mail says that they wait,
// one that somebody opens meanwhile goes before them, and all are closed in the end.
func TestTheBrake(t *testing.T) {
	if testing.Short() {
		t.Skip("forty clusters wait for the brake for hours, each asking again and again")
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localaws.Options{Seed: 1})
		w.brake = 8
		for n := range 40 {
			w.put(fmt.Sprintf("closed-%02d", n), world0)
		}
		w.put("office-1", office)
		w.remember()
		w.sweep()
		w.runFor(10 * time.Minute)
		w.mustSet(alice, "office-1", world0)
		w.runFor(20 * time.Minute)
		if got := w.cluster("office-1").Access; !got.Equal(office) {
			t.Errorf("a cluster that was just opened waits for the standing ones: %s", got)
		}
		brakes := func() (n int) {
			for _, m := range w.aws.Mails(topicName) {
				if m.Attributes["outcome"] == "brake" {
					n++
				}
			}
			return n
		}
		if n := brakes(); n != 1 {
			t.Errorf("%d brake mails, want one", n)
		}
		w.runFor(12 * time.Hour)
		w.sweep()
		w.runFor(time.Hour)
		for _, name := range w.aws.Clusters() {
			if c := w.cluster(name); c.Access.Public && name != "office-1" {
				t.Errorf("%s is open in the end", name)
			}
		}
		var times []time.Time
		for _, c := range w.aws.Calls() {
			if c.AccessKeyID == guard && c.Operation == "UpdateClusterConfig" && c.Error == "" {
				times = append(times, c.Time)
			}
		}
		if len(times) != 41 {
			t.Errorf("%d updates for 41 clusters", len(times))
		}
		for i := 8; i < len(times); i++ {
			if d := times[i].Sub(times[i-8]); d < time.Hour {
				t.Errorf("updates %d to %d came within %s, the brake admits 8 in an hour", i-8, i, d)
			}
		}
		if n := brakes(); n != 1 {
			t.Errorf("%d brake mails in the end, want one", n)
		}
		w.quiet()
	})
}

// TestATagTakenAway: the guardrail is woken by the tags' event and says who did it.
func TestATagTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localaws.Options{Seed: 1})
		w.put("lab-1", closed)
		must(w, w.aws.SetTags("lab-1", map[string]string{"secret": "yes"}))
		w.remember()
		w.sweep()
		w.runFor(time.Minute)
		arn := w.aws.ClusterARN("lab-1")
		_, err := w.people[bob].UntagResource(t.Context(), &eks.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"secret"}})
		must(w, err)
		w.runFor(10 * time.Minute)
		mails := w.aws.Mails(topicName)
		if len(mails) != 1 || !strings.Contains(mails[0].Message, "bob@example.com via SSO") || !strings.Contains(mails[0].Message, "secret") {
			t.Errorf("mails: %+v", mails)
		}
		w.quiet()
	})
}

// TestATugOfWar: a controller opens the cluster again and again. It is closed at
// once every time; the mails stop after the one that names the controller.
func TestATugOfWar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localaws.Options{Seed: 1, Durations: localaws.Durations{EndpointUpdate: time.Minute}})
		w.put("closed-1", closed)
		w.remember()
		for range 8 {
			w.mustSet(alice, "closed-1", world0)
			w.runFor(6 * time.Minute)
			if got := w.cluster("closed-1").Access; !got.Equal(closed) {
				t.Errorf("%s after six minutes", got)
			}
		}
		want := []string{"detected", "enforced", "detected", "enforced", "detected", "enforced"}
		if got := w.mailed("closed-1"); !slices.Equal(got, want) {
			t.Errorf("mails %v, want %v", got, want)
		}
		if !w.atWar("closed-1") || w.applied["closed-1"] != 8 {
			t.Errorf("told as a war: %t; %d updates", w.atWar("closed-1"), w.applied["closed-1"])
		}
		w.quiet()
	})
}
