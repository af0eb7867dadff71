# Every target sets up what it needs by itself: Python 3.11 or newer, make and git are enough.
# PYTHON=/path/to/python3 chooses a Python; ARGS="-k name" goes to pytest.

PY := .venv/bin/python
STILLWATCH := .venv/bin/stillwatch
ARGS :=
PYTEST := -n 2 --junitxml .cache/tests.xml
SEED := 20260921
DEMO := --scenario default --exchanges 300000 --accounts 12000 --seed $(SEED)

# Compiled kernels are kept in the checkout, so that nothing outside it needs to be writeable.
export NUMBA_CACHE_DIR := $(CURDIR)/.cache/numba
ifneq ($(shell test -n "$$HOME" && test -d "$$HOME" && test -w "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/.cache/home
endif
unexport PYTHONPATH
unexport PYTHONHOME

.PHONY: help demo test check check-format check-lint check-types check-imports check-reference check-tests \
    setup bench reference lock clean distclean
.NOTPARALLEL:
.DEFAULT_GOAL := help

help:
	@echo 'make demo       an exercise with known truth, a scan of it, and planted against found'
	@echo 'make test       the tests (ARGS="-k name" to choose)'
	@echo 'make check      what CI runs: format, lint, types, import rules, reference pages, tests'
	@echo 'make setup      only set up .venv'
	@echo 'make bench      every benchmark; figures go to benchmarks/results/'
	@echo 'make reference  write docs/reference/ anew from the code'
	@echo 'make lock       pin the newest dependencies (needs uv)'
	@echo 'make clean      remove what was built; make distclean removes .venv as well'

setup:
	@mkdir -p .cache/home
	@scripts/setup dev

demo:
	@mkdir -p .cache/home
	@scripts/setup base
	@rm -rf demo
	@echo '==> an exercise: 300,000 exchanges of 12,000 accounts, with known truth'
	@$(STILLWATCH) drill --out demo/drill $(DEMO)
	@echo '==> the scan, which is not told the truth'
	@$(STILLWATCH) scan --usage demo/drill/usage --accounts demo/drill/accounts.parquet \
	    --releases demo/drill/releases.parquet --agreements demo/drill/agreements.parquet --out demo/scan
	@echo '==> planted against found'
	@$(STILLWATCH) score --truth demo/drill/truth --scan demo/scan
	@echo 'The report for a person: demo/scan/report.html'

# What could not run (without Chromium, Java or PostgreSQL) is told at the end, loudly.
test: setup
	@$(PY) -m pytest $(PYTEST) $(ARGS); status=$$?; $(PY) scripts/list_not_run.py .cache/tests.xml; exit $$status

# Targets of their own, so that `make --keep-going check` tells all that is wrong at once.
check: check-format check-lint check-types check-imports check-reference check-tests

check-format: setup
	@echo '==> format'
	@$(PY) -m ruff format --check .

check-lint: setup
	@echo '==> lint'
	@$(PY) -m ruff check .

check-types: setup
	@echo '==> types'
	@$(PY) -m mypy src benchmarks scripts

check-imports: setup
	@echo '==> import rules'
	@.venv/bin/lint-imports

check-reference: setup
	@echo '==> reference pages'
	@$(PY) scripts/make_reference.py --check

check-tests: setup
	@echo '==> tests (those in a real browser, on a real Spark cluster and on a real PostgreSQL, too)'
	@scripts/install-chromium
	@scripts/install-java
	@scripts/install-postgresql
	@$(PY) -m pytest $(PYTEST) $(ARGS)

bench:
	@mkdir -p .cache/home
	@scripts/setup bench
	@for script in benchmarks/[a-z]*.py; do echo "==> $$script"; $(PY) "$$script" || exit 1; done

reference: setup
	@$(PY) scripts/make_reference.py

UV := $(shell command -v uv || echo .venv/bin/uv)
lock:
	@test -x "$(UV)" || { echo 'stillwatch: make lock needs uv; install it, or set UV=/path/to/uv' >&2; exit 2; }
	@for name in base dev bench; do \
	    "$(UV)" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	        -o requirements/$$name.lock requirements/$$name.in >/dev/null || exit 1; \
	done

clean:
	@rm -rf demo build dist .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find src tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	@rm -rf .venv src/stillwatch.egg-info
