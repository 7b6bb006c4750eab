.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install demo test check fix bench soak lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/ready ## set up .venv with the pinned dependencies and the backfill command

.venv/ready: tests/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "backfill needs Python 3.11 or newer, found " + sys.version.split()[0] + "\nSet another one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install ## run every sample job against the embedded sandbox
	@$(BIN)/backfill run --sandbox jobs/*.toml || [ $$? -eq 3 ]
	@echo
	@echo "The rows that were rejected, by cause:  $(BIN)/backfill rejects --sandbox jobs/docs-search.toml"
	@echo "What arrived at the sandbox:            $(BIN)/backfill sandbox --store jobs/.backfill/sandbox.db"
	@echo "Nothing is sent twice:                  make demo"
	@echo "A file of your own:                     $(BIN)/backfill init FILE"

test: install ## run the tests
	$(BIN)/python -m pytest

check: install ## formatter, linter, strict types, docs fresh
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tests/packaging/audit.py
	$(BIN)/python tests/docs.py --check

fix: install ## format the code, mend what the linter can, refresh the docs
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python tests/docs.py

bench: install ## measure the performance targets, as a table of ratios (needs nginx and wrk for the full one)
	$(BIN)/python -m tests.bench

soak: install ## survive every fault for real, many times; needs root and strace for some
	$(BIN)/python tests/faults/soak.py
	$(BIN)/python -m tests.read.soak
	$(BIN)/python tests/packaging/soak.py

COMPILE := uv pip compile --quiet --no-annotate --universal --python-version 3.11 --generate-hashes --no-header --all-extras pyproject.toml
lock: ## refresh requirements.lock, and the tests' own, from pyproject.toml (needs uv)
	$(COMPILE) --upgrade --group dev -o tests/requirements.lock
	$(COMPILE) --group build --constraint tests/requirements.lock -o requirements.lock

clean: ## remove what the other targets made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist jobs/.backfill
	find . -name __pycache__ -prune -exec rm -rf {} +
