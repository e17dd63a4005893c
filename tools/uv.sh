#!/usr/bin/env bash
# tools/uv.sh ARGUMENT…: run the uv of .tools with the shared cache, and with the system's CA certificates like pip, which
# may include a company's CA; uv has its own.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
export UV_CACHE_DIR="${UV_CACHE_DIR:-${VIGIL_CACHE_DIR:-$HOME/.cache/vigil}/uv}" UV_LINK_MODE="${UV_LINK_MODE:-hardlink}"
for store in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
  [ -r "$store" ] && export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
done
exec "$here/.tools/bin/uv" "$@"
