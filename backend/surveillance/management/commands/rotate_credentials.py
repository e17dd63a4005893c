"""`manage.py rotate_credentials`: encrypts every stream URL anew with the first key."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from surveillance.models import Camera


class Command(BaseCommand):
    """After a new key was put first: afterwards the old ones can be dropped. Runs while everything runs."""

    help = "Encrypts every stream URL anew with the first of VIGIL_CREDENTIAL_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Row by row, each under its lock, so that a change made meanwhile is not undone."""
        ids = list(Camera.objects.order_by("pk").values_list("pk", flat=True))
        for camera_id in ids:
            with transaction.atomic():
                camera = Camera.objects.select_for_update().filter(pk=camera_id).first()
                if camera is not None:
                    # `update`: the URL stays the same, so no detector needs to hear of it.
                    Camera.objects.filter(pk=camera_id).update(rtsp_url=camera.rtsp_url)
        self.stdout.write(f"{len(ids)} stream URLs encrypted with the first key")
