"""`vigil-operator diagnose CAMERA`: asks the cluster and the API, changes nothing, prints one page."""

import json
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vigil_contracts.api_client import ApiError, AsyncApiClient
from vigil_contracts.camera import CameraSummary
from vigil_contracts.clusters import ClusterQuery
from vigil_operator.clock import utc_now
from vigil_operator.core.diagnosis import Diagnosis, Facts, StepState, diagnose, find_camera
from vigil_operator.core.observed import Camera, Key
from vigil_operator.core.policy_merge import PolicyRevision
from vigil_operator.core.policy_revisions import recorded_revisions, revision_for
from vigil_operator.core.situation import Children
from vigil_operator.kube.access import cluster_identity, load_configuration
from vigil_operator.kube.client import AioTransport, KubeClient
from vigil_operator.kube.kinds import LEASE
from vigil_operator.kube.leader import LEASE_NAME
from vigil_operator.kube.store import Relist, Store
from vigil_operator.kube.watched import WATCHED, list_watched
from vigil_operator.settings import OperatorSettings

COLOURS = {
    StepState.OK: "green",
    StepState.WAITING: "yellow",
    StepState.UNKNOWN: "yellow",
    StepState.FAILED: "bold red",
}


async def run_diagnose(settings: OperatorSettings, wanted: str, output: str) -> int:
    """Return the exit status: 0 if everything is in order, otherwise 1."""
    configuration = await load_configuration(settings.kubeconfig)
    cluster = settings.cluster(cluster_identity(configuration))
    transport = AioTransport(configuration)
    try:
        async with AsyncApiClient(settings.api_url, settings.read_token()) as api:
            found = diagnose(await _gather(settings, cluster, KubeClient(transport), api, wanted))
    finally:
        await transport.close()
    if output == "json":
        print(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
    else:
        print_page(found)
    return 0 if all(step.state is StepState.OK for step in found.steps) else 1


async def _gather(
    settings: OperatorSettings, cluster: ClusterQuery, kube: KubeClient, api: AsyncApiClient, wanted: str
) -> Facts:
    store = Store(settings.namespace)
    for kind in WATCHED:
        for namespace in settings.namespaces if kind.namespaced else ("",):
            await list_watched(kube, kind, namespace, Relist(store, kind, namespace))
    camera = find_camera(wanted, store.cameras)
    row, problem = await _row(api, camera, wanted)
    lease = await kube.get(LEASE, Key(settings.lease_namespace, LEASE_NAME))
    spec: dict[str, Any] = (lease or {}).get("spec") or {}
    return Facts(
        wanted=wanted,
        camera=camera,
        children=store.children(camera.key) if camera else Children(),
        classes=store.class_map(),
        row=row,
        row_problem=problem,
        cluster=cluster,
        lease_holder=spec.get("holderIdentity") or "",
        lease_renewed_at=_moment(spec.get("renewTime")),
        now=utc_now(),
        policies=_policies(store, camera),
    )


def _policies(store: Store, camera: Camera | None) -> tuple[PolicyRevision, ...]:
    """Return the policies of the camera's namespace in the versions that it has, as its status says."""
    if camera is None:
        return ()
    found = (
        revision_for(camera, key.name, recorded_revisions(policy))
        for key, policy in sorted(store.policies.items())
        if key.namespace == camera.key.namespace
    )
    return tuple(revision for revision in found if revision is not None)


async def _row(api: AsyncApiClient, camera: Camera | None, wanted: str) -> tuple[CameraSummary | None, str]:
    camera_id = camera.camera_id if camera is not None else None
    digits = wanted.removeprefix("cam-")
    if camera_id is None and digits.isdigit():
        camera_id = int(digits)
    if camera_id is None:
        return None, ""
    try:
        return await api.camera(camera_id), ""
    except ApiError as error:
        return None, "" if error.status == 404 else api_problem(error)


def api_problem(error: ApiError) -> str:
    """Why the API does not tell, and what to do."""
    if error.status is None:
        return f"The API does not answer ({error}). Check VIGIL_API_URL, the network, and that the backend runs."
    if error.status in {401, 403}:
        return f"The API refuses the operator's token ({error}). Give the operator a good one."
    return f"The API answers with an error ({error}). See the backend's log."


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def print_page(found: Diagnosis) -> None:
    """For a person."""
    console = Console()
    # As text, never as markup: a message may hold brackets, and the camera's name is arbitrary user input.
    table = Table(title=Text(f"Camera {found.camera}"), title_justify="left", show_lines=False)
    table.add_column("step")
    table.add_column("state")
    table.add_column("what was found", overflow="fold")
    for step in found.steps:
        table.add_row(step.name, Text(step.state.value, style=COLOURS[step.state]), Text(step.text))
    console.print(table)
    console.print(found.verdict, markup=False, highlight=False)
