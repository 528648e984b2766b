# One list of commands; `make help` prints it. Needs Python 3.11 or 3.12 with venv, and a network the first time.
# PYTHON=... names the interpreter, VENV=... the environment's directory, ARGS="..." goes to the command itself.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# A name on the PATH is not enough: a version manager's stand-ins fail when run, and a distribution's Python may
# come without venv.
SUPPORTED := import ensurepip, sys, venv; assert (3, 11) <= sys.version_info < (3, 13)
CANDIDATES := $(or $(PYTHON),python3.11 python3.12 python3)
ifneq ($(filter-out help clean,$(or $(MAKECMDGOALS),help)),)
INTERPRETER := $(shell for p in $(CANDIDATES); do \
    $$p -c '$(SUPPORTED)' >/dev/null 2>&1 && { echo $$p; break; }; done)
ifeq ($(INTERPRETER),)
$(error none of "$(CANDIDATES)" is a Python 3.11 or 3.12 with venv; say PYTHON=/path/to/python)
endif
SERIES := $(shell $(INTERPRETER) -c 'import sys; print("py%d%d" % sys.version_info[:2])')
endif

VENV ?= .venv
BIN := $(VENV)/bin
LOCK := requirements/$(SERIES).txt
# The stamp bears the Python's series: asking for another one makes the environment anew.
READY := $(VENV)/.ready-$(SERIES)
PAGE := console/web/node_modules/.package-lock.json
SET_UP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# numba looks only at the file a kernel stands in, never at those it calls into; so compiled kernels are kept under
# a name that changes when any file with kernels does, or one whose constants they hold: compiled for another number of
# columns, they would read one column as another. Beside the environment they also leave the checkout clean.
KERNELS := $(shell grep -rlE '^(from|import) numba' --include='*.py' geofences pipeline simulators benchmarks 2>/dev/null | sort)
CONSTANTS := geofences/crs.py geofences/instant.py pipeline/columns.py pipeline/ping.py pipeline/reading/rows.py pipeline/sites/policy.py
KERNEL_SUM := $(shell cat /dev/null $(KERNELS) $(CONSTANTS) | cksum | tr -d ' ')
export NUMBA_CACHE_DIR := $(abspath $(VENV))/kernels/$(KERNEL_SUM)

.PHONY: help set-up demo test check lint format page screenshots bench lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

set-up: $(READY)  ## the environment alone

demo: $(READY)  ## the whole system on a made-up fleet; ARGS="--duration 60s" ends by itself
	@$(MAKE) --no-print-directory --silent page || echo "the page's packages cannot be had here: no page, all else works"
	@$(BIN)/fencewatch demo $(ARGS)

# A file stays in one process, for what its tests share. A third of the suite's time is waiting for processes of its own,
# so there is one worker more than there are cores; more than four would only get into each other's way. Files in their own order:
# by number of tests the few longest ones would come last, one after another.
WORKERS := $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 3 ? n + 1 : 4)))
SPREAD ?= --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

# What is tested syncs its files as it does in use, and a third of the suite's time is waiting for that: in memory where
# there is room for it. The long forms keep to the disk. A TMPDIR of one's own counts.
ROOMY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4194304 { print "/dev/shm" }')
SCRATCH := $(or $(TMPDIR),$(if $(findstring soak,$(ARGS)),,$(ROOMY)))

# What every test needs compiled is compiled before them, once, instead of by each worker for itself; not for a few tests.
COMPILED := $(if $(or $(findstring -k,$(ARGS)),$(findstring smoke,$(ARGS)),$(findstring ::,$(ARGS))),,$(NUMBA_CACHE_DIR)/.compiled)

# The bytecode of the checkout is kept whatever the environment says: a run of the suite imports it in dozens of processes,
# and each would compile all of it, the workers also every test.
test: $(READY) $(COMPILED)  ## the test suite; SPREAD= in one process
	@$(MAKE) --no-print-directory --silent page || echo "the page's packages cannot be had here: its tests are skipped"
	@PYTHONDONTWRITEBYTECODE= $(if $(SCRATCH),TMPDIR=$(SCRATCH)) $(BIN)/python -m pytest $(SPREAD) $(ARGS)

$(NUMBA_CACHE_DIR)/.compiled: $(READY)
	@echo "compiling kernels, once"
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python tests/compiled_first.py
	@touch $@

check: lint test  ## all that CI checks on one Python: format, lint, types, tests

lint: $(READY)  ## format, lint and types, nothing changed
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(READY)  ## put the code into its one format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

page: $(PAGE)  ## what the console's page imports, from npm

$(PAGE): console/web/package-lock.json $(READY)
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/npm ci --prefix console/web --omit=dev --no-audit --no-fund --loglevel=error
	@touch $@

screenshots: $(READY) page  ## docs/screenshots anew, from a demonstration in Chromium
	@$(BIN)/python tests/console/screenshots.py $(ARGS)

bench: $(READY)  ## the benchmarks; ARGS="engine --json" for one of them
	@$(BIN)/fencewatch bench $(ARGS)

# Newest versions that fit pyproject.toml. The second lock follows the first, so that no result can depend on which
# Python is at hand; the order is the only reason why the older one comes first.
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate --no-python-downloads \
    --no-emit-index-url --no-emit-find-links --extra boundaries --group dev
lock: $(READY)  ## choose the dependencies' versions anew
	@$(COMPILE) --python-version 3.11 -o requirements/py311.txt pyproject.toml >/dev/null
	@$(COMPILE) --python-version 3.12 -c requirements/py311.txt -o requirements/py312.txt pyproject.toml >/dev/null

clean:  ## environments, caches and builds
	rm -rf .venv .venv-* build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): $(LOCK) pyproject.toml
	@echo "setting up $(VENV) with $(INTERPRETER), once"
	@test ! -e $(VENV) -o -f $(VENV)/pyvenv.cfg || { echo "$(VENV) is there and no virtual environment" >&2; exit 2; }
	@rm -rf $(VENV)
	@$(INTERPRETER) -m venv $(VENV)
	@$(SET_UP) install --require-hashes --no-deps --only-binary :all: -r $(LOCK)
	@$(SET_UP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@
