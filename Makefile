# Two commands to begin with: "make demo" runs the whole system on this machine, "make test" runs every test.
# One flag set for every build, so that nothing is compiled twice.
export GOFLAGS := -trimpath -buildvcs=false
export GOTOOLCHAIN := local
SHELL := /bin/bash
FUZZTIME ?= 30s
# The same commit gives the same bytes; a kiosk that starts without a clock knows that it is not earlier than BUILT.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BUILT := $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
BENCH_OUT ?=

.PHONY: demo test demo-check bench check unit fuzz build clean setup-build setup-demo setup-test setup-bench

# The whole system: modemsim, gateway, kiosk. Ctrl-C ends it. KEEP=1 keeps the data of the last run.
demo: setup-demo build
	@LANG=vi_VN.UTF-8 exec bin/demo $(if $(KEEP),-keep)

test: setup-test check unit fuzz demo-check

# Drives the demo by itself, with real clicks in the real window and a real browser at the console.
demo-check: setup-test build
	LANG=vi_VN.UTF-8 bin/demo -check

# Ratios side by side with peers, as a table; BENCH_OUT=file writes them as JSON too.
bench: setup-bench build
	LANG=vi_VN.UTF-8 bin/demo -bench $(if $(BENCH_OUT),-bench-out $(BENCH_OUT))

# gofmt, vet, staticcheck, the import table; govulncheck where its database can be reached.
check: setup-build
	@out=$$(gofmt -l cmd device ui gateway firmware-config); if [ -n "$$out" ]; then echo "not gofmt-ed: run gofmt -w on"; echo "$$out"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	go test ./cmd -run TestImports
	@.ci/vulncheck

unit: setup-test
	go test ./...

fuzz: setup-build
	@.ci/fuzz $(FUZZTIME)

build: setup-build
	@mkdir -p bin
	go build -ldflags '-X main.version=$(VERSION) -X main.built=$(BUILT)' -o bin/ ./cmd/...

setup-build:
	@.ci/setup build
setup-demo:
	@.ci/setup build demo
setup-test:
	@.ci/setup build demo test
setup-bench:
	@.ci/setup build demo test bench

clean:
	rm -rf bin run
