package settings

import (
	"strings"
	"testing"
)

// FuzzSettings holds that settings are taken within their bounds, or refused
// with the names of those that are wrong.
func FuzzSettings(f *testing.F) {
	f.Add("enforce", "111122223333", "eu-west-1", "arn:aws:sns:eu-west-1:111122223333:alerts", "20", "ja", "shop")
	f.Add("", "１１１１２２２２３３３３", "eu-west-1\n", "arn:aws:sns:eu-west-1:111122223333:", "-0", "de", strings.Repeat("重", 60))
	f.Add("alert", "111122223333", "us-gov-west-1", "arn:aws-us-gov:sns:us-gov-west-1:111122223333:a", "+5", "en", "\xff")
	f.Fuzz(func(t *testing.T, mode, account, region, topic, number, language, name string) {
		getenv := func(key string) string {
			return map[string]string{
				Mode: mode, Account: account, Region: region, TopicARN: topic,
				Brake: number, TugPerHour: number, TugDays: number, DigestHour: number,
				Language: language, AccountName: name, Table: "ledger", QueueURL: "https://sqs/q",
				RoleARN: "arn:aws:iam::111122223333:role/guardrail",
			}[key]
		}
		g, err := ForGuardrail(getenv)
		if err == nil {
			if g.Mode != ModeAlert && g.Mode != ModeEnforce || len(g.Account) != 12 || g.Partition == "" ||
				g.Brake < 0 || g.Brake > MaxBrake || g.TugPerHour < 0 || g.TugDays < 0 || g.TugDays > 7 || strings.ContainsAny(g.Region+g.TopicARN, "\n ") {
				t.Fatalf("taken: %+v", g)
			}
		} else if !strings.Contains(err.Error(), "setting ENDPOINTGUARD_") && !strings.Contains(err.Error(), "setting AWS_REGION") {
			t.Fatalf("refused without a name: %v", err)
		}
		if s, err := ForSweep(getenv); err == nil && (s.DigestHour < 0 || s.DigestHour > 23 || len(s.Account) != 12) {
			t.Fatalf("taken: %+v", s)
		}
	})
}
