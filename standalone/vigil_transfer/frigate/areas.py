"""The zones and motion masks of a Frigate camera."""

from dataclasses import dataclass, field

from vigil_transfer.frigate.polygons import PolygonError, Size, polygon_of, polygons_of
from vigil_transfer.frigate.sections import Sections, Setting, as_list
from vigil_transfer.report import Ledger


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone. `labels`: the objects that it counts, empty for all; `loitering_seconds`: 0 for at once."""

    key: str
    name: str
    points: list[list[float]] = field(hash=False)
    labels: tuple[str, ...] = ()
    loitering_seconds: float = 0.0


def frame_size(sections: Sections, ledger: Ledger) -> Size | None:
    """Return the size of the detect stream, to which coordinates in pixels refer; None if it is not set."""
    sides = []
    for name in ("width", "height"):
        setting = sections.get("detect", name)
        if setting is None:
            continue
        if isinstance(setting.value, bool) or not isinstance(setting.value, int) or setting.value < 1:
            ledger.problem(setting.path, "must be a number of pixels")
            continue
        ledger.changed(
            setting.path, "", "used to convert coordinates in pixels; Vigil reads the size from the stream"
        )
        sides.append(setting.value)
    return (sides[0], sides[1]) if len(sides) == 2 else None


def zones_of(sections: Sections, size: Size | None, ledger: Ledger) -> list[Zone]:
    """Return the camera's zones. One that cannot be converted is a problem: its rules would lose their zone."""
    zones = []
    for key in sections.names("zones"):
        enabled = sections.own("zones", key, "enabled")
        if enabled is not None and enabled.value is False:
            ledger.not_taken((*sections.path, "zones", key), "the zone is disabled")
            continue
        if enabled is not None:
            ledger.taken(enabled.path, "detection.zones")
        coordinates = sections.own("zones", key, "coordinates")
        if coordinates is None:
            ledger.problem((*sections.path, "zones", key), "must have coordinates")
            continue
        try:
            points = polygon_of(coordinates.value, size)
        except PolygonError as error:
            ledger.problem(coordinates.path, str(error))
            continue
        ledger.taken(coordinates.path, "detection.zones[].points")
        zones.append(
            Zone(key, _name(sections, key, ledger), points, _labels(sections, key), _loitering(sections, key))
        )
    return zones


def _name(sections: Sections, key: str, ledger: Ledger) -> str:
    friendly = sections.own("zones", key, "friendly_name")
    if friendly is None or not friendly.value:
        return key
    ledger.taken(friendly.path, "detection.zones[].name")
    return str(friendly.value)


def _labels(sections: Sections, key: str) -> tuple[str, ...]:
    setting = sections.own("zones", key, "objects")
    return tuple(str(label) for label in as_list(setting.value)) if setting and setting.value else ()


def _loitering(sections: Sections, key: str) -> float:
    setting = sections.own("zones", key, "loitering_time")
    is_number = setting is not None and isinstance(setting.value, int | float) and not isinstance(setting.value, bool)
    return float(setting.value) if setting is not None and is_number else 0.0


def motion_masks_of(sections: Sections, size: Size | None, ledger: Ledger) -> list[list[list[float]]]:
    """Return the areas in which motion is ignored."""
    setting: Setting | None = sections.get("motion", "mask")
    if setting is None:
        return []
    try:
        masks = polygons_of(setting.value, size)
    except PolygonError as error:
        ledger.problem(setting.path, str(error))
        return []
    ledger.taken(setting.path, "detection.motion_masks")
    return masks
