# Every target makes .venv and installs what it needs, once. Needed before: Python 3.11 or newer, and make.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# One thread a process: two processes with two threads each on two cores wait for one another.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

.PHONY: help demo test test-slow lint docs bench bench-speed clean

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(INSTALLED)  ## Two real comparisons in a few minutes: one where transfer wins, one where it does not
	$(BIN)/graft demo

test: lint  ## Everything that continuous integration runs
	$(PYTEST) -m "not slow"

test-slow: $(INSTALLED)  ## The tests that take minutes each
	$(PYTEST) -m slow

lint: $(INSTALLED)  ## Style, form, and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

docs: $(INSTALLED)  ## Write docs/reference.md from the docstrings and check every link
	$(BIN)/python docs/build.py

bench: $(INSTALLED)  ## What the defaults reach on real data: benchmarks/quality.md
	$(BIN)/python benchmarks/quality.py

bench-speed: $(INSTALLED)  ## Ours beside other libraries, each in an environment of its own: benchmarks/speed.md
	$(BIN)/python benchmarks/start.py
	$(BIN)/python benchmarks/speed.py

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Graft needs Python 3.11 or newer; $(PYTHON) is older or missing. Choose one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:  ## Remove .venv and what the tools left
	rm -rf .venv build dist src/*.egg-info .pytest_cache .ruff_cache .import_linter_cache
