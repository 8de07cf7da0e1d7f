# Everything here works with GNU make 3.81 or newer on Linux, macOS and Windows (Git-Bash).
# The environment in .venv is made once; a stamp in it says that it is complete.

ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN := Scripts
else
PYTHON ?= python3
BIN := bin
endif

VENV ?= .venv
PY := $(VENV)/$(BIN)/python
PIP_ARGS ?=
LAB_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=
WORKERS ?= 2
THREADS ?= 1

LAB := lab,real
ALL := $(LAB),dev,browser,site
INPUTS := pyproject.toml setup.py constraints.txt

# An environment holds absolute paths and leans on the Python it was made with. If the folder was
# moved or that Python is gone, the stamps do not count.
ifneq ($(shell "$(PY)" -c "" >/dev/null 2>&1 && cat "$(VENV)/.made-in" 2>/dev/null),$(CURDIR))
STALE := stale
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help lab test test-all test-notebooks build bench clean stale

help:
	@echo "make lab     set up everything and open JupyterLab at the first lesson"
	@echo "make test    set up everything and run all tests"
	@echo "make test-all   the same, with every notebook in a browser and in broken surroundings (hours)"
	@echo "make test-notebooks   the notebooks alone, with THREADS=1 or more threads"
	@echo "make build   build the notebooks from lessons/"
	@echo "make bench   measure speed against peers: a table, benchmarks/results/ (45 minutes)"
	@echo "make clean   remove .venv, caches and build products (training runs stay)"
	@echo
	@echo "Settings:    PYTHON=python3.12   which Python makes the environment (3.11 or newer)"
	@echo "             PIP_ARGS=...        passed to pip, for example for an index of your own"
	@echo "             PRESENT=1           make lab: larger type, exercises folded (presenter/)"
	@echo "             LAB_ARGS=...        passed to JupyterLab, for example --no-browser"
	@echo "             TEST_ARGS=...       passed to pytest, for example -k tokenizer"
	@echo "             BENCH_ARGS=...      passed to the benchmarks, for example step_time"

# $(call install,EXTRAS): makes or completes the environment. The file .installing stands in it
# while pip works; if it is found at the start, the last attempt was cut off, and all begins anew.
define install
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || { \
	  echo "minigpt needs Python 3.11 or newer, and '$(PYTHON)' is not: it is" \
	    "$$($(PYTHON) --version 2>&1 || true)." >&2; \
	  echo "Install one, or name one that you have: make PYTHON=python3.12 ..." >&2; \
	  exit 2; }
	@if [ -e "$(VENV)/.installing" ] || { [ -e "$(VENV)/.made-in" ] && \
	  { ! "$(PY)" -c "" 2>/dev/null || [ "$$(cat "$(VENV)/.made-in")" != "$(CURDIR)" ]; }; }; then \
	  echo "The environment in $(VENV) is incomplete or was made elsewhere: making it anew."; \
	  rm -rf "$(VENV)"; \
	fi
	@mkdir -p "$(VENV)" && rm -f "$(VENV)/.ready-lab" "$(VENV)/.ready-test"
	@test -x "$(PY)" || { touch "$(VENV)/.installing" && $(PYTHON) -m venv "$(VENV)"; }
	@touch "$(VENV)/.installing"
	"$(PY)" -m pip install $(PIP_ARGS) -c constraints.txt -e ".[$(1)]"
	@echo "$(CURDIR)" > "$(VENV)/.made-in" && rm -f "$(VENV)/.installing"
endef

$(VENV)/.ready-lab: $(INPUTS) $(STALE)
	$(call install,$(LAB))
	@touch "$@"

$(VENV)/.ready-test: $(INPUTS) $(STALE)
	$(call install,$(ALL))
	@touch "$(VENV)/.ready-lab" "$@"

# The address holds the lesson, so it opens from the browser that starts and from the printed link;
# the whole clone can be browsed. Git-Bash must not take that address for a path.
# Each kernel first runs lessons/startup.py, which explains what a missing name means.
lab: export PYTHONSTARTUP ?= $(CURDIR)/lessons/startup.py
lab: $(VENV)/.ready-lab
ifdef PRESENT
	@"$(PY)" -m lessons present > /dev/null && cd presenter && lesson="$$(ls *.ipynb | head -n 1)" && \
	JUPYTERLAB_SETTINGS_DIR=settings MSYS_NO_PATHCONV=1 \
	"$(abspath $(PY))" -m jupyterlab --LabApp.default_url="/lab/tree/$$lesson" $(LAB_ARGS)
else
	@lesson="$$("$(PY)" -m lessons first)" && MSYS_NO_PATHCONV=1 \
	"$(PY)" -m jupyterlab --LabApp.default_url="/lab/tree/$$lesson" $(LAB_ARGS)
endif

# One thread a process: two busy processes with two threads each slow one another down.
PYTEST := OMP_NUM_THREADS=$(THREADS) "$(PY)" -m pytest -n $(WORKERS)
NBVAL := --nbval --nbval-current-env --nbval-sanitize-with=tests/nbval_sanitize.cfg \
  --nbval-cell-timeout=120 --nbval-kernel-startup-timeout=120 --dist loadfile

# Both steps run even if the first one fails.
test: $(VENV)/.ready-test
	@status=0; \
	$(PYTEST) --dist loadgroup $(TEST_ARGS) tests || status=$$?; \
	$(PYTEST) $(NBVAL) notebooks || status=$$?; \
	exit $$status

# With what takes too long for every change: all notebooks run in a browser and with faults.
test-all: export MINIGPT_BROWSER := all
test-all: export MINIGPT_FAULTS := all
test-all: test

test-notebooks: $(VENV)/.ready-test
	@$(PYTEST) $(NBVAL) notebooks

build: $(VENV)/.ready-lab
	@"$(PY)" -m lessons build

bench: $(VENV)/.ready-test
	@OMP_NUM_THREADS=$(THREADS) "$(PY)" -m benchmarks --threads $(THREADS) $(BENCH_ARGS)

clean:
	rm -rf .venv build dist minigpt.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -type d -prune -exec rm -rf {} +
