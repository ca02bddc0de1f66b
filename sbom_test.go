package endpointguard_test

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSBOM holds the lists that make sbom writes to what the linker put into the
// functions. SBOM is the folder of both; without it there is nothing to hold.
func TestSBOM(t *testing.T) {
	dir := os.Getenv("SBOM")
	if dir == "" {
		t.Skip("make sbom runs it")
	}
	for _, name := range []string{"guardrail", "sweep"} {
		info, err := buildinfo.ReadFile(filepath.Join(dir, name, "bootstrap"))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"std " + info.GoVersion}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			want = append(want, m.Path+" "+m.Version)
		}
		data, err := os.ReadFile(filepath.Join(dir, name+".cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		var bom struct {
			BOMFormat    string
			SerialNumber string
			Metadata     struct{ Timestamp string }
			Components   []struct {
				Name, Version string
				Evidence      struct{ Licenses []any }
			}
		}
		if err := json.Unmarshal(data, &bom); err != nil {
			t.Fatal(err)
		}
		if bom.BOMFormat != "CycloneDX" || bom.SerialNumber+bom.Metadata.Timestamp != "" {
			t.Errorf("%s: format %q, serial number %q, time %q", name, bom.BOMFormat, bom.SerialNumber, bom.Metadata.Timestamp)
		}
		var got []string
		for _, c := range bom.Components {
			got = append(got, c.Name+" "+c.Version)
			if len(c.Evidence.Licenses) == 0 && c.Name != "std" {
				t.Errorf("%s: no licence of %s", name, c.Name)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-linked +listed):\n%s", name, diff)
		}
	}
}
