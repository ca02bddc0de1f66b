// Package doctor looks at an installation in an account and region and says what
// is wrong with it, and how to put it right. It reads only. Whom it asks is
// behind the small interfaces here; the AWS SDK's clients have them.
package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
)

// State is what is known of one thing.
type State string

// The states.
const (
	Fine    State = "fine"
	Wrong   State = "wrong"
	Unknown State = "unknown" // it could not be looked at: never taken for fine
	Skipped State = "skipped" // nothing that this account could tell
)

// Finding is what a look at one thing found.
type Finding struct {
	Check string `json:"check"` // the thing, e.g. "dead letters"
	State State  `json:"state"`
	What  string `json:"what"`
	Fix   string `json:"fix,omitempty"` // what to do about it, of Wrong and Unknown
}

// Healthy reports whether everything was looked at and nothing is wrong.
func Healthy(findings []Finding) bool {
	for _, f := range findings {
		if f.State == Wrong || f.State == Unknown {
			return false
		}
	}
	return true
}

// Policy is the document that the installation is to have.
type Policy struct {
	Name string // for people: its path
	Text []byte
	Hash string // as policy.Parse has it
}

// Doctor examines installations.
type Doctor struct {
	Stacks    Stacks
	Rules     Rules
	Trails    Trails
	Queues    Queues
	Functions Functions
	Topics    Topics
	Roles     Roles
	Alarms    Alarms
	Tables    Tables
	// Download gets a function's code from where Lambda has it.
	Download func(ctx context.Context, url string) ([]byte, error)
	Version  string // the installation is to have
	Policy   Policy
	Template Template
}

// Examine looks at everything of the installation, in the order in which an event
// passes it. One that can't be found is an error of Find's.
func (d Doctor) Examine(ctx context.Context, stack string) (Installation, []Finding, error) {
	in, err := Find(ctx, d.Stacks, stack)
	if err != nil {
		return in, nil, err
	}
	t, template := d.template(ctx, in)
	findings := []Finding{d.stack(in), template, d.trail(ctx, in)}
	findings = append(findings, d.rules(ctx, in, t)...)
	findings = append(findings, d.queue(ctx, in), d.queueSettings(ctx, t, "queue settings", "WakeUps", in.Queue), d.mapping(ctx, in, t))
	own, environment := d.guardrail(ctx, in, t)
	findings = append(append(findings, own...), d.sweep(ctx, in, t)...)
	findings = append(append(findings, d.ledger(ctx, t), d.topicSettings(ctx, in, t)), d.alarms(ctx, in, t)...)
	findings = append(findings, d.topics(ctx, in, t, environment)...)
	return in, append(findings, d.queueSettings(ctx, t, "dead letters' queue", "DeadLetters", in.DeadLetters), d.deadLetters(ctx, in)), nil
}

// revert has CloudFormation put back what was changed beside it. Deploying alone
// would not: it compares templates, not what there is.
const revert = "npx aws-cdk@2.1148.1 deploy --revert-drift, with the settings of the deployment"

const deploy = "npx aws-cdk@2.1148.1 deploy, with the settings of the deployment"

func fine(check, format string, args ...any) Finding {
	return Finding{Check: check, State: Fine, What: fmt.Sprintf(format, args...)}
}

func wrong(check, fix, format string, args ...any) Finding {
	return Finding{Check: check, State: Wrong, What: fmt.Sprintf(format, args...), Fix: fix}
}

// unknown is the finding after a call that AWS did not answer.
func unknown(check, call string, err error) Finding {
	code, text := awstrouble.Code(err)
	words, found := awstrouble.NoAnswer(err)
	fix := "run it again, with credentials that may " + call
	switch {
	case code != "":
		text = code + ": " + text
	case found:
		text, fix = words, "look at the network and what answers "+call+", then run it again"
	}
	return Finding{Check: check, State: Unknown, What: fmt.Sprintf("not known: %s: %s", call, text), Fix: fix}
}

// isCode reports whether an error is AWS's answer with the code. Services that came
// from another protocol put a prefix before it, or "Exception" behind.
func isCode(err error, codes ...string) bool {
	if err == nil {
		return false
	}
	code, _ := awstrouble.Code(err)
	for _, want := range codes {
		if code == want || code == want+"Exception" || strings.HasSuffix(code, "."+want) {
			return true
		}
	}
	return false
}
