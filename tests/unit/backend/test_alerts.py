"""Alerts: stored once, rejected with the field's name, visible only to permitted users."""

import io
import json
import struct
import time
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone
from PIL import Image
from rest_framework.serializers import ModelSerializer
from tests.unit.backend.conftest import Party, files_in, picture, send

from surveillance.models import Alert, Camera
from surveillance.representations import AlertSerializer
from vigil_contracts.alert import AlertSubmission, Box
from vigil_contracts.api_client import _send_alert
from vigil_contracts.names import AlertType


def test_alert_is_stored_with_its_image(detector: Party, camera: Camera, media: Path) -> None:
    answer = send(
        detector,
        camera,
        image=picture(),
        zone="door",
        rule="r1",
        track="t7",
        description="A person.",
        zone_seconds="61.5",
    )
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["camera"], shown["camera_name"], shown["alert_type"]) == (camera.pk, "Gate", "person")
    assert shown["box"] == {"x_min": 0.1, "y_min": 0.2, "x_max": 0.3, "y_max": 0.9}
    assert (shown["zone"], shown["zone_seconds"], shown["rule"], shown["track"]) == ("door", 61.5, "r1", "t7")
    assert shown["image"] == f"/api/alerts/{shown['id']}/image/"
    assert shown["acknowledged"] is False
    assert len(files_in(media)) == 1


def test_repeated_event_returns_the_first_alert(detector: Party, camera: Camera, media: Path) -> None:
    first = send(detector, camera, image=picture())
    again = send(detector, camera, image=picture(), confidence="0.5")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Alert.objects.count() == 1
    assert len(files_in(media)) == 1


def test_same_event_id_of_another_camera_is_another_event(pipeline: Party, camera: Camera) -> None:
    other = Camera.objects.create(user=camera.user, name="Other", rtsp_url="rtsp://h/1")
    assert send(pipeline, camera).status_code == 201
    assert send(pipeline, other).status_code == 201


def test_request_of_the_api_client_is_accepted(detector: Party, camera: Camera) -> None:
    submission = AlertSubmission(
        event_id="event-0002",
        camera=camera.pk,
        alert_type=AlertType.LINE_CROSSING,
        confidence=0.5,
        timestamp=datetime(2026, 11, 23, 12, tzinfo=UTC),
        box=Box(x_min=0, y_min=0, x_max=1, y_max=1),
    )
    files = _send_alert(submission, picture()).body["files"]
    form: dict[str, Any] = {name: part[1] for name, part in files.items()}
    form["image"] = io.BytesIO(form["image"])
    answer = detector.client.post("/api/send-alert/", form, format="multipart")
    assert answer.status_code == 201, answer.content
    stored = Alert.objects.get()
    assert (stored.alert_type, stored.box) == ("line_crossing", submission.model_dump()["box"])


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"confidence": "1.5"}, "confidence", "less than or equal to 1"),
        ({"confidence": "-0.1"}, "confidence", "greater than or equal to 0"),
        ({"confidence": "nan"}, "confidence", "finite number"),
        ({"confidence": "high"}, "confidence", "valid number"),
        ({"confidence": None}, "confidence", "required"),
        ({"alert_type": "ufo"}, "alert_type", "'person', 'vehicle'"),
        ({"event_id": "short"}, "event_id", "at least 8"),
        ({"event_id": "spaces are not allowed"}, "event_id", "pattern"),
        ({"timestamp": "yesterday"}, "timestamp", "datetime"),
        ({"timestamp": "2026-11-23T12:00:00"}, "timestamp", "timezone"),
        ({"box": "{"}, "box", "must be JSON"),
        ({"box": '{"x_min": 2, "y_min": 0, "x_max": 1, "y_max": 1}'}, "box.x_min", "less than or equal to 1"),
        ({"description": "x" * 501}, "description", "at most 500"),
        ({"label": "a\x00b"}, "label", "NUL"),
        ({"zone_seconds": "-1"}, "zone_seconds", "greater than or equal to 0"),
        ({"zone_seconds": "inf"}, "zone_seconds", "finite"),
        ({"camera": "front"}, "camera", "valid integer"),
        ({"colour": "red"}, "colour", "not permitted"),
        ({"image": "text"}, "image", "must be sent as a file"),
    ],
)
def test_invalid_field_is_named_and_nothing_is_stored(
    detector: Party, camera: Camera, media: Path, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = send(detector, camera, **changes)
    assert answer.status_code == 400, answer.content
    assert list(answer.json()) == [field]
    assert words in " ".join(answer.json()[field])
    assert not Alert.objects.exists()
    assert not files_in(media)


def _animated_gif() -> bytes:
    return picture(format_name="GIF")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"this is not an image", "is not an image; send a JPEG or PNG"),
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not an image"),
        (_animated_gif(), "is not an image"),
        (picture(640, 480)[:2000], "damaged or incomplete"),
        (picture(4097, 8), "4096 x 4096"),
        (b"\xff\xd8" + b"x" * (2 * 1024 * 1024), "at most 2 MB"),
    ],
)
def test_file_that_is_not_an_image_is_rejected(
    detector: Party, camera: Camera, media: Path, content: bytes, words: str
) -> None:
    answer = send(detector, camera, image=content)
    assert answer.status_code == 400
    assert list(answer.json()) == ["image"]
    assert words in answer.json()["image"][0]
    assert not Alert.objects.exists()
    assert not files_in(media)


def _png_claiming(width: int, height: int) -> bytes:
    """Return a PNG of a few hundred bytes that claims this many pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100_000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [4097, 12_000, 60_000])
def test_decompression_bomb_is_rejected_quickly(detector: Party, camera: Camera, side: int) -> None:
    began = time.process_time()
    answer = send(detector, camera, image=_png_claiming(side, side))
    assert answer.status_code == 400
    assert "4096 x 4096" in answer.json()["image"][0]
    assert time.process_time() - began < 1


def test_stored_image_has_no_metadata(anna: Party, detector: Party, camera: Camera, media: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    content = picture(exif=exif) + b"<script>alert(1)</script>"
    answer = send(detector, camera, image=content)
    assert answer.status_code == 201
    (file,) = files_in(media)
    stored = file.read_bytes()
    assert b"where I live" not in stored
    assert b"<script>" not in stored
    assert "snapshot" not in str(file)
    shown = anna.client.get(answer.json()["image"])
    assert shown.content == stored
    assert shown["Content-Type"] == "image/jpeg"
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert "private" in shown["Cache-Control"]


def test_png_becomes_jpeg(detector: Party, camera: Camera, media: Path) -> None:
    assert send(detector, camera, image=picture(format_name="PNG")).status_code == 201
    (file,) = files_in(media)
    assert file.read_bytes()[:3] == b"\xff\xd8\xff"


def test_image_is_deleted_if_the_row_fails(
    detector: Party, camera: Camera, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Alert:
        assert len(files_in(media)) == 1, "the picture is written before the row"
        raise RuntimeError("the transaction failed")

    monkeypatch.setattr(Alert.objects, "bulk_create", fail)
    assert send(detector, camera, image=picture()).status_code == 500
    assert not files_in(media)


def test_other_database_error_is_not_treated_as_a_repetition(
    detector: Party, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Alert:
        raise IntegrityError("another constraint")

    monkeypatch.setattr(Alert.objects, "bulk_create", fail)
    assert send(detector, camera, image=picture()).status_code == 500


def test_failing_storage_is_503(
    detector: Party, camera: Camera, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media.parent.mkdir(exist_ok=True)
    media.write_text("a file where the directory should be")
    answer = send(detector, camera, image=picture())
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert not Alert.objects.exists()


def test_deleting_a_camera_deletes_its_images(
    anna: Party, alert: Alert, media: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert anna.client.delete(f"/api/cameras/{alert.camera_id}/").status_code == 204
    assert not files_in(media)


def test_detector_may_omit_its_camera(detector: Party, camera: Camera) -> None:
    assert send(detector, camera, camera=None).status_code == 201


def test_json_body_is_rejected(detector: Party) -> None:
    assert detector.client.post("/api/send-alert/", {"a": 1}, format="json").status_code == 415


def test_acknowledging(anna: Party, root: Party, alert: Alert) -> None:
    first = anna.client.post(f"/api/alerts/{alert.pk}/acknowledge/").json()
    assert (first["acknowledged"], first["acknowledged_by"]) == (True, "anna")
    again = root.client.post(f"/api/alerts/{alert.pk}/acknowledge/").json()
    assert (again["acknowledged_by"], again["acknowledged_at"]) == ("anna", first["acknowledged_at"])


def test_bulk_acknowledgement_changes_only_accessible_alerts(anna: Party, ben: Party, alert: Alert) -> None:
    theirs = _rows(Camera.objects.create(user=ben.user, name="b", rtsp_url="rtsp://h/1"), 2)
    ids = [alert.pk, *[row.pk for row in theirs], 987654]
    answer = anna.client.post("/api/alerts/acknowledge/", {"ids": ids})
    assert (answer.status_code, answer.json()) == (200, {"acknowledged": 1})
    assert set(Alert.objects.filter(acknowledged=True)) == {alert}


@pytest.mark.parametrize("ids", [[], ["a"], [-1], None, "1", list(range(1, 1002)), [2**70]])
def test_invalid_ids_name_the_field(anna: Party, alert: Alert, ids: Any) -> None:
    answer = anna.client.post("/api/alerts/acknowledge/", {"ids": ids})
    assert answer.status_code == 400
    assert list(answer.json()) == ["ids"]


def _rows(camera: Camera, count: int, **fields: Any) -> list[Alert]:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    return [
        Alert.objects.create(
            camera=camera,
            event_id=f"row-{camera.pk}-{Alert.objects.count()}",
            timestamp=start + timedelta(hours=number),
            **{"alert_type": "person", "confidence": 0.5, **fields},
        )
        for number in range(count)
    ]


def test_pages_list_every_alert_once_while_new_ones_arrive(anna: Party, camera: Camera) -> None:
    rows = _rows(camera, 25)
    seen: list[int] = []
    url = "/api/alerts/?page_size=10"
    while url:
        page = anna.client.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
        _rows(camera, 1)
    assert seen == [row.pk for row in reversed(rows)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("alert_type=fire", {"fire"}),
        ("alert_type=fire&alert_type=smoke", {"fire", "smoke"}),
        ("minimum_confidence=0.9", {"fire"}),
        ("zone=door", {"smoke"}),
        ("acknowledged=true", {"animal"}),
        ("acknowledged=false&zone=door", {"smoke"}),
        ("after=2026-11-01T05:00:00Z", {"animal"}),
        ("before=2026-11-01T00:00:00Z", set()),
        ("camera=987654", set()),
    ],
)
def test_filters(anna: Party, camera: Camera, query: str, expected: set[str]) -> None:
    _rows(camera, 1, alert_type="fire", confidence=0.95)
    _rows(camera, 1, alert_type="smoke", zone="door")
    _rows(camera, 6, alert_type="animal", acknowledged=True)
    answer = anna.client.get(f"/api/alerts/?{query}")
    assert answer.status_code == 200, answer.content
    assert {row["alert_type"] for row in answer.json()["results"]} == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [("alert_type=ufo", "alert_type"), ("after=soon", "after"), ("minimum_confidence=2", "minimum_confidence")],
)
def test_invalid_filter_is_named(anna: Party, camera: Camera, query: str, field: str) -> None:
    answer = anna.client.get(f"/api/alerts/?{query}")
    assert answer.status_code == 400
    assert list(answer.json()) == [field]


@pytest.mark.parametrize("count", [3, 30])
def test_number_of_queries_is_constant(
    anna: Party, camera: Camera, count: int, django_assert_max_num_queries: Any
) -> None:
    _rows(camera, count, acknowledged=True, acknowledged_by=anna.user)
    for number in range(count):
        Camera.objects.create(user=anna.user, name=f"c{number}", rtsp_url="rtsp://h/1")
    anna.client.get("/api/alerts/")  # records the token's last use
    with django_assert_max_num_queries(3):
        assert len(anna.client.get("/api/alerts/").json()["results"]) == count
    with django_assert_max_num_queries(2):
        anna.client.get("/api/cameras/")


def test_detail(anna: Party, alert: Alert) -> None:
    shown = anna.client.get(f"/api/alerts/{alert.pk}/").json()
    assert shown["event_id"] == alert.event_id
    assert json.dumps(shown)


def test_alert_has_the_values_of_the_serializers_fields(alert: Alert, anna: Party) -> None:
    serializer, now = AlertSerializer(), timezone.now()
    Alert.objects.create(
        camera=alert.camera,
        event_id="event-full",
        alert_type="loitering",
        confidence=1,
        timestamp=now,
        description="Grüße",
        label="person",
        box={"x_min": 0.1, "y_min": 0.2, "x_max": 0.3, "y_max": 0.4},
        track="7",
        zone="gate",
        zone_seconds=12.5,
        rule="r",
        clip="alerts/a.mp4",
        acknowledged=True,
        acknowledged_by=anna.user,
        acknowledged_at=now,
        resolved=True,
        resolved_by=anna.user,
        resolved_at=now,
        is_false_positive=True,
    )
    for one in Alert.objects.all():
        by_fields = ModelSerializer.to_representation(serializer, one)
        assert list(serializer.to_representation(one).items()) == list(dict(by_fields).items())
    with timezone.override("Asia/Tokyo"):
        assert serializer.to_representation(alert) == ModelSerializer.to_representation(serializer, alert)
