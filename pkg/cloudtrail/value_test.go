package cloudtrail

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestValuesOfAnotherType: they are as good as absent.
func TestValuesOfAnotherType(t *testing.T) {
	for name, tc := range map[string]struct {
		value  string
		text   bool
		number bool
	}{
		"absent":          {"", false, false},
		"null":            {"null", false, false},
		"a text":          {`"7"`, true, false},
		"an empty text":   {`""`, true, false},
		"a number":        {"7", false, true},
		"zero":            {"0", false, true},
		"an array":        {"[7]", false, false},
		"an object":       {"{}", false, false},
		"a broken number": {"7,", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if s, ok := value(tc.value).str(); ok != tc.text || !ok && s != "" {
				t.Errorf("as a text %q, %t", s, ok)
			}
			if n, ok := value(tc.value).number(); ok != tc.number || !ok && n != 0 {
				t.Errorf("as a number %v, %t", n, ok)
			}
		})
	}
}

func TestOnlyTextsAreTakenOutOfLists(t *testing.T) {
	if diff := cmp.Diff([]string{"a", "", "b"}, value(`["a",null,"",7,["c"],"b"]`).strings()); diff != "" {
		t.Errorf("an array (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"a": "1", "b": ""}, value(`{"a":"1","b":"","c":null,"d":7}`).stringMap()); diff != "" {
		t.Errorf("an object (-want +got):\n%s", diff)
	}
	if got := value(`{"c":7}`).stringMap(); got != nil {
		t.Errorf("of no texts there is the map %v", got)
	}
}

func TestExcerpts(t *testing.T) {
	for name, tc := range map[string]struct{ value, want string }{
		"short":          {`"a"`, `"a"`},
		"on one line":    {"[1,\n2]", "[1,\ufffd2]"},
		"as long as may": {strings.Repeat("a", 80), strings.Repeat("a", 80)},
		"longer":         {strings.Repeat("a", 81), strings.Repeat("a", 80) + "…"},
		"letters count":  {strings.Repeat("é", 80), strings.Repeat("é", 80)},
		"wide letters":   {strings.Repeat("鍵", 80), strings.Repeat("鍵", 80)},
		"and one more":   {strings.Repeat("鍵", 81), strings.Repeat("鍵", 80) + "…"},
		"emoji":          {strings.Repeat("🔑", 81), strings.Repeat("🔑", 80) + "…"},
	} {
		if got := excerpt(value(tc.value)); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
