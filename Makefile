# Everything a developer types. `make` alone says what there is.
#
# The virtual environment is made once, and filled again only when a lock or pyproject.toml
# has changed. PYTHON=python3.12 chooses the interpreter; HOST and PORT are for `make run`.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.denglu-run
DEV_STAMP := $(VENV)/.denglu-dev
AUDIT_STAMP := $(VENV)/audit/.denglu-audit
# The peers of the benchmark have dependencies of their own.
PEERS := bench/peers/installed
PEERS_STAMP := $(PEERS)/.denglu-peers
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/lock/bin/pip-compile --quiet pyproject.toml

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check fmt lock sbom audit battery battery-release mutation bench bench-quick scale clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN_STAMP) ## serve on HOST:PORT with a demo member, and say what to try next
	@HOST="$(HOST)" PORT="$(PORT)" DENGLU="$(BIN)/denglu" bash scripts/demo.sh

test: $(DEV_STAMP) ## run all tests; servers that they need are installed where that is allowed
	@bash scripts/install_servers.sh
	$(BIN)/python -m pytest

check: $(DEV_STAMP) ## format, lint, strict types, layers, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_docs.py

fmt: $(DEV_STAMP) ## format, and fix what the linter can fix
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

# OPTIONS="--times 3", OPTIONS="S02 R01".
battery: $(DEV_STAMP) ## attacks and faults against the real server: row, figure, pass or fail
	@bash scripts/install_servers.sh
	$(BIN)/python -m scripts.battery $(OPTIONS)

# OPTIONS="--minutes 60", "--on sqlite", "--seed 7 --examples 10" are for the stories.
battery-release: $(DEV_STAMP) ## rows of a release, guided fuzz, 20,000 stories held to a model (a night)
	@bash scripts/install_servers.sh
	$(BIN)/python -m scripts.battery --release --no-page
	@$(BIN)/python -c "import atheris" 2>/dev/null || $(PIP) install "atheris>=3.0,<4"
	$(BIN)/python -m tests.fuzz.guided
	$(BIN)/python -m tests.model $(OPTIONS)

# OPTIONS=--ours: denglu and its ceilings alone.
bench: $(DEV_STAMP) $(PEERS_STAMP) ## denglu, its ceilings, its peers side by side; writes docs/benchmark.md
	@bash scripts/install_servers.sh wrk
	$(BIN)/python -m bench $(OPTIONS)

bench-quick: $(DEV_STAMP) $(PEERS_STAMP) ## the same in three minutes; writes nothing
	@bash scripts/install_servers.sh wrk
	$(BIN)/python -m bench --quick $(OPTIONS)

$(PEERS_STAMP): bench/peers/requirements.txt bench/peers/better_auth/package-lock.json
	@bash scripts/install_servers.sh npm
	@echo "installing the peers of the benchmark into bench/peers ..."
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip --disable-pip-version-check --quiet install -r bench/peers/requirements.txt
	@npm ci --prefix bench/peers/better_auth --no-audit --no-fund --silent
	@touch $@

# AREAS="rules flows": some of them only. What changes the code is no part of the tests.
mutation: $(DEV_STAMP) ## spoil the code a little, again and again: do the tests notice? (an hour)
	@$(BIN)/python -c "import mutmut" 2>/dev/null || $(PIP) install "mutmut>=3.8,<4"
	nice -n 10 $(BIN)/python -m scripts.mutation $(AREAS)

# SIZES="10000 1000000"; FOLDER=... for the data; OPTIONS="--on sqlite --keep --write".
scale: $(DEV_STAMP) ## what an operation costs at 10,000, a million and ten million members
	$(BIN)/python -m bench.scale $(SIZES) $(if $(FOLDER),--folder "$(FOLDER)") $(OPTIONS)

audit: $(AUDIT_STAMP) ## known weaknesses of everything that the locks pin
	$(VENV)/audit/bin/python -m scripts.audit $(OPTIONS)

sbom: $(AUDIT_STAMP) ## write sbom.cdx.json anew from the lock of a server
	$(VENV)/audit/bin/python -m scripts.sbom $(OPTIONS)

lock: $(VENV)/lock/bin/pip-compile ## renew requirements/*.txt from pyproject.toml
	$(COMPILE) --output-file requirements/run.txt
	$(COMPILE) --extra postgresql --extra mysql --extra redis --extra metrics --extra aliyun \
		--extra tencent --extra aliyun-captcha --extra tencent-captcha --output-file requirements/server.txt
	$(COMPILE) --extra dev --build-deps-for editable --output-file requirements/dev.txt
	$(COMPILE) --build-deps-for editable --only-build-deps --output-file requirements/build.txt
	$(COMPILE) --extra audit --allow-unsafe --output-file requirements/audit.txt

clean: ## remove the virtual environment, caches and build output (not the database)
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@bash scripts/make_venv.sh "$(PYTHON)" "$(VENV)"

# The project itself is installed as a path entry, without fetching anything more.
$(RUN_STAMP): pyproject.toml requirements/run.txt requirements/build.txt | $(BIN)/python
	@echo "installing what denglu needs into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): pyproject.toml requirements/dev.txt | $(BIN)/python
	@echo "installing what denglu and its tests need into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(RUN_STAMP)

$(VENV)/lock/bin/pip-compile: | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip --disable-pip-version-check --quiet install "pip-tools>=7.6,<8"

# Beside the others: what looks at the packages is none of them.
$(AUDIT_STAMP): requirements/audit.txt | $(BIN)/python
	@echo "installing what looks for known weaknesses into $(VENV)/audit ..."
	@$(BIN)/python -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/audit.txt
	@touch $@
