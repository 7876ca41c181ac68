# The commands of the project; `make` alone lists them. They need Python 3.11 or later, make and a package index.

VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that is new enough; `make setup PYTHON=/path/to/python` names another.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python3.14; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run stack test test-fast test-live test-office test-deps lint format lock bench soak clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.run ## Make .venv with motcua in it

run: $(VENV)/.run ## Start motcua against the simulated province; Ctrl-C ends it
	@exec $(BIN)/motcua up --sandbox

stack: $(VENV)/.dev ## The production processes on real servers of Debian, and the simulated province; Ctrl-C ends all
	@exec $(BIN)/python -m tests.stack

test: $(VENV)/.dev ## Run every test; on Debian as root, first install the servers that they need
	@.ci/test-deps --where-possible
	$(BIN)/pytest $(PYTEST_ARGS)

test-fast: $(VENV)/.dev ## Run the tests that need no server, in parallel
	$(BIN)/pytest -n auto -m "not live" $(PYTEST_ARGS)

test-live: $(VENV)/.dev ## Run the tests against real servers only
	$(BIN)/pytest -m live $(PYTEST_ARGS)

test-office: $(VENV)/.dev ## Look at a report with LibreOffice (Debian's, without a screen); not part of `make test`
	$(BIN)/python -m tests.office

test-deps: ## Install the Debian packages that the live tests need (root); starts no service
	@.ci/test-deps

LINTERS := "ruff check ." "ruff format --check ." mypy lint-imports "deptry ." "python -m dashboards.build --check"
lint: $(VENV)/.dev ## Check style, types, architecture, dependencies and generated files
	@failed=0; for linter in $(LINTERS); do echo "$$linter"; $(BIN)/$$linter || failed=1; done; exit $$failed

format: $(VENV)/.dev ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# --universal: one lock for every Python and processor. The tests' lock agrees with the one that is installed.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" $(LOCK_ARGS)
lock: $(VENV)/.dev ## Renew requirements/*.txt after a change in pyproject.toml (LOCK_ARGS=--upgrade: newest versions)
	$(COMPILE) pyproject.toml --group build --output-file requirements/run.txt
	$(COMPILE) pyproject.toml --group build --group dev --constraints requirements/run.txt --output-file requirements/dev.txt

bench: $(VENV)/.dev ## Measure checks per second, lateness and CPU on this machine
	$(BIN)/python -m tests.bench

soak: $(VENV)/.dev ## Ten minutes of faults that come and go; every interval must match the fault log
	$(BIN)/python -m tests.soak

clean: ## Remove .venv, caches and builds; data/ stays
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- .venv; a stamp is written when its step has succeeded ---------------------------------------------------------------

$(VENV)/.made:
	@.ci/make-venv "$(PYTHON)" $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements/run.txt pyproject.toml
	$(PIP) install --quiet --require-hashes -r requirements/run.txt
	$(PIP) install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@
