#!/usr/bin/env bash
# tools/setup.sh VENV LOCK [LOCK …]: makes the virtual environment VENV hold exactly what the lock files name, and
# the project itself, editable. Does nothing when they have not changed since.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$1
shift
locks=("$@")
export UV_CACHE_DIR="${UV_CACHE_DIR:-$HOME/.cache/vigil/uv}" UV_LINK_MODE="${UV_LINK_MODE:-hardlink}"
stamp="$venv/.vigil-setup"
want=$(cat "${locks[@]}" pyproject.toml | sha256sum | cut -d' ' -f1)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && exit 0

bash tools/bootstrap.sh
uv=.tools/bin/uv
began=$(date +%s)
packages=$(cat "${locks[@]}" | grep -c '^[a-z0-9].*==')
printf 'setup: %s: %s packages from %s\n' "$venv" "$packages" "${locks[*]}"
[ -x "$venv/bin/python" ] || "$uv" venv --quiet --python "$(readlink -f .tools/bin/python)" "$venv"
sources=()
for lock in "${locks[@]}"; do sources+=("$lock"); done
"$uv" pip sync --require-hashes --python "$venv/bin/python" "${sources[@]}" 2>&1 |
  sed -u -e '/^Using Python/d' -e '/^ [+-] /d' -e 's/^/setup: /'
"$uv" pip install --quiet --no-deps --python "$venv/bin/python" --editable .
printf '%s\n' "$want" >"$stamp"
printf 'setup: %s ready after %s s\n' "$venv" "$(($(date +%s) - began))"
