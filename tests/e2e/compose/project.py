"""The services of `manifests/compose/compose.yaml`, run from their images without a container engine.

Each process gets what a container engine would give it: the image's files read-only, a temporary `/tmp`, its volumes
and secrets at their places, the names of the other services, no capabilities, and no way to gain any. All services
run in the calling thread's network namespace. PostgreSQL and Redis are Debian's, at the ports that the file names.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.processes import ServerProcess
from tests.cluster.reaper import Reaper
from tests.integration.images.archive import Image

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "manifests" / "compose"
_BOOTSTRAP_TIMEOUT_SECONDS = 150

_AS_A_CONTAINER = r"""
set -e
root=$1 user=$2 binds=$3; shift 3
mount --bind "$root" "$root"
mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/etc"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for each in null zero random urandom; do touch "$root/dev/$each"; mount --bind "/dev/$each" "$root/dev/$each"; done
mkdir -m 1777 "$root/dev/shm"
mount -o remount,bind,ro "$root"
while IFS=$'\t' read -r source target mode; do
  [ -n "$source" ] || continue
  mount --bind "$source" "$root$target"
  [ "$mode" = rw ] || mount -o remount,bind,ro "$root$target"
done <"$binds"
variables=()
while [ "$1" != -- ]; do variables+=("$1"); shift; done
shift
exec env -i "${variables[@]}" /usr/bin/setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid \
  /usr/sbin/chroot --userspec="$user" --groups= "$root" "$@"
"""


@dataclass
class Project:
    """A copy of the compose file's folder. `images`: unpacked, by the Dockerfile that builds them."""

    folder: Path
    images: Mapping[str, Image]
    models: Path
    reaper: Reaper
    stack: ExitStack
    processes: dict[str, ServerProcess] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("compose.yaml", "make-secrets.sh"):
            shutil.copy(FOLDER / name, self.folder / name)
        subprocess.run(["sh", "make-secrets.sh"], cwd=self.folder, check=True, timeout=20)
        self._file: dict[str, Any] = yaml.safe_load(_interpolated(self.folder))
        hosts = "".join(f"127.0.0.1 {name}\n" for name in ("localhost", *self._file["services"]))
        (self.folder / "hosts").write_text(hosts)

    def secret(self, name: str) -> str:
        """Return a secret that `make-secrets.sh` has made."""
        file: str = self._file["secrets"][name]["file"]
        return (self.folder / file).read_text()

    def make_volumes(self) -> None:
        """Create the volumes and run the command of `owner`, which is `chown` and takes no time."""
        owner = self._file["services"]["owner"]
        places = {target: self._volume(name) for name, target in map(_split, owner["volumes"])}
        program, ids, *paths = owner["command"]
        subprocess.run([program, ids, *(places[path] for path in paths)], check=True, timeout=20)

    def run(self, name: str) -> str:
        """Run a service to its end; return its output. Raises AssertionError with its output if it fails."""
        command, environment = self._command(name)
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_BOOTSTRAP_TIMEOUT_SECONDS, check=False
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def start(self, name: str) -> ServerProcess:
        """Start a service; `stop` ends it."""
        command, environment = self._command(name)
        log = self.folder / f"{name}.log"
        process = ServerProcess(name, command, log, self.reaper, environment=environment)
        process.start()
        self.processes[name] = process
        self.stack.callback(process.kill)
        return process

    def output(self, name: str) -> str:
        """Return what a started service has printed."""
        return (self.folder / f"{name}.log").read_text()

    def _command(self, name: str) -> tuple[list[str], dict[str, str]]:
        service = self._file["services"][name]
        image = self.images[service["build"]["dockerfile"]]
        binds = [
            *((self._volume(volume), target, "rw") for volume, target in map(_split, service.get("volumes", []))),
            *((self.folder / "secrets" / secret, f"/run/secrets/{secret}", "ro") for secret in service["secrets"]),
            (self.folder / "hosts", "/etc/hosts", "ro"),
        ]
        if "VIGIL_MODEL_DIR=/opt/vigil/models" in image.configuration["Env"]:
            binds.append((self.models, "/opt/vigil/models", "ro"))
        for source, target, _ in binds:
            _make_place(source, image.root / target.lstrip("/"))
        listing = self.folder / f"{name}.binds"
        listing.write_text("".join(f"{source}\t{target}\t{mode}\n" for source, target, mode in binds))
        variables = [
            *image.configuration["Env"],
            *(f"{key}={value}" for key, value in service["environment"].items()),
        ]
        program = [*(image.configuration.get("Entrypoint") or []), *(service.get("command") or _default(image))]
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", _AS_A_CONTAINER, "bash"]
        arguments = [str(image.root), str(image.configuration["User"]), str(listing), *variables, "--", *program]
        return [*namespaces, *arguments], {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

    def _volume(self, name: str) -> Path:
        folder = self.folder / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _interpolated(folder: Path) -> str:
    """Return the file with its variables replaced, as Compose does it, from `.env` and the defaults."""
    values = dict(line.split("=", 1) for line in (folder / ".env").read_text().splitlines())

    def value(found: re.Match[str]) -> str:
        name, default = found[1], found[3] if found[2] == "-" else None
        assert name in values or default is not None, f"{name} is not set"
        return str(values.get(name, default))

    return re.sub(r"\$\{(\w+):([-?])([^}]*)\}", value, (folder / "compose.yaml").read_text())


def _split(volume: str) -> tuple[str, str]:
    name, _, target = volume.partition(":")
    return name, target


def _default(image: Image) -> list[str]:
    return list(image.configuration.get("Cmd") or [])


def _make_place(source: Path, place: Path) -> None:
    """Create the mount point in the image's unpacked files, as an engine does in the container's own layer."""
    if source.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
