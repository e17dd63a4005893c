"""Frames that the decoder marks as damaged."""

import pytest

from cctv.streams.damage import DamageFilter


def test_damaged_frames_are_skipped_unless_there_are_no_others() -> None:
    damage = DamageFilter()
    skipped = [damage.skips(at / 10, is_damaged=at in {3, 4, 20}) for at in range(30)]
    assert [at for at, is_skipped in enumerate(skipped) if is_skipped] == [3, 4, 20]

    analysed_at = [at / 10 for at in range(30, 60) if not damage.skips(at / 10, is_damaged=True)]
    assert analysed_at[0] == pytest.approx(2.9 + 2.0), "2 s after the last undamaged one"
    damage.begin_stream()
    assert damage.skips(60.0, is_damaged=True), "a new connection begins with damaged frames more often than not"


def test_analysing_damaged_frames_is_reported_once() -> None:
    damage = DamageFilter()
    assert [damage.reports_damage(is_damaged=is_damaged) for is_damaged in (False, True, True)] == [
        False,
        True,
        False,
    ]
