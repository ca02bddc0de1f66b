//go:build !race

// The CDK's runtime in Go has data races of its own, so what synthesizes is left
// out under -race. Nothing here may run in parallel: there is one runtime.

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/endpointguard/endpointguard/infra/bundle"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

type template struct {
	Resources map[string]cfnResource
	Outputs   map[string]struct{ Value any }

	text []byte
}

type cfnResource struct {
	Type           string
	Properties     map[string]any
	DependsOn      any
	DeletionPolicy string
}

// templates are those that were synthesized before: each takes a second.
var templates = map[string]template{}

// synthesized returns the template of the first region of a context.
func synthesized(t *testing.T, context map[string]any) template {
	t.Helper()
	key, err := json.Marshal(context)
	if err != nil {
		t.Fatal(err)
	}
	if out, ok := templates[string(key)]; ok {
		return out
	}
	out := synthesize(t, context)
	templates[string(key)] = out
	return out
}

func synthesize(t *testing.T, context map[string]any) template {
	t.Helper()
	app, stack := newApp(t, context)
	text, err := json.MarshalIndent(app.Synth(nil).GetStackByName(stack.StackName()).Template(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	out := template{text: text}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// newApp returns the app of a context, not synthesized yet, and its first stack.
// Its functions are empty: no test of a template needs them.
func newApp(t *testing.T, context map[string]any) (awscdk.App, awscdk.Stack) {
	t.Helper()
	d, err := parseSettings(context, "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	document, err := loadPolicy("..", d.PolicyFile, today)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	b := Bundles{Guardrail: filepath.Join(folder, "guardrail.zip"), Sweep: filepath.Join(folder, "sweep.zip")}
	for _, zip := range []string{b.Guardrail, b.Sweep} {
		if err := bundle.Write(zip, bundle.Files{bundle.Bootstrap: []byte(filepath.Base(zip))}); err != nil {
			t.Fatal(err)
		}
	}
	if b, err = b.hashed(); err != nil {
		t.Fatal(err)
	}
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false), Outdir: jsii.String(t.TempDir())})
	var first awscdk.Stack
	for i, region := range d.Regions {
		stack := newStack(app, d, region, document, b)
		if i == 0 {
			first = stack
		}
	}
	return app, first
}

// of returns the resources of a type, by logical id.
func (x template) of(kind string) map[string]cfnResource {
	out := map[string]cfnResource{}
	for id, r := range x.Resources {
		if r.Type == kind {
			out[id] = r
		}
	}
	return out
}

// named returns the one resource of a type whose logical id begins with the name.
func (x template) named(t *testing.T, kind, name string) (string, map[string]any) {
	t.Helper()
	var found []string
	for id := range x.of(kind) {
		if strings.HasPrefix(id, name) {
			found = append(found, id)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s %s: there are %q", kind, name, found)
	}
	return found[0], x.Resources[found[0]].Properties
}

// at reads a value deep in JSON: names of members, and indices of lists.
func at(value any, path ...any) any {
	for _, step := range path {
		switch v := value.(type) {
		case map[string]any:
			value = v[fmt.Sprint(step)]
		case []any:
			i, ok := step.(int)
			if !ok || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

func list(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// words writes a value that is one text or a list of texts.
func words(value any) []string {
	var out []string
	for _, v := range list(value) {
		out = append(out, fmt.Sprint(v))
	}
	slices.Sort(out)
	return out
}

// resolver works out intrinsic functions: what Ref and Fn::GetAtt mean is given
// as "Ref ID" and "ID.ATTRIBUTE".
type resolver map[string]string

func (r resolver) text(t *testing.T, value any) string {
	t.Helper()
	switch v := value.(type) {
	case string:
		return v
	case map[string]any:
		if ref, ok := v["Ref"].(string); ok {
			return r.known(t, "Ref "+ref)
		}
		if parts, ok := v["Fn::GetAtt"].([]any); ok {
			return r.known(t, fmt.Sprintf("%s.%s", parts...))
		}
		if join, ok := v["Fn::Join"].([]any); ok {
			var parts []string
			for _, part := range join[1].([]any) {
				parts = append(parts, r.text(t, part))
			}
			return strings.Join(parts, join[0].(string))
		}
	}
	t.Fatalf("cannot resolve %v", value)
	return ""
}

func (r resolver) known(t *testing.T, name string) string {
	t.Helper()
	value, ok := r[name]
	if !ok {
		t.Fatalf("nothing is known of %s", name)
	}
	return value
}
