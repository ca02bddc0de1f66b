package simulation

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/mail"
	"github.com/endpointguard/endpointguard/pkg/settings"
)

// hearing are two worlds: one whose deletions are heard of, and one that hears
// of none, where only a sweep can find out.
var hearing = map[string]func(seed uint64) localaws.Options{
	"heard": func(seed uint64) localaws.Options { return localaws.Options{Seed: seed} },
	"unheard": func(seed uint64) localaws.Options {
		return localaws.Options{Seed: seed, DeliverEvent: func(event []byte) []time.Duration {
			if strings.Contains(string(event), `"DeleteCluster"`) {
				return nil
			}
			return []time.Duration{20 * time.Second}
		}}
	},
}

// sweeper is the deployed sweep. It sends the digest from 7 o'clock on, if it
// is to send one.
func (w *world) sweeper(digest bool) *function.Sweeper {
	w.t.Helper()
	key := guard + "SWEEP"
	w.aws.AddRole(key, "endpointguard-sweep", "sweep")
	set := settings.Sweep{QueueURL: w.aws.QueueURL(queueName), Table: tableName, Account: account, Region: region, LogLevel: "info"}
	if digest {
		set.DigestHour, set.TopicARN, set.Language = 7, w.aws.TopicARN(topicName), mail.English
	}
	s, err := function.NewSweeper(set, steady(w.aws.Config(key)), w.log)
	must(w, err)
	return s
}

// sweeps is a sweep, and what comes of it until the next.
func (w *world) sweeps(s *function.Sweeper) {
	w.t.Helper()
	_, err := s.Invoke(w.t.Context(), []byte("{}"))
	must(w, err)
	w.runFor(time.Hour)
}

func (w *world) remove(key, cluster string) {
	w.t.Helper()
	_, err := w.people[key].DeleteCluster(w.t.Context(), &eks.DeleteClusterInput{Name: &cluster})
	must(w, err)
}

// lasting returns the names of the records that have no end, a name as often as
// it has one.
func (w *world) lasting() []string {
	w.t.Helper()
	names := []string{}
	for _, item := range w.aws.Items(tableName) {
		key, _ := item[ledger.PartitionKey].(map[string]any)["S"].(string)
		if _, name, ok := strings.Cut(key, ":cluster/"); ok && item[ledger.Expires] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestDeletedClustersLeaveTheDigest: a violation that stands is in the digest of
// each day until its cluster is deleted, and in none after that.
func TestDeletedClustersLeaveTheDigest(t *testing.T) {
	for name, options := range hearing {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, options(1))
				w.put("told-1", world0)
				w.put("told-2", world0)
				w.remember()
				s := w.sweeper(true)
				digests := func(cluster string) (n int) {
					for _, m := range w.aws.Mails(topicName) {
						if m.Attributes["cluster"] == "" && strings.Contains(m.Message, cluster) {
							n++
						}
					}
					return n
				}
				for range 48 {
					w.sweeps(s)
				}
				w.remove(bob, "told-1")
				w.runFor(30 * time.Minute) // it is gone before the next sweep
				for range 10 * 24 {
					w.sweeps(s)
				}
				if n := digests("told-1"); n != 2 {
					t.Errorf("a cluster that was deleted on the third day is in %d digests, want 2", n)
				}
				if n := digests("told-2"); n != 12 {
					t.Errorf("a cluster that stands for twelve days is in %d digests", n)
				}
				if got := w.mailed("told-1"); !slices.Equal(got, []string{"violation"}) {
					t.Errorf("mails %q", got)
				}
			})
		})
	}
}

// TestRecordsOfDeletedClustersEnd: however a cluster stood when it was deleted,
// its record has an end within a sweep, and those of the others have none.
func TestRecordsOfDeletedClustersEnd(t *testing.T) {
	// asked leaves an update behind that is over, of which the guardrail was
	// waiting for the end.
	asked := func(w *world, c string) {
		w.mustSet(alice, c, world0)
		w.runFor(30 * time.Second)
		pass(10 * time.Minute)
		w.remove(bob, c)
	}
	deleted := func(w *world, c string) { w.remove(bob, c) }
	for name, tc := range map[string]struct {
		cluster string
		before  endpoint.Access
		play    func(w *world, cluster string)
		mails   []string
		stays   bool // the name has a new cluster
	}{
		"complies":            {"closed-1", closed, deleted, nil, false},
		"was closed":          {"closed-1", world0, deleted, []string{"detected", "enforced"}, false},
		"stands as told":      {"told-1", world0, deleted, []string{"violation"}, false},
		"an incident is open": {"office-1", office, asked, []string{"detected", "gone"}, false},
		"the mail of an incident's end is not taken": {"office-1", office, func(w *world, c string) {
			w.aws.Inject(localaws.Fault{Service: "sns", Skip: 1, Times: 4, Status: http.StatusForbidden, Type: "AuthorizationError"})
			asked(w, c)
		}, []string{"detected", "gone"}, false},
		"the name is used again": {"closed-1", closed, func(w *world, c string) {
			w.remove(bob, c)
			pass(10 * time.Minute)
			must(w, w.create(bob, c, &closed))
		}, nil, true},
		"the name is used again, and a violation stood": {"told-1", world0, func(w *world, c string) {
			w.remove(bob, c)
			pass(10 * time.Minute)
			must(w, w.create(bob, c, &closed))
		}, []string{"violation"}, true},
		"the name is used again, and an incident was open": {"office-1", office, func(w *world, c string) {
			asked(w, c)
			pass(10 * time.Minute)
			must(w, w.create(bob, c, &closed))
		}, []string{"detected", "gone"}, true},
		"the name is used again and again": {"closed-1", closed, func(w *world, c string) {
			for range 3 {
				w.remove(bob, c)
				pass(10 * time.Minute)
				must(w, w.create(bob, c, &closed))
				w.runFor(time.Hour)
			}
			w.remove(bob, c)
		}, nil, false},
	} {
		for heard, options := range hearing {
			t.Run(name+"/"+heard, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, options(1))
					w.put(tc.cluster, tc.before)
					w.put("closed-2", closed)
					w.remember()
					s := w.sweeper(false)
					w.sweeps(s)
					tc.play(w, tc.cluster)
					w.runFor(20 * time.Minute)
					w.sweeps(s)
					want := []string{"closed-2"}
					if tc.stays {
						want = []string{tc.cluster, "closed-2"}
						slices.Sort(want)
					}
					if got := w.lasting(); !slices.Equal(got, want) {
						t.Errorf("the records of %q have no end, want those of %q", got, want)
					}
					for _, r := range w.records() {
						if r.Standing != nil {
							t.Errorf("a violation of %s, which is gone or complies, still stands", r.Name)
						}
					}
					if got := w.mailed(tc.cluster); !slices.Equal(got, tc.mails) {
						t.Errorf("mails %q, want %q", got, tc.mails)
					}
					w.quiet()
				})
			})
		}
	}
}

// TestWhatIsOwedOutlivesTheCluster: the mail of a deleted cluster's end is not
// taken for hours, and the message that would offer it again is lost. The sweep
// finds the record all the same.
func TestWhatIsOwedOutlivesTheCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localaws.Options{Seed: 1})
		w.put("office-1", office)
		w.remember()
		s := w.sweeper(false)
		w.sweeps(s)
		w.aws.Inject(localaws.Fault{Service: "sns", Skip: 1, Times: 20, Status: http.StatusForbidden, Type: "AuthorizationError"})
		w.mustSet(alice, "office-1", world0)
		w.runFor(30 * time.Second)
		pass(10 * time.Minute)
		w.remove(bob, "office-1")
		w.runFor(time.Hour)
		w.aws.Purge(queueName)
		for range 12 {
			w.sweeps(s)
		}
		if got := w.mailed("office-1"); !slices.Equal(got, []string{"detected", "gone"}) {
			t.Errorf("mails %q", got)
		}
		if got := w.lasting(); len(got) > 0 {
			t.Errorf("the records of %q have no end", got)
		}
		w.quiet()
	})
}

// TestADeletionIsNoEndYet: EKS takes hours to delete a cluster. Nothing is
// concluded while the cluster is there, it is not looked at all the time, and its
// end is seen without a sweep.
func TestADeletionIsNoEndYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localaws.Options{Seed: 1, Durations: localaws.Durations{Delete: 5 * time.Hour}})
		w.put("told-1", world0)
		w.remember()
		w.sweeps(w.sweeper(false))
		w.remove(bob, "told-1")
		w.aws.ForgetCalls()
		w.runFor(5*time.Hour - time.Minute)
		if r := w.records()[0]; r.Standing == nil || !r.GoneAt.IsZero() {
			t.Errorf("it is there, and was taken for gone: %+v", r)
		}
		looks := 0
		for _, c := range w.aws.Calls() {
			if c.Operation == "DescribeCluster" {
				looks++
			}
		}
		if looks > 25 {
			t.Errorf("it was looked at %d times in five hours", looks)
		}
		w.runFor(20 * time.Minute)
		if got := w.lasting(); len(got) > 0 {
			t.Errorf("the records of %q have no end", got)
		}
		w.quiet()
	})
}

// TestAListThatIsCutShort: the sweep takes clusters for unlisted that are there.
// They are looked at, and that is all.
func TestAListThatIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localaws.Options{Seed: 1})
		for n := range 5 {
			w.put(fmt.Sprint("told-", n), world0)
			w.put(fmt.Sprint("closed-", n), closed)
		}
		w.remember()
		s := w.sweeper(false)
		w.sweeps(s)
		was, mails := w.lasting(), len(w.aws.Mails(topicName))
		w.aws.Inject(localaws.Fault{Operation: "ListClusters", Times: 8, Status: http.StatusServiceUnavailable, Type: "ServerException"})
		if _, err := s.Invoke(t.Context(), []byte("{}")); err == nil {
			t.Error("a sweep without a list is told as whole")
		}
		if n := len(w.aws.Messages(queueName)); n != len(was) {
			t.Errorf("%d clusters are woken of %d that the ledger knows", n, len(was))
		}
		w.runFor(time.Hour)
		if got := w.lasting(); !slices.Equal(got, was) || len(w.aws.Mails(topicName)) != mails {
			t.Errorf("the records of %q have no end, were %q; %d mails", got, was, len(w.aws.Mails(topicName))-mails)
		}
		w.quiet()
	})
}
