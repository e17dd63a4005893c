"""The API conforms to its schema: schemathesis sends valid and invalid requests and checks the responses."""

import os
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest
import schemathesis
import yaml
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from rest_framework.test import APIClient
from schemathesis import checks
from tests.unit.backend.conftest import remember_tokens

from surveillance.models import Alert, Camera
from surveillance.services.detector_tasks import control_begin, device_begin, discovery_begin, probe_camera
from surveillance.services.holds import hold_alert
from vigil_apps.accounts.invitations import invitation_create
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope
from vigil_apps.accounts.services import token_create
from vigil_apps.evidence.cases import case_create, period_add
from vigil_apps.evidence.models import CaseExport
from vigil_apps.identity.services import mapping_create
from vigil_apps.notifications.services.subscriptions import message_create_test, subscription_create
from vigil_apps.sites.services import site_create
from vigil_apps.web import rate_limits
from vigil_contracts.bounds import EARLIEST
from vigil_contracts.device import ControlAction, ControlCommand

SCHEMA = Path(__file__).parents[3] / "docs/openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.load(SCHEMA.read_text(), Loader=yaml.CSafeLoader)
EXAMPLES_EACH = 3


@pytest.fixture
def scene(db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A camera, an alert and all other objects in paths, and a token for each scope."""
    remember_tokens(monkeypatch)
    settings.SECURE_SSL_REDIRECT = False
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.VIGIL_RATES = {"camera": "", "token": "", "address": "", "proxy": "", "probe": "", "control": ""}
    settings.AXES_ENABLED = False
    storage = {"BACKEND": "surveillance.storages.DirectoryStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    rate_limits.forget()
    root = User.objects.create_superuser("root", password="correct horse battery")
    site = site_create(user=root, name="Yard")
    camera = Camera.objects.create(user=root, name="Gate", rtsp_url="rtsp://h/1", is_active=True, site=site)
    alert = Alert.objects.create(
        camera=camera, event_id="event-0001", alert_type="person", confidence=0.9, timestamp=camera.created_at
    )
    token_create(user=root, scope=Scope.USER, name="another")
    invitation = invitation_create(invited_by=root, lifetime=settings.AXES_COOLOFF_TIME).invitation
    subscription = subscription_create(
        user=root, values={"name": "Nights", "channel": "webhook", "target": {"url": "https://hooks.example/4f1c"}}
    )
    case = case_create(user=root, values={"title": "Break-in"})
    item = period_add(case=case, camera=camera, start=EARLIEST, end=EARLIEST + timedelta(hours=1), user=root)
    return {
        "tokens": {
            Scope.USER: token_create(user=root, scope=Scope.USER),
            Scope.CLUSTER_OPERATOR: token_create(user=root, scope=Scope.CLUSTER_OPERATOR),
            Scope.DETECTOR: token_create(user=root, scope=Scope.DETECTOR, camera=camera),
        },
        "ids": {
            "camera_id": camera.pk,
            "start_ms": 1_764_417_600_000,
            "alert_id": alert.pk,
            "site_id": site.pk,
            "user_id": root.pk,
            "token_id": str(AuthToken.objects.get(name="another").public_id),
            "invitation_id": str(invitation.public_id),
            "hold_id": hold_alert(alert=alert, reason="Police report", user=root).pk,
            "case_id": case.pk,
            "item_id": item.pk,
            "export_id": CaseExport.objects.create(case=case).pk,
            "mapping_id": mapping_create(provider="", group="guards", site=site, role="viewer").pk,
            "subscription_id": subscription.pk,
            "message_id": str(message_create_test(subscription=subscription).pk),
            "task_id": str(probe_camera(camera=camera, user=root, now=timezone.now()).pk),
            "probe_id": str(probe_camera(camera=camera, user=root, now=timezone.now()).pk),
            "discovery_id": str(discovery_begin(user=root, now=timezone.now()).pk),
            "device_id": str(device_begin(values={"address": "10.0.0.9"}, user=root, now=timezone.now()).pk),
            "control_id": str(
                control_begin(
                    camera=camera, command=ControlCommand(action=ControlAction.STATUS), user=root, now=timezone.now()
                ).pk
            ),
            "uid": "7f8f9a52-9d5b-4b7e-9d3c-0a4f7e3c1b52",
        },
    }


def _scope(path: str) -> Scope:
    if path.endswith(("/configuration/", "/heartbeat/", "/send-alert/", "/frames/")) or "/errands/" in path:
        return Scope.DETECTOR
    is_operators = path.endswith(("/detector-token/", "/detector-tokens/")) or "/camera-resources/" in path
    return Scope.CLUSTER_OPERATOR if is_operators else Scope.USER


@pytest.fixture
def operations(path: str) -> schemathesis.BaseSchema:
    """The schema of the path's operations."""
    schema = schemathesis.openapi.from_dict({**DOCUMENT, "paths": {path: DOCUMENT["paths"][path]}})
    # Under plain Django, streams only send headers and end at once; other tests read their content.
    schema.app = get_wsgi_application()
    return schema


# Without the fixture, `parametrize` would generate the requests while tests are collected: 20 s in every worker.
@pytest.mark.parametrize("path", DOCUMENT["paths"])
@pytest.mark.usefixtures("scene")  # before the requests are generated
@schemathesis.pytest.from_fixture("operations").parametrize()
@settings(
    max_examples=int(os.environ.get("VIGIL_FUZZ_EXAMPLES", EXAMPLES_EACH)),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.timeout(300)
def test_api_conforms_to_its_schema(case: Any, scene: dict[str, Any]) -> None:
    if _is_left_to_others(case):
        return
    for name, value in scene["ids"].items():
        if name in (case.path_parameters or {}):
            case.path_parameters[name] = value
    headers = {"Authorization": f"Token {scene['tokens'][_scope(case.path)]}"}
    with transaction.atomic():  # each request starts with the same data
        response = case.call(headers=headers)
        transaction.set_rollback(True)
    case.validate_response(response, excluded_checks=LEFT_OUT)


SHARED_PARTS = {
    ("PUT", "/api/cameras/{camera_id}/"): ("detection", 0),
    ("PATCH", "/api/cameras/{camera_id}/"): ("detection", 1),
    ("PUT", "/api/camera-resources/{uid}/"): ("detection", 2),
}
"""Operations that take a camera's settings, of which a thousand requests each are generated.

`POST /api/cameras/` gets all of these. Each of the others gets a third, so that together they get all of them, too.
"""


def _is_left_to_others(case: Any) -> bool:
    part, share = SHARED_PARTS.get((case.method, case.path), ("", 0))
    text = getattr(case.meta.phase.data, "description", None) or ""
    is_shared = part and (text.startswith(f"{part} -> ") or f"'{part}' value" in text)
    return bool(is_shared) and zlib.crc32(text.encode()) % 3 != share


def test_operations_with_a_cameras_settings_share_the_requests() -> None:
    operations = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert set(SHARED_PARTS) <= operations
    texts = {f"detection -> rules: case {number}" for number in range(100)}
    shares = [{text for text in texts if not _is_left_to_others(_case(*each, text))} for each in SHARED_PARTS]
    assert set.union(*shares) == texts
    assert sum(map(len, shares)) == len(texts)
    assert not any(_is_left_to_others(_case("POST", "/api/cameras/", text)) for text in texts)
    assert not any(_is_left_to_others(_case(*each, "recording -> days: case 1")) for each in SHARED_PARTS)


def _case(method: str, path: str, description: str) -> Any:
    data = SimpleNamespace(description=description)
    return SimpleNamespace(method=method, path=path, meta=SimpleNamespace(phase=SimpleNamespace(data=data)))


LEFT_OUT: list[Callable[..., Any]] = [
    # Every endpoint is asked without a token in tests/unit/backend/test_access.py.
    checks.ignored_auth,
    # The schema cannot express dependencies between rules, zones and passwords, or unique names.
    checks.positive_data_acceptance,
    # REST framework and pydantic take 5 for "5" and "true" for true, since forms and query strings hold texts only.
    checks.negative_data_rejection,
]


def _bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            for where, body in {"request": operation.get("requestBody", {}), **operation["responses"]}.items():
                for content in body.get("content", {}).values():
                    yield f"{method} {path} {where}", content


def test_every_body_has_a_valid_example() -> None:
    for name, content in _bodies():
        if content["schema"].get("type") == "string" or name.startswith("get /api/schema/"):
            continue
        assert "example" in content, name
        schema = {**content["schema"], "components": DOCUMENT["components"]}
        jsonschema.Draft202012Validator(schema).validate(content["example"])


HOSTILE = [
    "",
    "a\x00b",
    "a\nb",
    "\ufffe\U0001f525'\"<%",
    "9" * 5000,
    "-1",
    "1e400",
    "NaN",
    "[" * 1000,
    "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00:00+14:00",
    b64encode(b"p=foo").decode(),
    b64encode(b"p=9999-12-31T23:59:59-12:00&o=9").decode(),
]
PARAMETERS = [
    (method, path, parameter["name"], parameter["in"])
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    for parameter in operation.get("parameters", ())
    if parameter["in"] in {"query", "header"}
]


def test_hostile_parameters_cause_no_server_error(scene: dict[str, Any]) -> None:
    assert len(PARAMETERS) > 30
    failed = []
    for method, path, name, place in PARAMETERS:
        token = scene["tokens"][Scope.CLUSTER_OPERATOR if "/active-cameras/" in path else _scope(path)]
        client = APIClient(raise_request_exception=False, HTTP_AUTHORIZATION=f"Token {token}")
        for value in HOSTILE:
            if place == "query":
                answer = getattr(client, method)(f"{path.format(**scene['ids'])}?{urlencode({name: value})}")
            else:
                answer = getattr(client, method)(path.format(**scene["ids"]), headers={name: value})
            if answer.status_code >= 500:
                failed.append((path, name, value[:40]))
    assert failed == []
