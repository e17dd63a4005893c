"""Compare the fields that this version uses with those of the installed CustomResourceDefinitions.

An API server drops fields that a definition does not have, without an error: a chart that is upgraded before the
definitions would lose settings and parts of the status.
"""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from vigil_operator.core.names import GROUP, VERSION
from vigil_operator.core.policy_spec import CameraPolicySpec
from vigil_operator.core.specs import CameraSpec, DetectorClassSpec

OPENAPI_PATH = f"/openapi/v3/apis/{GROUP}/{VERSION}"
"""Every authenticated user may read it (role `system:discovery`). Kubernetes 1.27 and newer have it."""

_MODELS: Mapping[str, type[BaseModel]] = {
    "Camera": CameraSpec,
    "DetectorClass": DetectorClassSpec,
    "CameraPolicy": CameraPolicySpec,
}


def missing_fields(openapi: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the fields of `spec` that each installed definition lacks, by kind; a missing object without its fields.

    `openapi` is the API server's description of our group. A kind that it does not describe has no entry.
    """
    schemas = (openapi.get("components") or {}).get("schemas") or {}
    found = {}
    for kind, model in _MODELS.items():
        schema = schemas.get(f"{'.'.join(reversed(GROUP.split('.')))}.{VERSION}.{kind}")
        if schema is not None:
            spec = (schema.get("properties") or {}).get("spec") or {}
            found[kind] = sorted(_missing(model, spec, "spec"))
    return found


def _missing(model: type[BaseModel], node: Mapping[str, Any], path: str) -> Iterator[str]:
    if node.get("x-kubernetes-preserve-unknown-fields"):
        return
    properties = node.get("properties") or {}
    for name, field in model.model_fields.items():
        key = field.alias or to_camel(name)
        if key not in properties:
            yield f"{path}.{key}"
            continue
        inner = properties[key]
        items = inner.get("items")
        for part in _models_in(field.annotation):
            yield from set(_missing(part, items or inner, f"{path}.{key}" + ("[]" if items else "")))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in an annotation such as `Zone | None` or `tuple[Rule, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for argument in get_args(annotation):
        yield from _models_in(argument)
