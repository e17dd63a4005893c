# Vigil. `make` lists the targets.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
# Without a writable home folder, the caches are in the clone. VIGIL_CACHE_DIR sets another place.
ifndef VIGIL_CACHE_DIR
VIGIL_CACHE_DIR := $(shell cache="$${HOME:-/nonexistent}/.cache/vigil"; \
  if [ -n "$${HOME:-}" ] && mkdir -p "$$cache" 2>/dev/null && [ -w "$$cache" ]; then echo "$$cache"; \
  else echo "$(CURDIR)/.cache/vigil"; fi)
endif
export VIGIL_CACHE_DIR
export UV_CACHE_DIR ?= $(VIGIL_CACHE_DIR)/uv
export MPLCONFIGDIR ?= $(VIGIL_CACHE_DIR)/matplotlib
export YOLO_CONFIG_DIR ?= $(VIGIL_CACHE_DIR)/ultralytics
# If the shell sets it, each process compiles all modules again, which takes half of the start time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# make expands `$` in values from its command line. These are passed to `vigil run` as they were typed.
RUN_SETTINGS := CAMERA MODEL HOST PORT DEMO VIGIL_PUBLIC_URL VIGIL_ALLOWED_HOSTS VIGIL_DATA_DIR UNIT_DIR
$(foreach name,$(RUN_SETTINGS),$(if $(filter command line,$(origin $(name))),\
  $(eval override export $(name) := $$(value $(name)))))

.PHONY: run
run: export VIGIL_MODEL_DIR ?= $(VIGIL_CACHE_DIR)/models
run: ## Run Vigil on this machine, without a cluster: make run [CAMERA=rtsp://…] [MODEL=path] [HOST=0.0.0.0] [PORT=8000] [DEMO=0]
	@bash tools/setup.sh .venvs/standalone locks/standalone.txt
	@exec .venvs/standalone/bin/vigil run

OWNER_ONLY = [ -O . ] || { echo "vigil: this clone belongs to $$(stat -c %U .): run \`make $@\` as that user," \
  "without sudo (it asks for the password itself)" >&2; exit 1; }

.PHONY: install-service
install-service: export VIGIL_MODEL_DIR ?= $(VIGIL_CACHE_DIR)/models
install-service: ## Vigil from boot on, as a systemd service of this user: make install-service [the settings of run]
	@$(OWNER_ONLY)
	@bash tools/setup.sh .venvs/standalone locks/standalone.txt
	@exec .venvs/standalone/bin/vigil install-service

.PHONY: uninstall-service
uninstall-service: ## Stops that service and removes it; the data stays
	@$(OWNER_ONLY)
	@bash tools/setup.sh .venvs/standalone locks/standalone.txt
	@exec .venvs/standalone/bin/vigil uninstall-service

.PHONY: setup
setup: ## Create the development environment in .venv
	@bash tools/setup.sh .venv locks/dev.txt

.PHONY: test
test: setup ## Run everything that CI runs: lint, types and all tests
	@exec bash tools/test.sh

.PHONY: test-fast
test-fast: setup ## Run the unit tests
	@$(PYTHON) -m pytest tests/unit

.PHONY: e2e
e2e: setup ## Test the images, Compose and the chart with real containers, to alerts (logs in build/e2e/)
	@$(PYTHON) tools/system_packages.py
	@VIGIL_E2E=1 $(PYTHON) -m pytest tests/integration/images tests/e2e/compose tests/e2e/kubernetes -q --durations=10

.PHONY: bench
bench: setup ## Measure against the targets: make bench BENCH=detector (writes build/bench/<name>.json)
	@if [ "$(BENCH)" = detector ]; then for name in detector ultralytics; do \
	  bash tools/setup.sh .venvs/$$name locks/$$name.txt; done; fi
	@if [ "$(BENCH)" = idle ] || [ "$(BENCH)" = peers ]; then bash tools/setup.sh .venvs/standalone locks/standalone.txt; fi
	@if [ "$(BENCH)" = shared_inference ]; then bash tools/setup.sh .venvs/detector locks/detector.txt; fi
	@if [ "$(BENCH)" = conversion ] || [ "$(BENCH)" = quality ]; then bash tools/setup.sh .venvs/ultralytics locks/ultralytics.txt; fi
	@exec $(PYTHON) -m tests.bench.run $(BENCH)

.PHONY: lint
lint: setup ## Run ruff, djlint, mypy --strict and the import contracts
	@exec bash tools/lint.sh

.PHONY: format
format: setup ## Format and auto-fix
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix . && .venv/bin/djlint backend --reformat --quiet

.PHONY: lock
lock: ## Resolve locks/*.txt from pyproject.toml (UPGRADE=1: to the newest versions)
	@exec bash tools/lock.sh

.PHONY: manifests
manifests: setup ## Generate manifests/operator and manifests/backend from the chart
	@$(PYTHON) -m tests.chart.manifests

.PHONY: release
release: setup ## Set the version and build wheels, chart, manifests and release notes: make release VERSION=0.2.0
	@$(PYTHON) -m tools.release "$(VERSION)"

NO_KEY := AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
.PHONY: screenshots
screenshots: setup ## Retake docs/images/*.png with the demo scene
	@$(PYTHON) -m tools.screenshots

.PHONY: schema
schema: export DATABASE_URL := sqlite://:memory:
schema: export VIGIL_SECRET_KEY := none
schema: export VIGIL_CREDENTIAL_KEYS := $(NO_KEY)
schema: setup ## Generate docs/openapi.yaml and docs/events.schema.json from the backend's code
	@cd backend && ../$(PYTHON) manage.py spectacular --file ../docs/openapi.yaml --validate --fail-on-warn
	@cd backend && ../$(PYTHON) manage.py event_schema >../docs/events.schema.json

.PHONY: dashboards
dashboards: setup ## Generate the chart's Grafana dashboards from tools/dashboards
	@$(PYTHON) -m tools.dashboards

.PHONY: docs
docs: setup ## Build the documentation site into build/site
	@NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true .venv/bin/mkdocs build --strict --quiet && echo build/site/index.html

.PHONY: clean
clean: ## Remove the environments and build outputs; keeps data/
	@rm -rf .venv .venvs .tools build .mypy_cache .ruff_cache .pytest_cache
