#!/usr/bin/env bash
# Run everything that CI runs, fast parts first. Each step prints its name and duration. Lint and the preparation run
# beside the unit tests: neither uses a core all the time.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_CACHE_DIR="${UV_CACHE_DIR:-$HOME/.cache/vigil/uv}"
export MPLCONFIGDIR="${MPLCONFIGDIR:-$HOME/.cache/vigil/matplotlib}"
export YOLO_CONFIG_DIR="${YOLO_CONFIG_DIR:-$HOME/.cache/vigil/ultralytics}"

step() { # step NAME COMMAND…
  local name=$1 began
  shift
  began=$(date +%s)
  printf '\n== %s\n' "$name"
  "$@" || return # `set -e` is off inside of `if`
  printf '== %s: %s s\n' "$name" "$(($(date +%s) - began))"
}

# Like `step`, but without root a failure is ignored: the tests that need the result are skipped.
optional_step() { # optional_step NAME COMMAND…
  if [ "$(id -u)" = 0 ]; then
    step "$@"
  elif ! step "$@"; then
    printf '== %s: not done without root; the tests that need it are skipped\n' "$1"
  fi
}

# Prerequisites of the integration tests: minutes on a new machine, where Kubernetes is compiled, seconds otherwise.
prepare() {
  optional_step "system packages for the real services" .venv/bin/python tools/system_packages.py
  optional_step "Kubernetes binaries" .venv/bin/python -m tests.cluster.binaries
  step "environment of make run" bash tools/setup.sh .venvs/standalone locks/standalone.txt
  step "environment of the ultralytics runtime" bash tools/setup.sh .venvs/ultralytics locks/ultralytics.txt
  step "environment of the security checker" bash tools/setup.sh .venvs/checkov locks/checkov.txt
  step "environment of the client generator" bash tools/setup.sh .venvs/openapi locks/openapi.txt
  step "environment of the TypeScript client generator" bash tools/setup_node.sh
}

whole=$(date +%s)
# A process group of its own, so that its children end with this script.
mkdir -p build
export -f prepare step optional_step
setsid bash -euo pipefail -c prepare >build/preparation.log 2>&1 &
preparation=$!
export -fn prepare step optional_step
bash tools/lint.sh >build/lint.log 2>&1 &
lint=$!
trap 'kill -- "-$preparation" "$lint" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
result_of() { # result_of PROCESS OUTPUT
  local status=0
  wait "$1" || status=$?
  cat "$2"
  return "$status"
}

step "unit tests" .venv/bin/python -m pytest tests/unit --numprocesses 2
step "lint and types, begun with the first step" result_of "$lint" build/lint.log
step "preparation of the integration tests, begun with the first step" result_of "$preparation" build/preparation.log
# A third worker would run only what mostly waits (tests/scheduling.py). With one, tests that compute had so little of the
# two cores that the unit tests on PostgreSQL exceeded their ten minutes.
step "integration and end-to-end tests" .venv/bin/python -m pytest tests/integration tests/e2e --durations=15 \
  --numprocesses 2 --dist loadgroup --no-loadscope-reorder
if [ "${VIGIL_E2E:-}" != 1 ]; then
  printf '\n== left out, for its 15 minutes: the images, Compose and the chart on a real cluster; make e2e, or VIGIL_E2E=1 make test\n'
fi
printf '\n== the whole suite: %s s\n' "$(($(date +%s) - whole))"
