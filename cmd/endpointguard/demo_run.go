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
	// demoLimit ends a demo in which something never settles.
	demoLimit = time.Minute
	// glance is how often the clusters are looked at for the feed.
	glance = 50 * time.Millisecond
	// quickly is how long the 15 s between two looks of the guardrail are here.
	quickly = 500 * time.Millisecond
)

// demo is one run.
type demo struct {
	aws    *localaws.AWS
	policy *policy.Policy
	cast   []role
	out    io.Writer
	began  time.Time

	log   chan logLine
	calls chan localaws.Call
	seen  map[string]string // the last line about each cluster from EKS
	ended map[string]incident.Outcome
	waits map[string]string // what the guardrail waits for at each cluster
}

// runDemo runs the demo with the built function; the folder is for its files.
func runDemo(ctx context.Context, functionPath, dir string, out, errs io.Writer) error {
	p, problems := policy.Parse("demo/policy.yaml", demoPolicy)
	if problems.Errors() {
		return fmt.Errorf("the policy of the demo is invalid:\n%w", problems)
	}
	ctx, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	d := &demo{
		policy: p, cast: cast(), out: out,
		log: make(chan logLine, 100), calls: make(chan localaws.Call, 100),
		seen: map[string]string{}, ended: map[string]incident.Outcome{}, waits: map[string]string{},
	}
	d.aws = localaws.New(localaws.Options{
		Durations:  localaws.Durations{Create: 9 * time.Second, EndpointUpdate: 2 * time.Second},
		DelayScale: quickly.Seconds() / 15,
		OnCall: func(c localaws.Call) {
			if c.AccessKeyID == guardrailKey && c.Operation == "UpdateClusterConfig" {
				select {
				case d.calls <- c:
				case <-ctx.Done():
				}
			}
		},
	})
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
	d.title()
	d.watch()
	err = d.play(ctx, over)
	cancel()
	if stopped := <-over; err == nil && stopped != nil {
		err = stopped
	}
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		return err
	}
	d.mails()
	if d.table() {
		return nil
	}
	return errFindings
}

// start runs the function as a child process on the runtime API. What comes out
// of the channel is why it ended, nil once the context is over.
func (d *demo) start(ctx context.Context, functionPath, dir string, errs io.Writer) (<-chan error, error) {
	document := filepath.Join(dir, policyFile)
	if err := os.WriteFile(document, demoPolicy, 0o600); err != nil {
		return nil, err
	}
	f, err := d.aws.Function(functionName, queueName, localaws.FunctionOptions{Timeout: 20 * time.Second})
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

// play lets everything happen and returns once all is quiet.
func (d *demo) play(ctx context.Context, over <-chan error) error {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	next := 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-over:
			return err
		case l := <-d.log:
			d.heard(l)
		case c := <-d.calls:
			d.called(c)
		case <-tick.C:
			for next < len(d.cast) && time.Since(d.began) >= d.cast[next].at {
				r := d.cast[next]
				d.line(r.name, r.does)
				if err := r.act(ctx, d.aws); err != nil {
					return err
				}
				next++
			}
			d.watch()
			if next == len(d.cast) && d.quiet() {
				return nil
			}
		}
	}
}

// quiet tells whether nothing is under way any more: no message, no update, and
// nothing unread in the log.
func (d *demo) quiet() bool {
	if len(d.aws.Messages(queueName)) > 0 || len(d.log) > 0 || len(d.calls) > 0 {
		return false
	}
	for _, r := range d.cast {
		c, ok := d.aws.Cluster(r.name)
		if !ok || c.Status != "ACTIVE" {
			return false
		}
		if _, checked := d.ended[r.name]; !checked {
			return false
		}
	}
	return true
}

// heard shows what the function logged, unless it only looked again.
func (d *demo) heard(l logLine) {
	d.watch() // what EKS did was there before
	if l.Outcome != "" && l.Outcome != incident.Ignored {
		d.ended[l.Cluster] = l.Outcome
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
	case l.Trouble != "":
		said = append(said, "AWS: "+l.Trouble)
	case l.Outcome == incident.Ignored:
		said = append(said, "ignored: "+l.Why)
	case l.Outcome != "" && len(l.Mails) == 0:
		said = append(said, string(l.Outcome)+", nothing to do")
	}
	if l.Step == incident.Waiting {
		waits := "waits until EKS accepts a change"
		if c, ok := d.aws.Cluster(l.Cluster); ok && c.Status == "ACTIVE" {
			waits = "waits a little before it tries again"
		}
		if d.waits[l.Cluster] != waits {
			said = append(said, waits)
		}
		d.waits[l.Cluster] = waits
	}
	if len(said) > 0 {
		d.line(l.Cluster, "guardrail: "+strings.Join(said, "; "))
	}
}

// called shows an update that the guardrail asked for.
func (d *demo) called(c localaws.Call) {
	if c.Endpoint == nil {
		return
	}
	want := "VPC only"
	if c.Endpoint.Public != nil && *c.Endpoint.Public && c.Endpoint.CIDRs != nil {
		want = "VPC and " + strings.Join(*c.Endpoint.CIDRs, " ")
	}
	text := "guardrail: asks EKS for " + want
	if c.Error != "" {
		text += ": " + c.Message
	}
	d.line(c.Endpoint.Cluster, text)
}

// watch shows what changed at the clusters.
func (d *demo) watch() {
	for _, r := range d.cast {
		c, ok := d.aws.Cluster(r.name)
		if !ok {
			continue
		}
		text := "EKS: " + c.Status + ", " + brief(accessOf(c))
		if n := len(c.Updates); n > 0 {
			switch u := c.Updates[n-1]; {
			case c.Status == "UPDATING":
				text = "EKS: UPDATING"
			case u.Status == "Failed":
				text = fmt.Sprintf("EKS: update failed, %s; still %s", u.Errors[0].Code, brief(accessOf(c)))
			}
		}
		if was, known := d.seen[r.name]; known && was != text || r.create && !known {
			d.line(r.name, text)
		}
		d.seen[r.name] = text
	}
}
