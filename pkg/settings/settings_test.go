package settings

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var good = map[string]string{
	Mode: "enforce", Account: "111122223333", Table: "endpointguard", QueueURL: "https://sqs.eu-west-1.amazonaws.com/111122223333/q",
	TopicARN: "arn:aws-cn:sns:cn-north-1:111122223333:security", RoleARN: "arn:aws-cn:iam::111122223333:role/endpointguard",
	Region: "cn-north-1", TaskRoot: "/var/task", FunctionName: "endpointguard-Guardrail",
}

func TestForGuardrail(t *testing.T) {
	got, err := ForGuardrail(func(name string) string { return good[name] })
	if err != nil {
		t.Fatal(err)
	}
	want := Guardrail{
		Mode: ModeEnforce, Partition: "aws-cn", Account: "111122223333", Region: "cn-north-1", Table: "endpointguard",
		QueueURL: good[QueueURL], TopicARN: good[TopicARN], RoleARN: good[RoleARN], PolicyFile: "/var/task/policy.yaml", LogLevel: "info",
		Brake: 20, TugPerHour: 3, TugDays: 5, Language: "en", FunctionName: "endpointguard-Guardrail",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryWrongSettingIsNamed(t *testing.T) {
	for name, values := range map[string][]string{
		Mode: {"", "enforced", "ENFORCE"}, Account: {"", "1111", "aws"}, Table: {"", "a b"}, QueueURL: {"", "q"},
		TopicARN: {"", "arn:aws:sqs:eu-west-1:111122223333:x"}, RoleARN: {"", "role"}, Region: {"", "Ireland"}, LogLevel: {"loud"},
		Brake: {"-1", "many", "1e3", "20000"}, TugPerHour: {"x"}, TugDays: {"8"},
		Language: {"de", "EN"}, AccountName: {strings.Repeat("x", 61), "\xff"}, ChatTopic: {"arn:aws:sqs:eu-west-1:111122223333:x", good[TopicARN]},
	} {
		for _, value := range values {
			_, err := ForGuardrail(func(n string) string {
				if n == name {
					return value
				}
				return good[n]
			})
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "must be") {
				t.Errorf("%s=%q: error %v", name, value, err)
			}
			if n := strings.Count(err.Error(), "\n"); n > 0 {
				t.Errorf("%s=%q: more than that one is named: %v", name, value, err)
			}
		}
	}
	_, err := ForGuardrail(func(string) string { return "" })
	if n := strings.Count(err.Error(), "missing"); n != 7 {
		t.Errorf("with nothing set, %d settings are named: %v", n, err)
	}
}
