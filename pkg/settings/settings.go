// Package settings are the names and forms of the environment settings of the
// functions. The deployment writes them, the functions read them.
package settings

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/mail"
)

// The environment settings. Those without a default in their comment must be set.
const (
	Mode       = "ENDPOINTGUARD_MODE"         // alert or enforce
	Account    = "ENDPOINTGUARD_ACCOUNT"      // 12 digits: events of other accounts are ignored
	Table      = "ENDPOINTGUARD_TABLE"        // the DynamoDB table of the ledger
	QueueURL   = "ENDPOINTGUARD_QUEUE_URL"    // the SQS queue that wakes the guardrail
	TopicARN   = "ENDPOINTGUARD_TOPIC_ARN"    // the SNS topic of the mails
	RoleARN    = "ENDPOINTGUARD_ROLE_ARN"     // the guardrail's own role, by which its calls are known
	PolicyFile = "ENDPOINTGUARD_POLICY_FILE"  // default: policy.yaml beside the binary
	PolicyHash = "ENDPOINTGUARD_POLICY_HASH"  // of the function sweep: the policy document's, for its heartbeat; default none
	LogLevel   = "ENDPOINTGUARD_LOG_LEVEL"    // debug, info, warn or error; default info
	Brake      = "ENDPOINTGUARD_BRAKE"        // how many clusters may be changed within an hour; default 20, 0 is any number
	TugPerHour = "ENDPOINTGUARD_TUG_PER_HOUR" // closings of one cluster within an hour that make a tug of war; default 3, 0 is never
	TugDays    = "ENDPOINTGUARD_TUG_DAYS"     // days of seven with a closing that make one; default 5, 0 is never

	// Lambda itself sets these.
	Region       = "AWS_REGION"
	TaskRoot     = "LAMBDA_TASK_ROOT"
	FunctionName = "AWS_LAMBDA_FUNCTION_NAME" // tells the metrics of two installations apart; default guardrail
)

// Modes of the guardrail.
const (
	ModeAlert   = "alert"   // every response is alert: nothing is changed
	ModeEnforce = "enforce" // the policy's responses are in force
)

// Defaults of the numbers.
const (
	DefaultBrake      = 20
	DefaultTugPerHour = 3
	DefaultTugDays    = 5
)

// MaxBrake is the highest brake: as many clusters as their names fit into the
// brake's item.
const MaxBrake = 1000

// Guardrail are the settings of the function guardrail.
type Guardrail struct {
	Mode       string
	Partition  string // of the topic's ARN: aws, aws-cn, …
	Account    string
	Region     string
	Table      string
	QueueURL   string
	TopicARN   string
	RoleARN    string
	PolicyFile string
	LogLevel   string
	Brake      int
	TugPerHour int
	TugDays    int

	FunctionName string

	Language    mail.Language
	AccountName string // "" for none
	ChatTopic   string // the ARN, "" for none
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	topicPattern   = regexp.MustCompile(`^arn:(aws[a-z-]*):sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$`)
	rolePattern    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$`)
	tablePattern   = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,}$`)
)

// ForGuardrail reads the settings of the function guardrail. The error names
// every setting that is wrong, what it is and what it must be.
func ForGuardrail(getenv func(string) string) (Guardrail, error) {
	r := reader{getenv: getenv}
	s := Guardrail{
		Mode:       r.oneOf(Mode, "", ModeAlert, ModeEnforce),
		Account:    r.matching(Account, accountPattern, "12 digits"),
		Region:     r.matching(Region, regionPattern, "an AWS region, such as eu-west-1"),
		Table:      r.matching(Table, tablePattern, "the name of a DynamoDB table"),
		QueueURL:   r.url(QueueURL),
		TopicARN:   r.matching(TopicARN, topicPattern, "the ARN of an SNS topic"),
		RoleARN:    r.matching(RoleARN, rolePattern, "the ARN of an IAM role"),
		LogLevel:   r.oneOf(LogLevel, "info", "debug", "info", "warn", "error"),
		Brake:      r.number(Brake, DefaultBrake, MaxBrake),
		TugPerHour: r.number(TugPerHour, DefaultTugPerHour, 1000),
		TugDays:    r.number(TugDays, DefaultTugDays, 7),
	}
	s.Language, s.AccountName, s.ChatTopic = r.mails(s.TopicARN)
	if m := topicPattern.FindStringSubmatch(s.TopicARN); m != nil {
		s.Partition = m[1]
	}
	s.FunctionName = cmp.Or(getenv(FunctionName), "guardrail")
	s.PolicyFile = getenv(PolicyFile)
	if s.PolicyFile == "" {
		s.PolicyFile = filepath.Join(getenv(TaskRoot), "policy.yaml")
	}
	return s, errors.Join(r.problems...)
}

type reader struct {
	getenv   func(string) string
	problems []error
}

func (r *reader) wrong(name, value, want string) {
	if value == "" {
		r.problems = append(r.problems, fmt.Errorf("setting %s is missing: it must be %s", name, want))
		return
	}
	r.problems = append(r.problems, fmt.Errorf("setting %s is %q: it must be %s", name, value, want))
}

func (r *reader) oneOf(name, fallback string, words ...string) string {
	value := r.getenv(name)
	if value == "" && fallback != "" {
		return fallback
	}
	for _, word := range words {
		if value == word {
			return value
		}
	}
	r.wrong(name, value, strings.Join(words[:len(words)-1], ", ")+" or "+words[len(words)-1])
	return ""
}

func (r *reader) matching(name string, pattern *regexp.Regexp, want string) string {
	value := r.getenv(name)
	if !pattern.MatchString(value) {
		r.wrong(name, value, want)
		return ""
	}
	return value
}

func (r *reader) url(name string) string {
	value := r.getenv(name)
	if !strings.HasPrefix(value, "https://") && !strings.HasPrefix(value, "http://") {
		r.wrong(name, value, "the URL of an SQS queue")
		return ""
	}
	return value
}

func (r *reader) number(name string, fallback, highest int) int {
	value := r.getenv(name)
	if value == "" {
		return fallback
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > highest {
		r.wrong(name, value, fmt.Sprintf("a whole number from 0 to %d", highest))
		return fallback
	}
	return n
}
