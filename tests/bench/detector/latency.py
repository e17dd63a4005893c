"""From a frame's arrival to its alert's committed row: the real detector, camera, API and database on this machine.

The camera shows people who appear and disappear at eight places, so that there are many alerts per minute. Each is
timed from the arrival of its frame to the commit of its row, as reported by PostgreSQL. The memory of the whole
detector, including stream and delivery, is measured at the same time.
"""

import contextlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import psycopg2
from tests.bench.image_settings import memory_settings
from tests.integration.services.backend import backend_server
from tests.integration.services.detector import DetectorProcess
from tests.integration.services.postgres import PostgresServer, postgres_server
from tests.integration.services.rtsp import gst_rtsp_server

PERSON_FRAME, PERSON_BOX = 130, (0.47, 0.0, 0.71, 0.95)
PLACES = 8
PRESENT_SECONDS, ABSENT_SECONDS = 1.4, 0.3
CLIP_SECONDS = 60.0
FRAMES_PER_SECOND = 10


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from arrival to commit, one for each alert, and the detector's resident memory in MB."""

    seconds: list[float]
    resident_megabytes: float


def measure_latency(clip: Path, model: Path, python: Path, build: Path) -> Latency:
    """Play the clip once."""
    comers = comers_clip(clip, build / "comers.mp4")
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vigil-bench-")))
        postgres = stack.enter_context(postgres_server())
        _tell_commit_times(postgres)
        database_url = postgres.create_database()
        backend = stack.enter_context(backend_server(directory / "backend", database_url=database_url, workers=2))
        _note_inserts(database_url)
        user = backend.create_user("anna")
        camera = stack.enter_context(gst_rtsp_server(comers, plays=1))
        camera_id = backend.add_camera(
            user.token,
            name="bench",
            rtsp_url=camera.url,
            is_active=True,
            detection={"frames_per_second": 5, "classes": ["person"]},
        )
        settings = {"VIGIL_MODEL": str(model), "VIGIL_OFFLINE_ALERT_AFTER_SECONDS": "0", "PYTHONWARNINGS": "default"}
        settings |= memory_settings()
        token = backend.token("anna", "pipeline")
        cctv = DetectorProcess(directory / "cctv", backend.url, token, None, settings, str(python))
        stack.callback(cctv.end)
        cctv.start()
        camera.wait_for("play 1", timeout_seconds=60)
        time.sleep(CLIP_SECONDS - 3.0)  # the length of the clip determines the time
        memory = _resident_megabytes(cctv)
        return Latency(_seconds(database_url, camera_id), memory)


def comers_clip(clip: Path, target: Path) -> Path:
    """Return a clip of the empty room with a person pasted at one place after another; encoded once."""
    if target.exists():
        return target
    pictures = {}
    with av.open(str(clip)) as source:
        for number, picture in enumerate(source.decode(video=0)):
            if number in {0, PERSON_FRAME}:
                pictures[number] = picture.to_ndarray(format="bgr24")
            if number == PERSON_FRAME:
                break
    room, with_person = pictures[0], pictures[PERSON_FRAME]
    height, width = room.shape[:2]
    left, top, right, bottom = (
        round(edge * side) for edge, side in zip(PERSON_BOX, (width, height) * 2, strict=True)
    )
    person = cv2.resize(with_person[top:bottom, left:right], None, fx=0.55, fy=0.55, interpolation=cv2.INTER_AREA)
    target.parent.mkdir(parents=True, exist_ok=True)
    turn = PRESENT_SECONDS + ABSENT_SECONDS
    grain = np.random.default_rng(1)
    with av.open(str(target), "w") as container:
        stream = container.add_stream(
            "libx264", rate=FRAMES_PER_SECOND, options={"preset": "veryfast", "bf": "0", "threads": "1"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(round(CLIP_SECONDS * FRAMES_PER_SECOND)):
            seconds = number / FRAMES_PER_SECOND
            canvas = room.astype(np.int16)
            if seconds % turn < PRESENT_SECONDS:
                # Neighbouring places are never used in succession, so that no person seems to have walked there.
                place = (int(seconds // turn) * 3) % PLACES
                x = round(place * (width - person.shape[1]) / (PLACES - 1))
                y = height - person.shape[0] - 10
                canvas[y : y + person.shape[0], x : x + person.shape[1]] = person
            noisy = (canvas + grain.normal(0, 2, canvas.shape)).clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="bgr24")))
        container.mux(stream.encode())
    return target


def _tell_commit_times(postgres: PostgresServer) -> None:
    with contextlib.closing(psycopg2.connect(postgres.url("postgres"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    postgres.stop()
    postgres.start()


def _note_inserts(database_url: str) -> None:
    """Record the first commit of each alert separately, since its row is written again when its clip arrives."""
    with contextlib.closing(psycopg2.connect(database_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_insert (alert_id bigint);"
            "CREATE FUNCTION bench_note() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO bench_insert VALUES (NEW.id); RETURN NULL; END $$;"
            "CREATE TRIGGER bench_note AFTER INSERT ON surveillance_alert FOR EACH ROW EXECUTE FUNCTION bench_note()"
        )


def _seconds(database_url: str, camera_id: int) -> list[float]:
    with contextlib.closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXTRACT(EPOCH FROM pg_xact_commit_timestamp(note.xmin) - timestamp)"
            " FROM surveillance_alert JOIN bench_insert note ON alert_id = id"
            " WHERE camera_id = %s ORDER BY timestamp",
            (camera_id,),
        )
        return [float(row[0]) for row in cursor.fetchall()]


def _resident_megabytes(cctv: DetectorProcess) -> float:
    assert cctv.process is not None
    status = Path(f"/proc/{cctv.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000
