"""Import of cameras from CSV, by API and command: all or none, with every error by its line."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from tests.unit.backend.conftest import Party

from surveillance.core.camera_csv import MAX_CAMERAS, MAX_ERRORS, read_cameras
from surveillance.models import Camera
from vigil_apps.audit.models import AuditEntry
from vigil_apps.sites.models import Site
from vigil_contracts.text import NO_NUL

GOOD = "name,rtsp_url,group,is_active\nGate,rtsp://u:Pa55word@10.0.0.1/1,yard,yes\nDoor,rtsp://10.0.0.2/1,,\n"


def _import(party: Party, text: str | bytes, **fields: Any) -> Any:
    file = io.BytesIO(text.encode() if isinstance(text, str) else text)
    file.name = "cameras.csv"
    return party.client.post("/api/cameras/import/", {"file": file, **fields}, format="multipart")


def test_all_cameras_of_a_file_are_added(anna: Party) -> None:
    answer = _import(anna, GOOD)
    assert answer.status_code == 201, answer.content
    gate, door = Camera.objects.order_by("id")
    assert answer.json() == {
        "dry_run": False,
        "cameras": [{"id": gate.pk, "name": "Gate"}, {"id": door.pk, "name": "Door"}],
        "warnings": [],
    }
    assert (gate.user, gate.group, gate.is_active, gate.rtsp_url) == (
        anna.user,
        "yard",
        True,
        "rtsp://u:Pa55word@10.0.0.1/1",
    )
    assert gate.activated_at is not None
    assert (door.group, door.is_active) == ("", False)
    assert AuditEntry.objects.filter(kind="camera", action="created").count() == 2
    assert "Pa55word" not in answer.content.decode()


def test_dry_run_reports_the_same_and_stores_nothing(anna: Party) -> None:
    answer = _import(anna, GOOD, dry_run="true")
    assert answer.status_code == 200
    assert answer.json()["cameras"] == [{"id": None, "name": "Gate"}, {"id": None, "name": "Door"}]
    assert not Camera.objects.exists()
    assert not AuditEntry.objects.filter(kind="camera").exists()
    refused = _import(anna, GOOD.replace("Door", "Gate"), dry_run="true")
    assert refused.status_code == 400


def test_every_error_has_its_line_and_nothing_is_added(anna: Party, site: Site, ben: Party) -> None:
    text = (
        "name,rtsp_url,is_active,site,transport,detection\r\n"
        "One,rtsp://10.0.0.1/1,perhaps,,,\r\n"
        "\r\n"
        '"Two\r\nlines",http://10.0.0.2/,,x,quic,"{"\r\n'
        ",rtsp://10.0.0.3/1,,,,\r\n"
        "Four,rtsp://u:Pa55word@10.0.0.4/1,,,,,,\r\n"
        f"Five,rtsp://10.0.0.5/1,,{site.pk},,\r\n"
        'Six,rtsp://10.0.0.6/1,,,,"{""frames_per_second"": -1}"\r\n'
        "Seven,rtsp://10.0.0.7/1,,,,\r\n"
        "Seven,rtsp://10.0.0.8/1,,,,\r\n"
    )
    before = Camera.objects.count()
    answer = _import(ben, text)
    assert answer.status_code == 400
    errors = [(error["line"], error["field"]) for error in answer.json()["errors"]]
    assert errors == [
        (2, "is_active"),
        (4, "site"),
        (4, "transport"),
        (4, "detection"),
        (6, "name"),
        (7, ""),
        (8, "site"),
        (9, "detection.frames_per_second"),
        (11, "name"),
    ]
    messages = {error["line"]: error["message"] for error in answer.json()["errors"]}
    assert messages[2] == "must be true or false"
    assert messages[6] == "must be filled in"
    assert messages[7] == "has 8 values for 6 columns"
    assert messages[8] == "must be a site of which you are an admin, or null"
    assert messages[11] == "You have a camera with this name already."
    assert "Pa55word" not in answer.content.decode()
    assert Camera.objects.count() == before


def test_admin_imports_into_own_site(anna: Party, site: Site) -> None:
    answer = _import(anna, f"name;rtsp_url;site\nGate 2;rtsp://10.0.0.1/1;{site.pk}\n")
    assert answer.status_code == 201, answer.content
    assert Camera.objects.get(name="Gate 2").site == site


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", 1, "the first line must name each column once: name and rtsp_url; may have site, group"),
        (b"name,rtsp_url,colour\n", 1, "the first line must name each column once"),
        (b"name,name,rtsp_url\n", 1, "the first line must name each column once"),
        (b"name,rtsp_url\n\n", 1, "the file holds no camera below its column names"),
        (b"name,rtsp_url\n\xff,x\n", 1, "the file must be text in UTF-8"),
        (b'name,rtsp_url\n"a,rtsp://h/1\n', 2, "is not valid CSV (unclosed quote?)"),
        (b"name,rtsp_url\n" + b"x" * 2_097_152, 1, "the file must be at most 2 MB"),
        (b"name,rtsp_url\n" + b"a,rtsp://h/1\n" * (MAX_CAMERAS + 1), MAX_CAMERAS + 2, "at most 1000 cameras"),
    ],
)
def test_unreadable_file_is_rejected(content: bytes, line: int, words: str) -> None:
    (error,) = read_cameras(content).errors
    assert error.line == line
    assert words in error.message


def test_spreadsheet_exports_are_read() -> None:
    found = read_cameras('\ufeffName;RTSP_URL;Is_Active;detection\r\n Gäste ;rtsp://h/1;No;"{}"\r\n'.encode())
    assert not found.errors
    assert found.lines[0].values == {"name": "Gäste", "rtsp_url": "rtsp://h/1", "is_active": False, "detection": {}}


def test_no_file_is_400_and_names_the_field(anna: Party) -> None:
    answer = anna.client.post("/api/cameras/import/", {"dry_run": "true"}, format="multipart")
    assert answer.status_code == 400
    assert "file" in answer.json()


def test_command_adds_cameras_or_lists_every_error(anna: Party, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "cameras.csv"
    path.write_text(GOOD)
    call_command("import_cameras", str(path), "--user", "anna", "--dry-run")
    assert capsys.readouterr().out == "2 cameras would be added\n"
    assert not Camera.objects.exists()
    call_command("import_cameras", str(path), "--user", "anna")
    assert capsys.readouterr().out == "2 cameras added\n"
    with pytest.raises(CommandError) as raised:
        call_command("import_cameras", str(path), "--user", "anna")
    assert str(raised.value) == (
        "line 2: name: You have a camera with this name already.\n"
        "line 3: name: You have a camera with this name already.\n"
        "No camera was added."
    )
    with pytest.raises(CommandError, match="there is no active user 'nobody'"):
        call_command("import_cameras", str(path), "--user", "nobody")
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_cameras", str(tmp_path / "none.csv"), "--user", "anna")


def test_detection_settings_of_a_line_are_stored(anna: Party) -> None:
    detection = json.dumps({"classes": ["person"], "minimum_confidence": 0.7}).replace('"', '""')
    answer = _import(anna, f'name,rtsp_url,detection\nGate,rtsp://10.0.0.1/1,"{detection}"\n')
    assert answer.status_code == 201, answer.content
    assert Camera.objects.get().detection["minimum_confidence"] == 0.7


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("a\0b,rtsp://h/1,yard,", "name"),
        ("a,rtsp://h/1,y\0,", "group"),
        ('a,rtsp://h/1,,"{""classes"": [""a\\u0000b""]}"', "detection"),
    ],
)
def test_nul_is_refused_with_its_place(line: str, field: str) -> None:
    (error,) = read_cameras(f"name,rtsp_url,group,detection\n{line}\n".encode()).errors
    assert (error.line, error.field, error.message) == (2, field, NO_NUL)


def test_a_file_of_wrong_lines_has_a_short_answer(anna: Party) -> None:
    """Two bytes each: the answer had 80 MB."""
    refused = _import(anna, "name,rtsp_url\n" + "x\n" * 500_000)
    errors = refused.json()["errors"]
    assert (refused.status_code, len(errors)) == (400, MAX_ERRORS + 1)
    assert errors[-1]["message"] == "there are more errors; correct those above first"
