#!/usr/bin/env bash
# ruff, mypy --strict and the import contracts over the whole repository.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/mypy contracts operator backend detector_image demo standalone tools tests
.venv/bin/lint-imports --no-logo
