"""The manifest of exported recordings. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from vigil_apps.recordings.core.timeline import ADJACENT_MS

FORMAT = "vigil-evidence/1"
CLOCK = "the clock of the detector's host when the frames arrived; distances between frames are the camera's own"
NOT_RECORDED = "NotRecorded"
NOT_RECORDED_TEXT = (
    "Nothing was to be recorded then (mode, schedule of motion or alerts), or retention had deleted it."
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A recorded file that was joined, with the sum of its content as it was stored."""

    start_ms: int
    end_ms: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A period without video, and why."""

    start_ms: int
    end_ms: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file of the folder; `camera`, `start_ms` and `end_ms` only for video."""

    name: str
    size_bytes: int
    sha256: str
    camera: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """A period of a camera that is exported."""

    camera_id: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class ExportedPeriod:
    """A period of a camera with what was recorded and what was not."""

    period: Period
    camera_name: str
    segments: Sequence[Segment]
    gaps: Sequence[Gap]


@dataclass(frozen=True, slots=True)
class ExportedAlert:
    """An alert, and the names of its files; empty without one."""

    id: int
    camera: int
    camera_name: str
    alert_type: str
    timestamp_ms: int
    confidence: float
    label: str
    zone: str
    rule: str
    description: str
    image: str = ""
    clip: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """By whom and why it was exported."""

    exported_by: str
    title: str
    reference: str = ""
    notes: str = ""


def manifest_text(
    order: Order,
    *,
    exported_at: datetime,
    software: str,
    key_id: str,
    periods: Sequence[ExportedPeriod],
    alerts: Sequence[ExportedAlert],
    files: Sequence[ExportedFile],
) -> str:
    """Return the manifest as JSON, with times in UTC."""
    document = {
        "format": FORMAT,
        "title": order.title,
        "reference": order.reference,
        "notes": order.notes,
        "exported_by": order.exported_by,
        "exported_at": exported_at.astimezone(UTC).isoformat(),
        "software": software,
        "key_id": key_id,
        "clock_source": CLOCK,
        "cameras": [
            {
                "id": one.period.camera_id,
                "name": one.camera_name,
                "start": _text(one.period.start_ms),
                "end": _text(one.period.end_ms),
                "segments": [_readable(asdict(segment)) for segment in one.segments],
                "gaps": [_readable(asdict(gap)) for gap in one.gaps],
            }
            for one in periods
        ],
        "alerts": [_readable(asdict(one)) for one in alerts],
        "files": [_readable(asdict(one)) for one in files],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def merged(periods: Iterable[Period]) -> list[Period]:
    """Return the periods in order, those of a camera that overlap or touch as one."""
    found: list[Period] = []
    for one in sorted(periods, key=lambda period: (period.camera_id, period.start_ms, period.end_ms)):
        former = found[-1] if found else None
        if former is not None and former.camera_id == one.camera_id and one.start_ms <= former.end_ms:
            found[-1] = Period(one.camera_id, former.start_ms, max(former.end_ms, one.end_ms))
        else:
            found.append(one)
    return found


def all_gaps(period: Period, segments: Iterable[Segment], known: Iterable[Gap]) -> list[Gap]:
    """Return the known gaps, and every other period without video, in order."""
    covered = sorted([(one.start_ms, one.end_ms) for one in segments] + [(one.start_ms, one.end_ms) for one in known])
    gaps, at = list(known), period.start_ms
    for start, end in [*covered, (period.end_ms, period.end_ms)]:
        if start - at > ADJACENT_MS:
            gaps.append(Gap(at, start, NOT_RECORDED, NOT_RECORDED_TEXT))
        at = max(at, end)
    return sorted(gaps, key=lambda gap: gap.start_ms)


def _readable(fields: dict[str, object]) -> dict[str, object]:
    """Replace milliseconds by ISO 8601, and leave out what is missing."""
    shown = {}
    for name, value in fields.items():
        if value is not None:
            is_time = name.endswith("_ms") and isinstance(value, int)
            shown[name.removesuffix("_ms")] = _text(value) if is_time and isinstance(value, int) else value
    return shown


def _text(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
