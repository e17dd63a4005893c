"""Events of a camera arrive over real HTTP, each once, through restarts of the camera and a wrong clock."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from tests.cluster.polling import eventually
from tests.integration.services.onvif_camera import OnvifCamera, notification

from cctv.onvif.client import DeviceAddress
from cctv.onvif.listener import EventListener, ReportedEvent
from cctv.streams.faults import StreamFault
from cctv.streams.rtsp_gate import GateOptions
from vigil_contracts.camera_events import CameraEventKind as Kind
from vigil_contracts.names import REASON_TEXTS, Reason

MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"


class Received:
    """What a listener has delivered."""

    def __init__(self) -> None:
        self.events: queue.Queue[ReportedEvent] = queue.Queue()
        self.faults: list[StreamFault | None] = []

    def next(self) -> ReportedEvent:
        return self.events.get(timeout=10)


@contextmanager
def listening(camera: OnvifCamera, options: GateOptions, password: str | None = None) -> Iterator[Received]:
    received = Received()
    address = DeviceAddress("127.0.0.1", camera.port, camera.username, password or camera.password)
    listener = EventListener(7, address, options, received.events.put, received.faults.append)
    listener.start()
    try:
        yield received
    finally:
        listener.stop(0.0)


def motion(value: str, operation: str = "Changed", at: str | None = None) -> str:
    return notification(MOTION, data={"IsMotion": value}, operation=operation, time_text=at)


def test_events_arrive_once_through_a_restart_of_the_camera(camera: OnvifCamera, options: GateOptions) -> None:
    camera.initial = [motion("false", "Initialized")]
    with listening(camera, options) as received:
        eventually(lambda: received.faults == [None], timeout_seconds=10)
        camera.emit(motion("1"))
        first = received.next()
        assert (first.kind, first.description) == (Kind.MOTION, "The camera reports motion.")

        camera.initial = [motion("true", "Initialized")]
        camera.drop_subscriptions()
        eventually(lambda: bool(camera.subscriptions), timeout_seconds=10)
        camera.emit(motion("true"))
        camera.emit(notification("tns1:RuleEngine/LineDetector/Crossed", operation=None, data={"ObjectId": "3"}))
        assert received.next().kind is Kind.LINE_CROSSING, "the motion is the one that was reported before"
        assert received.events.empty()
        assert received.faults == [None], "a subscription that the camera drops is no fault"


def test_time_of_an_event_is_by_our_clock(camera: OnvifCamera, options: GateOptions) -> None:
    camera.clock_offset = timedelta(hours=-3)
    with listening(camera, options) as received:
        eventually(lambda: received.faults == [None], timeout_seconds=10)
        at = camera.now
        camera.emit(motion("true", at=at.isoformat()))
        event = received.next()
        assert abs(event.happened_at - at - timedelta(hours=3)) < timedelta(seconds=2)


def test_wrong_password_is_a_fault_that_says_so(camera: OnvifCamera, options: GateOptions) -> None:
    with listening(camera, options, password="wrong") as received:
        eventually(lambda: bool(received.faults), timeout_seconds=10)
    (fault, *_) = received.faults
    assert fault is not None
    assert fault.reason is Reason.EVENTS_UNAVAILABLE
    assert str(fault).startswith(REASON_TEXTS[Reason.EVENTS_UNAVAILABLE])
    assert "rejects the user name or password" in str(fault)
    assert "wrong" not in str(fault).replace("clock is wrong", "")


def test_stop_cancels_the_subscription(camera: OnvifCamera, options: GateOptions) -> None:
    with listening(camera, options) as received:
        eventually(lambda: received.faults == [None], timeout_seconds=10)
    camera.emit(notification("tns1:VideoSource/MotionAlarm", operation="Initialized", data={"State": "false"}))
    eventually(lambda: not camera.subscriptions, timeout_seconds=10)
    assert "Unsubscribe" in camera.asked
