#!/usr/bin/env bash
# tools/setup.sh VENV LOCK [LOCK …]: install exactly the packages of the lock files into the virtual environment VENV,
# and the project itself, editable. Does nothing if they have not changed and the environment's Python runs. Recreates
# the environment if the clone was moved, since scripts and the editable installation contain absolute paths.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$1
shift
locks=("$@")
stamp="$venv/.vigil-setup"
want=$({ printf '%s\n' "$PWD"; cat "${locks[@]}" locks/build.txt pyproject.toml; } | sha256sum | cut -d' ' -f1)
[ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && exit 0

bash tools/bootstrap.sh
place="$venv/.vigil-place"
if [ -d "$venv" ] && [ -f "$stamp" ] && [ "$(cat "$place" 2>/dev/null)" != "$PWD" ]; then
  printf 'setup: %s: the clone was moved; creating the environment again\n' "$venv"
  rm -rf "$venv"
fi
uv=tools/uv.sh
began=$(date +%s)
packages=$(cat "${locks[@]}" | grep -c '^[a-z0-9].*==')
printf 'setup: %s: %s packages from %s\n' "$venv" "$packages" "${locks[*]}"
# What an interrupted set-up left, or an environment whose Python was removed by an upgrade of the system, is replaced.
[ -x "$venv/bin/python" ] || "$uv" venv --quiet --clear --python "$(readlink -f .tools/bin/python)" "$venv"
sources=()
for lock in "${locks[@]}"; do sources+=("$lock"); done
"$uv" pip sync --require-hashes --build-constraints locks/build.txt --python "$venv/bin/python" "${sources[@]}" 2>&1 |
  sed -u -e '/^Using Python/d' -e '/^ [+-] /d' -e 's/^/setup: /'
"$uv" pip install --quiet --no-deps --build-constraints locks/build.txt --python "$venv/bin/python" --editable .
printf '%s\n' "$PWD" >"$place"
printf '%s\n' "$want" >"$stamp"
printf 'setup: %s ready after %s s\n' "$venv" "$(($(date +%s) - began))"
