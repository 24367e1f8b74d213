# `make test` and `make demo` are the two commands; `make help` lists the rest.

.DEFAULT_GOAL := help
.PHONY: help test bench demo build lint fmt crds docs image mutants chaos tools world compiled deny
MAKEFLAGS += --no-print-directory

# Tools and the local world are built once and kept outside of the repository.
CACHE := $(or $(LAMBDA_TRIGGERS_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lambda-triggers)
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(CACHE)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CARGO_MUTANTS_VERSION := 27.1.0
CARGO_MUTANTS := $(CACHE)/cargo-mutants-$(CARGO_MUTANTS_VERSION)/bin/cargo-mutants

# A cluster that is given to us needs no control plane of our own.
OWN_CONTROL_PLANE := $(if $(KUBECONFIG)$(KUBEBUILDER_ASSETS),,yes)

# Most of a test is waiting for the operator, so more of them than cores run side by side.
export RUST_TEST_THREADS ?= 4

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1#\2/p' $(MAKEFILE_LIST) | awk -F'#' '{ printf "  %-12s %s\n", $$1, $$2 }'

test: tools ## Check format, lints and dependencies, then run every test against a real API server
	@$(MAKE) -j2 world compiled
	@$(MAKE) deny
	cargo test --workspace --locked
	@# All take too long for each time; which part it is follows from the code, so that in time each has its turn.
	@$(MAKE) mutants MUTANTS=any/20

chaos: ## Random faults in the simulated world, SEEDS=n of them; SEED=n replays one and prints its calls
	SEED=$(SEED) SEEDS=$(SEEDS) cargo test --workspace --lib --locked $(if $(SEED),sim::tests::seeds::chaos,chaos) -- --ignored --nocapture

bench: tools ## Print what the operator needs of memory and time, in some minutes; OBJECTS=n, 10,000 of them by default
	@$(MAKE) world
	@# What the image holds, where that can be built: another C library and another optimization are other figures.
	@binary=$$(./image.sh --binary); \
	test -n "$$binary" || { cargo build --profile image --locked --package lambda-triggers && \
	    binary=target/image/lambda-triggers; } && \
	LAMBDA_TRIGGERS_BIN="$(CURDIR)/$$binary" OBJECTS=$(OBJECTS) \
	    cargo test --quiet --workspace --test e2e --locked -- bench::figures --ignored --nocapture

demo: tools ## See both resources at work, in two minutes; KEEP=1 leaves all running to play with
	@$(MAKE) -j2 world build
	@KEEP=$(KEEP) cargo run --quiet --locked --package lambda-triggers-tests --bin demo

build: tools ## Build lambda-triggers
	cargo build --locked --package lambda-triggers

lint: tools ## Check format and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

fmt: tools ## Format the code
	cargo fmt --all

crds: build ## Generate crds/ from the types, and the chart's copy of it
	cargo run --quiet --locked --package lambda-triggers -- crds --dir crds
	cargo run --quiet --locked --package lambda-triggers -- crds --dir charts/lambda-triggers/files/crds

docs: tools ## Generate the references in docs/ from the types and the command line, and the chart's from its values
	LAMBDA_TRIGGERS_UPDATE_DOCS=1 cargo test --quiet --locked --workspace --test e2e -- docs::generated chart::readme gitops

image: ## Build the container image without a daemon, by buildah
	@./image.sh

mutants: $(CARGO_MUTANTS) ## Change each decision in small ways and see that a test notices; MUTANTS=0/20 for a twentieth
	@PATH="$(dir $(CARGO_MUTANTS)):$$PATH" tests/mutants.py $(MUTANTS)

# Says what is missing before anything is built.
tools:
	@missing=; \
	cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || { missing=1; \
	    echo 'cargo with rustfmt and clippy is not on PATH: install Rust from https://rustup.rs,' >&2; \
	    echo 'then `rustup component add rustfmt clippy`.' >&2; }; \
	command -v cc >/dev/null || { missing=1; \
	    echo 'cc, a C compiler, is not on PATH. Debian, Ubuntu: apt-get install build-essential; macOS: xcode-select --install.' >&2; }; \
	tests/ministack/install.sh --check || missing=1; \
	$(if $(OWN_CONTROL_PLANE),tests/controlplane/build.sh --check >/dev/null || missing=1;) \
	tests/helm/build.sh --check >/dev/null || missing=1; \
	test -z "$$missing"

# The control plane, the local AWS and the tools: fetched and built while our own code compiles.
world: $(CARGO_DENY) $(CARGO_MUTANTS)
	@tests/ministack/install.sh >/dev/null
	@$(if $(OWN_CONTROL_PLANE),tests/controlplane/build.sh >/dev/null)
	@tests/helm/build.sh >/dev/null

compiled: lint build
	cargo test --workspace --locked --no-run

deny: $(CARGO_DENY)
	$(CARGO_DENY) --locked --log-level warn check bans licenses sources

# Unoptimized: a third of the time to build, and quick enough for what they do here.
define install
	@echo 'Building $(1) $(2) (once) ...' >&2
	@CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --locked --debug \
	    --root $(CACHE)/$(1)-$(2) $(1)@$(2) 2>&1 | grep -v 'to your PATH' >&2; \
	    test -x $@
endef

$(CARGO_DENY):
	$(call install,cargo-deny,$(CARGO_DENY_VERSION))

$(CARGO_MUTANTS):
	$(call install,cargo-mutants,$(CARGO_MUTANTS_VERSION))
