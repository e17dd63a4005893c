"""Pagination of lists."""

from datetime import datetime
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Field, Model, Q, QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vigil_apps.web.parameters import filters_of, refuse_parameters
from vigil_contracts.bounds import is_plausible

SEPARATOR = "|"
"""Separates the fields of a position; all but the first are ids."""


class StableOrderingFilter(OrderingFilter):
    """`?ordering=` by the view's `ordering_fields`, followed by the id, so that pages repeat no row."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: APIView) -> tuple[str, ...] | None:
        """Return the requested order. Raises ValidationError with the valid values; DRF ignores invalid ones."""
        asked = [
            name.strip() for name in request.query_params.get(self.ordering_param, "").split(",") if name.strip()
        ]
        if not asked:
            return None
        allowed = getattr(view, "ordering_fields", ())
        if len(asked) != 1 or asked[0].removeprefix("-") not in allowed:
            names = ", ".join(f"{name}, -{name}" for name in allowed)
            raise ValidationError({self.ordering_param: [f"must be one of {names}"]})
        sign = "-" if asked[0].startswith("-") else ""
        return (asked[0],) if asked[0].removeprefix("-") == "id" else (asked[0], f"{sign}id")

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the parameters with their valid values."""
        values = [f"{sign}{name}" for name in view.ordering_fields for sign in ("", "-")]
        parameter = {"name": self.ordering_param, "required": False, "in": "query"}
        return [{**parameter, "description": "Order of the pages.", "schema": {"type": "string", "enum": values}}]


class ByIdPagination(CursorPagination):
    """Starts a page after a row instead of an offset: the last page is as fast as the first.

    New rows shift no page, since ids only increase.
    """

    ordering: str | tuple[str, ...] = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    cursor_query_description = "`next_cursor` or `previous_cursor` of a page; the first page without it."

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        """Return the rows of the requested page.

        DRF's cursor contains only the first field and an offset of at most 1,000: with more rows of the same time,
        the next page repeats itself. Here the cursor contains the row's position in the complete order.
        """
        refuse_parameters(
            request,
            known=[
                *filters_of(cast("APIView", view)),
                self.page_size_query_param,
                self.cursor_query_param,
            ],
        )
        self.request = request
        self._model: type[Model] = queryset.model
        self.page_size = self.get_page_size(request)
        self.base_url = request.build_absolute_uri()
        self.ordering = tuple(self.get_ordering(request, queryset, cast("APIView", view)))
        cursor = self.decode_cursor(request)
        is_reverse = cursor is not None and cursor.reverse
        self._position: str | None = cursor.position if cursor is not None else None
        names = [_opposite(name) for name in self.ordering] if is_reverse else list(self.ordering)
        rows = queryset.order_by(*names)
        if self._position is not None:
            rows = rows.filter(_after(names, self._values(self._position)))
        found = list(rows[: self.page_size + 1])
        more, self._rows = len(found) > self.page_size, found[: self.page_size]
        if is_reverse:
            self._rows.reverse()
        self.has_next = more if not is_reverse else self._position is not None
        self.has_previous = more if is_reverse else self._position is not None
        return self._rows

    def get_page_size(self, request: Request) -> int:
        """Return the number of rows of a page. Raises ValidationError; DRF ignores or reduces invalid numbers."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not (asked.isascii() and asked.isdecimal() and len(asked) <= 9 and 1 <= int(asked) <= self.max_page_size):
            message = f"must be a whole number from 1 to {self.max_page_size}"
            raise ValidationError({self.page_size_query_param: [message]})
        return int(asked)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the parameters, with the bounds of the page size."""
        parameters = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"] |= {"minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return parameters

    def get_next_link(self) -> str | None:
        """Return the URL of the next page."""
        return self._link(self._rows[-1:], reverse=False) if self.has_next else None

    def get_previous_link(self) -> str | None:
        """Return the URL of the previous page."""
        return self._link(self._rows[:1], reverse=True) if self.has_previous else None

    def _link(self, rows: list[Any], *, reverse: bool) -> str | None:
        if rows:
            position = SEPARATOR.join(str(getattr(rows[0], name.removeprefix("-"))) for name in self.ordering)
        else:  # the rows of the page were deleted
            position = self._position or ""
        return self.encode_cursor(Cursor(0, reverse, cast("Any", position)))

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page with links to the adjacent pages, and with their cursors as separate values."""
        following, previous = self.get_next_link(), self.get_previous_link()
        return Response(
            {
                "next": following,
                "previous": previous,
                "next_cursor": self._cursor_in(following),
                "previous_cursor": self._cursor_in(previous),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of a page."""
        properties = {
            "next": _link("Address of the next page; null on the last page."),
            "previous": _link("Address of the previous page; null on the first page."),
            "next_cursor": _cursor("Value of `cursor` for the next page; null on the last page."),
            "previous_cursor": _cursor("Value of `cursor` for the previous page; null on the first page."),
            "results": schema,
        }
        return {"type": "object", "required": list(properties), "properties": properties}

    def _cursor_in(self, link: str | None) -> str | None:
        return parse_qs(urlsplit(link).query)[self.cursor_query_param][0] if link else None

    def decode_cursor(self, request: Request) -> Any:
        """Return the position of the page.

        Raises ValidationError for a cursor that no response has contained, including one whose position is not a
        valid value of the ordering field: the database would reject it.
        """
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                self._values(str(cursor.position))
        except (NotFound, DjangoValidationError):
            raise ValidationError({self.cursor_query_param: ["must come from `next` or `previous`"]}) from None
        return cursor

    def _values(self, position: str) -> list[Any]:
        """Return the position's fields. Raises DjangoValidationError if no row can have them."""
        parts = position.rsplit(SEPARATOR, len(self.ordering) - 1)
        if len(parts) != len(self.ordering):
            raise DjangoValidationError("a position in another order")
        values = []
        for name, part in zip(self.ordering, parts, strict=True):
            field = cast("Field[Any, Any]", self._model._meta.get_field(name.removeprefix("-")))
            values.append(value := field.clean(part, None))
            if isinstance(value, datetime) and (value.tzinfo is None or not is_plausible(value)):
                raise DjangoValidationError("a time that no row can have")
        return values


def _opposite(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def _after(names: list[str], values: list[Any]) -> Q:
    """Return the condition that a row comes after these values in the order of these fields (the last is unique)."""
    condition, same = Q(), Q()
    for name, value in zip(names, values, strict=True):
        field, comparison = name.removeprefix("-"), "lt" if name.startswith("-") else "gt"
        condition |= same & Q(**{f"{field}__{comparison}": value})
        same &= Q(**{field: value})
    # Repeat the condition for the first field alone, so that an index can be used.
    first, comparison = names[0].removeprefix("-"), "lte" if names[0].startswith("-") else "gte"
    return condition & Q(**{f"{first}__{comparison}": values[0]})


def _link(description: str) -> dict[str, Any]:
    return {"type": "string", "nullable": True, "format": "uri", "description": description}


def _cursor(description: str) -> dict[str, Any]:
    return {"type": "string", "nullable": True, "description": description}


class OldestFirstPagination(ByIdPagination):
    """The same pagination with the oldest row first."""

    ordering = "id"
    page_size = 100


class NewestTokenPagination(ByIdPagination):
    """The same pagination for tokens, by creation time, since their key is a digest."""

    ordering = ("-created", "public_id")
