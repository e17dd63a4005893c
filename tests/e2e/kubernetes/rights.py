"""The permissions that the chart grants, and their use according to the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.chart.helm import Document
from tests.cluster.audit import AuditEvent


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource, `deployments` or `cameras/status`; `namespace` is empty for the whole cluster."""

    namespace: str
    resource: str
    verb: str


NOT_SEEN = {
    ("cameras/finalizers", "update"): "asked by an admission plug-in on behalf of the operator, never by itself",
    ("persistentvolumeclaims", "create"): "for classes whose spool is a claim; the chart's keep it in an emptyDir",
    ("persistentvolumeclaims", "patch"): "as above",
    ("persistentvolumeclaims", "delete"): "as above",
}
"""Rights that an ordinary run makes no use of, each with why they are granted nonetheless."""

SELDOM_SEEN = {Right("default", "events", "create")}
"""Rights of which a run makes use only if something happens to a detector class, such as too low requests."""


def granted(objects: Iterable[Document]) -> set[Right]:
    """Every right of the roles among these objects."""
    return {
        Right(each["metadata"].get("namespace", ""), resource, verb)
        for each in objects
        if each["kind"] in {"Role", "ClusterRole"}
        for rule in each["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(events: Iterable[AuditEvent]) -> set[Right]:
    """Every right that was needed. A patch that made its object (201) was asked for "create", too.

    A right for the whole cluster is used in any namespace.
    """
    found = set()
    for event in events:
        if event.resource:
            resource = f"{event.resource}/{event.subresource}" if event.subresource else event.resource
            verbs = ["patch", "create"] if event.verb == "patch" and event.code == 201 else [event.verb]
            found |= {Right(where, resource, verb) for verb in verbs for where in (event.namespace, "")}
    return found
