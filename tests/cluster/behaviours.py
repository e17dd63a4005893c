"""Pod statuses that the stand-in kubelet reports: running, crash-looping, unable to pull its image, and so on.

A behaviour converts a pod to steps, each a pod status to report after a delay, with a real kubelet's reasons
(reasons and fields of `ContainerStatus` in the Kubernetes API). The last step's status stays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.cluster.http import Document


@dataclass(frozen=True)
class Step:
    """A status to report, `after_seconds` after the step before it."""

    after_seconds: float
    status: Document


@dataclass(frozen=True, kw_only=True)
class Behaviour(ABC):
    """The behaviour of a pod. `logs` is what `kubectl logs` shows, `previous_logs` with --previous.

    `termination_seconds` is how long the pod takes to end after its deletion; math.inf: it stays Terminating.
    """

    logs: str = ""
    previous_logs: str = ""
    termination_seconds: float = 0

    @abstractmethod
    def steps(self, pod: Document, pod_ip: str) -> Iterator[Step]:
        """Return the statuses to report for this pod, in order."""


@dataclass(frozen=True, kw_only=True)
class Runs(Behaviour):
    """Starts and becomes ready after `ready_after_seconds`; None: never."""

    ready_after_seconds: float | None = 0

    def steps(self, pod: Document, pod_ip: str) -> Iterator[Step]:
        ready = self.ready_after_seconds
        if ready != 0:
            yield Step(0, pod_status(pod, pod_ip, running_state(), ready=False))
        if ready is not None:
            yield Step(ready, pod_status(pod, pod_ip, running_state(), ready=True))


@dataclass(frozen=True, kw_only=True)
class StaysCreating(Behaviour):
    """Bound to its node, but its containers are never created, for example because a volume does not mount."""

    def steps(self, pod: Document, pod_ip: str) -> Iterator[Step]:
        yield Step(0, pod_status(pod, "", waiting_state("ContainerCreating", ""), phase="Pending"))


@dataclass(frozen=True, kw_only=True)
class CannotPullImage(Behaviour):
    """`reason` is what a kubelet says: ImagePullBackOff, ErrImagePull, InvalidImageName, ErrImageNeverPull."""

    message: str = 'Back-off pulling image "missing"'
    reason: str = "ImagePullBackOff"

    def steps(self, pod: Document, pod_ip: str) -> Iterator[Step]:
        yield Step(0, pod_status(pod, pod_ip, waiting_state(self.reason, self.message), phase="Pending"))


@dataclass(frozen=True, kw_only=True)
class CrashLoops(Behaviour):
    """Runs for `runs_seconds`, ends with `exit_code`, waits in CrashLoopBackOff for `back_off_seconds`, and again."""

    exit_code: int = 1
    reason: str = "Error"
    message: str = ""
    runs_seconds: float = 0.2
    back_off_seconds: float = 10
    restarts: int = 0
    logs: str = "Traceback: it crashed\n"
    previous_logs: str = "Traceback: it crashed\n"

    def steps(self, pod: Document, pod_ip: str) -> Iterator[Step]:
        count = self.restarts
        last: Document = {} if count == 0 else {"terminated": self._ended()}
        while True:
            yield Step(
                self.back_off_seconds if last else 0,
                pod_status(pod, pod_ip, running_state(), restarts=count, last_state=last),
            )
            last = {"terminated": self._ended()}
            waiting = waiting_state("CrashLoopBackOff", "back-off restarting failed container")
            yield Step(
                self.runs_seconds,
                pod_status(pod, pod_ip, waiting, restarts=count, last_state=last),
            )
            count += 1

    def _ended(self) -> Document:
        return {
            "exitCode": self.exit_code,
            "reason": self.reason,
            "message": self.message,
            "startedAt": timestamp(),
            "finishedAt": timestamp(),
            "containerID": "standin://ended",
        }


@dataclass(frozen=True, kw_only=True)
class RefusedByNode(Behaviour):
    """The node rejects the pod permanently, like a device plugin that has lost its GPU."""

    reason: str = "UnexpectedAdmissionError"
    message: str = (
        "Allocate failed due to no healthy devices present; cannot allocate unhealthy devices nvidia.com/gpu"
    )

    def steps(self, pod: Document, pod_ip: str) -> Iterator[Step]:
        status = {
            "phase": "Failed",
            "reason": self.reason,
            "message": f"Pod {self.message}",
            "startTime": timestamp(),
        }
        yield Step(0, status)


def pod_status(
    pod: Document,
    pod_ip: str,
    state: Document,
    *,
    phase: str = "Running",
    ready: bool = False,
    restarts: int = 0,
    last_state: Document | None = None,
) -> Document:
    """Return a pod status in which all containers have the same state."""
    verdict = "True" if ready else "False"
    unready = {} if ready else {"reason": "ContainersNotReady", "message": "containers with unready status"}
    containers = pod["spec"]["containers"]
    before = pod.get("status", {}).get("containerStatuses", [])
    restarts = max([restarts, *(each["restartCount"] for each in before)])  # a real restart count never decreases
    status: Document = {
        "phase": phase,
        "startTime": pod.get("status", {}).get("startTime") or timestamp(),
        "hostIP": "127.0.0.1",
        "conditions": [
            _condition("Initialized", "True"),
            _condition("Ready", verdict, **unready),
            _condition("ContainersReady", verdict, **unready),
        ],
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "" if phase == "Pending" else f"standin://{container['image']}",
                "containerID": "" if phase == "Pending" else f"standin://{pod['metadata']['uid']}/{restarts}",
                "ready": ready,
                "started": "running" in state,
                "restartCount": restarts,
                "state": state,
                "lastState": last_state or {},
            }
            for container in containers
        ],
    }
    if pod_ip:
        status |= {"podIP": pod_ip, "podIPs": [{"ip": pod_ip}]}
    return status


def running_state() -> Document:
    return {"running": {"startedAt": timestamp()}}


def waiting_state(reason: str, message: str) -> Document:
    return {"waiting": {"reason": reason, "message": message} if message else {"reason": reason}}


def timestamp() -> str:
    """Return the current time in the Kubernetes API's format (whole seconds)."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(kind: str, status: str, **more: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "lastTransitionTime": timestamp(), **more}
