"""Read an OCI archive and run its contents with the cluster's restrictions."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Image:
    """An image whose layers are unpacked in `root`."""

    configuration: dict[str, Any]
    root: Path

    @property
    def labels(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.configuration["Labels"]
        return found

    @property
    def size_bytes(self) -> int:
        """Return the uncompressed size, counting each file once."""
        regular = (path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink())
        files = {path.stat().st_ino: path.stat().st_size for path in regular}
        return sum(files.values())

    def run(self, *command: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a command as the image's user without network; only /tmp and /var/lib/vigil are writable.

        Returns the standard output. Raises AssertionError with the output if the command fails.
        """
        variables = [*self.configuration["Env"], *(f"{name}={value}" for name, value in (environment or {}).items())]
        done = subprocess.run(
            [
                *("unshare", "--mount", "--pid", "--fork", "--net", "bash", "-c", _IN_A_MOUNT_NAMESPACE, "bash"),
                *(str(self.root), str(self.configuration["User"]), *variables, "--", *command),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}: {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout


_IN_A_MOUNT_NAMESPACE = r"""
set -e
root=$1 user=$2; shift 2
mount --bind "$root" "$root"
mkdir -p "$root/proc" "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=0700,uid=10001,gid=10001 tmpfs "$root/var/lib/vigil"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for each in null zero random urandom; do touch "$root/dev/$each"; mount --bind "/dev/$each" "$root/dev/$each"; done
mkdir -m 1777 "$root/dev/shm"
mount -o remount,bind,ro "$root"
variables=()
while [ "$1" != -- ]; do variables+=("$1"); shift; done
shift
exec env -i "${variables[@]}" /usr/sbin/chroot --userspec="$user" --groups= "$root" "$@"
"""


def unpack(archive: Path, into: Path) -> Image:
    """Unpack the image of an OCI archive. Raises KeyError for another kind of file."""
    layout, root = into / "layout", into / "root"
    with tarfile.open(archive) as tar:
        tar.extractall(layout, filter="data")
    manifest = _blob(layout, json.loads((layout / "index.json").read_text())["manifests"][0]["digest"])
    configuration = _blob(layout, manifest["config"]["digest"])
    root.mkdir()
    for layer in manifest["layers"]:
        with tarfile.open(_path(layout, layer["digest"])) as tar:
            tar.extractall(root, filter="fully_trusted")
    return Image(configuration["config"], root)


def folders(names: Sequence[str], root: Path) -> list[str]:
    """Return which of these folders exist in the image."""
    return [name for name in names if (root / name.lstrip("/")).exists()]


def _blob(layout: Path, digest: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_path(layout, digest).read_text())
    return found


def _path(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")
