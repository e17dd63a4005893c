"""Whether a detector class has room for more cameras, from what the operator of a cluster reports."""

from collections.abc import Collection
from dataclasses import dataclass

from vigil_contracts.resources import ReportedClass

NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RoomProblem:
    """A class has not enough room for cameras, so that some would wait."""

    class_name: str
    others: tuple[tuple[str, int], ...]
    """Classes with room and for how many cameras, the one with most room first."""
    cameras: int = 1
    fitting: int = 0
    """For how many of the `cameras` there is room."""

    @property
    def alternatives(self) -> str:
        """The classes with room as a text such as `cpu (3), gpu-shared (1)`; empty if there are none."""
        return ", ".join(f"{name} ({room})" for name, room in self.others[:NAMES_SHOWN])

    @property
    def text(self) -> str:
        """The warning about one camera, for users of the API."""
        return (
            f"DetectorClass {self.class_name} has no room for a further camera: this camera waits until there is"
            f" room. {self._remedy}"
        )

    @property
    def text_about_many(self) -> str:
        """The warning about the cameras of one request, for users of the API."""
        return (
            f"DetectorClass {self.class_name} has room for {self.fitting} of these {self.cameras} active"
            f" cameras: the rest waits until there is room. {self._remedy}"
        )

    @property
    def _remedy(self) -> str:
        moved = f" Or set detector_class_name to a class with room: {self.alternatives}." if self.others else ""
        return (
            "To make room, deactivate another camera of the class, add a node, or set spec.sleep of the class: its"
            f" cameras then sleep while their schedule is disarmed.{moved}"
        )


def class_name_of(classes: Collection[ReportedClass], named: str) -> str:
    """Return the class of a camera that names `named`, or the default class; empty if there is none."""
    return named or next((known.name for known in classes if known.is_default), "")


def room_problem(
    classes: Collection[ReportedClass], class_name: str, *, newer: int, cameras: int = 1
) -> RoomProblem | None:
    """Return why further `cameras` of the class would wait; None if there is room for all or it is unknown.

    `newer`: cameras of the class that were activated after the report, which does not count them yet.
    """
    rooms = {known.name: known.room for known in classes}
    room = rooms.get(class_name)
    if room is None or room - newer >= cameras:
        return None
    fitting = max(room - newer, 0)
    others = [(name, found) for name, found in rooms.items() if found and name != class_name]
    others.sort(key=lambda each: (-each[1], each[0]))
    return RoomProblem(class_name, tuple(others), cameras, fitting)
