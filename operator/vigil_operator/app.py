"""Assemble the operator and run it."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from itertools import product
from typing import Any, NoReturn

from vigil_contracts.api_client import AsyncApiClient
from vigil_operator.core.registration import RegistrationSettings
from vigil_operator.core.rollout import RolloutGate
from vigil_operator.core.start_times import StartTimes
from vigil_operator.health import Health, Heartbeat, build_application, serve
from vigil_operator.kube.access import cluster_identity, kopf_login, load_configuration
from vigil_operator.kube.camera_costs import CameraCosts
from vigil_operator.kube.class_reporter import ClassReporter
from vigil_operator.kube.client import AioTransport, KubeClient
from vigil_operator.kube.definitions import DefinitionCheck
from vigil_operator.kube.events import EventRecorder
from vigil_operator.kube.leader import Leadership, NotLeaderError
from vigil_operator.kube.model_rollouts import ModelRollouts
from vigil_operator.kube.node_reader import NodeReader
from vigil_operator.kube.observer import Observer
from vigil_operator.kube.policy_rollouts import PolicyRollouts
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.reconciler import Reconciler
from vigil_operator.kube.reflector import Reflector
from vigil_operator.kube.registrar import Registrar
from vigil_operator.kube.resync import Resync
from vigil_operator.kube.rights import RightsCheck
from vigil_operator.kube.store import Store
from vigil_operator.kube.unwatched import UnwatchedCameras
from vigil_operator.kube.watch import UNTOLD_LIMIT_SECONDS, deliver_to, watch_forever
from vigil_operator.kube.watched import BY_REFLECTOR
from vigil_operator.kube.writer import Writer
from vigil_operator.metrics import Metrics
from vigil_operator.settings import OperatorSettings
from vigil_operator.sync.availability import ApiAvailability
from vigil_operator.sync.directory import Directory
from vigil_operator.sync.health_poller import HealthPoller
from vigil_operator.sync.poller import Poller
from vigil_operator.sync.releaser import Releaser
from vigil_operator.sync.reporter import Reporter
from vigil_operator.sync.resource_sync import ResourceSync
from vigil_operator.sync.sweeper import Sweeper
from vigil_operator.sync.tokens import DetectorTokens
from vigil_operator.sync.trigger import ReconcileTrigger

logger = logging.getLogger(__name__)

POLL_LIMIT_SECONDS = 120.0
RESYNC_LIMIT_FACTOR = 4.0


async def run_operator(settings: OperatorSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    work = asyncio.create_task(_run(settings), name="operator")
    stop = asyncio.create_task(stopping.wait(), name="signals")
    await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not work.done():
        logger.info("stopping")
        work.cancel()
    await asyncio.gather(work, return_exceptions=stopping.is_set())


async def _run(settings: OperatorSettings) -> None:
    watches = len(BY_REFLECTOR) * len(settings.namespaces)
    configuration = await load_configuration(settings.kubeconfig, watches)
    store = Store(settings.namespace)
    queue = WorkQueue(store.is_pressing)
    health = Health()
    metrics = Metrics(store.cameras.values)
    transport = AioTransport(configuration, settings.identity)
    leadership = Leadership(KubeClient(transport), namespace=settings.lease_namespace, identity=settings.identity)
    fence = _start_anew_when_lost(leadership)
    kube = KubeClient(transport, fence)
    # Not through the fence: a standby replica asks too, and the question stores nothing.
    rights = RightsCheck(KubeClient(transport), cameras=settings.namespaces, lease=settings.lease_namespace)
    health.missing_rights = rights.problems
    checking = asyncio.create_task(rights.run(), name="rights")
    server = await serve(build_application(health, metrics.registry), settings.health_host, settings.health_port)
    try:
        identity = cluster_identity(configuration)
        async with AsyncApiClient(settings.api_url, settings.read_token(), settings.cluster(identity)) as api:
            metrics.api_certificate_expiry.set_function(lambda: api.certificate_expiry_timestamp_seconds)
            health.role = "standby"
            await leadership.acquire()
            metrics.leader.set(1)
            watch = watch_forever(deliver_to(store, queue), kopf_login(configuration), settings.namespaces)
            async with asyncio.TaskGroup() as group:
                group.create_task(_hold(leadership), name="lease")
                group.create_task(
                    _work(
                        settings,
                        store,
                        queue,
                        watch,
                        health=health,
                        metrics=metrics,
                        kube=kube,
                        api=api,
                        fence=fence,
                        registration=settings.registration(identity),
                    ),
                    name="work",
                )
    finally:
        checking.cancel()
        await leadership.release()
        await transport.close()
        await server.cleanup()


async def _hold(leadership: Leadership) -> None:
    try:
        await leadership.hold()
    except NotLeaderError as error:
        _start_anew(error)


def _start_anew_when_lost(leadership: Leadership) -> Callable[[], None]:
    """Return the fence that is called before every write."""

    def fence() -> None:
        try:
            leadership.check()
        except NotLeaderError as error:
            _start_anew(error)

    return fence


def _start_anew(error: NotLeaderError) -> NoReturn:
    """Replace this process by a new one at once: an orderly shutdown would leave time for another write.

    No thread, connection or memory of the former leader remains. The new process takes part in the next election, and
    waits for the API server if necessary.
    """
    logger.critical("leadership lost: %s; starting a new process that takes part in the next election", error)
    logging.shutdown()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - its own command line


async def _work(
    settings: OperatorSettings,
    store: Store,
    queue: WorkQueue,
    watch: Coroutine[Any, Any, None],
    *,
    health: Health,
    metrics: Metrics,
    kube: KubeClient,
    api: AsyncApiClient,
    fence: Callable[[], None],
    registration: RegistrationSettings,
) -> None:
    """Do the work of the active replica until cancelled. Ends otherwise only by an unexpected error."""
    directory = Directory()
    events = EventRecorder(kube)
    start_times, nodes = StartTimes(), NodeReader(kube)
    resync = Resync(
        kube=kube,
        store=store,
        queue=queue,
        namespaces=settings.namespaces,
        interval_seconds=settings.resync_interval_seconds,
    )
    trigger = ReconcileTrigger(store, queue)
    reports = HealthPoller(
        api=api, directory=directory, trigger=trigger, interval_seconds=settings.health_interval_seconds
    )
    resources = ResourceSync(
        kube=kube,
        store=store,
        directory=directory,
        queue=queue,
        events=events,
        metrics=metrics,
        namespace=settings.namespace,
    )
    poller = _build_poller(
        settings,
        store,
        directory,
        api=api,
        trigger=trigger,
        resources=resources,
        source_of=registration.source_of,
        is_listed=resync.is_listed,
        fence=fence,
    )
    policies = PolicyRollouts(kube=kube, store=store, queue=queue, events=events, metrics=metrics)
    observer = Observer(
        store=store,
        knowledge=directory,
        settings=settings.manifests(),
        registration=registration,
        policies=policies,
    )
    reconciler = Reconciler(
        store=store,
        queue=queue,
        observer=observer,
        writer=Writer(kube=kube, store=store, events=events, metrics=metrics),
        tokens=DetectorTokens(api, fence),
        registrar=Registrar(
            kube=kube, store=store, queue=queue, api=api, rows=directory, metrics=metrics, fence=fence
        ),
        gate=RolloutGate(settings.restarts_at_once),
        metrics=metrics,
        start_times=start_times,
    )
    unwatched = UnwatchedCameras(kube=kube, namespaces=settings.namespaces)
    classes = ClassReporter(
        kube=kube,
        store=store,
        queue=queue,
        metrics=metrics,
        settings=settings.manifests(),
        namespace=settings.namespace,
        start_times=start_times,
        rollouts=ModelRollouts(store, directory),
        events=events,
        costs=CameraCosts(store, directory),
        node_use=lambda: nodes.use,
        watched_elsewhere=lambda: unwatched.watched_elsewhere,
    )
    reporter = Reporter(
        api=api,
        store=store,
        directory=directory,
        source_of=registration.source_of,
        namespace=settings.namespace,
        refused=lambda: resources.refused,
        fence=fence,
    )
    # Before the first decision, so that it knows the API's answers if there are any. Either side takes seconds with
    # ten thousand cameras; the poller compares both.
    await asyncio.gather(resync.first(), reports.poll_once())
    await poller.poll_once()
    health.role = "active"
    health.expect(
        {
            "sync": Heartbeat(lambda: poller.last_progress, POLL_LIMIT_SECONDS),
            "watch": Heartbeat(store.watch_health.alive_at, UNTOLD_LIMIT_SECONDS),
            "resync": Heartbeat(resync.alive_at, settings.resync_interval_seconds * RESYNC_LIMIT_FACTOR),
        }
    )
    logger.info("active: %d cameras in namespace %s", len(store.cameras), ", ".join(settings.namespaces))
    async with asyncio.TaskGroup() as group:
        group.create_task(reconciler.run(settings.workers), name="reconcile")
        group.create_task(watch, name="watch")
        for kind, namespace in product(BY_REFLECTOR, settings.namespaces):
            since = resync.version_of(kind, namespace)
            reflector = Reflector(kube=kube, store=store, queue=queue, kind=kind, namespace=namespace, since=since)
            group.create_task(reflector.run(), name=f"watch {kind.plural} {namespace}")
        group.create_task(resync.run(), name="resync")
        group.create_task(poller.run(), name="sync")
        group.create_task(reports.run(), name="health")
        group.create_task(reporter.run(), name="report")
        group.create_task(DefinitionCheck(kube=kube, metrics=metrics).run(), name="definitions")
        group.create_task(unwatched.run(), name="unwatched")
        group.create_task(classes.run(), name="classes")
        group.create_task(policies.run(), name="policies")
        if settings.read_nodes:
            group.create_task(nodes.run(), name="nodes")


def _build_poller(
    settings: OperatorSettings,
    store: Store,
    directory: Directory,
    *,
    api: AsyncApiClient,
    resources: ResourceSync,
    trigger: ReconcileTrigger,
    source_of: Callable[[str], str],
    is_listed: Callable[[str], bool],
    fence: Callable[[], None],
) -> Poller:
    return Poller(
        api=api,
        directory=directory,
        trigger=trigger,
        availability=ApiAvailability(directory=directory, trigger=trigger),
        resources=resources,
        releaser=Releaser(api=api, store=store, directory=directory, namespace=settings.namespace, fence=fence),
        sweeper=Sweeper(
            api=api,
            store=store,
            directory=directory,
            trigger=trigger,
            namespaces=settings.namespaces,
            source_of=source_of,
            is_listed=is_listed,
            fence=fence,
        ),
        interval_seconds=settings.sync_interval_seconds,
    )
