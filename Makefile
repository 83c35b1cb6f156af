# Every target installs what it needs: Python 3.11+, make and a network are enough.
PYTHON ?= python3
export PYTHONDONTWRITEBYTECODE :=
BIN := .venv/bin
ARGS ?=
INPUTS := uv.lock pyproject.toml $(wildcard libs/*/pyproject.toml services/*/pyproject.toml) deploy/bootstrap.py
ENGINES := $(BIN)/python deploy/local/engines.py

.DEFAULT_GOAL := help
.PHONY: help install run demo test check e2e bench bench-backtest bench-console bench-ingest bench-read bench-scoring fmt clean local-up local-down docs release

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

install: .venv/.dev  ## Install everything into .venv (the command is .venv/bin/kizashi)

run: .venv/.run  ## Serve everything, embedded, at http://127.0.0.1:8000 (ARGS="--port 9000 --data DIR")
	@$(BIN)/kizashi serve $(ARGS)

demo: .venv/.run  ## Watch a made-up company live, at http://127.0.0.1:8000 (ARGS="--speed 6h/s --port 9000")
	@$(BIN)/kizashi demo $(ARGS)

test: .venv/.dev  ## Run all tests, on real Kafka and PostgreSQL where they can be started (ARGS="-k name")
	@$(ENGINES) run -- $(BIN)/python -m tests $(ARGS)

check: .venv/.dev  ## Check style, types, walls, schemas and settings
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python deploy/docs.py --check
	@$(BIN)/hadolint deploy/Dockerfile
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml

e2e: .venv/.dev  ## Run the whole story on both platforms
	@$(ENGINES) run -- $(BIN)/pytest tests/e2e $(ARGS)

bench: .venv/.dev  ## Measure latency and throughput on both platforms
	@$(ENGINES) run -- $(BIN)/python -m tests.bench $(ARGS)

bench-console: .venv/.dev  ## Measure how soon an open page shows a change (needs Chromium)
	@$(BIN)/python -m tests.bench.console $(ARGS)

bench-ingest: .venv/.dev  ## Measure ingest beside a plain service and a bare one (ARGS="--quick")
	@$(ENGINES) run -- $(BIN)/python -m tests.bench.ingest $(ARGS)

bench-read: .venv/.dev  ## Measure reading over REST beside a bare route (ARGS="--quick")
	@$(ENGINES) run -- $(BIN)/python -m tests.bench.reading $(ARGS)

bench-backtest: .venv/.dev  ## Measure the default scorecard on a world whose truth is known
	@$(BIN)/python -m tests.bench.backtest $(ARGS)

bench-scoring: .venv/.dev  ## Measure scoring beside Quix Streams and a bare loop (ARGS="--quick")
	@$(ENGINES) run -- $(BIN)/python -m tests.bench.scoring $(ARGS)

fmt: .venv/.dev  ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

docs: .venv/.dev  ## Write what is made from code: docs/settings.md, event schemas, the dashboard
	@$(BIN)/python deploy/docs.py

release: .venv/.dev  ## Freeze the event schemas as released
	@$(BIN)/python -m csmodels.schemas --release

local-up: .venv/.dev  ## Start a local Kafka and PostgreSQL and print their settings
	@$(ENGINES) up

local-down: .venv/.dev  ## Stop them
	@$(ENGINES) down

clean:  ## Remove what was installed and cached here (not the data)
	@rm -rf .venv .tools .local dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.run: $(INPUTS)
	@$(PYTHON) deploy/bootstrap.py $(if $(wildcard .venv/.dev),dev,run)
	@touch $@

.venv/.dev: $(INPUTS)
	@$(PYTHON) deploy/bootstrap.py dev
	@touch $@
