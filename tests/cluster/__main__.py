"""A control plane for manual experiments: `python -m tests.cluster [--gpus 2]`. Ctrl-C ends it."""

from __future__ import annotations

import argparse
import signal
import sys
import time

from tests.cluster.binaries import BinariesUnavailableError, ensure_binaries
from tests.cluster.control_plane import ControlPlane
from tests.cluster.fixtures import run_folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.cluster", description=__doc__)
    parser.add_argument("--gpus", type=int, default=2, help="GPUs of the one node that it gets")
    gpus: int = parser.parse_args().gpus
    try:
        binaries = ensure_binaries()
    except BinariesUnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    began = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ControlPlane(binaries, run_folder("by-hand")) as cluster:
        cluster.add_node("node-1", gpus={"nvidia.com/gpu": gpus})
        print(f"Ready after {time.monotonic() - began:.1f} s, with one node of {gpus} GPUs. Ctrl-C ends it.")
        print(f"export PATH={binaries.folder}:$PATH KUBECONFIG={cluster.kubeconfig}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("ending")
    return 0


if __name__ == "__main__":
    sys.exit(main())
