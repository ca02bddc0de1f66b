package sns

import (
	"fmt"
	"net/http"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/iam"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// Elsewhere is a topic that another account has, in the same region.
type Elsewhere struct {
	ARN    string
	Policy string // who may publish
	Key    string // ARN of the key that encrypts it, "" for SNS's own
}

// CreateElsewhere makes a topic of another account. Whoever publishes to it must
// be allowed to by his own policies and by the topic's, and to use its key by his own
// and by the key's; Mails has what was published, by the topic's ARN.
func (s *Service) CreateElsewhere(t Elsewhere) error {
	if s.topics[t.ARN] != nil {
		return fmt.Errorf("localaws: there is already a topic %s", t.ARN)
	}
	policy, err := iam.Read(t.Policy)
	if err != nil {
		return err
	}
	s.topics[t.ARN] = &topic{name: t.ARN, elsewhere: true, policy: policy, key: t.Key}
	return nil
}

// CreateKey makes a key of the ARN with the policy.
func (s *Service) CreateKey(arn, policy string) error {
	p, err := iam.Read(policy)
	if err != nil {
		return err
	}
	s.keys[arn] = p
	return nil
}

// Allow gives whoever signs with the access key id a policy of his own. It is only
// looked at for topics elsewhere.
func (s *Service) Allow(accessKeyID, policy string) error {
	p, err := iam.Read(policy)
	if err != nil {
		return err
	}
	s.identities[accessKeyID] = append(s.identities[accessKeyID], p...)
	return nil
}

// admit tells why a caller may not publish to a topic of another account, nil
// if he may. Between accounts both sides must allow it. Source: the IAM user guide,
// "Cross-account policy evaluation logic".
func (s *Service) admit(r *wire.Request, t *topic) *wire.Error {
	role := r.Caller.SessionIssuerARN
	if role == "" {
		role = r.Caller.ARN
	}
	q := iam.Question{Action: "sns:Publish", Resource: t.name, Keys: map[string]string{"aws:principalarn": role}}
	if r.Caller.SourceFunctionARN != "" {
		q.Keys["lambda:sourcefunctionarn"] = r.Caller.SourceFunctionARN
	}
	if s.account.Organization != "" {
		q.Keys["aws:principalorgid"] = s.account.Organization
	}
	if !s.identities[r.AccessKeyID].Allows(q, "") || !t.policy.Allows(q, role) {
		return wire.Refuse(http.StatusForbidden, "AuthorizationError",
			"User: "+r.Caller.ARN+" is not authorized to perform: SNS:Publish on resource: "+t.name)
	}
	if t.key == "" {
		return nil
	}
	q.Keys["kms:viaservice"], q.Resource = "sns."+s.account.Region+"."+s.account.DNSSuffix(), t.key
	for _, action := range []string{"kms:GenerateDataKey", "kms:Decrypt"} {
		q.Action = action
		if !s.identities[r.AccessKeyID].Allows(q, "") || !s.keys[t.key].Allows(q, role) {
			return wire.KeyRefused(wire.SNS, wire.KeyDenied)
		}
	}
	return nil
}
