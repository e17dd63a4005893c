"""The product's images, built from the working tree by its own Dockerfiles and kept by what they are built from.

    python -m tests.cluster.product_images operator backend detector     # builds what is missing, prints the archives

Packages come through pip's cache in ~/.cache/vigil/pip, so that a changed lock file downloads only what is new.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.base_image import ensure_base_image
from tests.cluster.images import CACHE, build_image

ROOT = Path(__file__).resolve().parents[2]
PIP_CACHE = CACHE.parent / "pip"
_KEPT_ARCHIVES = 2
_DIGEST_LENGTH = 16
_TIMESTAMP = 1_735_689_600
"""One time for all files: the same sources give the same image."""


@dataclass(frozen=True, slots=True)
class ProductImage:
    """One image. `version` is its tag in the chart's tests."""

    name: str
    dockerfile: str

    @property
    def tag(self) -> str:
        return f"localhost/{self.name}:test"


PRODUCT_IMAGES = {
    "operator": ProductImage("vigil-operator", "operator/Dockerfile"),
    "backend": ProductImage("vigil-backend", "backend/Dockerfile"),
    "detector": ProductImage("vigil-detector", "detector_image/Dockerfile"),
    "detector-gpu": ProductImage("vigil-detector-gpu", "detector_image/Dockerfile.gpu"),
}


def product_archive(which: str) -> Path:
    """The OCI archive of one of PRODUCT_IMAGES, built when there is none of these sources. Needs root and Debian."""
    image = PRODUCT_IMAGES[which]
    archive = CACHE / f"{image.name}-{_digest(image)}.tar"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "product.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            _build(image, archive)
    os.utime(archive)
    forget_old_archives(image.name)
    return archive


def forget_old_archives(name: str) -> None:
    """Keeps the newest archives of an image; what a name is followed by is a digest and nothing else."""
    found = CACHE.glob(f"{name}-{'[0-9a-f]' * _DIGEST_LENGTH}.tar")
    for old in sorted(found, key=lambda file: file.stat().st_mtime)[:-_KEPT_ARCHIVES]:
        old.unlink()


def version() -> str:
    """The distribution's version, as pyproject.toml says."""
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def _build(image: ProductImage, archive: Path) -> None:
    began = time.monotonic()
    print(f"images: building {image.name}", flush=True)
    base = ensure_base_image()
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    arguments = {"BASE": base, "VERSION": version(), "REVISION": revision, "SOURCE_DATE_EPOCH": str(_TIMESTAMP)}
    arguments["MODELS"] = ""  # fetched from where no test may go; see tests/e2e/kubernetes/installation.py
    build_image(
        ROOT,
        image.tag,
        archive,
        dockerfile=ROOT / image.dockerfile,
        arguments=arguments,
        volumes=_lent_to_pip(),
        timestamp=_TIMESTAMP,
    )
    print(f"images: {image.name} after {time.monotonic() - began:.0f} s", flush=True)


def _lent_to_pip() -> dict[Path, str]:
    """pip's cache, and the certificates that this machine trusts, which may be more than Debian's."""
    PIP_CACHE.mkdir(parents=True, exist_ok=True)
    lent = {PIP_CACHE: "/run/lent-pip-cache:rw"}
    lines = ["[global]", "cache-dir = /run/lent-pip-cache", "progress-bar = off", "disable-pip-version-check = true"]
    trusted = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    if trusted and Path(trusted).is_file():
        lines.append("cert = /run/lent-certificates.crt")
        lent[Path(trusted)] = "/run/lent-certificates.crt:ro"
    configuration = CACHE / "pip.conf"
    configuration.write_text("\n".join(lines) + "\n")
    lent[configuration] = "/etc/pip.conf:ro"
    return lent


def _digest(image: ProductImage) -> str:
    """Of every file that the image may hold: what git knows under the folders that its Dockerfile copies."""
    dockerfile = ROOT / image.dockerfile
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile.read_text(), re.MULTILINE)
    paths = [path for line in copied for path in line.split()]
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", image.dockerfile, *paths]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    whole = hashlib.sha256()
    for name in sorted(set(filter(None, names))):
        if (ROOT / name).is_file():
            whole.update(name.encode() + b"\0" + hashlib.sha256((ROOT / name).read_bytes()).digest())
    return whole.hexdigest()[:_DIGEST_LENGTH]


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        print(product_archive(wanted))
