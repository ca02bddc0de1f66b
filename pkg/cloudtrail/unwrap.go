package cloudtrail

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// unwrap returns what v wraps, if it is something that wraps records.
func (s *splitter) unwrap(v value) ([]value, bool) {
	if items, ok := v.array(); ok {
		if row, ok := lakeRow(items); ok {
			return []value{row}, true
		}
		if message, ok := insightsRow(items); ok {
			return []value{message}, true
		}
		return items, true
	}
	o := v.object()
	if record, ok := lakeRecord(o); ok {
		return []value{record}, true
	}
	if !o["eventName"].absent() || !o["detail"].absent() {
		return nil, false
	}
	// A subscription of CloudWatch Logs tries whether somebody listens.
	if kind, _ := o.str("messageType"); kind == "CONTROL_MESSAGE" {
		return nil, true
	}
	// Records: a log file, or what Lambda gets of SQS, SNS and Kinesis; records
	// what it gets of Firehose. Messages: ReceiveMessage. Events: LookupEvents.
	// events and results: CloudWatch Logs' FilterLogEvents, GetLogEvents and
	// GetQueryResults, results Splunk's, too. logEvents: a subscription's.
	// QueryResultRows: CloudTrail Lake's.
	for _, list := range []string{"Records", "records", "Messages", "Events", "events", "logEvents", "results", "QueryResultRows"} {
		if items, ok := o[list].array(); ok {
			return items, true
		}
	}
	if rows, ok := athenaRows(o); ok {
		return rows, true
	}
	if hits, ok := o.object("hits")["hits"].array(); ok {
		return hits, true
	}
	// fields: what a search of Elastic's asked for, each a list.
	if inner, ok := wrapped(o.object("fields"), "event.original", "message"); ok {
		return inner, true
	}
	// _source: a hit of Elastic's. result: a line of Splunk's export. awslogs and
	// kinesis: what Lambda gets of subscriptions.
	for _, key := range []string{"_source", "result", "Sns", "awslogs", "kinesis"} {
		if inner := o.object(key); inner != nil {
			return []value{o[key]}, true
		}
	}
	if text, ok := o.str("data"); ok {
		if inner, ok := s.packed(text); ok {
			return inner, true
		}
	}
	if event := o.object("event"); !event["eventName"].absent() {
		return []value{o["event"]}, true // Splunk's HTTP event collector
	} else if inner, ok := wrapped(event, "original"); ok {
		return inner, true
	}
	return wrapped(o, "body", "Body", "Message", "CloudTrailEvent", "event.original", "message", "_raw", "event", "@message")
}

// wrapped is the JSON in the first of the members that holds any, in a text or in
// a list of texts.
func wrapped(o object, keys ...string) ([]value, bool) {
	for _, key := range keys {
		texts := o[key].strings()
		if text, ok := o.str(key); ok {
			texts = []string{text}
		}
		var out []value
		for _, text := range texts {
			if inner, ok := nested(text); ok {
				out = append(out, inner)
			}
		}
		if len(out) > 0 {
			return out, true
		}
	}
	return nil, false
}

// lakeRecord is the record in a row of CloudTrail Lake that has it as JSON.
func lakeRecord(row object) (value, bool) {
	inner, ok := wrapped(row, "eventJson", "eventjson")
	if !ok {
		return nil, false
	}
	return inner[0], true
}

// nested is the JSON in a text, but not another text.
func nested(text string) (value, bool) {
	inner := value(bytes.TrimSpace([]byte(text)))
	return inner, json.Valid(inner) && len(inner) > 0 && inner[0] != '"'
}

// packed returns the JSON values in what a subscription of CloudWatch Logs sends:
// gzipped, then in base 64.
func (s *splitter) packed(text string) ([]value, bool) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, false
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		if data, err = s.unzip(data); err != nil {
			return nil, false
		}
		s.maxUnzipped -= int64(len(data)) // of all that a file holds
	}
	var out []value
	d := json.NewDecoder(bytes.NewReader(data))
	for {
		var v value
		if err := d.Decode(&v); err != nil {
			return out, len(out) > 0
		}
		out = append(out, v)
	}
}

// recordFields are the fields of a record that Decode reads, as CloudTrail writes
// them. The columns of tables are in lower case.
var recordFields = []string{
	"eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent", "errorCode",
	"errorMessage", "requestParameters", "responseElements", "additionalEventData", "requestID", "eventID", "readOnly", "eventType",
	"recipientAccountId", "managementEvent", "eventCategory", "sharedEventID", "vpcEndpointId",
}

// canonical is the field's name as CloudTrail writes it.
func canonical(key string) (string, bool) {
	for _, name := range recordFields {
		if strings.EqualFold(name, key) {
			return name, true
		}
	}
	return key, false
}

// asRecord turns a row of a table into a record: its columns get CloudTrail's
// names, and what is JSON in a text becomes what it says. Anything else stays as
// it is.
func asRecord(v value) value {
	o := v.object()
	if !o["EventId"].absent() && !o["EventName"].absent() {
		return v // LookupEvents' summary of an event
	}
	row := object{}
	changed, event := false, false
	for _, key := range o.keys() { // in order, since several may differ in their case alone
		item := o[key]
		name, _ := canonical(key)
		if !row[name].absent() || name != key && !o[name].absent() {
			continue
		}
		event = event || name == "eventName"
		changed = changed || name != key
		switch name {
		case "requestParameters", "responseElements", "additionalEventData":
			if text, ok := item.str(); ok {
				item, changed = structured(text), true
			}
		case "userIdentity":
			if text, ok := item.str(); ok {
				item, changed = identity(text), true
			}
		}
		row[name] = item
	}
	if !event || !changed {
		return v
	}
	return row.value()
}

// structured is what a text of a table stands for: JSON, nothing, or the same in
// the notation of SQL engines; else itself.
func structured(text string) value {
	text = strings.TrimSpace(text)
	if inner, ok := nested(text); ok {
		return inner
	}
	if out, ok := notation(text); ok {
		return out
	}
	if text == "" {
		return value("null")
	}
	return quoted(text)
}

// identity is what a userIdentity in a text stands for. In the notation of SQL
// engines its names may be in lower case, and its own texts are all that is read.
func identity(text string) value {
	text = strings.TrimSpace(text)
	if inner, ok := nested(text); ok {
		return inner
	}
	body, ok := strings.CutPrefix(text, "{")
	body, closed := strings.CutSuffix(body, "}")
	if !ok || !closed {
		if text == "" {
			return value("null")
		}
		return quoted(text)
	}
	names := []string{"type", "principalId", "arn", "accountId", "accessKeyId", "userName", "invokedBy"}
	out := object{}
	depth, from := 0, 0
	for i := 0; i <= len(body); i++ {
		if i < len(body) {
			switch body[i] {
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			if depth != 0 || body[i] != ',' {
				continue
			}
		}
		key, item, ok := strings.Cut(strings.TrimSpace(body[from:i]), "=")
		from = i + 1
		for _, name := range names {
			if ok && strings.EqualFold(name, key) && item != "" && item != "null" && item[0] != '{' && item[0] != '[' {
				out[name] = quoted(item)
			}
		}
	}
	if len(out) == 0 {
		return quoted(text)
	}
	return out.value()
}

func (o object) value() value {
	raw := make(map[string]json.RawMessage, len(o))
	for key, item := range o {
		raw[key] = json.RawMessage(item)
	}
	out, err := json.Marshal(raw)
	if err != nil {
		return value("null") // it was made of what has been parsed: that doesn't fail
	}
	return out
}

// lakeRow joins a row of CloudTrail Lake's GetQueryResults, a list of one column
// each.
func lakeRow(items []value) (value, bool) {
	row, event, columns := object{}, false, 0
	for _, item := range items {
		column := item.object()
		if len(column) != 1 {
			return nil, false
		}
		for key, v := range column {
			name, known := canonical(key)
			if _, taken := row[key]; taken {
				return nil, false
			}
			event = event || name == "eventName"
			if row[key] = v; known {
				columns++
			}
		}
	}
	if record, ok := lakeRecord(row); ok {
		return record, true
	}
	return row.value(), event && columns > 1
}

// insightsRow is the @message of a row of CloudWatch Logs Insights, a list of
// fields with their values.
func insightsRow(items []value) (value, bool) {
	for _, item := range items {
		o := item.object()
		if name, _ := o.str("field"); name != "@message" {
			continue
		}
		if text, ok := o.str("value"); ok {
			return nested(text)
		}
	}
	return nil, false
}

// athenaRows are the rows of Athena's GetQueryResults, of which the first has the
// names of the columns.
func athenaRows(o object) ([]value, bool) {
	rows, ok := o.object("ResultSet")["Rows"].array()
	if !ok || len(rows) == 0 {
		return nil, false
	}
	cells := func(row value) []value {
		list, _ := row.object()["Data"].array()
		return list
	}
	var names []string
	for _, cell := range cells(rows[0]) {
		name, _ := cell.object().str("VarCharValue")
		names = append(names, name)
	}
	out := make([]value, 0, len(rows)-1)
	for _, row := range rows[1:] {
		record := object{}
		for i, cell := range cells(row) {
			if v := cell.object()["VarCharValue"]; i < len(names) && !v.absent() {
				record[names[i]] = v
			}
		}
		out = append(out, record.value())
	}
	return out, true
}

// table returns how many columns a CSV table of events has, 0 if it is none.
func table(data []byte) int {
	if len(data) > 0 && (data[0] == '{' || data[0] == '[') {
		return 0
	}
	line, _, _ := bytes.Cut(data[:min(len(data), 4096)], []byte("\n"))
	columns := strings.Split(string(line), ",")
	for _, column := range columns {
		name := strings.ReplaceAll(strings.Trim(column, " \"\r\t"), " ", "")
		if strings.EqualFold(name, "eventName") && len(columns) > 2 {
			return len(columns)
		}
	}
	return 0
}
