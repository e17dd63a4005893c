"""A camera that speaks ONVIF, and the options to reach it."""

from collections.abc import Iterator

import pytest
from tests.integration.services.onvif_camera import OnvifCamera, onvif_camera

from cctv.streams.rtsp_gate import GateOptions
from vigil_contracts.addresses import AddressPolicy


@pytest.fixture(scope="package")
def options() -> GateOptions:
    return GateOptions(AddressPolicy(loopback=True))


@pytest.fixture
def camera() -> Iterator[OnvifCamera]:
    with onvif_camera(rtsp_port=8554) as found:
        yield found
