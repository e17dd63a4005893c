"""Summarise what the cameras of a class cost, as their detectors measure it, for `status.capacity.perCamera`.

The published value changes rarely: it is rounded, and a new one replaces it only if it differs noticeably.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from vigil_contracts.percentiles import percentile
from vigil_operator.core.observed import Camera
from vigil_operator.core.quantities import canonical_quantity, quantity_value

Body = Mapping[str, Any]

PUBLISHED_EVERY_SECONDS = 300.0
TOLERANCE = Decimal("0.1")
"""A figure that differs by less is not published."""

_SMALLEST = {"cpu": Decimal("0.01"), "memory": Decimal(8 * 1024**2), "inferenceShare": Decimal("0.01")}
"""Nor one that differs by less than this."""

_DIGITS = 2
_MEBIBYTE = 1024**2


class Percentiles(Protocol):
    """See `vigil_contracts.cost`."""

    @property
    def p50(self) -> float:
        """The median."""

    @property
    def p95(self) -> float:
        """The 95th percentile."""


class Cost(Protocol):
    """See `vigil_contracts.cost.CameraCost`."""

    @property
    def cpu_cores(self) -> Percentiles:
        """CPU cores."""

    @property
    def memory_bytes(self) -> Percentiles | None:
        """Bytes; None if unknown."""

    @property
    def inference_share(self) -> Percentiles:
        """A share of time."""


def costs_by_class(cameras: Iterable[Camera], costs: Mapping[int, Cost]) -> dict[str, list[Cost]]:
    """Return the measured costs of each class. `costs`: by the camera's id in the API."""
    found: defaultdict[str, list[Cost]] = defaultdict(list)
    for camera in cameras:
        cost = costs.get(camera.camera_id) if camera.camera_id is not None else None
        if cost is not None and camera.class_in_use:
            found[camera.class_in_use].append(cost)
    return dict(found)


def per_camera_status(costs: Sequence[Cost]) -> dict[str, Any]:
    """Return the summary as quantities, rounded up to two digits; `costs` must not be empty.

    `p50` is the median of the cameras' medians. `p95` is the 95th percentile of the cameras' 95th percentiles: 95 of
    100 cameras need at most this for 95 % of the time.
    """
    memory = [each.memory_bytes for each in costs if each.memory_bytes is not None]
    figures = {
        "cpu": _figures([each.cpu_cores for each in costs], _milli),
        "memory": _figures(memory, _mebibytes) if memory else None,
        "inferenceShare": _figures([each.inference_share for each in costs], _milli),
    }
    return {"cameras": len(costs)} | {name: value for name, value in figures.items() if value is not None}


def differs_noticeably(published: Body, measured: Body) -> bool:
    """Return whether `measured` is worth a write. Both: as returned by `per_camera_status`."""
    try:
        if published.keys() != measured.keys():
            return True
        pairs = _pairs(published, measured)
        return any(_is_other(name, quantity_value(old), quantity_value(new)) for name, old, new in pairs)
    except (ValueError, TypeError, AttributeError, KeyError):  # another program wrote it
        return True


def excesses(per_camera: Body, requests: Body) -> list[tuple[str, str, str]]:
    """Return the resources of which cameras need more than their detectors request, with need and request.

    The need is the 95th percentile. A resource that is not requested is left out.
    """
    needs = {name: (per_camera.get(name) or {}).get("p95") for name in ("cpu", "memory")}
    return [
        (name, need, requests[name])
        for name, need in needs.items()
        if need and name in requests and quantity_value(need) > quantity_value(requests[name])
    ]


def _pairs(published: Body, measured: Body) -> Iterable[tuple[str, Any, Any]]:
    yield "cameras", published["cameras"], measured["cameras"]
    for name in _SMALLEST:
        if name in measured:
            for figure in ("p50", "p95"):
                yield name, published[name][figure], measured[name][figure]


def _is_other(name: str, old: Decimal, new: Decimal) -> bool:
    return abs(new - old) > max(TOLERANCE * max(old, new), _SMALLEST.get(name, Decimal(0)))


def _figures(percentiles: Sequence[Percentiles], rendered: Callable[[float], str]) -> dict[str, str]:
    return {
        "p50": rendered(percentile([each.p50 for each in percentiles], 0.5)),
        "p95": rendered(percentile([each.p95 for each in percentiles], 0.95)),
    }


def _milli(value: float) -> str:
    return canonical_quantity(f"{_rounded_up(value * 1000)}m")


def _mebibytes(size_bytes: float) -> str:
    return canonical_quantity(f"{_rounded_up(size_bytes / _MEBIBYTE)}Mi")


def _rounded_up(value: float) -> int:
    """Return a whole number with two digits that are not zero, and never less than `value`."""
    whole = math.ceil(round(value, 6))
    step: int = 10 ** max(len(str(whole)) - _DIGITS, 0)
    return math.ceil(whole / step) * step
