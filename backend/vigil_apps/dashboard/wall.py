"""The camera wall: filters and number of columns, kept in the URL so that a wall display can be bookmarked."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from vigil_apps.dashboard.cards import CameraCard
from vigil_apps.dashboard.vocabulary import Words

COLUMNS = ("1", "2", "3", "4", "6", "8")
SHOWN = [("", _("All")), ("trouble", _("Needs attention")), ("alerts", _("With new alerts"))]


@dataclass(frozen=True, slots=True)
class Wall:
    """The wall for a request. `part`, like its choices, is `site-<id>`, `group-<name>`, or empty for all."""

    cameras: list[CameraCard]
    part: str
    shown: str
    columns: str
    sites: list[tuple[str, str]]
    groups: list[tuple[str, str]]
    total: int
    query: str

    @property
    def size_class(self) -> str:
        """Return the CSS class for the number of columns."""
        return f"wall-of-{self.columns}" if self.columns else "wall-fits"

    @property
    def is_narrow(self) -> bool:
        """Return whether a filter is set."""
        return bool(self.part or self.shown)

    @property
    def columns_offered(self) -> list[tuple[str, Words]]:
        """Return the choices for the number of columns."""
        return [("", _("Columns: automatic")), *((number, _columns_text(number)) for number in COLUMNS)]

    @property
    def shown_offered(self) -> list[tuple[str, Words]]:
        """Return the choices of the status filter."""
        return [(value, text) for value, text in SHOWN]


def _columns_text(number: str) -> Words:
    return _("1 column") if number == "1" else _("%(number)s columns") % {"number": number}


def wall_of(cameras: Iterable[CameraCard], asked: QueryDict) -> Wall:
    """Return the wall with the cameras that match `asked`, in their order; invalid values are ignored."""
    known = list(cameras)
    sites = sorted({(_site_part(card), card.site_name) for card in known if card.site_id is not None}, key=_by_name)
    groups = sorted({(_group_part(card), card.group) for card in known if card.group}, key=_by_name)
    part = asked.get("part", "")
    if part not in dict(sites) | dict(groups):
        part = ""
    shown = asked.get("shown", "")
    if shown not in dict(SHOWN):
        shown = ""
    columns = asked.get("columns", "")
    if columns not in COLUMNS:
        columns = ""
    chosen = {name: value for name, value in (("part", part), ("shown", shown), ("columns", columns)) if value}
    query = QueryDict(mutable=True)
    query.update(chosen)
    return Wall(
        cameras=[card for card in known if _is_in(card, part) and _is_shown(card, shown)],
        part=part,
        shown=shown,
        columns=columns,
        sites=sites,
        groups=groups,
        total=len(known),
        query=query.urlencode(),
    )


def _by_name(part: tuple[str, str]) -> tuple[str, str]:
    return part[1].casefold(), part[0]


def _site_part(card: CameraCard) -> str:
    return f"site-{card.site_id}"


def _group_part(card: CameraCard) -> str:
    return f"group-{card.group}"


def _is_in(card: CameraCard, part: str) -> bool:
    return not part or part in (_site_part(card), _group_part(card))


def _is_shown(card: CameraCard, shown: str) -> bool:
    if shown == "trouble":
        return card.is_trouble or card.is_limited
    if shown == "alerts":
        return card.last_alert is not None and not card.last_alert.acknowledged
    return True
