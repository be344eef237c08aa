# Everything that a developer or a CI runs. `make help` lists it.
GO      ?= go
BIN     := .cache/bin
LINT    := $(BIN)/golangci-lint
export CGO_ENABLED ?= 0

.PHONY: help build test short lint check bench bench-smoke soak chaos fuzz generate man clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the binary, ./freshet
	$(GO) build -trimpath -o freshet ./cmd/freshet

test: ## all tests with the race detector; installs what they need
	@scripts/ensure-test-tools
	CGO_ENABLED=1 $(GO) test -race -timeout 20m ./...

short: ## all tests without the race detector: quicker, says less
	$(GO) test -timeout 10m ./...

lint: $(LINT) ## the linters, the import rules among them
	$(LINT) run ./...

$(LINT): tools/go.mod
	@mkdir -p $(BIN)
	cd tools && $(GO) build -o ../$(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

check: ## formatting, vet and a tidy go.mod
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt: run gofmt -w on:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) mod tidy -diff

bench: ## the figures of docs/benchmarks.md
	FRESHET_BENCH_MEDIA=$${FRESHET_BENCH_MEDIA:-1000000} FRESHET_BENCH_IMPORT=$${FRESHET_BENCH_IMPORT:-200000} \
		FRESHET_BENCH_TASKS=$${FRESHET_BENCH_TASKS:-30000000} $(GO) test -run '^$$' -bench . -benchtime 2s -timeout 60m ./internal/... ./bench/...

bench-smoke: ## each benchmark once: proves that they run
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 10m ./internal/... ./bench/...

soak: ## the long forms of the proofs: kills, fill races, log order, and 20 minutes in which nothing may grow
	@scripts/ensure-test-tools
	FRESHET_SOAK=1 CGO_ENABLED=1 $(GO) test -race -timeout 60m -run 'TestP[0-9]|TestTheJobNames' -v ./...

chaos: ## of these, only what kills processes and spoils wires and disks
	@scripts/ensure-test-tools
	FRESHET_SOAK=1 CGO_ENABLED=1 $(GO) test -race -timeout 60m -v -run 'Kill|Crash|NothingIsLost|Restored|Restarted|BadWires|RepeatedAndReordered' ./...

FUZZTIME ?= 1m
fuzz: ## every fuzz target for FUZZTIME (1m)
	@scripts/fuzz-all $(FUZZTIME)

generate: ## regenerate what is generated and committed
	$(GO) test ./internal/config ./internal/fault ./internal/metrics ./cmd/freshet -run Manual -update

man: ## the man pages, into man/man1
	$(GO) run ./cmd/freshet man man/man1

clean: ## what builds and tests leave behind
	rm -rf freshet man .cache
