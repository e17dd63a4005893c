"""ZoneMinder's monitors and zones become cameras of Vigil."""

import json
from typing import Any

import pytest

from vigil_contracts.detection import Detection
from vigil_transfer.plan import Plan
from vigil_transfer.zoneminder import convert

GATE = {
    "Id": "1",
    "Name": "Gate",
    "Type": "Ffmpeg",
    "Function": "Modect",
    "Enabled": "1",
    "Path": "rtsp://10.0.0.7:554/main?channel=1",
    "SecondPath": "rtsp://10.0.0.7/sub",
    "User": "admin",
    "Pass": "p#s/w",
    "Method": "rtpRtsp",
    "Width": "1280",
    "Height": "720",
    "AnalysisFPSLimit": "4.00",
    "Controllable": "0",
}
ZONES = [
    {
        "Id": "1",
        "MonitorId": "1",
        "Name": "All",
        "Type": "Active",
        "Units": "Percent",
        "Coords": "0,0 1279,0 1279,719 0,719",
    },
    {
        "Id": "2",
        "MonitorId": "1",
        "Name": "Drive",
        "Type": "Active",
        "Coords": "0.00,50.00 100.00,50.00 100.00,100.00",
    },
    {"Id": "3", "MonitorId": "1", "Name": "Tree", "Type": "Inactive", "Coords": "0,0 640,0 640,72"},
    {"Id": "4", "MonitorId": "1", "Name": "Lamp", "Type": "Preclusive", "Coords": "0,0 640,0 640,72"},
    {"Id": "6", "MonitorId": "1", "Name": "Street", "Type": "Privacy", "Coords": "0.0,90.0 20.0,90.0 20.0,100.0"},
    {"Id": "5", "MonitorId": "2", "Name": "Other", "Type": "Active", "Coords": "0,0 1,0 1,1"},
]


def _plan(*monitors: dict[str, Any], zones: list[dict[str, Any]] | None = None) -> Plan:
    answer = {"monitors": [{"Monitor": monitor, "Monitor_Status": {"Status": "Connected"}} for monitor in monitors]}
    return convert([json.dumps(answer), json.dumps({"zones": [{"Zone": zone} for zone in zones or []]})])


def _outcome(plan: Plan, key: str) -> str:
    return next(str(line.outcome) for line in plan.lines if line.key == key)


def test_monitor_becomes_a_camera() -> None:
    plan = _plan(GATE, zones=ZONES)
    assert plan.problems == ()
    (camera,) = plan.cameras
    assert camera == {
        "name": "Gate",
        "rtsp_url": "rtsp://admin:p%23s%2Fw@10.0.0.7:554/main?channel=1",
        "transport": "tcp",
        "is_active": True,
        "detection": camera["detection"],
        "recording": {"mode": "motion"},
    }
    detection = Detection.model_validate(camera["detection"])
    assert (detection.stream_path, detection.frames_per_second) == ("/sub", 4.0)
    assert [zone.name for zone in detection.zones] == ["All", "Drive"]
    assert detection.zones[1].points == ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0))
    assert [rule.name for rule in detection.rules] == ["All", "Drive"]
    assert detection.motion_masks == (((0.0, 0.0), (0.5, 0.0), (0.5, 0.1)),)
    assert detection.privacy_masks == (((0.0, 0.9), (0.2, 0.9), (0.2, 1.0)),)
    assert "p#s/w" not in repr(plan.lines)
    assert "p#s/w" in plan.secrets


def test_each_key_has_an_outcome() -> None:
    plan = _plan(GATE, zones=ZONES)
    assert _outcome(plan, "monitors[0].Monitor.Pass") == "taken"
    assert _outcome(plan, "monitors[0].Monitor.Function") == "changed"
    assert _outcome(plan, "monitors[0].Monitor.Controllable") == "not taken"
    assert _outcome(plan, "zones[1].Zone.Coords") == "changed"
    assert _outcome(plan, "zones[3].Zone.Coords") == "not taken"
    assert all(line.note for line in plan.lines if line.outcome != "taken")


def test_default_zone_of_the_whole_frame_needs_no_rule() -> None:
    (camera,) = _plan({**GATE, "SecondPath": ""}, zones=ZONES[:1]).cameras
    assert "rules" not in camera["detection"]


@pytest.mark.parametrize(
    ("fields", "is_active", "mode"),
    [
        ({"Function": "Monitor"}, False, "off"),
        ({"Function": "Mocord"}, True, "continuous"),
        ({"Function": "Record"}, True, "continuous"),
        ({"Function": "Modect", "Enabled": "0"}, False, "motion"),
        ({"Capturing": "Always", "Analysing": "Always", "Recording": "OnMotion"}, True, "motion"),
        ({"Capturing": "Always", "Analysing": "None", "Recording": "None"}, False, "off"),
        ({"Capturing": "Always", "Analysing": "None", "Recording": "Always"}, True, "continuous"),
        ({"Capturing": "None", "Analysing": "None", "Recording": "Always"}, False, "continuous"),
    ],
)
def test_function_becomes_activity_and_recording(fields: dict[str, str], is_active: bool, mode: str) -> None:
    (camera,) = _plan({**GATE, **fields}).cameras
    assert (camera["is_active"], camera["recording"]["mode"]) == (is_active, mode)


def test_remote_monitor_has_its_address_in_parts() -> None:
    remote = {"Type": "Remote", "Protocol": "rtsp", "Host": "u:a%b@10.0.0.8", "Port": "8554", "Path": "/live"}
    (camera,) = _plan({"Id": "2", "Name": "Hall", "Method": "rtpUni", **remote}).cameras
    assert (camera["rtsp_url"], camera["transport"]) == ("rtsp://u:a%25b@10.0.0.8:8554/live", "udp")


def test_monitor_without_rtsp_is_left_out() -> None:
    plan = _plan(GATE, {"Id": "2", "Name": "Desk", "Type": "Local", "Device": "/dev/video0"})
    assert [camera["name"] for camera in plan.cameras] == ["Gate"]
    assert _outcome(plan, "monitors[1].Monitor.Name") == "not taken"


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["{"], "a file is not valid JSON; save the answer of api/monitors.json"),
        (["{}"], "monitors: must list the monitors, as api/monitors.json does"),
        (
            [json.dumps({"monitors": [{"Monitor": GATE}], "zones": [{"Zone": {**ZONES[0], "Coords": "0,0 1"}}]})],
            "zones[0].Zone.Coords: must be corners as in 0,0 639,0 639,479, with Width and Height of the monitor",
        ),
    ],
)
def test_problem_names_the_key(texts: list[str], problem: str) -> None:
    assert [str(one) for one in convert(texts).problems] == [problem]
