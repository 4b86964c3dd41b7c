# Everything a person types. `make help` lists it.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PACKAGES := packages/xenon-core packages/xenon-java packages/xenon-server packages/xenon-sync packages/xenon-testing tools/adaptor-docs codegen
SOURCES := packages codegen tools tests examples benchmarks docs README.md
INSTALLED := $(VENV)/.installed

.PHONY: help setup demo test lint types check docs generate compatibility bench bench-servers pins clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(INSTALLED) ## make .venv and install the workspace into it

$(INSTALLED): requirements/dev.txt $(addsuffix /pyproject.toml,$(PACKAGES))
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(addprefix --editable ,$(PACKAGES))
	@touch $@

demo: setup ## run the main job: a batch job, files, and a conversation; on the server in this process, and on the Java server
	$(BIN)/python examples/demo.py
	$(BIN)/python examples/demo.py --target java:

test: setup ## run every test, on the real server and, in Docker, on real clusters and storage (PYTEST_ARGS adds options)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: setup ## ruff, and which floor may import which
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/lint-imports

types: setup ## mypy --strict and pyright, on the packages and on a program that uses them
	$(BIN)/mypy $(addsuffix /src,$(PACKAGES)) benchmarks examples
	$(BIN)/mypy tests/downstream
	$(BIN)/pyright

generate: setup ## render everything that is generated
	$(BIN)/xenon-codegen generate

check: setup ## fail when anything generated is not as it would be rendered
	$(BIN)/xenon-codegen check

docs: setup ## build the site into docs/_build/html; a warning, such as of a link that leads nowhere, stops it
	rm -rf docs/_build
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --jobs auto --doctree-dir docs/_build/doctrees docs docs/_build/html || \
		{ rm -rf docs/_build/doctrees; exit 1; }

compatibility: setup ## write docs/compatibility.md: what the released server can do, as the tests have it
	$(BIN)/python -m pytest tests/compatibility tests/conformance --collect-only -q --write-compatibility=docs/compatibility.md

bench: setup ## measure this SDK beside hand-written stubs and pyxenon 3, and write docs/performance.md
	$(BIN)/python -m benchmarks --write-docs

bench-servers: setup ## measure how fast the servers in Docker are ready, and what they take
	$(BIN)/python -m benchmarks.containers

pins: ## write requirements/dev.txt anew (needs uv)
	uv lock --upgrade
	uv export --frozen --no-emit-workspace --all-groups --format requirements.txt --no-header --no-annotate --output-file requirements/dev.txt
	rm uv.lock

clean: ## remove the environment and what tools have left
	rm -rf $(VENV) .venv-3.* docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
