# Two commands matter: `make run` and `make test`. They need Python 3.11 or newer, and nothing else.

PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3,$(shell \
	command -v $(p) >/dev/null 2>&1 && $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo $(p))))
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --no-compile
# CI installs what the lock names; people get what pyproject.toml allows.
LOCK := $(if $(CI),--constraint ci/constraints.txt,)
# Many tests wait for sound at its pace: while one does, another works.
WORKERS ?= 2

.PHONY: run test check format page benchmark lock clean

run: $(VENV)/.serving  ## install, start the server, say where it is
	@$(BIN)/sotto serve

test: check  ## all checks and all tests
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --no-loadscope-reorder --durations 15

check: $(VENV)/.dev page  ## format, lint, types, contracts, the page's types and tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

ifeq ($(shell command -v npm),)
page:
	@test -z "$(CI)" || { echo "expected npm, to check the page; got none" >&2; exit 1; }
	@echo "npm is not here: the page's types and unit tests are left out"
else
page: node_modules/.package-lock.json
	npm run --silent types
	npm test --silent
endif

benchmark: $(VENV)/.dev  ## what the door and the engine cost
	$(BIN)/python benchmarks/door.py
	$(BIN)/python benchmarks/engine.py

lock: $(VENV)/.dev  ## what CI installs
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > ci/constraints.txt

clean:
	rm -rf $(VENV) node_modules

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "expected Python 3.11 or newer, got none" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.serving: pyproject.toml | $(VENV)/bin/python
	@echo "installing Sotto into $(VENV)"
	@$(PIP) $(LOCK) --editable '.[talk,webrtc]'
	@touch $@

$(VENV)/.dev: pyproject.toml ci/constraints.txt | $(VENV)/bin/python
	@echo "installing Sotto and its checks into $(VENV)"
	@$(PIP) $(LOCK) --editable '.[dev,gpu,train,ray,jwt,otel,postgres,talk,webrtc]'
	@touch $@ $(VENV)/.serving

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --silent --no-audit --no-fund
	@touch $@
