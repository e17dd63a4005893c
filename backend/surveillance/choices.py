"""Choices of database columns, from the shared enumerations."""

from enum import StrEnum

from vigil_contracts.names import AlertType, CameraPhase, Reason, StreamTransport


def choices(names: type[StrEnum]) -> list[tuple[str, str]]:
    """Return `(value, label)` for each name: `line_crossing` becomes «Line crossing»."""
    return [(str(name.value), str(name.value).replace("_", " ").capitalize()) for name in names]


ALERT_TYPES = choices(AlertType)
PHASES = [(str(phase.value), str(phase.value)) for phase in CameraPhase]
REASONS = [(str(reason.value), str(reason.value)) for reason in Reason]
TRANSPORTS = [(str(name.value), str(name.value).upper()) for name in StreamTransport]
