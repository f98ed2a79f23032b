# Each target sets up what it needs first; `make setup` alone does no more than that.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-multihost lint format extension bench schema clean
ARGS ?=
BIN := .venv/bin

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing: .venv, Chromium, MariaDB
	@bash scripts/setup.sh

demo: setup ## a whole campaign on this machine against the simulator  (ARGS="--keep")
	@$(BIN)/scrapinsta demo $(ARGS)

test: setup ## all tests  (ARGS="tests/store -k lease")
	@bash scripts/setup.sh javascript
	@bash scripts/setup.sh monitoring
	@bash scripts/setup.sh hosts
	@bash scripts/setup.sh bench
	@$(BIN)/python -m pytest $(or $(ARGS),-n 2)

test-multihost: setup ## three hosts on this machine, which come and go (root on Linux)
	@bash scripts/setup.sh hosts
	@$(BIN)/python -m pytest -s tests/multihost $(ARGS)

lint: setup ## formatting, ruff, types, who imports whom
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

extension: setup ## pack the browser extension for the web store, into dist/
	@$(BIN)/python scripts/extension_zip.py

bench: setup ## all benchmarks, each beside its floor
	@bash scripts/setup.sh bench
	@$(BIN)/scrapinsta bench all

schema: setup ## write schema.sql from the tables
	@$(BIN)/scrapinsta db schema > schema.sql.new && mv schema.sql.new schema.sql

clean: ## remove .venv, caches and what was built
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
