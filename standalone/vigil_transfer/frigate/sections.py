"""Settings of a camera in Frigate's file: the camera's own value, or else the global one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from vigil_transfer.report import Path

MISSING: Any = object()


class Setting(NamedTuple):
    """A value with the path of the key that it comes from."""

    value: Any
    path: Path


@dataclass(frozen=True, slots=True)
class Sections:
    """The settings of one camera."""

    document: Mapping[str, Any]
    key: str

    @property
    def path(self) -> Path:
        """Return the path of the camera."""
        return ("cameras", self.key)

    def own(self, *keys: str) -> Setting | None:
        """Return the camera's own setting; None if it has none."""
        return find(self.document, (*self.path, *keys))

    def get(self, *keys: str) -> Setting | None:
        """Return the camera's own setting, or else the global one. Frigate merges them key by key."""
        return self.own(*keys) or find(self.document, keys)

    def value(self, *keys: str, default: Any = None) -> Any:
        """Return the value of a setting, or `default`."""
        found = self.get(*keys)
        return default if found is None else found.value

    def names(self, *keys: str) -> list[str]:
        """Return the keys of a mapping that the camera and the global section share, global ones first."""
        mappings = (find(self.document, keys), self.own(*keys))
        return list(
            dict.fromkeys(
                str(name) for one in mappings if one and isinstance(one.value, Mapping) for name in one.value
            )
        )


def find(document: Any, path: Path) -> Setting | None:
    """Return the value at a path of mappings; None if there is none, or it is empty (`key:`)."""
    value = document
    for part in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(part, MISSING)
        if value is MISSING:
            return None
    return None if value is None else Setting(value, path)


def as_list(value: Any) -> list[Any]:
    """Return a list of values; Frigate takes a single value for a list of one."""
    return list(value) if isinstance(value, list) else [value]
