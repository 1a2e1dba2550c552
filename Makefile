# What a person types: `make capture`, `make test`. Needs Python 3.11 or newer and make; everything else goes into .venv.
#
# Paths are relative on purpose: the checkout may lie under a path that has spaces. The stamps in .venv say which lock file it
# was last made from, so a second call installs nothing.

PYTHON ?=
VENV := .venv
PY := $(VENV)/bin/python
RUN := $(VENV)/installed-run
TEST := $(VENV)/installed-test
PIP := $(PY) -m pip --disable-pip-version-check --no-input
# Exactly the files that were locked, by hash, and wheels only: nothing is built, so nothing unlocked is fetched to build with.
INSTALL := $(PIP) install --quiet --require-hashes --only-binary :all:
PYTEST := $(PY) -m pytest -n 2
LOCK := $(VENV)/lock/bin/python
COMPILE := $(LOCK) -W ignore -m piptools compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe \
	--no-header --no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.PHONY: help capture install test test-long replay-assets lint format reference constraints clean
.DELETE_ON_ERROR:

# A virtual environment cannot be moved, nor outlive its Python: then it is made again.
ifneq ($(shell test -x $(PY) && cat $(VENV)/made-in 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/made-in
endif

help:
	@echo 'make capture                    the whole job offline, on a bundled document and site'
	@echo 'make capture DOCS="paper.txt"   the same on your documents and the real web'
	@echo 'make test                       lint, types, floors, tests'
	@echo 'make test-long                  the tests that take minutes'
	@echo 'make replay-assets              fetch the players that the tests replay with'
	@echo 'make reference                  weave the help of every command into docs/reference.md'
	@echo 'make constraints                lock the dependencies anew; make clean removes .venv and caches'

capture: $(RUN)
	@tools/capture

install: $(RUN)

test: lint replay-assets
	$(PYTEST) -m 'not long'

test-long: $(TEST) replay-assets
	$(PYTEST) -m long

# Others' players, for the tests that replay: never part of this project. Where they cannot be had, those tests say so and are skipped.
replay-assets: $(VENV)/made-in
	@tools/replay-assets $(VENV)/replay $(PY)

lint: $(TEST)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

format: $(TEST)
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

$(VENV)/made-in:
	@if [ -e $@ ]; then rm -rf $(VENV); fi
	@python=$$(tools/find-python $(PYTHON)) && echo "Making $(VENV) with $$python" && "$$python" -m venv $(VENV)
	@pwd -P > $@

$(RUN): constraints.txt pyproject.toml setup.py src/preserve/formats/_sha256pair.c $(VENV)/made-in
	@echo 'Installing preserve and what it needs'
	@$(INSTALL) -r constraints.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@$(PY) -m compileall -q src
	@touch $@

$(TEST): constraints-test.txt $(RUN)
	@echo 'Installing what the tests need'
	@$(INSTALL) -r constraints-test.txt
	@touch $@

reference: $(RUN)
	$(PY) tools/reference.py

constraints: $(VENV)/made-in
	$(PY) -m venv $(VENV)/lock
	$(LOCK) -m pip install --quiet --disable-pip-version-check pip-tools
	$(COMPILE) --all-extras --all-build-deps --output-file constraints.txt pyproject.toml
	$(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["test"], sep="\n")' | \
	$(COMPILE) --constraint constraints.txt --output-file constraints-test.txt -

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis src/*.egg-info src/preserve/formats/*.so
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
