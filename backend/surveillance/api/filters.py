"""Query parameters of lists."""

from typing import Any, ClassVar

import django_filters
from django import forms
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field

from surveillance.choices import ALERT_TYPES
from surveillance.models import Alert, Camera
from surveillance.selectors.search import alerts_with_words
from vigil_apps.web.instants import InstantFilter
from vigil_apps.web.parameters import TruthFilter

_LARGEST_ID = 2**63 - 1


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": _LARGEST_ID})
class IdFilter(django_filters.NumberFilter):  # type: ignore[misc] # it has no types
    """Filters by a row's id."""

    field_class = forms.IntegerField

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=_LARGEST_ID, **options)


@extend_schema_field({"type": "number", "minimum": 0, "maximum": 1})
class FractionFilter(django_filters.NumberFilter):  # type: ignore[misc] # it has no types
    """Filters by a number from 0 to 1."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=1, **options)


class AlertFilter(django_filters.FilterSet):  # type: ignore[misc] # it has no types
    """Filters of `alerts/`. A camera that the user cannot view has no alerts."""

    camera = IdFilter(field_name="camera_id")
    site = IdFilter(field_name="camera__site_id")
    alert_type = django_filters.MultipleChoiceFilter(choices=ALERT_TYPES)
    after = InstantFilter(field_name="timestamp", lookup_expr="gte", label="Not before this time.")
    before = InstantFilter(field_name="timestamp", lookup_expr="lt", label="Before this time.")
    acknowledged = TruthFilter()
    minimum_confidence = FractionFilter(field_name="confidence", lookup_expr="gte")
    zone = django_filters.CharFilter(max_length=64)
    rule = django_filters.CharFilter(max_length=64)
    resolved = TruthFilter()
    is_false_positive = TruthFilter()
    search = django_filters.CharFilter(
        method="find",
        max_length=100,
        label="Beginnings of words of the description, label, zone or rule, or the camera's name.",
    )

    class Meta:
        model = Alert
        fields: ClassVar[list[str]] = []

    def find(self, alerts: QuerySet[Alert], name: str, value: str) -> QuerySet[Alert]:
        """Return alerts that contain every word, ignoring case."""
        return alerts_with_words(alerts, value)


class CameraFilter(django_filters.FilterSet):  # type: ignore[misc] # it has no types
    """Filters of `cameras/`."""

    is_active = TruthFilter()
    site = IdFilter(field_name="site_id")
    group = django_filters.CharFilter(max_length=64)
    name = django_filters.CharFilter(max_length=100)

    class Meta:
        model = Camera
        fields: ClassVar[list[str]] = []
