"""Identify a YAML block of the documentation and check it with the program that reads it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from pydantic import ValidationError
from tests.chart.helm import CHART, ChartError, documents, render
from tests.unit.operator.test_cel import ROOTS, operator_takes, server_takes

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.network_metadata import metadata_of
from vigil_apps.identity.core.providers import Provider
from vigil_contracts.detection import Detection

KUBERNETES = "1.30"
NEWEST = "1.36"
VALUES = json.loads((CHART / "values.schema.json").read_text())["properties"].keys()


class UnknownYamlError(Exception):
    """There is no check for this YAML; the message describes it."""


def yaml_problem(text: str) -> str | None:
    """Return why the YAML would be rejected, or None. Raises UnknownYamlError for other kinds."""
    try:
        found = [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each is not None]
    except yaml.YAMLError as error:
        return f"no YAML: {error}"
    if not found:
        return "empty"
    return next((problem for each in found if (problem := _document_problem(each)) is not None), None)


def _document_problem(document: Any) -> str | None:
    if not isinstance(document, dict):
        raise UnknownYamlError(f"a {type(document).__name__} at the top level")
    if "apiVersion" in document:
        return _object_problem(document)
    if "groups" in document:
        raise UnknownYamlError("Prometheus rules: no page has any yet; check them with promtool")
    if document.keys() <= VALUES:
        return _values_problem(document)
    if document.keys() <= Detection.model_fields.keys():
        return _detection_problem(document)
    if document.keys() == {"providers"}:
        return _providers_problem(document)
    if document.keys() <= {"names", "head"}:
        return _metadata_problem(document)
    raise UnknownYamlError(f"keys {sorted(document)}; whole objects with an apiVersion can be checked")


def _object_problem(document: dict[str, Any]) -> str | None:
    if not document["apiVersion"].startswith("vigil.dev/"):
        try:
            is_newer = document["apiVersion"].startswith("resource.k8s.io/")
            kubernetes_validate.validate(document, NEWEST if is_newer else KUBERNETES, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.InvalidSchemaError) as error:
            return str(error)
        return None
    kind = document.get("kind", "")
    if kind not in ROOTS:
        return f"kind {kind!r} is none of {sorted(ROOTS)}"
    schema = _closed(ROOTS[kind])
    errors = sorted(jsonschema.Draft7Validator(schema).iter_errors(document), key=lambda each: list(each.path))
    if errors:
        return f"{'.'.join(map(str, errors[0].path)) or kind}: {errors[0].message}"
    if not server_takes(kind, document):
        return f"{kind}: a rule (x-kubernetes-validations) of the definition does not hold"
    return None if operator_takes(kind, document) else f"{kind}: the operator says InvalidSpec"


def _closed(node: Any, *, is_root: bool = True) -> Any:
    """Return the schema with unknown fields forbidden, as by `kubectl apply`; the server validates `metadata`."""
    if isinstance(node, list):
        return [_closed(each, is_root=False) for each in node]
    if not isinstance(node, dict):
        return node
    result = {name: _closed(child, is_root=False) for name, child in node.items() if name != "metadata"}
    if isinstance(node.get("properties"), dict):
        result["properties"] = {
            name: {} if name == "metadata" else _closed(child, is_root=False)
            for name, child in node["properties"].items()
        }
        if is_root:
            result["required"] = sorted({*result.get("required", ()), "apiVersion", "kind", "metadata"})
        if not node.get("x-kubernetes-preserve-unknown-fields"):
            result["additionalProperties"] = False
    return result


def _values_problem(values: dict[str, Any]) -> str | None:
    """Return why the chart rejects the values, or Kubernetes the rendered objects."""
    try:
        objects = documents(render(values))
    except ChartError as error:
        return str(error)
    return next((problem for each in objects if (problem := _object_problem(each)) is not None), None)


def _detection_problem(settings: dict[str, Any]) -> str | None:
    try:
        Detection.model_validate(settings)
    except ValidationError as error:
        return str(error)
    return None


def _providers_problem(document: dict[str, Any]) -> str | None:
    """Return why the backend rejects the file of OpenID providers, apart from secrets that are not there."""
    for each in document["providers"]:
        try:
            Provider.model_validate(each)
        except ValidationError as error:
            return str(error)
    return None


def _metadata_problem(document: dict[str, Any]) -> str | None:
    """Return why the detector rejects the file `metadata.yaml` of a network."""
    try:
        metadata = metadata_of("network.onnx", document, {}, {})
    except ModelInvalidError as error:
        return str(error)
    return None if metadata.names else "the detector finds no class names in it"
