#!/usr/bin/env bash
# Write locks/*.txt from pyproject.toml: every package with version and hashes, for each way to install Vigil. The
# versions agree between the files, since all are resolved with the same constraints.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/bootstrap.sh
uv=tools/uv.sh

compile() { # compile OUTPUT ARGUMENT…
  local output=$1
  shift
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --no-emit-package openvino-telemetry "$@" --output-file "$output" pyproject.toml
  printf 'lock: %s: %s packages\n' "$output" "$(grep -c '^[a-z0-9].*==' "$output")"
}

upgrade=()
[ "${UPGRADE:-0}" = 1 ] && upgrade=(--upgrade)
compile locks/all.txt "${upgrade[@]}" --all-extras
pins=$(mktemp)
trap 'rm -f "$pins"' EXIT
grep -E '^[a-zA-Z0-9].*==' locks/all.txt | sed 's/ *\\$//' >"$pins"
for extra in backend operator detector; do
  compile "locks/$extra.txt" --upgrade --constraint "$pins" --extra "$extra"
done
compile locks/ultralytics.txt --upgrade --constraint "$pins" --extra detector --extra ultralytics
compile locks/standalone.txt --upgrade --constraint "$pins" --extra backend --extra detector --extra standalone
compile locks/dev.txt --upgrade --constraint "$pins" --extra backend --extra operator --extra detector --extra standalone --extra dev
# What builds our wheel (pyproject.toml's [build-system]; `editables` for an editable one) and http-ece, which is published
# as sources only and built by setuptools. conda installs it together with the packages that Vigil runs with: one version.
{
  .tools/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'
  printf 'editables>=0.5,<1\nsetuptools>=80\nwheel>=0.45,<1\n'
} | "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links --constraint "$pins" --output-file locks/build.txt -
# The installer itself. Change its version in the first line of locks/bootstrap.txt.
grep -o '^uv==[0-9.]*' locks/bootstrap.txt | "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file locks/bootstrap.txt -
for group in checkov openapi; do
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --output-file "locks/$group.txt" --group "$group"
  printf 'lock: locks/%s.txt: %s packages\n' "$group" "$(grep -c '^[a-z0-9].*==' "locks/$group.txt")"
done
printf 'lock: locks/build.txt: %s packages\n' "$(grep -c '^[a-z0-9].*==' locks/build.txt)"
