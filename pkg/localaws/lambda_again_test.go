package localaws_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// The very same batch comes twice: only the request id tells the invocations apart.
func TestInvokeAgain(t *testing.T) {
	for _, tc := range []struct {
		name  string
		first func(context.Context, context.CancelFunc) ([]byte, error) // what the first invocation does
		after time.Duration                                             // from its begin to the second
		left  int                                                       // messages that are in the queue when the second begins
	}{
		{"it went well", func(context.Context, context.CancelFunc) ([]byte, error) { return nil, nil }, 30 * time.Second, 0},
		{"it took a while", func(context.Context, context.CancelFunc) ([]byte, error) {
			sleep(10 * time.Second)
			return nil, nil
		}, 40 * time.Second, 0},
		{"it failed", func(context.Context, context.CancelFunc) ([]byte, error) { return nil, errors.New("no") }, 30 * time.Second, 1},
		{"it ran out of time", func(c context.Context, _ context.CancelFunc) ([]byte, error) {
			<-c.Done()
			return nil, c.Err()
		}, 50 * time.Second, 1},
		{"its process died", func(_ context.Context, kill context.CancelFunc) ([]byte, error) {
			sleep(time.Second)
			kill()
			return nil, nil
		}, 50 * time.Second, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, f := work(t, localaws.FunctionOptions{Timeout: 20 * time.Second})
				must(t, a.Send("work", "x", 0))
				type seen struct {
					id, message, receives string
					at                    time.Time
				}
				var got []seen
				note := func(c context.Context, event []byte) {
					var e lambdaevents.SQSEvent
					must(t, json.Unmarshal(event, &e))
					lc, _ := lambdacontext.FromContext(c)
					got = append(got, seen{lc.AwsRequestID, e.Records[0].MessageId, e.Records[0].Attributes["ApproximateReceiveCount"], time.Now()})
				}
				first, kill := context.WithCancel(t.Context())
				_, _ = f.RunOnce(first, func(c context.Context, event []byte) ([]byte, error) {
					note(c, event)
					// Asked for during the invocation, it counts from its end.
					must(t, f.InvokeAgain(f.Invocations()[0].ID, 30*time.Second))
					return tc.first(c, kill)
				})
				kill()
				at, ok := f.Next()
				if want := got[0].at.Add(tc.after); !ok || !at.Equal(want) {
					t.Fatalf("the next is at %s, want %s", at, want)
				}
				sleep(time.Until(at))
				if n := len(a.Messages("work")); n != tc.left {
					t.Errorf("%d messages are left, want %d", n, tc.left)
				}
				ran, err := f.RunOnce(t.Context(), func(c context.Context, event []byte) ([]byte, error) { note(c, event); return nil, nil })
				if !ran || err != nil {
					t.Fatalf("it ran: %t, %v", ran, err)
				}
				if got[0].id == got[1].id || got[0].id == "" {
					t.Errorf("both invocations have the id %q", got[0].id)
				}
				if got[0].message != got[1].message || got[0].receives != "1" || got[1].receives != "1" {
					t.Errorf("not the same batch: %+v", got)
				}
				if ran, _ := f.RunOnce(t.Context(), nil); ran {
					t.Error("it came a third time")
				}
			})
		})
	}
}

// What was left in the queue comes back by itself, whatever the second
// invocation of the same batch says: a later receive has taken it over.
func TestInvokeAgainAfterTheMessageCameBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, f := work(t, localaws.FunctionOptions{})
		must(t, a.Send("work", "x", 0))
		fails := func(context.Context, []byte) ([]byte, error) { return nil, errors.New("no") }
		fine := func(context.Context, []byte) ([]byte, error) { return nil, nil }
		_, err := f.RunOnce(t.Context(), fails)
		must(t, err)
		must(t, f.InvokeAgain(f.Invocations()[0].ID, 90*time.Second))
		sleep(time.Minute)
		_, err = f.RunOnce(t.Context(), fails) // received a second time
		must(t, err)
		sleep(30 * time.Second)
		if ran, err := f.RunOnce(t.Context(), fine); !ran || err != nil {
			t.Fatalf("it ran: %t, %v", ran, err)
		}
		if n := len(a.Messages("work")); n != 1 {
			t.Errorf("%d messages are left, want that which was received again", n)
		}
	})
}

// A poller that waits wakes for it.
func TestInvokeAgainWakesThePoller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, f := work(t, localaws.FunctionOptions{})
		run, stop := context.WithCancel(t.Context())
		ids := map[string]bool{}
		done := make(chan error)
		go func() {
			done <- f.Run(run, func(c context.Context, _ []byte) ([]byte, error) {
				lc, _ := lambdacontext.FromContext(c)
				ids[lc.AwsRequestID] = true
				return nil, nil
			})
		}()
		must(t, a.Send("work", "x", 0))
		synctest.Wait()
		must(t, f.InvokeAgain(f.Invocations()[0].ID, time.Hour))
		sleep(59 * time.Minute)
		if n := len(f.Invocations()); n != 1 {
			t.Errorf("%d invocations after 59 minutes", n)
		}
		sleep(time.Minute)
		synctest.Wait()
		if n := len(f.Invocations()); n != 2 || len(ids) != 2 {
			t.Errorf("%d invocations with %d ids, want two", n, len(ids))
		}
		if err := f.InvokeAgain("none", 0); err == nil {
			t.Error("an invocation that never was is repeated")
		}
		if _, more := f.Next(); more {
			t.Error("there is something left to come")
		}
		stop()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
