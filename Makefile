# The names CI calls. Every target does its own set-up; `make help` lists them.

# The newest supported interpreter that is there; set PYTHON to choose another.
PYTHON ?= $(shell for v in python3.13 python3.12 python3.11 python3; do \
	$$v -c 'import sys; raise SystemExit(not ((3, 11) <= sys.version_info[:2] <= (3, 13)))' 2>/dev/null && echo $$v && break; done)
VENV := .venv
BIN := $(VENV)/bin
INTEROP_VENV := .venv-interop
NODE_CLIENTS := tests/interop/node
MEMBERS := clients/python server rest_bridge simulator gateway
TYPED := server/tokensmith_server rest_bridge/tokensmith_bridge gateway/tokensmith_gateway \
	simulator/tokensmith_simulator clients/python/tokensmith clients/python/generate.py \
	requirements/lock.py tests benchmarks
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-input --quiet

.DEFAULT_GOAL := help
.PHONY: help run test test-interop faults soak check format generate lock bench clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-13s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "TokenSmith needs Python 3.11, 3.12 or 3.13 on PATH (or set PYTHON=...)."; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# One stamp per lock file: a changed lock, or a changed member, installs again; nothing else does.
$(VENV)/.installed-runtime: requirements/runtime.txt $(MEMBERS:%=%/pyproject.toml) | $(VENV)/bin/python
	$(PIP_INSTALL) --require-hashes -r requirements/runtime.txt
	$(PIP_INSTALL) --no-deps --no-build-isolation $(MEMBERS:%=-e %)
	@touch $@

$(VENV)/.installed-dev: requirements/dev.txt $(VENV)/.installed-runtime
	$(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

run: $(VENV)/.installed-runtime ## Install, migrate and serve everything in the foreground
	@exec $(BIN)/tokensmith up

test: $(VENV)/.installed-dev ## Run every test, with a real PostgreSQL; TESTS="tests/unit -x" runs some
	$(BIN)/python -m pytest $(TESTS)

$(INTEROP_VENV)/.installed: requirements/interop.txt | $(VENV)/bin/python
	$(BIN)/python -m venv $(INTEROP_VENV)
	$(INTEROP_VENV)/bin/python -m pip install --disable-pip-version-check --no-input --quiet --require-hashes -r requirements/interop.txt
	@touch $@

# Without npm there is nothing to install, and the tests that need it say so.
$(NODE_CLIENTS)/node_modules/.installed: $(NODE_CLIENTS)/package-lock.json
	@if command -v npm >/dev/null; then cd $(NODE_CLIENTS) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; \
	else mkdir -p $(@D); fi
	@touch $@

test-interop: $(VENV)/.installed-dev $(INTEROP_VENV)/.installed $(NODE_CLIENTS)/node_modules/.installed ## Try clients, agents and a model server that nobody here wrote
	TOKENSMITH_INTEROP_PYTHON=$(CURDIR)/$(INTEROP_VENV)/bin/python $(BIN)/python -m pytest -v tests/interop

faults: $(VENV)/.installed-dev ## Try every fault of a provider in every dialect, and print the table
	@$(BIN)/python -m tests.faults

soak: $(VENV)/.installed-dev ## Call, break and kill everything for minutes, then audit; SOAK="--seconds 60 --engine sqlite"
	@$(BIN)/python -m tests.soak $(SOAK)

check: $(VENV)/.installed-dev ## Format, lint, types, import contracts, protos, generated code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(TYPED)
	$(BIN)/lint-imports
	$(BIN)/python clients/python/generate.py --lint --check

format: $(VENV)/.installed-dev ## Rewrite the sources in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: $(VENV)/.installed-dev ## Regenerate the code that comes from protos/
	$(BIN)/python clients/python/generate.py

bench: $(VENV)/.installed-dev ## Measure the gateway beside a bare proxy, interleaved
	$(BIN)/python -m benchmarks

lock: $(VENV)/.installed-dev ## Resolve the hash-pinned lock files anew
	$(BIN)/python requirements/lock.py
	cd $(NODE_CLIENTS) && npm install --package-lock-only --ignore-scripts --loglevel=error

clean: ## Remove the virtual environment and caches (data directories stay)
	rm -rf $(VENV) $(INTEROP_VENV) $(NODE_CLIENTS)/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
