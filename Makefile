# Everything is compiled with the functions' own flags, whatever it is for, so that
# a package is compiled once for this machine and once for Lambda: EC2's part of the
# SDK alone takes minutes. They make the functions reproducible: nothing gets into
# them but the code, so that deploying the same code again changes nothing.
FLAGS := -tags=lambda.norpc -trimpath -buildvcs=false
export CGO_ENABLED := 0
export GOFLAGS := $(strip $(filter-out $(FLAGS),$(shell go env GOFLAGS)) $(FLAGS))
FUNCTION := go build -ldflags '-s -w'
LAMBDA := GOOS=linux GOARCH=arm64 $(FUNCTION)

# Go's limit of 10 minutes for a package's tests is too short for a busy machine.
LIMIT := -timeout 2h

# says tells, before a compiler runs, what is compiled: it says nothing itself.
says = @echo "compiling $(1); the first time, that takes minutes" >&2

DIST ?= dist
# The policy in guardrail.zip. A deployment puts its own setting's in.
POLICY ?= policy.yaml

# The SDK reads a bundle of certificates at each start, which takes longer than the
# function's own start; no AWS that these targets talk to needs one.
PLAIN := env -u AWS_CA_BUNDLE -u AWS_PROFILE

# The CDK's runtime writes a banner about the age of Node.js 20 otherwise.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

.PHONY: build functions demo picture check test simulate mutate e2e lint clean fuzz bench sbom release

# build makes what cdk deploy takes: the functions and the CDK app.
build: functions
	$(call says,the CDK app)
	@go -C infra build -o ../bin/infra .

# functions makes guardrail.zip and sweep.zip.
functions:
	$(call says,the functions for Lambda)
	@mkdir -p $(DIST)/guardrail $(DIST)/sweep
	@$(LAMBDA) -o $(DIST)/guardrail/bootstrap ./functions/guardrail
	@$(LAMBDA) -o $(DIST)/sweep/bootstrap ./functions/sweep
	@go -C infra build -o ../bin/bundle ./cmd/bundle
	@bin/bundle $(DIST)/guardrail.zip bootstrap=$(DIST)/guardrail/bootstrap policy.yaml=$(POLICY)
	@bin/bundle $(DIST)/sweep.zip bootstrap=$(DIST)/sweep/bootstrap

# demo runs the guardrail against an AWS inside a process of this machine.
demo:
	$(call says,the function and endpointguard for this machine)
	@$(FUNCTION) -o bin/host/bootstrap ./functions/guardrail
	@go build -o bin/endpointguard ./cmd/endpointguard
	@$(PLAIN) bin/endpointguard demo --function bin/host/bootstrap

# picture makes docs/demo.svg, which the README shows, from what the demo writes to
# a terminal. The same test, without -update, says when the picture is stale.
picture:
	$(call says,the demo's tests)
	$(PLAIN) go test $(LIMIT) -count=1 -run '^TestDemoOnATerminal$$' ./cmd/endpointguard -update

# check is for between two edits: the format, go vet and the core's tests but the slow
# ones, in half a minute once everything is compiled. What each skips, it says why.
check:
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	@go vet ./...
	@$(PLAIN) go test -short $(LIMIT) . ./events/... ./functions/... ./pkg/...

# test runs every test of every module.
test: build
	$(call says,every test of this module)
	$(PLAIN) go test $(LIMIT) ./...
	$(call says,the tests of the CDK app)
	$(PLAIN) go -C infra test $(LIMIT) ./...
	$(call says,the tests of the tools)
	$(PLAIN) go -C tools test $(LIMIT) ./...

# simulate plays SEEDS seeded histories from seed FROM on: people, faults and kills
# against the real function in virtual time. It fails if one of them does, with that
# history as a story and the command that plays it again.
SEEDS ?= 100000
FROM ?= 1
simulate:
	$(call says,the simulation)
	@go test -c -o bin/simulation.test ./pkg/simulation
	@cd pkg/simulation && $(PLAIN) ../../bin/simulation.test -test.run '^TestHistories$$' -test.timeout 0 -seeds $(SEEDS) -from $(FROM) -every 1000

# mutate tries whether the packages' tests notice small mistakes in their code. It
# tells those that none of them noticed, and fails if more than 5 in 100 are so.
# tools/mutate/equivalent.txt lists, with the reason, those that mean the same.
# ONLY=pkg/brake/brake.go tries those of one file again, with :40 those of a line.
PACKAGES ?= ./pkg/incident ./pkg/guardrail ./pkg/brake ./pkg/ledger ./pkg/wakeup ./pkg/verdict ./pkg/cloudtrail
ONLY ?=
mutate:
	$(call says,the tool and the packages' tests)
	@go -C tools build -o ../bin/mutate ./mutate
	@$(PLAIN) bin/mutate -only "$(ONLY)" $(PACKAGES)

# e2e deploys to moto, with the real CDK, and runs what was deployed.
e2e: build
	$(call says,the tests of the CDK app)
	$(PLAIN) go -C infra test $(LIMIT) -count=1 -run TestDeployed -v .

# bench measures the built function beside a bare one and one that makes the same
# calls, and the judgement by 200 rules. It fails if an aim is missed.
bench: functions
	$(call says,the functions and the tests for this machine)
	@cd pkg/bench && $(PLAIN) BENCH=1 go test $(LIMIT) -count=1 -run TestFigures
	@$(PLAIN) go test -run '^$$' -bench . -benchmem ./pkg/verdict

# The version, from the one place that has it.
VERSION := $(shell sed -n 's/^const Version = "\(.*\)"$$/\1/p' pkg/function/function.go)

# list writes what is compiled into a program, for a list of its name: modules,
# licences, hashes. The same program makes the same list; nothing is fetched for it, no
# sums either: what is compiled in was held to go.sum.
define list
list() { GOPROXY=off GOSUMDB=off $$tool bin -json -licenses -std -noserial -notimestamp -version v$(VERSION) \
    -output "$$2.cdx.json" "$$1" 2> $(DIST)/sbom.log || { cat $(DIST)/sbom.log >&2; exit 1; }; }; \
  tool=$$(go tool -modfile=tools/go.mod -n cyclonedx-gomod) || exit 1; rm -f $(DIST)/sbom.log
endef

# sbom lists what is compiled into the two functions.
sbom: functions
	$(call says,the tool that lists)
	@$(list); for f in guardrail sweep; do list $(DIST)/$$f/bootstrap $(DIST)/$$f; done
	@SBOM=$(abspath $(DIST)) go test -count=1 -run TestSBOM .

# release makes all files of a release, which SHA256SUMS names: the two functions,
# the command for each platform, and a list of what is compiled into each. The same
# version of Go makes the same bytes, wherever it does. TAG, if it is given, must be
# the version's.
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
TAG ?=
release: functions
	@test -z "$(TAG)" || test "$(TAG)" = v$(VERSION) || \
	  { echo "the tag is $(TAG), and pkg/function/function.go has the version $(VERSION)" >&2; exit 1; }
	@rm -rf $(DIST)/command $(DIST)/endpointguard-*.zip $(DIST)/*.cdx.json $(DIST)/SHA256SUMS
	$(call says,the tool that lists)
	@$(list); for f in guardrail sweep; do list $(DIST)/$$f/bootstrap $(DIST)/$$f; done; \
	for platform in $(PLATFORMS); do \
	  os=$${platform%/*}; name=endpointguard-$$os-$${platform#*/}; file=endpointguard; test $$os != windows || file=endpointguard.exe; \
	  echo "compiling endpointguard for $$platform; the first time, that takes minutes" >&2; \
	  GOOS=$$os GOARCH=$${platform#*/} $(FUNCTION) -o $(DIST)/command/$$name/$$file ./cmd/endpointguard && \
	  list $(DIST)/command/$$name/$$file $(DIST)/$$name && \
	  bin/bundle $(DIST)/$$name.zip $$file=$(DIST)/command/$$name/$$file LICENSE=LICENSE CHANGELOG.md=CHANGELOG.md || exit 1; \
	done
	@SBOM=$(abspath $(DIST)) go test -count=1 -run TestSBOM .
	@cd $(DIST) && LC_ALL=C && export LC_ALL && $(SHA256) *.zip *.cdx.json > SHA256SUMS && cat SHA256SUMS

SHA256 := $(shell command -v sha256sum || echo shasum -a 256)

# fuzz runs every fuzz target for FUZZTIME; what one finds is kept in the testdata
# of its package.
FUZZTIME ?= 30s
fuzz:
	@failed=; for package in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
	  targets=$$(go test -list '^Fuzz' $$package) || failed="$$failed $$package"; \
	  for target in $$(echo "$$targets" | grep '^Fuzz'); do \
	    echo "$$package $$target"; \
	    $(PLAIN) go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || failed="$$failed $$target"; \
	  done; \
	done; \
	test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }

lint:
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	go vet ./...
	go -C infra vet ./...
	go -C tools vet ./...
	go tool -modfile=tools/go.mod golangci-lint run ./...
	cd infra && go tool -modfile=../tools/go.mod golangci-lint run ./...
	cd tools && go tool golangci-lint run ./...

clean:
	rm -rf bin dist cdk.out
