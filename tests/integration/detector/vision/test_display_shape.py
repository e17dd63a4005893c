"""A camera with undeclared anamorphic pixels and a configured display aspect ratio."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from pydantic import SecretStr
from tests.integration.detector.streams.conftest import LOOPBACK
from tests.integration.services.rtsp import gst_rtsp_server

from cctv.clips.recorder import ClipLimits, ClipRecorder
from cctv.common.events import Event
from cctv.common.frame import Frame
from cctv.config import Settings
from cctv.detectors.model import Model
from cctv.streams.faults import StreamFault
from cctv.streams.hardware import HardwareDecoding
from cctv.streams.sources import Sources
from cctv.vision.analyser import Analyser
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.names import AlertType

pytestmark = [pytest.mark.timeout(120)]


@pytest.fixture(scope="session")
def undeclared(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person in 480 × 540 pixels of 2:1, encoded again without the pixel aspect ratio."""
    source = shared / "cases" / "sar2_tail.mp4"
    if not source.exists():
        pytest.skip(f"needs {source}")
    path = tmp_path_factory.mktemp("clips") / "undeclared.mp4"
    with av.open(str(source)) as read, av.open(str(path), "w") as written:
        stream = written.add_stream("libx264", rate=10, options={"preset": "ultrafast", "bf": "0", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = 480, 540, "yuv420p"
        for number, frame in enumerate(read.decode(video=0)):
            plain = av.VideoFrame.from_ndarray(frame.to_ndarray(format="yuv420p"), format="yuv420p")
            plain.pts, plain.time_base = number, Fraction(1, round(read.streams.video[0].average_rate or 10))
            written.mux(stream.encode(plain))
        written.mux(stream.encode())
    return path


def test_detection_snapshot_and_clip_have_the_configured_aspect_ratio(
    undeclared: Path, model: Model, camera: Callable[..., CameraConfiguration]
) -> None:
    clips: list[bytes] = []
    recorder = ClipRecorder(1, ClipLimits(30.0, 30.0), lambda _, content: clips.append(content))
    events: list[Event] = []
    with gst_rtsp_server(undeclared) as server:
        watched = camera(display_aspect_ratio="16:9").model_copy(update={"rtsp_url": SecretStr(server.url)})
        analyser = Analyser(watched, model)
        source = Sources(LOOPBACK, Settings(token=SecretStr("unused")), HardwareDecoding()).camera_source(
            watched, recorder
        )
        try:
            source.open()
            for sequence, picture in enumerate(source.frames()):
                seconds = float(picture.time or 0.0)
                if sequence % 2:
                    continue
                info = source.info()
                frame = Frame.from_av(picture, datetime.now(UTC), seconds, sequence, info.pixel_aspect)
                assert (info.width, info.height, frame.width, frame.height) == (480, 540, 960, 540)
                new = analyser.process(frame)
                for event in new:
                    recorder.request(event.event_id, source.received_at() or 0.0)
                events += new
        except StreamFault:
            pass
        finally:
            source.close()

    assert [event.alert_type for event in events] == [AlertType.PERSON]
    assert events[0].confidence > 0.85
    snapshot = cv2.imdecode(np.frombuffer(events[0].snapshot_jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert snapshot is not None
    assert snapshot.shape == (540, 960, 3)
    (content,) = clips
    with av.open(io.BytesIO(content)) as container:
        assert container.streams.video[0].sample_aspect_ratio == 2
