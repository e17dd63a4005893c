"""The wall shows what its URL requests and ignores invalid parameters."""

from datetime import UTC, datetime

import pytest
from django.http import QueryDict

from surveillance.core.health import Health
from surveillance.models import Camera
from vigil_apps.dashboard.cards import CameraCard, LastAlert, camera_card
from vigil_apps.dashboard.vocabulary import ALERT_KINDS
from vigil_apps.dashboard.wall import wall_of
from vigil_apps.sites.models import Site
from vigil_contracts.names import REASON_TEXTS, AlertType, CameraPhase, Reason

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def card(
    name: str,
    *,
    site: str = "",
    group: str = "",
    phase: CameraPhase = CameraPhase.STREAMING,
    acknowledged: bool | None = None,
) -> CameraCard:
    place = Site(pk=len(site), name=site) if site else None
    camera = Camera(name=name, site=place, group=group, is_active=True, created_at=NOW)
    kind = ALERT_KINDS[AlertType.PERSON]
    return camera_card(
        camera,
        Health(phase, Reason.STREAMING, REASON_TEXTS[Reason.STREAMING]),
        picture_alert_id=None,
        picture_at=None,
        last_alert=None if acknowledged is None else LastAlert(1, kind, NOW, acknowledged),
        may_change=True,
        may_operate=True,
    )


CARDS = [
    card("Dock", site="Harbour", phase=CameraPhase.FAILED, acknowledged=True),
    card("Gate", site="Yard", group="night", acknowledged=False),
    card("Roof", group="night", acknowledged=True),
]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Dock", "Gate", "Roof"]),
        ("shown=trouble", ["Dock"]),
        ("shown=alerts", ["Gate"]),
        ("part=group-night", ["Gate", "Roof"]),
        ("part=site-7", ["Dock"]),
        ("part=site-7&shown=alerts", []),
        ("part=site-99&shown=nonsense&columns=1000", ["Dock", "Gate", "Roof"]),
    ],
)
def test_requested_wall_is_shown(query: str, names: list[str]) -> None:
    wall = wall_of(CARDS, QueryDict(query))
    assert [one.name for one in wall.cameras] == names
    assert wall.total == len(CARDS)


def test_filter_choices_are_kept_in_the_url() -> None:
    wall = wall_of(CARDS, QueryDict("part=group-night&columns=4&evil=%3Cscript%3E"))
    assert wall.sites == [("site-7", "Harbour"), ("site-4", "Yard")]
    assert wall.groups == [("group-night", "night")]
    assert (wall.query, wall.size_class) == ("part=group-night&columns=4", "wall-of-4")
