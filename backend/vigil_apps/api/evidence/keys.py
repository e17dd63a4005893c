"""The public keys of exports."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vigil_apps.accounts.permissions import USER
from vigil_apps.api.evidence.serializers import EvidenceKeySerializer
from vigil_apps.evidence.signing import published_keys


class EvidenceKeysView(APIView):
    """All public keys."""

    scopes = {"GET": USER}  # noqa: RUF012 read only

    @extend_schema(
        operation_id="evidence_keys",
        summary="List the public keys of exports",
        responses=EvidenceKeySerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Returns the key that signs exports now, and all earlier ones, with which older exports are verified."""
        return Response(EvidenceKeySerializer(published_keys(now=timezone.now()), many=True).data)
