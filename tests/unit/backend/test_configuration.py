"""Export and import of a user's cameras as one document: all or none, and without effect the second time."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from tests.unit.backend.conftest import URL, Party

from surveillance.models import Camera, ManagedBy
from vigil_apps.audit.models import AuditEntry
from vigil_apps.sites.models import Site

PATH = "/api/configuration/"
GATE = {"name": "Gate", "rtsp_url": URL, "is_active": True, "detection": {"classes": ["person"]}}
DOOR = {"name": "Door", "rtsp_url": "rtsp://u:Pa55word@10.0.0.2/1", "retention_days": 7}


def _apply(party: Party, *cameras: dict[str, Any], dry_run: bool = False) -> Any:
    return party.client.post(PATH, {"cameras": list(cameras), "dry_run": dry_run}, format="json")


def _results(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    return {row["name"]: (row["result"], row["fields"]) for row in answer.json()["cameras"]}


def test_cameras_are_added_then_unchanged_then_changed(anna: Party) -> None:
    assert _results(_apply(anna, GATE, DOOR)) == {"Gate": ("added", []), "Door": ("added", [])}
    entries = AuditEntry.objects.count()
    assert _results(_apply(anna, GATE, DOOR)) == {"Gate": ("unchanged", []), "Door": ("unchanged", [])}
    assert AuditEntry.objects.count() == entries
    changed = {**DOOR, "retention_days": 8, "rtsp_url": "rtsp://u:other@10.0.0.2/1"}
    assert _results(_apply(anna, changed)) == {"Door": ("changed", ["rtsp_url", "retention_days"])}
    assert Camera.objects.get(name="Door").rtsp_url == "rtsp://u:other@10.0.0.2/1"
    assert Camera.objects.get(name="Gate").detection["classes"] == ["person"]  # not in the document: as it was


def test_dry_run_reports_the_same_and_stores_nothing(anna: Party, camera: Camera) -> None:
    answer = _apply(anna, {**GATE, "group": "hall"}, DOOR, dry_run=True)
    assert _results(answer) == {"Gate": ("changed", ["group", "detection"]), "Door": ("added", [])}
    assert [row["id"] for row in answer.json()["cameras"]] == [camera.pk, None]
    camera.refresh_from_db()
    assert (camera.group, Camera.objects.count()) == ("yard", 1)


def test_one_invalid_camera_refuses_all_with_every_error(anna: Party, site: Site) -> None:
    Camera.objects.create(user=anna.user, name="Pod", rtsp_url=URL, managed_by=ManagedBy.KUBECTL)
    answer = _apply(
        anna,
        DOOR,
        {"name": "A", "rtsp_url": "rtsp://***@10.0.0.3/1"},
        {"name": "B", "rtsp_url": "rtsp://10.0.0.4/1", "detection": {"frames_per_second": -1}},
        {**DOOR, "group": "x"},
        {"name": "C", "rtsp_url": "rtsp://10.0.0.5/1", "site": "Harbour"},
        {"name": "Pod", "rtsp_url": "rtsp://10.0.0.6/1"},
    )
    assert answer.status_code == 400
    assert {index: sorted(errors) for index, errors in answer.json()["cameras"].items()} == {
        "1": ["rtsp_url"],
        "2": ["detection.frames_per_second"],
        "3": ["name"],
        "4": ["site"],
        "5": ["name"],
    }
    assert answer.json()["cameras"]["4"] == {"site": ["must be a site of which you are an admin, or null"]}
    assert "Pa55word" not in answer.content.decode()
    assert set(Camera.objects.values_list("name", flat=True)) == {"Gate", "Pod"}


def test_a_large_document_takes_few_queries_for_each_camera(
    anna: Party, site: Site, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    """SQLite has one writer: others wait until the transaction of the document ends."""
    cameras = [{"name": f"c{each}", "rtsp_url": f"rtsp://10.0.0.{each}/1", "site": site.name} for each in range(40)]
    with django_assert_max_num_queries(40 * 9 + 30):
        assert len(_results(_apply(anna, *cameras))) == 40
    with django_assert_max_num_queries(40 * 2 + 20):  # whether user and site exist
        assert {result for result, _ in _results(_apply(anna, *cameras)).values()} == {"unchanged"}


def test_quotas_count_the_cameras_of_the_document(anna: Party, site: Site, settings: Any) -> None:
    settings.VIGIL_QUOTAS = {**settings.VIGIL_QUOTAS, ("cameras", "user"): 3, ("zones", "site"): 2}
    zone = {"name": "z", "points": [[0, 0], [1, 0], [1, 1]]}
    with_zone = {"site": site.name, "detection": {"zones": [zone]}}
    cameras = [{"name": f"c{each}", "rtsp_url": f"rtsp://10.0.0.{each}/1"} for each in range(3)]
    refused = _apply(anna, *cameras)  # and the fixture's camera
    assert list(refused.json()["cameras"]) == ["2"]
    assert "VIGIL_MAX_CAMERAS_PER_USER; 3 in use" in str(refused.json())
    settings.VIGIL_QUOTAS = {**settings.VIGIL_QUOTAS, ("cameras", "user"): 9}
    refused = _apply(anna, *({**camera, **with_zone} for camera in cameras))
    assert list(refused.json()["cameras"]) == ["2"]
    assert "VIGIL_MAX_ZONES_PER_SITE; 2 in use" in str(refused.json())
    assert Camera.objects.count() == 1


def test_export_can_be_applied_again(anna: Party, site: Site) -> None:
    exported = anna.client.get(PATH)
    (gate,) = exported.json()["cameras"]
    assert (gate["site"], gate["rtsp_url"]) == ("Yard", "rtsp://***@camera.example:554/stream")
    assert "Pa55word" not in exported.content.decode()
    assert _results(_apply(anna, gate)) == {"Gate": ("unchanged", [])}
    assert _results(_apply(anna, {**gate, "site": None})) == {"Gate": ("changed", ["site"])}
    assert _results(_apply(anna, gate)) == {"Gate": ("changed", ["site"])}
    assert Camera.objects.get(name="Gate").site == site


def _apply_sites(party: Party, *sites: dict[str, Any], dry_run: bool = False) -> Any:
    return party.client.post(PATH, {"sites": list(sites), "cameras": [], "dry_run": dry_run}, format="json")


def test_missing_sites_are_created_for_the_cameras_of_the_document(
    root: Party, anna: Party, viewer: Party, site: Site
) -> None:
    document = anna.client.get(PATH).json()
    members = [{"username": "anna", "role": "admin"}, {"username": "viewer", "role": "viewer"}]
    assert document["sites"] == [{"name": "Yard", "members": members}]
    document["cameras"] = [{**GATE, "name": "Other", "site": "Yard"}]
    site.delete()
    User.objects.filter(username="viewer").delete()
    dry = root.client.post(PATH, {**document, "dry_run": True}, format="json").json()
    assert (dry["sites"], Site.objects.count()) == (
        [{"name": "Yard", "result": "added", "left_out": ["viewer"]}],
        0,
    )
    made = root.client.post(PATH, document, format="json").json()
    assert made["sites"] == dry["sites"]
    assert Camera.objects.get(name="Other").site == Site.objects.get()
    roles = dict(Site.objects.get().memberships.values_list("user__username", "role"))
    assert roles == {"root": "admin", "anna": "admin"}
    again = root.client.post(PATH, document, format="json").json()
    assert [one["result"] for one in (*again["sites"], *again["cameras"])] == ["unchanged", "unchanged"]


def test_only_superusers_add_members_and_nobody_learns_who_has_an_account(anna: Party, ben: Party) -> None:
    names = [{"username": name, "role": "viewer"} for name in ("ben", "nobody")]
    made = _apply_sites(anna, {"name": "New", "members": names}).json()
    assert made["sites"] == [{"name": "New", "result": "added", "left_out": ["ben", "nobody"]}]


def test_invalid_sites_refuse_all(anna: Party, site: Site) -> None:
    last = {"name": site.name, "members": [{"username": "anna", "role": "viewer"}]}
    answer = _apply_sites(anna, {"name": "A"}, {"name": "A"}, last)
    assert answer.status_code == 400
    assert answer.json() == {
        "sites": {
            "1": {"name": ["must be unique; an earlier site of the document has it too"]},
            "2": {"members": ["would leave the site without an admin"]},
        }
    }
    assert list(Site.objects.values_list("name", flat=True)) == [site.name]


def test_document_has_only_own_cameras(anna: Party, ben: Party, site_admin: Party, camera: Camera) -> None:
    for other in (ben, site_admin):
        assert other.client.get(PATH).json()["cameras"] == []
    assert ben.client.get(PATH).json()["sites"] == []
    assert _results(_apply(ben, GATE)) == {"Gate": ("added", [])}
    camera.refresh_from_db()
    assert camera.detection["classes"] == []


@pytest.mark.parametrize("name", ["colour", "id", "user", "health"])
def test_unknown_field_is_refused(anna: Party, name: str) -> None:
    answer = _apply(anna, DOOR, {**GATE, name: 1})
    assert answer.status_code == 400
    assert list(answer.json()["cameras"]) == ["1"]
    assert list(answer.json()["cameras"]["1"]) == [name]


def test_two_sites_of_one_name_are_ambiguous(anna: Party, site: Site) -> None:
    anna.client.post("/api/sites/", {"name": "Yard"}, format="json")
    answer = _apply(anna, {**DOOR, "site": "Yard"})
    assert answer.json() == {
        "cameras": {"0": {"site": ["more than one of your sites has this name; rename one of them"]}}
    }
