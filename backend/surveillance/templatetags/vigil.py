"""Template tags of the dashboard."""

from datetime import UTC, datetime

from django import template
from django.templatetags.static import static
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, extra_class: str = "") -> SafeString:
    """One symbol of `icons.svg`; decoration only, so screen readers skip it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>',
        extra_class,
        static("surveillance/icons.svg"),
        name,
    )


@register.simple_tag
def moment(value: datetime | None, style: str = "relative") -> SafeString | str:
    """A point in time, which the page's script writes in the viewer's own zone; without a script it stays UTC.

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


@register.filter
def duration(seconds: float) -> str:
    """A length of time for people: «45 s», «3 min», «2 h»."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
