#!/usr/bin/env bash
# ruff, mypy --strict and the import contracts over the whole repository. mypy uses one core, the others the second one.
set -euo pipefail
cd "$(dirname "$0")/.."
types=$(mktemp)
.venv/bin/mypy contracts operator backend detector_image demo standalone tools tests >"$types" 2>&1 &
mypy=$!
trap 'kill "$mypy" 2>/dev/null || true; rm -f "$types"' EXIT
trap 'exit 130' INT TERM
.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/djlint backend --check --quiet
.venv/bin/lint-imports --no-logo
# ruff's S rules equal bandit's and have per-line exceptions with reasons; B104 and B108 are covered by S104 and S108.
.venv/bin/bandit -q -r contracts operator backend detector_image demo standalone --severity-level medium --skip B104,B108
bash tools/audit_packages.sh
status=0
wait "$mypy" || status=$?
cat "$types"
exit "$status"
