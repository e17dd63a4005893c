"""Viseron's configuration becomes cameras of Vigil."""

import pytest

from vigil_contracts.detection import Detection
from vigil_transfer.plan import Plan
from vigil_transfer.viseron import convert

YARD = """
ffmpeg:
  camera:
    gate:
      name: Front gate
      host: 10.0.0.7
      port: 8554
      path: /Streaming/Channels/101/
      username: !secret user
      password: !secret password
      rtsp_transport: udp
      width: 1280
      height: 720
      substream: {path: /Streaming/Channels/102/, port: 8554}
      recorder: {idle_timeout: 5}
    web: {name: Web, host: 10.0.0.9, path: /video.mjpg, stream_format: mjpeg}
mog2:
  motion_detector:
    cameras:
      gate:
        area: 0.04
        mask: [{coordinates: [{x: 0, y: 0}, {x: 640, y: 0}, {x: 640, y: 72}]}]
darknet:
  object_detector:
    cameras:
      gate:
        fps: 2
        scan_on_motion_only: true
        labels: [{label: person, confidence: 0.7, trigger_event_recording: true}, {label: dog}]
        zones:
          - name: drive
            coordinates: [{x: 0, y: 360}, {x: 1280, y: 360}, {x: 1280, y: 720}]
            labels: [{label: car, confidence: 0.6}]
mqtt: {broker: 10.0.0.2}
"""
SECRETS = {"user": "admin", "password": "p#s/w"}


def _outcome(plan: Plan, key: str) -> str:
    return next(str(line.outcome) for line in plan.lines if line.key == key)


def test_camera_is_converted() -> None:
    plan = convert(YARD, SECRETS)
    assert plan.problems == ()
    (camera,) = plan.cameras
    assert camera["name"] == "Front gate"
    assert camera["rtsp_url"] == "rtsp://admin:p%23s%2Fw@10.0.0.7:8554/Streaming/Channels/101/"
    assert (camera["transport"], camera["is_active"]) == ("udp", True)
    detection = Detection.model_validate(camera["detection"])
    assert detection.stream_path == "/Streaming/Channels/102/"
    assert set(detection.classes) == {"person", "dog", "car"}
    assert (detection.frames_per_second, detection.minimum_confidence) == (2.0, 0.6)
    assert detection.motion_masks == (((0.0, 0.0), (0.5, 0.0), (0.5, 0.1)),)
    assert [(rule.name, rule.minimum_confidence) for rule in detection.rules] == [
        ("person", 0.7),
        ("dog", 0.8),
        ("car in drive", 0.6),
    ]
    assert detection.zones[0].points == ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0))


def test_each_key_has_an_outcome() -> None:
    plan = convert(YARD, SECRETS)
    place = "darknet.object_detector.cameras.gate"
    assert _outcome(plan, "ffmpeg.camera.gate.password") == "taken"
    assert _outcome(plan, f"{place}.labels[0].confidence") == "taken"
    assert _outcome(plan, f"{place}.labels[0].trigger_event_recording") == "not taken"
    assert _outcome(plan, f"{place}.zones[0].coordinates") == "taken"
    assert _outcome(plan, "ffmpeg.camera.web.host") == "not taken"
    assert all(line.note for line in plan.lines if line.outcome != "taken")
    assert "p#s/w" not in repr(plan.lines)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "ffmpeg: {camera: {gate: {host: h, path: /1, username: u, password: !secret none}}}",
            "ffmpeg.camera.gate.password: !secret none has no value: name a file with none=… by --env-file",
        ),
        (
            "ffmpeg: {camera: {gate: {host: h, path: /1}}}\n"
            "mog2: {motion_detector: {cameras: {gate: {mask: [{coordinates: [{x: 1, y: 2}]}]}}}}",
            "mog2.motion_detector.cameras.gate.mask[0].coordinates: is in pixels: set width and height of the camera"
            " in Viseron's file, to which they refer",
        ),
        (
            "mqtt: {broker: h}",
            "no camera found below ffmpeg.camera or gstreamer.camera; is this a configuration of Viseron?",
        ),
        ("ffmpeg: {camera: {gate: {path: /1}}}", "ffmpeg.camera.gate: must have a host"),
    ],
)
def test_problem_names_the_key(text: str, problem: str) -> None:
    assert [str(one) for one in convert(text, {}).problems] == [problem]
