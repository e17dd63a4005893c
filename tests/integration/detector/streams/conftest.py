"""Shared fixtures of the stream tests: clips and a reader."""

import ipaddress
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from cctv.common.frame import Frame
from cctv.common.mailbox import Mailbox
from cctv.metrics import Metrics
from cctv.streams.health import CameraHealth
from cctv.streams.reader import Reader, ReaderOptions
from cctv.streams.rtsp import RtspSource
from cctv.streams.rtsp_gate import GateOptions
from vigil_contracts.addresses import AddressPolicy
from vigil_contracts.names import Reason, StreamTransport

LOOPBACK = GateOptions(policy=AddressPolicy((ipaddress.ip_network("127.0.0.0/8"),)))
PATIENCE_SECONDS = 10.0
"""The detector's default: a busy machine must not look like a silent camera."""
LITTLE_PATIENCE_SECONDS = 1.5
"""For tests with a silent camera."""
SPEED = 4.0
"""Of cameras in tests that measure no time: seconds of the stream in one second."""


@dataclass
class Watched:
    """A running reader with its results: all reasons in order, and all frames taken."""

    reader: Reader
    health: CameraHealth
    metrics: Metrics
    reasons: list[Reason] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    ages_seconds: list[float] = field(default_factory=list)
    """The age of each frame when it was taken."""
    newer: list[int] = field(default_factory=list)
    """The number of newer frames at that time."""

    def failures(self, reason: Reason) -> float:
        """Return how often the stream ended for this reason."""
        labels = {"camera": "1", "reason": str(reason)}
        return self.metrics.registry.get_sample_value("vigil_stream_reconnects_total", labels) or 0.0


Watch = Callable[..., Watched]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Return a function that starts readers; each frame takes `model_seconds`. All end with the test.

    A slow model takes at least the time of three frames, even if they arrive late.
    """
    ends: list[Callable[[], None]] = []

    def start(
        url: str,
        *,
        transport: StreamTransport = StreamTransport.TCP,
        model_seconds: float = 0.0,
        patience_seconds: float = PATIENCE_SECONDS,
        **options: float,
    ) -> Watched:
        mailbox: Mailbox[Frame] = Mailbox()
        metrics = Metrics()
        health = CameraHealth(lambda: watched.reasons.append(health.reason))
        defaults = ReaderOptions(frozen_after_seconds=0.0, first_pause_seconds=0.1, longest_pause_seconds=0.5)
        reader = Reader(
            1,
            lambda: RtspSource(
                url,
                transport,
                LOOPBACK,
                open_timeout_seconds=patience_seconds,
                read_timeout_seconds=patience_seconds,
            ),
            30.0,
            mailbox,
            health,
            metrics,
            replace(defaults, **options),
        )
        watched = Watched(reader, health, metrics)
        stopping = threading.Event()

        def collect() -> None:
            while not stopping.is_set():
                frame = mailbox.take(0.1)
                if frame is not None:
                    watched.ages_seconds.append(time.monotonic() - frame.monotonic_seconds)
                    watched.newer.append(reader.sequence - frame.sequence)
                    watched.frames.append(frame)
                    time.sleep(model_seconds)
                    while model_seconds and reader.sequence < frame.sequence + 3 and not stopping.is_set():
                        time.sleep(0.01)

        collector = threading.Thread(target=collect)
        collector.start()
        reader.start()

        def end() -> None:
            stopping.set()
            assert reader.stop(5.0), "the reader's thread did not end"
            collector.join(5)

        ends.append(end)
        return watched

    yield start
    for end in ends:
        end()
