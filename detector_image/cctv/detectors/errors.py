"""What goes wrong with models."""

import re

from vigil_contracts.names import Reason

_FOLDERS = re.compile(r"(?<![\w.:/~-])(?!/dev/)~?/(?:[^\s/:;,'\"()]+/)+")


def without_folders(text: str) -> str:
    """Return `text` with each absolute path cut down to the file's name; URLs and `/dev/…` stay."""
    return _FOLDERS.sub("", text)


class ModelInvalidError(Exception):
    """A model cannot be used. The message names the file or the setting and says what would be right.

    It is for the log. `shown` is for users: anybody who configures a camera may read it, so it does not tell which
    paths exist on this machine.
    """

    reason = Reason.MODEL_INVALID

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.shown = without_folders(message)


class ModelUnavailableError(ModelInvalidError):
    """A model cannot be used for now: the server that runs it is away. Nobody need change a setting."""

    reason = Reason.MODEL_UNAVAILABLE


class DeviceUnavailableError(ModelInvalidError):
    """The device that a model should run on cannot be used. The message names the cause and the remedy."""

    reason = Reason.DEVICE_UNAVAILABLE
