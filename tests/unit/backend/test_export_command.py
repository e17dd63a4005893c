"""`vigil export`, and the way back by `vigil import vigil`, against the backend's own API."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.docs.yaml_checks import yaml_problem
from tests.unit.backend.conftest import Party
from tests.unit.backend.vigil_command import RunVigil, run

from surveillance.core.camera_fields import WRITABLE
from surveillance.models import Camera
from vigil_apps.notifications.models import Subscription
from vigil_apps.notifications.services.subscriptions import target_of
from vigil_apps.sites.models import Site
from vigil_contracts.detection import Detection
from vigil_contracts.recording import RecordingSettings
from vigil_operator.core.specs import parse_camera_spec

__all__ = ["run"]

DETECTION = {
    "classes": ["person"],
    "stream_path": "/sub?channel=1",
    "zones": [{"name": "Drive", "points": [[0, 0.5], [1, 0.5], [1, 1]]}],
    "rules": [{"name": "stay", "type": "loitering", "zone": "Drive", "seconds": 30}],
    "schedule": {"time_zone": "Europe/Berlin", "windows": [{"days": ["mon"], "start": "20:00", "end": "06:00"}]},
    "motion_masks": [[[0, 0], [0.2, 0], [0.2, 0.1]]],
}

RECORDING = {"mode": "motion", "seconds_before": 3.0, "days": 5}


@pytest.fixture
def cameras(anna: Party, site: Site) -> list[Camera]:
    """Anna's cameras; «Gate» is in a site."""
    for values in (
        {"name": "Höf 2", "rtsp_url": "rtsp://u:p%23w@10.0.0.2:554/live?channel=1", "retention_days": 9},
        {
            "name": "hof 2",
            "rtsp_url": "rtsp://10.0.0.3/live",
            "transport": "udp",
            "is_active": False,
            "recording": RECORDING,
        },
        {"name": "Old", "rtsp_url": "rtsp://10.0.0.4/user=u_password=Pa55word_channel=1", "group": "yard"},
    ):
        body = {"is_active": True, "detection": DETECTION, **values}
        assert anna.client.post("/api/cameras/", body, format="json").status_code == 201
    return list(Camera.objects.order_by("id"))


@pytest.fixture
def pipeline_file(pipeline: Party, tmp_path: Path) -> str:
    """The file of a token that may read credentials."""
    (tmp_path / "pipeline-token").write_text(pipeline.token)
    return str(tmp_path / "pipeline-token")


def _settings() -> dict[str, dict[str, object]]:
    return {camera.name: {name: getattr(camera, name) for name in WRITABLE} for camera in Camera.objects.all()}


def test_export_with_credentials_restores_everything(
    run: RunVigil, cameras: list[Camera], pipeline_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, secret = _settings(), tmp_path / "credentials.yaml"
    secret.write_text("old")
    secret.chmod(0o644)
    assert run("export", "--credentials", str(secret), "--pipeline-token-file", pipeline_file) == 0
    exported = capsys.readouterr()
    for password in ("Pa55word", "p%23w", "p#w"):
        assert password not in exported.out + exported.err
    assert secret.stat().st_mode & 0o777 == 0o600
    (tmp_path / "cameras.yaml").write_text(exported.out)

    assert run("import", "vigil", str(tmp_path / "cameras.yaml")) == 0
    assert "4 cameras: 0 added, 0 changed, 4 unchanged" in capsys.readouterr().out

    Camera.objects.all().delete()
    assert run("import", "vigil", str(tmp_path / "cameras.yaml")) == 1
    shown = capsys.readouterr().out
    assert "Gate: rtsp_url: holds *** in place of the credentials; enter the user and password again" in shown
    assert not Camera.objects.exists()

    assert run("import", "vigil", str(tmp_path / "cameras.yaml"), "--credentials", str(secret)) == 0
    assert "4 cameras: 4 added" in capsys.readouterr().out
    assert _settings() == before


def test_credentials_of_inactive_cameras_are_reported(
    run: RunVigil, camera: Camera, pipeline_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Camera.objects.update(is_active=False)
    file = str(tmp_path / "credentials.yaml")
    assert run("export", "--credentials", file, "--pipeline-token-file", pipeline_file) == 1
    shown = capsys.readouterr().err
    assert shown == (
        "vigil: Gate: its credentials are not exported: the camera is inactive, or the token may not read them\n"
    )


def test_token_of_a_user_reads_no_credentials(
    run: RunVigil, camera: Camera, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "credentials.yaml"
    assert run("export", "--credentials", str(file), "--pipeline-token-file", str(tmp_path / "token")) == 1
    assert "Pa55word" not in file.read_text()
    assert "Gate: its credentials are not exported" in capsys.readouterr().err


def test_resources_are_accepted_by_the_cluster(
    run: RunVigil, cameras: list[Camera], pipeline_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secrets.yaml"
    more = ("--credentials", str(secret), "--pipeline-token-file", pipeline_file)
    assert run("export", "--kubernetes", "--namespace", "yard", *more) == 1
    shown = capsys.readouterr()
    assert shown.err == "vigil: Camera resources have no field for group, site\n"
    assert shown.out.startswith("# Sites and subscriptions are not Kubernetes resources")
    assert yaml_problem(shown.out) is None
    resources = list(yaml.safe_load_all(shown.out))
    assert [one["metadata"]["name"] for one in resources] == ["gate", "h-f-2", "old", "hof-2"]
    specs = {one["spec"]["displayName"]: parse_camera_spec("x", one["spec"]) for one in resources}
    assert specs["hof 2"].detection == Detection.model_validate(DETECTION)
    assert specs["hof 2"].recording == RecordingSettings.model_validate(RECORDING)
    assert (specs["hof 2"].stream.transport, specs["hof 2"].active) == ("udp", False)
    assert specs["Old"].stream.url == "rtsp://10.0.0.4/user={username}_password={password}_channel=1"

    secrets = {one["metadata"]["name"]: one["stringData"] for one in yaml.safe_load_all(secret.read_text())}
    assert secrets == {
        "gate-credentials": {"username": "root", "password": "Pa55word"},
        "h-f-2-credentials": {"username": "u", "password": "p#w"},
        "old-credentials": {"username": "u", "password": "Pa55word"},
    }
    assert "Pa55word" not in shown.out


def test_resources_without_known_credentials_are_left_out(
    run: RunVigil, cameras: list[Camera], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", "--kubernetes") == 1
    shown = capsys.readouterr()
    assert "vigil: Old: its URL has credentials in the path or query, which a resource must not contain" in shown.err
    names = [one["metadata"]["name"] for one in yaml.safe_load_all(shown.out)]
    assert names == ["gate", "hof-2"]


WEBHOOK = {"url": "https://hooks.example/t0ken", "secret": "whsec_" + "A" * 32}
FILTERED = {
    "alert_types": ["fire"],
    "minimum_confidence": 0.5,
    "schedule": DETECTION["schedule"],
    "messages_per_hour": None,
    "digest_minutes": 5,
}


@pytest.fixture
def subscriptions(anna: Party, camera: Camera, site: Site) -> None:
    """Anna's subscriptions: one has secrets, one has none and is for CloudEvents, one belongs to a browser."""
    for body in (
        {"name": "Nights", "channel": "webhook", "target": WEBHOOK, "cameras": [camera.pk], **FILTERED},
        {
            "name": "Events",
            "channel": "mqtt",
            "format": "cloudevents",
            "target": {"url": "mqtt://broker.example", "topic": "vigil/events"},
            "sites": [site.pk],
            "is_active": False,
        },
    ):
        answer = anna.client.post("/api/notifications/", body, format="json")
        assert answer.status_code == 201, answer.json()
    browser = json.dumps({"endpoint": "https://push.example/k3y", "keys": {"p256dh": "k3y", "auth": "k3y"}})
    Subscription.objects.create(user=anna.user, name="Phone", channel="web_push", target=browser)


def _subscriptions() -> dict[str, Any]:
    """Return what must be the same after a restore, with names in place of ids."""
    cameras, sites = dict(Camera.objects.values_list("id", "name")), dict(Site.objects.values_list("id", "name"))
    return {
        one.name: (
            target_of(one),
            [cameras[key] for key in one.cameras],
            [sites[key] for key in one.sites],
            *(one.channel, one.format, one.is_active, one.alert_types, one.minimum_confidence, one.schedule),
            *(one.messages_per_hour, one.digest_minutes),
        )
        for one in Subscription.objects.exclude(channel="web_push")
    }


def test_subscriptions_are_restored_once_their_secrets_are_filled_in(
    run: RunVigil, subscriptions: None, pipeline_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, secret, file = _subscriptions(), tmp_path / "credentials.yaml", tmp_path / "vigil.yaml"
    assert run("export", "--credentials", str(secret), "--pipeline-token-file", pipeline_file) == 0
    exported = capsys.readouterr()
    assert exported.err == (
        f"vigil: subscription Nights: fill in target.url, target.secret in {secret}; the API does not return it\n"
    )
    for value in ("t0ken", "whsec_", "k3y"):
        assert value not in exported.out + secret.read_text()
    assert "# Not contained, since each belongs to one browser: Phone\n" in exported.out
    file.write_text(exported.out)
    arguments = ("import", "vigil", str(file), "--credentials", str(secret))

    assert run(*arguments) == 0
    assert "2 subscriptions: 0 added, 0 changed, 2 unchanged\n" in capsys.readouterr().out

    for model in (Subscription, Camera, Site):
        model.objects.all().delete()
    assert run(*arguments, "--dry-run", "--output", "json") == 1
    report = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["result"]) for one in report["subscriptions"]] == [
        ("Nights", "not added"),
        ("Events", "added"),
    ]
    assert not Subscription.objects.exists()

    assert run(*arguments) == 1
    shown = capsys.readouterr().out
    assert "Subscription Nights: not added: target.url: holds *** in place of what the API does not return" in shown
    assert "2 subscriptions: 1 added, 0 changed, 0 unchanged, 1 not added\n" in shown

    credentials = yaml.safe_load(secret.read_text())
    secret.write_text(yaml.safe_dump({**credentials, "subscriptions": {"Nights": WEBHOOK}}))
    assert run(*arguments) == 0
    assert "2 subscriptions: 1 added, 0 changed, 1 unchanged\n" in capsys.readouterr().out
    assert _subscriptions() == before
    assert run(*arguments) == 0
    assert "2 subscriptions: 0 added, 0 changed, 2 unchanged\n" in capsys.readouterr().out


def test_subscription_that_the_api_refuses_prevents_no_other(
    run: RunVigil, subscriptions: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export") == 0
    document = yaml.safe_load(capsys.readouterr().out)
    nights, events = document["subscriptions"]
    nights["target"] = {**WEBHOOK, "url": "https://10.0.0.1/t0ken"}
    events["digest_minutes"], events["is_active"] = 0, True
    (tmp_path / "vigil.yaml").write_text(yaml.safe_dump(document))
    assert run("import", "vigil", str(tmp_path / "vigil.yaml")) == 1
    shown = capsys.readouterr().out
    assert "Subscription Nights: not changed: target.url: must not lead to this server" in shown
    assert "2 subscriptions: 0 added, 1 changed, 0 unchanged, 1 not changed\n" in shown
    assert "t0ken" not in shown
    assert Subscription.objects.get(name="Events").is_active
    assert target_of(Subscription.objects.get(name="Nights")).model_dump() == WEBHOOK


def test_invalid_subscription_prevents_the_import(
    run: RunVigil, camera: Camera, subscriptions: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export") == 0
    document = yaml.safe_load(capsys.readouterr().out)
    document["cameras"][0]["is_active"] = False
    document["subscriptions"][0]["digest_minutes"] = -1
    (tmp_path / "vigil.yaml").write_text(yaml.safe_dump(document))
    assert run("import", "vigil", str(tmp_path / "vigil.yaml")) == 1
    assert "subscriptions[0].digest_minutes: Input should be greater than or equal to 0" in capsys.readouterr().out
    camera.refresh_from_db()
    assert camera.is_active
