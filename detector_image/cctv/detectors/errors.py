"""What goes wrong with models."""


class ModelInvalidError(Exception):
    """A model cannot be used. The message names the file or the setting and says what would be right."""
