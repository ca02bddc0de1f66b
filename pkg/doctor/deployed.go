package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/endpointguard/endpointguard/pkg/settings"
)

// asItWasDeployed judges what a function runs with: its settings, its code, its role,
// and who may invoke it. Construct is the function's.
func (d Doctor) asItWasDeployed(ctx context.Context, in Installation, t *deployed, construct, name string, c *types.FunctionConfiguration) []Finding {
	who := strings.ToLower(construct)
	checks := []string{"settings " + who, "code " + who, "role " + who, "callers " + who}
	if t == nil {
		out := make([]Finding, len(checks))
		for i := range checks {
			out[i] = notCompared(checks[i])
		}
		return out
	}
	want, err := t.properties("AWS::Lambda::Function", construct)
	if err != nil {
		return []Finding{notUnderstood("function "+who, err)}
	}
	return []Finding{
		environment(checks[0], want, c, construct == "Guardrail"),
		d.code(t, checks[1], construct, name, want, c),
		d.role(ctx, in, t, checks[2], construct+"Role", aws.ToString(c.Role)),
		d.callers(ctx, t, checks[3], name, in.functionARN(name)),
	}
}

// environment judges the environment settings; modeApart says that the mode has a check of its
// own.
func environment(check string, want map[string]any, c *types.FunctionConfiguration, modeApart bool) Finding {
	wanted, is := map[string]any{}, map[string]any{}
	if e, ok := want["Environment"].(map[string]any); ok {
		if variables, ok := e["Variables"].(map[string]any); ok {
			wanted = variables
		}
	}
	if c.Environment != nil {
		for name, value := range c.Environment.Variables {
			is[name] = value
		}
	}
	if modeApart {
		delete(wanted, settings.Mode)
		delete(is, settings.Mode)
	}
	names := maps.Clone(wanted)
	maps.Copy(names, is)
	return asDeployed(check, revert, differences(wanted, is, slices.Sorted(maps.Keys(names))...))
}

// codeHash is the output of the template with the hash of a function's bundle.
// Source: infra/stack.go.
func codeHash(construct string) string { return construct + "CodeSha256" }

// code judges what runs when the function is invoked. Lambda's CodeSha256 is the
// SHA-256 of the bundle that it was given, in base 64, and the template has that of
// the bundle it was made with. Source: the Lambda API reference, FunctionConfiguration.
func (d Doctor) code(t *deployed, check, construct, name string, want map[string]any, c *types.FunctionConfiguration) Finding {
	hash := t.output(codeHash(construct))
	if hash == "" {
		return Finding{check, Unknown, "not known: the template has no output " + codeHash(construct), deploy}
	}
	if is := aws.ToString(c.CodeSha256); is != hash {
		return wrong(check, restoreCode(name, want), "it runs the code %s, and %s was deployed", is, hash)
	}
	if len(c.Layers) > 0 {
		return wrong(check, fmt.Sprintf("aws lambda update-function-configuration --function-name %s --layers []", name),
			"it has the layer %s, which was not deployed and can run in its place", aws.ToString(c.Layers[0].Arn))
	}
	is, _ := plain(c).(map[string]any)
	if vpc, ok := is["VpcConfig"].(map[string]any); ok && vpc["SubnetIds"] == nil {
		delete(is, "VpcConfig") // a function outside of any has one without subnets
	}
	return asDeployed(check, revert, differences(want, is, "Handler", "Runtime", "Architectures", "Timeout", "MemorySize", "FileSystemConfigs", "VpcConfig", "ImageConfigResponse", "KMSKeyArn"))
}

// restoreCode gives the function the bundle again that it was deployed with:
// deploying alone would not, since the template is the same.
func restoreCode(name string, want map[string]any) string {
	where, _ := want["Code"].(map[string]any)
	return fmt.Sprintf("aws lambda update-function-code --function-name %s --s3-bucket %v --s3-key %v", name, where["S3Bucket"], where["S3Key"])
}

// callers judges whom the function's own policy lets invoke it.
func (d Doctor) callers(ctx context.Context, t *deployed, check, name, arn string) Finding {
	var wanted []any
	for _, id := range sortedKeys(t.Resources) {
		if t.Resources[id].Type != "AWS::Lambda::Permission" {
			continue
		}
		p, err := t.resolved(id)
		if err != nil {
			return notUnderstood(check, err)
		}
		if p["FunctionName"] == arn || p["FunctionName"] == name {
			wanted = append(wanted, map[string]any{
				"Sid": id, "Effect": "Allow", "Principal": map[string]any{"Service": p["Principal"]}, "Action": p["Action"], "Resource": arn,
				"Condition": map[string]any{"ArnLike": map[string]any{"AWS:SourceArn": p["SourceArn"]}},
			})
		}
	}
	got, err := d.Functions.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &name})
	if isCode(err, "ResourceNotFound") {
		got, err = &lambda.GetPolicyOutput{}, nil
	}
	if err != nil {
		return unknown(check, "lambda:GetPolicy", err)
	}
	document, err := policyDocument(aws.ToString(got.Policy))
	if err != nil {
		return notUnderstood(check, err)
	}
	differs := policyDifferences(map[string]any{"Statement": wanted}, document)
	fix := revert
	for _, s := range without(statements(document), statements(map[string]any{"Statement": wanted})) {
		fix = fmt.Sprintf("aws lambda remove-permission --function-name %s --statement-id %s", name, s.name)
		break
	}
	return asDeployed(check, fix, differs)
}

// topicSettings judges who may publish to the topic of the alarms, and its key.
func (d Doctor) topicSettings(ctx context.Context, in Installation, t *deployed) Finding {
	const check = "topic settings"
	if t == nil {
		return notCompared(check)
	}
	want, err := t.properties("AWS::SNS::Topic", "Alerts")
	if err != nil {
		return notUnderstood(check, err)
	}
	policy, err := t.properties("AWS::SNS::TopicPolicy", "AlertsPolicy")
	if err != nil {
		return notUnderstood(check, err)
	}
	got, err := d.topicAttributes(ctx, in.AlertTopic)
	switch {
	case isCode(err, "NotFound"):
		return wrong(check, revert, "the topic is gone: nobody is told")
	case err != nil:
		return unknown(check, "sns:GetTopicAttributes", err)
	}
	document, err := policyDocument(got["Policy"])
	if err != nil {
		return wrong(check, revert, "its policy cannot be read: %v", err)
	}
	differs := policyDifferences(policy["PolicyDocument"], document)
	is := map[string]any{"KmsMasterKeyId": got["KmsMasterKeyId"]}
	return asDeployed(check, revert, append(differs, differences(want, is, "KmsMasterKeyId")...))
}

// filterOf is a subscription's filter policy, nil for none.
func filterOf(text string) any {
	var out any
	if text != "" && json.Unmarshal([]byte(text), &out) != nil {
		return text
	}
	return tidy(out)
}
