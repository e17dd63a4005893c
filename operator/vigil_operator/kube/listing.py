"""Parse listings and watches lazily: most objects are known already, so that only their version is needed.

Parsing everything would take ten times as long, most of the CPU time of an idle operator with a thousand cameras.
"""

from dataclasses import dataclass
from typing import Any, Self

import msgspec

from vigil_operator.core.observed import Key


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
    continue_token: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw] | None = None
    metadata: _ListMetadata = _ListMetadata()


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _Bookmark(msgspec.Struct, frozen=True):
    metadata: _ListMetadata = _ListMetadata(resource_version="")


class _Status(msgspec.Struct, frozen=True):
    code: int = 0


_read_object = msgspec.json.Decoder(_Object).decode
_read_list = msgspec.json.Decoder(_List).decode
_read_whole = msgspec.json.Decoder(dict[str, Any]).decode
_read_event = msgspec.json.Decoder(_Event).decode
_read_bookmark = msgspec.json.Decoder(_Bookmark).decode
_read_status = msgspec.json.Decoder(_Status).decode


class ListedObject:
    """One object; its body is parsed on demand."""

    __slots__ = ("_text", "metadata")

    def __init__(self, text: msgspec.Raw | bytes) -> None:
        """Raise `ValueError` if the text is not a Kubernetes object."""
        self._text = text
        self.metadata = _read_object(text).metadata

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return Key(self.metadata.namespace, self.metadata.name)

    def body(self) -> dict[str, Any]:
        """Return the whole object."""
        return _read_whole(self._text)


@dataclass(frozen=True, slots=True)
class Listing:
    """A collection at one resource version, or a page of it."""

    items: list[ListedObject]
    resource_version: str
    continue_token: str = ""
    """The token that asks for the next page; empty on the last one."""

    @classmethod
    def read(cls, text: bytes) -> Self:
        """Parse an API server's answer. Raises `ValueError` if it is not a list."""
        found = _read_list(text)
        metadata = found.metadata
        items = [ListedObject(item) for item in found.items or ()]
        return cls(items, metadata.resource_version, metadata.continue_token)


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch."""

    type: str
    """`ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`."""
    resource_version: str = ""
    """From where to watch next; empty for errors."""
    found: ListedObject | None = None
    """The object; None for bookmarks and errors."""
    error_code: int = 0
    """The HTTP status of an error."""

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Parse one line of a watch. Raises `ValueError` if it is not an event."""
        event = _read_event(line)
        if event.type == "ERROR":
            return cls(event.type, error_code=_read_status(event.object).code)
        if event.type == "BOOKMARK":
            return cls(event.type, _read_bookmark(event.object).metadata.resource_version)
        found = ListedObject(event.object)
        return cls(event.type, found.metadata.resource_version, found)
