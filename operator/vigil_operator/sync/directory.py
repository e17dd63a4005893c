"""The API's cameras as last answered, and how the API is doing: what the sync learns and the reconciler reads."""

from collections.abc import Iterable

from vigil_contracts.camera import CameraConfiguration
from vigil_operator.core.reconcile import ApiView


class Directory:
    """For one event loop."""

    def __init__(self) -> None:
        self._configurations: dict[int, CameraConfiguration] = {}
        self.problem = ""

    def update(self, configurations: Iterable[CameraConfiguration]) -> set[int]:
        """Takes an answer in; the ids whose configuration is another than before."""
        fresh = {found.id: found for found in configurations}
        changed = {
            camera_id
            for camera_id, found in fresh.items()
            if camera_id not in self._configurations or self._configurations[camera_id].revision != found.revision
        }
        self._configurations = fresh
        return changed

    def all(self) -> tuple[CameraConfiguration, ...]:
        """Every active camera."""
        return tuple(self._configurations.values())

    def view(self, camera_id: int | None) -> ApiView:
        """What the API says about one camera."""
        return ApiView(self._configurations.get(camera_id) if camera_id is not None else None, self.problem)
