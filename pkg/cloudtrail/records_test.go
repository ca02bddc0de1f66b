package cloudtrail

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func zip(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func escaped(s string) string {
	out, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(out)
}

func TestRecords(t *testing.T) {
	const (
		a = `{"eventName":"A"}`
		b = `{"eventName":"B"}`
		e = `{"detail":{"eventName":"C"}}`
	)
	sns := `{"Type":"Notification","MessageId":"1","Message":` + escaped(e) + `,"Signature":"x"}`
	for _, tt := range []struct {
		name, data string
		want       []string
		err        string
	}{
		{"a record", a, []string{a}, ""},
		{"with blanks and a byte order mark", "\ufeff \n" + a + "\n", []string{a}, ""},
		{"an event", e, []string{e}, ""},
		{"an array", "[" + a + ",\n" + e + "]", []string{a, e}, ""},
		{"an empty array", "[]", nil, ""},
		{"a log file", `{"Records":[` + a + `,` + b + `]}`, []string{a, b}, ""},
		{"a zipped log file", zip(t, `{"Records":[`+a+`,`+b+`]}`), []string{a, b}, ""},
		{"two zipped, one after the other", zip(t, a) + zip(t, b), []string{a, b}, ""},
		{"JSON lines", a + "\n" + b + "\n" + e, []string{a, b, e}, ""},
		{"without line breaks", a + b, []string{a, b}, ""},
		{"LookupEvents", `{"Events":[{"EventName":"A","CloudTrailEvent":` + escaped(a) + `}]}`, []string{a}, ""},
		{"an SQS batch", `{"Records":[{"messageId":"1","body":` + escaped(e) + `},{"messageId":"2","body":` + escaped(a) + `}]}`, []string{e, a}, ""},
		{"ReceiveMessage", `{"Messages":[{"MessageId":"1","Body":` + escaped(e) + `}]}`, []string{e}, ""},
		{"SNS", sns, []string{e}, ""},
		{"SNS in SQS", `{"Records":[{"body":` + escaped(sns) + `}]}`, []string{e}, ""},
		{"an SNS batch", `{"Records":[{"EventSource":"aws:sns","Sns":{"Message":` + escaped(a) + `}}]}`, []string{a}, ""},
		{"a message in plain words", `{"body":"hello"}`, []string{`{"body":"hello"}`}, ""},
		{"a message of one letter", `{"body":"7"}`, []string{"7"}, ""},
		{"a message that is a JSON text", `{"body":"\"hello\""}`, []string{`{"body":"\"hello\""}`}, ""},
		{"a record with members of these names", `{"eventName":"A","Records":[1],"body":"{}"}`, []string{`{"eventName":"A","Records":[1],"body":"{}"}`}, ""},
		{"other values", `1 "x" null`, []string{"1", `"x"`, "null"}, ""},
		{"wrapped too deep", strings.Repeat("[", 9) + a + strings.Repeat("]", 9), []string{"[" + a + "]"}, ""},

		{"nothing", "", nil, "the file is empty"},
		{"blanks", " \n", nil, "the file is empty"},
		{"text", "hello", nil, "not JSON after 0 records, in the value that starts at line 1: invalid character 'h' looking for beginning of value"},
		{"a broken line", a + "\n{\n" + b, []string{a}, "not JSON after 1 records, in the value that starts at line 2: invalid character '{' looking for beginning of object key string"},
		{"cut off", a + "\n" + b[:9], []string{a}, "not JSON after 1 records, in the value that starts at line 2: unexpected EOF"},
		{"nested too deep", strings.Repeat("[", 20000), nil, "not JSON after 0 records, in the value that starts at line 1: invalid character '[' exceeded max depth"},
		{"gzip, cut off in its head", "\x1f\x8b", nil, "gzip: unexpected EOF"},
		{"gzip, cut off", zip(t, a)[:20], nil, "gzip: unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			records, err := Records([]byte(tt.data))
			var got []string
			for _, r := range records {
				got = append(got, string(r))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			message := ""
			if err != nil {
				message = err.Error()
			}
			if message != tt.err {
				t.Errorf("error  %s\nwanted %s", message, tt.err)
			}
		})
	}
}

func TestRecordsIsBounded(t *testing.T) {
	small := splitter{maxUnzipped: 1 << 20, maxRecords: 3}
	if _, err := small.split([]byte(zip(t, strings.Repeat(" ", 1<<20)+"{}"))); err == nil || err.Error() != "gzip: unpacks to more than 1 MiB" {
		t.Errorf("a bomb: %v", err)
	}
	if got, err := small.split([]byte(zip(t, strings.Repeat(" ", 1<<20-2)+"{}"))); err != nil || len(got) != 1 {
		t.Errorf("as large as may be: %d records, %v", len(got), err)
	}
	if got, err := small.split([]byte(zip(t, strings.Repeat(" ", 1<<20-1)+"{}"))); len(got) != 0 || err == nil || err.Error() != "gzip: unpacks to more than 1 MiB" {
		t.Errorf("a byte more than may be: %d records, %v", len(got), err)
	}
	if got, err := small.split([]byte("{} {} {}")); err != nil || len(got) != 3 {
		t.Errorf("as many as may be: %d, %v", len(got), err)
	}
	records, err := small.split([]byte("[{},{},{},{}]"))
	if len(records) != 3 || err == nil || err.Error() != "more than 3 records in one file: split it" {
		t.Errorf("four records: %d, %v", len(records), err)
	}
}

// TestWhatAFileMayHold: a million records, and 256 MiB unpacked. That neither is one
// more or less, TestRecordsIsBounded holds with bounds that are quick to reach.
func TestWhatAFileMayHold(t *testing.T) {
	if maxRecords != 1<<20 {
		t.Errorf("%d records, want a million", maxRecords)
	}
	if maxUnzipped != 256<<20 {
		t.Errorf("%d bytes unpacked, want 256 MiB", maxUnzipped)
	}
	if testing.Short() {
		t.Skip("it unpacks 256 MiB")
	}
	records, err := Records([]byte(strings.Repeat(zip(t, strings.Repeat(" ", 1<<20)), 256) + zip(t, " ")))
	if len(records) != 0 || err == nil || err.Error() != "gzip: unpacks to more than 256 MiB" {
		t.Errorf("a byte more: %d, %v", len(records), err)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte(`{"Records":[{"body":"{}"}]}`))
	f.Add([]byte(zip(f, `{"eventName":"A"}{"Sns":{"Message":"[1]"}}`)))
	f.Add([]byte("{}\n["))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, _ := splitter{maxUnzipped: 1 << 20, maxRecords: 1000}.split(data)
		if len(records) > 1000 {
			t.Fatalf("%d records", len(records))
		}
		for _, r := range records {
			if !json.Valid(r) {
				t.Fatalf("no JSON: %q", r)
			}
		}
	})
}

// TestWrappingsAreBounded: each layer of text in text doubles its backslashes,
// but depth costs the reader more than it costs the writer.
func TestWrappingsAreBounded(t *testing.T) {
	wrapped := `{"eventName":"A"}`
	for range 12 {
		wrapped = `{"body":` + escaped(wrapped) + `}`
	}
	records, err := Records([]byte(wrapped))
	if err != nil || len(records) != 1 || !strings.HasPrefix(string(records[0]), `{"body":`) {
		t.Errorf("got %.60q, %v; want the wrapping that is one too deep as it is", records, err)
	}
}
