package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/endpointguard/endpointguard/pkg/text"
)

// Template is what an installation is compared with, beside the stack's own: the
// template as the CDK writes it.
type Template struct {
	Name string // for people: its path; "" for none
	Text []byte
}

// deployed is the template that an installation is compared with. What it refers to
// is looked up in the installation: the stack knows which names it has given.
type deployed struct {
	in        Installation
	Resources map[string]struct {
		Type       string
		Properties map[string]any
	}
	Outputs map[string]struct{ Value any }
}

// template reads what the installation is compared with: the given template, or what
// CloudFormation has of the stack. Without either the first result is nil.
func (d Doctor) template(ctx context.Context, in Installation) (*deployed, Finding) {
	const check = "template"
	got, err := d.Stacks.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &in.Stack, TemplateStage: types.TemplateStageOriginal})
	if err != nil && d.Template.Name == "" {
		return nil, unknown(check, "cloudformation:GetTemplate", err)
	}
	var own any
	if err == nil {
		if err = json.Unmarshal([]byte(aws.ToString(got.TemplateBody)), &own); err != nil {
			own = nil
		}
	}
	text := d.Template.Text
	if d.Template.Name == "" {
		text = []byte(aws.ToString(got.TemplateBody))
	}
	out := &deployed{in: in}
	if err := json.Unmarshal(text, out); err != nil || len(out.Resources) == 0 {
		return nil, Finding{check, Unknown, fmt.Sprintf("not known: the template is not JSON with resources: %v", err), deploy}
	}
	if d.Template.Name == "" {
		return out, fine(check, "compared with the stack's own; --template compares with one that you have made")
	}
	var given any
	_ = json.Unmarshal(text, &given) // It was read before.
	switch {
	case own == nil:
		return out, unknown(check, "cloudformation:GetTemplate", err)
	case !reflect.DeepEqual(own, given):
		return out, wrong(check, "review the stack's events, then "+deploy, "the stack's template is not %s: somebody deployed another", d.Template.Name)
	}
	return out, fine(check, "the stack's is %s", d.Template.Name)
}

// notCompared is the finding of a check that needs the template, without it.
func notCompared(check string) Finding {
	return Finding{check, Unknown, "not known: the template is missing", "see the check template"}
}

// id returns the logical id of a construct's resource, "" if there is none.
func (d *deployed) id(kind, construct string) string {
	for id, r := range d.Resources {
		if hash, ok := strings.CutPrefix(id, construct); ok && r.Type == kind && (hash == "" || len(hash) == 8) {
			return id
		}
	}
	return ""
}

// properties returns those of a construct's resource, with everything that they refer
// to put in.
func (d *deployed) properties(kind, construct string) (map[string]any, error) {
	id := d.id(kind, construct)
	if id == "" {
		return nil, fmt.Errorf("the template has no %s %s", kind, construct)
	}
	return d.resolved(id)
}

func (d *deployed) resolved(id string) (map[string]any, error) {
	out, err := d.resolve(d.Resources[id].Properties)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	properties, _ := out.(map[string]any) // resolve keeps the form.
	return properties, nil
}

// output is a value among the template's outputs that the CDK app wrote itself.
func (d *deployed) output(name string) string {
	text, _ := d.Outputs[name].Value.(string)
	return text
}

// resolve works out the intrinsic functions in a value. What it does not know is an
// error: nothing may pass for compared that was not.
func (d *deployed) resolve(value any) (any, error) {
	switch v := value.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = d.resolve(v[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				if name == "Ref" || strings.HasPrefix(name, "Fn::") {
					return d.intrinsic(name, argument)
				}
			}
		}
		out := make(map[string]any, len(v))
		for name := range v {
			var err error
			if out[name], err = d.resolve(v[name]); err != nil {
				return nil, err
			}
		}
		return out, nil
	default:
		return value, nil
	}
}

var substitution = regexp.MustCompile(`\$\{([^}]+)\}`)

func (d *deployed) intrinsic(name string, argument any) (string, error) {
	list, _ := argument.([]any)
	text, isText := argument.(string)
	switch {
	case name == "Ref" && isText:
		return d.ref(text)
	case name == "Fn::GetAtt" && len(list) == 2:
		return d.attribute(fmt.Sprint(list[0]), fmt.Sprint(list[1]))
	case name == "Fn::Sub" && isText:
		var failed error
		out := substitution.ReplaceAllStringFunc(text, func(part string) string {
			id, attribute, dotted := strings.Cut(part[2:len(part)-1], ".")
			value, err := d.ref(id)
			if dotted {
				value, err = d.attribute(id, attribute)
			}
			if err != nil {
				failed = err
			}
			return value
		})
		return out, failed
	case name == "Fn::Join" && len(list) == 2:
		parts, _ := list[1].([]any)
		words := make([]string, len(parts))
		for i := range parts {
			part, err := d.resolve(parts[i])
			if err != nil {
				return "", err
			}
			words[i] = fmt.Sprint(part)
		}
		return strings.Join(words, fmt.Sprint(list[0])), nil
	}
	return "", fmt.Errorf("%s of %v is not understood", name, argument)
}

func (d *deployed) ref(id string) (string, error) {
	switch id {
	case "AWS::AccountId":
		return d.in.Account, nil
	case "AWS::Region":
		return d.in.Region, nil
	case "AWS::Partition":
		return d.in.Partition, nil
	case "AWS::StackId":
		return d.in.ID, nil
	case "AWS::StackName":
		return d.in.Stack, nil
	case "AWS::URLSuffix":
		if d.in.Partition == "aws-cn" {
			return "amazonaws.com.cn", nil
		}
		return "amazonaws.com", nil
	}
	if physical := d.in.Resources[id]; physical != "" {
		return physical, nil
	}
	return "", fmt.Errorf("the stack has no %s", id)
}

// attribute is that of a resource, as far as the templates of the app use them.
func (d *deployed) attribute(id, name string) (string, error) {
	physical, err := d.ref(id)
	if err != nil {
		return "", err
	}
	in, kind := d.in, d.Resources[id].Type
	switch {
	case kind == "AWS::SQS::Queue" && name == "QueueName":
		return physical[strings.LastIndex(physical, "/")+1:], nil
	case name != "Arn":
	case kind == "AWS::SQS::Queue":
		return in.queueARN(physical), nil
	case kind == "AWS::Lambda::Function":
		return in.functionARN(physical), nil
	case kind == "AWS::IAM::Role":
		return in.roleARN(physical), nil
	case kind == "AWS::DynamoDB::Table":
		return in.arn("dynamodb", "table/"+physical), nil
	case kind == "AWS::Events::Rule":
		return in.arn("events", "rule/"+physical), nil
	case kind == "AWS::Logs::LogGroup":
		return in.arn("logs", "log-group:"+physical+":*"), nil
	case kind == "AWS::KMS::Key":
		return in.arn("kms", "key/"+physical), nil
	case kind == "AWS::S3::Bucket":
		return "arn:" + in.Partition + ":s3:::" + physical, nil
	}
	return "", fmt.Errorf("%s of the %s %s is not understood", name, kind, id)
}

// plain is a value as JSON has it, lists in an order of their own, without what is
// empty: AWS gives back what was left out as one or the other.
func plain(value any) any {
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%v", value)
	}
	var out any
	if err := json.NewDecoder(bytes.NewReader(encoded)).Decode(&out); err != nil {
		return fmt.Sprintf("%v", value)
	}
	return tidy(out)
}

func tidy(value any) any {
	switch v := value.(type) {
	case string:
		if v == "" {
			return nil
		}
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			if item = tidy(item); item != nil {
				out = append(out, item)
			}
		}
		if len(out) == 0 {
			return nil
		}
		sortJSON(out)
		return out
	case map[string]any:
		out := map[string]any{}
		for name, item := range v {
			if item = tidy(item); item != nil {
				out[name] = item
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return value
}

// differences says of each name how the second differs from the first, which was
// deployed.
func differences(want, got map[string]any, names ...string) []string {
	var out []string
	for _, name := range names {
		w, g := plain(want[name]), plain(got[name])
		if !reflect.DeepEqual(w, g) {
			is, was := apart(written(g), written(w))
			out = append(out, fmt.Sprintf("%s is %s, and %s was deployed", name, is, was))
		}
	}
	return out
}

// maxShown is how much of a value a finding shows, in bytes.
const maxShown = 160

// apart cuts two values to what can be shown, each from shortly before where they part.
func apart(a, b string) (string, string) {
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	if max(len(a), len(b)) <= maxShown || same < maxShown/2 {
		return excerpt(a), excerpt(b)
	}
	from := same - maxShown/4
	return "…" + excerpt(strings.ToValidUTF8(a[from:], "")), "…" + excerpt(strings.ToValidUTF8(b[from:], ""))
}

func shown(value any) string { return excerpt(written(value)) }

// written is a value as JSON has it.
func written(value any) string {
	if value == nil {
		return "not set"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// What JSON was read from can be written.
	_ = enc.Encode(value)
	return strings.TrimSpace(b.String())
}

// asDeployed is fine without differences.
func asDeployed(check, fix string, differences []string) Finding {
	if len(differences) == 0 {
		return fine(check, "as deployed")
	}
	return wrong(check, fix, "%s", strings.Join(differences, "; "))
}

// notUnderstood is the finding after a template that cannot be worked out.
func notUnderstood(check string, err error) Finding {
	return Finding{check, Unknown, fmt.Sprintf("not known: %v", err), deploy}
}

func excerpt(s string) string { return text.CutBytes(s, maxShown, "…") }
