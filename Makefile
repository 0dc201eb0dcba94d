# Tessera: `make run` opens the app, `make test` runs the tests. Each target makes what it needs.
PYTHON ?= python3
PORT   ?= 8501
VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check

.PHONY: run setup models sample test test-slow torture ragas scale docs check format screenshots clean help
.DEFAULT_GOAL := help

help:
	@echo "make run     set up, fetch the models, build the sample, open the app on http://127.0.0.1:$(PORT)"
	@echo "make test    the tests: units, pages, the real default models, the browser when Chromium is there"
	@echo "make test-slow  whole matrices: every page in every theme and language, many people at once, real peers"
	@echo "make torture  kills builds, flips bits and fills disks, for minutes; docs/trust.md says what it holds"
	@echo "make check   ruff and mypy"
	@echo "make docs    the documentation: its generated pages, and a site in site/"
	@echo "make ragas   Ragas, as a judge of answers, in an environment of its own"
	@echo "make scale   Ray, for builds and answers on many machines (docs/scale.md)"
	@echo "make setup   environment only        make models  default models only"
	@echo "make format  format the code         make clean   remove environment, caches and workspaces"

run: sample
	$(PY) -m streamlit run app/main.py --server.port $(PORT)

setup: $(VENV)/.installed

# torch comes first and pinned: a looser range may pull gigabytes of CUDA packages.
$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; ok = (3, 10) <= sys.version_info < (3, 14); sys.exit(0 if ok else "Tessera needs Python 3.10 to 3.13, this is %d.%d. Run: make run PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install "$$(grep -E '^torch==' requirements.txt)"
	$(PIP) install -r requirements.txt
	@touch $@

$(VENV)/.developed: $(VENV)/.installed requirements-dev.txt
	$(PIP) install -r requirements-dev.txt
	@touch $@

# Ragas needs older libraries than the app runs on.
ragas: .venv-ragas/.installed

.venv-ragas/.installed: requirements-ragas.txt
	$(PYTHON) -m venv .venv-ragas
	.venv-ragas/bin/python -m pip --disable-pip-version-check install -r requirements-ragas.txt
	@touch $@

scale: $(VENV)/.installed
	$(PIP) install -r requirements-scale.txt

models: setup
	$(PY) -m app models

sample: setup
	$(PY) -m app sample

# Two workers, which take files in the order of tests/conftest.py; the browser's tests have the machine to themselves,
# since they look at an app under way.
test: $(VENV)/.developed models
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not browser and not slow and not torture"
	$(PY) -m pytest -m "browser and not slow"

torture: $(VENV)/.developed
	$(PY) -m pytest -m torture tests/torture

test-slow: $(VENV)/.developed models
	$(PY) -m pytest -m slow

check: $(VENV)/.developed
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy core app pages

docs: $(VENV)/.developed
	$(PY) -m app.docs
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet

# Takes the README's pictures of a running app (make run) with Debian's Chromium.
screenshots: $(VENV)/.developed
	$(PY) -m tests.e2e.screenshots --address http://127.0.0.1:$(PORT) --pages map --height 1110
	$(PY) -m tests.e2e.movie --address http://127.0.0.1:$(PORT)

format: $(VENV)/.developed
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean:
	rm -rf $(VENV) .venv-ragas site workspaces .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
