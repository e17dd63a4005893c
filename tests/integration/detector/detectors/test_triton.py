"""A model on a shared inference server: detections, errors and outages."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.detector.clips import PERSONS
from tests.integration.detector.pasted import FULL_HD, Pasted, pasted
from tests.integration.services.inference_server import ServedGraph, ServedNetwork, StandInServer, inference_server
from tests.unit.detector.detectors.test_families import NETWORKS, SQUARE, assert_finds_the_box_by

from cctv.common.frame import Frame
from cctv.detectors.errors import ModelInvalidError, ModelUnavailableError
from cctv.detectors.inference_server import InferenceServer
from cctv.detectors.loader import load_model
from cctv.detectors.model import Detections, Model
from cctv.detectors.model_files import DEMO_FOLDER
from cctv.detectors.model_pool import Models
from cctv.detectors.triton_runtime import TritonModel
from cctv.serving.batcher import BatchOptions
from cctv.serving.http_edge import InferenceHttpServer
from cctv.serving.metrics import ServingMetrics
from cctv.serving.service import Service
from cctv.vision.analyser import Analyser
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.detection import Detection
from vigil_contracts.geometry import Box
from vigil_contracts.names import Reason
from vigil_demo.training.dataset import FIRST_SEED
from vigil_demo.training.evaluate import held_out_frames

Connect = Callable[[], InferenceServer]


@pytest.fixture(scope="module")
def demo() -> ServedNetwork:
    return ServedNetwork(DEMO_FOLDER)


@pytest.fixture
def server(demo: ServedNetwork) -> Iterator[StandInServer]:
    with inference_server({"demo": demo}) as running:
        yield running


@pytest.fixture
def connect(server: StandInServer) -> Iterator[Connect]:
    made: list[InferenceServer] = []

    def to_server() -> InferenceServer:
        made.append(InferenceServer(server.url))
        return made[-1]

    yield to_server
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def local() -> Iterator[Model]:
    model = load_model("demo")
    yield model
    model.close()


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    pictures = islice(held_out_frames(1, FIRST_SEED["test"] + 900_000), 4)
    return [
        Frame.from_bgr(np.ascontiguousarray(picture.image), datetime.now(UTC), float(number), number)
        for number, picture in enumerate(pictures)
    ]


def is_same(one: Detections, other: Detections) -> bool:
    return (
        one.class_ids.tolist() == other.class_ids.tolist()
        and np.allclose(one.confidences, other.confidences, atol=1e-4)
        and np.allclose(one.boxes, other.boxes, atol=1e-4)
    )


def is_among(box: np.ndarray, class_id: int, others: Detections) -> bool:
    """Return whether the other result has the same object within a fiftieth of the frame."""
    near = np.abs(others.boxes - box).max(axis=1, initial=0.0) < 0.02
    return bool(np.any(near & (others.class_ids == class_id)))


@pytest.mark.parametrize("data_type", ["FP32", "FP16"])
def test_server_and_local_network_agree(
    server: StandInServer, connect: Connect, local: Model, frames: list[Frame], data_type: str
) -> None:
    """One uses 640 x 640, the other the smallest input: confident detections must agree."""
    if data_type != "FP32":
        server.models["demo"] = ServedNetwork(DEMO_FOLDER, data_type)
    model = TritonModel(connect(), "demo")
    assert model.labels == local.labels
    assert model.input_size == local.input_size
    found = 0
    for frame in frames:
        there, here = model.detect(frame), local.detect(frame)
        for one, other in ((there, here), (here, there)):
            for box, class_id, confidence in zip(one.boxes, one.class_ids, one.confidences, strict=True):
                if confidence >= 0.6:
                    found += 1
                    assert is_among(box, class_id, other), (frame.sequence, box, class_id, confidence)
    assert found > 10, "pictures without anything in them show nothing"


def test_many_clients_get_their_own_results(server: StandInServer, connect: Connect, frames: list[Frame]) -> None:
    model = TritonModel(connect(), "demo")
    expected = [model.detect(frame) for frame in frames]
    with ThreadPoolExecutor(8) as cameras:
        answers = list(cameras.map(lambda number: model.submit(frames[number % 4]).result(), range(32)))
    for number, answer in enumerate(answers):
        assert is_same(answer, expected[number % 4])
    assert server.asked == {"demo": 36}


class _InPairs(ServedNetwork):
    """Answers only when two requests are in progress."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._pair = threading.Barrier(2)

    def infer(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        self._pair.wait(timeout=20)
        return super().infer(values)


def test_regions_of_a_frame_are_sent_at_the_same_time(
    server: StandInServer, connect: Connect, frames: list[Frame]
) -> None:
    server.models["demo"] = _InPairs(DEMO_FOLDER)
    model = TritonModel(connect(), "demo").for_camera(7)
    parts = [frames[0].crop(region) for region in (Box(0.0, 0.0, 0.5, 0.5), Box(0.4, 0.4, 0.9, 0.9))]
    answers = [model.submit(part) for part in parts]
    found = [answer.result(timeout=30) for answer in answers]
    model.close()
    server.models["demo"] = ServedNetwork(DEMO_FOLDER)
    alone = TritonModel(connect(), "demo")
    for part, answer in zip(parts, found, strict=True):
        assert is_same(answer, alone.detect(part))


@pytest.mark.slow
def test_far_person_is_found_in_regions_through_a_server(
    shared: Path, server: StandInServer, connect: Connect
) -> None:
    """The person is 90 pixels high in 1920 x 1080; nobody is found in the whole frame at 640 pixels."""
    server.models["yolov8n"] = ServedNetwork(shared / "models" / "yolov8n_int8_openvino_model")
    model = TritonModel(connect(), "yolov8n")
    camera = CameraConfiguration(
        id=1,
        name="yard",
        rtsp_url="rtsp://host/stream",
        revision="1",
        detection=Detection(frames_per_second=5, classes=("person",)),
    )
    analyser, place = Analyser(camera, model), Pasted(FULL_HD, 192, left=1180, top=560)
    rendered = pasted(shared / "videos" / PERSONS, place, 5, 5.0, 11.0)
    (event,) = [event for frame in rendered for event in analyser.process(frame)]
    assert event.box is not None
    assert place.box.intersection(event.box) > 0.9 * event.box.area


def test_server_of_vigil_finds_bit_by_bit_what_the_model_finds_here(local: Model, frames: list[Frame]) -> None:
    options = BatchOptions(4, 0.0, 30.0, queue_limit=64, sender_limit=8)
    service = Service({"demo": local}, {"demo": options}, ServingMetrics())
    served = InferenceHttpServer("127.0.0.1", 0, service, max_body_bytes=2**24, max_connections=16)
    served.start()
    client = InferenceServer(f"http://127.0.0.1:{served.port}")
    try:
        model = TritonModel(client, "demo")
        assert (model.labels, model.input_size) == (local.labels, local.input_size)
        with ThreadPoolExecutor(4) as cameras:
            answers = list(cameras.map(lambda frame: model.for_camera(frame.sequence).detect(frame), frames))
    finally:
        client.close()
        served.close(5.0)
        service.close()
    assert sum(map(len, answers)) > 10, "images without objects show nothing"
    for frame, there in zip(frames, answers, strict=True):
        here = local.detect(frame)
        assert np.array_equal(there.boxes, here.boxes)
        assert np.array_equal(there.confidences, here.confidences)
        assert np.array_equal(there.class_ids, here.class_ids)


def test_unavailable_server_is_retried(server: StandInServer, frames: list[Frame]) -> None:
    now = [0.0]
    client = InferenceServer(server.url, lambda: now[0])
    model = TritonModel(client, "demo")
    model.check()
    before = model.detect(frames[0])
    server.stop()
    with pytest.raises(
        ModelUnavailableError, match=rf"the inference server {server.url} does not answer: "
    ) as caught:
        model.detect(frames[0])
    assert caught.value.reason is Reason.MODEL_UNAVAILABLE
    server.start()
    # It has just failed, so cameras do not retry it with every frame.
    with pytest.raises(ModelUnavailableError, match="does not answer"):
        model.submit(frames[0]).result()
    now[0] += 1.1
    model.check()
    assert is_same(model.detect(frames[0]), before)
    client.close()


def test_model_unloaded_by_the_server_is_reported(
    server: StandInServer, connect: Connect, frames: list[Frame]
) -> None:
    model = TritonModel(connect(), "demo")
    del server.models["demo"]
    with pytest.raises(
        ModelUnavailableError, match=r"demo fails on .*: Request for unknown model: 'demo' is not found"
    ):
        model.detect(frames[0])
    with pytest.raises(ModelUnavailableError, match="demo is not ready on "):
        model.check()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metadata": ""}, r"demo: its configuration names no classes; add the export's metadata to config\.pbtxt"),
        ({"metadata": "import os"}, "names no classes"),
        (
            {"metadata": "{'names': {0: 'person'}}"},
            r"demo: its metadata names 1 classes, so its output must be \(1, 5, anchors",
        ),
        ({"input_shape": [-1, 640, 640, 3]}, "must take one image, as"),
        ({"data_type": "INT8"}, "FP32 or FP16"),
    ],
)
def test_model_errors_name_the_correct_form(
    server: StandInServer, connect: Connect, change: dict[str, Any], said: str
) -> None:
    served = copy.copy(server.models["demo"])
    for name, value in change.items():
        setattr(served, name, value)
    server.models["demo"] = served
    with pytest.raises(ModelInvalidError, match=said) as caught:
        TritonModel(connect(), "demo")
    assert caught.value.reason is Reason.MODEL_INVALID


def test_models_of_a_process_come_from_the_server(server: StandInServer, demo: ServedNetwork) -> None:
    models, nameless = Models("demo", server_url=server.url), Models("", server_url=server.url)
    assert models.get("").labels == demo.labels
    assert models.get("") is models.get("demo")
    with pytest.raises(
        ModelInvalidError, match=r"parrot: the inference server .* has no such model: Request for unkn"
    ):
        models.get("parrot")
    with pytest.raises(ModelInvalidError, match="`prompts` need an open-vocabulary model"):
        models.get("demo", ("a red hat",))
    models.close()
    with pytest.raises(ModelInvalidError, match=r"name one in the DetectorClass \(spec\.model\)"):
        nameless.get("")
    nameless.close()


@pytest.mark.parametrize("name", NETWORKS)
def test_each_family_finds_the_box_through_a_server(server: StandInServer, connect: Connect, name: str) -> None:
    build, classes, class_id, metadata = NETWORKS[name]
    server.models["finder"] = ServedGraph(build(SQUARE, classes, class_id), str(metadata) if metadata else "")
    assert_finds_the_box_by(TritonModel(connect(), "finder"), 640, 360)


def test_family_unknown_to_the_server_is_rejected(server: StandInServer, connect: Connect) -> None:
    build, classes, class_id, _ = NETWORKS["yolo end-to-end"]
    server.models["finder"] = ServedGraph(build(SQUARE, classes, class_id), "{'names': {0: 'person', 1: 'car'}}")
    with pytest.raises(ModelInvalidError, match=r"finder: the output output0 .* is that of YOLO26 end-to-end and of"):
        TritonModel(connect(), "finder")
