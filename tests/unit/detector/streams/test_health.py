"""The reason for a camera's state."""

from datetime import UTC, datetime

import pytest

from cctv.streams.faults import NEEDS_A_PERSON, StreamFault
from cctv.streams.health import FAILED_AFTER_SECONDS, CameraHealth, phase_of
from cctv.streams.source import StreamInfo
from vigil_contracts.names import REASON_TEXTS, CameraPhase, Reason

INFO = StreamInfo(768, 432, "h264", 10.0)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.startswith("Stream")])
def test_every_reason_of_a_stream_has_a_phase(reason: Reason) -> None:
    at_once, later = phase_of(reason, 1.0), phase_of(reason, FAILED_AFTER_SECONDS + 1)
    if reason is Reason.STREAMING:
        assert (at_once, later) == (CameraPhase.STREAMING, CameraPhase.STREAMING)
    elif reason in NEEDS_A_PERSON:
        assert (at_once, later) == (CameraPhase.FAILED, CameraPhase.FAILED)
    else:
        assert (at_once, later) == (CameraPhase.DEGRADED, CameraPhase.FAILED)


def test_states_of_a_camera() -> None:
    clock, changes = Clock(), []
    health = CameraHealth(lambda: changes.append(health.reason), clock)
    assert health.heartbeat("pod", "r1", 0).phase is CameraPhase.STARTING

    for _ in range(50):
        clock.seconds += 0.2
        health.record_frame(INFO, NOW)
    beat = health.heartbeat("pod", "r1", 3)
    assert (beat.phase, beat.reason, beat.spooled_alerts) == (CameraPhase.STREAMING, Reason.STREAMING, 3)
    assert (beat.stream.width, beat.stream.height, beat.stream.codec) == (768, 432, "h264")
    assert beat.stream.frames_per_second == pytest.approx(5.0, abs=0.1)
    assert beat.stream.last_frame_time == NOW

    health.fault(StreamFault(Reason.STREAM_TIMEOUT))
    health.fault(StreamFault(Reason.STREAM_TIMEOUT))
    assert health.heartbeat("pod", "r1", 0).phase is CameraPhase.DEGRADED
    assert health.heartbeat("pod", "r1", 0).stream.frames_per_second is None
    clock.seconds += 100
    assert health.heartbeat("pod", "r1", 0).phase is CameraPhase.FAILED
    assert health.heartbeat("pod", "r1", 0).message

    health.record_frame(INFO, NOW)
    assert changes == [Reason.STREAMING, Reason.STREAM_TIMEOUT, Reason.STREAMING]


def test_a_camera_whose_video_is_not_stored_still_streams() -> None:
    changes: list[Reason] = []
    health = CameraHealth(lambda: changes.append(health.heartbeat("pod", "r1", 0).reason))
    health.set_storing_problems("no encoder", "no microphone")
    assert health.heartbeat("pod", "r1", 0).reason is Reason.STARTING
    health.record_frame(INFO, NOW)
    beat = health.heartbeat("pod", "r1", 0)
    assert (beat.phase, beat.reason) == (CameraPhase.STREAMING, Reason.RECORDING_UNAVAILABLE)
    assert beat.message == f"{REASON_TEXTS[Reason.RECORDING_UNAVAILABLE]} (no encoder)"
    assert health.is_streaming, "frames are analysed"

    health.set_storing_problems("", "no microphone")
    beat = health.heartbeat("pod", "r1", 0)
    assert (beat.phase, beat.reason) == (CameraPhase.STREAMING, Reason.AUDIO_UNAVAILABLE)
    assert beat.message == f"{REASON_TEXTS[Reason.AUDIO_UNAVAILABLE]} (no microphone)"
    health.set_storing_problems("", "no microphone")
    health.set_events_fault(StreamFault(Reason.EVENTS_UNAVAILABLE))
    assert health.heartbeat("pod", "r1", 0).phase is CameraPhase.DEGRADED
    health.set_events_fault(None)
    health.set_storing_problems("", "")
    assert changes == [
        *(Reason.RECORDING_UNAVAILABLE, Reason.AUDIO_UNAVAILABLE, Reason.EVENTS_UNAVAILABLE),
        *(Reason.AUDIO_UNAVAILABLE, Reason.STREAMING),
    ]


def test_initial_burst_does_not_count_for_the_frame_rate() -> None:
    clock = Clock()
    health = CameraHealth(lambda: None, clock)
    for _ in range(30):
        clock.seconds += 0.001
        health.record_frame(INFO, NOW)
    assert health.heartbeat("pod", "r1", 0).stream.frames_per_second is None
    for _ in range(15):
        clock.seconds += 0.1
        health.record_frame(INFO, NOW)
    assert health.heartbeat("pod", "r1", 0).stream.frames_per_second == pytest.approx(10.0, abs=0.2)


def test_analysis_problem_is_reported_while_the_stream_is_healthy() -> None:
    clock, changes = Clock(), list[int]()
    health = CameraHealth(lambda: changes.append(1), clock)
    away = StreamFault(Reason.MODEL_UNAVAILABLE, "the inference server http://triton:8000 does not answer: refused")
    health.blind(away)
    assert health.heartbeat("pod", "r1", 0).reason is Reason.MODEL_UNAVAILABLE
    for _ in range(10):  # a rate is known after a second
        clock.seconds += 0.2
        health.record_frame(INFO, NOW)
    beat = health.heartbeat("pod", "r1", 0)
    assert (beat.phase, beat.reason) == (CameraPhase.DEGRADED, Reason.MODEL_UNAVAILABLE)
    assert "http://triton:8000 does not answer" in beat.message
    assert beat.stream.frames_per_second is not None
    assert health.is_streaming, "the camera is not offline"
    assert len(changes) == 1

    health.fault(StreamFault(Reason.STREAM_TIMEOUT))
    assert health.heartbeat("pod", "r1", 0).reason is Reason.STREAM_TIMEOUT
    health.record_frame(INFO, NOW)
    assert health.heartbeat("pod", "r1", 0).reason is Reason.MODEL_UNAVAILABLE
    health.blind(None)
    assert health.heartbeat("pod", "r1", 0).phase is CameraPhase.STREAMING
