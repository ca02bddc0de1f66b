// Package bench runs the built functions as children of the embedded AWS, over
// real sockets and in real time: what they withstand, and what they cost.
package bench

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/pkg/buildflags"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/settings"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

const (
	account = "111122223333"
	region  = "eu-west-1"

	queueName   = "endpointguard"
	deadLetters = "endpointguard-dead-letters"
	tableName   = "endpointguard"
	topicName   = "endpointguard"

	guard = "AKIDGUARDRAIL"
	alice = "AKIDALICE"
)

const document = `version: 1
rules:
  - name: closed
    match: {clusters: [closed-*]}
    require: {publicAccess: disabled, privateAccess: enabled}
    respond: enforce
  - name: told
    match: {clusters: [told-*]}
    require: {publicAccess: disabled}
    respond: alert
`

// stage is an account with the guardrail deployed in it, on a socket.
type stage struct {
	t      testing.TB
	dir    string
	aws    *localaws.AWS
	server *httptest.Server
	// wrap may stand before the AWS's own handler, but for the runtime API.
	wrap func(http.Handler) http.Handler
	// onRuntime is told of each request to the runtime API when it comes, and
	// what it returns of the answer.
	onRuntime func(r *http.Request) (answered func())
}

type stageOptions struct {
	aws         localaws.Options
	visibility  time.Duration
	maxReceives int
}

func newStage(t testing.TB, o stageOptions) *stage {
	t.Helper()
	o.aws.Account, o.aws.Region = account, region
	s := &stage{t: t, dir: t.TempDir(), aws: localaws.New(o.aws)}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.aws.CreateQueue(deadLetters, localaws.QueueOptions{})
	check(err)
	_, err = s.aws.CreateQueue(queueName, localaws.QueueOptions{VisibilityTimeout: o.visibility, DeadLetters: deadLetters, MaxReceives: o.maxReceives})
	check(err)
	_, err = s.aws.CreateTopic(topicName)
	check(err)
	check(s.aws.CreateTable(tableName, ledger.PartitionKey, ledger.SortKey))
	pattern, err := fs.ReadFile(events.Rules(), events.EndpointAccess)
	check(err)
	check(s.aws.PutRule("endpoint-access", string(pattern), queueName))
	s.aws.AddRole(guard, "endpointguard", "endpointguard")
	check(os.WriteFile(filepath.Join(s.dir, "policy.yaml"), []byte(document), 0o600))
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !strings.HasPrefix(r.URL.Path, "/runtimes/"):
			h := http.Handler(s.aws)
			if s.wrap != nil {
				h = s.wrap(h)
			}
			h.ServeHTTP(w, r)
		case s.onRuntime != nil:
			answered := s.onRuntime(r)
			s.aws.ServeHTTP(w, r)
			answered()
		default:
			s.aws.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		s.aws.Close()
		s.server.CloseClientConnections()
		s.server.Close()
	})
	return s
}

func (s *stage) host() string { return s.server.Listener.Addr().String() }

func (s *stage) function(name, queue string, timeout time.Duration, batch int) *localaws.Function {
	s.t.Helper()
	f, err := s.aws.Function(name, queue, localaws.FunctionOptions{Timeout: timeout, BatchSize: batch})
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

// environ is a child's environment, and nothing of this process's own.
func (s *stage) environ(f *localaws.Function, more ...string) []string {
	return append(append(s.aws.Environ("http://"+s.host(), guard),
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_LAMBDA_RUNTIME_API="+f.RuntimeAPI(s.host()),
		"AWS_LAMBDA_FUNCTION_NAME=guardrail",
		settings.TaskRoot+"="+s.dir,
		settings.Mode+"="+settings.ModeEnforce,
		settings.Account+"="+account,
		settings.Table+"="+tableName,
		settings.QueueURL+"="+s.aws.QueueURL(queueName),
		settings.TopicARN+"="+s.aws.TopicARN(topicName),
		settings.RoleARN+"=arn:aws:iam::"+account+":role/endpointguard",
		settings.Brake+"=0",
	), more...)
}

// child is a running function.
type child struct {
	cmd   *exec.Cmd
	out   bytes.Buffer
	ended chan struct{}
}

func (s *stage) start(binary string, environ []string) *child {
	s.t.Helper()
	c := &child{cmd: exec.Command(binary), ended: make(chan struct{})}
	c.cmd.Dir, c.cmd.Env, c.cmd.Stderr = s.dir, environ, &c.out
	if err := c.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		_ = c.cmd.Wait()
	}()
	return c
}

// kill ends the process as a crash does.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
}

// keeper runs a function as Lambda does: a process that ends is started again.
type keeper struct {
	mu      sync.Mutex
	running *child
	stopped bool
	done    chan struct{}

	starts int
	peak   int64 // of all that were asked for it
	last   string
}

func (s *stage) keep(binary string, environ []string) *keeper {
	k := &keeper{done: make(chan struct{})}
	k.running, k.starts = s.start(binary, environ), 1
	go func() {
		defer close(k.done)
		for {
			<-k.running.ended
			k.mu.Lock()
			k.last = k.running.out.String()
			if k.stopped {
				k.mu.Unlock()
				return
			}
			k.running = s.start(binary, environ)
			k.starts++
			k.mu.Unlock()
		}
	}()
	return k
}

// kill ends the process that runs now. It is gone when kill returns.
func (k *keeper) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.peak = max(k.peak, k.running.peak())
	k.running.kill()
}

func (k *keeper) stop() {
	k.mu.Lock()
	k.stopped = true
	k.peak = max(k.peak, k.running.peak())
	k.running.kill()
	k.mu.Unlock()
	<-k.done
}

// peak is the most memory that the process ever had resident, in bytes; 0 where
// the system does not tell.
func (c *child) peak() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// binaries builds programs once for all tests, for this machine, with the flags of
// the tests themselves: make compiles these as it does what is deployed.
type binaries struct {
	mu  sync.Mutex
	dir string
}

func (b *binaries) build(t testing.TB, program string) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	path := filepath.Join(b.dir, strings.ReplaceAll(strings.TrimPrefix(program, "./"), "/", "-"))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	args, env := buildflags.Own()
	cmd := exec.CommandContext(context.Background(), "go", slices.Concat([]string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", path}, args, []string{program})...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", program, err, out)
	}
	return path
}

func wakeUp(t testing.TB, cluster string) string {
	t.Helper()
	body, err := wakeup.Message{Cluster: cluster, Account: account, Region: region, Sweep: true}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// falls waits until the count is zero, however long that takes, as long as it falls: a
// busy machine is slow, and one that hangs makes no headway at all.
func falls(patience time.Duration, count func() int) bool {
	for last := count(); last > 0; {
		if !within(patience, func() bool { return count() < last }) {
			return false
		}
		last = count()
	}
	return true
}

// within waits for something that another process does.
func within(d time.Duration, done func() bool) bool {
	tick, late := time.NewTicker(10*time.Millisecond), time.After(d)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			return done()
		}
	}
	return true
}
