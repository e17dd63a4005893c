"""Which kinds the operator keeps in its store, which part of them, and how they are listed."""

from http import HTTPStatus

from vigil_operator.core.names import OUR_OBJECTS
from vigil_operator.kube.client import KubeClient, KubeError
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
from vigil_operator.kube.store import Relist

BY_KOPF = (CAMERA_POLICY, DETECTOR_CLASS)
"""What people write, a few objects; kopf watches them."""

BY_REFLECTOR = (CAMERA, SECRET, VOLUME_CLAIM, NETWORK_POLICY, DEPLOYMENT, POD)
"""The cameras and what belongs to their detectors, ten thousands of objects; see `reflector`."""

WATCHED = (CAMERA, *BY_KOPF, *(kind for kind in BY_REFLECTOR if kind is not CAMERA))
"""In the order in which they are listed: cameras first, so that no object is seen before its camera."""

OURS_ONLY = frozenset(BY_REFLECTOR) - {CAMERA, SECRET}
"""Watched by label, since other pods do not concern us. Cameras are not, since people create them, and Secrets are
not, since cameras of kubectl refer to any Secret."""


def selector_of(kind: Kind) -> str:
    """Return the label selector with which a kind is listed and watched."""
    return OUR_OBJECTS if kind in OURS_ONLY else ""


async def list_watched(kube: KubeClient, kind: Kind, namespace: str, relist: Relist) -> str | None:
    """List a kind into the store page by page; return the resource version of the listing.

    None if its definition is not installed, and the operator can work without it: charts can be upgraded before the
    definitions. Raises `KubeError`; the pages before it are stored nevertheless.
    """
    version = ""
    try:
        async for page in kube.pages(kind, namespace, selector_of(kind)):
            relist.add(page.items)
            version = page.resource_version
    except KubeError as error:
        if kind is CAMERA_POLICY and error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    relist.finish(version)
    return version
