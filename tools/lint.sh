#!/usr/bin/env bash
# ruff, mypy --strict and the import contracts over the whole repository. mypy, which computes, and pip-audit, which
# waits for the network, run beside the others.
set -euo pipefail
cd "$(dirname "$0")/.."
outputs=$(mktemp -d)
background=()
trap 'kill "${background[@]}" 2>/dev/null || true; rm -rf "$outputs"' EXIT
trap 'exit 130' INT TERM
begin() { # begin COMMAND…
  "$@" >"$outputs/${#background[@]}" 2>&1 &
  background+=("$!")
}
begin .venv/bin/mypy contracts operator backend detector_image demo standalone tools tests
begin bash tools/audit_packages.sh
.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/djlint backend --check --quiet
.venv/bin/lint-imports --no-logo
# ruff's S rules equal bandit's and have per-line exceptions with reasons; B104 and B108 are covered by S104 and S108.
.venv/bin/bandit -q -r contracts operator backend detector_image demo standalone --severity-level medium --skip B104,B108
status=0
for each in "${background[@]}"; do
  wait "$each" || status=$?
done
cat "$outputs"/*
exit "$status"
