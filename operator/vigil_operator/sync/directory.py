"""The API's cameras as last answered, and how the API is doing: what the sync learns and the reconciler reads."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from vigil_contracts.api_client import ActiveCameras
from vigil_contracts.camera import CameraConfiguration, CameraReport
from vigil_contracts.resources import RegisteredResource
from vigil_operator.core.observed import Camera
from vigil_operator.core.situation import ApiView


class Directory:
    """For one event loop."""

    def __init__(self) -> None:
        self._configurations: dict[int, CameraConfiguration] = {}
        self._reports: dict[int, CameraReport] = {}
        self._rows: dict[str, RegisteredResource] = {}
        self.are_rows_known = False
        self.problem = ""
        self.is_away = False
        """The API has not answered the last time; `problem` is set once that has lasted."""
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

    def update_reports(self, reports: Mapping[int, CameraReport]) -> set[int]:
        """Takes the cameras' health and alerts in; the ids for which they are others than before."""
        changed = {
            camera_id for camera_id, report in reports.items() if _gist(report) != _gist(self._reports.get(camera_id))
        }
        self._reports = dict(reports)
        return changed

    def all(self) -> tuple[CameraConfiguration, ...]:
        """Every active camera."""
        return tuple(self._configurations.values())

    def update_rows(self, rows: Iterable[RegisteredResource]) -> set[str]:
        """Takes the rows of kubectl's cameras in; the uids for which there is another than before, or none."""
        fresh = {row.uid: row for row in rows}
        changed = {uid for uid in fresh.keys() | self._rows.keys() if fresh.get(uid) != self._rows.get(uid)}
        self._rows, self.are_rows_known = fresh, True
        return changed

    def record_row(self, row: RegisteredResource) -> None:
        """A registration's answer."""
        self._rows[row.uid] = row

    def forget_row(self, uid: str) -> None:
        """The row is gone."""
        self._rows.pop(uid, None)

    def view(self, camera: Camera) -> ApiView:
        """What the API says about one camera."""
        row = None if camera.managed_by_backend else self._rows.get(camera.meta.uid)
        known = ApiView(problem=self.problem, row=row, are_rows_known=self.are_rows_known)
        camera_id = row.id if row is not None else camera.camera_id
        if camera_id is None or not (camera.managed_by_backend or row is not None or not self.are_rows_known):
            return known
        report = self._reports.get(camera_id)
        return replace(
            known,
            configuration=self._configurations.get(camera_id),
            health=report.health if report is not None else None,
            alerts=report.alerts if report is not None else None,
        )


def _gist(report: CameraReport | None) -> object:
    """What of a report makes its camera worth a look; frame rates and times are looked at with the resync."""
    if report is None:
        return None
    health = report.health
    return (health.phase, health.reason, health.message, health.stream.width, health.stream.codec, report.alerts)
