package function

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"time"

	"github.com/endpointguard/endpointguard/pkg/guardrail"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// write writes one line for a check, and the metrics of its incidents.
func (h *Handler) write(ctx context.Context, message string, r guardrail.Report, err error) {
	level := slog.LevelInfo
	switch {
	case err != nil || r.Refused:
		level = slog.LevelError
	case r.Trouble != "" || r.CardTrouble != "":
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{slog.String("message", message)}
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("cluster", r.Cluster)
	add("account", r.Account)
	add("region", r.Region)
	add("event", r.Event)
	add("call", r.Call)
	if r.Check > 0 {
		attrs = append(attrs, slog.Int("check", r.Check))
	}
	if r.Sweep {
		attrs = append(attrs, slog.Bool("sweep", true))
	}
	add("outcome", string(r.Outcome))
	add("why", r.Why)
	add("incident", r.Ref)
	add("step", string(r.Stage))
	if len(r.Mails) > 0 {
		kinds := make([]string, len(r.Mails))
		for i, m := range r.Mails {
			kinds[i] = string(m.Kind)
		}
		attrs = append(attrs, slog.Any("mails", kinds))
	}
	if len(r.Updates) > 0 {
		attrs = append(attrs, slog.Any("updates", r.Updates))
	}
	if r.Braked {
		attrs = append(attrs, slog.Bool("braked", true))
	}
	add("answer", r.Answer)
	if r.Next > 0 {
		attrs = append(attrs, slog.Float64("nextCheckSeconds", r.Next.Seconds()))
	}
	add("trouble", r.Trouble)
	add("cardTrouble", r.CardTrouble)
	if r.OwedFor > 0 {
		attrs = append(attrs, slog.Float64("mailOwedForSeconds", r.OwedFor.Seconds()))
	}
	if err != nil {
		add("error", err.Error())
	}
	h.log.LogAttrs(ctx, level, "check", attrs...)
	h.measure(r)
}

// The metrics, in CloudWatch's embedded metric format: a log line that
// CloudWatch reads as metrics. Source: the CloudWatch user guide, "Specification:
// Embedded metric format".
const (
	Namespace       = "EndpointGuard"
	MetricOpened    = "IncidentsOpened"   // count
	MetricOutcome   = "IncidentOutcomes"  // count, by Outcome
	MetricToEnforce = "SecondsToEnforced" // from the violating call to the confirmed end
	MetricOpenAge   = "OpenIncidentAge"   // seconds, of each check of an open incident
	MetricTrouble   = "Trouble"           // count of checks in which AWS did not let something be done
	MetricRefused   = "Refused"           // count of those in which it will not, until somebody acts
	MetricOwedAge   = "OwedMailAge"       // seconds, of each check of a cluster of which a mail is owed
	// Of the function sweep: 1 with each sweep that listed and woke all, and how many
	// clusters were not judged for two of them, left out when there are none.
	MetricHeartbeat = "Heartbeat"
	MetricUnseen    = "ClustersUnseen"

	DimensionFunction = "FunctionName" // of every metric
	DimensionOutcome  = "Outcome"
)

type emfMetric struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

type emfDirective struct {
	Namespace  string      `json:"Namespace"`
	Dimensions [][]string  `json:"Dimensions"`
	Metrics    []emfMetric `json:"Metrics"`
}

func (h *Handler) measure(r guardrail.Report) {
	for range r.Opened {
		h.emit(r, "", map[string]float64{MetricOpened: 1})
	}
	for _, m := range r.Mails {
		if m.Kind == incident.NoticeStuck {
			h.emit(r, incident.Stuck, map[string]float64{MetricOutcome: 1})
		}
	}
	for _, closed := range r.Closed {
		h.emit(r, closed.Outcome, map[string]float64{MetricOutcome: 1})
		if closed.Outcome == incident.Enforced || closed.Outcome == incident.PartlyEnforced {
			h.emit(r, closed.Outcome, map[string]float64{MetricToEnforce: closed.Took.Seconds()})
		}
	}
	if r.Stage != "" {
		h.emit(r, "", map[string]float64{MetricOpenAge: r.OpenAge.Seconds()})
	}
	if r.OwedFor > 0 {
		h.emit(r, "", map[string]float64{MetricOwedAge: r.OwedFor.Seconds()})
	}
	if r.Trouble != "" || r.CardTrouble != "" {
		h.emit(r, "", map[string]float64{MetricTrouble: 1})
	}
	if r.Refused {
		h.emit(r, "", map[string]float64{MetricRefused: 1})
	}
}

func (h *Handler) emit(r guardrail.Report, outcome incident.Outcome, values map[string]float64) {
	properties := map[string]any{"cluster": r.Cluster, "incident": r.Ref}
	dimensions := []string{DimensionFunction}
	if outcome != "" {
		properties[DimensionOutcome] = string(outcome)
		dimensions = append(dimensions, DimensionOutcome)
	}
	if err := emit(h.metrics, h.name, dimensions, properties, values); err != nil {
		h.log.Error("metric", "error", err.Error())
	}
}

// emit writes the metrics of a function as one line, with properties that say more.
func emit(out io.Writer, function string, dimensions []string, properties map[string]any, values map[string]float64) error {
	// Two installations in one region must not share alarms.
	line := map[string]any{DimensionFunction: function}
	maps.Copy(line, properties)
	directive := emfDirective{Namespace: Namespace, Dimensions: [][]string{dimensions}}
	for name, value := range values {
		unit := "Count"
		if name == MetricToEnforce || name == MetricOpenAge || name == MetricOwedAge {
			unit = "Seconds"
		}
		directive.Metrics = append(directive.Metrics, emfMetric{Name: name, Unit: unit})
		line[name] = value
	}
	line["_aws"] = map[string]any{"Timestamp": time.Now().UnixMilli(), "CloudWatchMetrics": []emfDirective{directive}}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}
