# Everything happens in .venv, .venv-engines and var/ of this checkout, and in the user's cache (models, packages).
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.setup
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
# The engines that need PyTorch have an environment of their own: TORCH=cpu or TORCH=cuda.
TORCH ?= cpu
ENGINES := .venv-engines/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-engines models demo up down test test-engines test-faults test-containers soak lint protos bench bench-quality clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Install everything into .venv; does nothing when nothing changed

$(STAMP): pyproject.toml $(wildcard requirements/*.txt)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo 'Python 3.11 is needed: make setup PYTHON=/path/to/python3.11' >&2; exit 1; }
	@echo 'Installing into .venv (the first time takes some minutes)'
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements/dev.txt
	@command -v npm >/dev/null || $(PIP) --require-hashes -r requirements/npm.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

setup-engines: .venv-engines/.setup-$(TORCH) ## Install the engines that need PyTorch into .venv-engines; TORCH=cuda for a GPU

.venv-engines/.setup-$(TORCH): pyproject.toml requirements/torch-$(TORCH).txt requirements/engines.txt
	@echo 'Installing into .venv-engines (2 GB; some minutes)'
	@$(PYTHON) -m venv --clear .venv-engines
	@$(ENGINES)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/torch-$(TORCH).txt
	@$(ENGINES)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/engines.txt
	@$(ENGINES)/python -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@# The registry's torchaudio carries libraries for CUDA; without them it runs in Python alone.
	@$(ENGINES)/python -c 'import torchaudio' 2>/dev/null || rm -f .venv-engines/lib/python3.11/site-packages/torchaudio/lib/*.so
	@touch $@

models: setup ## Pull the lite model set; does nothing when it is there
	@$(BIN)/dragoman models pull lite

demo: models ## Translate a call: make demo, or make demo CALL=my.wav FROM=en TO=pt-BR
	@$(BIN)/dragoman demo $(if $(CALL),"$(CALL)") $(if $(FROM),--from "$(FROM)") $(if $(TO),--to "$(TO)")

up: models ## Start the stack in the background
	@$(BIN)/dragoman up

down: setup ## Stop it
	@$(BIN)/dragoman down

test: lint models ## Lint, then run all tests
	@$(BIN)/python -m pytest -n 2 --no-loadscope-reorder tests/e2e tests/integration tests/contract tests/unit tests/deploy tests/architecture

lint: setup ## Check style, types and import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

protos: setup ## Generate the stubs again
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -I. \
		--python_out=. --grpc_python_out=. --mypy_out=. --mypy_grpc_out=. protos/v1/*.proto

test-engines: models setup-engines ## Test the engines that need PyTorch with the real libraries and small models
	@$(ENGINES)/python -m pytest tests/engines

test-faults: models ## Kill, freeze and starve the processes of whole installations; prints what was survived
	@$(BIN)/python -m pytest $(or $(FAULTS),tests/faults)

test-containers: models ## Build the images and run the compose stack for real; makes its own base image where there is no registry
	@$(BIN)/python -m pytest -rs tests/containers

soak: setup ## Random kills under load: make soak MINUTES=10
	@$(BIN)/python -m tests.faults.soak --minutes $(or $(MINUTES),10)

bench: models ## Measure; writes JSON and plots
	@$(BIN)/python -m tests.bench

bench-quality: models .venv/.setup-quality ## Measure words, numbers, timing and sound; writes JSON and plots: make bench-quality SHARE=0.1
	@$(BIN)/python -m tests.bench.fidelity $(if $(SHARE),--share $(SHARE))

.venv/.setup-quality: $(STAMP) requirements/quality.txt
	@$(PIP) --require-hashes -r requirements/quality.txt
	@touch $@

clean: ## Remove what was installed and built; jobs and keys in var/ stay
	@rm -rf .venv .venv-engines build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find services dragoman tests protos -name __pycache__ -type d -prune -exec rm -rf {} +
