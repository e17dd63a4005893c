"""Write the state of Camera resources in the cluster."""

from datetime import datetime

from surveillance.models import Camera, CameraResourceState
from vigil_contracts.resources import ResourceState, ResourceStates
from vigil_contracts.stream_url import redact, secrets_of


def resource_states_record(*, states: ResourceStates, now: datetime) -> None:
    """Store an operator's report, with the same number of statements for two hundred cameras as for one.

    What is as it was is not written, and cameras that are not there are left out. The messages are redacted by each
    camera's own credentials, should they hold them against their contract.
    """
    ids = [state.camera for state in states.states]
    urls = dict(Camera.objects.filter(pk__in=ids).values_list("pk", "rtsp_url"))
    known = {row.camera_id: row for row in CameraResourceState.objects.filter(camera__in=ids)}
    reported = [
        _row(state, source=states.source, secrets=secrets_of(urls[state.camera]), now=now)
        for state in states.states
        if state.camera in urls
    ]
    CameraResourceState.objects.bulk_create(
        [row for row in reported if not _is_same(row, known.get(row.camera_id))],
        update_conflicts=True,
        unique_fields=["camera"],
        update_fields=[*CameraResourceState.REPORTED, "reported_at"],
    )
    if states.gone:
        CameraResourceState.objects.filter(source=states.source, camera__in=states.gone).delete()


def _row(state: ResourceState, *, source: str, secrets: list[str], now: datetime) -> CameraResourceState:
    conditions = [condition.model_dump(mode="json") for condition in state.conditions]
    return CameraResourceState(
        camera_id=state.camera,
        source=source,
        name=state.resource,
        phase=state.phase.value,
        conditions=[one | {"message": redact(one["message"], secrets)} for one in conditions],
        node=state.node,
        detector_class=state.detector_class,
        reported_at=now,
    )


def _is_same(row: CameraResourceState, known: CameraResourceState | None) -> bool:
    return known is not None and all(
        getattr(row, name) == getattr(known, name) for name in CameraResourceState.REPORTED
    )
