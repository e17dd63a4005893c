"""Endpoint that exports a user's cameras as one document, and applies such a document."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import USER, user_of
from surveillance.api.serializers import CameraSerializer
from surveillance.core.camera_fields import CAMERA_FIELDS
from surveillance.services.configuration import (
    MAX_CAMERAS,
    ApplyRefusedError,
    Result,
    configuration_apply,
    configured_cameras,
)
from vigil_apps.web.strict_fields import StrictFields


class ConfiguredCameraSerializer(CameraSerializer):
    """A camera without ids, so that another backend can take it."""

    site = serializers.CharField(  # type: ignore[assignment]  # the name instead of the id
        source="site.name",
        required=False,
        allow_null=True,
        max_length=100,
        help_text="Name of the site whose members share the camera; you must be its admin. Null: none.",
    )

    class Meta(CameraSerializer.Meta):
        fields = CAMERA_FIELDS  # type: ignore[assignment]  # tuples of other lengths
        read_only_fields = ()  # type: ignore[assignment]

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Return the camera with a masked URL, and null for no site."""
        shown = super().to_representation(instance)
        return {name: shown.get(name) for name in CAMERA_FIELDS}

    def to_internal_value(self, data: Any) -> Any:
        """Return the values with the site's name as `site`."""
        values = super().to_internal_value(data)
        if "site" in values:
            values["site"] = (values["site"] or {}).get("name")
        return values


class ConfigurationDocumentSerializer(StrictFields, serializers.Serializer[Any]):
    """The cameras of a user, by name."""

    cameras = serializers.ListField(
        child=ConfiguredCameraSerializer(),
        max_length=MAX_CAMERAS,
        help_text=f"At most {MAX_CAMERAS:,}. A camera with the name of one of yours changes that one, in the given "
        "fields; others are created. Cameras that are not in the list stay as they are.",
    )
    dry_run = serializers.BooleanField(
        default=False, write_only=True, help_text="Only validate the document and report what would happen."
    )


class AppliedCameraSerializer(serializers.Serializer[Any]):
    """A camera of the document."""

    id = serializers.IntegerField(allow_null=True, help_text="Null for a camera that a dry run would add.")
    name = serializers.CharField()
    result = serializers.ChoiceField(choices=[str(result) for result in Result])
    fields = serializers.ListField(  # type: ignore[assignment]  # the name of `Serializer`'s property
        child=serializers.CharField(), help_text="The changed fields of a camera that existed before."
    )


class AppliedSerializer(serializers.Serializer[Any]):
    """What was done, or with `dry_run` would be done."""

    dry_run = serializers.BooleanField()
    cameras = AppliedCameraSerializer(many=True)


class ConfigurationDocumentView(APIView):
    """The user's cameras as one document."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012 read only

    @extend_schema(summary="Export your cameras", responses=ConfigurationDocumentSerializer)
    def get(self, request: Request) -> Response:
        """Returns the cameras that you own, without those that are managed by kubectl.

        Stream URLs have no credentials. `POST` of the document to this backend keeps the stored ones.
        """
        cameras = configured_cameras(user=user_of(request))
        return Response({"cameras": ConfiguredCameraSerializer(cameras, many=True).data})

    @extend_schema(
        summary="Apply a document of cameras", request=ConfigurationDocumentSerializer, responses=AppliedSerializer
    )
    def post(self, request: Request) -> Response:
        """Creates and changes your cameras by name: all of them, or none if one is invalid.

        Errors are in `cameras`, by the camera's index in the request, from 0. Repeating the request changes nothing.
        """
        sent = ConfigurationDocumentSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        cameras, is_dry_run = sent.validated_data["cameras"], sent.validated_data["dry_run"]
        try:
            applied = configuration_apply(user=user_of(request), cameras=cameras, is_dry_run=is_dry_run)
        except ApplyRefusedError as refused:
            raise ValidationError({"cameras": cast("Any", refused.errors)}) from None
        shown = [
            {
                "id": None if is_dry_run and one.result is Result.ADDED else one.camera.pk,
                "name": one.camera.name,
                "result": one.result,
                "fields": list(one.fields),
            }
            for one in applied
        ]
        return Response({"dry_run": is_dry_run, "cameras": shown})
