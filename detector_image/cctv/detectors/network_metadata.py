"""Read a network's metadata (class names, head, normalisation) from its file or from files beside it.

- Ultralytics writes `names`, `head`, … into ONNX files, and into `metadata.yaml` beside OpenVINO networks.
- Hugging Face has `config.json` and `preprocessor_config.json` beside the network, or in the folder above.
- For other networks the user writes a `metadata.yaml` with `names`.
"""

import ast
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.families.base import Metadata
from cctv.detectors.families.coco import COCO_NAMES


def read_metadata(path: Path, embedded: Mapping[str, str]) -> Metadata:
    """Return the metadata of the network at `path`; `embedded`: the texts within its file.

    Files beside it take precedence. Raises `ModelInvalidError` for files that cannot be read.
    """
    facts: dict[str, Any] = {key: _literal(text) for key, text in embedded.items()}
    facts |= _mapping(path.with_name("metadata.yaml"), _parse_yaml)
    config = _beside_or_above(path, "config.json")
    images = _beside_or_above(path, "preprocessor_config.json")
    return metadata_of(str(path), facts, config, images)


def metadata_of(
    network: str, facts: Mapping[str, Any], config: Mapping[str, Any], images: Mapping[str, Any]
) -> Metadata:
    """Return the metadata from Ultralytics' `facts`, Hugging Face's `config` and its configuration of `images`.

    `network` appears in errors. Raises `ModelInvalidError` for invalid class names.
    """
    arguments = facts.get("args")
    is_normalised = bool(images.get("do_normalize"))
    return Metadata(
        names=_names(network, facts.get("names") or config.get("id2label")),
        head=str(facts.get("head") or ""),
        description=str(facts.get("description") or ""),
        is_end_to_end=facts.get("end2end") is True or (isinstance(arguments, dict) and arguments.get("nms") is True),
        model_type=str(config.get("model_type") or ""),
        input_size=_size(facts.get("imgsz")) or _size(images.get("size")),
        mean=_colours(network, images, "image_mean") if is_normalised else None,
        std=_colours(network, images, "image_std") if is_normalised else None,
    )


def _literal(text: str) -> Any:
    """Parse a value, which Ultralytics writes as a Python literal; other texts are kept."""
    try:
        return ast.literal_eval(text)
    except (MemoryError, RecursionError, SyntaxError, ValueError):
        return text


def _mapping(path: Path, load: Any) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelInvalidError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict | None):
        raise ModelInvalidError(f"{path}: must hold keys and values")
    return content or {}


def _parse_yaml(text: str) -> Any:
    """Parse YAML. Raises ValueError."""
    import yaml  # late: a start with a compiled network reads no metadata

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def metadata_files(path: Path) -> tuple[Path, ...]:
    """Return the files, which need not exist, on which the result of `read_metadata` depends besides the network."""
    configurations = ("config.json", "preprocessor_config.json")
    return (path.with_name("metadata.yaml"), *(file for name in configurations for file in _places(path, name)))


def _beside_or_above(path: Path, name: str) -> dict[str, Any]:
    beside, above = _places(path, name)
    return _mapping(beside, json.loads) or _mapping(above, json.loads)


def _places(path: Path, name: str) -> tuple[Path, Path]:
    return path.with_name(name), path.parent.parent / name


def _names(network: str, given: Any) -> dict[int, str]:
    """Return class names by class id; empty if there are none."""
    if not given:
        return {}
    if isinstance(given, str):
        if given.strip().lower() == "coco":
            return dict(enumerate(COCO_NAMES))
        return {}
    if isinstance(given, list):
        return {number: _name(network, number, name) for number, name in enumerate(given)}
    try:
        numbers = {int(number): number for number in sorted(given, key=int)}
    except (TypeError, ValueError, OverflowError):
        numbers = {-1: ""}
    if min(numbers) < 0 or len(numbers) < len(given):
        raise ModelInvalidError(
            f"{network}: `names` must be a list of class names, or a class name for each class id"
        )
    return {number: _name(network, number, given[key]) for number, key in numbers.items()}


def _name(network: str, number: int, given: Any) -> str:
    """Return a class name. YAML reads `no`, `on` and `y` without quotes as truth values, and nothing as null."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ModelInvalidError(
            f"{network}: `names` must have a text for class {number}, not {given!r:.40}; put class names such as no, "
            "yes, on and off in quotes"
        )
    return str(given)


def _size(given: Any) -> tuple[int, int] | None:
    """Return (width, height) from Ultralytics' [height, width] or Hugging Face's {height, width}."""
    if isinstance(given, dict):
        given = [given.get("height"), given.get("width")]
    if isinstance(given, int):
        given = [given, given]
    is_size = isinstance(given, list) and len(given) == 2 and all(isinstance(side, int) for side in given)
    return (given[1], given[0]) if is_size and min(given) > 0 else None


def _colours(network: str, images: Mapping[str, Any], key: str) -> tuple[float, float, float] | None:
    given = images.get(key)
    if not isinstance(given, list) or len(given) != 3:
        return None
    try:
        colours = float(given[0]), float(given[1]), float(given[2])
    except (TypeError, ValueError):
        colours = (math.nan,) * 3
    if not all(map(math.isfinite, colours)) or (key == "image_std" and min(colours) <= 0):
        raise ModelInvalidError(
            f"{network}: `{key}` of preprocessor_config.json must be three finite numbers; those of image_std above 0"
        )
    return colours
