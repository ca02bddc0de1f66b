package incident

import (
	"errors"
	"fmt"
)

// Sound returns what keeps a record from being one that a guardrail wrote, nil
// if nothing does. To go on from a record that does not hold together would be
// to guess.
func (r Record) Sound() error {
	switch {
	case r.Opened < 0 || r.Check.Number < 0 || r.Trouble < 0:
		return fmt.Errorf("the record counts %d incidents, %d checks and %d failures", r.Opened, r.Check.Number, r.Trouble)
	case r.Left != nil && len(r.Left.Rules) == 0:
		return errors.New("the cluster left the reach of rules, and none is named")
	case r.Incident != nil && r.Incident.Final == nil && r.Intent != nil && r.Intent.Notice == NoticeOutcome:
		return fmt.Errorf("the outcome of incident %.40q was to be mailed, and there is none", r.Incident.Ref)
	}
	return nil
}
