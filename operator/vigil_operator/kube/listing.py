"""A listing, read only as far as it is needed: of most of its objects nothing but the version, which is no news.

To read all of them whole takes ten times as long, and with a thousand cameras most of what an idle operator does.
"""

from dataclasses import dataclass
from typing import Any, Self

import msgspec


class ListedMetadata(msgspec.Struct, frozen=True):
    """What tells an object and its version."""

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
    """One object; its body is read when it is asked for."""

    __slots__ = ("_text", "metadata")

    def __init__(self, text: msgspec.Raw | bytes) -> None:
        """Raises `ValueError` for what is no object of Kubernetes."""
        self._text = text
        self.metadata = _read_object(text).metadata

    def body(self) -> dict[str, Any]:
        """The whole object."""
        return _read_whole(self._text)


@dataclass(frozen=True, slots=True)
class Listing:
    """A collection as of one resource version."""

    items: list[ListedObject]
    resource_version: str

    @classmethod
    def read(cls, text: bytes) -> Self:
        """From an API server's answer. Raises `ValueError` where it is none."""
        found = _read_list(text)
        return cls([ListedObject(item) for item in found.items or ()], found.metadata.resource_version)
