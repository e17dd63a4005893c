"""Recordings as a detector makes and registers them, in seconds instead of hours."""

import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import numpy as np
from tests.unit.detector.recording.recorded import audio_of, packets_of

from cctv.clips.audio import AudioPacket
from cctv.clips.packet_buffer import Packet
from cctv.common.frame import WHOLE, Frame
from cctv.common.jpeg import preview_jpeg
from cctv.delivery.recordings import DirectoryStore
from cctv.recording.recorder import SegmentRecorder
from cctv.recording.spool import RecordingSpool
from vigil_contracts.geometry import Box
from vigil_contracts.recording import RecordingBatch, RecordingGap, RecordingSettings


def make_recording(
    client: httpx.Client,
    media: Path,
    camera_id: int,
    clip: Path,
    *,
    begin: float,
    seconds: float,
    is_moving: Callable[[float], bool] = lambda _: False,
    place: Box = WHOLE,
    gaps: Sequence[RecordingGap] = (),
    has_audio: bool = False,
) -> None:
    """Record the clip, repeated for so many seconds from `begin` (Unix time).

    `client`: with the token of a detector or pipeline. `media`: the backend's directory. `is_moving`: whether
    the frame at that second of the recording shows motion; `place`: where. `has_audio`: with the audio of the clip.
    The previews are grey, as bright as the number of their second modulo 256.
    """
    passed = 0.0
    with tempfile.TemporaryDirectory() as folder:
        spool = RecordingSpool(Path(folder), lambda: 2**40)
        recorder = SegmentRecorder(
            camera_id,
            RecordingSettings.model_validate({"mode": "continuous"}),
            spool,
            wall_clock=lambda: begin + passed,
            monotonic=lambda: 1000.0 + passed,
        )
        audio_format, sounds = audio_of(clip) if has_audio else (None, [])
        feed = recorder.feed("h264", None, None, audio_format)
        assert feed is not None
        packets = list(packets_of(clip))
        length = packets[-1].received_at + packets[1].received_at
        arriving: list[Packet | AudioPacket] = [*packets, *(one for one in sounds if one.received_at >= 0)]
        arriving.sort(key=lambda one: one.received_at)
        while passed < seconds:
            loop = passed
            for one in arriving:
                passed = loop + one.received_at
                if passed >= seconds:
                    break
                if isinstance(one, AudioPacket):
                    feed.take_audio(AudioPacket(one.data, passed, 1000.0 + passed))
                    continue
                places = [place] if is_moving(passed) else []
                preview = partial(_preview, passed)
                recorder.note_frame(1000.0 + passed, has_motion=bool(places), places=places, preview=preview)
                feed.take(Packet(one.data, passed, passed, one.is_keyframe, 1000.0 + passed, one.headers))
            else:
                passed = loop + length
        feed.end()
        recorder.decide(is_last=True)
        _register(client, spool, DirectoryStore(media), camera_id, gaps)


def _preview(passed: float) -> bytes:
    image = np.full((360, 640, 3), int(passed) % 256, np.uint8)
    return preview_jpeg(Frame.from_bgr(image, datetime.now(UTC), passed, 0))


def _register(
    client: httpx.Client, spool: RecordingSpool, store: DirectoryStore, camera_id: int, gaps: Sequence[RecordingGap]
) -> None:
    url = f"/api/cameras/{camera_id}/recordings/"
    while waiting := spool.waiting(camera_id):
        store.put(camera_id, waiting)
        batch = RecordingBatch(segments=tuple(one.segment for one in waiting))
        answer = client.post(url, json=batch.model_dump(mode="json"))
        assert answer.status_code == 200, answer.text
        assert answer.json()["missing"] == []
        for one in waiting:
            spool.done(one)
    if gaps:
        answer = client.post(url, json=RecordingBatch(gaps=tuple(gaps)).model_dump(mode="json"))
        assert answer.status_code == 200, answer.text
