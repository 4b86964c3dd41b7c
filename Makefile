# The commands for people. `make help` lists them.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 4
BASE ?= HEAD^
BIN := $(VENV)/bin
# The packages that users install, and the tools that only a clone has.
PUBLISHED := packages/xenon-core packages/xenon-java packages/xenon-server packages/xenon-sync packages/xenon-testing
PACKAGES := $(PUBLISHED) tools/adaptor-docs codegen
SOURCES := packages codegen tools tests examples benchmarks release docs README.md conftest.py
# The metadata of every package depends on these.
METADATA := packages/xenon-core/src/pyxenon_core/__init__.py release/metadata.py
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal
# uv installs in seconds, pip in a minute, with the same pins.
UV := $(shell command -v uv)
ifdef UV
create = $(UV) venv --quiet --allow-existing --no-python-downloads --python $(PYTHON) $(VENV)
install = $(UV) pip install --quiet --python $(BIN)/python
else
create = $(PYTHON) -m venv $(VENV)
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

.PHONY: help setup setup-tests demo test test-quick test-all lint types check docs generate compatibility bench bench-beside bench-servers release pins clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.installed ## make .venv and install the workspace into it

$(VENV)/.installed: requirements/dev.txt $(addsuffix /pyproject.toml,$(PACKAGES)) $(METADATA)
	$(create)
	$(install) --require-hashes --requirement requirements/dev.txt
	$(install) --no-deps --no-build-isolation $(addprefix --editable ,$(PACKAGES))
	@touch $@

setup-tests: $(VENV)/.tests ## the same with only the published packages and what their tests need; for another Python: PYTHON=… VENV=…

$(VENV)/.tests: requirements/test.txt $(addsuffix /pyproject.toml,$(PUBLISHED)) $(METADATA)
	$(create)
	$(install) --require-hashes --requirement requirements/test.txt
	$(install) --no-deps --no-build-isolation $(addprefix --editable ,$(PUBLISHED))
	@touch $@

demo: setup ## run the demo: a batch job, files, and a conversation; on the server in this process, then on the Java server
	$(BIN)/python examples/demo.py
	$(BIN)/python examples/demo.py --target java:

test: setup ## run every test, on the real server and, in Docker, on real clusters and storage (PYTEST_ARGS adds options)
	$(PYTEST) $(PYTEST_ARGS)

# Docker and Java are hidden, so that a test that needs one of them but is not marked fails.
test-quick: setup ## the inner loop: the fast tests that need neither Docker nor Java
	DOCKER_HOST=unix:///nowhere XENON_JAVA=/nowhere $(PYTEST) --xenon-require-docker -m "not xenon_docker and not java and not slow" $(PYTEST_ARGS)

test-all: test ## every test, and those of the packages also on the other Pythons
	.ci/other-pythons .wheels -n $(WORKERS) --dist worksteal packages

lint: setup ## ruff, and the rules about which package may import which
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/lint-imports

types: setup ## mypy --strict and pyright, on the packages and a program that uses them
	$(BIN)/mypy $(addsuffix /src,$(PACKAGES)) benchmarks examples release
	$(BIN)/mypy tests/downstream
	$(BIN)/pyright

generate: setup ## render everything that is generated
	$(BIN)/xenon-codegen generate

check: setup ## fail if a generated file is out of date
	$(BIN)/xenon-codegen check

docs: setup ## build the site into docs/_build/html; fail on any warning, such as a dead link
	rm -rf docs/_build
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --jobs auto --doctree-dir docs/_build/doctrees docs docs/_build/html || \
		{ rm -rf docs/_build/doctrees; exit 1; }

compatibility: setup ## write docs/compatibility.md: what the released server can do, according to the tests
	$(BIN)/python -m pytest tests/compatibility tests/conformance --collect-only -q --write-compatibility=docs/compatibility.md

bench: setup ## measure this SDK against hand-written stubs and pyxenon 3, and on a quiet machine write docs/performance.md
	$(BIN)/python -m benchmarks --write-docs

bench-beside: setup ## measure this checkout against another (BASE; by default the previous commit), and list what is slower
	$(BIN)/python -m benchmarks --beside $(BASE)

bench-servers: setup ## measure how fast the servers in Docker start, and what they use
	$(BIN)/python -m benchmarks --only containers

release: setup ## build every distribution from the last commit into dist/, try them in an empty environment (needs Docker), and stop before the upload
	$(BIN)/python -m release

EXPORT := uv export --quiet --frozen --no-emit-workspace --format requirements.txt --no-header --no-annotate
pins: ## rewrite the files in requirements/ (needs uv)
	uv lock --upgrade
	$(EXPORT) --all-groups --output-file requirements/dev.txt
	$(EXPORT) --only-group test --output-file requirements/test.txt
	rm uv.lock
	echo uv | uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 --output-file requirements/uv.txt -

clean: ## remove the environment and what tools left behind
	rm -rf $(VENV) .venv-3.* .wheels dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
