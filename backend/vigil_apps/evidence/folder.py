"""Export recordings as evidence: videos, a manifest of their SHA-256 sums, and its signature, as files of a folder.

Video is copied, never transcoded. Whole recorded files are exported, so a video may begin and end some seconds
outside the period. See `docs/evidence.md`.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, groupby
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from surveillance import images
from surveillance.models import Alert, Camera
from vigil_apps.audit.models import Action
from vigil_apps.audit.tracking import Tracked, record
from vigil_apps.evidence.archive import ExportOutput
from vigil_apps.evidence.core.keys import public_key_id, public_pem
from vigil_apps.evidence.core.manifest import (
    ExportedAlert,
    ExportedFile,
    ExportedPeriod,
    Gap,
    Order,
    Period,
    Segment,
    all_gaps,
    manifest_text,
    merged,
)
from vigil_apps.recordings.clips import recorded_clip
from vigil_apps.recordings.core.mp4_join import Mp4Join
from vigil_apps.recordings.core.playlist import Item
from vigil_apps.recordings.selectors import recorded_segments, recording_gaps
from vigil_contracts import evidence_verifier
from vigil_contracts.evidence_verifier import MANIFEST, PUBLIC_KEY, SIGNATURE, TIME_STAMP
from vigil_contracts.recording import GapReason, gap_text, recording_key
from vigil_contracts.version import vigil_version

VERIFIER, SUMS = "verify.py", "SHA256SUMS"
_LONGEST_HELD_GAP_MS = 600_000
"""After a longer gap a new video begins, so that no player shows one frame for hours."""
_MOST_GAPS = 100_000
_TRACKED = Tracked("evidence", lambda camera: {}, lambda camera: camera.site_id)
Progress = Callable[[int, int], None]
Stamp = Callable[[bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class Exported:
    """The files with their sums, and the sum of the manifest that lists them."""

    files: Sequence[ExportedFile]
    manifest_sha256: str


class NothingRecordedError(Exception):
    """No camera has a recording in the period."""


@dataclass(frozen=True, slots=True)
class Material:
    """What an export consists of: the recorded files of each period, and alerts with image and clip."""

    periods: dict[Period, list[Item]]
    alerts: Sequence[Alert]

    @property
    def size_bytes(self) -> int:
        """Return how much is read. About as much is written."""
        recorded = sum(item.size_bytes for items in self.periods.values() for item in items)
        return recorded + sum(one.image_bytes + one.clip_bytes for one in self.alerts)


def evidence_material(periods: Sequence[Period], alerts: Sequence[Alert] = ()) -> Material:
    """Return what there is of the periods and alerts. Raises NothingRecordedError."""
    material = Material(_chosen(periods), alerts)
    if not material.size_bytes:
        raise NothingRecordedError
    return material


def evidence_export(
    material: Material,
    *,
    order: Order,
    output: ExportOutput,
    key: Ed25519PrivateKey,
    now: datetime,
    progress: Progress = lambda done, total: None,
    stamp: Stamp = lambda signature: None,
) -> Exported:
    """Write the files; return them with sums. Each camera's audit log has an entry.

    `progress` is called with the bytes read so far, first 0, and their total. `stamp` returns an authority's time
    stamp of the signature, or None. Raises images.StorageUnavailableError, InvalidRecordingError, and what the output
    raises.
    """
    cameras = Camera.objects.defer("rtsp_url").in_bulk({one.camera_id for one in material.periods})
    progress(0, material.size_bytes)
    reader = _Reader(material.size_bytes, progress)
    files: list[ExportedFile] = []
    exported = []
    for period, items in material.periods.items():
        segments = [one for part in _parts(items) for one in _write(period, part, output, reader, files)]
        lost = [one for one in items if one.start_ms not in {segment.start_ms for segment in segments}]
        camera = cameras.get(period.camera_id)
        name = camera.name if camera is not None else ""
        exported.append(ExportedPeriod(period, name, segments, _gaps(period, segments, lost)))
    shown = [_alert(one, output, reader, files) for one in material.alerts]
    files += list(_extras(output, files))
    own_id = public_key_id(key)
    text = manifest_text(
        order,
        exported_at=now,
        software=f"vigil {vigil_version()}",
        key_id=own_id,
        periods=exported,
        alerts=shown,
        files=files,
    ).encode()
    manifest_sha256 = _put(output, MANIFEST, text).sha256
    signature = key.sign(text)
    _put(output, SIGNATURE, signature)
    if (answer := stamp(signature)) is not None:
        _put(output, TIME_STAMP, answer)
    _put(output, PUBLIC_KEY, public_pem(key).encode())
    for period in material.periods:
        if (camera := cameras.get(period.camera_id)) is not None:
            _audit(camera, period, order, own_id, manifest_sha256)
    return Exported(files, manifest_sha256)


class _Reader:
    """Reads recorded files and reports the progress."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress
        self._done = 0

    def read(self, key: str, size_bytes: int) -> bytes | None:
        """Return the content of the file; None if the storage has lost it."""
        return self.note(images.read(key), size_bytes)

    def note(self, content: bytes | None, size_bytes: int) -> bytes | None:
        """Report what was read otherwise, and return it."""
        self._done += size_bytes
        self._progress(self._done, self._total)
        return content


def _chosen(periods: Sequence[Period]) -> dict[Period, list[Item]]:
    """Return the files of each period. Periods that share one are joined, so that no file is in two videos."""
    chosen: dict[Period, list[Item]] = {}
    former: Period | None = None
    for one in merged(periods):
        period, items = one, list(_items(one))
        if former is not None and former.camera_id == period.camera_id and items:
            earlier = chosen[former]
            if earlier and items[0].start_ms <= earlier[-1].start_ms:
                del chosen[former]
                period = Period(former.camera_id, former.start_ms, period.end_ms)
                items = list(_items(period))
        chosen[period] = items
        former = period
    return chosen


def _items(period: Period) -> Iterator[Item]:
    return recorded_segments(camera_id=period.camera_id, first_ms=period.start_ms, last_ms=period.end_ms)


def _put(output: ExportOutput, name: str, content: bytes, camera_id: int | None = None) -> ExportedFile:
    """Write a file that is in memory."""
    with output.file(name) as file:
        file.write(content)
    return ExportedFile(name, file.size_bytes, file.sha256, camera_id)


def _alert(alert: Alert, output: ExportOutput, reader: _Reader, files: list[ExportedFile]) -> ExportedAlert:
    """Write image and clip of an alert, and add them to `files`."""
    names = {"image": "", "clip": ""}
    image = reader.read(alert.image, alert.image_bytes) if alert.image else None
    clip = images.read(alert.clip) if alert.clip else recorded_clip(alert)
    for field, content, ending in (("image", image, "jpg"), ("clip", reader.note(clip, alert.clip_bytes), "mp4")):
        if content is not None:
            names[field] = f"alert-{alert.pk}.{ending}"
            files.append(_put(output, names[field], content, alert.camera_id))
    return ExportedAlert(
        alert.pk,
        alert.camera_id,
        alert.camera.name,
        alert.alert_type,
        round(alert.timestamp.timestamp() * 1000),
        alert.confidence,
        alert.label,
        alert.zone,
        alert.rule,
        alert.description,
        **names,
    )


def _parts(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Yield the files that are joined into one video: those of one format, without a long gap."""
    number, numbers = 0, []
    for index, item in enumerate(items):
        former = items[index - 1] if index else None
        is_new = former is not None and (
            item.init_id != former.init_id or item.start_ms - former.end_ms > _LONGEST_HELD_GAP_MS
        )
        number += is_new
        numbers.append(number)
    for _, group in groupby(zip(numbers, items, strict=True), key=lambda one: one[0]):
        yield [item for _, item in group]


def _write(
    period: Period, part: Sequence[Item], output: ExportOutput, reader: _Reader, files: list[ExportedFile]
) -> list[Segment]:
    """Write one video, add it to `files`, and return what it consists of."""
    contents = _contents(period, part, reader)
    if (first := next(contents, None)) is None:
        return []
    begin = datetime.fromtimestamp(part[0].start_ms / 1000, UTC)
    name = f"camera-{period.camera_id}-{begin:%Y%m%dT%H%M%SZ}-{part[0].start_ms % 1000:03d}.mp4"
    segments = []
    with output.file(name, expected_bytes=sum(one.size_bytes for one in part)) as file:
        join = Mp4Join(file)
        for item, content in chain([first], contents):
            join.add(content)
            segments.append(Segment(item.start_ms, item.end_ms, hashlib.sha256(content).hexdigest()))
        join.finish()
    bounds = segments[0].start_ms, segments[-1].end_ms
    files.append(ExportedFile(name, file.size_bytes, file.sha256, period.camera_id, *bounds, join.frames))
    return segments


def _contents(period: Period, part: Sequence[Item], reader: _Reader) -> Iterator[tuple[Item, bytes]]:
    """Yield each recorded file with its content, except for those that the storage has lost."""
    for item in part:
        content = reader.read(recording_key(period.camera_id, item.start_ms), item.size_bytes)
        if content is not None:
            yield item, content


def _gaps(period: Period, segments: Sequence[Segment], lost: Sequence[Item]) -> list[Gap]:
    limits = {"first_ms": period.start_ms, "last_ms": period.end_ms}
    stored = recording_gaps(camera_id=period.camera_id, limit=_MOST_GAPS, **limits)
    known = [Gap(one.start_ms, one.end_ms, one.reason, gap_text(one.reason)) for one in stored]
    reason = GapReason.STORAGE_LOST.value
    known += [Gap(one.start_ms, one.end_ms, reason, gap_text(reason)) for one in lost]
    return all_gaps(period, segments, known)


def _extras(output: ExportOutput, videos: Sequence[ExportedFile]) -> Iterator[ExportedFile]:
    """Write the verifier and the list for `sha256sum`."""
    verifier = _put(output, VERIFIER, Path(evidence_verifier.__file__).read_bytes())
    yield verifier
    sums = "".join(f"{one.sha256}  {one.name}\n" for one in (*videos, verifier))
    yield _put(output, SUMS, sums.encode())


def _audit(camera: Camera, period: Period, order: Order, key: str, manifest_sha256: str) -> None:
    after: dict[str, Any] = {
        "exported_by": order.exported_by,
        "start": datetime.fromtimestamp(period.start_ms / 1000, UTC).isoformat(),
        "end": datetime.fromtimestamp(period.end_ms / 1000, UTC).isoformat(),
        "title": order.title,
        "reference": order.reference,
        "key_id": key,
        "manifest_sha256": manifest_sha256,
    }
    record(_TRACKED, camera, action=Action.CREATED, before={}, after=after)
