"""Storage of images and clips in an S3 bucket.

Only `STORAGES` names this module: the SDK takes a third of a second to import, which every command of an installation
without a bucket would pay for.
"""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile
from storages.backends.s3 import S3Storage

from surveillance.storages import S3_ERRORS, Output, StoredFile

_CONNECT_SECONDS, _READ_SECONDS = 2, 4
"""With one retry, an unavailable or hanging S3 is reported within the ten seconds that a detector waits."""


_DELETED_AT_ONCE = 8
_PART_BYTES, _MOST_PARTS = 16 << 20, 9_000
"""S3 takes 10,000 parts, of at least 5 MiB. Some servers want all of one size, but for the last."""
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

    @contextmanager
    def writing(self, key: str, *, size_bytes: int) -> Iterator[Output]:
        """Yield a file that is uploaded in parts while it is written: no disk has to hold it."""
        upload = _Upload(
            self.connection.meta.client,
            {"Bucket": self.bucket_name, "Key": self._root + key},
            self._get_write_parameters(key),
            part_bytes=max(_PART_BYTES, size_bytes // _MOST_PARTS),
        )
        try:
            yield upload
            upload.finish()
        except BaseException:
            upload.abort()
            raise

    def drop_unfinished(self, prefix: str, *, begun_before: datetime, spared: Sequence[str] = ()) -> None:
        """Abort uploads that began before. Servers keep their parts, and charge for them, but do not list them."""
        client, root = self.connection.meta.client, self._root
        pages = client.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=self.bucket_name, Prefix=root + prefix):
            for one in page.get("Uploads", ()):
                is_spared = one["Key"].removeprefix(root).startswith(tuple(spared))
                if one["Initiated"] < begun_before and not is_spared:
                    with suppress(client.exceptions.NoSuchUpload):
                        client.abort_multipart_upload(
                            Bucket=self.bucket_name, Key=one["Key"], UploadId=one["UploadId"]
                        )

    @property
    def _root(self) -> str:
        """Return what the names of all objects begin with."""
        return f"{self.location.rstrip('/')}/" if self.location else ""

    def store(self, key: str, content: bytes) -> None:
        """Store a new file."""
        self.save(key, ContentFile(content))

    def stored_files(self, prefix: str) -> Iterator[StoredFile]:
        """Yield every object below the prefix, a thousand per request."""
        root = self._root
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

    def replace(self, key: str, content: bytes) -> None:
        """Store the object; one that exists is overwritten."""
        self.save(key, ContentFile(content))

    def read_end(self, key: str, size_bytes: int) -> bytes:
        """Return at most so many bytes at the end of an object."""
        wanted = {"Bucket": self.bucket_name, "Key": self._root + key, "Range": f"bytes=-{size_bytes}"}
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


class _Upload:
    """Uploads an object while it is written: one part is sent while the next is collected."""

    def __init__(self, client: Any, target: dict[str, str], parameters: dict[str, Any], *, part_bytes: int) -> None:
        self._client, self._target, self._parameters = client, target, parameters
        self._part_bytes = part_bytes
        self._buffer = bytearray()
        self._upload: dict[str, str] = {}
        self._parts: list[dict[str, Any]] = []
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="upload")
        self._sending: Future[None] | None = None

    def write(self, data: bytes | memoryview, /) -> int:
        """Collect the bytes, and send those of a full part."""
        self._buffer += data
        while len(self._buffer) >= self._part_bytes:
            part, self._buffer = self._buffer[: self._part_bytes], self._buffer[self._part_bytes :]
            self._send(part)
        return len(data)

    def flush(self) -> None:
        """Do nothing: parts have a least size."""

    def finish(self) -> None:
        """Send the last part; the object exists afterwards."""
        if not self._upload:
            self._client.put_object(**self._target, **self._parameters, Body=self._buffer)
        else:
            if self._buffer:
                self._send(self._buffer)
            self._wait()
            self._client.complete_multipart_upload(
                **self._target, **self._upload, MultipartUpload={"Parts": self._parts}
            )
        self._sender.shutdown()

    def abort(self) -> None:
        """Delete the parts. If that fails, the sweep does it later."""
        self._sender.shutdown(cancel_futures=True)
        if self._upload:
            with suppress(*S3_ERRORS):
                self._client.abort_multipart_upload(**self._target, **self._upload)

    def _send(self, part: bytearray) -> None:
        self._wait()
        if not self._upload:
            answer = self._client.create_multipart_upload(**self._target, **self._parameters)
            self._upload = {"UploadId": answer["UploadId"]}
        self._sending = self._sender.submit(self._send_part, len(self._parts) + 1, part)

    def _send_part(self, number: int, part: bytearray) -> None:
        answer = self._client.upload_part(**self._target, **self._upload, PartNumber=number, Body=part)
        self._parts.append({"ETag": answer["ETag"], "PartNumber": number})

    def _wait(self) -> None:
        """Wait for the former part, and raise its error."""
        if self._sending is not None:
            self._sending.result()
            self._sending = None
