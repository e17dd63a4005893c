"""Measure what a camera costs: CPU, memory and inference of this process, divided by its cameras."""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vigil_contracts.cost import BytePercentiles, CameraCost, CorePercentiles, SharePercentiles
from vigil_contracts.percentiles import percentile

SAMPLE_SECONDS = 10.0
SAMPLES_KEPT = 360
"""An hour."""
MIN_SAMPLES = 6
"""Nothing is reported in the first minute."""

_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    cameras: int
    cpu_seconds: float
    busy_seconds: float


@dataclass(frozen=True, slots=True)
class _Sample:
    """The cost of one camera during one interval."""

    seconds: float
    cpu_cores: float
    memory_bytes: int | None
    inference_share: float


def resident_bytes() -> int | None:
    """Return the resident memory of this process, from `/proc/self/statm` (proc(5)); None without such a file."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


class CostMeter:
    """`sample` is called by one thread, and `cost` by any.

    `busy_seconds`: returns during how much time an inference was in progress, as `BusyTime.seconds`.
    """

    def __init__(
        self,
        busy_seconds: Callable[[], float],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        cpu_seconds: Callable[[], float] = time.process_time,
        memory_bytes: Callable[[], int | None] = resident_bytes,
    ) -> None:
        self._busy_seconds, self._monotonic = busy_seconds, monotonic
        self._cpu_seconds, self._memory_bytes = cpu_seconds, memory_bytes
        self._before: _Reading | None = None
        self._samples: deque[_Sample] = deque(maxlen=SAMPLES_KEPT)
        self._cost: CameraCost | None = None

    def sample(self, cameras: int) -> None:
        """Take a sample if it is due; call it about once a second. `cameras`: how many are analysed now.

        The start of a camera costs more than its analysis: an interval counts only if the number stays the same.
        """
        now, before = self._monotonic(), self._before
        is_same = before is not None and before.cameras == cameras
        if before is not None and is_same and now - before.at < SAMPLE_SECONDS:
            return
        reading = self._before = _Reading(now, cameras, self._cpu_seconds(), self._busy_seconds())
        if before is not None and is_same and cameras:
            self._samples.append(self._compare(before, reading))
            self._cost = _summary(self._samples)

    def cost(self) -> CameraCost | None:
        """Return what a camera costs; None until enough is measured."""
        return self._cost

    def _compare(self, before: _Reading, now: _Reading) -> _Sample:
        seconds, memory = now.at - before.at, self._memory_bytes()
        return _Sample(
            seconds=seconds,
            cpu_cores=(now.cpu_seconds - before.cpu_seconds) / seconds / now.cameras,
            memory_bytes=None if memory is None else memory // now.cameras,
            inference_share=min((now.busy_seconds - before.busy_seconds) / seconds, 1.0) / now.cameras,
        )


def _summary(samples: Sequence[_Sample]) -> CameraCost | None:
    if len(samples) < MIN_SAMPLES:
        return None
    cores = [round(each.cpu_cores, 4) for each in samples]
    shares = [round(each.inference_share, 4) for each in samples]
    sizes = [each.memory_bytes for each in samples if each.memory_bytes is not None]
    return CameraCost(
        cpu_cores=CorePercentiles(p50=percentile(cores, 0.5), p95=percentile(cores, 0.95)),
        memory_bytes=BytePercentiles(p50=int(percentile(sizes, 0.5)), p95=int(percentile(sizes, 0.95)))
        if sizes
        else None,
        inference_share=SharePercentiles(p50=percentile(shares, 0.5), p95=percentile(shares, 0.95)),
        seconds=max(1, round(sum(each.seconds for each in samples))),
    )
