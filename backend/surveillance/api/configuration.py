"""Endpoint that exports a user's cameras as one document, and applies such a document."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import USER, user_of
from surveillance.api.serializers import CameraSerializer, SiteRecordingField
from surveillance.core.camera_fields import CAMERA_FIELDS
from surveillance.selectors.rooms import room_problems_of
from surveillance.services.configuration import (
    MAX_CAMERAS,
    ApplyRefusedError,
    Result,
    configuration_apply,
    configured_cameras,
)
from surveillance.services.configured_sites import AppliedSite, configured_sites
from vigil_apps.sites.models import Site
from vigil_apps.sites.recording_limits import site_recording_of
from vigil_apps.sites.roles import Role
from vigil_apps.web.strict_fields import StrictFields

MAX_SITES, MAX_MEMBERS = 100, 1000


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


class ConfiguredMemberSerializer(StrictFields, serializers.Serializer[Any]):
    """A member of a site."""

    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(choices=Role.choices)


class ConfiguredSiteSerializer(StrictFields, serializers.Serializer[Any]):
    """A site with its members."""

    name = serializers.CharField(max_length=100)
    recording = SiteRecordingField(
        required=False, help_text="Defaults and ceilings for the recordings of the site's cameras."
    )
    members = serializers.ListField(
        child=ConfiguredMemberSerializer(),
        max_length=MAX_MEMBERS,
        required=False,
        help_text="Only superusers can add users to a site. Members without an account are left out and reported.",
    )

    def to_representation(self, instance: Site) -> dict[str, Any]:
        """Return the site with its members by user name."""
        members = sorted((one.user.get_username(), str(one.role)) for one in instance.memberships.all())
        # Left out without values, so that an earlier version accepts the document.
        recording = site_recording_of(instance).model_dump(mode="json", exclude_none=True)
        return {
            "name": instance.name,
            **({"recording": recording} if recording else {}),
            "members": [{"username": name, "role": role} for name, role in members],
        }


class ConfigurationDocumentSerializer(StrictFields, serializers.Serializer[Any]):
    """The cameras and sites of a user, by name."""

    sites = serializers.ListField(
        child=ConfiguredSiteSerializer(),
        max_length=MAX_SITES,
        required=False,
        help_text="A site is created unless you administer one of this name; other sites stay as they are.",
    )
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


class AppliedSiteSerializer(serializers.Serializer[Any]):
    """A site of the document."""

    name = serializers.CharField()
    result = serializers.ChoiceField(choices=[str(result) for result in Result])
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="Members that were not added: no account, or you are no superuser."
    )


class AppliedSerializer(serializers.Serializer[Any]):
    """What was done, or with `dry_run` would be done."""

    dry_run = serializers.BooleanField()
    sites = AppliedSiteSerializer(many=True)
    cameras = AppliedCameraSerializer(many=True)
    warnings = serializers.ListField(
        child=serializers.CharField(max_length=2000),
        help_text="Which detector classes have no room for all cameras that this activates or moves, and what would"
        " free room.",
    )


class ConfigurationDocumentView(APIView):
    """The user's cameras as one document."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012 read only

    @extend_schema(summary="Export your cameras and sites", responses=ConfigurationDocumentSerializer)
    def get(self, request: Request) -> Response:
        """Returns the sites that you administer, and the cameras that you own, without those managed by kubectl.

        Stream URLs have no credentials. `POST` of the document to this backend keeps the stored ones.
        """
        cameras = configured_cameras(user=user_of(request))
        sites = configured_sites(user=user_of(request))[:MAX_SITES]
        return Response(
            {
                "sites": ConfiguredSiteSerializer(sites, many=True).data,
                "cameras": ConfiguredCameraSerializer(cameras, many=True).data,
            }
        )

    @extend_schema(
        summary="Apply a document of cameras", request=ConfigurationDocumentSerializer, responses=AppliedSerializer
    )
    def post(self, request: Request) -> Response:
        """Creates sites, and creates and changes your cameras by name: all of them, or none if one is invalid.

        Errors are in `cameras` and `sites`, by the index in the request, from 0. Repeating it changes nothing.
        `warnings` say if cameras have to wait for room.
        """
        sent = ConfigurationDocumentSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        cameras, is_dry_run = sent.validated_data["cameras"], sent.validated_data["dry_run"]
        sites = sent.validated_data.get("sites", [])
        try:
            applied, applied_sites = configuration_apply(
                user=user_of(request), cameras=cameras, sites=sites, is_dry_run=is_dry_run
            )
        except ApplyRefusedError as refused:
            errors = {"cameras": refused.errors, "sites": refused.site_errors}
            raise ValidationError(cast("Any", {name: found for name, found in errors.items() if found})) from None
        shown = [
            {
                "id": None if is_dry_run and one.result is Result.ADDED else one.camera.pk,
                "name": one.camera.name,
                "result": one.result,
                "fields": list(one.fields),
            }
            for one in applied
        ]
        problems = room_problems_of(one.camera for one in applied if one.needs_room)
        return Response(
            {
                "dry_run": is_dry_run,
                "sites": [_site(one) for one in applied_sites],
                "cameras": shown,
                "warnings": [problem.text_about_many for problem in problems],
            }
        )


def _site(applied: AppliedSite) -> dict[str, Any]:
    changed = Result.CHANGED if applied.is_changed else Result.UNCHANGED
    return {
        "name": applied.name,
        "result": Result.ADDED if applied.is_new else changed,
        "left_out": list(applied.left_out),
    }
