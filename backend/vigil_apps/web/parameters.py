"""Refuse query parameters that a list does not have: a filter with a typing error would return every row."""

from collections.abc import Iterable

import django_filters
from django import forms
from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from vigil_apps.web.strict_fields import MAX_NAME_LENGTH, MOST_REPORTED


def filters_of(view: APIView) -> list[str]:
    """Return the names of the parameters that filter and order the view's rows."""
    filterset = getattr(view, "filterset_class", None)
    backends = getattr(view, "filter_backends", ())
    orderings = [name for backend in backends if (name := getattr(backend, "ordering_param", None))]
    return [*(filterset.base_filters if filterset is not None else ()), *orderings]


def refuse_parameters(request: Request, *, known: Iterable[str]) -> None:
    """Check the names of the query parameters. Raises ValidationError for those that are not `known`."""
    names = list(known)
    unknown = sorted(set(request.query_params) - set(names))[:MOST_REPORTED]
    if unknown:
        message = f"is not a parameter of this request; its parameters are {', '.join(names)}"
        raise ValidationError({name[:MAX_NAME_LENGTH]: [message] for name in unknown})


class TruthField(forms.Field):
    """`true`, `false`, or nothing. Django's field takes all other values for nothing."""

    _VALUES = {"true": True, "false": False, "": None}  # noqa: RUF012 read only

    def to_python(self, value: object) -> bool | None:
        """Return the value. Raises DjangoValidationError for other words."""
        try:
            return self._VALUES[str(value or "").strip().lower()]
        except KeyError:
            raise DjangoValidationError("must be true or false") from None


@extend_schema_field({"type": "boolean"})
class TruthFilter(django_filters.BooleanFilter):  # type: ignore[misc] # it has no types
    """Filters by `true` or `false`."""

    field_class = TruthField
