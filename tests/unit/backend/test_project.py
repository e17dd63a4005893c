"""The Django project: headers, probes, metrics, configuration, schema, migrations."""

import os
import secrets
import subprocess
import sys
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tzdata
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import Client
from gunicorn.config import Config
from tests.unit.backend.conftest import Party

from surveillance.credentials import CredentialsUnreadableError, decrypt, encrypt
from surveillance_backend import gunicorn_conf
from surveillance_backend.checks import configuration_errors
from surveillance_backend.environment import Environment, load

BACKEND = Path(__file__).parents[3] / "backend"
SCHEMA = Path(__file__).parents[3] / "docs/openapi.yaml"


def test_every_answer_has_the_headers(anna: Party) -> None:
    for answer in (anna.client.get("/api/cameras/"), Client().get("/healthz"), Client().get("/nothing-here")):
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"


def test_http_redirects_browsers_but_not_programs(db: None, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/dashboard/").status_code == 301
    assert Client().get("/healthz").status_code == 200
    assert Client().get("/api/cameras/").status_code == 401


def test_healthz_says_which_time_zone_database_is_in_use() -> None:
    assert Client().get("/healthz").json() == {"status": "ok", "time_zone_database": tzdata.IANA_VERSION}


def test_gunicorn_settings_are_valid_and_open_no_control_socket() -> None:
    config = Config()
    ours = vars(gunicorn_conf)
    not_settings = {name for name, value in ours.items() if isinstance(value, ModuleType) or name.startswith("_")}
    unknown = ours.keys() - not_settings - config.settings.keys()
    assert not unknown, "gunicorn ignores a name that it does not know"
    assert ours["control_socket_disable"] is True


def test_unknown_host_is_rejected(db: None, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["vigil.example"]
    assert Client().get("/api/cameras/", HTTP_HOST="evil.example").status_code == 400
    assert Client().get("/api/cameras/", HTTP_HOST="vigil.example").status_code == 401


@pytest.mark.parametrize(
    ("path", "accept"), [("/api/cameras/", "text/html"), ("/dashboard/", "application/json"), ("/api/token/", "*/*")]
)
def test_unknown_host_error_names_the_setting_for_programs(db: None, settings: Any, path: str, accept: str) -> None:
    settings.ALLOWED_HOSTS = ["vigil.example"]
    answer = Client().get(path, headers={"host": "evil.example", "accept": accept})
    assert answer.status_code == 400
    assert answer.json() == {
        "code": "host_not_allowed",
        "detail": "This host name is not allowed. Set HOST= for `make run`, VIGIL_PUBLIC_URL behind a reverse proxy, "
        "or add the name to VIGIL_ALLOWED_HOSTS; then restart the backend.",
    }


@pytest.mark.parametrize("secure", [True, False])
def test_unknown_host_page_names_the_setting_and_leaks_nothing(db: None, settings: Any, secure: bool) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["vigil.internal"], True
    answer = Client().get("/dashboard/", headers={"host": "evil.test", "accept": "text/html"}, secure=secure)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "Vigil does not accept requests for the host name or address in your browser's address bar." in text
    for setting in ("make run HOST=0.0.0.0", "VIGIL_PUBLIC_URL=https://vigil.example", "VIGIL_ALLOWED_HOSTS="):
        assert f"<code>{setting}" in text
    assert "evil.test" not in text
    assert "vigil.internal" not in text
    assert not answer.cookies
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/api/camera/", "/api/cameras/1/recordings/now.mp4"])
def test_unknown_api_url_error_is_json(db: None, path: str) -> None:
    answer = Client().get(path, headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert answer.json() == {"detail": "The API has no such URL. GET /api/schema/ returns all its URLs."}
    assert "text/html" in Client().get("/dashboard/nowhere/").headers["Content-Type"]


def test_other_bad_requests_keep_djangos_response(db: None, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 1
    answer = Client().post("/dashboard/login/", {"a": "1", "b": "2"})
    assert answer.status_code == 400
    assert b"HOST" not in answer.content


@pytest.mark.parametrize(
    ("public_url", "host", "origin"),
    [
        ("https://vigil.example/", "vigil.example", "https://vigil.example"),
        ("https://vigil.example:8443", "vigil.example", "https://vigil.example:8443"),
        ("https://[fd00::7]:8000", "[fd00::7]", "https://[fd00::7]:8000"),
    ],
)
def test_the_public_url_allows_its_host_and_origin(
    monkeypatch: pytest.MonkeyPatch, public_url: str, host: str, origin: str
) -> None:
    monkeypatch.setenv("VIGIL_PUBLIC_URL", public_url)
    monkeypatch.delenv("VIGIL_ALLOWED_HOSTS", raising=False)
    environment = load()
    assert environment.hosts == ("localhost", "127.0.0.1", host)
    assert environment.trusted_origins == (origin,)
    monkeypatch.setenv("VIGIL_PUBLIC_URL", "")
    assert load().trusted_origins == ()


def test_probes(db: None, settings: Any, media: Path) -> None:
    assert Client().get("/readyz").json() == {"status": "ok"}
    media.rmdir()
    media.write_text("no directory")
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["storage"].startswith("not writable")


def test_metrics_count_alerts_by_type(alert: Any) -> None:
    text = Client().get("/metrics").content.decode()
    assert 'vigil_alerts_total{type="person"}' in text
    assert "vigil_alert_ingest_seconds_bucket" in text
    assert "Gate" not in text


def test_schema_is_the_committed_one(tmp_path: Path) -> None:
    fresh = tmp_path / "openapi.yaml"
    call_command("spectacular", "--file", str(fresh), "--validate", "--fail-on-warn", stdout=StringIO())
    assert fresh.read_text() == SCHEMA.read_text(), "run `make schema` and commit docs/openapi.yaml"


def test_settings_of_production_pass_the_deployment_check(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VIGIL_")}
    environment |= {
        "VIGIL_SECRET_KEY": secrets.token_urlsafe(50),
        "VIGIL_CREDENTIAL_KEYS": Fernet.generate_key().decode(),
        "VIGIL_DATA_DIR": str(tmp_path),
        "VIGIL_ALLOWED_HOSTS": "vigil.example",
        "VIGIL_BEHIND_TLS_PROXY": "1",
    }
    finished = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=BACKEND,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "no issues (0 silenced)" in finished.stdout


def test_models_have_their_migrations(db: None) -> None:
    call_command("makemigrations", "--check", "--dry-run", stdout=StringIO())


def test_configuration_errors_are_named(settings: Any) -> None:
    assert configuration_errors() == []
    settings.SECRET_KEY = ""
    settings.VIGIL_CREDENTIAL_KEYS = ()
    assert {error.id for error in configuration_errors()} == {"vigil.E001", "vigil.E002"}
    settings.VIGIL_CREDENTIAL_KEYS = ("no key",)
    assert {error.id for error in configuration_errors()} == {"vigil.E001", "vigil.E003"}
    settings.VIGIL_EVIDENCE_KEY = "no key"
    assert {error.id for error in configuration_errors()} == {"vigil.E001", "vigil.E003", "vigil.E006"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VIGIL_DEBUG", "perhaps"),
        ("VIGIL_TOKEN_LIFETIME_DAYS", "0"),
        ("VIGIL_LOG_LEVEL", "LOUD"),
        ("VIGIL_ADMIN_PATH", "no slash"),
    ],
)
def test_invalid_variable_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name) as error:
        load()
    assert value not in str(error.value) or len(value) == 1


def test_invalid_database_url_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "nonsense://user:hunter2@host/x")
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL") as error:
        load().database()
    assert "hunter2" not in str(error.value)


def test_secrets_from_files(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from a file\n")
    keys = tmp_path / "keys"
    keys.write_text("new\nold\n")
    environment = Environment(secret_key_file=file, credential_keys_file=keys, REDIS_URL="redis://h/0\n")
    assert environment.redis == "redis://h/0", "a Secret made by `echo` ends with a line break"
    assert environment.secret_key_text == "from a file"
    assert environment.credential_key_list == ("new", "old")
    with pytest.raises(ImproperlyConfigured, match="VIGIL_SECRET_KEY_FILE"):
        _ = Environment(secret_key_file=tmp_path / "none").secret_key_text


def test_environment_shows_no_secret() -> None:
    shown = repr(
        Environment(secret_key="hunter2", credential_keys="hunter2", DATABASE_URL="postgres://u:hunter2@h/x")
    )
    assert "hunter2" not in shown


def test_keys_rotate(settings: Any) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.VIGIL_CREDENTIAL_KEYS = (old,)
    stored = encrypt("rtsp://u:p@h/1")
    settings.VIGIL_CREDENTIAL_KEYS = (new, old)
    assert decrypt(stored) == "rtsp://u:p@h/1"
    again = encrypt(decrypt(stored))
    settings.VIGIL_CREDENTIAL_KEYS = (new,)
    assert decrypt(again) == "rtsp://u:p@h/1"
    with pytest.raises(CredentialsUnreadableError):
        decrypt(stored)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_write_to_a_url_without_its_slash_names_the_url(method: str) -> None:
    """A redirect made clients send a GET, whose answer looked like a success."""
    answer = getattr(Client(), method)("/api/cameras")
    assert (answer.status_code, answer.json()) == (404, {"detail": "This URL ends with a slash: /api/cameras/"})


@pytest.mark.parametrize("path", ["/api/cameras", "/dashboard/alerts"])
def test_a_read_of_a_url_without_its_slash_is_redirected(path: str) -> None:
    answer = Client().get(f"{path}?state=all")
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{path}/?state=all")
