package endpoint_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// The list is that of the SDK which go.mod names: an update of the SDK that knows
// a new region shows here.
func TestRegionsAreTheSDKs(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "internal", "endpoints", "awsrulesfn", "partitions.json"))
	if err != nil {
		t.Fatal(err)
	}
	var known struct {
		Partitions []struct{ Regions map[string]any }
	}
	if err := json.Unmarshal(data, &known); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, p := range known.Partitions {
		for region := range p.Regions {
			if !strings.HasSuffix(region, "-global") {
				want = append(want, region)
			}
		}
	}
	slices.Sort(want)
	got := endpoint.Regions()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-SDK +Regions)\n%s", diff)
	}
	if !endpoint.KnownRegion("eu-west-1") || endpoint.KnownRegion("eu-wset-1") {
		t.Error("KnownRegion")
	}
}
