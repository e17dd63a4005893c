"""The page of a camera's recordings."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

from surveillance.models import Alert, Camera
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
    assert re.search("<td[^>]*>30 min</td>", shown)
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


def data_of(shown: str) -> dict[str, Any]:
    """Return what the page's script receives."""
    (text,) = re.findall(r'<script id="timeline-data" type="application/json">(.*?)</script>', shown)
    return dict(json.loads(text))


def test_up_to_four_visible_cameras_play_in_step(client: Client, anna: User, camera: Camera) -> None:
    made = [Camera.objects.create(user=anna, name=f"Yard {at}", rtsp_url="rtsp://h/1") for at in range(4)]
    foreign = Camera.objects.create(user=User.objects.create(username="ben"), name="Vault", rtsp_url="rtsp://h/1")
    assert [one["name"] for one in data_of(page(client, camera))["cameras"]] == ["Gate"]
    added = f"?with={made[1].pk}&with={foreign.pk}&with={camera.pk}&with=x&with={made[0].pk}"
    shown = page(client, camera, added)
    assert [one["name"] for one in data_of(shown)["cameras"]] == ["Gate", "Yard 1", "Yard 0"]
    assert "Vault" not in shown
    assert "+ Yard 2" in shown, "it can be added"
    assert "+ Yard 1" not in shown
    every = "&".join(f"with={one.pk}" for one in made)
    full = page(client, camera, f"?{every}")
    assert len(data_of(full)["cameras"]) == 4
    assert "+ Yard" not in full


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-20T12:00:00.250Z", 1_795_176_000_250),
        ("2026-11-20T12:00:00", None),
        ("1800-01-01T00:00:00Z", None),
        ("x", None),
        ("", None),
    ],
)
def test_a_link_names_the_time_to_show(client: Client, camera: Camera, text: str, at: int | None) -> None:
    assert data_of(page(client, camera, f"?at={text}"))["at"] == at


def test_an_alert_of_a_recorded_camera_links_to_its_place(client: Client, camera: Camera) -> None:
    alert = Alert.objects.create(
        camera=camera, event_id="event-0001", alert_type="person", confidence=0.9, timestamp=NOW
    )
    (link,) = re.findall(r'href="([^"]*recordings/\?at=[^"]*)"', alert_page(client, alert))
    assert parse_qs(urlsplit(unescape(link)).query)["at"] == [NOW.isoformat()]
    Camera.objects.update(recording={"mode": "off"})
    assert "recordings/?at=" not in alert_page(client, alert)


def alert_page(client: Client, alert: Alert) -> str:
    return client.get(f"/dashboard/alerts/{alert.pk}/").content.decode()


def test_the_future_is_not_shown() -> None:
    assert until_of((NOW + timedelta(days=3)).isoformat(), now=NOW) == NOW
