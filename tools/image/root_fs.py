"""Create an image's root file system: Python, the program's environment, and the libraries that they load.

    python3 -m tools.image.root_fs --environment /opt/vigil --output /image [--prune openvino-cpu]

Such an image has no shell, no package manager and no unused library: it is small, with little to attack or patch. The
SBOM lists the Debian packages of the copied files. Runs in an image's build stage, with that stage's Python. Uses
only the standard library.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools.image import prune, sbom

USER_ID = 10001
_ELF = b"\x7fELF"
_UNUSED_STDLIB = (
    "__pycache__",  # compiled again below
    "config-*",  # for embedding Python in other programs
    "dist-packages",
    "ensurepip",
    "distutils",
    "idlelib",
    "lib2to3",
    # Extension modules that have libraries of their own and are never imported here.
    "_curses*.so",
    "_dbm.*.so",
    "_gdbm.*.so",
    "nis.*.so",
    "ossaudiodev.*.so",
    "readline.*.so",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
)
_SYSTEM_FILES = (
    "/etc/nsswitch.conf",  # name resolution
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/openssl.cnf",
    "/usr/lib/ssl",
    "/usr/share/ca-certificates",
)

_LOADED_BY_NAME = (  # loaded at run time, so the linker does not list them; skipped if not installed
    *("libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"),  # host names
    "libgcc_s.so.1",  # cancelled threads
    "libturbojpeg.so.0",  # images of alerts
)


def build(environment: Path, output: Path, profile: str | None) -> None:
    """Create `output`, which must not exist."""
    output.mkdir(parents=True)
    _link_merged_usr(output)
    _copy_tree(environment, output, skip=())
    if profile is not None:
        prune.prune(next((output / environment.relative_to("/")).glob("lib/python3*/site-packages")), profile)
    _copy_python(environment, output)
    copied = [file for name in _SYSTEM_FILES for file in _copy_system(Path(name), output)]
    copied += _copy_libraries(output)
    _write_accounts(output)
    _compile(output)
    subprocess.run(["ldconfig", "-r", str(output)], check=True)
    document = sbom.document(output / environment.relative_to("/"), copied)
    target = output / "usr/share/doc/vigil/sbom.cdx.json"
    target.parent.mkdir(parents=True)
    target.write_text(document)


def _link_merged_usr(output: Path) -> None:
    """Link /lib and similar folders to /usr if they are links in the build stage."""
    for name in ("bin", "sbin", "lib", "lib64"):
        real = Path("/") / name
        if real.is_symlink():
            (output / name).symlink_to(real.readlink())
            (output / real.resolve().relative_to("/")).mkdir(parents=True, exist_ok=True)


def _copy_tree(source: Path, output: Path, skip: Iterable[str]) -> None:
    target = output / source.relative_to("/")
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*skip))


def _copy_python(environment: Path, output: Path) -> None:
    """Copy the interpreter, and the standard library without the modules that Vigil never imports."""
    program = Path(sys.executable).resolve()
    _copy_file(program, output)
    link = environment / "bin" / "python3"
    while link.is_symlink():  # the environment's, /usr/bin/python3, and its target
        link = link.parent / link.readlink()
        _copy_file(link, output)
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}:
        _copy_tree(Path(folder), output, _UNUSED_STDLIB)
    sitecustomize = Path(sysconfig.get_path("stdlib")) / "sitecustomize.py"
    if sitecustomize.is_symlink():  # Debian's hook for its crash reporter
        (output / sitecustomize.relative_to("/")).unlink()


def _copy_system(path: Path, output: Path) -> list[Path]:
    if path.is_dir():
        _copy_tree(path, output, skip=())
        return [file for file in path.rglob("*") if file.is_file()]
    if path.exists():
        _copy_file(path, output)
        return [path]
    return []


def _copy_libraries(output: Path) -> list[Path]:
    """Copy the shared libraries outside `output` that its programs and libraries load; return their paths."""
    found: set[Path] = {Path(sys.executable).resolve()}
    for file in _elf_files(output):
        for library in _loads(file):
            if not library.is_relative_to(output) and not (output / library.relative_to("/")).exists():
                _copy_file(library, output)
                found.add(library)
    for pattern in _LOADED_BY_NAME:
        for library in Path("/usr/lib").glob(f"*-linux-gnu/{pattern}"):
            if not (output / library.relative_to("/")).exists():
                _copy_file(library, output)
                found.add(library)
    return sorted(found)


def _elf_files(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            with file.open("rb") as stream:
                if stream.read(4) == _ELF:
                    yield file


def _loads(file: Path) -> Iterable[Path]:
    done = subprocess.run(["ldd", str(file)], check=False, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        words = line.replace("=>", " ").split()
        paths = [word for word in words if word.startswith("/")]
        if paths:
            yield Path(paths[-1])


def _copy_file(source: Path, output: Path) -> None:
    """Copy a file; for a link, the link and its target."""
    target = output / source.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or target.exists():
        return
    if source.is_symlink():
        real = source.resolve()
        _copy_file(real, output)
        if os.path.realpath(target.parent) != os.path.realpath(output / real.parent.relative_to("/")):
            target.symlink_to(real)
        elif target.name != real.name:
            target.symlink_to(real.name)
    else:
        shutil.copy2(source, target)


def _write_accounts(output: Path) -> None:
    """Write the image's user, numeric since Kubernetes checks `runAsNonRoot` by number, and its writable folders."""
    etc = output / "etc"
    etc.mkdir(exist_ok=True)
    (etc / "passwd").write_text(
        f"root:x:0:0:root:/nonexistent:/sbin/nologin\nvigil:x:{USER_ID}:{USER_ID}:Vigil:/tmp:/sbin/nologin\n"
    )
    (etc / "group").write_text(f"root:x:0:\nvigil:x:{USER_ID}:\n")
    scratch = output / "tmp"
    scratch.mkdir(exist_ok=True)
    scratch.chmod(0o1777)
    data = output / "var/lib/vigil"
    data.mkdir(parents=True)
    os.chown(data, USER_ID, USER_ID)


def _compile(output: Path) -> None:
    """Compile each module, since the image is read-only; the byte code is checked by content, not by file time."""
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    # `-s`: tracebacks show the image's paths. Templates that are not modules do not compile; that is no error.
    subprocess.run([*command, "-s", str(output), str(output)], check=False, stdout=subprocess.DEVNULL)


def main() -> int:
    parser = argparse.ArgumentParser(prog="root_fs", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--environment", type=Path, required=True, help="the program's virtual environment")
    parser.add_argument("--output", type=Path, required=True, help="a folder that does not exist yet")
    parser.add_argument("--prune", choices=sorted(prune.PROFILES), help="leave out what this program does not load")
    options = parser.parse_args()
    build(options.environment, options.output, options.prune)
    return 0


if __name__ == "__main__":
    sys.exit(main())
