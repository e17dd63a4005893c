"""What the page of a camera's recordings shows: the periods and gaps of 24 hours, the newest first."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vigil_apps.dashboard.reasons import in_own_words
from vigil_apps.recordings.selectors import recorded_periods, recording_gaps
from vigil_contracts.bounds import is_plausible
from vigil_contracts.recording import gap_text

SHOWN = timedelta(hours=24)
_MOST_GAPS = 500


@dataclass(frozen=True, slots=True)
class Row:
    """A recorded period, or a gap with its reason."""

    start: datetime
    end: datetime
    gap: str = ""

    @property
    def play(self) -> int:
        """Return the value of the parameter `play` of its link."""
        return _ms(self.start)

    @property
    def seconds(self) -> float:
        """Return its length."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class RecordingsPage:
    """The rows of 24 hours until `until`, and the one that is played."""

    rows: tuple[Row, ...]
    until: datetime
    played: Row | None

    @property
    def earlier(self) -> str:
        """Return the parameter `until` of the 24 hours before."""
        return (self.until - SHOWN).isoformat()

    @property
    def later(self) -> str:
        """Return the parameter `until` of the 24 hours after."""
        return (self.until + SHOWN).isoformat()


def recordings_page(*, camera_id: int, until: datetime, play: str = "") -> RecordingsPage:
    """Return the page. `play`: the start of the period to play, in milliseconds; an unknown one plays nothing."""
    limits = {"first_ms": _ms(until - SHOWN), "last_ms": _ms(until)}
    rows = [Row(_at(one.start_ms), _at(one.end_ms)) for one in recorded_periods(camera_id=camera_id, **limits)]
    played = next((row for row in rows if str(row.play) == play), None)
    rows += [
        Row(_at(one.start_ms), _at(one.end_ms), in_own_words(gap_text(one.reason)))
        for one in recording_gaps(camera_id=camera_id, limit=_MOST_GAPS, **limits)
    ]
    return RecordingsPage(tuple(sorted(rows, key=lambda row: row.start, reverse=True)), until, played)


def until_of(text: str, *, now: datetime) -> datetime:
    """Return the time of the parameter `until`; `now` if it is missing or wrong."""
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        return now
    is_valid = until.tzinfo is not None and is_plausible(until) and is_plausible(until - SHOWN)
    return until if is_valid and until < now else now


def moment_of(text: str) -> int | None:
    """Return the time of the parameter `at` in milliseconds; None if it is missing or wrong."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return _ms(at) if at.tzinfo is not None and is_plausible(at) else None


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
