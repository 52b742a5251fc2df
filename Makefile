# Consentry. `make` alone prints every target; docs/development.md says why things are as they are.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SUFFIXES:

ARGS ?=
NAME ?=
DB ?=

# Our programs: the package of each. One that does not exist yet is left out.
package.consentry-worker := ./worker
package.consentry-api    := ./api
package.consentry-dev    := ./dev
package.consentry        := ./starter
package.entra-emulator   := ./emulator/cmd/entra-emulator
PROGRAMS := $(foreach p,consentry-worker consentry-api consentry-dev consentry entra-emulator,\
	$(if $(wildcard $(package.$p)/*.go),bin/$p))

# The whole system on this machine. Whoever names a Temporal server needs none of ours, but for tests.
SYSTEM := bin/consentry-worker bin/consentry-dev bin/consentry
TEMPORAL := $(if $(TEMPORAL_ADDRESS),,bin/temporal-dev)

# What the Go tests start, too: the processes of production and the emulator by itself.
STARTED := bin/consentry-api bin/entra-emulator

# Whole runs are bounded, so that a test that hangs ends with the stacks of everything that waits.
TEST_TIMEOUT ?= 20m
SOAK_TIMEOUT ?= 4h

##@ Run

.PHONY: dev
dev: $(TEMPORAL) $(SYSTEM) ## Run the whole system on this machine; Ctrl-C stops it (DB=postgres keeps rows on PostgreSQL; ARGS="run --help" shows the flags)
	@exec bin/consentry-dev $(ARGS) $(if $(DB),--db '$(DB)')

.PHONY: dev-reset
dev-reset: ## Forget everything that make dev has kept in .dev/
	rm -rf .dev

.PHONY: demo
demo: $(TEMPORAL) $(SYSTEM) ## Migrate the demo customers from start to end without a person, through a killed worker and a missed deadline (DB=postgres for rows on PostgreSQL)
	@exec bin/consentry-dev demo $(ARGS) $(if $(DB),--db '$(DB)')

##@ Check

.PHONY: test
test: prerequisites lint test-go clients e2e ## Run everything that CI runs: lint, Go tests with the race detector, other clients, the browser journey

.PHONY: test-go
test-go: prerequisites-go bin/temporal-dev $(SYSTEM) $(STARTED) ## Run the Go tests, also those against a real Temporal server, but no browser
	@tools/step 'Go tests of the Temporal development server'
	cd dev/temporal && go test -timeout $(TEST_TIMEOUT) ./...
	@tools/step 'Go tests, with the race detector'
	go test -race -timeout $(TEST_TIMEOUT) ./...
	@tools/step 'The commands once more, on PostgreSQL'
	CONSENTRY_TEST_DATABASE=postgres go test -timeout $(TEST_TIMEOUT) ./internal/service

.PHONY: e2e
e2e: prerequisites-browser bin/temporal-dev $(SYSTEM) bin/consentry-api test/e2e-browser/node_modules/.package-lock.json ## Walk through the console and into the Temporal UI in a real browser, with accessibility checks
	@tools/step 'Browser journeys'
	bin/consentry-dev with -- npm --prefix test/e2e-browser test
	@tools/step 'The Temporal UI behind the proxy of production'
	go test -tags browser -count=1 ./test/door

.PHONY: clients
clients: prerequisites-node emulator/clients/node_modules/.package-lock.json ## Let Microsoft's own libraries for JavaScript walk through the emulator
	@tools/step 'Unmodified clients of the emulator'
	go test -tags clients -count=1 ./emulator/clients

.PHONY: lint
lint: bin/golangci-lint bin/workflowcheck ## Check style, mistakes, the import table and that workflow code is deterministic
	@tools/step 'Lint'
	bin/golangci-lint run ./...
	cd dev/temporal && ../../bin/golangci-lint run --config ../../.golangci.yml ./...
	@tools/step 'Determinism of workflow code'
	test/determinism/verify
	bin/workflowcheck -config test/determinism/config.yaml ./workflows/...
	@tools/step 'Import table'
	go test ./test/architecture

##@ Measure

.PHONY: bench
bench: bin/temporal-dev $(PROGRAMS) ## Print the figures as JSON lines (NAME=prefix measures a part)
	@exec go run ./test/bench $(if $(NAME),--name '$(NAME)') $(ARGS)

.PHONY: soak
soak: bin/temporal-dev $(SYSTEM) ## Run the long runs: faults, load and time, for hours
	go test -tags soak -run '^TestSoak' -timeout $(SOAK_TIMEOUT) ./...

##@ Make

.PHONY: build
build: bin/temporal-dev $(PROGRAMS) ## Build every program into bin/

.PHONY: record
record: bin/temporal-dev ## Record the workflow histories that the replay tests use
	@exec go run ./test/record $(ARGS)

.PHONY: screens
screens: prerequisites-browser bin/temporal-dev $(SYSTEM) test/e2e-browser/node_modules/.package-lock.json ## Take screenshots of every console page into .dev/screens/, and of the Temporal UI into docs/screens/
	bin/consentry-dev with -- npm --prefix test/e2e-browser run screens

.PHONY: help
help: ## Print this
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo

# ---- What the targets above are made of -----------------------------------------------------------------------------

# The Go tool knows best whether a program of ours is stale; asked each time, it answers in a second.
$(PROGRAMS): FORCE
	@tools/go-build . $@ $(package.$(@F)) $(@F)

# The tools below come from modules of their own: heavy to build, pinned, and none of their dependencies in the product.
TEMPORAL_DEV_SOURCES := $(filter-out %_test.go,$(wildcard dev/temporal/*.go)) dev/temporal/go.mod dev/temporal/go.sum

bin/temporal-dev: $(TEMPORAL_DEV_SOURCES)
	@tools/go-build dev/temporal $@ . 'the Temporal server with its UI'

bin/golangci-lint: tools/golangci-lint/go.mod tools/golangci-lint/go.sum
	@tools/go-build tools/golangci-lint $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint 'the linters'

bin/workflowcheck: tools/workflowcheck/go.mod tools/workflowcheck/go.sum
	@tools/go-build tools/workflowcheck $@ go.temporal.io/sdk/contrib/tools/workflowcheck 'the determinism checker'

test/e2e-browser/node_modules/.package-lock.json emulator/clients/node_modules/.package-lock.json: %/node_modules/.package-lock.json: %/package.json %/package-lock.json
	cd $* && npm ci --no-audit --no-fund
	@touch $@

.PHONY: prerequisites prerequisites-go prerequisites-node prerequisites-browser
prerequisites: prerequisites-go prerequisites-browser
prerequisites-go:
	@tools/prerequisites go
prerequisites-node:
	@tools/prerequisites node
prerequisites-browser:
	@tools/prerequisites browser

.PHONY: FORCE
FORCE:
