"""Frigate's configuration becomes cameras of Vigil, and each of its keys has an outcome."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from vigil_contracts.detection import Detection
from vigil_contracts.recording import RecordingSettings
from vigil_transfer.frigate import convert
from vigil_transfer.plan import Plan
from vigil_transfer.report import Line, Outcome, leaves
from vigil_transfer.yaml_text import load_mapping

YARD = """
mqtt: {host: broker.lan, user: vigil, password: Mqtt5ecret}
go2rtc:
  streams:
    gate:
      - exec:ffmpeg -i /dev/video0 -f rtsp {output}
      - ffmpeg:gate#audio=opus
      - rtsp://admin:{FRIGATE_PASSWORD}@10.0.0.7:554/h264Preview_01_main#backchannel=0
    gate_sub: rtsp://admin:{FRIGATE_PASSWORD}@10.0.0.7:554/h264Preview_01_sub
    hall: ["ffmpeg:rtsp://10.0.0.9/live#video=h264"]
    unused: rtsp://10.0.0.10/live
objects:
  track: [person, car, package]
  filters:
    person: {min_score: 0.6, threshold: 0.75, min_area: 4608, max_ratio: 2.0}
    car: {min_area: 0.02, mask: "0,0,0.1,0,0.1,0.1"}
detect: {width: 1280, height: 720, fps: 40, max_disappeared: 50}
record: {enabled: true, retain: {days: 3}, alerts: {retain: {days: 14.5}}}
snapshots: {enabled: true, retain: {default: 10}}
cameras:
  gate:
    friendly_name: Front gate
    ffmpeg:
      inputs:
        - {path: "rtsp://127.0.0.1:8554/gate", roles: [record], input_args: preset-rtsp-restream}
        - {path: "rtsp://127.0.0.1:8554/gate_sub?video", roles: [detect, audio]}
    motion: {threshold: 30, mask: ["0,0,640,0,640,72", "0.9,0.9,1.0,0.9,1.0,1.0"]}
    review: {alerts: {required_zones: [drive]}}
    zones:
      drive: {coordinates: "0,360,1280,360,1279,720,0,720", objects: person, inertia: 3}
      pavement: {coordinates: ["0.1,0.1", "0.5,0.1", "0.5,0.5"], loitering_time: 4}
    onvif: {host: 10.0.0.7, user: admin, password: Onvif5ecret, autotracking: {enabled: true}}
  hall:
    enabled: false
    ffmpeg: {inputs: [{path: "rtsp://localhost:8554/hall", roles: [detect, record]}], input_args: preset-rtsp-udp}
    detect: {enabled: true, fps: 5}
    colour: blue
"""
VARIABLES = {"FRIGATE_PASSWORD": "Pa%2F55"}


def _one_camera(more: str = "", path: str = "rtsp://10.0.0.7/live") -> str:
    return f"cameras:\n  gate:\n    ffmpeg: {{inputs: [{{path: '{path}', roles: [detect]}}]}}\n{more}"


def _cameras(plan: Plan) -> dict[str, Any]:
    assert plan.problems == ()
    return {camera["name"]: camera for camera in plan.cameras}


def _lines(plan: Plan) -> dict[str, Line]:
    return {line.key: line for line in plan.lines}


def _outcome(plan: Plan, key: str) -> tuple[str, str]:
    line = _lines(plan)[key]
    return str(line.outcome), line.note


@pytest.fixture(scope="module")
def yard() -> Plan:
    return convert(YARD, VARIABLES)


def test_restreams_become_the_streams_of_the_camera(yard: Plan) -> None:
    cameras = _cameras(yard)
    gate, hall = cameras["Front gate"], cameras["hall"]
    assert gate["rtsp_url"] == "rtsp://admin:Pa%2F55@10.0.0.7:554/h264Preview_01_main"
    assert gate["detection"]["stream_path"] == "/h264Preview_01_sub"
    assert (gate["transport"], gate["is_active"]) == ("tcp", True)
    assert (hall["rtsp_url"], hall["transport"], hall["is_active"]) == ("rtsp://10.0.0.9/live", "udp", False)
    assert _outcome(yard, "go2rtc.streams.hall") == ("changed", "without ffmpeg's transcoding")
    assert _outcome(yard, "go2rtc.streams.unused") == ("not taken", "no camera uses this stream")


def test_zones_masks_and_filters_become_detection_settings(yard: Plan) -> None:
    detection = _cameras(yard)["Front gate"]["detection"]
    Detection.model_validate(detection)
    assert detection["classes"] == ["person", "car", "truck"]
    assert detection["zones"] == [
        {"name": "drive", "points": [[0.0, 0.5], [1.0, 0.5], [0.99922, 1.0], [0.0, 1.0]]},
        {"name": "pavement", "points": [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]},
    ]
    assert detection["rules"] == [
        {
            "name": "person in drive",
            "type": "object",
            "classes": ["person"],
            "zone": "drive",
            "minimum_confidence": 0.75,
            "minimum_size": 0.005,
        }
    ]
    assert detection["motion_masks"] == [
        [[0.0, 0.0], [0.5, 0.0], [0.5, 0.1]],
        [[0.9, 0.9], [1.0, 0.9], [1.0, 1.0]],
    ]
    assert detection["minimum_confidence"] == 0.5  # cars have Frigate's default
    assert (detection["frames_per_second"], detection["tamper"]) == (30.0, False)


def test_camera_overrides_global_settings(yard: Plan) -> None:
    hall = _cameras(yard)["hall"]
    assert hall["detection"]["frames_per_second"] == 5.0
    assert [rule["name"] for rule in hall["detection"]["rules"]] == ["person", "car"]
    assert [rule["minimum_size"] for rule in hall["detection"]["rules"]] == [0.005, 0.02]
    assert hall["retention_days"] == 15
    assert hall["recording"] == {"mode": "continuous", "days": 3}


def test_each_key_has_one_line_in_the_order_of_the_file(yard: Plan) -> None:
    keys = [line.key for line in yard.lines]
    assert len(keys) == len(set(keys)) == len(list(leaves(load_mapping(YARD))))
    assert keys[:3] == ["mqtt.host", "mqtt.user", "mqtt.password"]
    assert all(line.note for line in yard.lines if line.outcome is not Outcome.TAKEN)
    assert all(line.target or "pixels" in line.note for line in yard.lines if line.outcome is not Outcome.NOT_TAKEN)


@pytest.mark.parametrize(
    ("key", "outcome", "words"),
    [
        ("mqtt.password", "not taken", "POST /api/notifications/"),
        (
            "objects.track",
            "changed",
            "not taken, because the COCO model has no such class: package; car includes truck",
        ),
        ("objects.filters.person.max_ratio", "not taken", "no such filter"),
        ("objects.filters.person.threshold", "changed", "median"),
        ("objects.filters.car.mask", "not taken", "no object masks"),
        ("detect.fps", "changed", "at most 30"),
        ("detect.width", "changed", "used to convert coordinates in pixels"),
        ("detect.max_disappeared", "not taken", "tracker"),
        ("record.retain.days", "taken", ""),
        ("record.enabled", "taken", ""),
        ("record.alerts.retain.days", "changed", "the longest of Frigate's times"),
        ("cameras.gate.ffmpeg.inputs[0].input_args", "changed", "only the transport is taken: tcp"),
        ("cameras.gate.ffmpeg.inputs[1].roles", "changed", "does not analyse audio"),
        ("cameras.gate.motion.threshold", "not taken", "adapts itself"),
        ("cameras.gate.motion.mask", "taken", ""),
        ("cameras.gate.zones.drive.inertia", "not taken", "minimum_seconds"),
        ("cameras.gate.zones.pavement.loitering_time", "not taken", "no rule uses the zone"),
        ("cameras.gate.onvif.autotracking.enabled", "changed", "turns"),
        ("cameras.hall.colour", "not taken", "not a key that Vigil knows"),
    ],
)
def test_outcome_of_a_key(yard: Plan, key: str, outcome: str, words: str) -> None:
    found = _outcome(yard, key)
    assert found[0] == outcome
    assert words in found[1]


def test_report_contains_no_secret(yard: Plan) -> None:
    for secret in ("Pa%2F55", "Pa/55", "Mqtt5ecret", "Onvif5ecret"):
        assert secret not in repr(yard.lines) + repr(yard.problems)
    assert "Pa%2F55" in yard.secrets
    assert "Pa%2F55" not in repr(Plan((), secrets=yard.secrets))


def test_password_of_an_input_is_encoded_as_frigate_does() -> None:
    plan = convert(_one_camera(path="rtsp://admin:p#s/s%@w@10.0.0.7:554/live?channel=1"), {})
    assert _cameras(plan)["gate"]["rtsp_url"] == "rtsp://admin:p%23s%2Fs%25%40w@10.0.0.7:554/live?channel=1"


def test_camera_without_rules_has_none() -> None:
    (camera,) = convert(_one_camera(), {}).cameras
    assert camera["detection"] == {"classes": ["person"], "zones": [], "rules": [], "motion_masks": []}
    assert "retention_days" not in camera


def test_loitering_zone_becomes_a_loitering_rule() -> None:
    plan = convert(
        _one_camera(
            "    zones: {porch: {coordinates: '0,0,1,0,1,1', loitering_time: 8, filters: {person: {threshold: 0.8}}}}"
            "\n"
            "    review: {alerts: {required_zones: porch}}\n"
        ),
        {},
    )
    assert _cameras(plan)["gate"]["detection"]["rules"] == [
        {
            "name": "person in porch",
            "type": "loitering",
            "classes": ["person"],
            "zone": "porch",
            "seconds": 8.0,
            "minimum_confidence": 0.8,
        }
    ]
    assert _outcome(plan, "cameras.gate.zones.porch.loitering_time") == (
        "changed",
        "the alert's type becomes loitering",
    )


def test_detections_are_limited_by_their_own_zones() -> None:
    plan = convert(
        "objects: {track: [person, dog]}\n"
        "review: {alerts: {labels: [person]}, detections: {required_zones: [lawn]}}\n"
        + _one_camera("    zones: {lawn: {coordinates: '0,0,1,0,1,1'}}\n"),
        {},
    )
    rules = _cameras(plan)["gate"]["detection"]["rules"]
    assert [(rule["name"], rule.get("zone")) for rule in rules] == [("person", None), ("dog in lawn", "lawn")]


def test_camera_with_detection_off_is_inactive() -> None:
    plan = convert(_one_camera("    detect: {enabled: false}\n"), {})
    assert _cameras(plan)["gate"]["is_active"] is False
    assert _outcome(plan, "cameras.gate.detect.enabled")[0] == "changed"


@pytest.mark.parametrize(
    ("record", "recording", "days"),
    [
        ("enabled: false, retain: {days: 3}", {"mode": "off"}, None),
        ("enabled: true, retain: {days: 3, mode: motion}", {"mode": "motion", "days": 3}, None),
        ("enabled: true, continuous: {days: 0}, motion: {days: 7}", {"mode": "motion", "days": 7}, None),
        ("enabled: true, continuous: {days: 2}, motion: {days: 7}", {"mode": "continuous", "days": 2}, None),
        (
            "enabled: true, retain: {days: 0}, alerts: {pre_capture: 8, post_capture: 900, retain: {days: 30}}",
            {"mode": "alerts", "seconds_before": 8.0, "seconds_after": 600.0, "days": 30},
            30,
        ),
        ("enabled: true", {"mode": "alerts"}, None),
    ],
)
def test_recording_and_its_days(record: str, recording: dict[str, Any], days: int | None) -> None:
    camera = _cameras(convert(f"record: {{{record}}}\n{_one_camera()}", {}))["gate"]
    assert (camera["recording"], camera.get("retention_days")) == (recording, days)
    RecordingSettings.model_validate(camera["recording"])


@pytest.mark.parametrize("track", ["[package]", "[]"])
def test_camera_that_tracks_no_known_object_is_inactive(track: str) -> None:
    plan = convert(_one_camera(f"    objects: {{track: {track}}}\n"), {})
    assert _cameras(plan)["gate"]["is_active"] is False
    outcome, note = _outcome(plan, "cameras.gate.objects.track")
    assert outcome == "not taken"
    assert "imported as inactive: without a class, Vigil would detect every object" in note


def test_recorded_camera_without_detection_is_active() -> None:
    plan = convert("record: {enabled: true}\n" + _one_camera("    detect: {enabled: false}\n"), {})
    assert _cameras(plan)["gate"]["is_active"] is True
    assert "only active cameras are recorded" in _outcome(plan, "cameras.gate.detect.enabled")[1]


SMALL = {
    "go2rtc": {"streams": {"gate": ["rtsp://10.0.0.7/live"]}},
    "objects": {"track": ["person"], "filters": {"person": {"min_area": 10, "threshold": 0.8}}},
    "detect": {"width": 640, "height": 360, "fps": 5},
    "record": {"enabled": True, "retain": {"days": 3, "mode": "all"}, "alerts": {"pre_capture": 5}},
    "cameras": {
        "gate": {
            "ffmpeg": {"inputs": [{"path": "rtsp://127.0.0.1:8554/gate", "roles": ["detect"]}], "input_args": "x"},
            "zones": {"drive": {"coordinates": "0,0,1,0,1,1", "objects": ["person"], "loitering_time": 2}},
            "motion": {"mask": ["0,0,1,0,1,1"]},
            "review": {"alerts": {"required_zones": ["drive"]}},
        }
    },
}


def _mutations(value: Any, junk: Any) -> Iterator[Any]:
    """Yield the value with each of its nodes replaced by `junk`."""
    yield junk
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        for changed in _mutations(inner, junk):
            copied = value.copy()
            copied[key] = changed
            yield copied


@pytest.mark.parametrize("junk", [None, "x", [], [{"a": None}], {"a": [1]}, float("nan")], ids=repr)
def test_wrong_type_at_any_key_is_no_crash(junk: Any) -> None:
    for document in _mutations(SMALL, junk):
        plan = convert(json.dumps(document), {})  # JSON is YAML
        assert plan.problems or all(camera["rtsp_url"].startswith("rtsp://") for camera in plan.cameras)


def test_named_masks_of_newer_versions_are_read() -> None:
    mask = "{a: {coordinates: '0,0,1,0,1,1'}, b: {enabled: false, coordinates: '0,0,1,0,1,1'}}"
    plan = convert(_one_camera(f"    motion: {{mask: {mask}}}\n"), {})
    assert len(_cameras(plan)["gate"]["detection"]["motion_masks"]) == 1


def test_detect_stream_of_another_host_is_used_alone() -> None:
    plan = convert(
        "cameras: {gate: {ffmpeg: {inputs: [{path: 'rtsp://10.0.0.7/main', roles: [record]}, "
        "{path: 'rtsp://10.0.0.8/sub', roles: [detect]}]}}}",
        {},
    )
    camera = _cameras(plan)["gate"]
    assert (camera["rtsp_url"], "stream_path" in camera["detection"]) == ("rtsp://10.0.0.8/sub", False)
    assert _outcome(plan, "cameras.gate.ffmpeg.inputs[0].path")[0] == "not taken"


@pytest.mark.parametrize(
    ("source", "note"),
    [
        ("rtmp://10.0.0.7/live", "Vigil reads RTSP; it cannot read a source of type rtmp"),
        ("rtsp://127.0.0.1:8554/none", "go2rtc.streams has no stream none"),
        ("rtsp://127.0.0.1:8554/loop", "its go2rtc stream refers to itself"),
        ("rtsp://127.0.0.1:8554/usb", "it cannot read a source of type exec"),
        ("rtsp://127.0.0.1:8554/word", "go2rtc stream word: Vigil reads RTSP; it cannot read this source"),
    ],
)
def test_camera_without_rtsp_is_reported_and_the_others_are_imported(source: str, note: str) -> None:
    streams = (
        "go2rtc: {streams: {loop: 'ffmpeg:loop#video=h264', usb: 'exec:cat Pa55word', word: Pa55word,"
        " hall: 'rtsp://10.0.0.9/live'}}\n"
    )
    hall = "  hall: {ffmpeg: {inputs: [{path: 'rtsp://10.0.0.9/live', roles: [detect]}]}}\n"
    plan = convert(streams + _one_camera(path=source) + hall, {})
    assert list(_cameras(plan)) == ["hall"]
    assert note in _outcome(plan, "cameras.gate.ffmpeg.inputs[0].path")[1]
    assert _outcome(plan, "cameras.gate.ffmpeg.inputs[0].roles") == (
        "not taken",
        "the camera is not imported: Vigil can read none of its streams",
    )
    assert "Pa55word" not in repr(plan.lines)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "the file must be a mapping of settings"),
        ("a: [\nb: 'Pa55word", "the file is not valid YAML in line 2"),
        ("mqtt: {}", "cameras: must list the cameras; is this a configuration of Frigate?"),
        (
            _one_camera(path="rtsp://u:{FRIGATE_NONE}@10.0.0.7/live"),
            "cameras.gate.ffmpeg.inputs[0].path: the variable FRIGATE_NONE has no value: set it in the environment,"
            " or name its file with --env-file",
        ),
        (
            _one_camera("    zones: {a: {coordinates: '0,0,640,0,640,360'}}\n"),
            "cameras.gate.zones.a.coordinates: is in pixels: set detect.width and detect.height in Frigate's file, to"
            " which they refer",
        ),
        (
            _one_camera("    zones: {a: {coordinates: '0,0,1,0'}}\n"),
            "cameras.gate.zones.a.coordinates: must have an x and a y for each of at least three corners",
        ),
        (
            _one_camera("    zones: {a: {coordinates: '0,0,1,1,0,0'}}\n"),
            "cameras.gate: detection.zones[0].points: the corners must enclose an area; they lie on one line, or the"
            " outline crosses itself",
        ),
        (
            _one_camera("    objects: {filters: {person: {min_score: high}}}\n"),
            "cameras.gate.objects.filters.person.min_score: must be a number",
        ),
        (
            _one_camera("  hall: {friendly_name: gate, ffmpeg: {inputs: [{path: 'rtsp://h/1', roles: [detect]}]}}\n"),
            "cameras.hall: has the name of another camera; rename one of them",
        ),
    ],
)
def test_what_the_user_has_to_correct_is_a_problem(text: str, problem: str) -> None:
    assert [str(one) for one in convert(text, {}).problems] == [problem]
