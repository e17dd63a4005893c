"""The page of a camera's recordings."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

from surveillance.models import Camera
from vigil_apps.dashboard.recordings import until_of
from vigil_apps.recordings.models import RecordedSpan, RecordingGap

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def camera(anna: User) -> Camera:
    """A camera with half an hour of recordings, from two hours ago, and a gap after it."""
    made = Camera.objects.create(user=anna, name="Gate", rtsp_url="rtsp://h/1", recording={"mode": "continuous"})
    begin = ms(NOW - timedelta(hours=2))
    form = {
        "size_bytes": 1,
        "segments": 1,
        "init_id": "0" * 16,
        "init_bytes": 8,
        "codecs": "",
        "width": 1,
        "height": 1,
    }
    for number in range(2):
        start = begin + number * 900_000
        RecordedSpan.objects.create(camera_id=made.pk, start_ms=start, end_ms=start + 900_000, **form)
    RecordingGap.objects.create(
        camera_id=made.pk, start_ms=begin + 1_800_000, end_ms=begin + 2_000_000, reason="StreamTimeout"
    )
    return made


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def page(client: Client, camera: Camera, query: str = "") -> str:
    answer = client.get(f"/dashboard/cameras/{camera.pk}/recordings/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_periods_and_gaps_are_listed_and_a_period_can_be_played(client: Client, camera: Camera) -> None:
    shown = page(client, camera)
    assert "The camera stopped sending video; reconnecting. Check its network and load." in shown
    (link,) = [unescape(found) for found in re.findall(r'href="(\?[^"]*play=[^"]*)"', shown)]
    assert "<td>30 min</td>" in shown
    assert "<video" not in shown
    played = page(client, camera, link.partition("#")[0])
    (source,) = re.findall(r'<video src="([^"]*)"', played)
    query = parse_qs(urlsplit(unescape(source)).query)
    begin, end = (datetime.fromisoformat(query[name][0]) for name in ("from", "to"))
    assert (begin, end - begin) == (NOW - timedelta(hours=2), timedelta(minutes=30))
    assert client.get(unescape(source)).status_code == 404, "its segments do not exist in this test"


def test_other_days_are_reached_and_nothing_recorded_is_said(client: Client, camera: Camera) -> None:
    (earlier,) = [unescape(found) for found in re.findall(r'href="(\?until=[^"&]*)"', page(client, camera))]
    before = page(client, camera, earlier)
    assert "No recordings in these 24 hours" in before
    assert "24 hours later" in before
    Camera.objects.update(recording=None)
    assert "Turn it on in the camera" in page(client, camera, earlier)


@pytest.mark.parametrize(
    "query", ["?until=x", "?until=0001-01-01T00:00:00Z", "?play=x", "?until=2026-01-01", "?until=%00"]
)
def test_a_wrong_parameter_shows_the_newest(client: Client, camera: Camera, query: str) -> None:
    assert "24 hours later" not in page(client, camera, query)


def test_the_future_is_not_shown() -> None:
    assert until_of((NOW + timedelta(days=3)).isoformat(), now=NOW) == NOW
