"""A real S3-compatible server for the tests: OpenStack Swift with its S3 API, Debian's, on one disk.

    def test_something(s3: S3Server): ...             # with an empty bucket
    s3.kill(); s3.start()

It checks signatures and their age, unlike simple replacements.
"""

import contextlib
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tests.cluster.processes import ServerProcess, free_ports
from tests.cluster.reaper import Reaper, server_home
from tests.integration.services.life_cycle import Service, running
from tests.integration.services.requirements import skip_without

_SYSTEM_PYTHON = Path("/usr/bin/python3")
_PROGRAM = Path(__file__).with_name("swift_server.py")
_STORAGE = """\
[DEFAULT]
devices = {folder}/devices
mount_check = false
swift_dir = {folder}
log_address = /nonexistent
[pipeline:main]
pipeline = {name}
[app:{name}]
use = egg:swift#{kind}
"""
_PROXY = """\
[DEFAULT]
swift_dir = {folder}
log_address = /nonexistent
[pipeline:main]
pipeline = catch_errors gatekeeper cache s3api tempauth copy slo dlo versioned_writes proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:cache]
use = egg:swift#memcache
# Nothing listens there: `tempauth` asks for a cache, and works without what is in it.
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_vigil_media = {secret} .admin
"""
_PLAIN_FILTERS = ("catch_errors", "gatekeeper", "copy", "slo", "dlo", "versioned_writes")


class S3Server(Service):
    """The server. `environment` is what the backend needs to use it. Stored data survive `kill`."""

    ready_timeout_seconds = 120

    access_key_id = "vigil:media"

    def __init__(self, folder: Path, reaper: Reaper) -> None:
        (folder / "devices" / "disk").mkdir(parents=True)
        self.secret_access_key = secrets.token_hex(16)
        self.port, *ports = free_ports(4)
        (folder / "swift.conf").write_text(
            f"[swift-hash]\nswift_hash_path_suffix = {secrets.token_hex(8)}\n"
            "[storage-policy:0]\nname = p\ndefault = yes\n"
        )
        for kind in ("account", "container", "object"):
            text = _STORAGE.format(folder=folder, name=f"{kind}-server", kind=kind)
            (folder / f"{kind}-server.conf").write_text(text)
        filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in _PLAIN_FILTERS)
        proxy = _PROXY.format(folder=folder, secret=self.secret_access_key)
        (folder / "proxy-server.conf").write_text(proxy + filters)
        command: list[str | Path] = [_SYSTEM_PYTHON, _PROGRAM, folder, str(self.port), *map(str, ports)]
        self.process = ServerProcess("swift", command, folder / "swift.log", reaper)

    @property
    def url(self) -> str:
        """Return the endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def make_bucket(self) -> str:
        """Create an empty bucket and return its name."""
        name = f"media-{secrets.token_hex(4)}"
        with self.client() as client:
            client.create_bucket(Bucket=name)
        return name

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of all objects in the bucket."""
        with self.client() as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def environment(self, bucket: str) -> dict[str, str]:
        """Return the backend's settings."""
        return {
            "VIGIL_S3_BUCKET": bucket,
            "VIGIL_S3_ENDPOINT_URL": self.url,
            "VIGIL_S3_ADDRESSING_STYLE": "path",
            "VIGIL_S3_ACCESS_KEY_ID": self.access_key_id,
            "VIGIL_S3_SECRET_ACCESS_KEY": self.secret_access_key,
        }

    @contextlib.contextmanager
    def client(self) -> Iterator[Any]:
        """Create a boto3 client, and close its connections afterwards."""
        client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=20),
        )
        try:
            yield client
        finally:
            client.close()

    def is_ready(self) -> bool:
        """Return whether it answers a signed request."""
        try:
            with self.client() as client:
                client.list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True


@contextlib.contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run a server with temporary data."""
    probe = [str(_SYSTEM_PYTHON), "-c", "import swift.common.middleware.s3api"]
    if not _SYSTEM_PYTHON.exists() or subprocess.run(probe, check=False, capture_output=True).returncode:
        skip_without("OpenStack Swift, an S3 server", "python3-swift")
    with server_home("s3") as (folder, reaper), running(S3Server(folder, reaper)) as server:
        yield server


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """The session's S3."""
    with s3_server() as server:
        yield server
