"""Template tags of the dashboard."""

import re
from datetime import UTC, datetime

from django import template
from django.template.defaultfilters import floatformat
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import formats
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from vigil_apps.dashboard import reasons
from vigil_apps.dashboard.reasons import translations
from vigil_apps.dashboard.vocabulary import CHOICES, Words

register = template.Library()
_POINT_IN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@register.simple_tag
def icon(name: str, extra_class: str = "") -> SafeString:
    """Return a symbol of `icons.svg`; decorative, so hidden from screen readers."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>',
        extra_class,
        static("dashboard/icons.svg"),
        name,
    )


@register.inclusion_tag("dashboard/components/table_head.html")
def table_head(*columns: str, has_actions: bool = False) -> dict[str, object]:
    """Return the head of a table. `has_actions`: the last column has buttons, and a name for screen readers only."""
    return {"columns": columns, "has_actions": has_actions}


@register.simple_block_tag
def table(content: str, *columns: str, has_actions: bool = False) -> SafeString:
    """Return a table that scrolls on narrow screens or stacks its cells; the block has its rows.

    `has_actions`: as for `table_head`.
    """
    context = {"columns": columns, "has_actions": has_actions, "rows": content}
    return render_to_string("dashboard/components/table.html", context)


@register.simple_tag
def moment(value: datetime | None, style: str = "relative") -> SafeString | str:
    """Return a time that the page's script displays in the viewer's time zone; without scripts it stays UTC.

    `style` is `relative` («3 min ago») or `absolute` (date and time to the second).
    """
    if value is None:
        return "–"
    utc = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}" data-style="{}">{} UTC</time>',
        utc.isoformat(timespec="milliseconds"),
        style,
        formats.date_format(utc, "Y-m-d H:i:s"),
    )


@register.simple_tag
def changed(value: object) -> SafeString | str:
    """Return a value of the audit log: times as `moment` displays them, other values as text, shortened if long."""
    if value is None or value == "":
        return "–"
    text = str(value)
    found = parse_datetime(text) if _POINT_IN_TIME.fullmatch(text) else None
    return moment(found, "absolute") if found is not None else Truncator(text).chars(60)


@register.simple_tag
def reason_translations() -> SafeString | str:
    """Return the data of `reasons.js`, for pages whose scripts show messages of the API; empty in English."""
    found = translations()
    return json_script(found, "reason-translations") if found else ""


@register.filter
def words(value: str) -> Words:
    """Return the label of a stored enumeration value, in the viewer's language."""
    return CHOICES[value]


@register.filter
def in_own_words(message: str) -> str:
    """Return a text of the API in the viewer's language."""
    return reasons.in_own_words(message)


@register.filter
def percent(share: float | None) -> str:
    """Return a share from 0 to 1 for display: «87 %»."""
    return "–" if share is None else f"{share * 100:.0f} %"


@register.filter
def milliseconds(seconds: float | None) -> str:
    """Return a short duration for display: «24.1 ms», with a space at which no line ends."""
    return "–" if seconds is None else f"{floatformat(seconds * 1000, 1)}\N{NO-BREAK SPACE}ms"


@register.filter
def duration(seconds: float) -> str:
    """Return a duration for display: «45 s», «3 min», «2 h»."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
