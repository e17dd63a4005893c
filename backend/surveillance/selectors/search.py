"""Alerts by words: PostgreSQL's full-text search with an index, plain comparison on SQLite.

Words are matched from their beginning («gat» finds «gate») in the text of an alert or in its camera's name, in
whatever case; all of them must be there. On SQLite a word is found inside another one, too.
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
"""As the index of migration 0005 has it. Plain SQL, since Django would put in parameters, and the index has none."""


def alerts_with_words(alerts: QuerySet[Alert], text: str) -> QuerySet[Alert]:
    """Those of `alerts` that hold every word of `text`; all of them when it holds no word."""
    words = _WORD.findall(text)[:MAX_WORDS]
    if not words and text.strip():
        return alerts.none()
    for word in words:
        alerts = alerts.filter(_in_alert(word) | _of_camera(word))
    return alerts


def _of_camera(word: str) -> Q:
    """By the ids of the cameras where these are few, so that PostgreSQL can take its indexes for both halves.

    A subquery would make it read every alert.
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
    """`word` holds letters, digits and underscores only, so that it is one lexeme and no operator."""
    lexeme = f"'{word}':*"
    sql = RawSQL(f"{ALERT_VECTOR} @@ to_tsquery('simple'::regconfig, %s)", [lexeme])  # noqa: S611  # nosec B611 - a constant
    return ExpressionWrapper(sql, output_field=BooleanField())
