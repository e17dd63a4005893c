"""Whether a detector class has room for one more camera, from what the operator of a cluster reports."""

from collections.abc import Collection
from dataclasses import dataclass

from vigil_contracts.resources import ClassRoom

NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RoomProblem:
    """The class of a camera has no room, so that the camera would wait."""

    class_name: str
    others: tuple[tuple[str, int], ...]
    """Classes with room and for how many cameras, the one with most room first."""

    @property
    def alternatives(self) -> str:
        """The classes with room as a text such as `cpu (3), gpu-shared (1)`; empty if there are none."""
        return ", ".join(f"{name} ({room})" for name, room in self.others[:NAMES_SHOWN])

    @property
    def text(self) -> str:
        """The warning for users of the API."""
        moved = f", or use a class with room: {self.alternatives}" if self.others else ""
        return (
            f"DetectorClass {self.class_name} has no room for a further camera: this camera waits until there is"
            " room. Deactivate another camera of the class, let its cameras sleep while their schedule is disarmed,"
            f" add a node{moved}."
        )


def class_name_of(classes: Collection[ClassRoom], named: str) -> str:
    """Return the class of a camera that names `named`, or the default class; empty if there is none."""
    return named or next((known.name for known in classes if known.is_default), "")


def room_problem(classes: Collection[ClassRoom], class_name: str, *, newer: int) -> RoomProblem | None:
    """Return why a further camera of the class would wait; None if there is room or it is unknown.

    `newer`: cameras of the class that were activated after the report, which does not count them yet.
    """
    rooms = {known.name: known.room for known in classes}
    room = rooms.get(class_name)
    if room is None or room > newer:
        return None
    others = [(name, found) for name, found in rooms.items() if found and name != class_name]
    return RoomProblem(class_name, tuple(sorted(others, key=lambda each: (-each[1], each[0]))))
