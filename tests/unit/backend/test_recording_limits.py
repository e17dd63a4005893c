"""Recording defaults and ceilings of the server and of sites."""

import re
from typing import Any, NamedTuple

import pytest
from django.test import Client
from tests.unit.backend.conftest import URL, Party
from tests.unit.backend.test_resources import put

from surveillance.models import Camera
from surveillance.selectors.cameras import recording_of
from surveillance_backend.environment import Environment
from vigil_apps.audit.models import AuditEntry
from vigil_apps.sites.models import Site
from vigil_apps.sites.recording_limits import limits_of

Settings = Any
NOTHING = {"mode": None, "days": None, "gigabytes": None, "max_days": None, "max_gigabytes": None}


def new_camera(party: Party, *, name: str = "New", **fields: Any) -> Any:
    return party.client.post("/api/cameras/", {"name": name, "rtsp_url": URL, **fields})


def limit_site(party: Party, site: Site, **recording: Any) -> Any:
    return party.client.patch(f"/api/sites/{site.pk}/", {"recording": recording})


class InForce(NamedTuple):
    days: int | None
    gigabytes: int | None


def in_force(camera_id: int) -> InForce:
    camera = Camera.objects.select_related("site").get(pk=camera_id)
    limits = limits_of(recording_of(camera), camera.site)
    days, gigabytes = (limit.value if limit is not None else None for limit in (limits.days, limits.gigabytes))
    return InForce(days, gigabytes)


def test_a_site_without_settings_uses_those_of_the_server(anna: Party, site: Site, settings: Settings) -> None:
    assert anna.client.get(f"/api/sites/{site.pk}/").json()["recording"] == NOTHING
    settings.VIGIL_RECORDING_MODE, settings.VIGIL_RECORDING_DAYS = "motion", 9
    made = new_camera(anna, site=site.pk).json()
    assert made["recording"]["mode"] == "motion"
    assert in_force(made["id"]) == (9, None)


def test_each_limit_says_what_sets_it(anna: Party, site: Site, client: Client, settings: Settings) -> None:
    """In the API and on the camera's page: its own value, a default or a ceiling, of its site or of the server."""
    number = new_camera(anna, site=site.pk).json()["id"]
    client.force_login(anna.user)

    def shown(kind: str) -> tuple[Any, list[str]]:
        limit = anna.client.get(f"/api/cameras/{number}/").json()["recording_limits"][kind]
        page = client.get(f"/dashboard/cameras/{number}/").content.decode()
        sources = re.findall(r'"value-source">([^<]+ of (?:this server|the site))<', page)
        return limit and (limit["value"], limit["source"]), sources

    settings.VIGIL_RECORDING_DAYS = None
    assert shown("days") == (None, [])
    settings.VIGIL_RECORDING_DAYS = 40
    assert shown("days") == ((40, "server"), ["default of this server"])
    settings.VIGIL_RECORDING_MAX_DAYS = 30
    assert shown("days") == ((30, "server_ceiling"), ["ceiling of this server"])
    limit_site(anna, site, days=20)
    assert shown("days") == ((20, "site"), ["default of the site"])
    anna.client.patch(f"/api/cameras/{number}/", {"recording": {"days": 25}})
    assert shown("days") == ((25, "camera"), [])
    limit_site(anna, site, days=5, max_days=10)
    assert shown("days") == ((10, "site_ceiling"), ["ceiling of the site"])
    anna.client.patch(f"/api/cameras/{number}/", {"recording": {"days": 10}})
    assert shown("days") == ((10, "camera"), []), "equal to the ceiling"
    settings.VIGIL_RECORDING_MAX_GIGABYTES = 7
    assert shown("gigabytes") == ((7, "server_ceiling"), ["ceiling of this server"])


def test_defaults_of_the_site_apply_before_those_of_the_server(anna: Party, site: Site, settings: Settings) -> None:
    settings.VIGIL_RECORDING_MODE = "off"
    answer = limit_site(anna, site, mode="continuous", days=20, gigabytes=500)
    assert answer.json()["recording"] == {**NOTHING, "mode": "continuous", "days": 20, "gigabytes": 500}
    of_site = new_camera(anna, site=site.pk).json()
    assert of_site["recording"] == {**of_site["recording"], "mode": "continuous", "days": None}
    assert in_force(of_site["id"]) == (20, 500)
    own = new_camera(anna, name="Own", site=site.pk, recording={"days": 3}).json()
    assert own["recording"]["mode"] == "continuous"
    assert in_force(own["id"]) == (3, 500)
    chosen = new_camera(anna, name="Off", site=site.pk, recording={"mode": "off"}).json()
    assert chosen["recording"]["mode"] == "off"
    assert new_camera(anna, name="Elsewhere").json()["recording"]["mode"] == "off"


@pytest.mark.parametrize("field", ["days", "gigabytes"])
def test_a_camera_cannot_exceed_a_ceiling(anna: Party, site: Site, settings: Settings, field: str) -> None:
    setattr(settings, f"VIGIL_RECORDING_MAX_{field.upper()}", 30)
    refused = new_camera(anna, recording={field: 31})
    words = f"must be at most 30, the ceiling of this server (VIGIL_RECORDING_MAX_{field.upper()})"
    assert (refused.status_code, refused.json()) == (400, {f"recording.{field}": [words]})
    limit_site(anna, site, **{f"max_{field}": 14})
    refused = new_camera(anna, site=site.pk, recording={field: 15})
    assert refused.json() == {f"recording.{field}": [f"must be at most 14, the ceiling of the site {site.name!r}"]}
    assert Camera.objects.count() == 1
    made = new_camera(anna, site=site.pk, recording={field: 14}).json()
    refused = anna.client.patch(f"/api/cameras/{made['id']}/", {"recording": {"mode": "off", field: 15}})
    assert list(refused.json()) == [f"recording.{field}"]
    assert getattr(in_force(made["id"]), field) == 14


def test_a_ceiling_that_is_lowered_applies_and_blocks_no_other_change(anna: Party, site: Site) -> None:
    made = new_camera(anna, site=site.pk, recording={"mode": "off", "days": 60}).json()
    limit_site(anna, site, max_days=10)
    assert in_force(made["id"]).days == 10
    url, former = f"/api/cameras/{made['id']}/", made["recording"]
    assert anna.client.patch(url, {"recording": {**former, "mode": "motion"}}).status_code == 200
    assert anna.client.patch(url, {"recording": {**former, "days": 59}}).status_code == 400


@pytest.mark.parametrize(
    ("recording", "field", "words"),
    [
        ({"days": 31}, "days", "must be at most 30, the ceiling of this server (VIGIL_RECORDING_MAX_DAYS)"),
        ({"max_days": 31}, "max_days", "must be at most 30, the ceiling of this server (VIGIL_RECORDING_MAX_DAYS)"),
        ({"days": 9, "max_days": 8}, "max_days", "must be at least days (9)"),
        ({"gigabytes": 0}, "gigabytes", "greater than or equal to 1"),
        ({"mode": "always"}, "mode", "'off', 'continuous', 'motion' or 'alerts'"),
        ({"weeks": 1}, "weeks", "not permitted"),
    ],
)
def test_invalid_settings_of_a_site_name_the_field(
    anna: Party, site: Site, settings: Settings, recording: dict[str, Any], field: str, words: str
) -> None:
    settings.VIGIL_RECORDING_MAX_DAYS = 30
    for answer in (
        limit_site(anna, site, **recording),
        anna.client.post("/api/sites/", {"name": "New", "recording": recording}),
    ):
        assert (answer.status_code, list(answer.json())) == (400, [f"recording.{field}"])
        assert words in answer.json()[f"recording.{field}"][0]
    assert Site.objects.count() == 1
    assert Site.objects.get().recording is None


def test_only_admins_of_the_site_set_it_and_the_audit_log_shows_it(
    anna: Party, site_operator: Party, site: Site
) -> None:
    assert limit_site(site_operator, site, max_days=10).status_code == 403
    assert limit_site(anna, site, max_days=10).status_code == 200
    (entry,) = AuditEntry.objects.filter(kind="site", action="changed")
    assert entry.changes == {"recording.max_days": [None, 10]}


def test_cameras_of_the_cluster_get_the_mode_of_the_server(operator: Party, settings: Settings) -> None:
    settings.VIGIL_RECORDING_MODE = "continuous"
    assert put(operator).status_code == 201
    assert recording_of(Camera.objects.get()).mode == "continuous"


def test_the_document_of_a_user_contains_the_settings_of_sites(anna: Party, ben: Party, site: Site) -> None:
    limit_site(anna, site, mode="motion", max_days=10)
    (exported,) = anna.client.get("/api/configuration/").json()["sites"]
    assert exported["recording"] == {"mode": "motion", "max_days": 10}
    document = {"sites": [{"name": "Copy", "recording": exported["recording"]}], "cameras": []}
    assert ben.client.post("/api/configuration/", document).json()["sites"][0]["result"] == "added"
    assert Site.objects.get(name="Copy").recording == {**NOTHING, **exported["recording"]}
    assert ben.client.post("/api/configuration/", document).json()["sites"][0]["result"] == "unchanged"


def test_the_mode_of_the_server_must_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_RECORDING_MODE", "always")
    with pytest.raises(ValueError, match="'off', 'continuous', 'motion' or 'alerts'"):
        Environment()
