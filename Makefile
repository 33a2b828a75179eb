# One place for every command. `make` alone lists them.
PYTHON ?= python3
PORT ?= 4200
STATE ?= .state/live
VENV := .venv
PY := $(VENV)/bin/python

.PHONY: help setup demo demo-ui up doctor test soak faults lint types bench lock audit

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.ready  ## create .venv with the pinned, hashed dependencies

$(VENV)/.ready: requirements.lock pyproject.toml
	@echo "Setting up $(VENV) (pinned dependencies, about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 ..."; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install -qq --no-deps --require-hashes --requirement requirements.lock
	@$(VENV)/bin/pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## the whole job on a fictional market day, no key, no network
	@$(PY) -m sandbox.demo

demo-ui: setup  ## look at the demo's runs in the Prefect UI, until Ctrl-C
	@$(PY) -m sandbox.demo --ui --port $(PORT)

up: setup  ## server, blocks, deployments and worker, until Ctrl-C
	@set -a; [ ! -f .env ] || . ./.env; set +a; \
	  $(PY) -m flows.up --port $(PORT) --state $(STATE)

doctor: setup  ## find and explain what is amiss; MEND=1 mends it, REBUILD=1 makes seen anew
	@set -a; [ ! -f .env ] || . ./.env; set +a; \
	  $(PY) -m flows.doctor --port $(PORT) --state $(STATE) \
	    $(if $(MEND),--mend) $(if $(REBUILD),--rebuild-seen)

test: setup lint types  ## lint, types and tests
	@$(PY) -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

soak: setup  ## the long tests: kills at every boundary, thousands of cycles
	@$(PY) -m pytest --numprocesses 2 --dist loadfile -m "soak or swept" \
	  --hypothesis-profile soak --timeout 7200

faults: setup  ## kill the flow at every boundary; makes docs/faults.md
	@PYTHONPATH=.:tests $(PY) -m faults

lint: setup
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

types: setup
	@$(VENV)/bin/mypy

bench: setup  ## cycle time, calls and lookups as ratios to the switches off
	@$(PY) -m benchmarks

lock:  ## resolve the dependencies anew (needs uv)
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --group dev pyproject.toml --output-file requirements.lock --quiet

audit:  ## known vulnerabilities of the locked dependencies, where their database can be reached
	@$(PYTHON) -m venv --clear .state/audit && .state/audit/bin/pip install -qq pip-audit==2.10.1
	@.state/audit/bin/pip-audit --strict --no-deps --disable-pip -r requirements.lock || { \
	  echo "Not audited, or not clean: see above. docs/dependencies.md is the reviewed list."; \
	  exit 1; }
