.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install demo test check fix bench soak lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/running ## set up .venv with what running needs, and the backfill command in it

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
.venv/running: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "backfill needs Python 3.11 or newer, found " + sys.version.split()[0] + "\nSet another one: make PYTHON=python3.12")'
	@echo "Setting up .venv with $$($(PYTHON) --version): $$(grep -c '==' requirements.lock) packages, some 150 MB to download the first time ..."
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@echo "The command is $(BIN)/backfill; \`source $(BIN)/activate\` lets you call it backfill."
	@touch $@

.venv/testing: .venv/running tests/requirements.lock
	@echo "Adding what checks and tests need: $$(grep -c '==' tests/requirements.lock) packages in all, some 140 MB more to download ..."
	@$(PIP) --require-hashes -r tests/requirements.lock
	@touch $@

demo: install ## run every sample job against the embedded sandbox
	@$(BIN)/backfill run --sandbox jobs/*.toml || [ $$? -eq 3 ]
	@echo
	@echo "The rows that were rejected, by cause:  $(BIN)/backfill rejects --sandbox jobs/docs-search.toml"
	@echo "What arrived at the sandbox:            $(BIN)/backfill sandbox --store jobs/.backfill/sandbox.db"
	@echo "Nothing is sent twice:                  make demo"
	@echo "A file of your own:                     $(BIN)/backfill init FILE"

test: .venv/testing ## run the tests
	$(BIN)/python -m pytest

check: .venv/testing ## formatter, linter, strict types (of tests too), nothing dead, docs fresh
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tests/dead.py
	$(BIN)/python tests/packaging/audit.py
	$(BIN)/python -m tests.docs --check

fix: .venv/testing ## format the code, mend what the linter can, refresh the docs
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m tests.docs

bench: .venv/testing ## measure the performance targets, as a table of ratios (needs nginx and wrk for the full one)
	$(BIN)/python -m tests.bench

soak: .venv/testing ## survive every fault for real, many times; needs root and strace for some
	$(BIN)/python tests/faults/soak.py
	$(BIN)/python -m tests.read.soak
	$(BIN)/python tests/packaging/soak.py

COMPILE := uv pip compile --quiet --no-annotate --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml
lock: ## refresh the locks from pyproject.toml: to run, with the extras, to test (needs uv)
	$(COMPILE) --upgrade --all-extras --group dev -o tests/requirements.lock
	$(COMPILE) --group build --constraint tests/requirements.lock -o requirements.lock
	$(COMPILE) --group build --constraint tests/requirements.lock --all-extras -o requirements-extras.lock

clean: ## remove what the other targets made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist jobs/.backfill
	find . -name __pycache__ -prune -exec rm -rf {} +
