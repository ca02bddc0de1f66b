package main

import (
	"io/fs"
	"maps"
	"slices"
	"testing"

	"github.com/endpointguard/endpointguard/events"
	"github.com/endpointguard/endpointguard/pkg/cloudtrail"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/policy"
)

// FuzzReplay holds that every record has an outcome, in bounded time and
// without a panic, and that what cannot be read is nothing else.
func FuzzReplay(f *testing.F) {
	names, err := fs.Glob(events.Samples(), "*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(events.Samples(), name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, name := range slices.Sorted(maps.Keys(hostile)) {
		f.Add([]byte(hostile[name]))
	}
	p, problems := policy.Parse(policyFile, shippedPolicy)
	if problems.Errors() {
		f.Fatal(problems)
	}
	r := replay{doc: document{name: policyFile, data: shippedPolicy, policy: p}}
	f.Fuzz(func(t *testing.T, record []byte) {
		got, err := r.record(t.Context(), record)
		if err != nil {
			t.Fatal(err)
		}
		if got.Outcome == "" {
			t.Fatal("no outcome")
		}
		if event, err := cloudtrail.Decode(record); err == nil && event.Asked.Unreadable && got.Outcome != incident.Unreadable {
			t.Fatalf("what was asked for cannot be read, and it is %s", got.Outcome)
		}
	})
}
