"""Export all matching alerts in one streamed response."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from surveillance.api.access import USER, principal_of
from surveillance.api.filters import AlertFilter
from surveillance.core.export import csv_lines
from surveillance.models import Alert
from surveillance.representations import AlertSerializer
from surveillance.selectors.access import alerts_visible_to
from vigil_apps.web.parameters import filters_of, refuse_parameters
from vigil_apps.web.streaming import stream_of

BATCH = 500
Rows = list[Mapping[str, Any]]


class ExportView(GenericAPIView[Alert]):
    """The common part of both formats: the filters and permissions of the list."""

    scopes = {"GET": USER}  # noqa: RUF012 read only
    serializer_class = AlertSerializer
    pagination_class = None
    filter_backends = (DjangoFilterBackend,)
    filterset_class = AlertFilter

    def get_queryset(self) -> QuerySet[Alert]:
        """Return the alerts that the user can view."""
        return alerts_visible_to(principal_of(self.request))

    def stream(
        self, request: Request, chunks: Iterator[bytes], content_type: str, name: str
    ) -> StreamingHttpResponse:
        """Return the streamed response."""
        return StreamingHttpResponse(
            stream_of(request._request, chunks),
            content_type=content_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )

    def batches(self) -> Iterator[Rows]:
        """Yield the rows, the last stored first; each batch is a separate query, so that none stays open."""
        refuse_parameters(self.request, known=filters_of(self))
        return _batches(self.filter_queryset(self.get_queryset()).order_by("-id"))


class CsvExportView(ExportView):
    """Export as CSV."""

    @extend_schema(
        operation_id="alerts_export_csv_retrieve",
        summary="Export alerts as CSV",
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Exports all matching alerts. Text that a spreadsheet could take for a formula is prefixed with a quote."""
        return self.stream(request, _as_csv(self.batches()), "text/csv; charset=utf-8", "alerts.csv")


class JsonExportView(ExportView):
    """Export as JSON."""

    @extend_schema(
        operation_id="alerts_export_json_list", summary="Export alerts as JSON", responses=AlertSerializer(many=True)
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Exports all matching alerts as one array."""
        return self.stream(request, _as_json(self.batches()), "application/json", "alerts.json")


def _batches(alerts: QuerySet[Alert]) -> Iterator[Rows]:
    page = alerts
    while found := list(page[:BATCH]):
        yield list(AlertSerializer(found, many=True).data)
        page = alerts.filter(pk__lt=found[-1].pk)


def _as_csv(batches: Iterable[Rows]) -> Iterator[bytes]:
    columns = AlertSerializer.Meta.fields
    yield csv_lines([], columns=columns, with_header=True)
    for rows in batches:
        yield csv_lines(rows, columns=columns, with_header=False)


def _as_json(batches: Iterable[Rows]) -> Iterator[bytes]:
    yield b"["
    separator = b"\n"
    for rows in batches:
        yield separator + b",\n".join(JSONRenderer().render(row) for row in rows)
        separator = b",\n"
    yield b"\n]\n"
