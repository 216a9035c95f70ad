# Everything an engineer does with this tree. `make` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PREFIX ?= /usr/local
NAMES := oarctl job jobctl
CARGO ?= cargo
# libssl-dev is for josekit; libkrb5-dev and libclang-dev (which reads the C headers) are for Kerberos.
# Without the last two: cargo build --no-default-features gives an oar that cannot use a ticket.
PACKAGES := gcc libc6-dev pkg-config libssl-dev ca-certificates libkrb5-dev libclang-dev
# A Kerberos server for tests/it/kerberos.rs, which is skipped where they are missing.
TEST_PACKAGES := krb5-kdc krb5-admin-server krb5-user
# cargo-nextest runs the tests when it is there; cargo's own runner does the same without it.
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)
# Tests write thousands of small files that are synced to disk: in memory that costs a third less, where there is a gigabyte
# of it and programs may be started from it.
IN_MEMORY := $(shell awk '$$2 == "/dev/shm" && $$4 !~ /noexec/ { print $$2; exit }' /proc/mounts 2>/dev/null | \
  while read -r folder; do [ "$$(df --output=avail "$$folder" | tail -1)" -gt 1000000 ] && [ -w "$$folder" ] && echo "$$folder"; done)
TEST_ENV := $(if $(IN_MEMORY),TMPDIR=$(IN_MEMORY))
RUN_TESTS := $(TEST_ENV) $(CARGO) $(if $(NEXTEST),nextest run --locked --all-targets,test --locked --all-targets -- --skip long::)
# Where cargo puts what it builds; the scripts in tools read the same variable.
TARGET := $(or $(CARGO_TARGET_DIR),target)
# What tests note about files that are not part of this tree: how many they read, or that they were skipped.
NOTES := $(TARGET)/tmp/real-files.txt

.PHONY: help setup check quick test snapshots docs deny bench serve sim rehearse crash releases fuzz contracts conformance conformance-complete sdk-clients claude-client kube-client people-help ci install uninstall packages test-packages

help: ## list the targets
	@grep -hE '^[a-z -]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 22

# The packages that are not installed get installed (as root), or are named in one line.
define install-packages
	@missing=""; for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ] && command -v dpkg-query >/dev/null; then \
	  if [ "$$(id -u)" = 0 ]; then echo "installing:$$missing"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  else echo "missing Debian packages; run:  sudo apt-get install -y$$missing" >&2; exit 1; fi; fi
endef

packages: ## install missing Debian packages (as root), or name them in one line
	$(call install-packages,$(PACKAGES))

test-packages: ## the same for packages that only tests use
	$(call install-packages,$(TEST_PACKAGES))

setup: packages ## packages, and the tools that `make ci` uses
	@command -v cargo-nextest >/dev/null || $(CARGO) install --locked cargo-nextest
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny

rehearse: packages ## build a release binary and rehearse 4.20.17
	$(CARGO) build --release --locked
	$(TARGET)/release/oar rehearse 4.20.17

test: packages ## all tests but the long ones
	@rm -f $(NOTES)
	@status=0; $(RUN_TESTS) || status=$$?; \
	if [ -f $(NOTES) ]; then echo "Files beside the checkout (OAR_SHARED):"; sort -u $(NOTES); fi; exit $$status

quick: packages ## rules only: domain and planner
	$(CARGO) test --locked --lib -- domain:: planner::

check: packages ## format, names that nothing uses, lints, documentation
	$(CARGO) fmt --check
	tools/unused_names.sh
	$(CARGO) clippy --locked --all-targets --features conformance -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items -q

snapshots: packages ## rewrite snapshots and generated reference, then look at `git diff`
	@command -v cargo-insta >/dev/null || { echo "snapshots inside the tests need: cargo install --locked cargo-insta" >&2; exit 1; }
	OAR_WRITE_REFERENCE=1 $(CARGO) insta test --accept --all-targets

docs: ## make docs/reference anew from the program
	OAR_WRITE_REFERENCE=1 $(CARGO) test --locked --test it -- surface

deny: ## licences, bans and sources of all dependencies
	$(CARGO) deny --offline check bans licenses sources

# Test records and versions of their registries for `make bench`; without them invented ones.
RECORDS ?=
REGISTRIES ?=
bench: ## time and memory of a rehearsal (median of 5), speed of health check, verdicts, aggregator and MCP server
	$(CARGO) build --release --locked
	tools/bench.sh $(TARGET)/release/oar
	$(CARGO) build --release --locked --example rehearsals --example mcp_load --example image_health --example evaluate_records \
	  --example aggregator_pass
	$(TARGET)/release/examples/rehearsals 200 --small
	$(TARGET)/release/examples/rehearsals 20
	$(TARGET)/release/examples/image_health
	$(TARGET)/release/examples/evaluate_records $(RECORDS) $(REGISTRIES)
	$(TARGET)/release/examples/aggregator_pass
	tools/bench_mcp.sh

sim serve: ## the simulator in the foreground; prints what to export
	$(CARGO) run --locked --release -- sim serve

crash: packages ## the long tests: kills between all writes, many writers, outages, planted secrets
ifdef NEXTEST
	$(TEST_ENV) $(CARGO) nextest run --locked --test it --profile long
else
	$(TEST_ENV) $(CARGO) test --locked --test it -- long:: --skip random_faults --skip crashes --skip lost_answers
endif
	$(MAKE) --no-print-directory releases OAR_RELEASES=20000 OAR_EVERY=1

# Simulated releases in an optimised build: 500 with random faults and some of the ways in which a driver can die before
# a change is handed over, 20000 and all ways once in a while. OAR_SEED is the first seed, OAR_EVERY plays every N-th way.
OAR_RELEASES ?= 500
OAR_SEED ?= 1
OAR_EVERY ?= 17
releases: packages ## simulated releases with random faults and dying drivers (OAR_RELEASES, OAR_SEED, OAR_EVERY)
	$(TEST_ENV) OAR_RELEASES=$(OAR_RELEASES) OAR_SEED=$(OAR_SEED) OAR_EVERY=$(OAR_EVERY) \
	  $(CARGO) test --locked --release --test it -- random_faults::long crashes::long lost_answers::long --nocapture

FUZZ_ITERATIONS ?= 20000
fuzz: ## parsers against damaged files and a million snapshots for the planner (FUZZ_ITERATIONS per parser, OAR_FUZZ_SEED)
	OAR_FUZZ_ITERATIONS=$(FUZZ_ITERATIONS) $(CARGO) test --locked --test it -- fuzz:: --nocapture
	OAR_PLANNER_INPUTS=1000000 $(CARGO) test --locked --test it -- properties --skip long:: --nocapture

contracts: packages ## the journal of a rehearsal against the published APIs of GitHub and Jira
	@test -x target/contract-venv/bin/python || python3 -m venv target/contract-venv
	@target/contract-venv/bin/python -c 'import openapi_schema_validator' 2>/dev/null || target/contract-venv/bin/pip install -q openapi-schema-validator==0.9.0
	$(CARGO) test --locked --test it -- contract::journal published --nocapture

kube-client: packages ## the official Python client of Kubernetes sets, reads and takes off a payload's label
	@test -x target/kubernetes-venv/bin/python || python3 -m venv target/kubernetes-venv
	@target/kubernetes-venv/bin/python -c 'import kubernetes' 2>/dev/null || target/kubernetes-venv/bin/pip install -q kubernetes==34.1.0
	$(CARGO) test --locked --test it -- kube_python --nocapture

conformance: packages ## the protocol's test suite against `oar mcp serve` (from npm; skipped without it)
	$(CARGO) build --locked
	tools/conformance.sh

conformance-complete: packages ## the same with the suite's own tools: all that both revisions require
	$(CARGO) build --locked --features conformance
	tools/conformance.sh --fixtures

sdk-clients: packages ## the Python and TypeScript SDKs call tools over HTTP, SSE and stdio
	$(CARGO) build --locked
	tools/clients/sdks.sh

claude-client: packages ## the Claude Code client connects over HTTP, SSE and stdio (no model is asked)
	$(CARGO) build --locked
	tools/clients/claude.sh

people-help: packages ## rehearse from every state file of STATEBOX=FOLDER/MINOR/*.yaml, people helping
	@test -n "$(STATEBOX)" || { echo "make people-help STATEBOX=FOLDER: the folder with real state files, one folder per minor" >&2; exit 2; }
	$(CARGO) build --locked
	tools/people_help.sh $(TARGET)/debug/oar "$(STATEBOX)"

# `test` holds the short forms of `crash` and `fuzz`; their long forms are targets of their own.
ci: check test ## exactly what CI runs
	@if command -v cargo-deny >/dev/null; then $(MAKE) deny; else echo "cargo-deny is not installed: licences not checked (make setup installs it)"; fi
	@git diff --exit-code -- docs/reference || { echo "docs/reference differs from what is committed: run make docs and commit"; exit 1; }

install: packages ## put oar, its other names, manual and completions below PREFIX (below DESTDIR)
	$(CARGO) build --release --locked
	$(MAKE) --no-print-directory install-files

# Without building: what was built last, or PROGRAM. Files that no install of ours wrote are never replaced.
PROGRAM ?= $(TARGET)/release/oar
.PHONY: install-files
install-files:
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" NAMES="$(NAMES)" FORCE="$(FORCE)" tools/install_files.sh "$(PROGRAM)"

uninstall: ## remove what install made
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" tools/install_files.sh --remove
