package cputest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/endpointguard/endpointguard/pkg/cputest"
)

// recorder is a test that only notes how it failed.
type recorder struct {
	testing.TB
	failed []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(f string, args ...any) {
	r.failed = append(r.failed, fmt.Sprintf(f, args...))
}

var sink uint64

func work(units int) func() {
	return func() {
		for i := range units * 10_000_000 {
			sink += uint64(i) ^ sink<<1
		}
	}
}

func TestAtMost(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures, and waits for a second of real time")
	}
	base := cputest.Measure(work(1))
	for _, c := range []struct {
		what string
		code func()
		want string // "" if it is cheap enough
	}{
		{"the same", work(1), ""},
		{"nine times as much", work(9), "more than 3 times"},
		{"waiting", func() { time.Sleep(max(8*time.Duration(base), time.Second)) }, ""},
	} {
		r := &recorder{TB: t}
		base.AtMost(r, 3, c.code)
		if got := strings.Join(r.failed, "; "); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}
