# Every target makes .venv and installs what it needs, once. Needed before: Python 3.11 or newer, and make.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
INSTALLED_DOCS := .venv/.installed-docs
# One thread a process: two processes with two threads each on two cores wait for one another.
THREADS ?= 1
PYTEST := OMP_NUM_THREADS=$(THREADS) $(BIN)/pytest -n 2 --dist worksteal

.PHONY: help demo test test-slow test-lowest test-newest lint docs notebooks bench bench-speed clean

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(INSTALLED)  ## Two real comparisons in a few minutes: one where transfer wins, one where it does not
	$(BIN)/graft demo

test:  ## Everything that continuous integration runs
	@echo "This takes about twelve minutes on two quiet cores, plus the installation the first time."
	@$(MAKE) --no-print-directory lint
	$(PYTEST) -m "not slow"

test-slow: $(INSTALLED_DOCS)  ## The tests that take minutes each
	$(PYTEST) -m slow

# These prove the bounds that pyproject.toml promises, so they do not use constraints.txt.
# Each makes an environment of its own.
test-lowest:  ## The unit tests with exactly the lower bounds of pyproject.toml
	$(PYTHON) -m venv --clear .venv-lowest
	$(PYTHON) tests/lower_bounds.py > .venv-lowest/requirements.txt
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check -r .venv-lowest/requirements.txt
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	OMP_NUM_THREADS=1 .venv-lowest/bin/pytest -n 2 -m "not slow" tests/unit

test-newest:  ## The unit tests with the newest versions that pip resolves
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	OMP_NUM_THREADS=1 .venv-newest/bin/pytest -n 2 -m "not slow" tests/unit

lint: $(INSTALLED)  ## Style, form, and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

docs: $(INSTALLED_DOCS)  ## The pages that are made from the code, every link checked, then the site: docs/_build/html
	$(BIN)/python docs/build.py
	$(BIN)/sphinx-build --fresh-env --fail-on-warning --quiet -c docs . docs/_build/html
	@echo "The site: docs/_build/html/index.html"

notebooks: $(INSTALLED)  ## The course: execute every notebook again, with the data in GRAFT_DATA where it is set
	$(BIN)/python notebooks/build.py

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

$(INSTALLED_DOCS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

clean:  ## Remove .venv and what the tools left
	rm -rf .venv .venv-lowest .venv-newest docs/_build build dist src/*.egg-info .pytest_cache .ruff_cache .import_linter_cache
