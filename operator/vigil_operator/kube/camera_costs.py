"""Decide which measured cost of its cameras a class publishes, and when. Sends no request."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from vigil_operator.core.camera_cost import (
    PUBLISHED_EVERY_SECONDS,
    Cost,
    costs_by_class,
    differs_noticeably,
    per_camera_status,
)
from vigil_operator.core.observed import DetectorClass
from vigil_operator.kube.store import Store

SUMMARISED_EVERY_SECONDS = 30.0
"""To read the costs of ten thousand cameras takes a hundredth of a second."""


class CostKnowledge(Protocol):
    """Knows what detectors report; see `Directory`."""

    def costs(self) -> Mapping[int, Cost]:
        """Return what each measured camera costs, by its id."""


class CameraCosts:
    """For one event loop."""

    def __init__(
        self, store: Store, knowledge: CostKnowledge, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._knowledge, self._monotonic = store, knowledge, monotonic
        self._summaries: dict[str, dict[str, Any]] = {}
        self._summarised_at: float | None = None
        self._published: dict[str, tuple[float, dict[str, Any]]] = {}
        """When and what was last published, by the class's uid."""

    def per_camera(self, found: DetectorClass) -> dict[str, Any] | None:
        """Return the `status.capacity.perCamera` that the class is to have; None for none.

        The former value stays while no camera is measured: it still tells what the next one will cost.
        """
        measured, now = self._summary_of(found.key.name), self._monotonic()
        published_at, published = self._published.get(found.meta.uid, (float("-inf"), {}))
        # The API server drops it if the definition is older than this version.
        former: Mapping[str, Any] = (found.status.get("capacity") or {}).get("perCamera") or published
        if measured is None:
            return dict(former) if former else None
        if former:
            is_recent = now - published_at < PUBLISHED_EVERY_SECONDS
            if is_recent or not differs_noticeably(former, measured):
                return dict(former)
        self._published[found.meta.uid] = now, measured
        return measured

    def _summary_of(self, class_name: str) -> dict[str, Any] | None:
        now = self._monotonic()
        if self._summarised_at is None or now - self._summarised_at >= SUMMARISED_EVERY_SECONDS:
            self._summarised_at = now
            by_class = costs_by_class(self._store.cameras.values(), self._knowledge.costs())
            self._summaries = {name: per_camera_status(costs) for name, costs in by_class.items()}
        return self._summaries.get(class_name)
