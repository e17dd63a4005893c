"""Apply a camera's rules: each reports an object once, and nothing during its cool-down."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cctv.rules import check_of
from cctv.rules.base import Check, Hit, Subject
from vigil_contracts.detection import Detection
from vigil_contracts.rule_matching import EVERYTHING, concerns
from vigil_contracts.rules import Rule
from vigil_contracts.schedule import is_armed


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that applies to an object. `rule` is its name; empty for a camera without rules."""

    rule: str
    hit: Hit


class RuleBook:
    """The rules of one camera with their state."""

    def __init__(self, detection: Detection) -> None:
        self._detection = detection
        self._rules: list[tuple[str, Rule, Check]] = [
            (rule.name, rule, check_of(rule, detection.zones)) for rule in detection.rules
        ] or [("", EVERYTHING, check_of(EVERYTHING, ()))]
        self._fired_at: dict[str, datetime] = {}

    def apply(self, subject: Subject, has_reported: Callable[[str], bool], now: datetime) -> list[Fired]:
        """Return the rules that apply to `subject` now. `has_reported` returns whether a rule has reported it."""
        armed = is_armed(self._detection.schedule, now)
        fired = []
        for name, rule, check in self._rules:
            if not _concerns(rule, subject):
                continue
            hit = check.check(subject)  # also while disarmed: a line crossing needs the object's previous position
            if hit is None or not armed or (not check.repeats and has_reported(name)):
                continue
            if self._rests(name, rule.cooldown_seconds, now):
                continue
            self._fired_at[name] = now
            fired.append(Fired(name, hit))
        return fired

    def forget(self, tracks: set[str]) -> None:
        """Drop the state of all other tracks."""
        for _, _, check in self._rules:
            check.forget(tracks)

    def shift(self, step: timedelta) -> None:
        """Adjust the cool-downs after the clock was set."""
        self._fired_at = {name: at + step for name, at in self._fired_at.items()}

    def state(self) -> dict[str, str]:
        """Return when each rule last applied, for its cool-down; JSON-compatible."""
        return {name: at.isoformat() for name, at in self._fired_at.items()}

    def restore(self, state: dict[str, str]) -> None:
        """Load a `state()`; entries of rules that no longer exist are ignored."""
        names = {name for name, _, _ in self._rules}
        self._fired_at = {name: datetime.fromisoformat(at) for name, at in state.items() if name in names}

    def _rests(self, name: str, cooldown_seconds: float, now: datetime) -> bool:
        """Return whether the rule is in its cool-down. A time in the future comes from a clock that was set back."""
        fired_at = self._fired_at.get(name)
        return fired_at is not None and 0 <= (now - fired_at).total_seconds() < cooldown_seconds


def _concerns(rule: Rule, subject: Subject) -> bool:
    return subject.seconds - subject.first_seen_seconds >= rule.minimum_seconds and concerns(
        rule, label=subject.label, kind=subject.kind, confidence=subject.confidence, size=subject.size
    )
