"""A camera moves, calls presets and switches relays over real HTTP."""

from urllib.parse import quote

import pytest
from tests.cluster.polling import eventually
from tests.integration.services.onvif_camera import OnvifCamera

from cctv.onvif.client import DeviceAddress
from cctv.onvif.control import control
from cctv.onvif.preset_caller import PresetCaller
from cctv.streams.rtsp_gate import GateOptions
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.device import ControlAction, ControlCommand, ControlResult


def perform(camera: OnvifCamera, options: GateOptions, **command: object) -> ControlResult:
    address = DeviceAddress("127.0.0.1", camera.port, camera.username, camera.password)
    return control(address, ControlCommand.model_validate(command), options)


@pytest.mark.parametrize(
    ("command", "done"),
    [
        ({"action": "move", "pan": -0.5, "zoom": 1, "seconds": 2}, ("move", "-0.500", "0.000", "1.000", "PT2.0S")),
        ({"action": "stop"}, ("stop",)),
        ({"action": "preset", "preset": "Gate"}, ("preset", "1")),
        ({"action": "preset", "preset": "2"}, ("preset", "2")),
        ({"action": "relay", "relay": "relay0", "on": False}, ("relay", "relay0", "inactive")),
    ],
)
def test_commands_reach_the_camera(
    camera: OnvifCamera, options: GateOptions, command: dict[str, object], done: tuple[str, ...]
) -> None:
    assert perform(camera, options, **command).answers
    assert camera.done == [done]


def test_presets_and_relays_are_listed(camera: OnvifCamera, options: GateOptions) -> None:
    found = perform(camera, options, action=ControlAction.STATUS)
    assert (found.answers, found.has_ptz) == (True, True)
    assert [(one.token, one.name) for one in found.presets] == [("1", "Gate"), ("2", "2")]
    assert [one.token for one in found.relays] == ["relay0"]


def test_problems_name_what_the_camera_has(camera: OnvifCamera, options: GateOptions) -> None:
    missing = perform(camera, options, action="preset", preset="Roof")
    assert (missing.answers, missing.message) == (False, "The camera has no preset 'Roof'; it has Gate, 2.")
    camera.has_ptz = False
    fixed = perform(camera, options, action="move", pan=1)
    assert (fixed.answers, "cannot turn or zoom" in fixed.message) == (False, True)
    assert camera.done == []


def test_alert_of_a_rule_calls_its_preset(camera: OnvifCamera, options: GateOptions) -> None:
    watched = CameraConfiguration.model_validate(
        {
            "id": 7,
            "name": "Yard",
            "revision": "1",
            "rtsp_url": f"rtsp://{camera.username}:{quote(camera.password)}@127.0.0.1:554/1",
            "detection": {
                "onvif_port": camera.port,
                "rules": [
                    {"name": "fence", "type": "object", "ptz_preset": "Gate"},
                    {"name": "yard", "type": "object"},
                ],
            },
        }
    )
    presets = PresetCaller(7, options)
    presets.note_alert(watched, "yard")
    presets.note_alert(watched, "fence")
    eventually(lambda: camera.done == [("preset", "1")], timeout_seconds=10)
