"""What a camera costs: sampled from the process, divided by its cameras, over the last hour."""

from __future__ import annotations

from cctv.common.busy_time import BusyTime
from cctv.common.cost_meter import MIN_SAMPLES, SAMPLE_SECONDS, SAMPLES_KEPT, CostMeter, resident_bytes

MIB = 1024**2


class World:
    """A process with a clock that the test moves."""

    def __init__(self, memory_bytes: int | None = 100 * MIB) -> None:
        self.now = self.cpu_seconds = self.busy_seconds = 0.0
        self.memory_bytes = memory_bytes
        self.meter = CostMeter(
            lambda: self.busy_seconds,
            monotonic=lambda: self.now,
            cpu_seconds=lambda: self.cpu_seconds,
            memory_bytes=lambda: self.memory_bytes,
        )
        self.meter.sample(0)

    def run(self, samples: int, *, cameras: int = 1, cores: float = 0.5, share: float = 0.2) -> None:
        """Let so many intervals pass, with a call each second as from the watchdog."""
        for _ in range(round(samples * SAMPLE_SECONDS)):
            self.now += 1.0
            self.cpu_seconds += cores
            self.busy_seconds += share
            self.meter.sample(cameras)


def test_nothing_is_reported_in_the_first_minute() -> None:
    world = World()
    world.now += 1.0
    world.meter.sample(1)
    world.run(MIN_SAMPLES - 1)
    assert world.meter.cost() is None
    world.run(1)
    cost = world.meter.cost()
    assert cost is not None
    assert cost.model_dump() == {
        "cpu_cores": {"p50": 0.5, "p95": 0.5},
        "memory_bytes": {"p50": 100 * MIB, "p95": 100 * MIB},
        "inference_share": {"p50": 0.2, "p95": 0.2},
        "seconds": 60,
    }


def test_cost_is_divided_by_the_cameras_of_the_process() -> None:
    world = World()
    world.run(MIN_SAMPLES + 1, cameras=4, cores=2.0, share=0.8)
    cost = world.meter.cost()
    assert cost is not None
    assert (cost.cpu_cores.p50, cost.inference_share.p50) == (0.5, 0.2)
    assert cost.memory_bytes is not None
    assert cost.memory_bytes.p50 == 25 * MIB


def test_start_of_a_camera_is_left_out() -> None:
    world = World()
    world.run(20, cameras=0, cores=8.0)
    world.run(MIN_SAMPLES + 1, cores=0.25)
    world.now += 3.0
    world.cpu_seconds += 30.0
    world.meter.sample(2)  # a second camera streams, after an expensive start
    world.run(1, cameras=2, cores=0.5)
    cost = world.meter.cost()
    assert cost is not None
    assert (cost.cpu_cores.p50, cost.cpu_cores.p95) == (0.25, 0.25)


def test_percentiles_are_those_of_the_last_hour() -> None:
    world = World()
    world.run(SAMPLES_KEPT, cores=4.0)
    world.run(SAMPLES_KEPT * 9 // 10, cores=0.2)
    world.run(SAMPLES_KEPT - SAMPLES_KEPT * 9 // 10, cores=0.8)
    cost = world.meter.cost()
    assert cost is not None
    assert (cost.cpu_cores.p50, cost.cpu_cores.p95, cost.seconds) == (0.2, 0.8, 3600)


def test_memory_is_left_out_where_it_is_unknown() -> None:
    world = World(memory_bytes=None)
    world.run(MIN_SAMPLES + 1)
    cost = world.meter.cost()
    assert cost is not None
    assert cost.memory_bytes is None


def test_share_of_one_process_is_at_most_one() -> None:
    world = World()
    world.run(MIN_SAMPLES + 1, share=1.02)
    cost = world.meter.cost()
    assert cost is not None
    assert cost.inference_share.p95 == 1.0


def test_memory_of_this_process_is_read() -> None:
    size_bytes = resident_bytes()
    assert size_bytes is not None
    assert 5 * MIB < size_bytes < 8 * 1024 * MIB


def test_operations_that_overlap_count_once() -> None:
    now = 0.0
    busy = BusyTime(lambda: now)
    busy.begin()
    now = 1.0
    busy.begin()
    now = 2.0
    busy.end()
    now = 3.0
    assert busy.seconds() == 3.0, "the first one is still in progress"
    busy.end()
    now = 10.0
    assert busy.seconds() == 3.0
    busy.begin()
    now = 10.5
    busy.end()
    assert busy.seconds() == 3.5
