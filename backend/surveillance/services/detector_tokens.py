"""Issue the tokens of detectors."""

from collections.abc import Sequence

from django.db import transaction

from surveillance.models import Camera
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope
from vigil_apps.accounts.services import token_create, tokens_end


@transaction.atomic
def detector_tokens_rotate(*, cameras: Sequence[Camera], name: str = "") -> dict[int, str]:
    """Return a new token for each camera's detector, by camera id; the former tokens expire after `GRACE`."""
    tokens_end(AuthToken.objects.filter(camera__in=cameras, scope=Scope.DETECTOR))
    return {
        camera.pk: token_create(user=camera.user, scope=Scope.DETECTOR, name=name, camera=camera)
        for camera in cameras
    }
