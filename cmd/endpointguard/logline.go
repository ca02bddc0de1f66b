package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/endpointguard/endpointguard/pkg/incident"
)

// logLine is a line of the function's log, as far as it is shown to people.
type logLine struct {
	Message string           `json:"msg"`
	Level   string           `json:"level"`
	Cluster string           `json:"cluster"`
	Call    string           `json:"call"`
	Sweep   bool             `json:"sweep"`
	Outcome incident.Outcome `json:"outcome"`
	Why     string           `json:"why"`
	Step    incident.Stage   `json:"step"`
	Mails   []string         `json:"mails"`
	Updates []string         `json:"updates"`
	Answer  string           `json:"answer"`
	Next    float64          `json:"nextCheckSeconds"`
	Trouble string           `json:"trouble"`
	Error   string           `json:"error"`
}

// readLog reads a line of the function's log; it is false for metrics and for
// lines that are not of a check.
func readLog(line []byte) (logLine, bool) {
	var l logLine
	if err := json.Unmarshal(line, &l); err != nil || l.Message != "check" {
		return l, false
	}
	return l, true
}

// check is what the checks of one record came to so far.
type check struct {
	outcome incident.Outcome
	why     string
	trouble string
}

func (c check) String() string {
	if c.trouble != "" {
		return c.trouble
	}
	return fmt.Sprintf("%s %s", c.outcome, c.why)
}

// then takes in a later check. One that came to nothing changes no outcome.
func (c check) then(l logLine) check {
	c.trouble = l.Trouble
	if l.Error != "" {
		c.trouble = l.Error
	}
	switch {
	case l.Outcome != "":
		c.outcome, c.why = l.Outcome, l.Why
	case slices.Contains(l.Mails, string(incident.NoticeStuck)):
		c.outcome, c.why = incident.Stuck, l.Why
	}
	return c
}
