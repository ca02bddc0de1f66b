package localaws_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// race lets workers fight over a counter and returns the order in which their
// calls took effect, with the answers.
func race(t *testing.T, seed uint64) string {
	var trace strings.Builder
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{Seed: seed})
		must(t, a.CreateTable("ledger", "pk", "sk"))
		put(t, dynamodb.NewFromConfig(once(a)), item{"pk": s("counter"), "sk": s("1"), "turn": n("0")})
		a.ForgetCalls()
		gate := localaws.NewGate()
		picker := rand.New(rand.NewPCG(seed, 1))
		finished := make(chan struct{}, 4)
		for i := range 4 {
			cfg := a.Config(fmt.Sprintf("AKID%d", i), gate.Wrap)
			cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
			c := dynamodb.NewFromConfig(cfg)
			go func() {
				defer func() { finished <- struct{}{} }()
				for turn := range 3 {
					// The error is part of the trace.
					_, _ = c.PutItem(localaws.WithActor(t.Context(), fmt.Sprintf("worker-%d", i)), &dynamodb.PutItemInput{
						TableName: aws.String("ledger"), Item: item{"pk": s("counter"), "sk": s("1"), "turn": n(fmt.Sprint(turn + 1))},
						ConditionExpression:       aws.String("#turn = :read"),
						ExpressionAttributeNames:  map[string]string{"#turn": "turn"},
						ExpressionAttributeValues: item{":read": n(fmt.Sprint(turn))},
					})
				}
			}()
		}
		for done := 0; done < 4; {
			synctest.Wait()
			if waiting := gate.Parked(); len(waiting) > 0 {
				gate.Release(picker.IntN(len(waiting)))
				continue
			}
			<-finished
			done++
		}
		for _, c := range a.Calls() {
			fmt.Fprintln(&trace, c.AccessKeyID, c.Operation, c.Error)
		}
	})
	return trace.String()
}

func TestGateMakesRacesRepeatable(t *testing.T) {
	first := race(t, 1)
	if n := strings.Count(first, "\n"); n != 12 {
		t.Fatalf("%d calls, want 12:\n%s", n, first)
	}
	for range 20 {
		if again := race(t, 1); again != first {
			t.Fatalf("the same seed gave\n%sand\n%s", first, again)
		}
	}
	different := 0
	for seed := range uint64(10) {
		if race(t, seed+2) != first {
			different++
		}
	}
	if different < 8 {
		t.Errorf("only %d of 10 other seeds gave another order", different)
	}
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := localaws.NewGate()
		run, stop := context.WithCancel(t.Context())
		ended := make(chan error, 3)
		for _, label := range []string{"b", "a", "c"} {
			go func() { ended <- gate.Park(localaws.WithActor(run, "w"), label) }()
		}
		synctest.Wait()
		if got := fmt.Sprint(gate.Parked()); got != "[w a w b w c]" {
			t.Errorf("parked: %s", got)
		}
		if gate.Release(3) || !gate.Release(0) {
			t.Error("the wrong index was released")
		}
		if err := <-ended; err != nil {
			t.Errorf("released with %v", err)
		}
		stop()
		for range 2 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled with %v", err)
			}
		}
		if got := gate.Parked(); len(got) != 0 {
			t.Errorf("still parked: %v", got)
		}
		gate.Open()
		if err := gate.Park(t.Context(), "late"); err != nil {
			t.Errorf("an open gate holds: %v", err)
		}
	})
}

// A function's poller waits in the gate too.
func TestGateOfAPoller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := localaws.NewGate()
		a, f := work(t, localaws.FunctionOptions{Gate: gate, Timeout: time.Minute})
		must(t, a.Send("work", "x", time.Hour))
		ran := 0
		go func() {
			_ = f.Run(t.Context(), func(context.Context, []byte) ([]byte, error) { ran++; return nil, nil })
		}()
		synctest.Wait()
		if got := gate.Parked(); len(got) != 0 {
			t.Errorf("parked before there is a message: %v", got)
		}
		sleep(time.Hour)
		synctest.Wait()
		if got := fmt.Sprint(gate.Parked()); got != "[poll f]" || ran != 0 {
			t.Errorf("parked %s, ran %d", got, ran)
		}
		gate.Release(0)
		synctest.Wait()
		if got := fmt.Sprint(gate.Parked()); got != "[settle f]" || ran != 1 || len(a.Messages("work")) != 1 {
			t.Errorf("parked %s, ran %d, %d messages", got, ran, len(a.Messages("work")))
		}
		gate.Release(0)
		synctest.Wait()
		if got := a.Messages("work"); len(got) != 0 {
			t.Errorf("not settled: %v", got)
		}
		a.Close()
	})
}
