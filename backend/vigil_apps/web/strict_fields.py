"""Refuse fields that an endpoint does not have: a client must not believe that they had an effect."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

MOST_REPORTED = 10
"""More unknown fields than this are not listed one by one."""
MAX_NAME_LENGTH = 64
"""Longer names are cut in errors."""
_OF_FORMS = frozenset({"csrfmiddlewaretoken"})
"""Fields that Django's own forms add."""

if TYPE_CHECKING:
    _Serializer = serializers.Serializer[Any]
else:
    _Serializer = object


class StrictFields(_Serializer):
    """A mixin for serializers of requests; it stands before the serializer's class.

    Read-only fields are accepted and ignored, so that clients can send back an object that they have read.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated values. Raises ValidationError, with the unknown fields next to the invalid ones."""
        writable = [name for name, field in self.fields.items() if not field.read_only]
        unknown = unknown_fields(data, known=self.fields, writable=writable)
        try:
            values = super().to_internal_value(data)
        except ValidationError as error:
            if not unknown or not isinstance(error.detail, dict):
                raise
            raise ValidationError({**unknown, **error.detail}) from None
        if unknown:
            raise ValidationError(unknown)
        return values


def unknown_fields(data: Any, *, known: Iterable[str], writable: Iterable[str]) -> dict[str, list[str]]:
    """Return an error for each field that is not `known`; each names the `writable` ones."""
    if not isinstance(data, Mapping):
        return {}
    unknown = set(data) - set(known) - (_OF_FORMS if isinstance(data, QueryDict) else frozenset())
    names = ", ".join(writable)
    message = (
        f"is not a field of this request; its fields are {names}" if names else "is not expected: send no fields"
    )
    return {name[:MAX_NAME_LENGTH]: [message] for name in sorted(unknown)[:MOST_REPORTED]}


def refuse_fields(request: Request) -> None:
    """Check the body of a request that has no fields. Raises ValidationError."""
    if unknown := unknown_fields(request.data, known=(), writable=()):
        raise ValidationError(unknown)
