"""Requests to the API about the cameras to analyse."""

import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from pydantic import ValidationError

from cctv.runtime.api import Api
from cctv.runtime.poll import REFUSED_SECONDS, OneCamera, Poller
from vigil_contracts.api_client import ActiveCameras, ApiError, Fetched
from vigil_contracts.camera import CameraConfiguration

CAMERA = CameraConfiguration(id=3, name="yard", rtsp_url="rtsp://h/", revision="1")


class Answers:
    """Stands for the API: answers in turn; an `ApiError` is raised."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    def call(self, _: Callable[..., Any]) -> Any:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def asked(*answers: Any) -> OneCamera:
    return OneCamera(cast("Api", Answers(*answers)), 3)


def test_one_camera_active_unchanged_deleted_and_back() -> None:
    ask = asked(Fetched([CAMERA], "a"), Fetched(None, "a"), ApiError("404", status=404), Fetched(CAMERA, "b"))

    assert ask() is not None
    assert ask() is None
    assert ask() == ActiveCameras(())
    assert ask() == ActiveCameras((CAMERA,))


def test_one_camera_with_an_invalid_configuration() -> None:
    with pytest.raises(ValidationError) as raised:
        CameraConfiguration.model_validate({"id": 3, "name": "yard", "revision": "2"})
    ask = asked(Fetched(CAMERA, "a"), raised.value, Fetched(CAMERA, "b"))

    assert ask() == ActiveCameras((CAMERA,))
    assert ask() == ActiveCameras((), frozenset({3}), {3: "rtsp_url: Field required"})
    assert ask() == ActiveCameras((CAMERA,))


def test_rejected_token_may_be_replaced_within_two_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    ask = asked(*[ApiError("401", status=401)] * 3)

    with pytest.raises(ApiError):
        ask()
    clock[0] += REFUSED_SECONDS - 1
    with pytest.raises(ApiError):
        ask()
    clock[0] += 2
    assert ask() == ActiveCameras(())


def test_api_outage_changes_nothing() -> None:
    wanted: list[ActiveCameras] = []
    answers: list[Any] = [ActiveCameras((CAMERA,)), ApiError("no answer"), ValueError("nonsense"), None]

    def ask() -> ActiveCameras | None:
        answer = answers.pop(0)
        if not answers:
            poller.stop()
        if isinstance(answer, Exception):
            raise answer
        return cast("ActiveCameras | None", answer)

    poller = Poller(ask, wanted.append, 0.01, lambda: None)
    assert not poller.has_answer
    poller.run()

    assert wanted == [ActiveCameras((CAMERA,))]
    assert poller.has_answer


@pytest.mark.timeout(10)
def test_poller_waits_for_a_notice_while_it_is_notified() -> None:
    asked: list[float] = []

    def ask() -> ActiveCameras | None:
        asked.append(time.monotonic())
        if len(asked) == 2:
            poller.stop()
        else:
            threading.Timer(0.2, poller.ask_now).start()
        return None

    poller = Poller(ask, lambda _: None, 0.01, lambda: None, is_notified=lambda: True)
    poller.run()
    assert 0.1 < asked[1] - asked[0] < 5
