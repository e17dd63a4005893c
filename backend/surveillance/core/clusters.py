"""When a cluster counts as silent, and what users are told of a camera whose cluster does not watch it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SILENT_AFTER = timedelta(seconds=60)
"""An operator asks every few seconds, and a failover takes less than 20 s. A cluster that has been silent for longer
no longer holds its cameras."""

NOTED_EVERY = timedelta(seconds=10)
"""How often the time of an operator's last request is written."""

NAMES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class KnownCluster:
    """A cluster's title, and when its operator last asked for cameras."""

    title: str
    asked_at: datetime


def is_silent(asked_at: datetime, now: datetime) -> bool:
    """Return whether the cluster's operator has not asked for so long that it no longer holds its cameras."""
    return now - asked_at > SILENT_AFTER


def unwatched_message(*, assigned: KnownCluster | None, holder: KnownCluster | None, now: datetime) -> str:
    """Return why no detector of a cluster reports for an active camera; empty if the clusters are not the cause.

    `assigned`: the cluster to which the camera is assigned; `holder`: the one that last ran its detector.
    """
    responsible = assigned or holder
    if responsible is None:
        return ""
    if is_silent(responsible.asked_at, now):
        return (
            f"No operator of cluster {responsible.title} has asked for its cameras for"
            f" {_duration(now - responsible.asked_at)}. Check that the operator runs and reaches the API,"
            " or assign the camera to another cluster."
        )
    if holder is not None and holder.title != responsible.title and not is_silent(holder.asked_at, now):
        return (
            f"Cluster {holder.title} is removing its detector of this camera; then cluster {responsible.title}"
            " starts one."
        )
    return ""


def unknown_cluster_problem(known: Sequence[str]) -> str:
    """Return the error about a cluster name that no operator has used."""
    names = ", ".join(known[:NAMES_SHOWN]) + (", …" if len(known) > NAMES_SHOWN else "")
    choice = f"one of the known clusters ({names})" if known else "a known cluster (none is known yet)"
    return (
        f"must be {choice}, or empty for the default; a cluster is known once its operator, with that"
        " VIGIL_CLUSTER_NAME, has asked for cameras"
    )


def _duration(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    if minutes < 120:
        return f"{max(1, minutes)} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
