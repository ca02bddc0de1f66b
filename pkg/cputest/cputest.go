// Package cputest compares what two pieces of code cost the processor, for tests that
// something hostile costs little more than something decent of its size. A busy
// machine makes both wait, which is not counted, and slows both down alike; a limit
// in seconds would say more of the machine than of the code.
//
// What runs beside them in the same process is counted, too: tests that use it are
// not parallel ones.
package cputest

import (
	"syscall"
	"testing"
	"time"
)

// tries is how often something is measured: the least is what it costs, the rest is
// what came between.
const tries = 5

// shortest is how long something must take for its cost to be known. Some systems
// count in steps of 10 ms.
const shortest = 100 * time.Millisecond

// Baseline is the processor time of something decent.
type Baseline time.Duration

// Measure measures a baseline. It runs the code often enough for that.
func Measure(decent func()) Baseline {
	often := 1
	for cost(decent, often) < shortest {
		often *= 2
	}
	least := cost(decent, often)
	for range tries - 1 {
		least = min(least, cost(decent, often))
	}
	return Baseline(least / time.Duration(often))
}

// AtMost fails the test if the code takes more than so many times the baseline, each
// time that it is tried.
func (b Baseline) AtMost(t testing.TB, times int, hostile func()) {
	t.Helper()
	limit := time.Duration(b) * time.Duration(times)
	least := cost(hostile, 1)
	for n := 1; least > limit && n < tries; n++ {
		least = min(least, cost(hostile, 1))
	}
	if least > limit {
		t.Errorf("it took %s of processor time, more than %d times the %s of something decent", least, times, time.Duration(b))
	}
}

// cost is the processor time of this process while the code runs so often, the
// collection of its garbage included.
func cost(f func(), often int) time.Duration {
	before := used()
	for range often {
		f()
	}
	return used() - before
}

// used is the processor time of this process so far. Getrusage cannot fail for it.
func used() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
