# Payoff. `make` alone prints what there is.

GO      ?= go
# Everything but the benchmarks' and crash tests' long forms runs with these.
TESTFLAGS ?= -shuffle=on -timeout 20m
SEEDS   ?= 25
DATA    ?= payoff-demo
# Vetting and tests need no network once `make engine` has run.
export PAYOFF_ENGINE_LIBRARY ?= $(CURDIR)/.cache/engine/libchdb.so

.DEFAULT_GOAL := help
.PHONY: help engine browser build demo test check race crash test-kafka bench fuzz generate fresh lint coverage clean

help: ## print these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

engine: ## get the embedded ClickHouse (npm package, hash checked)
	@scripts/get-engine.sh

browser: ## get Chromium and axe-core, which look at the pages in tests
	@scripts/get-browser.sh

build: engine ## build the commands into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/...
	@ln -sf ../.cache/engine/libchdb.so bin/libchdb.so

demo: build ## set up, run the way on an example, and open its pages
	@scripts/demo.sh $(DATA)

test: engine ## all tests that need no server
	@scripts/get-browser.sh || echo "without it the test that looks at pages is skipped"
	@scripts/in-memory.sh $(GO) test $(TESTFLAGS) ./...

race: engine ## the same under the race detector
	@scripts/in-memory.sh $(GO) test -race $(TESTFLAGS) ./...

check: engine browser lint fresh ## everything a change must pass; CI calls this
	@scripts/in-memory.sh scripts/check-tests.sh
	@$(MAKE) --no-print-directory crash
	@scripts/test-kafka.sh

lint: ## format, vet, staticcheck
	@out="$$(gofmt -l cmd pkg internal schemas)"; test -z "$$out" || { echo "gofmt needed: $$out"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

fresh: engine ## generated files are what the sources make
	@scripts/fresh.sh

generate: engine ## write the generated files anew
	$(GO) test ./internal/handbook -run Fresh -update
	$(GO) test ./pkg/dashboard -run Fresh -update

crash: engine ## kill real processes at seeded instants (SEEDS=25); Kafka and ClickHouse away for a minute
	$(GO) test -timeout 60m -run 'TestCrash|AwayUnderLoad' ./cmd/payoff -crash.seeds=$(SEEDS) -faults.outage=60s

test-kafka: engine ## the transport, and two loaders that are killed, on a real Apache Kafka (Maven, Java 17)
	@scripts/test-kafka.sh

bench: engine ## benchmarks; figures of the README come from here
	$(GO) test -run '^$$' -bench . -benchtime 2s ./pkg/... ./examples/...
	$(GO) test -run '^$$' -bench . -benchtime 200x ./cmd/payoff

coverage: ## how often each estimator is wrong when there is no effect
	$(GO) run ./internal/coverage

fuzz: ## every fuzz target for FUZZTIME (10s)
	@scripts/fuzz.sh $(or $(FUZZTIME),10s)

clean: ## remove what was built and fetched
	rm -rf bin .cache
