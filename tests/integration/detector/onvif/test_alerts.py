"""A camera's own events become alerts in the spool, with an image, and without a model."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import av
import pytest
from PIL import Image
from tests.cluster.polling import eventually
from tests.integration.services.made_clips import make_clip
from tests.integration.services.onvif_camera import OnvifCamera, notification

from cctv.delivery.spool import Spool
from cctv.detectors.model import Model
from cctv.detectors.model_pool import Models
from cctv.metrics import Metrics
from cctv.pipeline import Shared
from cctv.runtime.cameras import Cameras
from cctv.streams.reader import ReaderOptions
from cctv.streams.rtsp_gate import GateOptions
from cctv.streams.source import StreamInfo
from cctv.streams.sparing import FrameDemand, SparingDecoder
from cctv.vision.state_store import StateStore
from vigil_contracts.alert import AlertSubmission
from vigil_contracts.api_client import ActiveCameras
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.names import AlertType, Reason

RATE, KEYFRAME_EVERY = 20, 20


class ClipSource:
    """A clip in real time, decoded as an RTSP stream is. `decoded` are the numbers of the decoded frames."""

    def __init__(self, clip: Path, demand: FrameDemand, decoded: list[int]) -> None:
        self._clip, self._decoder, self._decoded = clip, SparingDecoder(demand), decoded
        self._is_ended = False

    def open(self) -> StreamInfo:
        return self.info()

    def info(self) -> StreamInfo:
        return StreamInfo(320, 192, "h264", float(RATE))

    def frames(self) -> Iterator[av.VideoFrame]:
        with av.open(str(self._clip)) as container:
            container.streams.video[0].codec_context.thread_count = 1
            for packet in container.demux(container.streams.video[0]):
                if self._is_ended:
                    return
                time.sleep(1 / RATE)
                due = self._decoder.due(packet, time.monotonic()).packets
                frames = [frame for each in due for frame in each.decode()]
                self._decoded += [round(float(frame.time or 0) * RATE) for frame in frames]
                yield from frames[-1:]

    def received_at(self) -> float | None:
        return time.monotonic()

    def interrupt(self) -> None:
        self._is_ended = True

    def close(self) -> None:
        self._is_ended = True


def _no_model(name: str, prompts: tuple[str, ...]) -> Model:
    raise AssertionError("a model was loaded")


@pytest.fixture
def decoded() -> list[int]:
    return []


@pytest.fixture
def spool(
    tmp_path: Path, camera: OnvifCamera, options: GateOptions, decoded: list[int]
) -> Iterator[tuple[Spool, Cameras]]:
    clip = make_clip(tmp_path / "clip.mp4", seconds=20, rate=RATE, keyframe_every=KEYFRAME_EVERY)
    spool = Spool(tmp_path / "spool", 10**8)
    cameras = Cameras(
        Shared(
            models=Models("", load=_no_model),
            spool=spool,
            states=StateStore(tmp_path / "state"),
            metrics=Metrics(),
            make_source=lambda _camera, _recorder, _segments, demand: ClipSource(clip, demand, decoded),
            make_main_source=lambda _camera, _recorder, _segments: pytest.fail("the main stream is analysed"),
            on_spooled=lambda: None,
            on_change=lambda _camera_id: None,
            detector_name="here",
            reader_options=ReaderOptions(frozen_after_seconds=0.0),
            device_options=options,
        )
    )
    watched = CameraConfiguration.model_validate(
        {
            "id": 7,
            "name": "Yard",
            "revision": "1",
            "rtsp_url": f"rtsp://{camera.username}:{quote(camera.password)}@127.0.0.1:554/1",
            "detection": {"source": "onvif", "onvif_port": camera.port, "camera_events": ["line_crossing"]},
        }
    )
    cameras.start()
    cameras.apply(ActiveCameras((watched,)))
    try:
        yield spool, cameras
    finally:
        cameras.stop()
        spool.close()


def test_event_becomes_an_alert_with_an_image_of_its_moment(
    camera: OnvifCamera, spool: tuple[Spool, Cameras], decoded: list[int]
) -> None:
    alerts, cameras = spool
    eventually(lambda: len(camera.subscriptions) == 1 and len(decoded) >= 3, timeout_seconds=20)
    assert all(number % KEYFRAME_EVERY == 0 for number in decoded), f"only keyframes are decoded: {decoded}"
    assert cameras.reporters()[7]().reason is Reason.STREAMING

    crossed = notification("tns1:RuleEngine/LineDetector/Crossed", operation=None, data={"ObjectId": "4"})
    camera.emit(notification("tns1:VideoSource/MotionAlarm", data={"State": "true"}))
    camera.emit(crossed)
    camera.emit(crossed)
    emitted_at = time.time()
    eventually(lambda: alerts.waiting(7).alerts >= 1, timeout_seconds=10)
    assert time.time() - emitted_at < 5
    time.sleep(0.5)  # the repeated message and the motion, which was not asked for, would have followed
    assert alerts.waiting(7).alerts == 1
    entry = alerts.head(7)
    assert entry is not None
    alert, jpeg = alerts.read(entry)
    assert isinstance(alert, AlertSubmission)
    assert (alert.alert_type, alert.label) == (AlertType.LINE_CROSSING, "line crossing")
    assert Image.open(io.BytesIO(jpeg)).size == (320, 192)
    between = [number for number in decoded if number % KEYFRAME_EVERY]
    assert between, "frames between keyframes are decoded for the image"
    assert sorted(decoded) == decoded
    assert len({*between}) == len(between), "only a keyframe is decoded again: its first decoder is gone"
