"""WS-Discovery of cameras over real multicast, on the loopback interface."""

import ipaddress
import json
from unittest.mock import ANY

import pytest
from tests.integration.services.onvif_device import ANSWER, Device, onvif_devices

from cctv.__main__ import discover as command
from cctv.streams.discovery import NOBODY, discover, read_matches

GATE = Device(
    "urn:uuid:4cd0-gate",
    "onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Gate%20north "
    "onvif://www.onvif.org/hardware/DS-2CD onvif://www.onvif.org/location/country/japan "
    "onvif://www.onvif.org/location/city/osaka",
    "http://192.0.2.7/onvif/device_service file:///etc/passwd",
)
BARE = Device("urn:uuid:9f21-bare")


def test_discovered_devices_have_their_reported_properties() -> None:
    with onvif_devices(GATE, BARE) as responder:
        found = discover(1.0)
    assert [camera.model_dump() for camera in found.cameras] == [
        {
            "address": ANY,
            "name": "Gate north",
            "hardware": "DS-2CD",
            "location": "country/japan, city/osaka",
            "services": ("http://192.0.2.7/onvif/device_service",),
            "endpoint": GATE.endpoint,
        },
        {
            "address": ANY,
            "name": "",
            "hardware": "",
            "location": "",
            "services": (BARE.services,),
            "endpoint": BARE.endpoint,
        },
    ]
    assert all(ipaddress.ip_address(camera.address).version == 4 for camera in found.cameras)
    assert found.message == ""
    assert len(responder.probes) == 2, "asked twice, and each device found once"


def test_lost_datagram_does_not_hide_a_camera() -> None:
    with onvif_devices(GATE, loses_first=True):
        assert [camera.endpoint for camera in discover(1.5).cameras] == [GATE.endpoint]


def test_invalid_answers_are_ignored() -> None:
    stranger = ANSWER.format(message="urn:uuid:another", endpoint="x", scopes="", services="").encode()
    growing = (
        b'<!DOCTYPE e [<!ENTITY a "aaaa">]>'
        + ANSWER.partition("\n")[2].format(message="MESSAGE", endpoint="&a;", scopes="", services="").encode()
    )
    with onvif_devices(BARE, noise=(b"", b"\xff\xfe\x00", b"<a>", b"<a/>", stranger, growing)):
        assert [camera.endpoint for camera in discover(1.0).cameras] == [BARE.endpoint]


def test_no_camera_answers() -> None:
    found = discover(0.2)
    assert (found.cameras, found.message) == ((), NOBODY)


def test_long_texts_are_shortened() -> None:
    scopes = f"onvif://www.onvif.org/name/{'n' * 900}"
    content = ANSWER.format(message="m", endpoint="e" * 900, scopes=scopes, services="http://[ " * 30).encode()
    (camera,) = read_matches(content, "192.0.2.1", "m")
    assert (len(camera.name), len(camera.endpoint), camera.services) == (500, 500, ())


def test_names_are_one_line_without_control_characters() -> None:
    scopes = "onvif://www.onvif.org/name/Gate%0A%3D1%2B1%0d%0a%1b[2Jnorth%09east"
    content = ANSWER.format(message="m", endpoint="e", scopes=scopes, services="").encode()
    (camera,) = read_matches(content, "192.0.2.1", "m")
    assert camera.name == "Gate =1+1 [2Jnorth east"


def test_command_shows_a_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    evil = Device("urn:uuid:evil", "onvif://www.onvif.org/name/%1b[2Jx")
    with onvif_devices(GATE, evil):
        assert command(["--seconds", "0.8"]) == 0
        shown = capsys.readouterr().out
        assert command(["--seconds", "0.8", "--output", "json"]) == 0
        cameras = json.loads(capsys.readouterr().out)["cameras"]
    assert shown.splitlines()[0].split() == ["ADDRESS", "NAME", "MODEL", "LOCATION", "ONVIF", "SERVICE"]
    assert "Gate north" in shown
    assert "\x1b" not in shown
    assert {camera["endpoint"] for camera in cameras} == {GATE.endpoint, evil.endpoint}

    assert command(["--seconds", "0.2"]) == 1
    assert NOBODY in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        command(["--seconds", "900"])
    assert "must be 0.1 to 60" in capsys.readouterr().err
