"""The last known state of the cluster: every object that the operator needs, in memory, indexed by camera.

It is updated by kopf's watches, by the answers to our own writes (so that the next decision knows them), and by a
full listing about once a minute (a watch can fail silently, and misses deletions while it reconnects). An older
version of an object never replaces a newer one: resource versions are compared as numbers, as etcd creates them and
Kubernetes guarantees since 1.35.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

from vigil_operator.core.names import FIELD_MANAGER, LABEL_APP_MANAGED_BY, LABEL_CAMERA, detector_object_name
from vigil_operator.core.observed import (
    Camera,
    CameraPolicy,
    Deployment,
    DetectorClass,
    Key,
    Meta,
    Pod,
    StoredObject,
    camera_from_body,
    class_from_body,
    credentials_from_body,
    deployment_from_body,
    object_from_body,
    pod_from_body,
    policy_from_body,
)
from vigil_operator.core.rollout_state import RolloutState
from vigil_operator.core.situation import Children
from vigil_operator.kube.kinds import (
    CAMERA,
    CAMERA_POLICY,
    DEPLOYMENT,
    DETECTOR_CLASS,
    NETWORK_POLICY,
    POD,
    SECRET,
    VOLUME_CLAIM,
    Kind,
)
from vigil_operator.kube.listing import ListedObject, Listing
from vigil_operator.kube.watch_health import WatchHealth

Body = Mapping[str, Any]


class _HasMeta(Protocol):
    @property
    def meta(self) -> Meta: ...


ObjectT = TypeVar("ObjectT", bound=_HasMeta)


def version_of(resource_version: str) -> int:
    """Return a resource version as a number; 0 if it is not one."""
    return int(resource_version) if resource_version.isdigit() else 0


class Collection(dict[Key, ObjectT]):
    """The objects of one kind."""

    def __init__(self, parse: Callable[[Body], ObjectT]) -> None:
        super().__init__()
        self._parse = parse
        self._deleted: dict[str, str] = {}
        """The uids of deleted objects that the next listing of their namespace may still have."""

    def observe(self, body: Body) -> ObjectT | None:
        """Store an object and return it, or None if this or a newer version is known."""
        metadata = body["metadata"]
        key = Key(metadata.get("namespace", ""), metadata["name"])
        if not self._is_new(key, metadata.get("uid", ""), metadata.get("resourceVersion", "")):
            return None
        self[key] = self._parse(body)
        return self[key]

    def _is_new(self, key: Key, uid: str, resource_version: str) -> bool:
        if uid in self._deleted:
            return False
        known = self.get(key)
        return known is None or version_of(known.meta.resource_version) < version_of(resource_version)

    def forget(self, key: Key, uid: str) -> ObjectT | None:
        """Remove an object and return it, or None if it was not known."""
        self._deleted[uid] = key.namespace
        known = self.get(key)
        return self.pop(key) if known is not None and known.meta.uid == uid else None

    def observe_listed(self, found: ListedObject) -> ObjectT | None:
        """Store an object of a listing or watch and return it, or None if it is known: then it is not parsed."""
        metadata = found.metadata
        if not self._is_new(found.key, metadata.uid, metadata.resource_version):
            return None
        self[found.key] = self._parse(found.body())
        return self[found.key]

    def remove_missing(self, listed: Container[Key], resource_version: str, namespace: str) -> list[ObjectT]:
        """Remove and return what a complete listing of a namespace, or of all, does not have."""
        as_of = version_of(resource_version)
        # Objects newer than the listing were reported by a watch in the meantime.
        gone = [
            key
            for key, known in self.items()
            if key not in listed
            and namespace in {"", key.namespace}
            and version_of(known.meta.resource_version) <= as_of
        ]
        self._deleted = {uid: place for uid, place in self._deleted.items() if namespace not in {"", place}}
        return [self.pop(key) for key in gone]


def _is_foreign(labels: Mapping[str, str] | None) -> bool:
    return (labels or {}).get(LABEL_APP_MANAGED_BY) != FIELD_MANAGER


class Store:
    """All collections, and which cameras each change affects."""

    def __init__(self, api_namespace: str = "") -> None:
        """`api_namespace`: the only namespace with cameras of the API; empty: any."""
        self.watch_health = WatchHealth()
        self.cameras: Collection[Camera] = Collection(partial(camera_from_body, api_namespace=api_namespace))
        self.classes: Collection[DetectorClass] = Collection(class_from_body)
        self.policies: Collection[CameraPolicy] = Collection(policy_from_body)
        self.deployments: Collection[Deployment] = Collection(deployment_from_body)
        self.secrets: Collection[StoredObject] = Collection(object_from_body)
        self.credentials: Collection[StoredObject] = Collection(credentials_from_body)
        """Users' Secrets in the cameras' namespace, for kubectl cameras that name them."""
        self.network_policies: Collection[StoredObject] = Collection(object_from_body)
        self.volume_claims: Collection[StoredObject] = Collection(object_from_body)
        self.pods: Collection[Pod] = Collection(pod_from_body)
        self._collections: dict[Kind, Collection[Any]] = {
            CAMERA: self.cameras,
            DETECTOR_CLASS: self.classes,
            CAMERA_POLICY: self.policies,
            DEPLOYMENT: self.deployments,
            SECRET: self.secrets,
            NETWORK_POLICY: self.network_policies,
            VOLUME_CLAIM: self.volume_claims,
            POD: self.pods,
        }
        self._pods_of: defaultdict[Key, set[Key]] = defaultdict(set)
        self._class_contents: dict[Key, tuple[str, str, bool, RolloutState]] = {}
        self.camera_changes = 0
        """Counts changes of Cameras; the sync compares them with the API when it has grown."""
        self.policy_changes = 0
        """Counts changes of CameraPolicies."""

    def observe(self, kind: Kind, body: Body) -> set[Key]:
        """Store an object; return the cameras to reconcile because of it."""
        if kind is SECRET and _is_foreign(body["metadata"].get("labels")):
            credentials = self.credentials.observe(body)
            return self._cameras_that_name([credentials] if credentials else [])
        changed = self._collection(kind).observe(body)
        return self._affected(kind, [changed] if changed else [])

    def forget(self, kind: Kind, key: Key, uid: str) -> set[Key]:
        """Remove an object; return the cameras to reconcile because of it."""
        gone = self._collection(kind).forget(key, uid)
        if gone is None and kind is SECRET:
            credentials = self.credentials.forget(key, uid)
            return self._cameras_that_name([credentials] if credentials else [])
        return self._affected(kind, [gone] if gone else [])

    def observe_listed(self, kind: Kind, found: ListedObject) -> set[Key]:
        """Store an object that a watch reports; return the cameras to reconcile because of it."""
        collection = self.collection_of(kind, found)
        changed = collection.observe_listed(found)
        return self.affected(kind, collection, [changed] if changed else [])

    def replace(self, kind: Kind, listing: Listing, namespace: str = "") -> set[Key]:
        """Store a full listing of a namespace, or of all; return the cameras to reconcile because of it."""
        relist = Relist(self, kind, namespace)
        relist.add(listing.items)
        relist.finish(listing.resource_version)
        return relist.affected

    def collections_of(self, kind: Kind) -> tuple[Collection[Any], ...]:
        """Return where objects of a kind are stored."""
        return (self.secrets, self.credentials) if kind is SECRET else (self._collection(kind),)

    def affected(self, kind: Kind, collection: Collection[Any], changed: list[Any]) -> set[Key]:
        """Return the cameras to reconcile because of these objects of one collection."""
        return self._cameras_that_name(changed) if collection is self.credentials else self._affected(kind, changed)

    def collection_of(self, kind: Kind, found: ListedObject) -> Collection[Any]:
        """Return where an object is stored."""
        is_foreign = kind is SECRET and _is_foreign(found.metadata.labels)
        return self.credentials if is_foreign else self._collection(kind)

    def children(self, camera: Key) -> Children:
        """Return the existing objects of a camera."""
        key = Key(camera.namespace, detector_object_name(camera.name))
        pods = (self.pods.get(pod) for pod in sorted(self._pods_of.get(camera, ())))
        return Children(
            deployment=self.deployments.get(key),
            secret=self.secrets.get(key),
            network_policy=self.network_policies.get(key),
            volume_claim=self.volume_claims.get(key),
            pods=tuple(pod for pod in pods if pod is not None),
        )

    def class_map(self) -> dict[str, DetectorClass]:
        """Return the classes by name."""
        return {key.name: found for key, found in self.classes.items()}

    def all_cameras(self) -> set[Key]:
        """Return every camera, and every deleted one of which objects are left."""
        collections: tuple[Collection[Any], ...] = (
            self.deployments,
            self.secrets,
            self.network_policies,
            self.volume_claims,
        )
        orphans = {
            Key(found.key.namespace, found.meta.camera)
            for collection in collections
            for found in collection.values()
            if found.meta.camera
        }
        return set(self.cameras) | orphans

    def credentials_for(self, camera: Camera) -> StoredObject | None:
        """Return the Secret that the camera names, if it exists; a detector's Secret does not count."""
        return self.credentials.get(Key(camera.key.namespace, camera.credentials_secret))

    def is_pressing(self, camera: Key) -> bool:
        """Return whether the camera has no detector yet, or is deleted and may still have one."""
        known = self.cameras.get(camera)
        if known is None or known.meta.deleting:
            return True
        return Key(camera.namespace, detector_object_name(camera.name)) not in self.deployments

    def _cameras_that_name(self, secrets: list[StoredObject]) -> set[Key]:
        keys = {secret.key for secret in secrets}
        if not keys:
            return set()
        return {
            camera.key
            for camera in self.cameras.values()
            if Key(camera.key.namespace, camera.credentials_secret) in keys
        }

    def cameras_with_policy(self, policy: Key) -> set[Key]:
        """Return the cameras whose status says that they have the values of this policy."""
        return {
            key
            for key, camera in self.cameras.items()
            if key.namespace == policy.namespace and policy.name in camera.policy_generations
        }

    def _cameras_of_deleted_policies(self, changed: list[CameraPolicy]) -> set[Key]:
        """Return the cameras that fall back to other values. A change of a policy is rolled out in steps instead."""
        gone = [policy.key for policy in changed if policy.key not in self.policies]
        return {camera for policy in gone for camera in self.cameras_with_policy(policy)}

    def _collection(self, kind: Kind) -> Collection[Any]:
        return self._collections[kind]

    def _affected(self, kind: Kind, changed: list[Any]) -> set[Key]:
        if kind is DETECTOR_CLASS:
            return self.all_cameras() if changed and self._have_classes_changed() else set()
        if kind is CAMERA:
            self.camera_changes += len(changed)
            return {found.meta.key for found in changed}
        if kind is CAMERA_POLICY:
            self.policy_changes += len(changed)
            return self._cameras_of_deleted_policies(changed)
        if kind is POD:
            for pod in changed:
                self._index_pod(pod)
        return {
            Key(found.meta.key.namespace, found.meta.labels[LABEL_CAMERA])
            for found in changed
            if LABEL_CAMERA in found.meta.labels
        }

    def _have_classes_changed(self) -> bool:
        """Return whether something of a class has changed on which its detectors depend."""
        contents = {
            key: (found.meta.uid, found.spec_json, found.is_default, found.rollout)
            for key, found in self.classes.items()
        }
        has_changed, self._class_contents = contents != self._class_contents, contents
        return has_changed

    def _index_pod(self, pod: Pod) -> None:
        camera = Key(pod.key.namespace, pod.meta.camera)
        if pod.key in self.pods:
            self._pods_of[camera].add(pod.key)
            return
        self._pods_of[camera].discard(pod.key)
        if not self._pods_of[camera]:
            del self._pods_of[camera]


class _Part:
    """What a listing has of one collection."""

    def __init__(self, collection: Collection[Any]) -> None:
        self.collection = collection
        self.listed: set[Key] = set()
        self.changed: list[Any] = []


class Relist:
    """A full listing of a namespace, or of all: pages are stored as they arrive, the rest is removed at the end.

    `starts_watch`: whether a watch continues from the listing, so that it reports none of these objects.
    """

    def __init__(self, store: Store, kind: Kind, namespace: str, *, starts_watch: bool = False) -> None:
        self._store = store
        self._kind = kind
        self._namespace = namespace
        self._starts_watch = starts_watch
        self._parts = [_Part(collection) for collection in store.collections_of(kind)]
        self.affected: set[Key] = set()
        """The cameras to reconcile because of what has been listed so far."""

    def add(self, items: Iterable[ListedObject]) -> None:
        """Store the objects of a page. Those that are known are not parsed."""
        for item in items:
            collection = self._store.collection_of(self._kind, item)
            part = next(part for part in self._parts if part.collection is collection)
            part.listed.add(item.key)
            found = collection.observe_listed(item)
            if found is not None:
                part.changed.append(found)
            health, version = self._store.watch_health, version_of(item.metadata.resource_version)
            if self._starts_watch:
                health.told(self._kind, item.key, version)
            elif found is not None:
                health.listed(self._kind, item.key, version)
        self._note_affected()

    def finish(self, resource_version: str) -> None:
        """Remove what no page had. To be called after the last page only."""
        for part in self._parts:
            part.changed = part.collection.remove_missing(part.listed, resource_version, self._namespace)
            for gone in part.changed:
                self._store.watch_health.gone(self._kind, gone.meta.key)
        self._note_affected()

    def _note_affected(self) -> None:
        for part in self._parts:
            self.affected |= self._store.affected(self._kind, part.collection, part.changed)
            part.changed = []
