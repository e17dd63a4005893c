#!/bin/sh
# The steps of the build stage of every image, run in the folder of the sources.
#
#   build.sh packages LOCK   Install the packages of locks/LOCK.txt into /opt/vigil.
#   build.sh product IMAGE   Install Vigil there, and copy what the image needs to /image (IMAGE: see prune.py).
set -eu
step=$1
name=$2

case $step in
  packages)
    python3 -m venv /opt/vigil
    python3 -m venv /build
    /build/bin/pip install --only-binary :all: --require-hashes --requirement locks/build.txt
    # A package without a wheel is built here, by the back ends of locks/build.txt. A lock names every package, so pip
    # resolves nothing: locks omit openvino's telemetry package and OpenCV's windows, which other packages ask for.
    /build/bin/pip wheel --no-deps --no-build-isolation --require-hashes --requirement "locks/$name.txt" --wheel-dir /locked
    /opt/vigil/bin/pip install --no-compile --no-deps --no-index /locked/*.whl
    rm -r /locked
    ;;
  product)
    /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .
    /opt/vigil/bin/pip install --no-compile --no-deps --no-index /wheels/*.whl
    python3 -m tools.image.root_fs --environment /opt/vigil --output /image --prune "$name"
    ;;
  *)
    echo "build.sh: unknown step $step" >&2
    exit 2
    ;;
esac
