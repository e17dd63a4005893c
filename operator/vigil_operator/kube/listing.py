"""Parse a listing lazily: most objects are unchanged, so that only their version is needed.

Parsing everything would take ten times as long, most of the CPU time of an idle operator with a thousand cameras.
"""

from dataclasses import dataclass
from typing import Any, Self

import msgspec


class ListedMetadata(msgspec.Struct, frozen=True):
    """Identity and version of an object."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = msgspec.field(default="", name="resourceVersion")
    labels: dict[str, str] | None = None


class _Object(msgspec.Struct, frozen=True):
    metadata: ListedMetadata


class _ListMetadata(msgspec.Struct, frozen=True):
    resource_version: str = msgspec.field(default="0", name="resourceVersion")


class _List(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw] | None = None
    metadata: _ListMetadata = _ListMetadata()


_read_object = msgspec.json.Decoder(_Object).decode
_read_list = msgspec.json.Decoder(_List).decode
_read_whole = msgspec.json.Decoder(dict[str, Any]).decode


class ListedObject:
    """One object; its body is parsed on demand."""

    __slots__ = ("_text", "metadata")

    def __init__(self, text: msgspec.Raw | bytes) -> None:
        """Raise `ValueError` if the text is not a Kubernetes object."""
        self._text = text
        self.metadata = _read_object(text).metadata

    def body(self) -> dict[str, Any]:
        """Return the whole object."""
        return _read_whole(self._text)


@dataclass(frozen=True, slots=True)
class Listing:
    """A collection at one resource version."""

    items: list[ListedObject]
    resource_version: str

    @classmethod
    def read(cls, text: bytes) -> Self:
        """Parse an API server's answer. Raises `ValueError` if it is not a list."""
        found = _read_list(text)
        return cls([ListedObject(item) for item in found.items or ()], found.metadata.resource_version)
