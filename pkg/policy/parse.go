package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/endpointguard/endpointguard/pkg/internal/document"
)

// Parse reads a document; file is its name in the problems. All problems are
// told at once. The policy is nil if one of them is an error; the problems may
// also be warnings only.
func Parse(file string, data []byte) (*Policy, Problems) {
	p, _, problems := parse(file, data)
	return p, problems
}

// parse is Parse; read is the policy as far as it could be read, nil if it is no
// mapping at all.
func parse(file string, data []byte) (p, read *Policy, problems Problems) {
	sum := sha256.Sum256(data)
	doc, body := document.Read(file, data, form())
	r := &reader{Reader: doc, meetings: 4 << 20}
	if body != nil {
		read = r.policy(body)
	}
	problems = r.Problems()
	if read == nil || problems.Errors() {
		return nil, read, problems
	}
	read.Hash = hex.EncodeToString(sum[:])[:12]
	return read, read, problems
}

// reader reads the parts of a policy.
type reader struct {
	*document.Reader
	meetings int                    // steps left to find out which rules can meet
	worlds   map[netip.Prefix]world // what global has worked out
}

// form is what a policy looks like.
func form() document.Form {
	return document.Form{
		Noun:  "policy",
		Needs: "version: 1 and rules",
		Homes: []document.Home{
			{Place: "the document", Keys: documentKeys},
			{Place: "a rule", Keys: ruleKeys},
			{Place: "require", Keys: requireKeys},
			{Place: "match or except", Keys: matchKeys},
			{Place: "an exemption", Keys: exemptionKeys},
		},
		Examples: []string{
			"version: 1", "rules: and a list of rules", "name: and a name of its own",
			"require: with privateAccess or publicAccess", "respond: alert, enforce or revert",
			"match: with accounts, regions and clusters", "until: and the last day, like 2027-01-31",
			"reason: and why", "approvedBy: and who did",
			`accounts: ["111122223333"]`, "regions: [eu-west-1]", "clusters: [demo-1]",
		},
	}
}

var (
	documentKeys = []string{"version", "rules", "exemptions"}
	ruleKeys     = []string{"name", "description", "match", "except", "require", "respond",
		"graceAfterCreation", "lockoutChecks", "hybridNodes"}
	matchKeys     = []string{"accounts", "regions", "clusters", "tags"}
	requireKeys   = []string{"privateAccess", "publicAccess", "allowedCidrs", "notWiderThan"}
	widthKeys     = []string{"ipv4", "ipv6"}
	exemptionKeys = []string{"name", "rules", "match", "until", "reason", "approvedBy"}
)

// severalMatches refuses a list of matches, which would mean that any one of them
// is enough. Joined into one, all their keys would have to match.
func (r *reader) severalMatches(n *yaml.Node, name string) {
	hint := "all keys of one match must match; give each of these a rule of its own"
	if name == "except" {
		hint = "all keys of one except must match; keep one of these, and waive the rule for the others with exemptions"
	}
	if one, ok := oneMatch(n); ok {
		hint = "write " + one
	}
	r.ErrorAt(n, hint, "%s must be a mapping, not a list: any one of several is not possible", name)
}

// oneMatch returns the mapping that a list of mappings could be joined to
// with the same meaning: all have the same single key with lists of texts.
// Several keys would all have to match.
func oneMatch(list *yaml.Node) (string, bool) {
	key := ""
	var texts []string
	for _, item := range list.Content {
		if item.Kind != yaml.MappingNode || len(item.Content) != 2 || key != "" && item.Content[0].Value != key {
			return "", false
		}
		key = item.Content[0].Value
		values := []*yaml.Node{item.Content[1]}
		if values[0].Kind == yaml.SequenceNode {
			values = values[0].Content
		}
		for _, v := range values {
			if v.Kind != yaml.ScalarNode || document.IsNull(v) || !document.IsText(v) && key != "accounts" || len(texts) == 10 {
				return "", false
			}
			if !slices.Contains(texts, v.Value) {
				texts = append(texts, v.Value)
			}
		}
	}
	if key != "accounts" && key != "regions" && key != "clusters" || len(texts) == 0 {
		return "", false
	}
	for _, text := range texts {
		if key == "accounts" && !document.IsAccount(text) || key == "regions" && alien(text, regionCharacters) >= 0 ||
			key == "clusters" && alien(text, nameCharacters) >= 0 {
			return "", false
		}
	}
	return "{" + key + ": " + document.Scalars(texts) + "}", true
}

// cidrItem is how a text with CIDRs is written as the items of a list.
func cidrItem(text string) (string, bool) {
	return document.ItemsWith(text, func(item string) (string, bool) {
		p, what, _ := readCIDR(item)
		return document.Scalar(p.String()), what == ""
	})
}

// AccountSpelling returns the account id that a text that is none stands for, and
// why it is none as it is; false if that isn't to be seen.
func AccountSpelling(text string) (id, why string, ok bool) { return document.AccountSpelling(text) }

// ParseInstant reads a day (2027-01-31: its first instant in UTC) or an RFC 3339
// time.
func ParseInstant(text string) (time.Time, error) { return document.ParseInstant(text) }
