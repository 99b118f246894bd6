# The words that CI runs too. `make test` is the README's second command.

GO     ?= go
TOOL    = $(GO) tool -modfile=tools/go.mod
UNIT    = $$($(GO) list ./... | grep -v '^coffer/test/')
SUITES  = ./test/...

.PHONY: all build run check lint unit test suites compat crash soak model browser fuzz bench vendor-js deps clean

all: build

build: ## the binary, in bin/coffer
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/coffer ./cmd/coffer

run:
	$(GO) run ./cmd/coffer serve

check: lint unit ## what every change must pass: style, vet, staticcheck, unit tests under the race detector

lint:
	@out=$$(gofmt -l .); [ -z "$$out" ] || { echo "not gofmt-clean:"; echo "$$out"; exit 1; }
	@out=$$($(TOOL) goimports -local coffer -l .); [ -z "$$out" ] || { echo "imports not in order (goimports -local coffer):"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...

unit:
	$(GO) test -race $(UNIT)

deps: ## what the suites need: Debian packages if this is root on Debian
	./test/deps.sh

test: deps lint unit suites ## everything, in its short form

suites: ## the real binary with real clients, crashes and faults
	$(GO) test -timeout 30m $(SUITES)

compat: ## long form: every client with large trees
	COFFER_TEST_LONG=1 COFFER_TEST_REQUIRE=1 $(GO) test -timeout 2h -v ./test/compat

crash: ## long form: 1,000 kills, more file systems; COFFER_TEST_CYCLES and COFFER_TEST_TIME bound them
	COFFER_TEST_LONG=1 $(GO) test -timeout 6h -v ./test/crash

soak: ## a load with something wrong every few seconds, for SOAK (default a day)
	COFFER_TEST_SOAK=$${SOAK:-24h} $(GO) test -count=1 -timeout 0 -v -run '^TestSoak$$' ./test/crash

model: ## long form: random operations against a model of S3, for an hour or so
	COFFER_TEST_LONG=1 $(GO) test -count=1 -timeout 6h -v ./test/model

browser: ## the console in chromium, with pictures in bin/pictures
	COFFER_ARTIFACTS=$(CURDIR)/bin/pictures $(GO) test -count=1 -v ./test/browser

vendor-js: ## what the console takes from npm, copied and checksummed; needs npm
	./console/static/vendor.sh

fuzz: ## each fuzz target for FUZZTIME (default one minute)
	./test/fuzz.sh $${FUZZTIME:-1m}

bench: ## coffer, peers and the machine's limits in one run, under 15 minutes; BENCH='--peer minio=PATH' gives flags
	$(GO) run ./bench $(BENCH)

clean:
	rm -rf bin
