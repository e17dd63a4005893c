"""Install the Debian packages that the tests need besides the Python environment.

    python3 tools/system_packages.py                      # installs the missing packages of all sets
    python3 tools/system_packages.py kubernetes-build     # of one or more sets
    python3 tools/system_packages.py --list               # only lists the missing packages

A package that apt does not offer under any of its names is reported and skipped; the tests that need it skip
themselves.

Only root on Debian can install; for others, it prints the missing packages, their purpose and the command to run.
Services of the packages are not started. Daemons of which only the program is needed (etcd, containerd) are not
installed but unpacked into a folder (`unpack`), so that they have no service.

Uses only the standard library, since it runs before the environment exists.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PACKAGE_SETS: Mapping[str, Mapping[str, str]] = {
    "browser": {
        "chromium": "the dashboard's tests and pictures run in a real browser",
        "fonts-dejavu-core": "a face for the browser to write with",
    },
    "helm-templates": {
        "golang-go": "compiles the renderer of the chart's templates",
        "golang-github-masterminds-sprig-dev": "the function library that Helm's templates have",
        "golang-k8s-sigs-yaml-dev": "YAML as Helm reads and writes it",
    },
    "kubernetes-build": {
        "debian-archive-keyring": "checks Debian's signature of the Kubernetes source; Ubuntu does not install it",
        "dpkg-dev": "unpacks Debian's Kubernetes source",
        "gcc": "Go's build of the code generators",
        "golang-go": "compiles Kubernetes",
        "make": "drives the Kubernetes build",
        "rsync": "the Kubernetes build copies its generated files with it",
    },
    "postgresql": {
        "postgresql": "the backend's database; the tests start servers of their own",
        "rsync": "copies pictures and clips as the backup's page says",
        "sqlite3": "copies the database of one machine as the backup's page says",
    },
    "web": {
        "libturbojpeg0": "re-encodes JPEGs in a third of Pillow's time",
        "mosquitto": "an MQTT broker that is not ours takes notifications",
        "nginx": "what stands before the backend: TLS, pictures, several backends",
        "pgbouncer": "PostgreSQL's connections, shared between transactions",
        "python3-swift": "OpenStack Swift: a real server that speaks S3, for pictures and clips",
        "redis-server": "the cache, the rate limits and the queue that all processes share",
    },
    "rtsp-camera": {
        "ffmpeg": "a player that is not ours watches the demo camera",
        "gir1.2-gst-rtsp-server-1.0": "GStreamer's RTSP server: a camera that is not our own code",
        "gstreamer1.0-plugins-bad": "parses H.264",
        "gstreamer1.0-plugins-base": "plays clips",
        "gstreamer1.0-plugins-good": "packs H.264 into RTP",
        "gstreamer1.0-plugins-ugly": "encodes H.264",
        "gstreamer1.0-tools": "another player that is not ours",
        "python3-gi": "drives GStreamer from the system's Python",
    },
    "container-node": {
        "buildah": "builds container images without a daemon",
        "debian-archive-keyring": "checks Debian's signature of the images' base",
        "debootstrap": "makes the Debian base of the images",
        "iproute2": "the pods' bridge and network namespaces",
        "iptables": "the pods' way out of the bridge",
        "conntrack": "the kubelet's check of its host",
    },
}
"""Named sets of packages: package -> why it is needed."""

ALTERNATIVE_NAMES: Mapping[str, Sequence[str]] = {
    "libturbojpeg0": ("libturbojpeg",),  # Ubuntu
}
"""Alternative names of a package, in order of preference. The first one that apt can install is used."""

UNAVAILABLE_HINTS: Mapping[str, str] = {
    "chromium": "Ubuntu has it only as a snap: `sudo snap install chromium`",
}
"""What to do if apt offers a package under none of its names."""

_DPKG_FOLDER = Path("/var/lib/dpkg")
_POLICY_FILE = Path("/usr/sbin/policy-rc.d")
_LOCK_TIMEOUT_SECONDS = 300
_INSTALL_TIMEOUT_SECONDS = 900


class MissingPackagesError(RuntimeError):
    """Packages are missing and cannot be installed here; the message names them, their reason and the line to run."""


class UnavailablePackagesError(MissingPackagesError):
    """This release has some of the packages under none of their names. All others are installed."""


class AptTimeoutError(RuntimeError):
    """apt-get was stopped because it took too long, maybe in the middle of an installation."""


@dataclass(frozen=True)
class MissingPackage:
    name: str
    reason: str


def say(text: str) -> None:
    print(f"packages: {text}", flush=True)


def missing_packages(set_names: Iterable[str]) -> list[MissingPackage]:
    """Return the packages of these sets that are not installed under any of their names.

    Raises KeyError for an unknown set.
    """
    wanted = {name: reason for set_name in set_names for name, reason in PACKAGE_SETS[set_name].items()}
    installed = _installed(other for name in wanted for other in _names(name))
    return [
        MissingPackage(name, reason) for name, reason in sorted(wanted.items()) if installed.isdisjoint(_names(name))
    ]


def ensure(*set_names: str) -> None:
    """Install the missing packages of these sets.

    Raises MissingPackagesError if installation is impossible (not root, or no apt-get), and UnavailablePackagesError
    after installing the others if apt does not offer some of them.
    """
    if os.geteuid() != 0:
        _ensure(set_names)
        return
    with _one_at_a_time():  # apt waits for dpkg's lock, but fails at once if its lists are locked
        _ensure(set_names)


def _ensure(set_names: Sequence[str]) -> None:
    missing = missing_packages(set_names)
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise MissingPackagesError(
            f"These Debian packages are missing and there is no apt-get here:\n{_listing(missing)}"
        )
    is_root = os.geteuid() == 0
    names = _available_names(missing, may_update=is_root)
    unavailable = [package for package in missing if package.name not in names]
    if not is_root:
        raise MissingPackagesError(_instructions(missing, names, unavailable))
    if names:
        listing = _listing([package for package in missing if package.name in names])
        say(f"installing {len(names)} for {', '.join(set_names)}:\n{listing}")
        began = time.monotonic()
        with _ServicesStayOff():
            _apt_after_update("install", "--yes", "--no-install-recommends", *names.values())
        say(f"installed after {time.monotonic() - began:.0f} s")
    if unavailable:
        raise UnavailablePackagesError(_unavailable_listing(unavailable))


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    if not _DPKG_FOLDER.is_dir():
        yield
        return
    folder = os.open(_DPKG_FOLDER, os.O_RDONLY)  # a file under /tmp could be another user's
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _names(name: str) -> tuple[str, ...]:
    return (name, *ALTERNATIVE_NAMES.get(name, ()))


def _available_names(missing: Sequence[MissingPackage], *, may_update: bool) -> dict[str, str]:
    """Return the installable name of each package, without packages that apt does not offer.

    Without `may_update` and without apt's lists, every package keeps its own name.
    """
    known = _known([name for package in missing for name in _names(package.name)])
    if may_update and any(known.isdisjoint(_names(package.name)) for package in missing):
        say("refreshing apt's lists")
        _apt("update")
        known = _known([name for package in missing for name in _names(package.name)])
    if not known and not may_update:
        return {package.name: package.name for package in missing}
    chosen = {package.name: [name for name in _names(package.name) if name in known] for package in missing}
    return {name: found[0] for name, found in chosen.items() if found}


def install_command(*packages: str) -> str:
    """Return the command that installs the packages, by the names that apt has for them here."""
    wanted = [MissingPackage(name, "") for name in packages]
    found = _available_names(wanted, may_update=False) if shutil.which("apt-cache") else {}
    return _install_command(found.get(name, name) for name in packages)


def _install_command(names: Iterable[str]) -> str:
    return f"sudo apt-get install --no-install-recommends {' '.join(names)}"


def _instructions(
    missing: Sequence[MissingPackage], names: Mapping[str, str], unavailable: Sequence[MissingPackage]
) -> str:
    parts = [f"These Debian packages are missing:\n{_listing(missing)}"]
    if names:
        parts.append(f"To install them: {_install_command(names.values())}")
    if unavailable:
        parts.append(_unavailable_listing(unavailable))
    return "\n".join(parts)


def _listing(packages: Sequence[MissingPackage]) -> str:
    return "\n".join(f"  {package.name}: {package.reason}" for package in packages)


def _hint(name: str) -> str:
    return f" ({UNAVAILABLE_HINTS[name]})" if name in UNAVAILABLE_HINTS else ""


def _unavailable_listing(packages: Sequence[MissingPackage]) -> str:
    lines = [f"  {package.name}: {package.reason}{_hint(package.name)}" for package in packages]
    return "\n".join(["apt has no such package here; the tests that need it are skipped:", *lines])


def unpack(packages: Sequence[str], into: Path) -> None:
    """Unpack the files of Debian packages to `into` without installing them: no scripts, no services.

    Does not need root. Raises MissingPackagesError if there is no apt-get.
    """
    if shutil.which("apt-get") is None:
        raise MissingPackagesError(f"There is no apt-get here to fetch {', '.join(packages)} with")
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        sandbox = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
        _apt_after_update("download", *sandbox, *packages, cwd=Path(folder))
        for archive in sorted(Path(folder).glob("*.deb")):
            subprocess.run(["dpkg-deb", "--extract", archive, into], check=True)


def _apt_after_update(*arguments: str, cwd: Path | None = None) -> None:
    """Run apt-get; if it fails, update the lists and retry, since old lists refer to removed packages."""
    try:
        _apt(*arguments, cwd=cwd)
    except AptTimeoutError:
        raise
    except RuntimeError:
        if os.geteuid() != 0:
            raise
        say("refreshing apt's lists")
        _apt("update")
        _apt(*arguments, cwd=cwd)


def _installed(names: Iterable[str]) -> set[str]:
    if shutil.which("dpkg-query") is None:
        return set()
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *names]
    answer = subprocess.run(query, check=False, capture_output=True, text=True)
    rows = (line.split() for line in answer.stdout.splitlines())
    return {row[0] for row in rows if row[1:] == ["installed"]}


def _known(names: Sequence[str]) -> set[str]:
    """Return the names that apt can install: purely virtual packages have no candidate."""
    answer = subprocess.run(
        ["apt-cache", "policy", *names],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    known, name = set(), ""
    for line in answer.stdout.splitlines():
        if not line.startswith(" "):
            name = line.removesuffix(":")
        elif line.strip().startswith("Candidate:") and not line.endswith("(none)"):
            known.add(name)
    return known


def _apt(*arguments: str, cwd: Path | None = None) -> None:
    command = ["apt-get", "--quiet=2", "-o", f"DPkg::Lock::Timeout={_LOCK_TIMEOUT_SECONDS}", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command,
            check=False,
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_INSTALL_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise AptTimeoutError(
            f"apt-get {arguments[0]} did not end within {_INSTALL_TIMEOUT_SECONDS} s and was stopped."
            f" Finish it by hand: sudo dpkg --configure -a && sudo apt-get {' '.join(arguments)}"
        ) from error
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


class _ServicesStayOff:
    """Prevents packages from starting services while it is held (Debian's policy-rc.d, exit status 101)."""

    def __enter__(self) -> None:
        self._ours = not _POLICY_FILE.exists()
        if self._ours:
            _POLICY_FILE.write_text("#!/bin/sh\nexit 101\n")
            _POLICY_FILE.chmod(0o755)

    def __exit__(self, *_: object) -> None:
        if self._ours:
            _POLICY_FILE.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="system_packages", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"any of {', '.join(PACKAGE_SETS)}; none: all")
    parser.add_argument("--list", action="store_true", help="only says what is missing")
    options = parser.parse_args(arguments)
    sets: list[str] = options.sets or list(PACKAGE_SETS)
    unknown = [name for name in sets if name not in PACKAGE_SETS]
    if unknown:
        parser.error(f"there is no set {', '.join(unknown)}; there are {', '.join(PACKAGE_SETS)}")
    try:
        if not options.list:
            ensure(*sets)
    except UnavailablePackagesError as error:
        print(error, file=sys.stderr)  # not a failure: the tests that need them skip themselves
    except (MissingPackagesError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    for name in sets:
        missing = [package.name for package in missing_packages([name])]
        say(f"{name}: {'complete' if not missing else 'missing ' + ', '.join(missing)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
