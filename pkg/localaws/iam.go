package localaws

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// TopicElsewhere is a topic that another account has, in the same region.
type TopicElsewhere struct {
	ARN    string
	Policy string // who may publish
	Key    string // ARN of the key that encrypts it, "" for SNS's own
}

// CreateTopicElsewhere makes a topic of another account. Whoever publishes to it must
// be allowed to by his own policies and by the topic's, and to use its key by his own
// and by the key's; Mails has what was published, by the topic's ARN.
func (a *AWS) CreateTopicElsewhere(t TopicElsewhere) error {
	a.account.Lock()
	defer a.account.Unlock()
	if a.topics[t.ARN] != nil {
		return fmt.Errorf("localaws: there is already a topic %s", t.ARN)
	}
	policy, err := readPolicy(t.Policy)
	if err != nil {
		return err
	}
	a.topics[t.ARN] = &topic{name: t.ARN, elsewhere: true, policy: policy, key: t.Key}
	return nil
}

// CreateKey makes a key of the ARN with the policy.
func (a *AWS) CreateKey(arn, policy string) error {
	a.account.Lock()
	defer a.account.Unlock()
	p, err := readPolicy(policy)
	if err != nil {
		return err
	}
	a.keys[arn] = p
	return nil
}

// Allow gives whoever signs with the access key id a policy of his own. It is only
// looked at for topics elsewhere.
func (a *AWS) Allow(accessKeyID, policy string) error {
	a.account.Lock()
	defer a.account.Unlock()
	p, err := readPolicy(policy)
	if err != nil {
		return err
	}
	a.identities[accessKeyID] = append(a.identities[accessKeyID], p...)
	return nil
}

// policyStatement is one statement of a policy, as far as topics and keys need it.
type policyStatement struct {
	Effect     string
	Principal  any
	Action     any
	Resource   any
	Condition  map[string]map[string]any
	NotAction  any
	NotPrinc   any `json:"NotPrincipal"`
	NotResourc any `json:"NotResource"`
}

// readPolicy reads a policy. What it does not know of IAM's language is an error: a
// test must not pass for what AWS would do otherwise.
func readPolicy(text string) ([]policyStatement, error) {
	if text == "" {
		return nil, nil
	}
	var p struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("localaws: read the policy: %w", err)
	}
	var all []policyStatement
	if err := json.Unmarshal(p.Statement, &all); err != nil {
		all = make([]policyStatement, 1)
		if err := json.Unmarshal(p.Statement, &all[0]); err != nil {
			return nil, fmt.Errorf("localaws: read the policy's statements: %w", err)
		}
	}
	for _, s := range all {
		if s.NotAction != nil || s.NotPrinc != nil || s.NotResourc != nil || s.Effect != "Allow" && s.Effect != "Deny" {
			return nil, fmt.Errorf("localaws: a statement of the policy is not understood: %s", text)
		}
		for operator := range s.Condition {
			if operators[operator] == nil {
				return nil, fmt.Errorf("localaws: the condition operator %s is not understood", operator)
			}
		}
	}
	return all, nil
}

// operators are those of conditions that are understood. Those that are not negated
// do not hold for a key that a request lacks.
var operators = map[string]func(patterns []string, value string) bool{
	"StringEquals": slices.Contains[[]string],
	// Of what is asked about topics and keys there is never such a key.
	"Null": func([]string, string) bool { return false }, "Bool": slices.Contains[[]string],
	"ArnEquals": matchesOne, "ArnLike": matchesOne, "StringLike": matchesOne,
}

func matchesOne(patterns []string, value string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(p))
		return regexp.MustCompile("^" + expression + "$").MatchString(value)
	})
}

func texts(value any) []string {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		out := make([]string, len(v))
		for i := range v {
			out[i] = fmt.Sprint(v[i])
		}
		return out
	default:
		return []string{fmt.Sprint(v)}
	}
}

// asked is what policies look at.
type asked struct {
	action, resource string
	keys             map[string]string // of conditions, in lower case
}

// decides tells how statements decide: "allow", "deny" or "". In a policy of a
// resource's, principal is who asks; in one of the caller's own it is "".
func decides(all []policyStatement, q asked, principal string) string {
	decision := ""
	for _, s := range all {
		if !matchesOne(texts(s.Action), q.action) || !matchesOne(texts(s.Resource), q.resource) {
			continue
		}
		if principal != "" && !isPrincipal(s.Principal, principal) {
			continue
		}
		holds := true
		for operator, keys := range s.Condition {
			for key, patterns := range keys {
				value, there := q.keys[strings.ToLower(key)]
				holds = holds && there && operators[operator](texts(patterns), value)
			}
		}
		if !holds {
			continue
		}
		if s.Effect == "Deny" {
			return "deny"
		}
		decision = "allow"
	}
	return decision
}

// isPrincipal tells whether a statement is about the role: by its ARN, by its
// account's, or as anybody.
func isPrincipal(principal any, role string) bool {
	who, isMap := principal.(map[string]any)
	if !isMap {
		return principal == "*"
	}
	parts := strings.SplitN(role, ":", 6)
	root := strings.Join(append(slices.Clone(parts[:5]), "root"), ":")
	return slices.ContainsFunc(texts(who["AWS"]), func(p string) bool { return p == "*" || p == role || p == root || p == parts[4] })
}

// admitElsewhere tells why a caller may not publish to a topic of another account, nil
// if he may. Between accounts both sides must allow it. Source: the IAM user guide,
// "Cross-account policy evaluation logic". The caller holds the account's lock.
func (a *AWS) admitElsewhere(r *wire.Request, t *topic) *wire.Error {
	role := r.Caller.SessionIssuerARN
	if role == "" {
		role = r.Caller.ARN
	}
	q := asked{action: "sns:Publish", resource: t.name, keys: map[string]string{"aws:principalarn": role}}
	if r.Caller.SourceFunctionARN != "" {
		q.keys["lambda:sourcefunctionarn"] = r.Caller.SourceFunctionARN
	}
	if a.account.Organization != "" {
		q.keys["aws:principalorgid"] = a.account.Organization
	}
	if decides(a.identities[r.AccessKeyID], q, "") != "allow" || decides(t.policy, q, role) != "allow" {
		return wire.Refuse(http.StatusForbidden, "AuthorizationError", "User: "+r.Caller.ARN+" is not authorized to perform: SNS:Publish on resource: "+t.name)
	}
	if t.key == "" {
		return nil
	}
	suffix := ".amazonaws.com"
	if a.account.Partition == "aws-cn" {
		suffix += ".cn"
	}
	q.keys["kms:viaservice"], q.resource = "sns."+a.account.Region+suffix, t.key
	for _, action := range []string{"kms:GenerateDataKey", "kms:Decrypt"} {
		q.action = action
		if decides(a.identities[r.AccessKeyID], q, "") != "allow" || decides(a.keys[t.key], q, role) != "allow" {
			f := KeyRefused(wire.SNS, KeyDenied)
			return wire.Refuse(f.Status, f.Type, f.Message)
		}
	}
	return nil
}
