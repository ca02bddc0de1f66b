package mail

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// What is allowed and found no place among EKS's 40 is named, with the limit.
func TestWhatIsOverTheLimitIsNamed(t *testing.T) {
	for language, want := range map[Language]string{
		English: "Allowed, and yet left out, since EKS admits 40 CIDRs for one cluster: 14.1.0.0/24, 14.2.0.0/24, and 7 more.",
		"ja":    "許可されているが、EKS の上限 (1 クラスターあたり 40 件) のため除外した CIDR: 14.1.0.0/24, 14.2.0.0/24",
	} {
		n := mails["enforced"]
		i := *n.Record.Incident
		i.Attempts = slices.Clone(i.Attempts)
		last := &i.Attempts[len(i.Attempts)-1]
		last.OverLimit = []netip.Prefix{netip.MustParsePrefix("14.1.0.0/24"), netip.MustParsePrefix("14.2.0.0/24")}
		last.OverLimitCount = 9
		n.Record.Incident = &i
		l := letter
		l.Language = language
		flat := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if got := l.Write(n).Text; !strings.Contains(flat(got), flat(want)) {
			t.Errorf("%s: %q is not in\n%s", language, want, got)
		}
	}
}
