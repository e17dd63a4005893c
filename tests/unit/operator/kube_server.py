"""An in-memory API server behind the transport interface, with the features that unit tests need."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

Document = dict[str, Any]


class MemoryTransport:
    """Stores objects by path; refuses stale replacements and wrong uids, as the real one does. Counts writes."""

    def __init__(self) -> None:
        self.objects: dict[str, Document] = {}
        self.requests: list[tuple[str, str]] = []
        self.fail: Callable[[str, str], int | None] = lambda method, path: None
        self.failure = "made to fail"
        self._version = 100

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.requests if method != "GET"]

    async def request(
        self, method: str, path: str, content_type: str, body: Any
    ) -> tuple[int, Mapping[str, str], bytes]:
        bare = urlsplit(path).path
        self.requests.append((method, bare))
        status = self.fail(method, bare)
        if status is not None:
            return status, {}, json.dumps({"message": self.failure}).encode()
        if "dryRun=All" in path:
            return 200, {}, json.dumps(body).encode()
        status, answer = getattr(self, f"_{method.lower()}")(bare, copy.deepcopy(body), content_type)
        return status, {}, json.dumps(answer).encode()

    async def lines(self, path: str) -> AsyncIterator[bytes]:
        """End each watch at once: tests list instead."""
        nothing: tuple[bytes, ...] = ()
        for line in nothing:
            yield line

    async def close(self) -> None:
        """Nothing is open."""

    def _get(self, path: str, body: Any, content_type: str) -> tuple[int, Document]:
        if path in self.objects:
            return 200, self.objects[path]
        items = [item for where, item in self.objects.items() if where.rpartition("/")[0] == path]
        if path.rpartition("/")[2].endswith("s"):
            return 200, {"metadata": {"resourceVersion": str(self._version)}, "items": items}
        return 404, {"message": "not found"}

    def _post(self, path: str, body: Document, content_type: str) -> tuple[int, Document]:
        where = f"{path}/{body['metadata']['name']}"
        if where in self.objects:
            return 409, {"message": "already exists"}
        return 201, self._store(where, body)

    def _put(self, path: str, body: Document, content_type: str) -> tuple[int, Document]:
        known = self.objects.get(path)
        if known is None:
            return 404, {"message": "not found"}
        if known["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            return 409, {"message": "the object has been modified"}
        return 200, self._store(path, body)

    def _patch(self, path: str, body: Any, content_type: str) -> tuple[int, Document]:
        status = path.endswith("/status")
        where = path.removesuffix("/status")
        known = self.objects.get(where)
        if status:
            if known is None or known["metadata"]["uid"] != body["metadata"]["uid"]:
                return 409 if known else 404, {"message": "no such object"}
            return 200, self._store(where, {**known, "status": body["status"]})
        if isinstance(body, list):
            return 200, self._store(where, {**(known or {}), "spec": body[0]["value"]})
        if known is not None and set(body) <= {"apiVersion", "kind", "metadata"}:
            return self._patch_metadata(where, known, body["metadata"])
        merged = {**body, "status": known["status"]} if known and "status" in known else body
        return 200, self._store(where, merged)

    def _patch_metadata(self, path: str, known: Document, metadata: Document) -> tuple[int, Document]:
        if metadata["uid"] != known["metadata"]["uid"]:
            return 409, {"message": "uid"}
        if known["metadata"].get("deletionTimestamp") and not metadata["finalizers"]:
            return 200, self.objects.pop(path)
        labels = {**known["metadata"].get("labels", {}), **metadata["labels"]}
        changed = {**known["metadata"], "labels": labels, "finalizers": metadata["finalizers"]}
        return 200, self._store(path, {**known, "metadata": changed})

    def _delete(self, path: str, body: Document, content_type: str) -> tuple[int, Document]:
        known = self.objects.get(path)
        if known is None:
            return 404, {"message": "not found"}
        if known["metadata"]["uid"] != body["preconditions"]["uid"]:
            return 409, {"message": "uid"}
        return 200, self.objects.pop(path)

    def _store(self, path: str, body: Document) -> Document:
        self._version += 1
        known = self.objects.get(path, {}).get("metadata", {})
        generation = known.get("generation", 0)
        if self.objects.get(path, {}).get("spec") != body.get("spec"):
            generation += 1
        metadata = {
            **body["metadata"],
            "uid": known.get("uid", f"uid-{self._version}"),
            "resourceVersion": str(self._version),
            "generation": generation,
        }
        self.objects[path] = {**body, "metadata": metadata}
        return self.objects[path]
