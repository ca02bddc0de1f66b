package localaws_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// TestMain lets the test binary be a Lambda function for the tests that need a
// process of their own.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(picky)
		return
	}
	os.Exit(m.Run())
}

// picky fails at the messages that say so, and dies of one that says that.
func picky(ctx context.Context, raw json.RawMessage) (any, error) {
	var e lambdaevents.SQSEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	if len(e.Records) == 0 {
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{"arn": lc.InvokedFunctionArn, "id": lc.AwsRequestID, "left": time.Until(deadline) > 0}, nil
	}
	var out lambdaevents.SQSEventResponse
	for _, r := range e.Records {
		switch r.Body {
		case "fail":
			out.BatchItemFailures = append(out.BatchItemFailures, lambdaevents.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
		case "error":
			return nil, errors.New("told to")
		case "die":
			os.Exit(3)
		}
	}
	return out, nil
}

func TestRealRuntime(t *testing.T) {
	a := localaws.New(localaws.Options{})
	_, err := a.CreateQueue("work", localaws.QueueOptions{VisibilityTimeout: time.Hour})
	must(t, err)
	f, err := a.Function("guardrail", "work", localaws.FunctionOptions{Timeout: time.Minute})
	must(t, err)
	server := httptest.NewServer(a)
	defer server.Close()
	defer a.Close()

	start := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+f.RuntimeAPI(strings.TrimPrefix(server.URL, "http://")))
		must(t, cmd.Start())
		return cmd
	}
	process := start()
	// A direct call is answered after what was in the queue before it, so that
	// its answer says that the batch is settled.
	settle := func() map[string]any {
		t.Helper()
		raw, err := f.Invoke(t.Context(), []byte(`{}`))
		must(t, err)
		var out map[string]any
		must(t, json.Unmarshal(raw, &out))
		return out
	}
	if got := settle(); got["arn"] != f.ARN() || got["left"] != true || got["id"] != f.Invocations()[0].ID {
		t.Errorf("the function's context: %v", got)
	}
	bodies := func() []string {
		var out []string
		for _, m := range a.Messages("work") {
			out = append(out, m.Body)
		}
		return out
	}
	must(t, a.Send("work", "fine", 0))
	settle()
	if got := bodies(); len(got) != 0 {
		t.Errorf("left after a success: %v", got)
	}
	must(t, a.Send("work", "fail", 0))
	settle()
	must(t, a.Send("work", "error", 0))
	settle()
	if d := cmp.Diff([]string{"fail", "error"}, bodies()); d != "" {
		t.Errorf("left (-want +got):\n%s", d)
	}
	if got := f.Invocations()[5]; !strings.Contains(got.Error, "told to") {
		t.Errorf("the failed run: %+v", got)
	}
	must(t, a.Send("work", "die", 0))
	var exit *exec.ExitError
	if err := process.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("the process ended with %v", err)
	}
	last := f.Invocations()[len(f.Invocations())-1]
	if last.Over || !slices.Contains(bodies(), "die") {
		t.Errorf("a dead process settled its batch: %+v, %v", last, bodies())
	}
	// A new process goes on with the next.
	process = start()
	settle()
	must(t, process.Process.Kill())
	_ = process.Wait()
}

func work(t *testing.T, o localaws.FunctionOptions) (*localaws.AWS, *localaws.Function) {
	t.Helper()
	a := localaws.New(localaws.Options{})
	_, err := a.CreateQueue("dead", localaws.QueueOptions{})
	must(t, err)
	_, err = a.CreateQueue("work", localaws.QueueOptions{VisibilityTimeout: time.Minute, DeadLetters: "dead", MaxReceives: 2})
	must(t, err)
	f, err := a.Function("f", "work", o)
	must(t, err)
	return a, f
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, f := work(t, localaws.FunctionOptions{BatchSize: 2})
		run, stop := context.WithCancel(t.Context())
		defer stop()
		type seen struct {
			At   time.Duration
			Body string
		}
		var got []seen
		began := time.Now()
		done := make(chan error)
		go func() {
			done <- f.Run(run, func(ctx context.Context, event []byte) ([]byte, error) {
				var e lambdaevents.SQSEvent
				if err := json.Unmarshal(event, &e); err != nil {
					return nil, err
				}
				var out lambdaevents.SQSEventResponse
				for _, r := range e.Records {
					got = append(got, seen{time.Since(began), r.Body + " " + r.Attributes["ApproximateReceiveCount"]})
					if r.Body == "fail" {
						out.BatchItemFailures = append(out.BatchItemFailures, lambdaevents.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
					}
				}
				return json.Marshal(out)
			})
		}()
		must(t, a.Send("work", "late", time.Hour))
		must(t, a.Send("work", "fail", 0))
		must(t, a.Send("work", "fine", 0))
		must(t, a.Send("work", "third", 0))
		sleep(2 * time.Hour)
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		want := []seen{{0, "fail 1"}, {0, "fine 1"}, {0, "third 1"}, {time.Minute, "fail 2"}, {time.Hour, "late 1"}}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if dead := a.Messages("dead"); len(dead) != 1 || dead[0].Body != "fail" {
			t.Errorf("dead letters: %v", dead)
		}
		if left := a.Messages("work"); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestRunAnswers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		whole  bool
		answer string
		err    error
		takes  time.Duration
		left   int // of two messages
	}{
		{name: "no answer", left: 0},
		{name: "null", answer: `null`},
		{name: "no failures", answer: `{"batchItemFailures":[]}`},
		{name: "one failure", answer: `{"batchItemFailures":[{"itemIdentifier":"FIRST"}]}`, left: 1},
		{name: "an unknown id", answer: `{"batchItemFailures":[{"itemIdentifier":"x"}]}`, left: 2},
		{name: "an empty id", answer: `{"batchItemFailures":[{"itemIdentifier":""}]}`, left: 2},
		{name: "a wrong key", answer: `{"batchItemFailures":[{"id":"FIRST"}]}`, left: 2},
		{name: "no JSON", answer: `{"batchItem`, left: 2},
		{name: "an error", err: errors.New("no"), left: 2},
		{name: "too slow", takes: 3 * time.Second, left: 2},
		{name: "just in time", takes: 3*time.Second - time.Millisecond},
		{name: "whole batches", whole: true, answer: `{"batchItemFailures":[{"itemIdentifier":"FIRST"}]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, f := work(t, localaws.FunctionOptions{WholeBatches: tc.whole})
				must(t, a.Send("work", "one", 0))
				must(t, a.Send("work", "two", 0))
				first := a.Messages("work")[0].ID
				worked, err := f.RunOnce(t.Context(), func(context.Context, []byte) ([]byte, error) {
					sleep(tc.takes)
					return []byte(strings.ReplaceAll(tc.answer, "FIRST", first)), tc.err
				})
				must(t, err)
				left := a.Messages("work")
				if !worked || len(left) != tc.left {
					t.Errorf("left %v, want %d", left, tc.left)
				}
				if len(f.Invocations()[0].Failed) != tc.left {
					t.Errorf("told as failed: %v", f.Invocations()[0].Failed)
				}
				if again, _ := f.RunOnce(t.Context(), nil); again {
					t.Error("what is left is visible at once")
				}
				if at, ok := a.Next("work"); ok && !at.Equal(f.Invocations()[0].At.Add(time.Minute)) {
					t.Errorf("what is left is visible at %v", at)
				}
			})
		})
	}
}

func TestDeadlineOfTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, f := work(t, localaws.FunctionOptions{Timeout: 30 * time.Second})
		must(t, a.Send("work", "x", 0))
		_, err := f.RunOnce(t.Context(), func(ctx context.Context, _ []byte) ([]byte, error) {
			began := time.Now()
			<-ctx.Done()
			if d := time.Since(began); d != 30*time.Second {
				t.Errorf("the deadline came after %v", d)
			}
			return nil, ctx.Err()
		})
		must(t, err)
		if got := f.Invocations()[0].Error; !strings.Contains(got, "timed out after 30.00 seconds") {
			t.Errorf("the run is noted as %q", got)
		}
	})
}

func TestPanicIsADeadProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, f := work(t, localaws.FunctionOptions{})
		must(t, a.Send("work", "x", 0))
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _ = f.RunOnce(t.Context(), func(context.Context, []byte) ([]byte, error) { panic("out of memory") })
		}()
		sleep(time.Minute)
		if worked, err := f.RunOnce(t.Context(), func(context.Context, []byte) ([]byte, error) { return nil, nil }); !worked || err != nil {
			t.Errorf("the message did not come back: %t, %v", worked, err)
		}
	})
}

// Two pollers of one queue share its messages.
func TestPollers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := work(t, localaws.FunctionOptions{})
		got := make(chan string, 20)
		for i := range 2 {
			go func() {
				_ = a.Poll(t.Context(), "work", localaws.FunctionOptions{BatchSize: 1, Timeout: time.Minute}, func(_ context.Context, event []byte) ([]byte, error) {
					var e lambdaevents.SQSEvent
					if err := json.Unmarshal(event, &e); err != nil {
						return nil, err
					}
					sleep(time.Second)
					got <- fmt.Sprintf("%d:%s", i, e.Records[0].Body)
					return nil, nil
				})
			}()
		}
		began := time.Now()
		for i := range 10 {
			must(t, a.Send("work", fmt.Sprint(i), 0))
		}
		by := map[byte]int{}
		for range 10 {
			by[(<-got)[0]]++
		}
		if by['0'] != 5 || by['1'] != 5 || time.Since(began) != 5*time.Second {
			t.Errorf("shared as %v in %v", by, time.Since(began))
		}
		a.Close()
		synctest.Wait()
	})
	if err := localaws.New(localaws.Options{}).Poll(t.Context(), "nope", localaws.FunctionOptions{}, nil); err == nil {
		t.Error("a queue that does not exist can be polled")
	}
}

// The routes of a function's own address, for runtimes that take no path.
func TestRuntimeAPIOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, f := work(t, localaws.FunctionOptions{Timeout: 2 * time.Second})
		call := func(method, path, body string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			f.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/2018-06-01/runtime/"+path, strings.NewReader(body)))
			return w
		}
		next := func() string {
			must(t, a.Send("work", "x", 0))
			w := call("GET", "invocation/next", "")
			if w.Code != 200 || w.Header().Get("Lambda-Runtime-Invoked-Function-Arn") != f.ARN() ||
				w.Header().Get("Lambda-Runtime-Deadline-Ms") != fmt.Sprint(time.Now().Add(2*time.Second).UnixMilli()) {
				t.Errorf("next: %d %v", w.Code, w.Header())
			}
			return w.Header().Get("Lambda-Runtime-Aws-Request-Id")
		}
		id := next()
		if w := call("POST", "invocation/"+id+"/response", "null"); w.Code != 202 || len(a.Messages("work")) != 0 {
			t.Errorf("response: %d, left %v", w.Code, a.Messages("work"))
		}
		if w := call("POST", "invocation/"+id+"/response", "null"); w.Code != 400 {
			t.Errorf("a second response: %d", w.Code)
		}
		id = next()
		if w := call("POST", "invocation/"+id+"/error", `{"errorType":"Oops","errorMessage":"no"}`); w.Code != 202 || f.Invocations()[1].Error != "Oops: no" {
			t.Errorf("error: %d, %+v", w.Code, f.Invocations()[1])
		}
		id = next()
		sleep(2 * time.Second)
		if w := call("POST", "invocation/"+id+"/response", "null"); w.Code != 400 || !strings.Contains(f.Invocations()[2].Error, "timed out") {
			t.Errorf("a late response: %d, %+v", w.Code, f.Invocations()[2])
		}
		if len(a.Messages("work")) != 2 {
			t.Errorf("left: %v", a.Messages("work"))
		}
		if w := call("POST", "init/error", `{"errorType":"NoSettings"}`); w.Code != 202 || len(f.InitErrors()) != 1 {
			t.Errorf("init error: %d, %v", w.Code, f.InitErrors())
		}
		if w := call("GET", "elsewhere", ""); w.Code != 404 {
			t.Errorf("an unknown route: %d", w.Code)
		}
	})
}

// A process that is ended while it works settles nothing.
func TestEndedProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, f := work(t, localaws.FunctionOptions{})
		must(t, a.Send("work", "x", 0))
		run, kill := context.WithCancel(t.Context())
		_, err := f.RunOnce(run, func(context.Context, []byte) ([]byte, error) {
			kill()
			return nil, nil
		})
		if !errors.Is(err, context.Canceled) || len(a.Messages("work")) != 1 || f.Invocations()[0].Over {
			t.Errorf("got %v, left %v, %+v", err, a.Messages("work"), f.Invocations()[0])
		}
	})
}

// An invocation that nobody waits for any more is not begun.
func TestInvokeGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f := work(t, localaws.FunctionOptions{})
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.Invoke(short, []byte(`{}`)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if worked, _ := f.RunOnce(t.Context(), nil); worked {
			t.Error("it is begun all the same")
		}
	})
}
