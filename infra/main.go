// The CDK app that deploys the guardrail: one stack for each region. Run it
// through the CDK's command line, which reads cdk.json.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/endpointguard/endpointguard/infra/bundle"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run synthesizes the app. Root is the folder of cdk.json. Nothing of the CDK is
// started before everything is checked: what is wrong is told at once, and alone.
func run(root string) error {
	context, err := readContext(os.Getenv)
	if err != nil {
		return err
	}
	d, err := parseSettings(context, os.Getenv("CDK_DEFAULT_REGION"))
	if err != nil {
		return err
	}
	document, err := loadPolicy(root, d.PolicyFile, time.Now())
	if err != nil {
		return err
	}
	for _, warning := range append(d.Warnings, document.Warnings...) {
		fmt.Fprintln(os.Stderr, "warning:", warning)
	}
	folder, err := os.MkdirTemp("", "endpointguard-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	bundles, err := bundles(root, folder, document)
	if err != nil {
		return err
	}
	defer jsii.Close()
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)})
	for _, region := range d.Regions {
		newStack(app, d, region, document, bundles)
	}
	app.Synth(nil)
	return nil
}

// readContext reads the context as the CDK's command line hands it over: what of
// it doesn't fit into an environment variable is in a file. Source: the CDK's
// cx-api, CONTEXT_ENV and CONTEXT_OVERFLOW_LOCATION_ENV.
func readContext(getenv func(string) string) (map[string]any, error) {
	context := map[string]any{}
	if text := getenv("CDK_CONTEXT_JSON"); text != "" {
		if err := json.Unmarshal([]byte(text), &context); err != nil {
			return nil, fmt.Errorf("read the context in CDK_CONTEXT_JSON: %w", err)
		}
	}
	if file := getenv("CONTEXT_OVERFLOW_LOCATION_ENV"); file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the context: %w", err)
		}
		if err := json.Unmarshal(data, &context); err != nil {
			return nil, fmt.Errorf("read the context in %s: %w", file, err)
		}
	}
	return context, nil
}

// Bundles are the paths of the functions' zip files, and the hash of each as Lambda
// tells it of the code that runs.
type Bundles struct {
	Guardrail, Sweep         string
	GuardrailHash, SweepHash string
}

// hashed returns the bundles with their hashes: the SHA-256 in base 64. Source: the
// Lambda API reference, FunctionConfiguration, CodeSha256.
func (b Bundles) hashed() (Bundles, error) {
	for file, place := range map[string]*string{b.Guardrail: &b.GuardrailHash, b.Sweep: &b.SweepHash} {
		data, err := os.ReadFile(file)
		if err != nil {
			return b, err
		}
		sum := sha256.Sum256(data)
		*place = base64.StdEncoding.EncodeToString(sum[:])
	}
	return b, nil
}

// bundles takes what make build made, with the policy of this deployment.
func bundles(root, folder string, document Document) (Bundles, error) {
	b := Bundles{Guardrail: filepath.Join(folder, "guardrail.zip"), Sweep: filepath.Join(root, "dist", "sweep.zip")}
	built, err := bundle.Read(filepath.Join(root, "dist", "guardrail.zip"))
	if err == nil {
		_, err = os.Stat(b.Sweep)
	}
	if err != nil {
		return b, errors.Join(err, errors.New("run make build first"))
	}
	built[bundle.Policy] = document.Text
	if err := bundle.Write(b.Guardrail, built); err != nil {
		return b, err
	}
	return b.hashed()
}
