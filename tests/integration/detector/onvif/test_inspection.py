"""A device is asked for its streams over real HTTP, by address, user name and password."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from tests.integration.services.onvif_camera import OWN_HOST, OnvifCamera

from cctv.onvif.client import DeviceAddress
from cctv.onvif.inspection import inspect
from cctv.streams.rtsp_gate import GateOptions
from vigil_contracts.addresses import AddressPolicy
from vigil_contracts.device import DeviceResult
from vigil_contracts.names import Reason

LOCAL = GateOptions(AddressPolicy(loopback=True))


def ask(camera: OnvifCamera, **changes: str) -> DeviceResult:
    address = {"username": camera.username, "password": camera.password, **changes}
    return inspect(DeviceAddress("127.0.0.1", camera.port, **address), LOCAL)


def test_streams_have_the_address_that_was_entered(camera: OnvifCamera) -> None:
    found = ask(camera)
    assert (found.answers, found.manufacturer, found.model) == (True, "Example", "C-7"), found
    assert found.main_stream is not None
    assert found.main_stream.rtsp_url == "rtsp://127.0.0.1:8554/Streaming/Channels/101"
    assert (found.main_stream.width, found.main_stream.codec) == (1920, "h264")
    assert found.main_stream.snapshot_url == "http://127.0.0.1/snap.jpg"
    assert found.stream_path == "/Streaming/Channels/102", "the smallest one is too small to analyse"
    assert (found.has_events, found.has_ptz, len(found.streams)) == (True, True, 3)
    assert OWN_HOST not in found.model_dump_json()
    assert abs(found.time_difference_seconds or 99) < 2
    assert found.message == ""


@pytest.mark.parametrize("seconds", [3600, -95])
def test_wrong_clock_is_tolerated_and_reported(camera: OnvifCamera, seconds: int) -> None:
    camera.clock_offset = timedelta(seconds=seconds)
    found = ask(camera)
    assert found.answers
    assert abs((found.time_difference_seconds or 0) - seconds) < 2
    assert "ahead" in found.message if seconds > 0 else "behind" in found.message


def wrong_port(camera: OnvifCamera) -> DeviceResult:
    return inspect(DeviceAddress("127.0.0.1", 9, "u", "p"), LOCAL)


def forbidden(camera: OnvifCamera) -> DeviceResult:
    return inspect(DeviceAddress("127.0.0.1", camera.port, "u", "p"), GateOptions())


@pytest.mark.parametrize(
    ("attempt", "reason", "words"),
    [
        (
            lambda camera: ask(camera, password="wrong"),
            Reason.STREAM_UNAUTHORIZED,
            "rejects the user name or password",
        ),
        (lambda camera: ask(camera, username=""), Reason.STREAM_UNAUTHORIZED, "requires a user name and password"),
        (wrong_port, Reason.STREAM_UNREACHABLE, "port 9: the connection is refused. Enable ONVIF"),
        (forbidden, Reason.STREAM_FORBIDDEN, "not in an allowed network"),
    ],
)
def test_problems_say_what_to_do(
    camera: OnvifCamera, attempt: Callable[[OnvifCamera], DeviceResult], reason: Reason, words: str
) -> None:
    found = attempt(camera)
    assert (found.answers, found.reason) == (False, reason), found
    assert words in found.message
    assert camera.password not in found.model_dump_json()


def test_other_servers_are_no_onvif_devices() -> None:
    """A web server without ONVIF, and a server that speaks no HTTP, as an RTSP port does."""
    with http_server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!") as port:
        found = inspect(DeviceAddress("127.0.0.1", port, "u", "secret"), LOCAL)
        assert found.reason is Reason.STREAM_NOT_FOUND
        assert f"No ONVIF service answers at port {port} (HTTP status 404). Enable ONVIF" in found.message
    with http_server(b"RTSP/1.0 400 Bad Request\r\n\r\n") as port:
        found = inspect(DeviceAddress("127.0.0.1", port, "u", "secret"), LOCAL)
        assert found.reason is Reason.STREAM_NOT_FOUND
        assert f"Port {port} of the device does not speak HTTP" in found.message


def test_digest_by_http_is_answered(camera: OnvifCamera) -> None:
    camera.requires_http_digest = True
    assert ask(camera).answers
    assert ask(camera, password="wrong").reason is Reason.STREAM_UNAUTHORIZED


@contextmanager
def http_server(answer: bytes) -> Iterator[int]:
    """Answer each connection with these bytes, and close it."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
