package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/settings"
)

// demoPolicy is the policy of the demo.
//
//go:embed demo/policy.yaml
var demoPolicy []byte

const (
	// silence ends a demo in which nothing happens any more and something is not
	// settled: how long that takes is the machine's affair, not the demo's.
	silence = 2 * time.Minute
	// everyCluster is who the line about the sweep is about.
	everyCluster = "every cluster"
	// creation and change are how long EKS takes here; what people do takes longer if
	// the guardrail does, which looks while EKS works.
	creation = 9 * time.Second
	change   = 2 * time.Second
	// held is longer than any demo.
	held = 24 * time.Hour
	// patience is how long the function has for its messages: as long as Lambda gives
	// one at the most, so that a slow machine is no failure.
	patience = 15 * time.Minute
	// glance is how often the clusters are looked at for the feed.
	glance = 50 * time.Millisecond
	// quickly is how long the 15 s between two looks of the guardrail are here.
	quickly = 500 * time.Millisecond
	// atTheEnd is how long a board stays once all is quiet.
	atTheEnd = 2 * time.Second
)

// errSilent is why a demo is ended that does not end by itself.
var errSilent = fmt.Errorf("nothing has happened for %s", silence)

// demo is one run.
type demo struct {
	aws    *localaws.AWS
	policy *policy.Policy
	cast   []role
	out    io.Writer
	width  int
	colour bool
	canvas *canvas // nil while lines are printed beneath one another
	began  time.Time

	log   chan logLine
	calls chan localaws.Call
	alive chan struct{} // the guardrail makes a call
	story []styled
	rows  map[string]row
	seen  map[string]sight // what was told of EKS, by cluster
	ended map[string]incident.Outcome
	waits map[string]string // what the guardrail waits for at each cluster
	// until is when EKS is done at the soonest, by cluster, with what somebody asked
	// for and the guardrail has not seen yet.
	until map[string]time.Time
}

// sight is how far the story of a cluster at EKS is told.
type sight struct {
	creating bool // it is told that it is being created, but not that it is there
	updates  int  // whose end is told
}

func newDemoRun(p *policy.Policy, out io.Writer) *demo {
	return &demo{
		policy: p, cast: cast(), out: out, width: columns,
		log: make(chan logLine, 100), calls: make(chan localaws.Call, 100), alive: make(chan struct{}, 1), rows: map[string]row{},
		seen: map[string]sight{}, ended: map[string]incident.Outcome{}, waits: map[string]string{},
		until: map[string]time.Time{},
	}
}

// runDemo runs the demo with the built function; the folder is for its files, and
// on is nil unless out is a terminal.
func runDemo(ctx context.Context, functionPath, dir string, out, errs io.Writer, on *terminal) error {
	p, problems := policy.Parse("demo/policy.yaml", demoPolicy)
	if problems.Errors() {
		return fmt.Errorf("the policy of the demo is invalid:\n%w", problems)
	}
	asked := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := newDemoRun(p, out)
	d.aws = localaws.New(d.options(ctx))
	defer d.aws.Close()
	if err := furnish(d.aws); err != nil {
		return err
	}
	addCallers(d.aws)
	pattern, err := fs.ReadFile(events.Rules(), events.EndpointAccess)
	if err != nil {
		return err
	}
	if err := d.aws.PutRule("endpoint-access", string(pattern), queueName); err != nil {
		return err
	}
	for _, r := range d.cast {
		r.put(d.aws)
	}
	over, err := d.start(ctx, functionPath, dir, errs)
	if err != nil {
		return err
	}
	d.began = time.Now()
	err = d.show(ctx, over, on)
	cancel()
	if stopped := <-over; err == nil && stopped != nil {
		err = stopped
	}
	switch {
	// The function's end may be seen before the interrupt that ended it.
	case errors.Is(err, context.Canceled), asked.Err() != nil:
		return errors.New("interrupted")
	case err != nil && !errors.Is(err, errSilent):
		return err
	}
	if on == nil {
		d.mails()
	} else {
		d.mail(on.again)
	}
	if d.table() {
		return nil
	}
	return errFindings
}

// options are those of the AWS. Until the context is over, calls of the guardrail's
// must be taken from the channel.
func (d *demo) options(ctx context.Context) localaws.Options {
	return localaws.Options{
		Durations:  localaws.Durations{Create: held, EndpointUpdate: held},
		DelayScale: quickly.Seconds() / 15,
		OnCall: func(c localaws.Call) {
			if c.AccessKeyID != guardrailKey {
				return
			}
			select {
			case d.alive <- struct{}{}:
			default:
			}
			if c.Operation != "UpdateClusterConfig" {
				return
			}
			if c.Error == "" && c.Endpoint != nil {
				// Nobody else changes the cluster while this update runs.
				_ = d.aws.EndAt(c.Endpoint.Cluster, time.Now().Add(change))
			}
			select {
			case d.calls <- c:
			case <-ctx.Done():
			}
		},
	}
}

// show plays the demo: on a terminal with lines that change in place, and the
// whole story once that is over.
func (d *demo) show(ctx context.Context, over <-chan error, on *terminal) error {
	inPlace := false
	if on != nil {
		width, height := on.size()
		d.width, d.colour = min(width, columns), on.colour
		inPlace = width >= leastWidth && height >= leastHeight
	}
	if !inPlace {
		d.title()
		return d.play(ctx, over)
	}
	err := d.playInPlace(ctx, over, *on)
	width, _ := on.size()
	d.width = min(width, columns)
	if !errors.Is(err, context.Canceled) {
		d.title()
		d.write(d.story...)
	}
	return err
}

func (d *demo) playInPlace(ctx context.Context, over <-chan error, on terminal) error {
	d.canvas = openCanvas(d.out, on)
	defer func() {
		d.canvas.close()
		d.canvas = nil
	}()
	d.draw()
	err := d.play(ctx, over)
	d.draw()
	if err == nil {
		// Time to read the last lines before they are gone.
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(atTheEnd):
		}
	}
	return err
}

// start runs the function as a child process on the runtime API. What comes out
// of the channel is why it ended, nil once the context is over.
func (d *demo) start(ctx context.Context, functionPath, dir string, errs io.Writer) (<-chan error, error) {
	document := filepath.Join(dir, policyFile)
	if err := os.WriteFile(document, demoPolicy, 0o600); err != nil {
		return nil, err
	}
	f, err := d.aws.Function(functionName, queueName, localaws.FunctionOptions{Timeout: patience})
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	host := listener.Addr().String()
	server := &http.Server{Handler: d.aws, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()

	var broke bytes.Buffer
	child := exec.CommandContext(ctx, functionPath)
	child.Dir = dir
	// Nothing of this process's own environment: no profile, proxy or bundle of
	// certificates of the caller's must reach the function.
	child.Env = append(d.aws.Environ("http://"+host, guardrailKey),
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_LAMBDA_RUNTIME_API="+f.RuntimeAPI(host),
		"AWS_LAMBDA_FUNCTION_NAME="+functionName,
		settings.TaskRoot+"="+dir,
		settings.Mode+"="+settings.ModeEnforce,
		settings.Account+"="+d.aws.Account(),
		settings.Table+"="+tableName,
		settings.QueueURL+"="+d.aws.QueueURL(queueName),
		settings.TopicARN+"="+d.aws.TopicARN(topicName),
		settings.RoleARN+"="+roleARN(d.aws),
		settings.PolicyFile+"="+document,
	)
	child.Stderr = &broke
	child.WaitDelay = time.Second
	lines, err := child.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := child.Start(); err != nil {
		_ = server.Close()
		return nil, fmt.Errorf("start the function: %w", err)
	}
	over := make(chan error, 2)
	go func() {
		defer close(over)
		d.follow(ctx, lines)
		err := child.Wait()
		_ = server.Close()
		if ctx.Err() == nil {
			if how, ok := child.ProcessState.Sys().(syscall.WaitStatus); ok && how.Signaled() && how.Signal() == syscall.SIGINT {
				// Ctrl-C reaches both, and this process perhaps later.
				over <- context.Canceled
				return
			}
			why := "exit status 0"
			if err != nil {
				why = err.Error()
			}
			over <- fmt.Errorf("the function ended: %s: %s", why, oneLine(broke.String()))
		}
	}()
	return over, nil
}

// follow reads the function's log.
func (d *demo) follow(ctx context.Context, r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if l, ok := readLog(line); ok {
			select {
			case d.log <- l:
			case <-ctx.Done():
			}
		}
		if err != nil {
			return
		}
	}
}

// heard shows what the function logged, unless it only looked again.
func (d *demo) heard(l logLine) {
	d.watch() // what EKS did was there before
	if l.Sweep && l.Outcome != "" {
		d.ended[l.Cluster] = l.Outcome
		return
	}
	d.release(l)
	if l.Outcome == incident.Compliant && len(l.Mails) == 0 && d.ended[l.Cluster] == incident.Enforced {
		return // a late message, and all is as the guardrail left it
	}
	if l.Outcome != "" && l.Outcome != incident.Ignored {
		d.ended[l.Cluster] = l.Outcome
		d.over(l.Cluster)
	}
	var said []string
	for _, kind := range l.Mails {
		if kind == string(incident.NoticeOutcome) {
			kind = string(l.Outcome)
		}
		said = append(said, fmt.Sprintf("mail %q", kind))
	}
	switch {
	case l.Error != "":
		said = append(said, "error: "+l.Error)
		d.doing(l.Cluster, "error: "+l.Error, red)
	case l.Trouble != "":
		said = append(said, "AWS: "+l.Trouble)
		d.doing(l.Cluster, "AWS: "+l.Trouble, red)
	case l.Outcome == incident.Ignored:
		said = append(said, "ignored: "+l.Why)
	case l.Outcome == incident.Enforced:
		d.doing(l.Cluster, "enforced: EKS confirmed it", green)
	case l.Outcome != "" && len(l.Mails) == 0:
		said = append(said, string(l.Outcome)+", nothing to do")
		d.doing(l.Cluster, string(l.Outcome)+", nothing to do", green)
	case l.Outcome != "":
		d.doing(l.Cluster, string(l.Outcome), yellow)
	}
	if l.Step == incident.Waiting {
		waits := "waits until EKS is done"
		if c, ok := d.aws.Cluster(l.Cluster); ok && c.Status == "ACTIVE" {
			waits = "waits, then tries again"
		}
		if d.waits[l.Cluster] != waits {
			said = append(said, waits)
		}
		d.waits[l.Cluster] = waits
		d.doing(l.Cluster, waits, yellow)
	}
	if len(said) > 0 {
		d.tell(l.Cluster, "guardrail: "+strings.Join(said, "; "))
	}
}

// release lets EKS end what somebody asked for once the guardrail has looked at it:
// what a mail says of a change that is under way must not hang on who is faster.
func (d *demo) release(l logLine) {
	end, waits := d.until[l.Cluster]
	looked := l.Step == incident.Waiting || l.Outcome != "" && l.Outcome != incident.Ignored
	if !waits || !looked {
		return
	}
	delete(d.until, l.Cluster)
	_ = d.aws.EndAt(l.Cluster, end) // it runs until then
}

// called shows an update that the guardrail asked for.
func (d *demo) called(c localaws.Call) {
	if c.Endpoint == nil {
		return
	}
	d.watch() // what EKS did was there before
	want, short := "VPC only", "VPC only"
	if c.Endpoint.Public != nil && *c.Endpoint.Public && c.Endpoint.CIDRs != nil {
		want = "VPC and " + strings.Join(*c.Endpoint.CIDRs, " ")
		short = brief(accessOf(localaws.Cluster{Public: true, Private: true, CIDRs: *c.Endpoint.CIDRs}))
	}
	text := "guardrail: asks EKS for " + want
	if c.Error != "" {
		d.tell(c.Endpoint.Cluster, text+": "+c.Message)
		return
	}
	d.doing(c.Endpoint.Cluster, "asked EKS for "+short, cyan)
	d.tell(c.Endpoint.Cluster, text)
	d.tell(c.Endpoint.Cluster, "EKS: UPDATING")
}

// watch shows what ended at EKS. It goes by the history of updates, so that what
// is told does not depend on when it looks. What began is told with who asked.
func (d *demo) watch() {
	for _, r := range d.cast {
		c, ok := d.aws.Cluster(r.name)
		if !ok {
			continue
		}
		s := d.seen[r.name]
		// While an update runs, EKS shows what was there before it.
		now := brief(accessOf(c))
		if s.creating && c.Status != "CREATING" {
			d.tell(r.name, "EKS: ACTIVE, "+now)
			s.creating = false
		}
		for ; s.updates < len(c.Updates) && c.Updates[s.updates].Status != "InProgress"; s.updates++ {
			if u := c.Updates[s.updates]; len(u.Errors) > 0 {
				d.tell(r.name, fmt.Sprintf("EKS: update failed, %s; still %s", u.Errors[0].Code, now))
			} else {
				d.tell(r.name, "EKS: ACTIVE, "+now)
			}
		}
		d.seen[r.name] = s
	}
}
