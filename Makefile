# `make app` opens the app and `make test` runs the tests; each builds .venv when it is missing, in whatever order.

VENV := .venv
PY := $(VENV)/bin/python
USER_STAMP := $(VENV)/.user.stamp
DEV_STAMP := $(VENV)/.dev.stamp
UNFINISHED := $(VENV)/.unfinished
PACKAGES = $(VENV)/lib/python3*/site-packages

# The Python that builds .venv; without a choice, the first of these that is 3.11 or newer.
PYTHON ?=
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3)
# make app PORT=8600 WATCH=auto: another port; rerun pages when their source changes.
PORT ?=
WATCH ?=
# make test WORKERS=0: one test at a time, for a debugger. Three of them keep two cores busy: the one that drives the
# browser mostly waits for it.
WORKERS ?= 3
# make test ARGS="-m 'not slow and not browser' -k kernels", make bench ARGS="--rounds 5", make shots ARGS="--help"
ARGS ?=
# make walk STEPS=5000 SEED=3
STEPS ?= 300
SEED ?= 0
# What `make train-demo` runs.
DEMO ?= gte.train tiny --out runs/gte-tiny

# glibc would give the memory of a freed tensor back to the system and fetch it anew for the next one; keeping it makes
# every network an eighth faster.
export MALLOC_TRIM_THRESHOLD_ ?= 4000000000
export MALLOC_TOP_PAD_ ?= 64000000
export MALLOC_MMAP_MAX_ ?= 0

.PHONY: help setup app test check bench train-demo study shots walk stale

help:
	@echo "make app         open the app in the browser (PORT=8600 for another port)"
	@echo "make train-demo  train a small GTE network on two CPU cores, about half an hour"
	@echo "make study       train and test the networks of the comparison, some hours; continues what was stopped"
	@echo "make setup       install everything for developing"
	@echo "make check       formatting, lint, types, the direction of imports"
	@echo "make test        all tests (ARGS=\"-m 'not slow and not browser'\" for the quick ones)"
	@echo "make walk        random steps through the app (STEPS=5000 SEED=3), and what failed"
	@echo "make bench       how long the networks take, as ratios to a 2D ResNet"
	@echo "make shots       a picture of every page in shots/, both themes, 1280 and 800 pixels wide"

setup: $(DEV_STAMP)

app: $(USER_STAMP)
	$(PY) -m streamlit run streamlit_app.py $(if $(PORT),--server.port $(PORT)) $(if $(WATCH),--server.fileWatcherType $(WATCH))

train-demo: $(USER_STAMP)
	$(PY) -m $(DEMO) $(ARGS)

study: $(USER_STAMP)
	$(PY) -m gte.study --ship checkpoints/study $(ARGS)

test: $(DEV_STAMP)
	$(PY) -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

check: $(DEV_STAMP)
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m pyright
	$(VENV)/bin/lint-imports

bench: $(DEV_STAMP)
	$(PY) -m tests.bench $(ARGS)

shots: $(DEV_STAMP)
	$(PY) -m tests.browser.shots $(ARGS)

walk: $(DEV_STAMP)
	$(PY) -m tests.app.walk --steps $(STEPS) --seed $(SEED)

# A .venv whose installation was cut short (the mark is still there) or whose Python has gone is built anew.
ifneq ($(wildcard $(UNFINISHED)),)
STALE := stale
else ifeq ($(realpath $(PY)),)
STALE := stale
endif

$(USER_STAMP): requirements.txt $(STALE)
	@$(build_venv)
	$(call install,requirements.txt)
	@reason=$$($(PY) -c 'import cv2' 2>&1) || { \
	  echo "OpenCV does not start ($$(echo "$$reason" | tail -n 1)); on Debian and Ubuntu apt-get install libgl1 libglib2.0-0 mends that." >&2; \
	  exit 1; }
	@touch $@

$(DEV_STAMP): requirements-dev.txt $(USER_STAMP)
	$(call install,requirements-dev.txt)
	@touch $@

# The mark is there before the first file is, and goes when pip is done: pip takes a package that it was copying when it
# was killed for installed.
define build_venv
if [ -e $(UNFINISHED) ] || ! $(PY) -m pip --version >/dev/null 2>&1; then \
  found=; bare=; \
  for candidate in $(PYTHONS); do \
    "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
    if "$$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then found=$$candidate; break; fi; \
    bare=$$candidate; \
  done; \
  if [ -z "$$found" ] && [ -n "$$bare" ]; then \
    echo "$$bare cannot build an environment: its venv module is not installed; on Debian and Ubuntu apt-get install python3-venv mends that." >&2; \
    exit 1; \
  elif [ -z "$$found" ]; then \
    echo "Python 3.11 or newer is needed; none of these is one: $(PYTHONS). Install it, or name it: make PYTHON=/path/to/python3" >&2; \
    exit 1; \
  fi; \
  echo "Building $(VENV) with $$found; PyTorch is large, so this takes some minutes."; \
  rm -rf $(VENV) && mkdir $(VENV) && touch $(UNFINISHED) && "$$found" -m venv $(VENV) || exit 1; \
fi
endef

# A pip that fails before it has copied anything, for want of a network, leaves a good .venv as it was.
define install
@touch $(UNFINISHED); before=$$(ls $(PACKAGES)); echo "Installing $(1) into $(VENV)"; \
$(PY) -m pip install --disable-pip-version-check --requirement $(1) || { \
  [ "$$before" != "$$(ls $(PACKAGES))" ] || rm $(UNFINISHED); exit 1; }; \
rm $(UNFINISHED)
endef
