"""What an alert's clip costs as a part of the recording, beside a file of its own, in turn in one run.

    make bench BENCH=recorded_clips

A camera of 1080p at 4 Mbit/s is recorded; the clips have the ten seconds around an event. The processor time is that
of the detector's steps in this process, and that of the backend's process. `VIGIL_BENCH_ALERTS` is the number of
alerts of each kind.
"""

import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
from tests.bench.backend.world import cpu_seconds
from tests.bench.report import Measurement
from tests.integration.services.backend import BackendServer, backend_server
from tests.integration.services.made_clips import make_clip
from tests.integration.services.made_recordings import make_recording
from tests.unit.detector.recording.recorded import packets_of

from cctv.clips.mp4 import mux
from cctv.delivery.spool import Spool
from vigil_contracts.alert import AlertSubmission, ClipSubmission
from vigil_contracts.api_client import ApiClient
from vigil_contracts.names import AlertType
from vigil_contracts.recording import RecordedClip, RecordingBatch

BITS_PER_SECOND, RATE, KEYFRAME_EVERY = 4_000_000, 10, 20
RECORDED_SECONDS, BEFORE, LASTING = 20, 5.0, 10.0


def measure() -> list[Measurement]:
    """Return bytes and processor time of each kind of clip, and the time of a first and a second request."""
    alerts = int(os.environ.get("VIGIL_BENCH_ALERTS", "20"))
    rate = str(BITS_PER_SECOND)
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as temporary:
        folder = Path(temporary)
        source = make_clip(
            folder / "clip.mp4",
            seconds=RECORDED_SECONDS,
            rate=RATE,
            size=(1920, 1080),
            keyframe_every=KEYFRAME_EVERY,
            options={"b": rate, "maxrate": rate, "bufsize": rate},
        )
        with backend_server(folder / "backend") as backend:
            return _Scene(backend, source, folder / "spool").measure(alerts)


class _Scene:
    """A recorded camera, and the requests of its detector."""

    def __init__(self, backend: BackendServer, source: Path, spool: Path) -> None:
        self.backend, self.user = backend, backend.create_user("bench", is_superuser=True)
        self.token = backend.token("bench", "pipeline")
        self.camera = backend.add_camera(self.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/stream")
        self.begin = time.time() - 60
        with backend.client(self.token) as client:
            make_recording(client, backend.media, self.camera, source, begin=self.begin, seconds=RECORDED_SECONDS)
        self.packets = [one for one in packets_of(source) if BEFORE <= one.received_at < BEFORE + LASTING]
        self.spool = Spool(spool, 10**9)

    def measure(self, alerts: int) -> list[Measurement]:
        """Send clips of both kinds in turn."""
        found: dict[str, list[tuple[float, float, int]]] = {"file": [], "recording": []}
        with ApiClient(self.backend.url, self.token) as api, self.backend.client(self.token) as client:
            for number in range(2 * (alerts + 1)):
                kind = ("file", "recording")[number % 2]
                event_id = self._alert(api, number)
                stored, served = self._stored_bytes(), cpu_seconds(self.backend.process.pid)
                began = time.process_time()
                if kind == "file":
                    self._send_file(api, event_id)
                else:
                    self._name(client, event_id)
                detector = time.process_time() - began
                if number >= 2:  # the first of each kind warms up
                    used = cpu_seconds(self.backend.process.pid) - served
                    found[kind].append((detector, used, self._stored_bytes() - stored))
        views = self._views()
        return [
            *(_figure(kind, what, column, found[kind]) for kind in found for column, what in enumerate(_WHAT)),
            Measurement.plain("recording: first request of the clip", views[0], "ms"),
            Measurement.plain("recording: next request of the clip", views[1], "ms"),
            Measurement.plain("file: request of the clip", views[2], "ms"),
        ]

    def _alert(self, api: ApiClient, number: int) -> str:
        event_id, at = f"event-{number:04d}", datetime.fromtimestamp(self.begin + 2 * BEFORE, UTC)
        alert = AlertSubmission(
            event_id=event_id, camera=self.camera, alert_type=AlertType.PERSON, confidence=0.9, timestamp=at
        )
        assert api.send_alert(alert, None)
        return event_id

    def _send_file(self, api: ApiClient, event_id: str) -> None:
        """Make the clip, spool it, and send it from there, as the detector does."""
        content, seconds = mux(self.packets, "h264")
        clip = ClipSubmission(
            event_id=event_id, camera=self.camera, started_at=datetime.now(UTC), duration_seconds=round(seconds, 3)
        )
        assert self.spool.append(clip, content)
        entry = self.spool.head(self.camera)
        assert entry is not None
        _, read = self.spool.read(entry)
        assert api.send_clip(clip, read)
        self.spool.done(entry)

    def _name(self, client: httpx.Client, event_id: str) -> None:
        """Let the alert name the part of the recording. A detector does it with a segment."""
        begin = round((self.begin + BEFORE) * 1000)
        clip = RecordedClip(event_id=event_id, start_ms=begin, end_ms=begin + round(LASTING * 1000))
        batch = RecordingBatch(clips=(clip,)).model_dump(mode="json")
        answer = client.post(f"/api/cameras/{self.camera}/recordings/", json=batch)
        assert answer.json()["clips"] == [event_id], answer.text

    def _stored_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.backend.media.rglob("*") if path.is_file())

    def _views(self) -> tuple[float, float, float]:
        """Return the milliseconds of the first and the next request of recorded clips, and of a file."""
        clips = [one["clip"] for one in self.backend.alerts(self.user.token)]
        own = {str(path.name) for path in (self.backend.media / "alerts").rglob("*.mp4")}
        assert len(own) * 2 == len(clips)
        rows: dict[bool, list[list[float]]] = {True: [], False: []}
        with self.backend.client(self.user.token) as client:
            for path in clips:
                before = self._stored_bytes()
                times = []
                for _ in range(2):
                    began = time.perf_counter()
                    assert client.get(path).status_code == httpx.codes.OK
                    times.append(1000 * (time.perf_counter() - began))
                rows[self._stored_bytes() > before].append(times)
        recorded, files = rows[True], rows[False]
        return (
            statistics.median(one[0] for one in recorded),
            statistics.median(one[1] for one in recorded),
            statistics.median(one[1] for one in files),
        )


_WHAT = ("processor time of the detector", "processor time of the backend", "bytes stored")


def _figure(kind: str, what: str, column: int, rows: list[tuple[float, float, int]]) -> Measurement:
    total = sum(row[column] for row in rows) / len(rows)
    name = f"{kind}: {what} per clip"
    return (
        Measurement.plain(name, total / 1e6, "MB") if "bytes" in what else Measurement.plain(name, total * 1000, "ms")
    )
