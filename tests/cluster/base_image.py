"""The base image for local builds: Debian 12 with Python, created by debootstrap without a registry.

It replaces `python:3.13-slim-bookworm`, the Dockerfiles' default. Kept under ~/.cache/vigil/images.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

from tests.cluster.images import CACHE, build_image, image_exists
from tests.cluster.kubeconfig import clean_environment
from tools import system_packages

BASE_IMAGE = "localhost/vigil-test-base:1"
_MIRROR = "http://deb.debian.org/debian"
_PACKAGES = "python3,python3-venv,ca-certificates"
_TIMEOUT_SECONDS = 600


def ensure_base_image() -> str:
    """Create the image if it does not exist, which takes one or two minutes; return its name.

    Needs root. Raises MissingPackagesError, ImageBuildError or CalledProcessError.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "base.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not image_exists(BASE_IMAGE):
            system_packages.ensure("container-node")
            context = CACHE / "base"
            shutil.rmtree(context, ignore_errors=True)
            _bootstrap(context / "root")
            (context / "Dockerfile").write_text('FROM scratch\nCOPY root /\nCMD ["/bin/sh"]\n')
            build_image(context, BASE_IMAGE)
            shutil.rmtree(context)
    return BASE_IMAGE


def _bootstrap(root: Path) -> None:
    system_packages.say("making a Debian root file system for images")
    root.mkdir(parents=True)
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root), _MIRROR]
    with (root.parent / "debootstrap.log").open("w") as log:
        subprocess.run(
            command,
            check=True,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**clean_environment(), "DEBIAN_FRONTEND": "noninteractive"},
            timeout=_TIMEOUT_SECONDS,
        )
    for unused in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(root / unused)
        (root / unused).mkdir()
