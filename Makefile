# Everything a person types. `make help` lists it.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 4
BASE ?= HEAD^
BIN := $(VENV)/bin
# The packages that users install, and the tools that only a clone has.
PUBLISHED := packages/xenon-core packages/xenon-java packages/xenon-server packages/xenon-sync packages/xenon-testing
PACKAGES := $(PUBLISHED) tools/adaptor-docs codegen
SOURCES := packages codegen tools tests examples benchmarks release docs README.md conftest.py
# What the metadata of every package depends on.
METADATA := packages/xenon-core/src/pyxenon_core/__init__.py release/metadata.py
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal
# uv installs in seconds what takes pip a minute. Both take the same pins.
UV := $(shell command -v uv)
ifdef UV
create = $(UV) venv --quiet --allow-existing --no-python-downloads --python $(PYTHON) $(VENV)
install = $(UV) pip install --quiet --python $(BIN)/python
else
create = $(PYTHON) -m venv $(VENV)
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

.PHONY: help setup setup-tests demo test test-quick test-all lint types check docs generate compatibility bench bench-beside bench-servers release pins clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.installed ## make .venv and install the workspace into it

$(VENV)/.installed: requirements/dev.txt $(addsuffix /pyproject.toml,$(PACKAGES)) $(METADATA)
	$(create)
	$(install) --require-hashes --requirement requirements/dev.txt
	$(install) --no-deps --no-build-isolation $(addprefix --editable ,$(PACKAGES))
	@touch $@

setup-tests: $(VENV)/.tests ## the same with no more than the published packages and what runs their tests; for another Python: PYTHON=… VENV=…

$(VENV)/.tests: requirements/test.txt $(addsuffix /pyproject.toml,$(PUBLISHED)) $(METADATA)
	$(create)
	$(install) --require-hashes --requirement requirements/test.txt
	$(install) --no-deps --no-build-isolation $(addprefix --editable ,$(PUBLISHED))
	@touch $@

demo: setup ## run the main job: a batch job, files, and a conversation; on the server in this process, and on the Java server
	$(BIN)/python examples/demo.py
	$(BIN)/python examples/demo.py --target java:

test: setup ## run every test, on the real server and, in Docker, on real clusters and storage (PYTEST_ARGS adds options)
	$(PYTEST) $(PYTEST_ARGS)

# Nowhere is where they look for Docker and Java, so that a test that needs one without saying so fails.
test-quick: setup ## the inner loop: the tests that need neither Docker nor Java, but those that take long
	DOCKER_HOST=unix:///nowhere XENON_JAVA=/nowhere $(PYTEST) --xenon-require-docker -m "not xenon_docker and not java and not slow" $(PYTEST_ARGS)

test-all: test ## every test, and those of the packages on each other Python, too
	.ci/other-pythons .wheels -n $(WORKERS) --dist worksteal packages

lint: setup ## ruff, and which floor may import which
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/lint-imports

types: setup ## mypy --strict and pyright, on the packages and on a program that uses them
	$(BIN)/mypy $(addsuffix /src,$(PACKAGES)) benchmarks examples release
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

bench: setup ## measure this SDK beside hand-written stubs and pyxenon 3, and on a quiet machine write docs/performance.md
	$(BIN)/python -m benchmarks --write-docs

bench-beside: setup ## measure this checkout beside another (BASE, the commit before unless given), and list what is worse
	$(BIN)/python -m benchmarks --beside $(BASE)

bench-servers: setup ## measure how fast the servers in Docker are ready, and what they take
	$(BIN)/python -m benchmarks --only containers

release: setup ## build every distribution from what is committed into dist/, try them in an empty environment (needs Docker), and stop before the upload
	$(BIN)/python -m release

EXPORT := uv export --quiet --frozen --no-emit-workspace --format requirements.txt --no-header --no-annotate
pins: ## write the files of requirements/ anew (needs uv)
	uv lock --upgrade
	$(EXPORT) --all-groups --output-file requirements/dev.txt
	$(EXPORT) --only-group test --output-file requirements/test.txt
	rm uv.lock
	echo uv | uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 --output-file requirements/uv.txt -

clean: ## remove the environment and what tools have left
	rm -rf $(VENV) .venv-3.* .wheels dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
