"""Find or build the programs of a Kubernetes control plane.

    python -m tests.cluster.binaries        # finds or builds them and prints duration and path

Search order; each place must be complete, since versions must not be mixed:
1. the folder that `KUBEBUILDER_ASSETS` names,
2. the PATH,
3. the cache under ~/.cache/vigil/kubernetes, filled by building Debian's source package (`debian_kubernetes`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")


class BinariesUnavailableError(RuntimeError):
    """No control plane is available on this machine; the message says what was tried and what is missing."""


@dataclass(frozen=True)
class Binaries:
    """The programs of one control plane, of one Kubernetes version, for example (1, 20)."""

    folder: Path
    version: tuple[int, int]
    origin: str

    def path(self, program: str) -> Path:
        """Return the program's path. Raises FileNotFoundError if this set lacks it (possible for kubelet)."""
        path = self.folder / program
        if not path.exists():
            raise FileNotFoundError(f"{self.origin} has no {program}")
        return path


def ensure_binaries() -> Binaries:
    """Find the programs, or build them. Raises BinariesUnavailableError."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets:
        lacking = _lacking(Path(assets))
        if not lacking:
            return _binaries(Path(assets), "KUBEBUILDER_ASSETS")
        say(f"KUBEBUILDER_ASSETS lacks {', '.join(lacking)}: not used, since versions must not be mixed")
    server = shutil.which("kube-apiserver")
    if server and not _lacking(Path(server).parent):
        return _binaries(Path(server).parent, "the PATH")

    from tests.cluster import debian_kubernetes

    return _binaries(debian_kubernetes.ensure_built(), f"Debian's kubernetes {debian_kubernetes.VERSION}")


def say(text: str) -> None:
    print(f"kubernetes: {text}", flush=True)


def _lacking(folder: Path) -> list[str]:
    return [program for program in PROGRAMS if not os.access(folder / program, os.X_OK)]


def _binaries(folder: Path, origin: str) -> Binaries:
    command = [str(folder / "kube-apiserver"), "--version"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    found = re.search(r"v(\d+)\.(\d+)", answer)
    if found is None:
        raise BinariesUnavailableError(f"{command[0]} --version answers {answer.strip()!r}, which names no version")
    return Binaries(folder, (int(found[1]), int(found[2])), origin)


def main() -> int:
    began = time.monotonic()
    try:
        binaries = ensure_binaries()
    except BinariesUnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    major, minor = binaries.version
    say(f"{major}.{minor} from {binaries.origin} in {binaries.folder} after {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    # Under `-m` this module is loaded twice, with two exception classes of the same name. Use the `main` of the
    # imported one, whose class `debian_kubernetes` raises.
    from tests.cluster import binaries as importable

    sys.exit(importable.main())
