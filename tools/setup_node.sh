#!/usr/bin/env bash
# tools/setup_node.sh: install exactly the packages of each package-lock.json below, by hash, in .venvs/. Does nothing if
# the files have not changed, or without npm: the tests that need them are then skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null; then
  printf 'setup: no npm; the tests of the TypeScript client and of sign-in by a provider are skipped (apt-get install nodejs npm)\n'
  exit 0
fi

install() { # install SOURCE TARGET
  local source=$1 target=$2 want
  want=$(cat "$source/package.json" "$source/package-lock.json" | sha256sum | cut -d' ' -f1)
  [ -f "$target/.vigil-setup" ] && [ "$(cat "$target/.vigil-setup")" = "$want" ] && return
  mkdir -p "$target"
  cp "$source/package.json" "$source/package-lock.json" "$target/"
  npm ci --prefix "$target" --ignore-scripts --no-audit --no-fund --loglevel=error
  printf '%s\n' "$want" >"$target/.vigil-setup"
}

install tests/integration/openapi .venvs/openapi-typescript
install tests/integration/openid_provider .venvs/openid-provider
