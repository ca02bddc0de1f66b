// Package till is what the tests of the mutants are tried on.
package till

import (
	"errors"
	"time"
)

// open is from when on, and how long, the till is open.
const (
	open   = 9
	closes = open + 8
	pause  = time.Hour
)

// Till is a till.
type Till struct {
	Coins  []int
	Closed bool
	opened time.Time
}

// Sum is what the coins make.
func (t *Till) Sum() int {
	sum := 0
	for i := 0; i < len(t.Coins); i++ {
		if t.Coins[i] < 0 {
			continue
		}
		sum += t.Coins[i]
	}
	return sum
}

// Put adds coins. Nobody tests what comes of a closed till.
func (t *Till) Put(coins ...int) error {
	if t.Closed {
		return errors.New("it is closed")
	}
	t.Coins = append(t.Coins, coins...)
	t.opened = time.Time{}
	return nil
}

// OpenAt reports whether a till is open at an hour.
func OpenAt(hour int) bool {
	switch {
	case hour < open:
		return false
	case !(hour < closes):
		return false
	}
	return true
}

// Most returns the larger of two; when they are the same, either is.
func Most[T int | string](a, b T) T {
	if a > b {
		return a
	}
	return b
}

func with(coins []int, _ string, more int) []int { return append(coins, more) }

// rest reports whether a pause is over; nothing tests it.
func rest(d time.Duration) (over bool) {
	over = d >= pause+5*time.Minute
	return over
}
