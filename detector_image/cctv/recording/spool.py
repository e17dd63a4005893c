"""The segments and gaps of a process on its disk, until the API has registered them.

    <folder>/<camera>/<start>.part                    being written
    <folder>/<camera>/<start>.<motion>.<cells>.new    closed; the motion or alert that would need it may still follow
    <folder>/<camera>/<start>.<motion>.<cells>.mp4    closed and to be kept
    <folder>/<camera>/gaps.json                       gaps to register
    <folder>/<camera>/clips.json                      parts of the recording to register as clips of alerts
    <folder>/<camera>/until                           the end of the last segment: the next gap begins there

`.<cells>`, where something moved (`vigil_contracts.motion_grid`), is left out if that is unknown.
Files change state by renaming, so a killed process leaves no file that counts as whole and is not.
"""

import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cctv.common.durable import sync_folder
from cctv.recording.fragments import DamagedSegmentError, SegmentFacts, read
from vigil_contracts.motion_grid import decode, encode
from vigil_contracts.recording import (
    CLIP_EDGE_MS,
    SEGMENTS_AT_ONCE,
    GapReason,
    RecordedClip,
    RecordedSegment,
    RecordingGap,
)

log = logging.getLogger("cctv")

_MOST_GAPS = 1000
"""Above this number the earliest gaps are merged: a camera that fails every second for days."""
_CLIPS_SECONDS = 3600.0
"""How long the clips of an earlier process are asked for. Their alerts may still wait for the API."""
_REGISTERED_CLIPS = 1000
"""How many registered clips are remembered: more than are asked for at any time."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A closed segment. `motion`: percent of its analysed frames; `cells`: where (`vigil_contracts.motion_grid`)."""

    camera_id: int
    path: Path
    facts: SegmentFacts
    motion: int
    cells: int = 0

    @property
    def segment(self) -> RecordedSegment:
        """Return the segment as the API registers it."""
        facts = self.facts
        return RecordedSegment(
            start_ms=facts.start_ms,
            duration_ms=facts.duration_ms,
            size_bytes=facts.whole_bytes,
            init_bytes=facts.init_bytes,
            init_id=facts.init_id,
            codecs=facts.codecs,
            width=facts.width,
            height=facts.height,
            motion=self.motion,
            motion_cells=encode(self.cells),
        )


class RecordingSpool:
    """Thread-safe. `room` returns the size that segments may have now; above it, the oldest are dropped.

    Raises OSError if the folder cannot be read or created.
    """

    def __init__(self, folder: Path, room: Callable[[], int]) -> None:
        self._folder, self._room = folder, room
        self._lock = threading.Lock()
        self._kept: dict[int, dict[int, Waiting]] = {}
        self._gaps: dict[int, list[RecordingGap]] = {}
        self._clips: dict[int, dict[str, RecordedClip]] = {}
        self._registered_clips: deque[tuple[int, str]] = deque(maxlen=_REGISTERED_CLIPS)
        self._size_bytes = 0
        self.is_new = not folder.exists()
        """Whether this is the first start with this folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for camera in sorted(folder.iterdir()):
            if camera.name.isdigit() and camera.is_dir():
                self._recover(int(camera.name), camera)

    def part(self, camera_id: int, start_ms: int) -> Path:
        """Return where to write a new segment."""
        folder = self._folder / str(camera_id)
        folder.mkdir(exist_ok=True)
        return folder / f"{start_ms}.part"

    def close(self, camera_id: int, part: Path, motion: int, cells: int = 0) -> Waiting | None:
        """Take a segment that is written; return it, still undecided. None if it contains no whole fragment.

        An incomplete fragment at its end is cut off. Raises OSError.
        """
        facts = _whole(part)
        if facts is None:
            part.unlink(missing_ok=True)
            return None
        closed = part.with_name(".".join(filter(None, (str(facts.start_ms), str(motion), encode(cells), "new"))))
        part.rename(closed)
        sync_folder(closed.parent)
        self._note_until(camera_id, facts.start_ms + facts.duration_ms)
        return Waiting(camera_id, closed, facts, motion, cells)

    def keep(self, closed: Waiting) -> None:
        """Keep a segment for the API; drop the oldest ones if there is no room. Raises OSError."""
        kept = replace(closed, path=closed.path.with_suffix(".mp4"))
        closed.path.rename(kept.path)
        with self._lock:
            self._insert(kept)
        self._make_room()

    def discard(self, closed: Waiting) -> None:
        """Delete a segment that is not needed."""
        closed.path.unlink(missing_ok=True)

    def cameras(self) -> list[int]:
        """Return the cameras with something to register."""
        with self._lock:
            return sorted({camera for camera, kept in [*self._kept.items(), *self._gaps.items()] if kept})

    def waiting(self, camera_id: int) -> list[Waiting]:
        """Return the camera's oldest segments to register."""
        with self._lock:
            return sorted(self._kept.get(camera_id, {}).values(), key=lambda one: one.facts.start_ms)[
                :SEGMENTS_AT_ONCE
            ]

    def size_bytes(self, camera_id: int) -> int:
        """Return the size of the camera's segments that are not registered."""
        with self._lock:
            return sum(one.facts.whole_bytes for one in self._kept.get(camera_id, {}).values())

    def done(self, segment: Waiting) -> None:
        """Remove a registered segment. Its file may have another link in the storage."""
        with self._lock:
            self._remove(segment)
        segment.path.unlink(missing_ok=True)

    def add_gap(self, camera_id: int, gap: RecordingGap) -> None:
        """Store a gap to register. Raises OSError."""
        with self._lock:
            gaps = self._gaps.setdefault(camera_id, [])
            if gaps and gaps[-1].reason == gap.reason and gaps[-1].end_ms >= gap.start_ms >= gaps[-1].start_ms:
                gap = gap.model_copy(update={"start_ms": gaps.pop().start_ms})
            gaps.append(gap)
            if len(gaps) > _MOST_GAPS:
                gaps[:2] = [gaps[0].model_copy(update={"end_ms": gaps[1].end_ms})]
            self._write_gaps(camera_id)

    def gaps(self, camera_id: int) -> list[RecordingGap]:
        """Return the camera's first gaps to register."""
        with self._lock:
            return self._gaps.get(camera_id, [])[:SEGMENTS_AT_ONCE]

    def gaps_done(self, camera_id: int, registered: list[RecordingGap]) -> None:
        """Remove registered gaps. Raises OSError."""
        with self._lock:
            self._gaps[camera_id] = [gap for gap in self._gaps.get(camera_id, []) if gap not in registered]
            self._write_gaps(camera_id)

    def add_clip(self, camera_id: int, clip: RecordedClip) -> None:
        """Store a clip to register, of this and of the next process; if the disk fails, of this one only."""
        with self._lock:
            self._clips.setdefault(camera_id, {})[clip.event_id] = clip
            self._write_clips(camera_id)

    def clips(self, camera_id: int, until_ms: int) -> list[RecordedClip]:
        """Return the camera's clips to register with segments that end at `until_ms`."""
        oldest_ms = (time.time() - _CLIPS_SECONDS) * 1000
        with self._lock:
            clips = [one for one in self._clips.get(camera_id, {}).values() if one.end_ms >= oldest_ms]
            if len(clips) < len(self._clips.get(camera_id, {})):
                self._clips[camera_id] = {one.event_id: one for one in clips}
                self._write_clips(camera_id)
        return [one for one in clips if one.end_ms <= until_ms + CLIP_EDGE_MS][:SEGMENTS_AT_ONCE]

    def is_clip_registered(self, camera_id: int, event_id: str) -> bool:
        """Return whether this clip was registered a short time ago."""
        with self._lock:
            return (camera_id, event_id) in self._registered_clips

    def clips_registered(self, camera_id: int, event_ids: Collection[str]) -> None:
        """Remove registered clips."""
        with self._lock:
            self._registered_clips += [(camera_id, one) for one in event_ids]
        self.forget_clips(camera_id, event_ids)

    def forget_clips(self, camera_id: int, event_ids: Collection[str]) -> None:
        """Remove clips that are not to be registered."""
        with self._lock:
            clips = self._clips.get(camera_id, {})
            if found := [one for one in event_ids if one in clips]:
                for one in found:
                    del clips[one]
                self._write_clips(camera_id)

    def recorded_until(self, camera_id: int) -> int | None:
        """Return the end (ms) of the camera's last segment, also of an earlier process; None if unknown."""
        try:
            return int((self._folder / str(camera_id) / "until").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def forget_until(self, camera_id: int) -> None:
        """Forget the end of the last segment, since recording has been turned off: what follows is no gap."""
        with suppress(OSError):
            (self._folder / str(camera_id) / "until").unlink(missing_ok=True)

    def _recover(self, camera_id: int, folder: Path) -> None:
        """Take in what an earlier process left: cut unfinished segments, keep undecided ones."""
        for path in sorted(folder.iterdir()):
            try:
                if path.suffix == ".part":
                    closed = self.close(camera_id, path, 0)
                    log.info("camera %d: recovered a recording of %s", camera_id, _length(closed))
                    if closed is not None:
                        self.keep(closed)
                elif path.suffix in {".new", ".mp4"} and (facts := _whole(path)) is not None:
                    self.keep(Waiting(camera_id, path, facts, *_motion_in(path.name)))
                elif path.name == "gaps.json":
                    found = json.loads(path.read_text(encoding="utf-8"))
                    self._gaps[camera_id] = [RecordingGap.model_validate(one) for one in found]
                elif path.name == "clips.json":
                    clips = [RecordedClip.model_validate(one) for one in json.loads(path.read_text(encoding="utf-8"))]
                    self._clips[camera_id] = {one.event_id: one for one in clips}
            except (OSError, ValueError) as error:
                log.warning("camera %d: could not recover %s: %s", camera_id, path.name, type(error).__name__)

    def _make_room(self) -> None:
        while True:
            room = self._room()
            with self._lock:
                if self._size_bytes <= room or not self._size_bytes:
                    return
                every = (one for kept in self._kept.values() for one in kept.values())
                oldest = min(every, key=lambda one: one.facts.start_ms)
                self._remove(oldest)
            oldest.path.unlink(missing_ok=True)
            end_ms = oldest.facts.start_ms + oldest.facts.duration_ms
            gap = RecordingGap(start_ms=oldest.facts.start_ms, end_ms=end_ms, reason=GapReason.SPOOL_FULL)
            self.add_gap(oldest.camera_id, gap)

    def _insert(self, kept: Waiting) -> None:
        self._kept.setdefault(kept.camera_id, {})[kept.facts.start_ms] = kept
        self._size_bytes += kept.facts.whole_bytes

    def _remove(self, segment: Waiting) -> None:
        if self._kept.get(segment.camera_id, {}).pop(segment.facts.start_ms, None) is not None:
            self._size_bytes -= segment.facts.whole_bytes

    def _note_until(self, camera_id: int, until_ms: int) -> None:
        if until_ms > (self.recorded_until(camera_id) or 0):
            _replace_text(self._folder / str(camera_id) / "until", str(until_ms))

    def _write_gaps(self, camera_id: int) -> None:
        folder = self._folder / str(camera_id)
        folder.mkdir(exist_ok=True)
        _replace_text(folder / "gaps.json", json.dumps([gap.model_dump() for gap in self._gaps[camera_id]]))

    def _write_clips(self, camera_id: int) -> None:
        clips = [clip.model_dump() for clip in self._clips[camera_id].values()]
        with suppress(OSError):
            _replace_text(self._folder / str(camera_id) / "clips.json", json.dumps(clips))


def _whole(path: Path) -> SegmentFacts | None:
    """Return what the file contains after cutting off an incomplete fragment; None if nothing is whole."""
    try:
        with path.open("r+b") as file:
            facts = read(file)
            if file.seek(0, 2) > facts.whole_bytes:
                file.truncate(facts.whole_bytes)
                os.fsync(file.fileno())
        return facts
    except DamagedSegmentError as error:
        log.warning("deleting an incomplete recording: %s", error)
        return None


def _length(closed: Waiting | None) -> str:
    return "0 s" if closed is None else f"{closed.facts.duration_ms / 1000:.1f} s"


def _motion_in(name: str) -> tuple[int, int]:
    """Return percent and cells of a file's name."""
    _, motion, *rest = name.split(".")
    percent = min(100, int(motion)) if motion.isdigit() else 0
    try:
        return percent, decode(rest[0]) if len(rest) == 2 else 0
    except ValueError:
        return percent, 0


def _replace_text(path: Path, text: str) -> None:
    """Replace a small file atomically; without fsync, since it can be derived or does little harm if it is old."""
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
