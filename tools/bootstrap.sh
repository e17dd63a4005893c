#!/usr/bin/env bash
# Install .tools/bin/uv, the only program that the Makefile needs before it can install anything.
# Needs Python 3.11 or newer. If Python has no `venv` (minimal Debian), root installs the package; for other users the
# command is printed.
set -euo pipefail
cd "$(dirname "$0")/.."

uv_version=$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' locks/bootstrap.txt)
cache="${VIGIL_CACHE_DIR:-$HOME/.cache/vigil}"
# The environments are made with this Python, which an upgrade of the system may have removed.
[ -x .tools/bin/python ] && [ -x .tools/bin/uv ] && [ "$(.tools/bin/uv --version | cut -d' ' -f2)" = "$uv_version" ] && exit 0

say() { printf 'setup: %s\n' "$*"; }

python=""
for candidate in python3.13 python3.12 python3.11 python3; do
  if command -v "$candidate" >/dev/null 2>&1 &&
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  say "Python 3.11 or newer is missing. On Debian 12: apt-get install python3 python3-venv" >&2
  exit 1
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "$python has no venv module: installing Debian's python3-venv"
    apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
  else
    say "$python cannot make virtual environments. On Debian: sudo apt-get install python3-venv" >&2
    exit 1
  fi
fi

say "installing uv $uv_version with $("$python" --version)"
rm -rf .tools
"$python" -m venv .tools
PIP_CACHE_DIR="$cache/pip" PIP_DISABLE_PIP_VERSION_CHECK=1 .tools/bin/pip install --quiet \
  --require-hashes --only-binary :all: --requirement locks/bootstrap.txt
