"""Read YAML of other programs."""

from typing import Any

import yaml


class YamlError(ValueError):
    """The text is not usable YAML; the message has the line, and no part of the text."""


class _Loader(yaml.SafeLoader):
    """Reads `!secret name` (Home Assistant, Viseron) as the text `!secret name`."""


def _secret(loader: yaml.SafeLoader, node: yaml.nodes.Node) -> str:
    return f"!secret {loader.construct_scalar(node)}" if isinstance(node, yaml.ScalarNode) else "!secret"


_Loader.add_constructor("!secret", _secret)


def load_mapping(text: str) -> dict[str, Any]:
    """Return the mapping that the text contains. Raises YamlError."""
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506  # nosec B506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise YamlError(f"the file is not valid YAML{where}") from None
    except RecursionError:
        raise YamlError("the file is nested too deeply") from None
    if not isinstance(value, dict):
        raise YamlError("the file must be a mapping of settings")
    return value
