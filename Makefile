# `make test` and `make demo` are the two commands; `make help` lists the rest.

.DEFAULT_GOAL := help
.PHONY: help test demo build run unit e2e lint fmt crds docs chaos gitops mutants bench image tools first-run control-plane local-aws chart-tools gitops-tools checkers compiled deny workflows
MAKEFLAGS += --no-print-directory

# Tools and the test environment are built once and kept outside of the repository.
CACHE := $(or $(LAMBDA_TRIGGERS_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lambda-triggers)
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(CACHE)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CARGO_MUTANTS_VERSION := 27.1.0
CARGO_MUTANTS := $(CACHE)/cargo-mutants-$(CARGO_MUTANTS_VERSION)/bin/cargo-mutants
ACTIONLINT_VERSION := 1.7.12
ACTIONLINT := $(CACHE)/actionlint-$(ACTIONLINT_VERSION)/actionlint

# A cluster from the environment replaces our own control plane.
OWN_CONTROL_PLANE := $(if $(KUBECONFIG)$(KUBEBUILDER_ASSETS),,yes)

PROFILE := dev
# The simulator runs the operator thousands of times, which takes an hour without optimization.
TEST_PROFILE := simulator

# An end-to-end test mostly waits for the operator, so more tests than cores run in parallel.
export RUST_TEST_THREADS ?= 12

##@ Two commands

test: tools first-run ## Check format, lints and dependencies, then run every test against a real API server
	@$(MAKE) -j2 control-plane local-aws chart-tools checkers compiled
	@$(MAKE) deny workflows
	cargo test --profile $(TEST_PROFILE) --workspace --locked
	@# All mutants take too long for every run. A hash of the code selects the part, so all parts run over time.
	@$(MAKE) mutants MUTANTS=any/30

demo: tools first-run ## Show both resources on a real API server and a local AWS, in two minutes; KEEP=1 leaves all running
	@$(MAKE) -j2 control-plane local-aws build
	@KEEP=$(KEEP) cargo run --quiet --locked --bin demo

##@ Develop

# A command with --package would build the dependencies again, with other features than the whole workspace.
build: tools ## Build lambda-triggers
	cargo build --workspace --locked

run: ## Run the operator against the current kube context and AWS credentials; ARGS="--namespace team-a"
	cargo run --locked --bin lambda-triggers -- run --log-format text $(ARGS)

unit: ## Run the unit tests of the core crate, without a cluster and without AWS; TEST=name selects tests
	cargo test -p lambda-triggers-core --locked $(TEST)

e2e: tools ## Run end-to-end tests on a real API server and a local AWS; TEST=name selects tests
	@# The tests run the operator as a process, and `cargo test --test e2e` does not build the operator.
	@$(MAKE) -j2 control-plane local-aws chart-tools build
	cargo test --workspace --test e2e --locked -- $(TEST)

lint: tools ## Check format and lints
	cargo fmt --all --check
	cargo clippy --profile $(PROFILE) --workspace --all-targets --locked -- -D warnings

fmt: tools ## Format the code
	cargo fmt --all

##@ Generate

crds: build ## Generate crds/ from the types, and the copies of the charts
	@for folder in crds charts/lambda-triggers/files/crds charts/lambda-triggers-crds/files/crds; do \
	    cargo run --quiet --locked --bin lambda-triggers -- crds --dir "$$folder" || exit 1; \
	done

docs: tools ## Generate the references in docs/, the charts' READMEs and the test data for GitOps
	LAMBDA_TRIGGERS_UPDATE_DOCS=1 cargo test --quiet --locked --workspace --test e2e -- docs::generated docs::cli::the_reference chart::readme gitops

##@ Test in depth

chaos: ## Run SEEDS=n random seeds in the simulator; SEED=n replays one seed and prints its calls
	SEED=$(SEED) SEEDS=$(SEEDS) cargo test --profile $(TEST_PROFILE) --workspace --lib --locked $(if $(SEED),sim::tests::seeds::chaos,chaos) -- --ignored --nocapture

gitops: tools ## Run Flux's controllers and Argo CD's diff on the examples, in two minutes; the first run builds them
	@command -v git >/dev/null || { echo 'git is not on PATH: install it from https://git-scm.com/downloads.' >&2; exit 1; }
	@tests/gitops/build.sh --check >/dev/null
	@$(MAKE) -j2 control-plane local-aws chart-tools gitops-tools
	cargo build --profile $(PROFILE) --workspace --locked
	cargo test --profile $(PROFILE) --workspace --test e2e --locked -- gitops:: --ignored

mutants: $(CARGO_MUTANTS) ## Change each decision in small ways and check that a test fails; MUTANTS=0/30 for a thirtieth
	@PATH="$(dir $(CARGO_MUTANTS)):$$PATH" tests/mutants.py $(MUTANTS)

bench: tools ## Measure the operator's memory and time, in some minutes; OBJECTS=n, 10,000 by default
	@$(MAKE) control-plane local-aws
	@# The binary of the image, if the machine can build it: a different C library or optimization changes the figures.
	@binary=$$(./image.sh --binary); \
	test -n "$$binary" || { cargo build --profile image --locked --package lambda-triggers && \
	    binary=target/image/lambda-triggers; } && \
	LAMBDA_TRIGGERS_BIN="$(CURDIR)/$$binary" OBJECTS=$(OBJECTS) \
	    cargo test --quiet --workspace --test e2e --locked -- bench:: --ignored --nocapture --test-threads 1

##@ Release

image: ## Build the container image with buildah, without a daemon
	@./image.sh

##@ Other

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z0-9-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Names every missing program before a build starts.
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

# Says what the first run builds, how long that takes, and how to be faster.
first-run:
	@tests/first-run.sh $(MAKECMDGOALS) $(if $(OWN_CONTROL_PLANE),control-plane) >&2

# Each part is built once, while our own code compiles.
control-plane:
	@$(if $(OWN_CONTROL_PLANE),tests/controlplane/build.sh >/dev/null)

local-aws:
	@tests/ministack/install.sh >/dev/null

chart-tools:
	@tests/helm/build.sh >/dev/null

gitops-tools:
	@tests/gitops/build.sh >/dev/null

checkers: $(CARGO_DENY) $(CARGO_MUTANTS) $(ACTIONLINT)

compiled:
	@$(MAKE) lint PROFILE=$(TEST_PROFILE)
	cargo build --profile $(TEST_PROFILE) --workspace --locked
	cargo test --profile $(TEST_PROFILE) --workspace --locked --no-run

deny: $(CARGO_DENY)
	$(CARGO_DENY) --locked --log-level warn check bans licenses sources

# GitHub reports a fault of the release workflow only after a tag. Many machines lack the two linters of scripts.
workflows: $(ACTIONLINT)
	$(ACTIONLINT) -shellcheck= -pyflakes= .github/workflows/*.yaml

# Unoptimized: the build takes a third of the time, and the tools are fast enough here.
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

$(ACTIONLINT):
	@echo 'Building actionlint $(ACTIONLINT_VERSION) (once) ...' >&2
	@CGO_ENABLED=0 GOBIN=$(dir $@) go install github.com/rhysd/actionlint/cmd/actionlint@v$(ACTIONLINT_VERSION)
