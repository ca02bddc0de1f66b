package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

const (
	// openTooLong is an hour after an incident was mailed as stuck.
	openTooLong = 3 * time.Hour
	// mailOwedTooLong is longer than SNS takes to come back from what passes by itself.
	mailOwedTooLong = time.Hour
	// backlogTooOld is twice what SQS can delay a message.
	backlogTooOld = 30 * time.Minute
)

// alarm is something that a human must see.
type alarm struct {
	id, what   string
	metric     awscloudwatch.IMetric
	above      float64 // or, with missing set, not above it
	periods    float64
	missing    bool // no data is bad news
	any        bool // one of the periods is enough
	recoveries bool // its end is told, too
}

// newAlarms makes the alarms.
func (s *stack) newAlarms() {
	five, hour := 5*time.Minute, time.Hour
	alarms := []alarm{
		{
			id:     "DeadLettersAlarm",
			what:   "There are dead letters: events or re-checks that the guardrail could not handle. endpointguard redrive puts them back.",
			metric: s.deadLetters.MetricApproximateNumberOfMessagesVisible(options("Maximum", five)),
		},
		{
			id:   "FunctionErrorsAlarm",
			what: "A function of the guardrail fails. Its log group says why.",
			metric: sum(five, map[string]awscloudwatch.IMetric{
				"guardrail": s.guardrail.MetricErrors(options("Sum", five)),
				"sweep":     s.sweep.MetricErrors(options("Sum", five)),
			}),
		},
		{
			id:   "ThrottledAlarm",
			what: "Lambda throttles a function of the guardrail: the account's concurrency is used up, or was taken from the function.",
			metric: sum(five, map[string]awscloudwatch.IMetric{
				"guardrail": s.guardrail.MetricThrottles(options("Sum", five)),
				"sweep":     s.sweep.MetricThrottles(options("Sum", five)),
			}),
		},
		{
			id:     "OpenTooLongAlarm",
			what:   fmt.Sprintf("An incident has been open for more than %.0f hours: the mail about it being stuck has its details.", openTooLong.Hours()),
			metric: s.own(function.MetricOpenAge, "Maximum", hour, ""),
			above:  openTooLong.Seconds(),
		},
		{
			id:   "FailedOrStuckAlarm",
			what: "An incident ended as failed, or is stuck: a cluster breaks the policy, and the guardrail could not change it. Its mail has the details.",
			metric: sum(five, map[string]awscloudwatch.IMetric{
				"failed": s.own(function.MetricOutcome, "Sum", five, incident.Failed),
				"stuck":  s.own(function.MetricOutcome, "Sum", five, incident.Stuck),
			}),
		},
		{
			id: "RefusedAlarm",
			what: "AWS refuses the guardrail something that it needs, and goes on refusing it until somebody acts: a right, a key, a table, a topic or a queue. " +
				"The function's log has the call.",
			metric: s.own(function.MetricRefused, "Sum", five, ""),
		},
		{
			id:     "OwedMailAlarm",
			what:   "A mail about a cluster has not been taken by the topic for an hour: nobody was told. Incidents go on being settled.",
			metric: s.own(function.MetricOwedAge, "Maximum", five, ""),
			above:  mailOwedTooLong.Seconds(),
		},
		{
			id:     "BacklogAlarm",
			what:   fmt.Sprintf("A wake-up has waited for more than %.0f minutes: is the function's event source mapping enabled?", backlogTooOld.Minutes()),
			metric: s.queue.MetricApproximateAgeOfOldestMessage(options("Maximum", five)),
			above:  backlogTooOld.Seconds(),
		},
		{
			id:     "SweepMissingAlarm",
			what:   "No sweep has succeeded for longer than it should take: what events miss stays open.",
			metric: s.metric(s.sweep, function.MetricHeartbeat, "Sum", hour, ""),
			// Two sweeps and some, in whole hours.
			periods:    2*math.Ceil(s.deployment.SweepInterval.Hours()) + 1,
			missing:    true,
			recoveries: true,
		},
		{
			id: "UnseenAlarm",
			what: "Clusters were not judged for two sweeps: whatever is done to them, the guardrail does not see it. " +
				"The heartbeat in the sweep's log names them, the function's log says why.",
			metric: s.metric(s.sweep, function.MetricUnseen, "Maximum", hour, ""),
			// As long as sweeps find one, whole hours being the longest that fit.
			periods: math.Ceil(s.deployment.SweepInterval.Hours()) + 1,
			any:     true,
		},
	}
	action := awscloudwatchactions.NewSnsAction(s.topic)
	for _, a := range alarms {
		props := &awscloudwatch.AlarmProps{
			AlarmDescription:   jsii.String("Endpoint Guard: " + a.what),
			Metric:             a.metric,
			Threshold:          jsii.Number(a.above),
			ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
			EvaluationPeriods:  jsii.Number(max(a.periods, 1)),
			TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
		}
		if a.any {
			props.DatapointsToAlarm = jsii.Number(1)
		}
		if a.missing {
			props.ComparisonOperator = awscloudwatch.ComparisonOperator_LESS_THAN_OR_EQUAL_TO_THRESHOLD
			props.TreatMissingData = awscloudwatch.TreatMissingData_BREACHING
		}
		made := awscloudwatch.NewAlarm(s.Stack, &a.id, props)
		made.AddAlarmAction(action)
		if a.recoveries {
			made.AddOkAction(action)
		}
	}
}

func duration(d time.Duration) awscdk.Duration {
	return awscdk.Duration_Seconds(jsii.Number(d.Seconds()))
}

func options(statistic string, period time.Duration) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Statistic: &statistic, Period: duration(period)}
}

// own is a metric that the function guardrail writes itself.
func (s *stack) own(name, statistic string, period time.Duration, outcome incident.Outcome) awscloudwatch.Metric {
	return s.metric(s.guardrail, name, statistic, period, outcome)
}

// metric is one that a function writes itself.
func (s *stack) metric(of awslambda.Function, name, statistic string, period time.Duration, outcome incident.Outcome) awscloudwatch.Metric {
	dimensions := map[string]*string{function.DimensionFunction: of.FunctionName()}
	if outcome != "" {
		dimensions[function.DimensionOutcome] = jsii.String(string(outcome))
	}
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: jsii.String(function.Namespace), MetricName: &name, Statistic: &statistic, Period: duration(period), DimensionsMap: &dimensions,
	})
}

// sum adds two metrics of which each may have no data.
func sum(period time.Duration, metrics map[string]awscloudwatch.IMetric) awscloudwatch.MathExpression {
	var filled []string
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		filled = append(filled, "FILL("+name+", 0)")
	}
	return calculate(period, "SUM(["+strings.Join(filled, ", ")+"])", metrics)
}

func calculate(period time.Duration, expression string, metrics map[string]awscloudwatch.IMetric) awscloudwatch.MathExpression {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: &expression, UsingMetrics: &metrics, Period: duration(period), Label: &expression,
	})
}

// newDashboard shows how the guardrail does.
func (s *stack) newDashboard() {
	hour := time.Hour
	var outcomes []awscloudwatch.IMetric
	for _, outcome := range []incident.Outcome{
		incident.Violation, incident.Enforced, incident.PartlyEnforced, incident.Blocked, incident.Failed, incident.Stuck, incident.AlreadyUndone,
	} {
		outcomes = append(outcomes, s.own(function.MetricOutcome, "Sum", hour, outcome))
	}
	graph := func(title string, metrics ...awscloudwatch.IMetric) awscloudwatch.IWidget {
		return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
			Title: &title, Left: &metrics, Width: jsii.Number(12), Period: duration(hour),
		})
	}
	board := awscloudwatch.NewDashboard(s.Stack, jsii.String("Dashboard"), nil)
	board.AddWidgets(
		graph("Incidents by outcome", outcomes...),
		graph("Seconds from the call to enforced",
			s.own(function.MetricToEnforce, "Average", hour, incident.Enforced), s.own(function.MetricToEnforce, "Maximum", hour, incident.Enforced)),
	)
	board.AddWidgets(
		graph("Backlog: seconds that the oldest wake-up has waited", s.queue.MetricApproximateAgeOfOldestMessage(options("Maximum", hour))),
		graph("Dead letters", s.deadLetters.MetricApproximateNumberOfMessagesVisible(options("Maximum", hour))),
	)
}
