package wakeup

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// FuzzWakeUp holds that every message is a wake-up, none, or refused with one
// line; and that one which is taken is sent on as it was.
func FuzzWakeUp(f *testing.F) {
	names, err := fs.Glob(events.Samples(), "*.json")
	if err != nil || len(names) == 0 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(events.Samples(), name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		e, err := cloudtrail.Decode(data)
		if err != nil {
			continue
		}
		body, err := Message{Cluster: e.Cluster, Account: e.Account, Region: e.Region, Event: &e, Tries: 3, Since: start, Check: 7, CreatedAt: start}.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	for _, text := range []string{
		`{"endpointguard":1,"wakeUp":{"cluster":"demo","account":"111122223333","region":"eu-west-1","sweep":true}}`,
		`{"endpointguard":1,"wakeUp":{"cluster":"demo","tries":-1}}`,
		`{"endpointguard":1,"wakeUp":{"cluster":"demo","check":-9223372036854775808}}`,
		`{"endpointguard":1,"wakeUp":{"cluster":"demo","since":"9999-12-31T23:59:59Z"}}`,
		`{"endpointguard":2,"wakeUp":{"cluster":"demo"}}`,
		`{"endpointguard":1}`, `{"endpointguard":"1"}`, `{}`, `null`, ``,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w, ours, err := Decode(data)
		if err != nil {
			if !ours || err.Error() == "" || strings.ContainsAny(err.Error(), "\n\r\x00") {
				t.Fatalf("ours %t, error %q", ours, err)
			}
			return
		}
		if !ours {
			return
		}
		if !endpoint.NamePattern.MatchString(w.Cluster) || w.Tries < 0 || w.Check < 0 {
			t.Fatalf("taken: %+v", w)
		}
		body, err := w.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, ours, err := Decode(body)
		if err != nil || !ours {
			t.Fatalf("its own message is refused: %v: %s", err, body)
		}
		twice, err := again.Encode()
		if err != nil || !bytes.Equal(body, twice) {
			t.Fatalf("sent on changed: %v\n%s\n%s", err, body, twice)
		}
	})
}
