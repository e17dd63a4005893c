"""The API server's audit log: authors of writes, for tests that count writes or prove their absence."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

WRITE_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})

_HEAD = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
"""

POLICY = f"""\
{_HEAD}\
  # The control plane's own reading and its leases are noise.
  - level: None
    users: ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"]
    verbs: [get, list, watch]
  - level: None
    resources: [{{group: coordination.k8s.io, resources: [leases]}}]
    namespaces: [kube-node-lease]
  # Bodies of these carry secrets and tokens.
  - level: Metadata
    resources: [{{group: "", resources: [secrets, serviceaccounts/token]}}, {{group: authentication.k8s.io}}]
  # What a write said, for everything else.
  - level: Request
    verbs: [create, update, patch, delete, deletecollection]
  - level: Metadata
"""

POLICY_WITHOUT_BODIES = f"""\
{_HEAD}\
  - level: Metadata
    userGroups: ["system:serviceaccounts"]
  - level: Metadata
    users: ["kubernetes-admin"]
  - level: None
"""
"""Records requests without bodies, which would slow the server down, and without its own components."""


@dataclass(frozen=True)
class AuditEvent:
    """One finished request. `code` is the HTTP status; `body` is the request's, for writes outside Secrets."""

    time: datetime
    user: str
    user_agent: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    body: Any
    is_dry_run: bool = False

    @property
    def is_write(self) -> bool:
        return self.verb in WRITE_VERBS


class AuditLog:
    """Reads the log file that the API server appends to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def mark(self) -> int:
        """Return the current end of the log; call it before the action under test."""
        return self._path.stat().st_size if self._path.exists() else 0

    def events(
        self,
        *,
        since: int = 0,
        user: str | None = None,
        user_agent: str | None = None,
        verbs: Collection[str] | None = None,
        resource: str | None = None,
        namespace: str | None = None,
    ) -> list[AuditEvent]:
        """Return the requests finished since the mark that match all arguments.

        `user_agent` matches a part, `resource` the plural name without subresource. An event is written just after
        its answer is sent: poll for one that must come.
        """
        return [
            event
            for event in self._read(since)
            if (user is None or event.user == user)
            and (user_agent is None or user_agent in event.user_agent)
            and (verbs is None or event.verb in verbs)
            and (resource is None or event.resource == resource)
            and (namespace is None or event.namespace == namespace)
        ]

    def _read(self, since: int) -> Iterator[AuditEvent]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            if since:
                file.seek(since - 1)
                file.readline()  # the rest of a line that was being written at the mark
            for line in file:
                if line.endswith(b"\n"):  # the last line may be incomplete
                    yield _event(json.loads(line))


def _event(entry: dict[str, Any]) -> AuditEvent:
    target = entry.get("objectRef", {})
    return AuditEvent(
        time=datetime.fromisoformat(entry["requestReceivedTimestamp"]),
        user=entry["user"].get("username", ""),
        user_agent=entry.get("userAgent", ""),
        verb=entry["verb"],
        group=target.get("apiGroup", ""),
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=entry.get("responseStatus", {}).get("code", 0),
        body=entry.get("requestObject"),
        is_dry_run="dryRun=All" in entry.get("requestURI", ""),
    )
