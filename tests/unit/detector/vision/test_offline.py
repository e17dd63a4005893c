"""An outage gives one event."""

from datetime import UTC, datetime

from cctv.vision.offline import OutageWatch
from vigil_contracts.names import AlertType

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def checked(watch: OutageWatch, seconds: float, *, streaming: bool = False) -> bool:
    return watch.check(streaming, seconds, "Why.", NOW) is not None


def test_one_event_per_outage() -> None:
    watch = OutageWatch(60.0)

    assert not checked(watch, 0.1, streaming=True)
    assert [checked(watch, seconds) for seconds in (10, 59, 60, 61, 600)] == [False, False, True, False, False]
    assert not checked(watch, 0.1, streaming=True)
    assert checked(watch, 61)


def test_event_text() -> None:
    watch = OutageWatch(60.0)
    watch.check(True, 0.0, "", NOW)

    event = watch.check(False, 61.0, "The camera stopped sending.", NOW)

    assert event is not None
    assert event.alert_type is AlertType.CAMERA_OFFLINE
    assert event.description == "No frame for 61 s. The camera stopped sending."
    assert event.to_submission(3).camera == 3


def test_camera_that_never_worked_is_no_outage() -> None:
    assert not checked(OutageWatch(60.0), 3600)


def test_a_restart_does_not_report_the_outage_again_but_the_next_one() -> None:
    watch = OutageWatch(60.0)
    checked(watch, 0, streaming=True)
    assert checked(watch, 100)

    restarted = OutageWatch(60.0)
    restarted.restore(watch.state())

    assert not checked(restarted, 1000)
    assert not checked(restarted, 0, streaming=True)
    assert checked(restarted, 100)


def test_zero_disables_it() -> None:
    watch = OutageWatch(0.0)
    checked(watch, 0, streaming=True)

    assert not checked(watch, 1e6)
