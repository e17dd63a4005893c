"""Endpoint that imports cameras from a CSV file."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import USER, user_of
from surveillance.core.camera_csv import MAX_BYTES, MAX_CAMERAS, OPTIONAL, REQUIRED
from surveillance.selectors.rooms import room_problems_of
from surveillance.services.camera_import import ImportRefusedError, cameras_import
from vigil_apps.web.strict_fields import StrictFields


class CameraImportSerializer(StrictFields, serializers.Serializer[Any]):
    """A file of cameras."""

    file = serializers.FileField(
        allow_empty_file=True,
        help_text=f"CSV in UTF-8 with the columns {', '.join(REQUIRED)}, and optionally {', '.join(OPTIONAL)}. "
        f"`detection` is JSON. At most {MAX_CAMERAS:,} cameras.",
    )
    dry_run = serializers.BooleanField(default=False, help_text="Only validate the file.")


class ImportedCameraSerializer(serializers.Serializer[Any]):
    """A camera of the file."""

    id = serializers.IntegerField(allow_null=True, help_text="Null after a dry run.")
    name = serializers.CharField()


class ImportedSerializer(serializers.Serializer[Any]):
    """The cameras that were, or would be, added."""

    dry_run = serializers.BooleanField()
    cameras = ImportedCameraSerializer(many=True)
    warnings = serializers.ListField(
        child=serializers.CharField(max_length=2000),
        help_text="Which detector classes have no room for all cameras of the file, and what would free room.",
    )


class CameraImportView(APIView):
    """Import several cameras."""

    scopes = {"POST": USER}  # noqa: RUF012 read only
    parser_classes = (MultiPartParser,)

    @extend_schema(
        summary="Import cameras from a CSV file",
        request={"multipart/form-data": CameraImportSerializer},
        responses={200: ImportedSerializer, 201: ImportedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Adds all cameras of the file as yours (201), or none (400: `errors` with line, field and message).

        With `dry_run` the file is only validated (200). `warnings` say if cameras have to wait for room.
        """
        sent = CameraImportSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        file, is_dry_run = sent.validated_data["file"], sent.validated_data["dry_run"]
        try:
            cameras = cameras_import(user=user_of(request), content=file.read(MAX_BYTES + 1), is_dry_run=is_dry_run)
        except ImportRefusedError as refused:
            errors = [{"line": one.line, "field": one.field, "message": one.message} for one in refused.errors]
            return Response({"errors": errors}, status=400)
        shown = [{"id": None if is_dry_run else camera.pk, "name": camera.name} for camera in cameras]
        warnings = [problem.text_about_many for problem in room_problems_of(cameras)]
        body = {"dry_run": is_dry_run, "cameras": shown, "warnings": warnings}
        return Response(body, status=200 if is_dry_run else 201)
