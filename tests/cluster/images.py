"""Container images without a registry or a daemon: built by buildah, handed over as OCI archives."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.kubeconfig import clean_environment
from tools import system_packages

CACHE = Path.home() / ".cache" / "vigil" / "images"
TOOLS_IMAGE = "localhost/vigil-test-tools:1"
"""A static busybox: the pause container of every pod, and a shell, wget and httpd for tests."""

_BUILD_TIMEOUT_SECONDS = 900


class ImageBuildError(RuntimeError):
    """buildah failed; the message contains the end of its output."""


def build_image(
    context: Path,
    tag: str,
    archive: Path | None = None,
    *,
    dockerfile: Path | None = None,
    arguments: Mapping[str, str] | None = None,
    volumes: Mapping[Path, str] | None = None,
    timestamp: int | None = None,
) -> None:
    """Build `dockerfile`, or the Dockerfile in `context`, as `tag`; write it to the OCI archive `archive`.

    `arguments` are build arguments, the base image for example; `volumes` are folders of this machine that RUN
    steps see and the image does not, by the path that they see; `timestamp` is the time of all files, in seconds.
    Raises ImageBuildError.
    """
    flags = [f"--build-arg={name}={value}" for name, value in (arguments or {}).items()]
    flags += [f"--volume={source}:{target}" for source, target in (volumes or {}).items()]
    flags += [f"--file={dockerfile}"] if dockerfile is not None else []
    flags += [f"--timestamp={timestamp}"] if timestamp is not None else []
    # chroot isolation: RUN steps need no container runtime of their own.
    buildah("bud", "--isolation=chroot", "--layers", "--network=host", *flags, f"--tag={tag}", str(context))
    if archive is None:
        return
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(f".{os.getpid()}.part")
    buildah("push", "--format=oci", tag, f"oci-archive:{partial}:{tag}")
    partial.rename(archive)


def image_exists(tag: str) -> bool:
    """Whether the image is in the store of this machine's tests."""
    return bool(buildah("images", "--quiet", "--filter", f"reference={tag}").strip())


def tools_archive() -> Path:
    """The archive of TOOLS_IMAGE, built when it is not in the cache. Needs Debian's busybox-static, unpacked only."""
    archive = CACHE / "tools-1.tar"
    if archive.exists():
        return archive
    context = CACHE / "tools"
    system_packages.unpack(["busybox-static"], context / "package")
    (context / "Dockerfile").write_text(
        "FROM scratch\n"
        "COPY package/bin/busybox /bin/busybox\n"
        f"{_links()}"
        'ENV PATH=/bin\nENTRYPOINT ["/bin/busybox"]\nCMD ["sleep", "2147483647"]\n'
    )
    build_image(context, TOOLS_IMAGE, archive)
    return archive


def _links() -> str:
    applets = ["sh", "wget", "httpd", "sleep", "cat", "id", "touch", "nc", "nslookup", "env", "ls", "echo"]
    command = [
        "/bin/busybox",
        "sh",
        "-c",
        f"cd /bin && for a in {' '.join(applets)}; do /bin/busybox ln -s busybox $a; done",
    ]
    return f"RUN {json.dumps(command)}\n"


def buildah(*arguments: str) -> str:
    """Runs buildah on the store of this machine's tests; answers its output. Raises ImageBuildError."""
    storage = ["--root", str(CACHE / "storage"), "--runroot", str(CACHE / "run"), "--storage-driver=overlay"]
    environment = {**clean_environment(), "BUILDAH_ISOLATION": "chroot"}
    done = subprocess.run(
        ["buildah", *storage, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=_BUILD_TIMEOUT_SECONDS,
    )
    if done.returncode != 0:
        raise ImageBuildError(f"buildah {' '.join(arguments)}:{os.linesep}{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout
