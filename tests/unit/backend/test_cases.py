"""Cases: who sees them, what they keep, and exports as background jobs."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings
from tests.unit.backend import test_evidence
from tests.unit.backend.conftest import Party, files_in, member, picture, send
from tests.unit.backend.test_evidence import at
from tests.unit.backend.test_recordings import no_pause

from surveillance.models import Alert, Camera, LegalHold
from surveillance.services.housekeeping import housekeeping_turn
from surveillance.services.retention import retention_apply
from vigil_apps.audit.models import AuditEntry
from vigil_apps.evidence import jobs, wake
from vigil_apps.evidence.background import Exporter
from vigil_apps.evidence.core.keys import new_key
from vigil_apps.evidence.exports import exports_expire, exports_sweep
from vigil_apps.evidence.models import Case, CaseExport, CaseItem
from vigil_apps.recordings.models import RecordedSegment
from vigil_apps.recordings.retention import recordings_retain
from vigil_apps.sites.models import Site
from vigil_apps.sites.roles import Role
from vigil_contracts.evidence_verifier import problems_of, public_key_of

clip, recorded = test_evidence.clip, test_evidence.recorded  # fixtures
AFTER = datetime(2028, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def signing_key(settings: Settings, media: Path) -> None:
    settings.VIGIL_EVIDENCE_KEY = new_key()


def post(by: Party, path: str, body: dict[str, Any] | None = None, status: int = 201) -> Any:
    answer = by.client.post(f"/api/cases/{path}", body or {}, format="json")
    assert answer.status_code == status, answer.content
    return answer.json() if answer.content else None


def open_case(by: Party, **fields: Any) -> int:
    return int(post(by, "", {"title": "Break-in", "reference": "4711/26", **fields})["id"])


def add_period(by: Party, case: int, camera: Camera, first: float = 0, last: float = 30, status: int = 201) -> Any:
    return post(by, f"{case}/items/", {"camera": camera.pk, "start": at(first), "end": at(last)}, status)


def make_exports() -> int:
    return jobs.exports_turn(clock=timezone.now)


def archive_of(by: Party, case: int, export: int) -> zipfile.ZipFile:
    answer: Any = by.client.get(f"/api/cases/{case}/exports/{export}/archive.zip")
    assert answer.status_code == 200, answer
    content = b"".join(answer.streaming_content)
    assert (answer["Content-Type"], answer["Content-Length"]) == ("application/zip", str(len(content)))
    assert answer["Content-Disposition"] == f'attachment; filename="case-{case}-export-{export}.zip"'
    return zipfile.ZipFile(io.BytesIO(content))


def test_a_case_is_exported_to_an_archive_that_verifies(
    recorded: Camera, anna: Party, detector: Party, tmp_path: Path
) -> None:
    send(detector, recorded, timestamp=at(2), image=picture())
    case = open_case(anna, notes="Two persons")
    add_period(anna, case, recorded)
    post(anna, f"{case}/items/", {"alert": Alert.objects.get().pk})
    export = post(anna, f"{case}/exports/")
    assert (export["state"], export["percent"], export["requested_by"]) == ("queued", 0, "anna")
    assert anna.client.get(f"/api/cases/{case}/exports/{export['id']}/archive.zip").status_code == 404
    post(anna, f"{case}/exports/", status=409)
    assert make_exports() == 1
    (done,) = anna.client.get(f"/api/cases/{case}/exports/").json()
    assert (done["state"], done["percent"], done["problem"]) == ("done", 100, "")
    packed = archive_of(anna, case, done["id"])
    assert all(one.compress_type == zipfile.ZIP_STORED for one in packed.infolist())
    packed.extractall(tmp_path / "out")
    folder = tmp_path / "out" / f"case-{case}-export-{done['id']}"
    (key,) = anna.client.get("/api/evidence/keys/").json()
    assert key["key_id"] == done["key_id"]
    assert problems_of(folder, public_key_of(key["public_key"].encode())) == []
    manifest = json.loads((folder / "manifest.json").read_text())
    shown = [manifest[name] for name in ("title", "reference", "notes", "exported_by")]
    assert shown == ["Break-in", "4711/26", "Two persons", "anna"]
    assert len(manifest["cameras"]) == 1, "the alert's recordings are in the period: they are exported once"
    (alert,) = manifest["alerts"]
    assert (alert["alert_type"], alert["camera_name"]) == ("person", "Gate")
    assert (folder / alert["image"]).read_bytes()[:2] == b"\xff\xd8"
    assert sorted(path.suffix for path in folder.glob("*.mp4")) == [".mp4"]
    kinds = dict(AuditEntry.objects.filter(actor_name="anna").values_list("kind", "changes").order_by("id"))
    assert kinds["evidence"]["manifest_sha256"] == [None, done["manifest_sha256"]]
    assert kinds["export"] == {"downloaded_by": [None, "anna"]}


def test_periods_are_joined_where_they_share_a_recorded_file(recorded: Camera, anna: Party) -> None:
    case = open_case(anna)
    for first, last in ((0, 1), (1.5, 2), (20, 21)):
        add_period(anna, case, recorded, first, last)
    export = post(anna, f"{case}/exports/")
    make_exports()
    packed = archive_of(anna, case, export["id"])
    assert len([name for name in packed.namelist() if name.endswith(".mp4")]) == 2
    manifest = json.loads(packed.read(next(name for name in packed.namelist() if name.endswith("manifest.json"))))
    assert [one["start"][17:19] for one in manifest["cameras"]] == [at(0)[17:19], at(20)[17:19]]


def test_members_see_the_case_and_its_exports_but_no_camera(
    recorded: Camera, site: Site, anna: Party, ben: Party, make_user: Callable[..., User]
) -> None:
    case = open_case(anna)
    item = add_period(anna, case, recorded)
    export = post(anna, f"{case}/exports/")["id"]
    make_exports()
    refused = post(anna, f"{case}/members/", {"username": "ben"}, 400)
    assert refused == post(anna, f"{case}/members/", {"username": "nobody"}, 400), "no name is confirmed"
    assert ben.client.get(f"/api/cases/{case}/").status_code == 404
    other = Site.objects.create(name="Other")
    for one in (anna, ben):
        member(one.user, other, Role.VIEWER)
    assert post(anna, f"{case}/members/", {"username": "ben"})[0]["username"] == "ben"
    shown = ben.client.get(f"/api/cases/{case}/").json()
    assert (shown["owner"], shown["items"][0]["camera_name"]) == ("anna", "Gate")
    archive_of(ben, case, export)
    assert ben.client.get(f"/api/cameras/{recorded.pk}/").status_code == 404
    assert add_period(ben, case, recorded, status=400) == {"camera": ["must be the id of a camera that you can view"]}
    said = post(ben, f"{case}/exports/", status=403)["detail"]
    assert said == "An export requires the operator's role for each camera of the case. Missing: Gate."
    for path in ("", f"items/{item['id']}/", f"exports/{export}/", f"members/{ben.user.pk}/"):
        assert ben.client.delete(f"/api/cases/{case}/{path}").status_code == 403, path
    assert ben.client.post(f"/api/cases/{case}/close/", {"reason": "x"}).status_code == 403
    assert anna.client.delete(f"/api/cases/{case}/members/{ben.user.pk}/").status_code == 204
    assert ben.client.get(f"/api/cases/{case}/exports/{export}/archive.zip").status_code == 404
    assert ben.client.get("/api/cases/").json()["results"] == []


def test_roles_decide_what_can_be_added_and_lifted(
    recorded: Camera, site_operator: Party, viewer: Party, site_admin: Party
) -> None:
    case = open_case(viewer)
    add_period(viewer, case, recorded, status=403)
    case = open_case(site_operator)
    item = add_period(site_operator, case, recorded)
    assert site_operator.client.delete(f"/api/cases/{case}/items/{item['id']}/").status_code == 403
    said = post(site_operator, f"{case}/close/", {"reason": "x"}, 403)["detail"]
    assert said.startswith("You may not lift 1 of the legal holds.")
    assert Case.objects.get(pk=case).closed_at is None
    lifted = site_admin.client.post(f"/api/holds/{LegalHold.objects.get().pk}/lift/", {"reason": "x"})
    assert lifted.status_code == 204
    assert site_operator.client.get(f"/api/cases/{case}/").json()["items"][0]["is_held"] is False
    assert post(site_operator, f"{case}/close/", {"reason": "x"}, 200)["closed_at"]


def test_an_open_case_keeps_its_material_and_a_closed_one_does_not(
    recorded: Camera, anna: Party, detector: Party, settings: Settings
) -> None:
    Camera.objects.update(recording={"mode": "continuous", "days": 1}, retention_days=1)
    send(detector, recorded, timestamp=at(22), image=picture())
    case = open_case(anna)
    add_period(anna, case, recorded, 0, 1)
    post(anna, f"{case}/items/", {"alert": Alert.objects.get().pk})

    def retain(days: int) -> tuple[int, int]:
        now = AFTER + timedelta(days=days)
        retention_apply(now=now, pause=no_pause)
        recordings_retain(now=now, pause=no_pause)
        return RecordedSegment.objects.count(), Alert.objects.count()

    kept, alerts = retain(0)
    assert (kept > 1, alerts) == (True, 1)
    assert anna.client.delete(f"/api/cameras/{recorded.pk}/").status_code == 409
    assert anna.client.delete(f"/api/cases/{case}/").status_code == 409, "an open case is not deleted"
    export = post(anna, f"{case}/exports/")["id"]
    make_exports()
    exports_expire(now=AFTER)
    assert post(anna, f"{case}/close/", {"reason": "Done"}, 200)["items"][0]["is_held"] is False
    assert not LegalHold.objects.exists()
    for path, body in (("items/", {"alert": 1}), ("exports/", {}), ("close/", {"reason": "x"})):
        assert anna.client.post(f"/api/cases/{case}/{path}", body, format="json").status_code in {400, 409}, path
    assert retain(2) == (0, 0)
    assert anna.client.delete(f"/api/cameras/{recorded.pk}/").status_code == 204
    archive_of(anna, case, export)
    exports_expire(now=timezone.now() + timedelta(days=29))
    assert CaseExport.objects.exists(), "for 30 days after the case was closed"
    assert anna.client.delete(f"/api/cases/{case}/").status_code == 204
    assert not files_in(Path(settings.STORAGES["default"]["OPTIONS"]["location"]) / "exports")
    actions = list(AuditEntry.objects.filter(kind="case").order_by("id").values_list("action", flat=True))
    assert actions == ["created", "changed", "changed", "changed", "changed", "deleted"]


def test_exports_of_closed_cases_expire(recorded: Camera, anna: Party, media: Path) -> None:
    case = open_case(anna)
    add_period(anna, case, recorded)
    post(anna, f"{case}/exports/")
    make_exports()
    housekeeping_turn(clock=lambda: AFTER)
    assert len(files_in(media / "exports")) == 1
    Case.objects.update(closed_at=timezone.now())
    exports_expire(now=AFTER)
    assert (CaseExport.objects.count(), files_in(media / "exports")) == (0, [])


def test_a_killed_process_is_replaced_and_a_suspended_one_stops(recorded: Camera, anna: Party, media: Path) -> None:
    case = open_case(anna)
    add_period(anna, case, recorded)
    post(anna, f"{case}/exports/")
    suspended = jobs.export_claim(now=timezone.now())
    assert suspended is not None
    left = media / f"exports/{suspended.pk}-{'0' * 32}.zip.part"
    left.parent.mkdir()
    left.write_bytes(b"x")
    assert make_exports() == 0, "the other process may still work on it"
    CaseExport.objects.update(seen_at=timezone.now() - jobs.STALE - timedelta(seconds=1))
    assert make_exports() == 1
    done = CaseExport.objects.get()
    assert (done.state, done.attempts) == ("done", 2)
    jobs.export_run(suspended, clock=timezone.now)
    assert CaseExport.objects.get().key == done.key, "it changes nothing"
    assert [path.name for path in files_in(media / "exports")] == [Path(done.key).name]


def test_an_export_that_kills_its_process_again_and_again_fails(recorded: Camera, anna: Party) -> None:
    case = open_case(anna)
    add_period(anna, case, recorded)
    post(anna, f"{case}/exports/")
    for _ in range(jobs.MOST_ATTEMPTS):
        assert jobs.export_claim(now=timezone.now()) is not None
        CaseExport.objects.update(seen_at=timezone.now() - jobs.STALE * 2)
    assert jobs.export_claim(now=timezone.now()) is None
    failed = CaseExport.objects.get()
    assert (failed.state, failed.problem) == ("failed", "The backend was stopped again and again during this export.")
    post(anna, f"{case}/exports/")


def test_failures_are_said(
    recorded: Camera, anna: Party, settings: Settings, monkeypatch: pytest.MonkeyPatch, media: Path
) -> None:
    case = open_case(anna)
    assert post(anna, f"{case}/exports/", status=400) == {
        "non_field_errors": ["Add a period of a camera or an alert first."]
    }
    add_period(anna, case, recorded, 100, 200)

    def problem() -> str:
        post(anna, f"{case}/exports/")
        make_exports()
        return str(anna.client.get(f"/api/cases/{case}/").json()["exports"][0]["problem"])

    assert problem() == "Nothing of this case is recorded."
    add_period(anna, case, recorded)
    settings.VIGIL_MEDIA_MAX_USED_PERCENT = 0
    assert problem() == "The disk has not enough space below VIGIL_MEDIA_MAX_USED_PERCENT. Needed: 0.0 GB"
    settings.VIGIL_MEDIA_MAX_USED_PERCENT = 100
    stored = media / RecordedSegment.objects.order_by("start_ms")[0].key
    content = stored.read_bytes()
    stored.write_bytes(content[: len(content) // 2])
    assert problem().startswith("A recorded file is damaged: ")
    stored.write_bytes(content)
    monkeypatch.setattr(jobs, "evidence_export", lambda *_, **__: 1 // 0)
    assert problem() == "An unexpected error. The log of the backend has the details."
    assert files_in(media / "exports") == [], "nothing is left behind"
    settings.VIGIL_EVIDENCE_KEY = ""
    said = post(anna, f"{case}/exports/", status=409)["detail"]
    assert said == "There is no key to sign exports. An administrator must set VIGIL_EVIDENCE_KEY_FILE."


def test_progress_is_stored_and_a_deleted_export_stops(
    recorded: Camera, anna: Party, monkeypatch: pytest.MonkeyPatch, media: Path
) -> None:
    case = open_case(anna)
    add_period(anna, case, recorded)
    export = post(anna, f"{case}/exports/")["id"]
    url = f"/api/cases/{case}/exports/{export}/"
    monkeypatch.setattr(jobs, "_BEAT_SECONDS", 0)
    seen: list[int] = []
    noted = jobs._Life._note

    def note(life: Any, percent: int) -> None:
        noted(life, percent)
        seen.append(anna.client.get(url).json()["percent"])
        if percent > 80:
            assert anna.client.delete(url).status_code == 204

    monkeypatch.setattr(jobs._Life, "_note", note)
    assert make_exports() == 1
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] > 80
    assert not CaseExport.objects.exists()
    assert files_in(media / "exports") == []


def test_the_sweep_deletes_what_no_export_names(recorded: Camera, anna: Party, media: Path) -> None:
    case = open_case(anna)
    add_period(anna, case, recorded)
    post(anna, f"{case}/exports/")
    make_exports()
    post(anna, f"{case}/exports/")
    running = CaseExport.objects.order_by("-id")[0].pk
    for key in ("exports/orphan.zip", "exports/999-x.zip.part", f"exports/{running}-x.zip.part"):
        default_storage.save(key, ContentFile(b"x"))
    output = io.StringIO()
    call_command("sweep_exports", stdout=output)
    assert output.getvalue() == "0 files without an export deleted\n", "they are too new"
    assert exports_sweep(written_before=AFTER) == 2
    kept = {path.relative_to(media).as_posix() for path in files_in(media / "exports")}
    assert kept == {CaseExport.objects.get(state="done").key, f"exports/{running}-x.zip.part"}


def test_large_files_are_delivered_by_nginx_or_s3(recorded: Camera, anna: Party, settings: Settings) -> None:
    case = open_case(anna)
    add_period(anna, case, recorded)
    export = post(anna, f"{case}/exports/")["id"]
    make_exports()
    settings.VIGIL_MEDIA_ACCEL_PREFIX = "/protected-media/"
    answer = anna.client.get(f"/api/cases/{case}/exports/{export}/archive.zip")
    assert answer["X-Accel-Redirect"] == f"/protected-media/{CaseExport.objects.get().key}"
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer.content == b""


def test_the_time_stamp_is_in_the_archive_or_its_problem_in_the_answer(
    recorded: Camera, anna: Party, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = open_case(anna)
    add_period(anna, case, recorded)

    def export() -> tuple[Any, list[str]]:
        number = post(anna, f"{case}/exports/")["id"]
        make_exports()
        shown = anna.client.get(f"/api/cases/{case}/exports/{number}/").json()
        names = [Path(name).name for name in archive_of(anna, case, number).namelist()]
        return (shown["state"], shown["has_time_stamp"], shown["time_stamp_problem"]), names

    assert export()[0] == ("done", False, ""), "no authority is configured"
    settings.VIGIL_TIMESTAMP_URL = "http://127.0.0.1:9/"
    shown, names = export()
    assert shown == ("done", False, "The time stamping authority is unreachable: ConnectError")
    assert "manifest.tsr" not in names
    monkeypatch.setattr(jobs, "time_stamp", lambda signature, url: b"stamp")
    shown, names = export()
    assert shown == ("done", True, "")
    assert "manifest.tsr" in names


def test_requests_are_checked(recorded: Camera, anna: Party) -> None:
    case = open_case(anna)
    assert "title" in post(anna, "", {"reference": "x"}, 400)
    too_long = post(anna, f"{case}/items/", {"camera": recorded.pk, "start": at(0), "end": at(90_000)}, 400)
    assert too_long == {"end": ["must be at most 24 hours after start; add several periods"]}
    add_period(anna, case, recorded)
    assert add_period(anna, case, recorded, status=400) == {"non_field_errors": ["is already in this case"]}
    changed = anna.client.patch(f"/api/cases/{case}/", {"title": None}, format="json")
    assert changed.json() == {"non_field_errors": ["title, reference and notes must be text"]}
    assert anna.client.patch(f"/api/cases/{case}/", {"title": "New"}, format="json").json()["title"] == "New"
    assert CaseItem.objects.count() == 1
    assert LegalHold.objects.get().reason == f"Case {case}", "viewers of the camera do not read its title"


def test_a_superuser_manages_all_cases(recorded: Camera, anna: Party, root: Party, ben: Party) -> None:
    case = open_case(anna)
    add_period(anna, case, recorded)
    assert post(root, f"{case}/members/", {"username": "ben"})[0]["username"] == "ben"
    assert post(root, f"{case}/close/", {"reason": "x"}, 200)["closed_at"]


def test_the_thread_makes_exports_and_survives_errors(
    recorded: Camera, anna: Party, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    case = open_case(anna)
    add_period(anna, case, recorded)
    wake.event.clear()
    with django_capture_on_commit_callbacks(execute=True):
        post(anna, f"{case}/exports/")
    assert wake.event.is_set()
    monkeypatch.setattr("vigil_apps.evidence.background.close_old_connections", lambda: None)
    Exporter().turn()
    assert CaseExport.objects.get().state == "done"
    monkeypatch.setattr("vigil_apps.evidence.background.exports_turn", lambda **_: 1 // 0)
    Exporter().turn()
