package simulation

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

// What the guardrail closed is told as closed by it, also where the rules have come to
// allow what was there before while its update ran: then with how to bring that back.
func TestClosedBeforeItWasAllowed(t *testing.T) {
	loosened := strings.Replace(companyPolicy, "match: {clusters: [closed-*]}\n    require: {publicAccess: disabled}", "match: {clusters: [closed-*]}\n    require: {privateAccess: enabled}", 1)
	for name, tc := range map[string]struct {
		policy  string
		outcome string
		tags    map[string]string
		change  func(w *world)
	}{
		"the policy is loosened":  {policy: loosened, outcome: "compliant"},
		"an exemption is granted": {policy: exempted, outcome: "exempt"},
		"the tag is removed": {policy: companyPolicy, outcome: "compliant", tags: map[string]string{"secret": "yes"}, change: func(w *world) {
			arn := w.cluster("app-1").ARN
			_, err := w.people[bob].UntagResource(w.t.Context(), &eks.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"secret"}})
			must(w, err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, localaws.Options{}, func(w *world) {
				cluster := "closed-1"
				if tc.tags != nil {
					cluster = "app-1"
				}
				w.aws.PutCluster(localaws.Cluster{Name: cluster, Private: true, VPC: "vpc-1", CreatedAt: time.Now().Add(-24 * time.Hour), Tags: tc.tags})
				w.remember()
				w.sweep()
				w.runFor(time.Minute)
				w.mustSet(alice, cluster, world0)
				for w.applied[cluster] == 0 {
					w.runFor(time.Second)
				}
				w.runFor(time.Minute)
				if tc.change != nil {
					tc.change(w)
				}
				w.enacted = append(w.enacted, enacted{time.Now(), lax}) // or the like: what it was is over
				w.runWith(tc.policy, 2*time.Hour)
				w.wantClosed(cluster)
				w.wantTold(cluster, tc.outcome)
				m := w.lastMail(cluster)
				for _, want := range []string{"The guardrail changed it", "Open now no: private access only", `{"endpointPublicAccess":true, "endpointPrivateAccess":true,"publicAccessCidrs":["0.0.0.0/0"]}`} {
					if !strings.Contains(flat(m.Message), want) {
						t.Errorf("the mail %q does not say %q:\n%s", m.Subject, want, m.Message)
					}
				}
				for _, wrong := range []string{"as it was found", "forbidden; change the policy first", "the guardrail closes it again"} {
					if strings.Contains(flat(m.Message), wrong) {
						t.Errorf("the mail %q says %q:\n%s", m.Subject, wrong, m.Message)
					}
				}
			})
		})
	}
}

// exempted is the company's policy with an exemption for closed-1.
const exempted = companyPolicy + `exemptions:
  - name: partner-demo
    rules: [closed]
    match: {accounts: ["111122223333"], regions: [eu-west-1], clusters: [closed-1]}
    until: 2000-01-02
    reason: a demo
    approvedBy: carol@example.com
`

// runWith is runFor under another policy.
func (w *world) runWith(document string, d time.Duration) {
	w.t.Helper()
	if len(w.workers) == 0 {
		w.workers = append(w.workers, w.function("guardrail", nil))
	}
	w.run(w.workers[0], w.handler(document), time.Now().Add(d))
}

// lastMail is the last mail about a cluster.
func (w *world) lastMail(cluster string) localaws.Mail {
	w.t.Helper()
	all := w.mailsOf(cluster)
	if len(all) == 0 {
		w.t.Fatalf("no mail about %s", cluster)
	}
	return all[len(all)-1]
}

// mailsOf are the mails about a cluster, in order.
func (w *world) mailsOf(cluster string) []localaws.Mail {
	var out []localaws.Mail
	for _, m := range w.aws.Mails(topicName) {
		if m.Attributes["cluster"] == cluster {
			out = append(out, m)
		}
	}
	return out
}

// flat is a mail's text without its line breaks.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }
