"""The timeline of a camera: recorded periods, gaps, motion and alerts in one answer."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.unit.backend.conftest import Party, send
from tests.unit.backend.test_recordings import NOON, NOON_MS, _period, _shown, record, register, segment

from surveillance.models import Alert, Camera, CameraHealth
from vigil_apps.recordings.core.activity import MOST_PERIODS, MotionPeriod, joined_motion, step_ms
from vigil_apps.recordings.core.motion_seconds import MAX_BYTES, motion_within, with_motion
from vigil_apps.recordings.day import open_gap, timeline_of
from vigil_apps.recordings.index import segments_delete, segments_of
from vigil_apps.recordings.models import RecordedSegment, RecordedSpan
from vigil_apps.recordings.selectors import span_summaries
from vigil_contracts.geometry import Box
from vigil_contracts.motion_grid import cells_of_boxes, encode
from vigil_contracts.names import REASON_TEXTS, Reason
from vigil_contracts.recording import MAX_SEGMENT_SECONDS

NOW = NOON + timedelta(hours=2)


def timeline(party: Party, camera: Camera, first: float = 0, last: float = 3600) -> dict[str, Any]:
    answer = party.client.get(f"/api/cameras/{camera.pk}/recordings/timeline/", _period(first, last))
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def health(camera: Camera, *, phase: str, reason: str, last_frame: float | None = None) -> None:
    """Store the last report of the camera's detector, at `NOW`."""
    seen = None if last_frame is None else NOON + timedelta(seconds=last_frame)
    values = {"phase": phase, "reason": reason, "last_frame_time": seen, "reported_at": NOW}
    CameraHealth.objects.update_or_create(camera=camera, defaults=values)


@pytest.fixture
def recorded(camera: Camera) -> Camera:
    """An active camera that is to be recorded."""
    activated = NOON - timedelta(hours=1)
    Camera.objects.update(is_active=True, activated_at=activated, recording={"mode": "continuous"})
    camera.refresh_from_db()
    return camera


def test_one_answer_holds_everything_of_a_day(
    media: Path, recorded: Camera, detector: Party, anna: Party, django_assert_max_num_queries: Any
) -> None:
    record(media, detector, recorded, 0)
    record(media, detector, recorded, 4, 8, motion=30)
    record(media, detector, recorded, 12, motion=80)
    record(media, detector, recorded, 40, motion=5)
    register(
        detector,
        recorded,
        gaps=[{"start_ms": NOON_MS + 16_000, "end_ms": NOON_MS + 40_000, "reason": "StreamTimeout"}],
    )
    send(detector, recorded, timestamp=_shown(5))
    send(detector, recorded, event_id="another-0001", timestamp=_shown(4000))
    with django_assert_max_num_queries(8):
        found = timeline(anna, recorded)
    assert found["recorded"] == [{"start": at(0), "end": at(16)}, {"start": at(40), "end": at(44)}]
    assert found["motion"] == [
        {"start": at(4), "end": at(16), "percent": 80},
        {"start": at(40), "end": at(44), "percent": 5},
    ]
    (gap,) = (one for one in found["gaps"] if not one["is_open"])
    assert (gap["start"], gap["end"], gap["reason"]) == (at(16), at(40), "StreamTimeout")
    assert gap["message"].startswith("The camera stopped sending video")
    first = Alert.objects.order_by("timestamp").first()
    assert first is not None
    assert found["alerts"] == [{"id": first.pk, "time": at(5), "alert_type": first.alert_type}]
    assert found["has_all_alerts"] is True


def at(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("reason", "phase", "last_frame", "begins"),
    [
        ("StreamUnreachable", "Failed", 3000, 3000),
        ("StreamFrozen", "Degraded", 60, 104),  # its last recorded second is later
        ("StreamUnauthorized", "Failed", None, 7200),  # never a frame: no earlier than the report of it
        ("Streaming", "Streaming", 3000, None),
        ("ModelInvalid", "Failed", 3000, None),  # video is still recorded
    ],
)
def test_a_gap_is_shown_while_it_lasts(
    media: Path,
    recorded: Camera,
    detector: Party,
    reason: str,
    phase: str,
    last_frame: float | None,
    begins: float | None,
) -> None:
    record(media, detector, recorded, 100)
    health(recorded, phase=phase, reason=reason, last_frame=last_frame)
    now = NOW + timedelta(seconds=20)
    found = open_gap(camera=recorded, now=now)
    assert (None if found is None else found.gap.start_ms) == (None if begins is None else NOON_MS + begins * 1000)
    if found is not None:
        assert (found.gap.end_ms, found.gap.reason) == (NOON_MS + 7_220_000, reason)
        assert found.message.endswith(".")


@pytest.mark.parametrize(("mode", "begins"), [("continuous", 104), ("motion", 7000)])
def test_a_gap_lasts_while_frames_arrive_but_cannot_be_stored(
    media: Path, recorded: Camera, detector: Party, mode: str, begins: float
) -> None:
    record(media, detector, recorded, 100)
    Camera.objects.update(recording={"mode": mode})
    recorded.refresh_from_db()
    health(recorded, phase="Streaming", reason="RecordingUnavailable", last_frame=7199)
    recorded.health_changes.create(
        at=NOON + timedelta(seconds=7000), phase="Streaming", reason="RecordingUnavailable"
    )
    found = open_gap(camera=recorded, now=NOW + timedelta(seconds=20))
    assert found is not None
    assert (found.gap.start_ms, found.gap.reason) == (NOON_MS + begins * 1000, "RecordingUnavailable")
    assert found.message == REASON_TEXTS[Reason.RECORDING_UNAVAILABLE]
    health(recorded, phase="Streaming", reason="AudioUnavailable", last_frame=7199)
    recorded.refresh_from_db()
    assert open_gap(camera=recorded, now=NOW + timedelta(seconds=20)) is None, "the video is stored"


def test_no_gap_lasts_while_recording_is_off_or_has_just_stopped(recorded: Camera) -> None:
    health(recorded, phase="Failed", reason="StreamUnreachable", last_frame=7195)
    assert open_gap(camera=recorded, now=NOW) is None, "the newest segment is on its way"
    assert open_gap(camera=recorded, now=NOW + timedelta(seconds=6)) is not None
    recorded.recording = {"mode": "off"}
    assert open_gap(camera=recorded, now=NOW + timedelta(seconds=6)) is None


def test_a_lasting_gap_is_cut_to_the_period(recorded: Camera) -> None:
    health(recorded, phase="Failed", reason="StreamUnreachable", last_frame=3000)
    for first, last, shown in ((0, 2000, None), (2000, 4000, (3000, 4000)), (8000, 9000, None)):
        limits = {"first_ms": NOON_MS + first * 1000, "last_ms": NOON_MS + last * 1000}
        gap = timeline_of(camera=recorded, now=NOW + timedelta(seconds=20), **limits).open_gap
        found = None if gap is None else tuple((one - NOON_MS) / 1000 for one in (gap.gap.start_ms, gap.gap.end_ms))
        assert found == shown


def test_a_timeline_is_at_most_one_day(anna: Party, camera: Camera) -> None:
    url = f"/api/cameras/{camera.pk}/recordings/timeline/"
    answer = anna.client.get(url, _period(0, 26 * 3600))
    assert answer.json() == {"to": ["must be at most 25 hours after from"]}
    assert anna.client.get(url, _period(0, 25 * 3600)).status_code == 200


def test_motion_of_a_day_is_summarised_to_what_a_screen_shows() -> None:
    day = 24 * 3_600_000
    assert day // step_ms(first_ms=0, last_ms=day) <= MOST_PERIODS
    assert step_ms(first_ms=0, last_ms=300_000) == 1000
    periods = [MotionPeriod(0, 4000, 3), MotionPeriod(4500, 8000, 9), MotionPeriod(20_000, 24_000, 1)]
    assert joined_motion(periods) == [MotionPeriod(0, 8000, 9), MotionPeriod(20_000, 24_000, 1)]


def test_motion_of_spans_of_an_earlier_version_is_read_from_their_segments(
    media: Path, recorded: Camera, detector: Party, anna: Party
) -> None:
    record(media, detector, recorded, 0, 4, 3590, motion=30)
    record(media, detector, recorded, 3594, 3600, motion=50, duration=6)
    record(media, detector, recorded, 3700)
    expected = [(at(0), at(8), 30), (at(3590), at(3606), 50)]
    for step in (7200, 86_400):
        assert motion_of(anna, recorded, step) == expected
    RecordedSpan.objects.filter(start_ms__lt=NOON_MS + 3_600_000).update(motion_seconds=None)
    record(media, detector, recorded, 8, motion=90)  # continues such a span
    assert RecordedSpan.objects.order_by("start_ms").values_list("motion_seconds", flat=True)[0] is None
    assert motion_of(anna, recorded, 86_400) == [(at(0), at(12), 90), expected[1]]


def motion_of(party: Party, camera: Camera, last: float) -> list[tuple[Any, ...]]:
    return [tuple(one.values()) for one in timeline(party, camera, 0, last)["motion"]]


def test_deleted_segments_leave_no_motion(media: Path, recorded: Camera, detector: Party, anna: Party) -> None:
    for start, percent in ((0, 30), (4, 70), (8, 30)):
        record(media, detector, recorded, start, motion=percent)
    span = RecordedSpan.objects.get()
    segments_delete(span, [one for one in segments_of(span) if one.start_ms == NOON_MS + 4000])
    assert motion_of(anna, recorded, 3600) == [(at(0), at(4), 30), (at(8), at(12), 30)]


@pytest.mark.parametrize("start_ms", [NOON_MS, NOON_MS + 400, NOON_MS + 3_596_400])
def test_motion_is_kept_for_each_second(start_ms: int) -> None:
    found = with_motion(b"", start_ms=start_ms, end_ms=start_ms + 4000, percent=7)
    found = with_motion(found, start_ms=start_ms + 2000, end_ms=start_ms + 2400, percent=90)
    assert found == with_motion(found, start_ms=start_ms, end_ms=start_ms + 4000, percent=0)
    limits = {"span_start_ms": start_ms, "span_end_ms": start_ms + 4000, "first_ms": 0, "last_ms": 2**62}
    ((first, last, percent),) = motion_within(found, **limits, step_ms=10**9)
    assert percent == 90
    assert abs(first - start_ms) <= 500
    assert abs(last - start_ms - 4000) <= 500
    shares = [percent for _, _, percent in motion_within(found, **limits, step_ms=1000)]
    assert shares.count(90) in {1, 2}  # a second of the span may lie in two of the timeline's
    assert set(shares) == {7, 90}
    assert list(motion_within(b"", **limits, step_ms=1000)) == []


def test_a_segment_of_ten_minutes_may_begin_at_the_end_of_an_hour() -> None:
    start_ms = NOON_MS + 3_599_999
    found = with_motion(b"", start_ms=start_ms, end_ms=start_ms + MAX_SEGMENT_SECONDS * 1000, percent=100)
    assert len(found) <= MAX_BYTES


def test_a_day_reads_one_partition_by_its_primary_key_on_postgresql(
    media: Path, camera: Camera, detector: Party
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one table")
    weeks = [week * 7 * 86_400 for week in range(4)]
    record(media, detector, camera, *weeks, motion=5)
    day = RecordedSegment.objects.filter(
        camera_id=camera.pk, start_ms__gt=NOON_MS - 600_000, start_ms__lt=NOON_MS + 86_400_000
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # which is right for a handful of rows
    plan = day.explain()
    assert len(set(re.findall(r"recordings_segment_w\d+", plan))) <= 2, plan
    assert "_pkey" in plan
    with CaptureQueriesContext(connection) as queries:
        span_summaries(camera_id=camera.pk, first_ms=NOON_MS, last_ms=NOON_MS + 86_400_000)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {queries.captured_queries[0]['sql']}")
        assert "Index Scan using recorded_span_" in str(cursor.fetchall())


def grid(*box: float) -> str:
    return encode(cells_of_boxes([Box(*box)]))


def motion_search(party: Party, camera: Camera, polygon: str, first: float = 0, last: float = 3600) -> dict[str, Any]:
    query = {**_period(first, last), "polygon": polygon}
    answer = party.client.get(f"/api/cameras/{camera.pk}/recordings/motion/", query)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def test_motion_is_found_by_area(media: Path, camera: Camera, detector: Party, anna: Party) -> None:
    record(media, detector, camera, 0, 4, motion=20, motion_cells=grid(0.1, 0.1, 0.2, 0.2))
    record(media, detector, camera, 8, motion=60, motion_cells=grid(0.7, 0.7, 0.9, 0.9))
    record(media, detector, camera, 12)
    record(media, detector, camera, 16, motion=10)  # as reported by a camera that does not say where
    left, right = "0,0 0.5,0 0.5,1 0,1", "0.6,0 1,0 1,1 0.6,1"
    found = motion_search(anna, camera, left)
    assert found == {
        "motion": [{"start": at(0), "end": at(8), "percent": 20}],
        "has_all": True,
        "without_position": 1,
    }
    assert motion_search(anna, camera, right)["motion"] == [{"start": at(8), "end": at(12), "percent": 60}]
    assert motion_search(anna, camera, "0.3,0.3 0.5,0.3 0.5,0.5")["motion"] == []
    assert motion_search(anna, camera, left, 5, 6)["motion"] == [{"start": at(5), "end": at(6), "percent": 20}]


@pytest.mark.parametrize(
    "polygon", ["", "0,0 1,1", "0,0 1,1 2,0", "0,0 1,1 nan,0", "a", "0,0,0 1,1 1,0", " ".join(["0.1,0.2"] * 65)]
)
def test_a_wrong_polygon_is_named(anna: Party, camera: Camera, polygon: str) -> None:
    query = {**_period(0, 60), "polygon": polygon}
    answer = anna.client.get(f"/api/cameras/{camera.pk}/recordings/motion/", query)
    assert answer.status_code == 400
    assert answer.json()["polygon"][0].startswith("must be 3 to 64 points of x,y in fractions of the frame")


def test_a_grid_of_another_size_is_refused(camera: Camera, detector: Party) -> None:
    batch = {"segments": [segment(0, motion=1, motion_cells="AAAA")], "gaps": []}
    answer = detector.client.post(f"/api/cameras/{camera.pk}/recordings/", batch, format="json")
    assert answer.status_code == 400
    assert list(answer.json()) == ["segments.0.motion_cells"]
