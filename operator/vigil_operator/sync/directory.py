"""The API's last answers and whether it responds: written by the sync, read by the reconciler."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from vigil_contracts.api_client import ActiveCameras
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.resources import RegisteredResource
from vigil_contracts.shadow import ShadowReport
from vigil_operator.core.observed import Camera
from vigil_operator.core.situation import ApiView
from vigil_operator.sync.reports import ReportedCost, UnreadReport


class Directory:
    """For one event loop."""

    def __init__(self) -> None:
        self._configurations: dict[int, CameraConfiguration] = {}
        self._reports: dict[int, UnreadReport] = {}
        self._rows: dict[str, RegisteredResource] = {}
        self.are_rows_known = False
        self.problem = ""
        self.is_away = False
        """The API did not answer the last request; `problem` is set once this has lasted."""
        self.unreadable: frozenset[int] = frozenset()
        """Active cameras whose configuration this version cannot read: what runs for them keeps running."""

    def update(self, answer: ActiveCameras) -> set[int]:
        """Store an answer; return the ids whose configuration has changed."""
        fresh = {found.id: found for found in answer.cameras}
        self.unreadable = answer.unreadable
        changed = {
            camera_id
            for camera_id, found in fresh.items()
            if camera_id not in self._configurations or self._configurations[camera_id].revision != found.revision
        }
        self._configurations = fresh
        return changed

    def update_reports(self, reports: Mapping[int, UnreadReport]) -> set[int]:
        """Store the cameras' health and alert totals; return the ids for which they have changed."""
        before = self._reports
        changed = {
            camera_id
            for camera_id, report in reports.items()
            if camera_id not in before or before[camera_id].relevant != report.relevant
        }
        self._reports = dict(reports)
        return changed

    def shadow_reports(self, trial: str) -> list[tuple[int, ShadowReport]]:
        """Return what the cameras of a trial report about its model, by the camera's id."""
        found = []
        for camera_id, unread in self._reports.items():
            if trial.encode() not in unread.health_json:  # most cameras take part in no trial
                continue
            report = unread.read()
            if report is not None and report.health.shadow is not None and report.health.shadow.trial == trial:
                found.append((camera_id, report.health.shadow))
        return found

    def costs(self) -> dict[int, ReportedCost]:
        """Return what each measured camera costs, by its id."""
        found = {camera_id: unread.cost() for camera_id, unread in self._reports.items()}
        return {camera_id: cost for camera_id, cost in found.items() if cost is not None}

    def all(self) -> tuple[CameraConfiguration, ...]:
        """Return every active camera."""
        return tuple(self._configurations.values())

    def has(self, camera_id: int) -> bool:
        """Return whether the API's last answer had this camera, readable or not."""
        return camera_id in self._configurations or camera_id in self.unreadable

    def update_rows(self, rows: Iterable[RegisteredResource]) -> set[str]:
        """Store the rows of kubectl cameras; return the uids whose row has changed or is gone."""
        fresh = {row.uid: row for row in rows}
        changed = {uid for uid in fresh.keys() | self._rows.keys() if fresh.get(uid) != self._rows.get(uid)}
        self._rows, self.are_rows_known = fresh, True
        return changed

    def record_row(self, row: RegisteredResource) -> None:
        """Store the answer to a registration."""
        self._rows[row.uid] = row

    def forget_row(self, uid: str) -> None:
        """Forget a row that was deleted."""
        self._rows.pop(uid, None)

    def view(self, camera: Camera) -> ApiView:
        """Return what the API knows about one camera."""
        row = None if camera.managed_by_backend else self._rows.get(camera.meta.uid)
        known = ApiView(problem=self.problem, row=row, are_rows_known=self.are_rows_known)
        camera_id = row.id if row is not None else camera.camera_id
        if camera_id is None or not (camera.managed_by_backend or row is not None or not self.are_rows_known):
            return known
        unread = self._reports.get(camera_id)
        report = unread.read() if unread is not None else None
        return replace(
            known,
            configuration=self._configurations.get(camera_id),
            health=report.health if report is not None else None,
            alerts=report.alerts if report is not None else None,
        )
