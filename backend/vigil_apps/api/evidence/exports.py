"""Endpoints of exports."""

from django.http import Http404, HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import USER, principal_of, user_of
from surveillance.api.files import download_response
from vigil_apps.api.evidence.cases import translate_case_errors
from vigil_apps.api.evidence.serializers import CaseExportSerializer
from vigil_apps.evidence.exports import export_delete, export_note_download, export_request
from vigil_apps.evidence.models import CaseExport, ExportState
from vigil_apps.evidence.selectors import case_for
from vigil_apps.web.strict_fields import refuse_fields


class CaseExportListView(APIView):
    """The exports of a case."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012 read only

    @extend_schema(
        operation_id="cases_exports_list",
        summary="List the exports of a case",
        responses=CaseExportSerializer(many=True),
    )
    def get(self, request: Request, case_id: int) -> Response:
        """Lists the exports with their progress, the newest first."""
        exports = case_for(principal_of(request), case_id).exports.all()
        return Response(CaseExportSerializer(exports, many=True).data)

    @extend_schema(
        operation_id="cases_exports_create",
        summary="Export a case",
        request=None,
        responses={201: CaseExportSerializer},
    )
    def post(self, request: Request, case_id: int) -> Response:
        """Starts a background job that packs all items into one archive with a signed manifest.

        Requires the operator's role for all cameras of the case. Poll the export until its state is `done` or
        `failed`.
        """
        case = case_for(principal_of(request), case_id)
        refuse_fields(request)
        with translate_case_errors():
            export = export_request(case=case, user=user_of(request), now=timezone.now())
        return Response(CaseExportSerializer(export).data, status=201)


class CaseExportView(APIView):
    """One export."""

    scopes = {"GET": USER, "DELETE": USER}  # noqa: RUF012

    @extend_schema(operation_id="cases_exports_retrieve", summary="Get an export", responses=CaseExportSerializer)
    def get(self, request: Request, case_id: int, export_id: int) -> Response:
        """Returns the export with its progress."""
        return Response(CaseExportSerializer(_export(request, case_id, export_id)).data)

    @extend_schema(operation_id="cases_exports_delete", summary="Delete an export", responses={204: None})
    def delete(self, request: Request, case_id: int, export_id: int) -> Response:
        """Deletes the export with its archive, or stops it. Requires the owner of the case."""
        export_delete(export=_export(request, case_id, export_id, manages=True))
        return Response(status=204)


class CaseArchiveView(APIView):
    """The archive of an export."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="cases_exports_archive",
        summary="Download an export",
        responses={(200, "application/zip"): OpenApiTypes.BINARY, 302: None},
    )
    def get(self, request: Request, case_id: int, export_id: int) -> HttpResponseBase:
        """Returns the zip file; 404 until the export is done. With S3 storage, redirects to a short-lived link.

        Each download is in the audit log.
        """
        export = _export(request, case_id, export_id)
        if export.state != ExportState.DONE:
            raise Http404
        if request.headers.get("Range", "bytes=0-").startswith("bytes=0-"):
            export_note_download(export=export, user=user_of(request))
        return download_response(
            request._request,
            export.key,
            content_type="application/zip",
            file_name=f"case-{case_id}-export-{export_id}.zip",
            headers={"Cache-Control": "private, no-store"},
        )


def _export(request: Request, case_id: int, export_id: int, *, manages: bool = False) -> CaseExport:
    case = case_for(principal_of(request), case_id, manages=manages)
    export = case.exports.filter(pk=export_id).first()
    if export is None:
        raise Http404
    return export
