"""The reference of all settings of the programs, from their declarations."""

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from cctv.config import Settings
from cctv.serving.settings import InferenceSettings
from surveillance_backend.environment import Environment
from vigil_operator.settings import OperatorSettings

PROGRAMS: dict[str, tuple[str, type[BaseSettings]]] = {
    "Detector": ("`cctv`, in a pod or as the standalone pipeline.", Settings),
    "Inference server": ("`cctv serve-model`, which runs the models of many detectors.", InferenceSettings),
    "Backend": ("The API and the dashboard.", Environment),
    "Operator": ("`vigil-operator run`.", OperatorSettings),
}


UNDECLARED = {
    "Detector": {
        "VIGIL_MODEL_DIR": (
            "Folder in which models are looked up by name, and to which a published model is downloaded.",
            "`~/.cache/vigil/models`",
        ),
        "VIGIL_MODEL_FETCH": (
            "Download a published model (yolov8n) that is missing; the images set 0. Its SHA-256 is checked.",
            "`1`",
        ),
    }
}
"""Variables that are read outside the settings classes: tools without these settings use them too."""


def page() -> str:
    """Return the page in Markdown."""
    parts = [
        "# Settings\n\nSettings are environment variables. An invalid one ends the program with a line naming it.\n"
    ]
    for title, (about, declared) in PROGRAMS.items():
        parts.append(f"\n## {title}\n\n{about}\n\n| variable | what it does | default |\n| --- | --- | --- |\n")
        parts += [
            f"| `{_variable(name, field)}` | {_cell(field.description or '')} | {_default(field)} |\n"
            for name, field in declared.model_fields.items()
        ]
        parts += [
            f"| `{name}` | {_cell(text)} | {default} |\n"
            for name, (text, default) in UNDECLARED.get(title, {}).items()
        ]
    return "".join(parts)


def _variable(name: str, field: FieldInfo) -> str:
    return field.validation_alias if isinstance(field.validation_alias, str) else f"VIGIL_{name.upper()}"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "of the machine"
    default = field.default
    if default is PydanticUndefined:
        return "**required**"
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if default is None or default in ("", (), {}):
        return "none"
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    return f"`{default}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
