"""Read everything in etcd, for tests that search for passwords in the wrong places."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import httpx

_PAGE = 500


def read_all(url: str) -> Iterator[tuple[str, bytes]]:
    """Return every key and value from etcd's JSON gateway: protobuf or, for custom resources, JSON."""
    start, end = b"\0", b"\0"  # a range from "\0" to "\0" is every key
    with httpx.Client(base_url=url, timeout=60, trust_env=False, verify=False) as client:
        while True:
            request = {"key": _text(start), "range_end": _text(end), "limit": _PAGE}
            answer = client.post("/v3/kv/range", json=request)
            answer.raise_for_status()
            document = answer.json()
            for pair in document.get("kvs", []):
                key = base64.b64decode(pair["key"])
                start = key + b"\0"
                yield key.decode(), base64.b64decode(pair.get("value", ""))
            if not document.get("more"):
                return


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()
