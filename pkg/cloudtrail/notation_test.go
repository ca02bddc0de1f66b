package cloudtrail

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestNotation: what SQL engines write in place of JSON is read when it can be
// read in one way only, and stays a text otherwise.
func TestNotation(t *testing.T) {
	for text, want := range map[string]string{
		`{name=prod-1, resourcesVpcConfig={"endpointPublicAccess":true,"publicAccessCidrs":["0.0.0.0/0"]}}`:                  `{"name":"prod-1","resourcesVpcConfig":{"endpointPublicAccess":true,"publicAccessCidrs":["0.0.0.0/0"]}}`,
		`{name=prod-1, resourcesVpcConfig={endpointPublicAccess=true, publicAccessCidrs=[0.0.0.0/0, 192.0.2.0/24]}}`:         `{"name":"prod-1","resourcesVpcConfig":{"endpointPublicAccess":"true","publicAccessCidrs":["0.0.0.0/0","192.0.2.0/24"]}}`,
		`{update={"id":"u-1","params":[{"type":"PublicAccessCidrs","value":"[\"0.0.0.0/0\",\"192.0.2.0/24\"]"}]}}`:           `{"update":{"id":"u-1","params":[{"type":"PublicAccessCidrs","value":"[\"0.0.0.0/0\",\"192.0.2.0/24\"]"}]}}`,
		`{update={id=u-1, params=[{type=PublicAccessCidrs, value=["0.0.0.0/0"]}, {type=EndpointPublicAccess, value=true}]}}`: `{"update":{"id":"u-1","params":[{"type":"PublicAccessCidrs","value":["0.0.0.0/0"]},{"type":"EndpointPublicAccess","value":"true"}]}}`,
		`{name=prod-1, clientRequestToken=null}`:                   `{"clientRequestToken":null,"name":"prod-1"}`,
		`{name=prod-1, resourcesVpcConfig={omitted=true}}`:         `{"name":"prod-1","resourcesVpcConfig":{"omitted":"true"}}`,
		`{name=prod-1, resourcesVpcConfig={publicAccessCidrs=[]}}`: `{"name":"prod-1","resourcesVpcConfig":{"publicAccessCidrs":[]}}`,
		`{name=prod-1, resourcesVpcConfig={}}`:                     `{"name":"prod-1","resourcesVpcConfig":{}}`,
		`{}`:                                                       `{}`,
		`{name=, version=1.33}`:                                    `{"name":"","version":"1.33"}`,
		"":                                                         "null",
		"  ":                                                       "null",
		// As deep as may be.
		strings.Repeat(`{a=`, 16) + "x" + strings.Repeat("}", 16):             strings.Repeat(`{"a":`, 16) + `"x"` + strings.Repeat("}", 16),
		`{a=` + strings.Repeat("[", 15) + "x" + strings.Repeat("]", 15) + `}`: `{"a":` + strings.Repeat("[", 15) + `"x"` + strings.Repeat("]", 15) + `}`,

		// Cut off, or more than one way to read it.
		`{name=prod-1, resourcesVpcConfig={endpointPublicAccess=true}`:  "",
		`{name=prod-1, resourcesVpcConfig={endpointPublicAccess=true]}`: "",
		`{name=prod-1, name=prod-2}`:                                    "",
		`{name=prod-1, tags={a=b, resourcesVpcConfig={endpointPublicAccess=false}}, resourcesVpcConfig={endpointPublicAccess=true}}`:                   "",
		`{clientRequestToken=x, junk={, resourcesVpcConfig={endpointPublicAccess=true}, tags={k=v}}, resourcesVpcConfig={endpointPublicAccess=false}}`: "",
		`{name=prod-1, resourcesVpcConfig={endpointPublicAccess=true, endpointpublicaccess=false}}`:                                                    "",
		`{name=prod-1, junk={resourcesVpcConfig={endpointPublicAccess=true}}}`:                                                                         "",
		`{name=prod-1, tags={endpointPublicAccess=true}}`:                                                                                              "",
		`{name=prod-1, tags={a=b=c}}`:  "",
		`{name=prod-1, tags={a=x, y}}`: "",
		`{name=prod-1, tags={a="x}}`:   "",
		`{=x}`:                         "",
		`{name}`:                       "",
		`{name=a,}`:                    "",
		strings.Repeat(`{a=`, 100) + "1" + strings.Repeat("}", 100):           "",
		strings.Repeat(`{a=`, 17) + "x" + strings.Repeat("}", 17):             "",
		`{a=` + strings.Repeat("[", 16) + "x" + strings.Repeat("]", 16) + `}`: "",
		`{name=prod-1`:          "",
		`{tags={k`:              "",
		`{tags={k}`:             "",
		`{subnetIds=[subnet-1}`: "",
		`{tags=[{key}`:          "",
		`{tags=[{key]}`:         "",
	} {
		if want == "" {
			want = string(quoted(text))
		}
		if diff := cmp.Diff(want, string(structured(text))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// TestNotationIsWhole: what is read of a request in the notation is what was
// written, or the text is left alone.
func TestNotationIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// A caller can write a token and tags as he likes.
		free := rapid.StringOf(rapid.SampledFrom([]rune(`ab1{}[]=,":' `)))
		forged := rapid.SampledFrom([]string{"", "resourcesVpcConfig={endpointPublicAccess=false}", "}, resourcesVpcConfig={endpointPublicAccess=false}, b={", "endpointPublicAccess=false"})
		token := free.Draw(t, "before") + forged.Draw(t, "forged") + free.Draw(t, "after")
		tag := free.Draw(t, "tag before") + forged.Draw(t, "tag forged") + free.Draw(t, "tag after")
		text := "{name=prod-1, clientRequestToken=" + token + ", resourcesVpcConfig={endpointPublicAccess=true}, tags={k=" + tag + "}}"
		got := structured(text)
		if got.isString() {
			return
		}
		config := got.object().object("resourcesVpcConfig")
		if is, ok := config["endpointPublicAccess"].boolean(); len(config) != 1 || !ok || !is {
			t.Fatalf("%s was read as %s", text, got)
		}
	})
}

// TestRowsOfLake: in whatever way a query asked for the records.
func TestRowsOfLake(t *testing.T) {
	const record = `{"eventName":"A","eventSource":"x"}`
	for name, data := range map[string]string{
		"the record itself":              `{"QueryResultRows":[[{"eventJson":` + escaped(record) + `}]]}`,
		"the record, and more columns":   `{"QueryResultRows":[[{"eventTime":"x"},{"eventJson":` + escaped(record) + `},{"eventName":"A"}]]}`,
		"the column in lower case":       `{"QueryResultRows":[[{"eventjson":` + escaped(record) + `}]]}`,
		"the record, and another column": `{"QueryResultRows":[[{"eventTime":"x"},{"eventJson":` + escaped(record) + `}]]}`,
		"a table of records":             `[{"eventJson":` + escaped(record) + `,"eventTime":"x"}]`,
	} {
		records, err := Records([]byte(data))
		if err != nil || len(records) != 1 || string(records[0]) != record {
			t.Errorf("%s: %s, %v", name, records, err)
		}
	}
}

// TestTextOfATableIsNamed: a request that stays a text says what to do.
func TestTextOfATableIsNamed(t *testing.T) {
	for _, request := range []string{"{name=demo-1, tags={a=b=c}}", "{name=demo-1", "name: demo-1"} {
		out, err := json.Marshal(map[string]any{
			"eventSource": eksSource, "eventName": UpdateClusterConfig, "awsRegion": "eu-west-1", "recipientAccountId": "111122223333", "requestParameters": request,
		})
		if err != nil {
			t.Fatal(err)
		}
		records, err := Records(out)
		if err != nil || len(records) != 1 {
			t.Fatal(records, err)
		}
		_, err = Decode(records[0])
		if u, ok := errors.AsType[Unreadable](err); !ok || !strings.HasSuffix(u.Why, "which is text and not JSON: export the records as JSON; CloudTrail Lake has them in the column eventJson") {
			t.Errorf("%s: %v", request, err)
		}
	}
}

// TestElasticFields: the hits of a search that asked for fields.
func TestElasticFields(t *testing.T) {
	const a, b = `{"eventName":"A"}`, `{"eventName":"B"}`
	for name, tc := range map[string]struct {
		data string
		want []string
	}{
		"fields":               {`{"hits":{"hits":[{"_index":"i","fields":{"event.original":[` + escaped(a) + `]}}]}}`, []string{a}},
		"fields beside source": {`{"hits":{"hits":[{"_source":{"event":{"action":"x"}},"fields":{"event.original":[` + escaped(a) + `]}}]}}`, []string{a}},
		"message":              {`{"hits":{"hits":[{"fields":{"message":[` + escaped(a) + `]}}]}}`, []string{a}},
		"a text":               {`{"fields":{"event.original":` + escaped(a) + `}}`, []string{a}},
		"two hits":             {`{"hits":{"hits":[{"fields":{"event.original":[` + escaped(a) + `]}},{"fields":{"@timestamp":["x"],"event.original":[` + escaped(b) + `]}}]}}`, []string{a, b}},
		"a list in the source": {`{"_source":{"event.original":[` + escaped(a) + `]}}`, []string{a}},
		"and in the event":     {`{"_source":{"event":{"original":[` + escaped(a) + `]}}}`, []string{a}},
	} {
		records, err := Records([]byte(tc.data))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range records {
			got = append(got, string(r))
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	records, err := Records([]byte(`{"hits":{"hits":[{"_index":"i","fields":{"aws.cloudtrail.event_version":["1.11"],"event.action":["x"]}}]}}`))
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	if _, err := Decode(records[0]); err == nil || !strings.Contains(err.Error(), "without event.original") {
		t.Error(err)
	}
}
