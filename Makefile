# `make lab` and `make test` are all a reader needs; CONTRIBUTING.md has the rest.
PYTHON ?= python3
VENV ?= .venv
PORT ?= 8888
JOBS ?= auto
BIN := $(VENV)/bin
# One thread a test process: the tests run side by side.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

.PHONY: lab install test test-all tables lint format release demo site bench clean

install: $(VENV)/installed

lab: install
	$(BIN)/labkit lab --port $(PORT)

test: $(VENV)/installed-test
	$(PYTEST)

test-all: $(VENV)/installed-test
	$(PYTEST) -m ""

# What attacks and crashes come to, in docs/grading.md: an hour on two processors, one test at a time.
tables: $(VENV)/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "" --tables docs/grading.md tests/test_engine_contained.py \
		tests/test_engine_attacks.py tests/test_engine_kill.py tests/test_engine_hostile.py \
		tests/test_attackers_second.py

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/labkit tidy lectures/*.ipynb solutions/*/*.ipynb

release: install
	$(BIN)/labkit release

demo: install
	$(BIN)/labkit demo

# SITE_ONLY="04 05" builds two topics, SITE_SOLUTIONS=1 shows model answers; CONTRIBUTING.md has the others.
site: $(VENV)/installed-docs
	OMP_NUM_THREADS=1 $(BIN)/python -m docs.site

bench: $(VENV)/installed-test
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("labkit needs Python 3.11 or newer; this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[sandbox]'
	touch $@

$(VENV)/installed-test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[sandbox,test,docs]'
	touch $@ $(VENV)/installed $(VENV)/installed-docs

$(VENV)/installed-docs: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[sandbox,docs]'
	touch $@ $(VENV)/installed
