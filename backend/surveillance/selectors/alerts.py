"""Read alerts."""

from collections.abc import Mapping

from django.db.models import Count, Q, QuerySet

from surveillance.models import Alert


def rule_quality(*, alerts: QuerySet[Alert], limit: int) -> list[Mapping[str, object]]:
    """Return for each camera and rule the number of alerts and of false positives, the worst rule first."""
    counted = alerts.order_by().values("camera", "camera__name", "rule", "alert_type")
    false = Count("id", filter=Q(is_false_positive=True))
    rows = counted.annotate(alerts=Count("id"), false_positives=false)
    return list(rows.order_by("-false_positives", "camera", "rule", "alert_type")[:limit])
