#!/usr/bin/env bash
# tools/setup_node.sh: install exactly the packages of tests/integration/openapi/package-lock.json, by hash, in
# .venvs/openapi-typescript. Does nothing if the file has not changed, or without npm: the test that needs them is
# then skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null; then
  printf 'setup: no npm; the test of the TypeScript client is skipped (apt-get install nodejs npm)\n'
  exit 0
fi
source=tests/integration/openapi
target=.venvs/openapi-typescript
want=$(cat "$source/package.json" "$source/package-lock.json" | sha256sum | cut -d' ' -f1)
[ -f "$target/.vigil-setup" ] && [ "$(cat "$target/.vigil-setup")" = "$want" ] && exit 0
mkdir -p "$target"
cp "$source/package.json" "$source/package-lock.json" "$target/"
npm ci --prefix "$target" --ignore-scripts --no-audit --no-fund --loglevel=error
printf '%s\n' "$want" >"$target/.vigil-setup"
