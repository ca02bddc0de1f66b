package cloudtrail

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What responders have at hand comes to the same record in every form.
func TestRecordsOfWhatRespondersHave(t *testing.T) {
	const (
		a = `{"eventName":"A"}`
		b = `{"eventName":"B"}`
	)
	packed := func(s string) string { return `"` + base64.StdEncoding.EncodeToString([]byte(zip(t, s))) + `"` }
	subscription := `{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","message":` + escaped(a) + `},{"id":"2","message":` + escaped(b) + `}]}`
	control := `{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","message":"CWL CONTROL MESSAGE"}]}`
	const (
		columns  = `{"Data":[{"VarCharValue":"eventname"},{"VarCharValue":"awsregion"},{"VarCharValue":"useridentity"},{"VarCharValue":"requestparameters"}]}`
		request  = `"requestParameters":{"name":"c"}`
		identity = `{type=AssumedRole, principalid=A:b, arn=arn:aws:sts::111122223333:assumed-role/r/b, accountid=111122223333, username=null, sessioncontext={attributes={mfaauthenticated=false, creationdate=x}, sessionissuer=null}}`
		plain    = `"userIdentity":{"accountId":"111122223333","arn":"arn:aws:sts::111122223333:assumed-role/r/b","principalId":"A:b","type":"AssumedRole"}`
	)
	for _, tt := range []struct {
		name, data string
		want       []string
	}{
		{"filter-log-events", `{"events":[{"logStreamName":"s","message":` + escaped(a) + `,"eventId":"3"}],"searchedLogStreams":[]}`, []string{a}},
		{"a subscription's file", subscription, []string{a, b}},
		{"subscriptions to Kinesis, one after the other", subscription + control + subscription, []string{a, b, a, b}},
		{"what Lambda gets of a subscription", `{"awslogs":{"data":` + packed(subscription) + `}}`, []string{a, b}},
		{"what Lambda gets of Kinesis", `{"Records":[{"kinesis":{"data":` + packed(subscription) + `}},{"kinesis":{"data":` + packed(control) + `}}]}`, []string{a, b}},
		{"what Lambda gets of Firehose", `{"records":[{"recordId":"1","data":` + packed(subscription) + `}]}`, []string{a, b}},
		{"what Lambda gets of Kinesis, not zipped", `{"Records":[{"kinesis":{"data":"` + base64.StdEncoding.EncodeToString([]byte(a+b)) + `"}}]}`, []string{a, b}},
		{"data that is not in base 64", `{"data":"` + base64.StdEncoding.EncodeToString([]byte(a)) + `!"}`, []string{`{"data":"` + base64.StdEncoding.EncodeToString([]byte(a)) + `!"}`}},
		{"data that is no JSON", `{"data":"aGVsbG8="}{"data":""}`, []string{`{"data":"aGVsbG8="}`, `{"data":""}`}},
		{"Insights, a message without a value", `{"results":[[{"field":"@message","value":null},{"field":"@message","value":` + escaped(a) + `}]]}`, []string{a}},
		{"Insights", `{"results":[[{"field":"@timestamp","value":"x"},{"field":"@message","value":` + escaped(a) + `}]],"status":"Complete"}`, []string{a}},
		{"filebeat", `{"@timestamp":"x","event":{"kind":"event","original":` + escaped(a) + `},"message":"x"}`, []string{a}},
		{"filebeat, flat", `{"event.original":` + escaped(a) + `}`, []string{a}},
		{"Elastic's hits", `{"took":1,"hits":{"total":{"value":1},"hits":[{"_id":"1","_source":{"event":{"original":` + escaped(a) + `}}}]}}`, []string{a}},
		{"Elastic's hits of records", `{"hits":{"hits":[{"_source":` + a + `},{"_source":{"message":` + escaped(b) + `}}]}}`, []string{a, b}},
		{"Splunk's export", `{"preview":false,"offset":0,"result":{"_time":"x","_raw":` + escaped(a) + "}}\n" + `{"preview":false,"lastrow":true,"result":{"_raw":` + escaped(b) + `}}`, []string{a, b}},
		{"Splunk's results", `{"preview":false,"results":[{"_raw":` + escaped(a) + `}]}`, []string{a}},
		{"Splunk's collector", `{"time":1,"sourcetype":"aws:cloudtrail","event":` + a + `}{"event":` + escaped(b) + `}`, []string{a, b}},
		{"Athena's rows", `{"ResultSet":{"Rows":[` + columns + `,{"Data":[{"VarCharValue":"A"},{},{"VarCharValue":` + escaped(identity) + `},{"VarCharValue":` + escaped(`{"name":"c"}`) + `}]}]}}`,
			[]string{`{"eventName":"A",` + request + `,` + plain + `}`}},
		{"Athena's answer without rows", `{"ResultSet":{"Rows":[]}}`, []string{`{"ResultSet":{"Rows":[]}}`}},
		{"Athena's names of the columns alone", `{"ResultSet":{"Rows":[` + columns + `]}}`, nil},
		{"Athena's row with more cells than columns", `{"ResultSet":{"Rows":[{"Data":[{"VarCharValue":"eventname"}]},{"Data":[{"VarCharValue":"A"},{"VarCharValue":"x"}]}]}}`, []string{a}},
		{"a table of names alone", `[{"eventname":"A"}]`, []string{a}},
		{"a table in another case", `{"EventName":"A","AwsRegion":"x"}`, []string{`{"awsRegion":"x","eventName":"A"}`}},
		{"a table with what a request and a caller are", `{"eventname":"A","requestparameters":{"name":"c"},"useridentity":{"type":"Root"}}`, []string{`{"eventName":"A",` + request + `,"userIdentity":{"type":"Root"}}`}},
		{"a table without names of events", `{"awsregion":"x","requestparameters":"{}"}`, []string{`{"awsregion":"x","requestparameters":"{}"}`}},
		{"an Athena table as JSON", `[{"eventname":"A","awsregion":"eu-west-1","requestparameters":` + escaped(`{"name":"c"}`) + `,"responseelements":""}]`,
			[]string{`{"awsRegion":"eu-west-1","eventName":"A",` + request + `,"responseElements":null}`}},
		{"Lake's rows", `{"QueryStatus":"FINISHED","QueryResultRows":[[{"eventName":"A"},{"eventSource":"x"},{"requestParameters":` + escaped(`{"name":"c"}`) + `}]]}`,
			[]string{`{"eventName":"A","eventSource":"x",` + request + `}`}},
		{"Lake's rows of two columns", `{"QueryResultRows":[[{"eventName":"A"},{"requestParameters":` + escaped(`{"name":"c"}`) + `}]]}`, []string{`{"eventName":"A",` + request + `}`}},
		{"columns that name no event", `[{"eventSource":"x"},{"awsRegion":"y"}]`, []string{`{"eventSource":"x"}`, `{"awsRegion":"y"}`}},
		{"a list of records of one field", "[" + a + "," + b + "]", []string{a, b}},
		{"a list of a record and an event", `[{"eventName":"A","eventSource":"x"},{"detail":{"eventName":"C"}}]`, []string{`{"eventName":"A","eventSource":"x"}`, `{"detail":{"eventName":"C"}}`}},
		{"a row that is no JSON", `{"eventName":"A","requestParameters":"{roleName=x, y}"}`, []string{`{"eventName":"A","requestParameters":"{roleName=x, y}"}`}},
		{"a row in the notation of SQL engines", `{"eventName":"A","requestParameters":"{roleName=x}"}`, []string{`{"eventName":"A","requestParameters":{"roleName":"x"}}`}},
		{"an array of events", `[{"detail":{"eventName":"C"}},` + a + `]`, []string{`{"detail":{"eventName":"C"}}`, a}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			records, err := Records([]byte(tt.data))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range records {
				got = append(got, string(r))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCallersOfTables: what a table has of a caller in a text, as JSON or in the notation
// of SQL engines, of which the caller's own words are read, and nobody else's.
func TestCallersOfTables(t *testing.T) {
	for caller, want := range map[string]string{
		`{"type":"Root"}`:               `{"type":"Root"}`,
		` {"type":"Root"} `:             `{"type":"Root"}`,
		`{type=Root}`:                   `{"type":"Root"}`,
		` {type=Root} `:                 `{"type":"Root"}`,
		`{type=Root,arn=x}`:             `{"arn":"x","type":"Root"}`,
		`{, type=Root}`:                 `{"type":"Root"}`,
		`{type=Root, userName=null}`:    `{"type":"Root"}`,
		`{type=Root, userName=}`:        `{"type":"Root"}`,
		`{type=Root, userName={a=b}}`:   `{"type":"Root"}`,
		`{type=Root, userName=[alice]}`: `{"type":"Root"}`,
		`{type=AssumedRole, sessioncontext={sessionissuer={type=Role, username=deployer}, roles=[a, username=eve]}, arn=x}`: `{"arn":"x","type":"AssumedRole"}`,

		"":           "null",
		" ":          "null",
		"alice":      `"alice"`,
		"{type=Root": `"{type=Root"`,
		"type=Root}": `"type=Root}"`,
		"{x=y}":      `"{x=y}"`,
	} {
		records, err := Records([]byte(`{"eventName":"A","userIdentity":` + escaped(caller) + `}`))
		if err != nil || len(records) != 1 {
			t.Fatalf("%s: %s, %v", caller, records, err)
		}
		if diff := cmp.Diff(want, string(value(records[0]).object()["userIdentity"])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", caller, diff)
		}
	}
}

// What is no record is named for what it is.
func TestWhatIsNoRecordIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ data, want string }{
		"a digest":               {`{"awsAccountId":"1","digestStartTime":"x","digestS3Object":"y","logFiles":[]}`, "a CloudTrail digest file"},
		"DescribeCluster":        {`{"cluster":{"name":"c","resourcesVpcConfig":{"endpointPublicAccess":true}}}`, "the answer of DescribeCluster"},
		"DescribeUpdate":         {`{"update":{"id":"u","params":[]}}`, "the answer of DescribeUpdate"},
		"CloudTrail's notice":    {`{"s3Bucket":"b","s3ObjectKey":["k"]}`, "CloudTrail's notification of a log file"},
		"S3's notice":            {`{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{}}]}`, "a notification of S3"},
		"LookupEvents, cut":      {`{"Events":[{"EventId":"1","EventName":"CreateCluster"}]}`, "the summary of an event"},
		"Kubernetes":             {`{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"x","requestURI":"/"}`, "a Kubernetes audit event"},
		"Security Lake":          {`{"class_uid":6003,"metadata":{"product":{}},"api":{"operation":"x"}}`, "an event in OCSF"},
		"Elastic without it all": {`{"_source":{"aws":{"cloudtrail":{"event_version":"1"}},"event":{"action":"x"}}}`, "without event.original"},
	} {
		t.Run(name, func(t *testing.T) {
			records, err := Records([]byte(c.data))
			if err != nil || len(records) != 1 {
				t.Fatalf("%d records, %v", len(records), err)
			}
			_, err = Decode(records[0])
			if u, ok := errors.AsType[Unreadable](err); !ok || !strings.Contains(u.Why, c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	for _, data := range []string{`{"cluster":{"name":"c"}}`, `{"update":{"id":"u"}}`, `{"auditID":"x"}`, `{"requestURI":"/"}`} {
		if _, err := Decode([]byte(data)); err == nil || err.Error() != "event is unreadable: not a CloudTrail record: no eventName, no eventSource" {
			t.Errorf("%s is named: %v", data, err)
		}
	}
	asLongAsIsLookedAt := "eventTime," + strings.Repeat("x", 4096-len("eventTime,,eventName")) + ",eventName"
	for name, c := range map[string]struct{ data, want string }{
		"CSV of the console": {"Event name,Event time,User name,Event source\nCreateCluster,x,y,z\n", "a CSV table of 4 columns, not JSON"},
		"CSV of Athena":      {"\"eventversion\",\"eventname\",\"requestparameters\"\n", "a CSV table of 3 columns, not JSON"},
		"a long first line":  {asLongAsIsLookedAt + ",x\n", "a CSV table of 3 columns, not JSON"},
		"a longer one":       {"x" + asLongAsIsLookedAt + ",x\n", "not JSON after 0 records"},
		"two columns":        {"eventName,eventTime\n", "not JSON after 0 records"},
		"words":              {"no, this is, no table: eventName\n", "not JSON after 0 records"},
		"a broken object":    {"{x,eventName,y\n", "not JSON after 0 records"},
		"a broken list":      {"[x,eventName,y\n", "not JSON after 0 records"},
		"a brace":            {"{", "not JSON after 0 records"},
	} {
		if _, err := Records([]byte(c.data)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// What a subscription's packages unpack to counts for the whole file.
func TestPackagesAreBounded(t *testing.T) {
	bomb := `{"data":"` + base64.StdEncoding.EncodeToString([]byte(zip(t, strings.Repeat(" ", 1<<19)+`{"eventName":"A"}`))) + `"}`
	small := splitter{maxUnzipped: 1 << 20, maxRecords: 1000}
	records, err := small.split([]byte(strings.Repeat(bomb, 4)))
	if err != nil || len(records) != 4 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	unpacked := 0
	for _, r := range records {
		if string(r) == `{"eventName":"A"}` {
			unpacked++
		}
	}
	if unpacked != 1 {
		t.Errorf("%d of 4 were unpacked, want the first, and then as much as is left", unpacked)
	}
}

// TestColumnsThatDifferInTheirCase: CloudTrail's own name is the better one, else the
// first in their order; always the same one.
func TestColumnsThatDifferInTheirCase(t *testing.T) {
	for data, want := range map[string]string{
		`{"EVENTNAME":"B","Eventname":"C","eventname":"D","eventName":"A","awsregion":"x"}`:               `{"awsRegion":"x","eventName":"A"}`,
		`{"eventname":"A","awsRegion":"x","awsregion":"y","AWSREGION":"z"}`:                               `{"awsRegion":"x","eventName":"A"}`,
		`{"eventname":"B","EVENTNAME":"A","Eventname":"C"}`:                                               `{"eventName":"A"}`,
		`{"eventName":"A","requestparameters":"{\"name\":\"b\"}","REQUESTPARAMETERS":"{\"name\":\"a\"}"}`: `{"eventName":"A","requestParameters":{"name":"a"}}`,
		`{"eventName":"A","requestParameters":null,"requestparameters":"{\"name\":\"b\"}"}`:               `{"eventName":"A","requestParameters":{"name":"b"}}`,
	} {
		for range 20 {
			records, err := Records([]byte(data))
			if err != nil || len(records) != 1 || string(records[0]) != want {
				t.Fatalf("%s: %s, %v; want %s", data, records, err, want)
			}
		}
	}
}
