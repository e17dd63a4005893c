"""A camera moves, calls presets and switches relays over real HTTP."""

import pytest
from tests.integration.services.onvif_camera import OnvifCamera

from cctv.onvif.client import DeviceAddress
from cctv.onvif.control import control
from cctv.streams.rtsp_gate import GateOptions
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
