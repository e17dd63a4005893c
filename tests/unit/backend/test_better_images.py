"""A better image replaces the image of an alert; nothing else changes, and the old file is deleted."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from tests.unit.backend.conftest import APPS, Party, files_in, picture

from surveillance import images
from surveillance.models import Alert, Camera
from vigil_contracts.alert import Box, ImageSubmission
from vigil_contracts.api_client import _send_image

BOX = {"x_min": 0.2, "y_min": 0.1, "x_max": 0.6, "y_max": 1.0}


def send_image(sender: Party, camera: Camera, content: bytes | None, /, **changes: Any) -> Any:
    fields: dict[str, Any] = {
        "event_id": "event-0001",
        "camera": str(camera.pk),
        "box": json.dumps(BOX),
        **changes,
    }
    if content is not None:
        fields["image"] = io.BytesIO(content)
        fields["image"].name = "snapshot.jpg"
    return sender.client.post("/api/send-picture/", fields, format="multipart")


@pytest.mark.django_db(transaction=True, available_apps=APPS)
def test_better_image_replaces_the_first(
    anna: Party, detector: Party, camera: Camera, alert: Alert, media: Path
) -> None:
    path = f"/api/alerts/{alert.pk}/image/"
    before, row = anna.client.get(path), anna.client.get(f"/api/alerts/{alert.pk}/").json()
    assert anna.client.get(path, headers={"If-None-Match": before["ETag"]}).status_code == 304

    for _ in range(2):  # a detector that was killed at the wrong moment sends it again
        answer = send_image(detector, camera, picture(80, 60))
        assert answer.status_code == 200
        assert answer.json() == {**row, "box": BOX}
        assert len(files_in(media)) == 1, "the former picture is gone"

    after = anna.client.get(path, headers={"If-None-Match": before["ETag"]})
    assert (after.status_code, after.content) == (200, files_in(media)[0].read_bytes())
    assert after.content != before.content
    assert "immutable" not in after["Cache-Control"]
    thumbnail = anna.client.get(f"/dashboard/alerts/{alert.pk}/thumbnail/")
    assert thumbnail.status_code in {200, 302}, "signed in or not, it is asked for by its alert"


def test_alert_without_an_image_gets_one(detector: Party, camera: Camera, media: Path) -> None:
    Alert.objects.create(
        camera=camera, event_id="event-0001", alert_type="person", confidence=0.9, timestamp=timezone.now()
    )
    answer = send_image(detector, camera, picture())
    assert answer.json()["image"].endswith("/image/")
    assert len(files_in(media)) == 1


def test_image_without_its_alert_is_rejected_permanently(
    detector: Party, pipeline: Party, camera: Camera, media: Path
) -> None:
    answer = send_image(detector, camera, picture())
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "No alert exists for this event; send the alert first.",
    )
    other = Camera.objects.create(user=camera.user, name="Other", rtsp_url="rtsp://h/1")
    assert send_image(detector, other, picture()).status_code == 404
    assert send_image(pipeline, other, picture()).status_code == 409
    assert not files_in(media)


@pytest.mark.parametrize(
    ("image", "changes", "field", "words"),
    [
        (None, {}, "image", "must be sent, as a file"),
        (None, {"image": "text"}, "image", "must be sent as a file"),
        (b"no picture", {}, "image", "JPEG or PNG"),
        (picture(), {"box": "big"}, "box", "must be JSON"),
        (picture(), {"box": '{"x_min": 2}'}, "box.x_min", "less than or equal to 1"),
        (picture(), {"event_id": "x"}, "event_id", "at least 8 characters"),
    ],
)
def test_invalid_fields_are_named_and_change_nothing(
    detector: Party,
    camera: Camera,
    alert: Alert,
    media: Path,
    image: bytes | None,
    changes: dict[str, str],
    field: str,
    words: str,
) -> None:
    answer = send_image(detector, camera, image, **changes)
    assert answer.status_code == 400
    assert any(words in text for text in answer.json()[field])
    alert.refresh_from_db()
    assert [images.read(alert.image)] == [path.read_bytes() for path in files_in(media)]


def test_old_image_is_kept_if_the_row_fails(
    detector: Party, camera: Camera, alert: Alert, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        assert len(files_in(media)) == 2, "the new picture is written first"
        raise RuntimeError("the transaction failed")

    monkeypatch.setattr(Alert, "save", fail)
    assert send_image(detector, camera, picture()).status_code == 500
    assert [images.read(alert.image)] == [path.read_bytes() for path in files_in(media)]


def test_request_of_the_api_client_is_accepted(detector: Party, camera: Camera, alert: Alert) -> None:
    submission = ImageSubmission(event_id=alert.event_id, camera=camera.pk, box=Box(**BOX))
    files = _send_image(submission, picture()).body["files"]
    form: dict[str, Any] = {name: part[1] for name, part in files.items()}
    form["image"] = io.BytesIO(form["image"])
    form["image"].name = files["image"][0]
    assert detector.client.post("/api/send-picture/", form, format="multipart").json()["box"] == BOX
