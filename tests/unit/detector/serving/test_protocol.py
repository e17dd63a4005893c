"""KServe's messages: what is taken, what is refused and in which words, what is answered."""

from __future__ import annotations

import ast
import json
from typing import Any

import numpy as np
import pytest
from tests.unit.detector.serving.models import found

from cctv.detectors.families.base import NetworkInfo, TensorInfo
from cctv.detectors.letterbox import Letterbox
from cctv.detectors.model import Detections, ModelInfo
from cctv.detectors.network_metadata import metadata_of
from cctv.detectors.served_detections import OUTPUT_NAME, encode, served_head
from cctv.detectors.yolo_output import MOST_DETECTIONS
from cctv.serving.protocol import RequestError, Served, encode_infer_response, parse_infer_request

IMAGES = np.arange(2 * 2 * 4 * 3, dtype=np.uint8).reshape(2, 2, 4, 3)
SERVED = Served("yolov8n", ("person", "it's a car"), (640, 384), ModelInfo("openvino", "cpu", "int8"), 4)


def request(images: np.ndarray = IMAGES, **changes: Any) -> tuple[bytes, int]:
    """A binary request; `changes` of its input, or of the whole by `request_…`."""
    given = {
        "name": "image",
        "shape": list(images.shape),
        "datatype": "UINT8",
        "parameters": {"binary_data_size": images.nbytes},
    }
    whole = {name.removeprefix("request_"): value for name, value in changes.items() if name.startswith("request_")}
    given |= {name: value for name, value in changes.items() if not name.startswith("request_")}
    head = json.dumps({"inputs": [given], **whole}).encode()
    return head + images.tobytes(), len(head)


def test_binary_request_gives_the_images_without_a_copy() -> None:
    body, length = request(request_outputs=[{"name": "detections", "parameters": {"binary_data": True}}])
    parsed = parse_infer_request(body, length, 4)
    assert np.array_equal(parsed.images, IMAGES)
    assert parsed.is_binary
    assert np.shares_memory(parsed.images, np.frombuffer(body, np.uint8))


@pytest.mark.parametrize("data", [IMAGES.tolist(), IMAGES.ravel().tolist()], ids=["nested", "flat"])
def test_images_can_be_sent_as_json(data: list[Any]) -> None:
    head = json.dumps(
        {"id": "7", "inputs": [{"name": "image", "shape": [2, 2, 4, 3], "datatype": "UINT8", "data": data}]}
    ).encode()
    parsed = parse_infer_request(head, None, 4)
    assert np.array_equal(parsed.images, IMAGES)
    assert parsed.request_id == "7"
    assert not parsed.is_binary


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "images"}, "inputs.0.name: the only input is 'image', not 'images'"),
        ({"datatype": "FP32"}, "inputs.0.datatype must be UINT8, not 'FP32'"),
        (
            {"shape": [2, 3, 2, 4]},
            r"inputs.0.shape must be \(batch, height, width, 3\) with sides of 1 to 4096 pixels",
        ),
        ({"shape": [2, 0, 4, 3]}, "with sides of 1 to 4096 pixels"),
        ({"shape": [2, 2, 4097, 3]}, "with sides of 1 to 4096 pixels"),
        ({"shape": [5, 2, 4, 3]}, "the batch must be 1 to 4 images, not 5"),
        ({"shape": [0, 2, 4, 3]}, "the batch must be 1 to 4 images, not 0"),
        ({"shape": [2, 4, 3]}, r"inputs\.0\.shape: Tuple should have at least 4 items"),
        ({"shape": [1, 2, 4, 3]}, "its shape needs 24 bytes; 48 are stated, 48 were sent"),
        ({"parameters": {"binary_data_size": 47}}, "its shape needs 48 bytes; 47 are stated, 48 were sent"),
        ({"parameters": {"binary_data_size": -1}}, r"inputs\.0\.parameters\.binary_data_size: Input should be great"),
        ({"parameters": {}}, "needs `data`, or `parameters.binary_data_size` and the bytes behind the JSON"),
        ({"request_outputs": [{"name": "boxes"}]}, "outputs.0.name: the only output is 'detections', not 'boxes'"),
        ({"request_inputs": []}, "inputs: Tuple should have at least 1 item"),
    ],
)
def test_invalid_request_is_refused_with_the_field(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        parse_infer_request(*request(**changes), 4)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([0, 255, 256], "must be whole numbers from 0 to 255"),
        ([0, 1, -1], "must be whole numbers from 0 to 255"),
        ([0.5, 1, 2], "must be whole numbers from 0 to 255"),
        (["a", "b", "c"], "must be whole numbers from 0 to 255"),
        ([True, False, True], "must be whole numbers from 0 to 255"),
        ([1, 2], "needs 3 values in equally long rows, not 2"),
        ([[1, 2], [3]], "needs 3 values in equally long rows, not 0"),
        ([], "needs 3 values"),
    ],
)
def test_invalid_json_data_is_refused(data: list[Any], words: str) -> None:
    head = json.dumps({"inputs": [{"name": "image", "shape": [1, 1, 1, 3], "datatype": "UINT8", "data": data}]})
    with pytest.raises(RequestError, match=words):
        parse_infer_request(head.encode(), None, 4)


@pytest.mark.parametrize("length", [0, 10_000, None])
def test_length_of_the_json_must_fit_the_body(length: int | None) -> None:
    body, _ = request()
    with pytest.raises(RequestError, match=r"Inference-Header-Content-Length must be|the JSON: Invalid JSON"):
        parse_infer_request(body, length, 4)


def test_response_is_read_by_the_client_as_the_same_detections() -> None:
    facts = ast.literal_eval(SERVED.configuration()["parameters"]["metadata"]["string_value"])
    metadata = metadata_of("yolov8n", facts, {}, {})
    assert metadata.input_size == (640, 384)
    outputs = tuple(TensorInfo(each["name"], tuple(each["shape"])) for each in SERVED.metadata()["outputs"])
    head = served_head(NetworkInfo((), outputs, metadata))
    assert head is not None
    assert head.labels == SERVED.labels
    for detections in (found(1), Detections.none()):
        again = head.decode({OUTPUT_NAME: encode(detections)}, Letterbox(640, 360))
        assert np.array_equal(again.boxes, detections.boxes)
        assert np.array_equal(again.confidences, detections.confidences)
        assert np.array_equal(again.class_ids, detections.class_ids)


def test_responses_are_binary_or_json_as_the_client_asks() -> None:
    body, length = request(request_parameters={"binary_data_output": True}, request_id="abc")
    binary, head_length = encode_infer_response("yolov8n", parse_infer_request(body, length, 4), [found(1), found(2)])
    assert head_length is not None
    head = json.loads(binary[:head_length])
    assert (head["model_name"], head["id"]) == ("yolov8n", "abc")
    (output,) = head["outputs"]
    assert output["shape"] == [2, MOST_DETECTIONS, 6]
    assert output["parameters"]["binary_data_size"] == len(binary) - head_length
    values = np.frombuffer(binary, "<f4", offset=head_length).reshape(output["shape"])
    assert values[:, 0, 5].tolist() == [1.0, 2.0]

    text, none = encode_infer_response("yolov8n", parse_infer_request(*request(), 4), [found(1), found(2)])
    assert none is None
    assert np.array_equal(np.array(json.loads(text)["outputs"][0]["data"], "<f4"), values.ravel())


def test_more_detections_than_the_tensor_has_rows_are_cut_off() -> None:
    count = MOST_DETECTIONS + 5
    many = Detections(
        np.zeros((count, 4), np.float32), np.linspace(0.9, 0.2, count, dtype=np.float32), np.zeros(count, np.int32)
    )
    assert np.array_equal(encode(many)[:, 4], many.confidences[:MOST_DETECTIONS])
