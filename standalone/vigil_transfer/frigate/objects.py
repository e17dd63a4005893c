"""The objects that a Frigate camera tracks, as classes of COCO, with their filters."""

from dataclasses import dataclass

from cctv.detectors.families.coco import COCO_NAMES
from vigil_transfer.frigate.polygons import NEEDS_SIZE, Size
from vigil_transfer.frigate.sections import Sections, Setting, as_list
from vigil_transfer.report import Ledger, Path

DEFAULT_LABELS = ("person",)
NO_FILTER = "Vigil has no such filter; rules have minimum_confidence and minimum_size"
NO_OBJECT_MASK = "Vigil has no object masks; draw a zone that leaves the area out, and use it in the rules"


@dataclass(frozen=True, slots=True)
class Limits:
    """What an object must reach; 0 where Frigate's file says nothing."""

    score: float = 0.0
    threshold: float = 0.0
    size: float = 0.0

    def stricter(self, other: "Limits") -> "Limits":
        """Return the stricter of both for each limit: Frigate applies a zone's filters after the camera's."""
        return Limits(max(self.score, other.score), max(self.threshold, other.threshold), max(self.size, other.size))


@dataclass(frozen=True, slots=True)
class Tracked:
    """An object type of Frigate with its classes in Vigil."""

    label: str
    classes: tuple[str, ...]
    limits: Limits


def tracked_objects(sections: Sections, size: Size | None, ledger: Ledger) -> list[Tracked]:
    """Return the objects that the camera tracks and Vigil's model knows."""
    setting = sections.get("objects", "track")
    labels = [str(label) for label in as_list(setting.value)] if setting else list(DEFAULT_LABELS)
    known = {label: _classes(label, labels) for label in labels if label in COCO_NAMES}
    if setting is not None:
        _record_labels(ledger, setting, labels, known)
    return [
        Tracked(label, classes, filters_of(sections, ("objects", "filters", label), size, ledger))
        for label, classes in known.items()
    ]


def _classes(label: str, labels: list[str]) -> tuple[str, ...]:
    """Return the classes of a label. Frigate's standard labels call trucks cars."""
    return ("car", "truck") if label == "car" and "truck" not in labels else (label,)


def _record_labels(ledger: Ledger, setting: Setting, labels: list[str], known: dict[str, tuple[str, ...]]) -> None:
    notes = []
    if unknown := [label for label in labels if label not in known]:
        notes.append(f"not taken, because the COCO model has no such class: {', '.join(unknown)}")
    if "truck" in known.get("car", ()):
        notes.append("car includes truck, as in Frigate")
    if not known:
        notes.append("the camera is imported as inactive: without a class, Vigil would detect every object")
        ledger.not_taken(setting.path, "; ".join(notes))
    elif notes:
        ledger.changed(setting.path, "detection.classes", "; ".join(notes))
    else:
        ledger.taken(setting.path, "detection.classes")


def filters_of(sections: Sections, keys: Path, size: Size | None, ledger: Ledger) -> Limits:
    """Return the filters of an object below `keys`, of the camera or else the global ones."""
    score = _number(sections, (*keys, "min_score"), ledger)
    if score is not None:
        ledger.taken(score.path, "minimum_confidence")
    threshold = _number(sections, (*keys, "threshold"), ledger)
    if threshold is not None:
        note = "Frigate compares the median of an object's scores; Vigil compares its confidence"
        ledger.changed(threshold.path, "rules[].minimum_confidence", note)
    for name in ("mask", "raw_mask"):
        if (mask := sections.get(*map(str, keys), name)) is not None:
            ledger.not_taken(mask.path, NO_OBJECT_MASK)
    for name in ("max_area", "min_ratio", "max_ratio"):
        if (unused := sections.get(*map(str, keys), name)) is not None:
            ledger.not_taken(unused.path, NO_FILTER)
    return Limits(
        score.value if score else 0.0,
        threshold.value if threshold else 0.0,
        _minimum_size(_number(sections, (*keys, "min_area"), ledger), size, ledger),
    )


def _number(sections: Sections, keys: Path, ledger: Ledger) -> Setting | None:
    found = sections.get(*map(str, keys))
    if found is not None and (isinstance(found.value, bool) or not isinstance(found.value, int | float)):
        ledger.problem(found.path, "must be a number")
        return None
    return found


def _minimum_size(area: Setting | None, size: Size | None, ledger: Ledger) -> float:
    """Return the share of the frame: Frigate takes pixels, or a fraction below 1."""
    if area is None or area.value <= 0:
        if area is not None:
            ledger.taken(area.path, "rules[].minimum_size")
        return 0.0
    if area.value < 1:
        ledger.taken(area.path, "rules[].minimum_size")
        return float(area.value)
    if size is None:
        ledger.problem(area.path, NEEDS_SIZE)
        return 0.0
    ledger.changed(area.path, "rules[].minimum_size", "pixels become a fraction of the frame")
    return min(1.0, round(float(area.value) / (size[0] * size[1]), 6))
