"""Storage of images and clips in an S3 bucket.

Only `STORAGES` names this module: the SDK takes a third of a second to import, which every command of an installation
without a bucket would pay for.
"""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

from surveillance.storages import StoredFile

_CONNECT_SECONDS, _READ_SECONDS = 2, 4
"""With one retry, an unavailable or hanging S3 is reported within the ten seconds that a detector waits."""


_DELETED_AT_ONCE = 8
_NOT_FOUND = 404


class BucketStorage(S3Storage):  # type: ignore[misc] # it has no types
    """An S3 bucket. All threads share one client: creating one takes 100 ms, and it is thread-safe."""

    def __init__(self, **settings: Any) -> None:
        style = settings.get("addressing_style", "auto")
        settings.setdefault(
            "client_config",
            Config(
                signature_version="s3v4",
                s3={"addressing_style": style},
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"total_max_attempts": 2},
                max_pool_connections=32,
                # S3 servers other than Amazon's do not all support the checksums that the SDK adds by default.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        super().__init__(**settings)
        self._making = threading.Lock()
        self._shared: Any = None

    @property
    def connection(self) -> Any:
        """Return the shared client. The library keeps one per thread, but ASGI requests have new threads."""
        with self._making:
            if self._shared is None:
                self._shared = self._create_session().resource(
                    "s3",
                    region_name=self.region_name,
                    endpoint_url=self.endpoint_url,
                    config=self.client_config,
                )
            return self._shared

    def stored_files(self, prefix: str) -> Iterator[StoredFile]:
        """Yield every object below the prefix, a thousand per request."""
        root = f"{self.location.rstrip('/')}/" if self.location else ""
        for item in self.bucket.objects.filter(Prefix=f"{root}{prefix}/"):
            yield StoredFile(item.key.removeprefix(root), item.size, item.last_modified)

    def drop_empty_folders(self, prefix: str, *, unchanged_since: datetime) -> None:
        """Do nothing: buckets have no folders."""

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete the objects, several at a time.

        Not by DeleteObjects: the SDK sends it without Content-MD5, which S3 servers other than Amazon's require.
        """
        with ThreadPoolExecutor(_DELETED_AT_ONCE) as pool:
            list(pool.map(self.delete, keys))

    def read_end(self, key: str, size_bytes: int) -> bytes:
        """Return at most so many bytes at the end of an object."""
        name = f"{self.location.rstrip('/')}/{key}" if self.location else key
        wanted = {"Bucket": self.bucket_name, "Key": name, "Range": f"bytes=-{size_bytes}"}
        try:
            return bytes(self.connection.meta.client.get_object(**wanted)["Body"].read())
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == _NOT_FOUND:
                raise FileNotFoundError(key) from error
            raise

    def problem(self) -> str:
        """Return why the bucket cannot be accessed with these keys; empty if it can."""
        try:
            self.connection.meta.client.head_bucket(Bucket=self.bucket_name)
        except ClientError as error:
            return f"the bucket answers {error.response['ResponseMetadata']['HTTPStatusCode']}"
        except BotoCoreError as error:
            return f"the bucket does not answer: {type(error).__name__}"
        return ""

    def excess_bytes(self, *, max_used_percent: int) -> int:
        """Return 0: a bucket has no limit."""
        return 0
