package verdict_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain has the properties tried more often than by default: what two rules
// in a certain order do to each other is rare in random policies.
func TestMain(m *testing.M) {
	asked := false
	flag.Parse()
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", "1500"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
