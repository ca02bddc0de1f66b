package mail

import (
	"fmt"
	"time"

	"github.com/endpointguard/endpointguard/pkg/text"
)

// OutcomeTest is the attribute outcome of a test mail.
const OutcomeTest = "test"

// Test writes a mail that says nothing but that mails get through. It is marked as
// what it is in every part that people see, and holds no word of whoever asked for it.
func (l Letter) Test(reference, account, region string, at time.Time) Mail {
	w := &writer{Letter: l, phrases: in(l.Language)}
	w.label = w.labels()
	head := fill(w.TestMail, "at", stamp(at))
	w.para(head)
	w.WriteString("\n")
	w.field(w.Account, w.account(account))
	w.field(w.Region, region)
	w.field(w.ToDo, w.TestDo)
	w.field(w.Reference, reference)
	w.sign()
	return Mail{
		Subject: text.ASCII(fmt.Sprintf("TEST, nothing has happened - EKS (%s %s)", account, region)),
		Text:    w.String(),
		Attributes: map[string]string{
			"outcome": OutcomeTest, "severity": string(Low), "account": account, "region": region, "reference": reference,
		},
		Card: card{
			Title: "TEST, nothing has happened", Severity: Low, Reference: reference, Outcome: OutcomeTest, Text: head,
			Fields: [][2]string{{w.Account, w.account(account)}, {w.Region, region}, {w.Reference, reference}}, Steps: []string{w.TestDo},
		}.encode(),
	}
}
