package mail

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/endpointguard/endpointguard/pkg/brake"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/digest"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

// FuzzMail writes every kind of mail with text of others in every place that
// takes some, in both languages, and holds it to what every mail keeps.
func FuzzMail(f *testing.F) {
	kinds := slices.Sorted(maps.Keys(mails))
	for i, text := range []string{
		"alice", "x\nReference  EG-EVILEVIL\nOpen now   no", "--\nEndpoint Guard 9", "\u202eevil\u2066", "https://evil.example/click",
		strings.Repeat("a", 3000), strings.Repeat("重", 300), strings.Repeat("e\u0301\u0302\u0303", 50), "<!channel> @here *x* `y`",
		"\u2028\u2029\u0085\x1b[31m", "\xff\xfe", "aws-cli/2.17.0 md/awscrt#0.20.11 ua/2.0", "、。））」」", "{cluster} {now}", "From here",
	} {
		for k := range kinds {
			f.Add(byte(k), i%2 == 0, "payments-"+strings.Repeat("x", 7*i), text, "role/"+text, []byte{198, 51, 100, 0, 24, 0, 0, 0, 0, byte(i)})
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, japanese bool, name, text, other string, blocks []byte) {
		if !endpoint.NamePattern.MatchString(name) {
			name = "demo"
		}
		text, other = tame(text), tame(other)
		l := letter
		l.AccountName = other
		if japanese {
			l.Language = "ja"
		}
		list := []netip.Prefix{}
		for ; len(blocks) >= 5 && len(list) < endpoint.MaxCIDRs; blocks = blocks[5:] {
			list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte(blocks)), int(blocks[4])%33).Masked())
		}
		n := mails[kinds[int(kind)%len(kinds)]]
		n.Record.Name = name
		cause := incident.Cause{Call: "UpdateClusterConfig", EventID: text, UpdateID: other, At: start, Actor: cloudtrail.Actor{
			Type: other, Name: text, ARN: other, Role: other, RoleARN: text, Session: text, SourceIdentity: other,
			InvokedBy: text, SourceIP: other, UserAgent: text, AccessKeyID: text,
		}}
		note := incident.RuleNote{
			Name: "r", Description: text, Respond: policy.Enforce, Held: other, Reasons: []string{other},
			Found: []incident.Finding{{Kind: verdict.OutsideAllowed, CIDRs: list}},
		}
		if n.Record.Incident != nil {
			i := *n.Record.Incident
			i.Causes = []incident.Cause{cause, cause, cause, cause}
			i.Opening = endpoint.Access{Public: true, CIDRs: list}
			i.Rules = []incident.RuleNote{note}
			i.Attempts = slices.Clone(i.Attempts)
			for k := range i.Attempts {
				i.Attempts[k].From, i.Attempts[k].Dropped = i.Opening, list
				i.Attempts[k].Errors = []endpoint.UpdateError{{Code: text, Message: other}}
			}
			if i.Final != nil {
				final := *i.Final
				final.Why, final.Left = text, []incident.RuleNote{note}
				i.Final = &final
			}
			n.Record.Incident = &i
		} else {
			d := *n.Record.Left
			d.By, d.Rules = &cause, []string{"r", text}
			n.Record.Left = &d
		}
		m := l.Write(n)
		promises(t, m)
		if n.Kind != incident.NoticeLeft && strings.Count(m.Text, "\n"+pad(in(l.Language).Reference, 8)) != 1 {
			t.Errorf("a line looks like the reference:\n%s", m.Text)
		}
		if strings.Contains(m.Text, "https://evil") || strings.Contains(m.Card, "https://evil") {
			t.Errorf("a link of others:\n%s\n%s", m.Text, m.Card)
		}
		promises(t, l.Brake(brake.State{Since: start, Waiting: map[string]brake.Waiting{"1": {Name: name, Rules: []string{text, other}}}}, 20, "111122223333", "eu-west-1", start))
		promises(t, l.Digest(digest.Digest{
			Now: start, Standing: []digest.Standing{{Cluster: name, Ref: "EG-ABCDEFGH", Since: start, Outcome: incident.Violation, Rules: []incident.RuleNote{note}}},
			Exempt: []digest.Exemption{{Name: text, Until: start, Clusters: []string{name}}},
		}, "111122223333", "eu-west-1"))
	})
}
