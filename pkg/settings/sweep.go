package settings

import "errors"

// Sweep are the settings of the function sweep.
type Sweep struct {
	Account  string
	Region   string
	QueueURL string
	LogLevel string
}

// ForSweep reads the settings of the function sweep. The error names every
// setting that is wrong, what it is and what it must be.
func ForSweep(getenv func(string) string) (Sweep, error) {
	r := reader{getenv: getenv}
	s := Sweep{
		Account:  r.matching(Account, accountPattern, "12 digits"),
		Region:   r.matching(Region, regionPattern, "an AWS region, such as eu-west-1"),
		QueueURL: r.url(QueueURL),
		LogLevel: r.oneOf(LogLevel, "info", "debug", "info", "warn", "error"),
	}
	return s, errors.Join(r.problems...)
}
