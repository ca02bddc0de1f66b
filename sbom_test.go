package endpointguard_test

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSBOM holds the lists that make sbom and make release write to what the linker
// put into the functions, and into the command for each platform. SBOM is the folder
// of all; without it there is nothing to hold. Each is compiled for where it is to run.
func TestSBOM(t *testing.T) {
	dir := os.Getenv("SBOM")
	if dir == "" {
		t.Skip("make sbom and make release run it")
	}
	programs, platforms := map[string]string{}, map[string]string{}
	for _, function := range []string{"guardrail", "sweep"} {
		programs[function], platforms[function] = filepath.Join(dir, function, "bootstrap"), "linux-arm64"
	}
	commands, err := filepath.Glob(filepath.Join(dir, "command", "*", "endpointguard*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range commands {
		name := filepath.Base(filepath.Dir(command))
		programs[name], platforms[name] = command, strings.TrimPrefix(name, "endpointguard-")
	}
	for name, program := range programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		setting := map[string]string{}
		for _, s := range info.Settings {
			setting[s.Key] = s.Value
		}
		if platform := setting["GOOS"] + "-" + setting["GOARCH"]; platform != platforms[name] {
			t.Errorf("%s is compiled for %s", name, platform)
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
