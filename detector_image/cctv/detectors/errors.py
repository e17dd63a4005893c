"""Errors of models."""

import re

from vigil_contracts.names import Reason

_FOLDERS = re.compile(r"(?<![\w.:/~-])(?!/dev/)~?/(?:[^\s/:;,'\"()]+/)+")


def without_folders(text: str) -> str:
    """Return `text` with each absolute path reduced to its file name; URLs and `/dev/…` are kept."""
    return _FOLDERS.sub("", text)


class ModelInvalidError(Exception):
    """A model cannot be used. The message names the file or setting and the correct form.

    The message is for the log. `shown` is for users: everyone who configures a camera can read it, so it must not
    reveal which paths exist on this machine.
    """

    reason = Reason.MODEL_INVALID

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.shown = without_folders(message)


class ModelUnavailableError(ModelInvalidError):
    """A model is temporarily unavailable because its inference server is. No setting needs to change."""

    reason = Reason.MODEL_UNAVAILABLE


class DeviceUnavailableError(ModelInvalidError):
    """The device configured for a model cannot be used. The message gives the cause and the remedy."""

    reason = Reason.DEVICE_UNAVAILABLE
