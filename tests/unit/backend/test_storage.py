"""Images and clips in storage: served by nginx, kept after an uncertain commit, orphans swept."""

import json
import os
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError, transaction
from django.utils import timezone
from pytest_django import Settings
from tests.unit.backend.conftest import APPS, Party, files_in, picture, send

from surveillance import images
from surveillance.models import Alert, Camera
from surveillance_backend.environment import Environment
from surveillance_backend.media_settings import links_origins, media_storages
from surveillance_backend.middleware import policy


def old(path: Path, *, hours: float = 2.0) -> None:
    then = timezone.now().timestamp() - hours * 3600
    os.utime(path, (then, then))


@pytest.mark.django_db(transaction=True, available_apps=APPS)
def test_uncertain_commit_keeps_its_image(
    detector: Party, camera: Camera, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database commits but fails before reporting it: the repeated request finds row and image."""
    leave = transaction.Atomic.__exit__

    def cut(self: Any, *arguments: Any) -> None:
        leave(self, *arguments)
        if not transaction.get_connection().in_atomic_block and Alert.objects.exists():
            monkeypatch.setattr(transaction.Atomic, "__exit__", leave)
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(transaction.Atomic, "__exit__", cut)
    assert send(detector, camera, image=picture()).status_code == 503
    assert send(detector, camera, image=picture()).status_code == 200
    assert images.read(Alert.objects.get().image) is not None
    assert len(files_in(media)) == 1


def test_nginx_serves_files_by_internal_redirect(anna: Party, ben: Party, alert: Alert, settings: Settings) -> None:
    settings.VIGIL_MEDIA_ACCEL_PREFIX = "/protected-media/"
    path = f"/api/alerts/{alert.pk}/image/"
    answer = anna.client.get(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["X-Accel-Redirect"] == f"/protected-media/{alert.image}"
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("image/jpeg", images.CACHE_CONTROL)
    assert "X-Accel-Redirect" not in ben.client.get(path)
    assert ben.client.get(path).status_code == 404
    Alert.objects.update(image="")
    assert anna.client.get(path).status_code == 404


def test_incomplete_bucket_settings_are_rejected(tmp_path: Path) -> None:
    assert media_storages(Environment(s3_bucket="b"))["default"]["OPTIONS"]["access_key"] is None
    with pytest.raises(ImproperlyConfigured, match="VIGIL_S3_SECRET_ACCESS_KEY must be set together"):
        media_storages(Environment(s3_bucket="b", s3_access_key_id="a"))
    with pytest.raises(ImproperlyConfigured, match="VIGIL_S3_CDN_DOMAIN needs VIGIL_S3_CDN_KEY_ID"):
        media_storages(Environment(s3_bucket="b", s3_cdn_domain="media.example"))
    missing = tmp_path / "no.pem"
    with pytest.raises(ImproperlyConfigured, match="VIGIL_S3_CDN_KEY_FILE cannot be read: No such file"):
        media_storages(
            Environment(s3_bucket="b", s3_cdn_domain="m.example", s3_cdn_key_id="k", s3_cdn_key_file=missing)
        )


def test_csp_allows_images_from_the_bucket() -> None:
    assert links_origins(Environment()) == ""
    assert links_origins(Environment(s3_bucket="b", s3_link_seconds=0)) == ""
    assert links_origins(Environment(s3_bucket="b", s3_cdn_domain="m.example")) == "https://m.example"
    own = Environment(s3_bucket="b", s3_endpoint_url="http://s3:9000", s3_public_endpoint_url="https://s3.example")
    assert links_origins(own) == "https://s3.example https://b.s3.example"
    assert "media-src 'self' blob: https://m.example;" in policy("https://m.example")
    assert "img-src 'self' data: blob:;" in policy("")


def test_csp_allows_only_video_from_the_media_server() -> None:
    asked = policy("", "https://m.example:8889/{camera}/whep", "https://h.example/{camera}/index.m3u8")
    assert "connect-src 'self' https://m.example:8889;" in asked
    assert "media-src 'self' blob: https://h.example;" in asked
    assert asked.count("m.example") == asked.count("h.example") == 1


@pytest.mark.django_db(transaction=True, available_apps=APPS)
def test_sweep_deletes_and_reports_only_old_orphans(
    detector: Party, camera: Camera, alert: Alert, media: Path
) -> None:
    now = timezone.now()
    orphan, fresh = (images.save(b"left behind", now=now) for _ in range(2))
    for path in (media / orphan, media / alert.image):
        old(path)
    output = StringIO()
    call_command("sweep_pictures", "--dry-run", stdout=output)
    told = output.getvalue().splitlines()
    assert told[0].split() == ["FILE", "BYTES", "WRITTEN"]
    assert told[1].split()[:2] == [orphan, "11"]
    assert told[2] == "1 of 3 files would be deleted, 0.0 MB"
    assert len(files_in(media)) == 3
    output = StringIO()
    call_command("sweep_pictures", "--output", "json", stdout=output)
    assert [file["key"] for file in json.loads(output.getvalue())["orphans"]] == [orphan]
    assert files_in(media) == sorted([media / fresh, media / alert.image])


@pytest.mark.django_db
def test_empty_folders_of_past_days_are_deleted(media: Path) -> None:
    now = timezone.now()
    key = images.save(b"x", now=now - timedelta(days=40))
    today = (media / images.save(b"x", now=now)).parent
    folder = (media / key).parent
    (media / key).unlink()
    old(folder, hours=80)
    call_command("sweep_pictures", stdout=StringIO())
    assert not folder.exists()
    assert today.exists()


@pytest.mark.parametrize("minutes", ["-5", "99999999999999"])
def test_an_impossible_age_is_refused(minutes: str) -> None:
    with pytest.raises(CommandError, match="--older-than-minutes: must be from 0 to 5256000"):
        call_command("sweep_pictures", "--older-than-minutes", minutes)
