# One place for every command. `make` alone lists them.
PYTHON ?= python3
PORT ?= 4200
STATE ?= .state/live
VENV := .venv
PY := $(VENV)/bin/python

.PHONY: help setup demo demo-ui up test lint types bench lock

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

test: setup lint types  ## lint, types and tests
	@$(PY) -m pytest --numprocesses 2 --dist loadfile

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
