"""Kubernetes 1.20.2 built from Debian 12's source package, for machines that have no binaries and no cluster.

Debian has the complete source, including vendored packages, but builds only kubectl from it. The build takes six to
nine minutes on two cores, once; the result is stored in ~/.cache/vigil/kubernetes. A single rename installs it, so
that an interrupted build leaves no incomplete cache.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.cluster.binaries import PROGRAMS, BinariesUnavailableError, say
from tests.cluster.reaper import Reaper
from tools import system_packages

VERSION = "1.20.2"
"""Upstream's version; Debian calls it 1.20.5+really1.20.2."""

RECIPE = "2"
"""Increase it when the build changes, so that old caches are not used."""

CACHE = Path.home() / ".cache" / "vigil" / "kubernetes"
COMMANDS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl")

_SUITE = "bookworm"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_REFLECT2 = Path("github.com/modern-go/reflect2")
_PROGRESS_SECONDS = 10
_BUILD_TIMEOUT_SECONDS = 3600


def ensure_built() -> Path:
    """Return the folder with etcd and the six Kubernetes programs; build it if it is missing.

    Raises BinariesUnavailableError with the missing prerequisite if it cannot be built.
    """
    try:
        return _built_folder()
    except BinariesUnavailableError:
        raise
    except (RuntimeError, subprocess.SubprocessError, OSError) as error:  # apt, dpkg, the disk
        raise BinariesUnavailableError(f"Kubernetes cannot be built here. {error}") from error


def _built_folder() -> Path:
    folder = CACHE / f"{VERSION}-{RECIPE}"
    if _is_complete(folder):
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with _only_one_builder():
        if not _is_complete(folder):
            _build(folder)
    return folder


def _is_complete(folder: Path) -> bool:
    return (folder / "stamp").exists() and all(os.access(folder / name, os.X_OK) for name in (*PROGRAMS, *COMMANDS))


def _build(folder: Path) -> None:
    began = time.monotonic()
    system_packages.ensure("kubernetes-build")
    for abandoned in CACHE.glob("build-*"):  # left by a killed build; we hold the lock
        shutil.rmtree(abandoned)
    say(f"building {VERSION} from Debian's source, once: six to nine minutes on two cores")
    with tempfile.TemporaryDirectory(prefix="build-", dir=CACHE) as scratch_name:
        scratch = Path(scratch_name)
        system_packages.unpack(["etcd-server", "golang-github-modern-go-reflect2-dev"], scratch / "packages")
        source = _fetch_source(scratch)
        _replace_reflect2(source, scratch / "packages" / "usr/share/gocode/src" / _REFLECT2)
        _compile(source)
        _put_in_place(source / "_output/local/go/bin", scratch / "packages/usr/bin/etcd", scratch / "result", folder)
    say(f"built {VERSION} after {time.monotonic() - began:.0f} s")


def _fetch_source(scratch: Path) -> Path:
    """Unpack Debian's source in `scratch` with separate apt lists; the system's sources are unchanged."""
    (scratch / "lists/partial").mkdir(parents=True)
    signed_by = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
    sources = scratch / "sources.list"
    sources.write_text(f"deb-src {signed_by}http://deb.debian.org/debian {_SUITE} main\n")
    options = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": scratch / "lists",
        "Dir::Cache": scratch / "cache",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "--quiet=2", *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]
    (scratch / "cache/archives/partial").mkdir(parents=True)
    (scratch / "source").mkdir()
    _run_with_progress("listing Debian's source packages", [*apt, "update"], cwd=scratch)
    _run_with_progress("fetching the source", [*apt, "source", "kubernetes"], cwd=scratch / "source")
    folders = [path for path in (scratch / "source").iterdir() if path.is_dir() and VERSION in path.name]
    if len(folders) != 1:
        raise BinariesUnavailableError(f"Debian {_SUITE} no longer carries the source of Kubernetes {VERSION}")
    return folders[0]


def _replace_reflect2(source: Path, replacement: Path) -> None:
    """Replace the vendored reflect2 by Debian's.

    Built with Go 1.18 or newer the vendored one calls a runtime function whose signature has changed, and the API
    server dies in `mapiternext` when it is given its first custom resource.
    """
    vendored = source / "vendor" / _REFLECT2
    shutil.rmtree(vendored)
    shutil.copytree(replacement, vendored, ignore=shutil.ignore_patterns("*_test.go"))


def _compile(source: Path) -> None:
    link = source / ".go/src/k8s.io/kubernetes"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../..")
    environment = {
        **os.environ,
        "GOPATH": str(source / ".go"),
        "GOFLAGS": "",
        "CGO_ENABLED": "0",
    }
    what = " ".join(f"cmd/{command}" for command in COMMANDS)
    _run_with_progress("compiling", ["make", f"WHAT={what}"], cwd=source, environment=environment)


def _put_in_place(built: Path, etcd: Path, result: Path, folder: Path) -> None:
    """Collect the programs in `result`, check that they start, and rename the folder to its final name."""
    result.mkdir()
    for program in [*(built / command for command in COMMANDS), etcd]:
        shutil.move(program, result / program.name)
    for name in {"etcd", *COMMANDS} - {"kubectl"}:  # it does not support this flag
        subprocess.run([result / name, "--version"], check=True, capture_output=True, timeout=30)
    (result / "stamp").write_text(f"kubernetes {VERSION}, recipe {RECIPE}\n")
    if folder.exists():
        shutil.rmtree(folder)
    result.rename(folder)


@contextmanager
def _only_one_builder() -> Iterator[None]:
    """Let parallel test runs build only once: the later one waits for the first."""
    with (CACHE / "lock").open("w") as lock:
        began = time.monotonic()
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                say(f"another run is building it: waiting, {time.monotonic() - began:.0f} s")
                time.sleep(_PROGRESS_SECONDS)
        yield


def _run_with_progress(
    what: str, command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Run the command and print a line every ten seconds. The command ends with this process."""
    began = time.monotonic()
    log = cwd / "progress.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    reaper = Reaper()
    reaper.watch(process.pid)
    try:
        while process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PROGRESS_SECONDS)
            if process.returncode is None:
                say(f"{what}: {time.monotonic() - began:.0f} s")
            if time.monotonic() - began > _BUILD_TIMEOUT_SECONDS:
                raise BinariesUnavailableError(f"{what} takes longer than {_BUILD_TIMEOUT_SECONDS} s: given up")
    finally:
        if process.poll() is not None:
            reaper.forget(process.pid)
        reaper.close()  # kills the command if it is still running
        process.wait()
    if process.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
        raise BinariesUnavailableError(f"{what} failed with status {process.returncode}:\n{tail}")
    say(f"{what}: done after {time.monotonic() - began:.0f} s")
