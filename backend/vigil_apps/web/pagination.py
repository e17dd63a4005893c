"""Pages of lists."""

from datetime import datetime
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Field, Model, QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vigil_contracts.bounds import is_plausible


class StableOrderingFilter(OrderingFilter):
    """`?ordering=` by the view's `ordering_fields`, with the id behind it, so that pages repeat no row."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: APIView) -> tuple[str, ...] | None:
        """What is asked for. Raises ValidationError that names what may be; DRF would ignore it."""
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
        """With the values that may be."""
        values = [f"{sign}{name}" for name in view.ordering_fields for sign in ("", "-")]
        parameter = {"name": self.ordering_param, "required": False, "in": "query"}
        return [{**parameter, "description": "Order of the pages.", "schema": {"type": "string", "enum": values}}]


class ByIdPagination(CursorPagination):
    """A page starts after a row, not after a number of rows: as fast at the end as at the beginning.

    Rows that come in meanwhile shift nothing, since ids only grow.
    """

    ordering: str | tuple[str, ...] = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    cursor_query_description = "`next_cursor` or `previous_cursor` of a page; the first page without it."

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        """Return the rows of the page that the request names."""
        self._model: type[Model] = queryset.model
        return super().paginate_queryset(queryset, request, view)

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page with the links to its neighbours, and with their cursors as values of their own."""
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
        """Return the place of the page.

        Raises ValidationError for a cursor that no answer has held, also for one whose position is no value of the
        field that orders the pages: the database would refuse it.
        """
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                self._check_position(str(cursor.position))
        except (NotFound, DjangoValidationError):
            raise ValidationError({self.cursor_query_param: ["must come from `next` or `previous`"]}) from None
        return cursor

    def _check_position(self, position: str) -> None:
        field = cast("Field[Any, Any]", self._model._meta.get_field(self.ordering[0].removeprefix("-")))
        value = field.clean(position, None)
        if isinstance(value, datetime) and (value.tzinfo is None or not is_plausible(value)):
            raise DjangoValidationError("a time that no row can have")


def _link(description: str) -> dict[str, Any]:
    return {"type": "string", "nullable": True, "format": "uri", "description": description}


def _cursor(description: str) -> dict[str, Any]:
    return {"type": "string", "nullable": True, "description": description}


class OldestFirstPagination(ByIdPagination):
    """The same, in the order in which rows were made."""

    ordering = "id"
    page_size = 100


class NewestTokenPagination(ByIdPagination):
    """The same for tokens, whose key is a digest: by the time when they were made."""

    ordering = ("-created", "public_id")
