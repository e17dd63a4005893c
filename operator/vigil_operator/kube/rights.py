"""Check that the operator has the permissions that it needs, so that `/readyz` names the missing ones.

Without them it would fail object by object, each failure only in the log. The API server answers for the operator's
own account (SelfSubjectAccessReview); every account may ask this.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.kinds import (
    CAMERA,
    CAMERA_POLICY,
    DEPLOYMENT,
    DETECTOR_CLASS,
    EVENT,
    LEASE,
    NETWORK_POLICY,
    POD,
    SECRET,
    VOLUME_CLAIM,
    Kind,
)

logger = logging.getLogger(__name__)

REVIEW = Kind("SelfSubjectAccessReview", "authorization.k8s.io", "v1", "selfsubjectaccessreviews", namespaced=False)

INTERVAL_SECONDS = 60.0
INTERVAL_WHILE_MISSING_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one kind. `namespace` is empty for the whole cluster."""

    verb: str
    kind: Kind
    namespace: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        """Return the right as an administrator would write it in a rule."""
        resource = "/".join(part for part in (self.kind.plural, self.subresource) if part)
        group = f".{self.kind.group}" if self.kind.group else ""
        where = f"in namespace {self.namespace}" if self.namespace else "in the whole cluster"
        return f"{self.verb} {resource}{group} {where}"

    def review(self) -> dict[str, Any]:
        """Return the question for the API server."""
        attributes = {
            "verb": self.verb,
            "group": self.kind.group,
            "resource": self.kind.plural,
            "subresource": self.subresource,
            "namespace": self.namespace,
        }
        return {
            "apiVersion": f"{REVIEW.group}/{REVIEW.version}",
            "kind": REVIEW.name,
            "metadata": {},
            "spec": {"resourceAttributes": {name: value for name, value in attributes.items() if value}},
        }


def needed_rights(cameras: Sequence[str], lease: str) -> Iterator[Right]:
    """Yield every right of the operator. `cameras`, `lease`: the namespaces of the cameras and of the Lease."""
    yield from _cluster_rights()
    for namespace in cameras:
        yield from _rights_in(namespace)
    yield Right("create", LEASE, lease)


def _cluster_rights() -> Iterator[Right]:
    # For the whole cluster, since rights in a namespace end with it, and its cameras' finalizers would stay.
    for verb in ("get", "list", "watch", "create", "patch", "delete"):
        yield Right(verb, CAMERA)
    yield Right("patch", CAMERA, subresource="status")
    yield Right("update", CAMERA, subresource="finalizers")
    for verb in ("list", "watch"):
        yield Right(verb, DETECTOR_CLASS)
    yield Right("patch", DETECTOR_CLASS, subresource="status")
    for verb in ("list", "watch"):
        yield Right(verb, CAMERA_POLICY)
    yield Right("patch", CAMERA_POLICY, subresource="status")


def _rights_in(namespace: str) -> Iterator[Right]:
    for kind in (DEPLOYMENT, NETWORK_POLICY, SECRET, VOLUME_CLAIM):
        for verb in ("list", "watch", "create", "patch", "delete"):
            yield Right(verb, kind, namespace)
    for verb in ("list", "watch"):
        yield Right(verb, POD, namespace)
    yield Right("create", EVENT, namespace)


class RightsCheck:
    """Asks for all rights now and then. For one event loop."""

    def __init__(self, kube: KubeClient, *, cameras: Sequence[str], lease: str) -> None:
        self._kube = kube
        self._needed = tuple(needed_rights(cameras, lease))
        self.missing: tuple[Right, ...] = ()

    async def run(self) -> None:
        """Check forever."""
        while True:
            await self.check()
            await asyncio.sleep(INTERVAL_WHILE_MISSING_SECONDS if self.missing else INTERVAL_SECONDS)

    async def check(self) -> None:
        """Ask once. Without an answer the last one stands."""
        try:
            missing = tuple([right for right in self._needed if not await self._is_allowed(right)])
        except KubeError as error:
            logger.info("could not check the operator's permissions: %s; retrying", error)
            return
        if missing != self.missing:
            self._log(missing)
        self.missing = missing

    def problems(self) -> list[str]:
        """Return one line for each missing right, for `/readyz`."""
        return [f"missing permission: {right}" for right in self.missing]

    async def _is_allowed(self, right: Right) -> bool:
        answer = await self._kube.create(REVIEW, right.review())
        return bool((answer.get("status") or {}).get("allowed"))

    def _log(self, missing: tuple[Right, ...]) -> None:
        if not missing:
            logger.info("the operator has all permissions that it needs")
            return
        logger.error(
            "the operator lacks permissions: %s; grant them as in manifests/operator/10-rbac.yaml",
            ", ".join(map(str, missing)),
        )
