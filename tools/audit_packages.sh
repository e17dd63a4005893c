#!/usr/bin/env bash
# Check the packages of the three programs for known vulnerabilities with pip-audit; skipped without its data.
set -euo pipefail
cd "$(dirname "$0")/.."
report=$(mktemp)
trap 'rm -f "$report" "$report.log"' EXIT
for lock in backend operator detector; do
  status=0
  timeout 90 .venv/bin/pip-audit --disable-pip --require-hashes --requirement "locks/$lock.txt" --format json \
    --output "$report" --progress-spinner off --cache-dir "$HOME/.cache/vigil/pip-audit" >"$report.log" 2>&1 || status=$?
  if [ ! -s "$report" ]; then
    printf 'pip-audit: skipped, its data cannot be had here (%s)\n' "$(tail -n 1 "$report.log" | cut -c 1-120)"
    exit 0
  fi
  if [ "$status" -ne 0 ]; then
    printf 'pip-audit: locks/%s.txt holds packages with known vulnerabilities:\n' "$lock"
    .venv/bin/python -c '
import json, sys
for package in json.load(open(sys.argv[1]))["dependencies"]:
    for known in package.get("vulns", []):
        print(" ", package["name"], package["version"], known["id"], "fixed in", ", ".join(known["fix_versions"]) or "-")
' "$report"
    exit 1
  fi
  : >"$report"
done
printf 'pip-audit: no known vulnerabilities\n'
