package settings

import (
	"cmp"
	"errors"

	"github.com/endpointguard/endpointguard/pkg/mail"
)

// Sweep are the settings of the function sweep.
type Sweep struct {
	Account  string
	Region   string
	QueueURL string
	Table    string
	LogLevel string

	FunctionName string

	// What the heartbeat says of the deployment, "" for nothing.
	Mode       string // alert or enforce
	PolicyHash string

	// What the digest needs, all zero without one.
	DigestHour  int    // 0 to 23 in UTC
	TopicARN    string // "" for no digest
	Language    mail.Language
	AccountName string // "" for none
	ChatTopic   string // the ARN, "" for none
}

// ForSweep reads the settings of the function sweep. The error names every
// setting that is wrong, what it is and what it must be.
func ForSweep(getenv func(string) string) (Sweep, error) {
	r := reader{getenv: getenv}
	s := Sweep{
		Account:  r.matching(Account, accountPattern, "12 digits"),
		Region:   r.matching(Region, regionPattern, "an AWS region, such as eu-west-1"),
		QueueURL: r.url(QueueURL),
		Table:    r.matching(Table, tablePattern, "the name of a DynamoDB table"),
		LogLevel: r.oneOf(LogLevel, "info", "debug", "info", "warn", "error"),

		FunctionName: cmp.Or(getenv(FunctionName), "sweep"),
		PolicyHash:   getenv(PolicyHash),
	}
	if getenv(Mode) != "" {
		s.Mode = r.oneOf(Mode, "", ModeAlert, ModeEnforce)
	}
	if getenv(DigestHour) != "" {
		s.DigestHour = r.number(DigestHour, 0, 23)
		s.TopicARN = r.matching(TopicARN, topicPattern, "the ARN of an SNS topic")
		s.Language, s.AccountName, s.ChatTopic = r.mails(s.TopicARN)
	}
	return s, errors.Join(r.problems...)
}
