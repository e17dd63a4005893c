"""Reads of alerts."""

from collections.abc import Mapping

from django.db.models import Count, Q, QuerySet

from surveillance.models import Alert


def rule_quality(*, alerts: QuerySet[Alert], limit: int) -> list[Mapping[str, object]]:
    """For each camera and rule how many alerts there were and how many were false: the worst rule first."""
    counted = alerts.order_by().values("camera", "camera__name", "rule", "alert_type")
    false = Count("id", filter=Q(is_false_positive=True))
    rows = counted.annotate(alerts=Count("id"), false_positives=false)
    return list(rows.order_by("-false_positives", "camera", "rule", "alert_type")[:limit])
