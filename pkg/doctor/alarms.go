package doctor

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Alarms is the part of CloudWatch that the doctor needs.
type Alarms interface {
	DescribeAlarms(ctx context.Context, in *cloudwatch.DescribeAlarmsInput, options ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
}

// Tables is the part of DynamoDB that the doctor needs.
type Tables interface {
	DescribeTable(ctx context.Context, in *dynamodb.DescribeTableInput, options ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
}

// alarmProperties are those of an alarm that decide when it goes off and who hears of
// it, as both the template and CloudWatch call them.
var alarmProperties = []string{
	"ActionsEnabled", "AlarmActions", "OKActions", "MetricName", "Namespace", "Dimensions", "Statistic", "ExtendedStatistic", "Period", "Metrics",
	"EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData",
}

var cdkHash = regexp.MustCompile(`[0-9A-F]{8}$`)

// alarms judges each alarm of the stack: one finding for each that is not as it was
// deployed, one for all when they are.
func (d Doctor) alarms(ctx context.Context, in Installation, t *deployed) []Finding {
	const check = "alarm actions"
	if t == nil {
		return []Finding{notCompared(check)}
	}
	var out []Finding
	n := 0
	for _, id := range sortedKeys(t.Resources) {
		if t.Resources[id].Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		n++
		if f := d.alarm(ctx, t, "alarm "+cdkHash.ReplaceAllString(id, ""), id); f.State != Fine {
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		out = append(out, fine(check, "%d alarms, as deployed", n))
	}
	return out
}

func (d Doctor) alarm(ctx context.Context, t *deployed, check, id string) Finding {
	want, err := t.resolved(id)
	if err != nil {
		return notUnderstood(check, err)
	}
	name, err := t.ref(id)
	if err != nil {
		return wrong(check, deploy, "%v", err)
	}
	described, err := d.Alarms.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm}})
	if err != nil {
		return unknown(check, "cloudwatch:DescribeAlarms", err)
	}
	i := slices.IndexFunc(described.MetricAlarms, func(a types.MetricAlarm) bool { return aws.ToString(a.AlarmName) == name })
	if i < 0 {
		return wrong(check, revert, "the alarm %s is gone: nobody is told", name)
	}
	got, _ := plain(described.MetricAlarms[i]).(map[string]any)
	if want["ActionsEnabled"] == nil {
		want["ActionsEnabled"] = true
	}
	if got["ActionsEnabled"] == false {
		return wrong(check, "aws cloudwatch enable-alarm-actions --alarm-names "+name, "its actions are disabled: nobody is told")
	}
	return asDeployed(check, revert, differences(want, got, alarmProperties...))
}

// ledger judges the table of the ledger.
func (d Doctor) ledger(ctx context.Context, t *deployed) Finding {
	const check, kind = "ledger", "AWS::DynamoDB::Table"
	if t == nil {
		return notCompared(check)
	}
	want, err := t.properties(kind, "Ledger")
	if err != nil {
		return notUnderstood(check, err)
	}
	name, err := t.ref(t.id(kind, "Ledger"))
	if err != nil {
		return wrong(check, deploy, "%v", err)
	}
	got, err := d.Tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	switch {
	case isCode(err, "ResourceNotFound"):
		return wrong(check, "restore the table "+name+" from a backup, or "+revert, "the table %s is gone: nothing is handled", name)
	case err != nil:
		return unknown(check, "dynamodb:DescribeTable", err)
	case got.Table.TableStatus != "ACTIVE" && got.Table.TableStatus != "UPDATING":
		return wrong(check, "look at the table "+name, "the table is %s", got.Table.TableStatus)
	}
	var differs []string
	if protected, _ := want["DeletionProtectionEnabled"].(bool); protected && !aws.ToBool(got.Table.DeletionProtectionEnabled) {
		return wrong(check, fmt.Sprintf("aws dynamodb update-table --table-name %s --deletion-protection-enabled", name), "its deletion protection is off")
	}
	if encryption, ok := want["SSESpecification"].(map[string]any); ok {
		is := ""
		if got.Table.SSEDescription != nil {
			is = aws.ToString(got.Table.SSEDescription.KMSMasterKeyArn)
		}
		differs = differences(map[string]any{"its key": encryption["KMSMasterKeyId"]}, map[string]any{"its key": is}, "its key")
	}
	return asDeployed(check, revert, differs)
}
