package grant

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const topic = "arn:aws-cn:sns:cn-north-1:444455556666:security"

func TestKeyOfAnOrganization(t *testing.T) {
	got, err := Key(topic, To{Name: "endpointguard", Organization: "o-a1b2c3d4e5"})
	if err != nil {
		t.Fatal(err)
	}
	want := Document{"2012-10-17", []Statement{{
		Sid: "EndpointGuardMayMail", Effect: "Allow", Principal: map[string]string{"AWS": "*"}, Action: []string{"kms:GenerateDataKey", "kms:Decrypt"}, Resource: "*",
		Condition: map[string]map[string]any{
			"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5", "kms:ViaService": "sns.cn-north-1.amazonaws.com.cn"},
			"ArnLike":      {"aws:PrincipalArn": []string{"arn:aws-cn:iam::*:role/endpointguard-*-GuardrailRole*", "arn:aws-cn:iam::*:role/endpointguard-*-SweepRole*"}},
		},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNobodyElse: no statement is for everybody without a condition on who he is.
func TestNobodyElse(t *testing.T) {
	for _, to := range []To{{Name: "endpointguard", Account: "111122223333"}, {Name: "a-very-long-name-of-thirty-ch", Organization: "o-a1b2c3d4e5"}} {
		for _, write := range []func(string, To) (Document, error){Topic, Key} {
			d, err := write(topic, to)
			if err != nil {
				t.Fatal(err)
			}
			s := d.Statement[0]
			if s.Principal["AWS"] == "*" && s.Condition["StringEquals"]["aws:PrincipalOrgID"] != to.Organization || s.Condition["ArnLike"]["aws:PrincipalArn"] == nil {
				text, _ := json.Marshal(s)
				t.Errorf("%s", text)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	good := To{Name: "endpointguard", Account: "111122223333"}
	for name, test := range map[string]struct {
		topic string
		to    To
		want  string
	}{
		"no topic":      {"arn:aws:sqs:eu-west-1:444455556666:q", good, "not the ARN of an SNS topic"},
		"nobody":        {topic, To{Name: "endpointguard"}, "one of an account and an organization"},
		"both":          {topic, To{Name: "endpointguard", Account: "111122223333", Organization: "o-a1b2c3d4e5"}, "one of an account"},
		"account":       {topic, To{Name: "endpointguard", Account: "*"}, "not an account"},
		"organization":  {topic, To{Name: "endpointguard", Organization: "*"}, "not the id of an organization"},
		"name":          {topic, To{Name: "*", Account: "111122223333"}, "not the name of an installation"},
		"several lines": {topic, To{Name: "endpointguard", Account: "1\n2"}, "not an account"},
	} {
		_, err := Topic(test.topic, test.to)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
