"""Ask and control ONVIF devices by URLs of the form `http://user:password@host:port`."""

from urllib.parse import urlsplit

from cctv.onvif.client import address_of_stream
from cctv.onvif.control import control
from cctv.onvif.inspection import inspect
from cctv.streams.rtsp_gate import GateOptions
from vigil_contracts.device import DEFAULT_ONVIF_PORT, ControlCommand, ControlResult, DeviceResult


class Devices:
    """Connects to permitted addresses only; thread-safe."""

    def __init__(self, options: GateOptions) -> None:
        self._options = options

    def inspect(self, url: str) -> DeviceResult:
        """Return what the device offers, or why it cannot be asked."""
        return inspect(address_of_stream(url, _port_of(url)), self._options)

    def control(self, url: str, command: ControlCommand) -> ControlResult:
        """Do what the command asks for; the result says why if it cannot be done."""
        return control(address_of_stream(url, _port_of(url)), command, self._options)


def _port_of(url: str) -> int:
    return urlsplit(url).port or DEFAULT_ONVIF_PORT
