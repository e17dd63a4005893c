"""Search alerts by words: with an indexed full-text search on PostgreSQL, by plain comparison on SQLite.

A word matches the beginning of a word («gat» finds «gate») in the text of an alert or in its camera's name, ignoring
case; all words must match. On SQLite a word also matches in the middle of another.
"""

import re

from django.db import connection
from django.db.models import BooleanField, Expression, ExpressionWrapper, Q, QuerySet
from django.db.models.expressions import RawSQL

from surveillance.models import Alert, Camera
from surveillance.selectors.access import FEW_CAMERAS

MAX_WORDS = 8
_WORD = re.compile(r"\w+")
_TEXT = " || ' ' || ".join(
    f'COALESCE("surveillance_alert"."{field}", \'\')' for field in ("description", "label", "zone", "rule")
)
ALERT_VECTOR = f"to_tsvector('simple'::regconfig, {_TEXT})"
"""The expression of the index in migration 0005, as plain SQL: Django would add parameters."""


def alerts_with_words(alerts: QuerySet[Alert], text: str) -> QuerySet[Alert]:
    """Return the alerts that contain every word of `text`; all alerts if it contains no word."""
    words = _WORD.findall(text)[:MAX_WORDS]
    if not words and text.strip():
        return alerts.none()
    for word in words:
        alerts = alerts.filter(_in_alert(word) | _of_camera(word))
    return alerts


def _of_camera(word: str) -> Q:
    """Match the camera's name, by ids if these are few, so that PostgreSQL can use an index for both conditions.

    With a subquery it would read every alert.
    """
    cameras = Camera.objects.filter(name__icontains=word).order_by()
    ids = list(cameras.values_list("pk", flat=True)[: FEW_CAMERAS + 1])
    if len(ids) > FEW_CAMERAS:
        return Q(camera__in=cameras.values("pk"))
    return Q(camera__in=ids) if ids else Q()


def _in_alert(word: str) -> Q:
    if connection.vendor == "postgresql":
        return Q(_matches(word))
    fields = ("description", "label", "zone", "rule")
    found = Q()
    for field in fields:
        found |= Q(**{f"{field}__icontains": word})
    return found


def _matches(word: str) -> Expression:
    """Match the alert's text. `word` has only letters, digits and underscores, so it is a single lexeme."""
    lexeme = f"'{word}':*"
    sql = RawSQL(f"{ALERT_VECTOR} @@ to_tsquery('simple'::regconfig, %s)", [lexeme])  # noqa: S611  # nosec B611 - a constant
    return ExpressionWrapper(sql, output_field=BooleanField())
