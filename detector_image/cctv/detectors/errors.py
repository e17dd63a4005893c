"""What goes wrong with models."""

from vigil_contracts.names import Reason


class ModelInvalidError(Exception):
    """A model cannot be used. The message names the file or the setting and says what would be right."""

    reason = Reason.MODEL_INVALID


class ModelUnavailableError(ModelInvalidError):
    """A model cannot be used for now: the server that runs it is away. Nobody need change a setting."""

    reason = Reason.MODEL_UNAVAILABLE
