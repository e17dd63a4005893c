"""Query parameters for times."""

from datetime import datetime

import django_filters
from django.core.exceptions import ValidationError
from django_filters.fields import IsoDateTimeField

from vigil_contracts.bounds import INSTANT_RANGE, is_plausible


class InstantField(IsoDateTimeField):  # type: ignore[misc] # it has no types
    """A time in ISO 8601 between 1990 and 2100."""

    def validate(self, value: datetime | None) -> None:
        """Raise ValidationError for a time that some databases cannot compare."""
        super().validate(value)
        if value is not None and not is_plausible(value):
            raise ValidationError(INSTANT_RANGE)


class InstantFilter(django_filters.IsoDateTimeFilter):  # type: ignore[misc] # it has no types
    """Filters by a time between 1990 and 2100."""

    field_class = InstantField
