"""Write the state of Camera resources in the cluster."""

from datetime import datetime

from surveillance.core.sleep import Sleep, sleep_after_report
from surveillance.models import Camera, CameraResourceState
from surveillance.services.clusters import cluster_classes_record
from surveillance.wakeups import HEALTH
from vigil_contracts.resources import ResourceState, ResourceStates
from vigil_contracts.stream_url import redact, secrets_of

_READ = ("pk", "rtsp_url", "asleep_until", "warm_until")


def resource_states_record(*, states: ResourceStates, now: datetime) -> None:
    """Store an operator's report, with the same number of statements for two hundred cameras as for one.

    What is as it was is not written, and cameras that are not there are left out. The messages are redacted by each
    camera's own credentials, should they hold them against their contract.
    """
    ids = [state.camera for state in states.states]
    cameras = {camera.pk: camera for camera in Camera.objects.filter(pk__in=ids).only(*_READ)}
    urls = {pk: camera.rtsp_url for pk, camera in cameras.items()}
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
    _update_sleep(cameras, {state.camera: state for state in states.states}, now)
    if states.classes is not None:
        cluster_classes_record(source=states.source, classes=states.classes, now=now)
    if states.gone:
        _wake(states, now)
        CameraResourceState.objects.filter(source=states.source, camera__in=states.gone).delete()


def _update_sleep(cameras: dict[int, Camera], states: dict[int, ResourceState], now: datetime) -> None:
    """Store until when cameras sleep, in one statement and without touching what their revision depends on."""
    changed = []
    for pk, camera in cameras.items():
        known = Sleep(camera.asleep_until, camera.warm_until)
        state = states[pk]
        after = sleep_after_report(known, wake_time=state.wake_time, arm_time=state.arm_time, now=now)
        if after != known:
            camera.asleep_until, camera.warm_until = after.asleep_until, after.warm_until
            changed.append(camera)
    if changed:
        Camera.objects.bulk_update(changed, ["asleep_until", "warm_until"])
        HEALTH.announce_after_commit()


def _wake(states: ResourceStates, now: datetime) -> None:
    """A camera whose resource is gone has no operator that wakes it up."""
    gone = Camera.objects.filter(resource_state__source=states.source, pk__in=states.gone)
    gone.filter(asleep_until__gt=now).update(asleep_until=now, warm_until=now)


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
