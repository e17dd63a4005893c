"""PostgreSQL and Redis as an image, of Debian's packages: stands in for the official images that the chart names.

The chart starts both with commands of its own, so that any image with these programs on its PATH will do.
"""

from __future__ import annotations

import fcntl
from pathlib import Path

from tests.cluster.base_image import ensure_base_image
from tests.cluster.images import CACHE, build_image

STORES_IMAGE = "localhost/vigil-test-stores:2"
_DOCKERFILE = """\
ARG BASE
FROM ${BASE}
RUN printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \\
 && apt-get update -qq \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-15 redis-server \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
# The official image's number: initdb wants a user who has a name.
RUN sed -i -E 's/^postgres:x:[0-9]+:[0-9]+:/postgres:x:999:999:/' /etc/passwd
ENV PATH=/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
"""


def stores_archive() -> Path:
    """The image's OCI archive, built when it is not in the cache. Needs root and Debian."""
    archive = CACHE / "stores-2.tar"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "stores.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            context = CACHE / "stores"
            context.mkdir(exist_ok=True)
            (context / "Dockerfile").write_text(_DOCKERFILE)
            build_image(context, STORES_IMAGE, archive, arguments={"BASE": ensure_base_image()})
    return archive


if __name__ == "__main__":
    print(stores_archive())
