"""The API's cameras as last answered, and how the API is doing: what the sync learns and the reconciler reads."""

from collections.abc import Mapping

from vigil_contracts.api_client import ActiveCameras
from vigil_contracts.camera import CameraConfiguration, HealthReport
from vigil_operator.core.reconcile import ApiView


class Directory:
    """For one event loop."""

    def __init__(self) -> None:
        self._configurations: dict[int, CameraConfiguration] = {}
        self._health: dict[int, HealthReport] = {}
        self.problem = ""
        self.unreadable: frozenset[int] = frozenset()
        """Active cameras whose configuration is not understood: what runs for them runs on."""

    def update(self, answer: ActiveCameras) -> set[int]:
        """Takes an answer in; the ids whose configuration is another than before."""
        fresh = {found.id: found for found in answer.cameras}
        self.unreadable = answer.unreadable
        changed = {
            camera_id
            for camera_id, found in fresh.items()
            if camera_id not in self._configurations or self._configurations[camera_id].revision != found.revision
        }
        self._configurations = fresh
        return changed

    def update_health(self, reports: Mapping[int, HealthReport]) -> set[int]:
        """Takes the cameras' health in; the ids for which it is another than before."""
        changed = {
            camera_id for camera_id, report in reports.items() if _gist(report) != _gist(self._health.get(camera_id))
        }
        self._health = dict(reports)
        return changed

    def all(self) -> tuple[CameraConfiguration, ...]:
        """Every active camera."""
        return tuple(self._configurations.values())

    def view(self, camera_id: int | None) -> ApiView:
        """What the API says about one camera."""
        if camera_id is None:
            return ApiView(problem=self.problem)
        return ApiView(self._configurations.get(camera_id), self._health.get(camera_id), self.problem)


def _gist(report: HealthReport | None) -> object:
    """What of a report makes its camera worth a look; frame rates and times are looked at with the resync."""
    return report and (report.phase, report.reason, report.message, report.stream.width, report.stream.codec)
