"""The custom resource definitions: fully described, and equivalent to the operator's models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import kubernetes_validate
import pytest
import yaml
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from tests.chart.manifests import definitions

from surveillance.models import Camera
from vigil_contracts.bounds import MAX_DISPLAY_NAME_LENGTH
from vigil_contracts.detection import SEEN_BY_MODELS, Detection
from vigil_contracts.names import CameraPhase, StreamTransport
from vigil_contracts.recording import RecordingSettings
from vigil_contracts.rules import RULE_TYPES, Day, Direction, Rule
from vigil_operator.core.policy_merge import FIELDS
from vigil_operator.core.policy_spec import CameraPolicySpec
from vigil_operator.core.specs import CameraSpec, DetectorClassSpec

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "charts" / "vigil" / "crds"
FILES = sorted(FOLDER.glob("*.yaml"))


def load(plural: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((FOLDER / f"{plural}.vigil.dev.yaml").read_text(), Loader=yaml.CSafeLoader)
    return found


def schema(plural: str) -> dict[str, Any]:
    found: dict[str, Any] = load(plural)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def fields(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, child in node.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from fields(child, f"{path}.{name}")
    if isinstance(node.get("items"), dict):
        yield from fields(node["items"], f"{path}[]")


def test_copies_of_the_definitions_are_equal() -> None:
    """`make manifests` writes them."""
    copies = definitions()
    assert len(copies) == 2 * len(FILES)
    assert {path: (ROOT / path).read_text() for path in copies} == copies


def test_chart_of_the_definitions_upgrades_and_keeps_them() -> None:
    templates = sorted((ROOT / "charts" / "vigil-crds" / "templates").glob("*"))
    assert [path.name for path in templates] == [path.name for path in FILES]
    for path in templates:
        text = path.read_text()
        assert "{{" not in text, "Helm would evaluate it"
        found = yaml.safe_load(text)
        assert found["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
        assert found == yaml.safe_load((FOLDER / path.name).read_text())


def test_both_charts_have_the_same_version() -> None:
    charts = [yaml.safe_load((ROOT / "charts" / name / "Chart.yaml").read_text()) for name in ("vigil", "vigil-crds")]
    for key in ("version", "appVersion", "kubeVersion"):
        assert charts[0][key] == charts[1][key]


@pytest.mark.parametrize("version", [f"1.{minor}" for minor in range(28, 37)])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_supported_kubernetes_accepts_them(path: Path, version: str) -> None:
    definition = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    if version in {"1.28", "1.29"}:  # they drop selectable fields, with a warning
        definition["spec"]["versions"][0].pop("selectableFields", None)
    kubernetes_validate.validate(definition, version, strict=True)


@pytest.mark.parametrize("plural", ["cameras", "detectorclasses"])
def test_selectable_fields_are_simple_values_of_the_schema(plural: str) -> None:
    """Kubernetes refuses the definition otherwise, and permits eight of them."""
    version = load(plural)["spec"]["versions"][0]
    types = {path: node.get("type") for path, node in fields(schema(plural))}
    chosen = [types[each["jsonPath"]] for each in version["selectableFields"]]
    assert len(chosen) <= 8
    assert set(chosen) <= {"string", "boolean", "integer"}


@pytest.mark.parametrize("plural", ["cameras", "camerapolicies", "detectorclasses"])
def test_no_default_is_empty(plural: str) -> None:
    """Older API servers read `default: ""` as null and refuse the definition; what is missing is empty anyway."""
    assert [path for path, node in fields(schema(plural)) if node.get("default", "-") in ("", None)] == []


@pytest.mark.parametrize("plural", ["cameras", "camerapolicies", "detectorclasses"])
def test_every_field_is_described(plural: str) -> None:
    bare = [path for path, node in fields(schema(plural)) if not node.get("description") and path != ".metadata"]
    assert bare == []


@pytest.mark.parametrize("plural", ["cameras", "camerapolicies", "detectorclasses"])
def test_every_text_list_and_map_of_a_spec_has_a_limit(plural: str) -> None:
    """A CEL rule over something unlimited costs more than API servers allow; and etcd is no place for novels."""
    limits = {"string": ("maxLength", "enum", "format"), "array": ("maxItems",)}
    unlimited = [
        path
        for path, node in fields(schema(plural)["properties"]["spec"], "spec")
        if node.get("type") in limits and not any(limit in node for limit in limits[node["type"]])
    ]
    assert unlimited == []


@pytest.mark.parametrize("plural", ["cameras", "camerapolicies", "detectorclasses"])
def test_status_is_a_subresource(plural: str) -> None:
    assert load(plural)["spec"]["versions"][0]["subresources"] == {"status": {}}


def test_names_are_those_of_the_design() -> None:
    cameras, classes = load("cameras")["spec"], load("detectorclasses")["spec"]
    assert (cameras["group"], cameras["scope"], cameras["names"]["shortNames"]) == (
        "vigil.dev",
        "Namespaced",
        ["cam"],
    )
    assert (classes["group"], classes["scope"]) == ("vigil.dev", "Cluster")
    columns = [column["name"] for column in cameras["versions"][0]["additionalPrinterColumns"]]
    assert columns[:6] == ["Active", "Phase", "Class", "FPS", "Last alert", "Age"]


def test_phases_and_transports_are_those_of_the_contracts() -> None:
    properties = schema("cameras")["properties"]
    assert properties["status"]["properties"]["phase"]["enum"] == [phase.value for phase in CameraPhase]
    transport = properties["spec"]["properties"]["stream"]["properties"]["transport"]
    assert transport["enum"] == [choice.value for choice in StreamTransport]


@pytest.mark.parametrize(
    ("plural", "model"),
    [("cameras", CameraSpec), ("camerapolicies", CameraPolicySpec), ("detectorclasses", DetectorClassSpec)],
)
def test_models_have_the_fields_of_the_schema(plural: str, model: type[BaseModel]) -> None:
    properties = schema(plural)["properties"]["spec"]["properties"]
    assert_same_fields(model, properties)


def assert_same_fields(model: type[BaseModel], properties: dict[str, Any]) -> None:
    """Contracts have snake_case fields without aliases; a resource spells them in camelCase."""
    assert field_names(model) == set(properties)
    for name, field in model.model_fields.items():
        node = properties[field.alias or to_camel(name)]
        if inner := models_in(field.annotation):
            of_all = node.get("items", node)["properties"]
            assert {known for one in inner for known in field_names(one)} == set(of_all)
            for one in inner:
                assert_same_fields(one, {key: of_all[key] for key in field_names(one)})


def field_names(model: type[BaseModel]) -> set[str]:
    return {field.alias or to_camel(name) for name, field in model.model_fields.items()}


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """`Zone` of `tuple[Zone, ...]`, `Schedule` of `Schedule | None`, every kind of rule of `tuple[Rule, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in models_in(argument)]


def test_choices_are_those_of_the_contracts() -> None:
    detection = schema("cameras")["properties"]["spec"]["properties"]["detection"]["properties"]
    rule = detection["rules"]["items"]["properties"]
    assert set(rule["type"]["enum"]) == RULE_TYPES
    assert rule["direction"]["enum"] == [choice.value for choice in Direction]
    meaning = detection["models"]["items"]["properties"]["alertTypes"]["items"]["properties"]
    assert set(meaning["alertType"]["enum"]) == {kind.value for kind in SEEN_BY_MODELS}
    window = detection["schedule"]["properties"]["windows"]["items"]["properties"]
    assert window["days"]["items"]["enum"] == [day.value for day in Day]


def test_every_rule_of_the_contracts_is_known_by_its_type() -> None:
    kinds = get_args(get_args(Rule)[0])
    assert {get_args(kind.model_fields["type"].annotation)[0] for kind in kinds} == RULE_TYPES


def test_display_name_has_the_bound_of_the_api() -> None:
    spec = schema("cameras")["properties"]["spec"]["properties"]
    assert spec["displayName"]["maxLength"] == MAX_DISPLAY_NAME_LENGTH == Camera._meta.get_field("name").max_length


def node_at(root: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for name in path:
        root = root["properties"][name]
    return root


@pytest.mark.parametrize("path", FIELDS, ids=".".join)
def test_field_of_a_policy_has_no_default_so_that_a_camera_can_omit_it(path: tuple[str, ...]) -> None:
    """The API server would write the default into each camera, and it would be the camera's own value."""
    assert "default" not in node_at(schema("cameras")["properties"]["spec"], path)
    assert "default" not in node_at(schema("camerapolicies")["properties"]["spec"]["properties"]["defaults"], path)


def test_described_defaults_are_those_of_the_models() -> None:
    spec = schema("cameras")["properties"]["spec"]
    described = {
        ("detection", "framesPerSecond"): Detection().frames_per_second,
        ("detection", "minimumConfidence"): Detection().minimum_confidence,
        ("recording", "mode"): RecordingSettings().mode,
        ("recording", "stream"): RecordingSettings().stream,
        ("recording", "secondsBefore"): RecordingSettings().seconds_before,
        ("recording", "secondsAfter"): RecordingSettings().seconds_after,
    }
    for path, value in described.items():
        text = str(value) if isinstance(value, str) else f"{value:g}"
        assert re.search(rf"(otherwise|default is) {re.escape(text)}[.]$", node_at(spec, path)["description"]), path


def without_text(node: Any) -> Any:
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if key != "description" or isinstance(value, dict)}
        return {key: without_text(value) for key, value in kept.items()}
    return [without_text(each) for each in node] if isinstance(node, list) else node


@pytest.mark.parametrize("path", FIELDS[1:], ids=".".join)
def test_field_of_a_policy_has_the_schema_of_the_camera(path: tuple[str, ...]) -> None:
    ours = node_at(schema("camerapolicies")["properties"]["spec"]["properties"]["defaults"], path)
    theirs = node_at(schema("cameras")["properties"]["spec"], path)
    assert without_text(ours) == {key: value for key, value in without_text(theirs).items() if key != "nullable"}


def defaults_of(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if "default" in node:
        yield path, node
    for name, child in node.get("properties", {}).items():
        yield from defaults_of(child, f"{path}.{name}")
    if isinstance(node.get("items"), dict):
        yield from defaults_of(node["items"], f"{path}[]")


def without_rules(node: Any) -> Any:
    """As JSON Schema: integers or strings are said in another way there, and the rules in CEL not at all."""
    if isinstance(node, dict):
        kept = {key: without_rules(value) for key, value in node.items() if not key.startswith("x-kubernetes")}
        if kept.pop("exclusiveMinimum", False):
            kept["exclusiveMinimum"] = kept.pop("minimum")
        return kept
    return [without_rules(each) for each in node] if isinstance(node, list) else node


@pytest.mark.parametrize("plural", ["cameras", "camerapolicies", "detectorclasses"])
def test_every_default_is_valid_by_its_own_schema(plural: str) -> None:
    """API servers refuse a definition with one that is not, such as null for a text."""
    found = dict(defaults_of(schema(plural)["properties"]["spec"], "spec"))
    assert found
    for path, node in found.items():
        assert node["default"] not in (None, ""), f"{path}: 1.20 reads an empty text as null; leave the default out"
        jsonschema.validate(node["default"], without_rules(node), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "node",
    [{"type": "string", "default": None}, {"type": "number", "minimum": 0, "exclusiveMinimum": True, "default": 0}],
)
def test_invalid_default_is_found(node: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(node["default"], without_rules(node), cls=jsonschema.Draft202012Validator)
