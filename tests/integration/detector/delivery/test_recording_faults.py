"""A recorder, its camera, backend, PostgreSQL and storage are killed in a random order: what is recorded then?

The order comes from a fixed seed (VIGIL_TEST_CHAOS_SEED). VIGIL_TEST_CHAOS_SECONDS=600 runs it for ten minutes; in
the suite it lasts 40 seconds. Everything is a process of its own: GStreamer's RTSP server, gunicorn, PostgreSQL and
`cctv`.
"""

import contextlib
import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from tests.cluster.polling import eventually
from tests.integration.services.backend import BackendServer, backend_server
from tests.integration.services.detector import DetectorProcess, detector
from tests.integration.services.made_clips import make_clip
from tests.integration.services.postgres import PostgresServer, postgres_server
from tests.integration.services.rtsp import RtspServer, gst_rtsp_server

from cctv.recording import fragments
from vigil_contracts.recording import GapReason, recording_key

DATABASE = "recordings"
SECONDS = float(os.environ.get("VIGIL_TEST_CHAOS_SECONDS", "40"))
SEED = int(os.environ.get("VIGIL_TEST_CHAOS_SEED", "4711"))
LOST_SECONDS = 2.0
"""What a killed recorder may lose of the time before it was killed."""
RECOVERY_SECONDS = 30.0
"""A busy machine needs this long from the end of a fault to the next segment."""
CALM_SECONDS = 5.0

pytestmark = pytest.mark.timeout(SECONDS + 400)


@dataclass(frozen=True, slots=True)
class Fault:
    """What was broken, and from when to when (Unix time)."""

    kind: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Scene:
    """The running programs."""

    camera: RtspServer
    postgres: PostgresServer
    backend: BackendServer
    recorder: DetectorProcess

    def recorder_killed(self) -> None:
        self.recorder.kill()
        time.sleep(1.0)
        self.recorder.start()

    def backend_killed(self) -> None:
        self.backend.kill()
        time.sleep(3.0)
        self.backend.start()

    def postgres_killed(self) -> None:
        self.postgres.kill()
        time.sleep(2.0)
        self.postgres.start()

    def storage_away(self) -> None:
        """Remove the storage, and later bring it back as it was."""
        away = self.backend.media.with_name("away")
        self.backend.media.rename(away)
        time.sleep(5.0)
        assert not self.backend.media.exists(), "nothing is written beside the storage"
        away.rename(self.backend.media)

    def network_silent(self) -> None:
        self.camera.process.send_signal(signal.SIGSTOP)
        time.sleep(4.0)
        self.camera.process.send_signal(signal.SIGCONT)


FAULTS: dict[str, Callable[[Scene], None]] = {
    "recorder": Scene.recorder_killed,
    "backend": Scene.backend_killed,
    "postgres": Scene.postgres_killed,
    "storage": Scene.storage_away,
    "network": Scene.network_silent,
}
LOSING = {"recorder", "network"}
"""After the other faults nothing may be missing."""


@contextlib.contextmanager
def scene_in(folder: Path) -> Iterator[tuple[Scene, int]]:
    """Run everything, with one recorded camera; yield its id, too."""
    # A keyframe each second, so that a new connection begins to record at once.
    clip = make_clip(folder / "clip.mp4", seconds=SECONDS + 240, size=(160, 96), rate=10, keyframe_every=10)
    with (
        gst_rtsp_server(clip, plays=0, shared=True) as camera,
        postgres_server() as postgres,
        backend_server(folder / "backend", database_url=postgres.create_database(DATABASE)) as backend,
    ):
        token = backend.create_user("anna", is_superuser=True).token
        camera_id = backend.add_camera(
            token,
            name="Gate",
            rtsp_url=camera.url,
            detection={"source": "onvif", "tamper": False},
            recording={"mode": "continuous"},
        )
        settings = {
            "VIGIL_RECORDING_DIR": str(backend.media),
            "VIGIL_POLL_SECONDS": "1",
            "VIGIL_STREAM_READ_TIMEOUT_SECONDS": "2",
        }
        pipeline = backend.token("anna", "pipeline")
        with detector(folder / "detector", api_url=backend.url, token=pipeline, settings=settings) as recorder:
            recorder.wait_ready(60)
            yield Scene(camera, postgres, backend, recorder), camera_id


def test_no_segment_is_lost_or_indexed_twice_whatever_is_killed(tmp_path: Path) -> None:
    order = random.Random(SEED)
    with scene_in(tmp_path) as (scene, camera_id):
        segments = tmp_path / "detector" / "spool" / "recordings" / str(camera_id)
        eventually(lambda: indexed(scene.postgres, camera_id), 60, "a first segment is indexed")
        began, faults = time.time(), []
        kinds = itertools.chain.from_iterable(order.sample(sorted(FAULTS), len(FAULTS)) for _ in itertools.count())
        while time.time() - began < SECONDS:
            kind, at = next(kinds), time.time()
            FAULTS[kind](scene)
            faults.append(Fault(kind, at, time.time()))
            time.sleep(order.uniform(0.0, CALM_SECONDS))
        ended = time.time()
        eventually(
            lambda: indexed(scene.postgres, camera_id)[-1].end > ended + 1, 90, "recording goes on after the faults"
        )
        assert scene.recorder.stop() == 0
        scene.recorder.start()  # it registers what is left
        eventually(lambda: not list(segments.glob("*.mp4")), 90, "everything is registered")
        scene.recorder.stop()
        check(scene, camera_id, faults, ended)


def check(scene: Scene, camera_id: int, faults: list[Fault], ended: float) -> None:
    """Compare index, files and faults."""
    found = indexed(scene.postgres, camera_id)
    for one, following in itertools.pairwise(found):
        assert following.start_ms >= one.end_ms - 1, f"{one} overlaps {following}"
    for one in found:
        with (scene.backend.media / recording_key(camera_id, one.start_ms)).open("rb") as file:
            facts = fragments.read(file)
        assert (facts.start_ms, facts.duration_ms, facts.whole_bytes) == (one.start_ms, one.duration_ms, one.size)
    files = {int(path.stem) for path in (scene.backend.media / "recordings").rglob("*.mp4")}
    assert {one.start_ms for one in found} <= files
    explained = gaps(scene.postgres, camera_id)
    for one, following in itertools.pairwise(found):
        begin, end = one.end, following.start_ms / 1000
        if end - begin <= 1.0 or begin > ended:
            continue
        assert any(start <= begin + 0.1 and end <= stop + 0.1 for start, stop, _ in explained), (
            begin,
            end,
            explained,
        )
        causes = [each for each in faults if each.kind in LOSING and each.begin - LOST_SECONDS - 0.5 <= begin]
        assert any(end <= each.end + RECOVERY_SECONDS for each in causes), (begin, end, faults)
    reasons = {reason for _, _, reason in explained}
    assert GapReason.STORAGE_LOST not in reasons
    assert GapReason.SPOOL_FULL not in reasons


@dataclass(frozen=True, slots=True)
class Row:
    """A segment of the index."""

    start_ms: int
    duration_ms: int
    size: int

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.duration_ms

    @property
    def end(self) -> float:
        return self.end_ms / 1000


def indexed(postgres: PostgresServer, camera_id: int) -> list[Row]:
    """Return the index in the order of time."""
    query = "SELECT start_ms, duration_ms, size_bytes FROM recordings_segment WHERE camera_id = %s ORDER BY start_ms"
    return [Row(*row) for row in rows(postgres, query, camera_id)]


def gaps(postgres: PostgresServer, camera_id: int) -> list[tuple[float, float, str]]:
    """Return begin, end (Unix time) and reason of each gap."""
    query = "SELECT start_ms, end_ms, reason FROM recordings_recordinggap WHERE camera_id = %s"
    return [(start / 1000, end / 1000, reason) for start, end, reason in rows(postgres, query, camera_id)]


def rows(postgres: PostgresServer, query: str, camera_id: int) -> list[tuple[Any, ...]]:
    """Return the rows of one query about a camera."""
    with contextlib.closing(psycopg2.connect(postgres.url(DATABASE))) as connection, connection.cursor() as cursor:
        cursor.execute(query, (camera_id,))
        return list(cursor.fetchall())
