"""Read the reports about cameras lazily: most are as before, apart from times and frame rates.

Ten thousand reports every few seconds would be most of the work of an idle operator, and most of its memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import msgspec
from pydantic import ValidationError

from vigil_contracts.camera import AlertTotals, CameraReport
from vigil_contracts.health import HealthReport


class _Stream(msgspec.Struct, frozen=True):
    width: int | None = None
    codec: str | None = None


class _Health(msgspec.Struct, frozen=True):
    phase: str
    reason: str
    message: str = ""
    stream: _Stream = _Stream()


class _Percentiles(msgspec.Struct, frozen=True, gc=False):
    p50: float
    p95: float


class ReportedCost(msgspec.Struct, frozen=True):
    """As `vigil_contracts.cost.CameraCost`, which takes ten times as long to read."""

    cpu_cores: _Percentiles
    inference_share: _Percentiles
    memory_bytes: _Percentiles | None = None


class _Costs(msgspec.Struct, frozen=True):
    cost: ReportedCost | None = None


class _Item(msgspec.Struct, frozen=True):
    id: int
    health: msgspec.Raw
    alerts: msgspec.Raw = msgspec.Raw(b"{}")


class _Page(msgspec.Struct, frozen=True):
    results: list[_Item]
    next: str | None = None


_read_page = msgspec.json.Decoder(_Page).decode
_read_health = msgspec.json.Decoder(_Health).decode
_read_costs = msgspec.json.Decoder(_Costs).decode


class PageSource(Protocol):
    """The part of the API client that this needs."""

    async def active_cameras_page(self, following: str = "") -> bytes:
        """See `AsyncApiClient`."""


@dataclass(frozen=True, slots=True)
class UnreadReport:
    """A report as the API sent it."""

    health_json: bytes
    alerts_json: bytes
    relevant: tuple[Any, ...]
    """What reconciles the camera when it changes; frame rates and times wait for the resync."""

    @classmethod
    def of(cls, health_json: bytes, alerts_json: bytes) -> Self:
        """Return the report; one that this version cannot read counts as changed with every difference."""
        try:
            found = _read_health(health_json)
        except msgspec.ValidationError:
            return cls(health_json, alerts_json, (health_json, alerts_json))
        stream = found.stream
        relevant = (found.phase, found.reason, found.message, stream.width, stream.codec, alerts_json)
        return cls(health_json, alerts_json, relevant)

    def read(self) -> CameraReport | None:
        """Return the report; None if this version cannot read it."""
        try:
            health = HealthReport.model_validate_json(self.health_json)
            return CameraReport(health=health, alerts=AlertTotals.model_validate_json(self.alerts_json))
        except ValidationError:
            return None

    def cost(self) -> ReportedCost | None:
        """Return what the camera costs; None if it is not measured or this version cannot read it."""
        try:
            return _read_costs(self.health_json).cost
        except msgspec.ValidationError:
            return None


async def fetch_reports(api: PageSource) -> Mapping[int, UnreadReport]:
    """Return the reports about all active cameras by camera id. Raises `ApiError`, or `ValueError` for no JSON."""
    found: dict[int, UnreadReport] = {}
    following = ""
    while True:
        page = _read_page(await api.active_cameras_page(following))
        for item in page.results:
            found[item.id] = UnreadReport.of(bytes(item.health), bytes(item.alerts))
        if not page.next:
            return found
        following = page.next
