"""Generate the page of the custom resources' fields from their definitions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CRDS = Path(__file__).parents[2] / "manifests" / "crds"
Schema = dict[str, Any]


def page() -> str:
    """Return the page in Markdown."""
    parts = ["# Custom resources\n\nGroup `vigil.dev`. `kubectl explain cam.spec` says the same.\n"]
    for path in sorted(CRDS.glob("*.yaml")):
        definition = yaml.safe_load(path.read_text())
        names, version = definition["spec"]["names"], definition["spec"]["versions"][0]
        schema = version["schema"]["openAPIV3Schema"]
        short = ", ".join(f"`{name}`" for name in names.get("shortNames", []))
        parts.append(f"\n## {names['kind']}\n\n{_cell(schema.get('description', ''))}\n\n")
        parts.append(
            f"`vigil.dev/{version['name']}`, {definition['spec']['scope'].lower()}; short: {short or 'none'}.\n"
        )
        for top in ("spec", "status"):
            if top in schema["properties"]:
                parts.append(f"\n### {names['kind']} {top}\n\n| field | type | what it is |\n| --- | --- | --- |\n")
                parts += _rows(schema["properties"][top], top)
    return "".join(parts)


def _rows(schema: Schema, path: str) -> Iterator[str]:
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        where = f"{path}.{name}"
        about = _cell(field.get("description", "")) + _facts(field, name in required)
        yield f"| `{where}` | {_type(field)} | {about} |\n"
        inner = field.get("items", field) if field.get("type") == "array" else field
        yield from _rows(inner, f"{where}[]" if field.get("type") == "array" else where)


def _type(field: Schema) -> str:
    if field.get("type") == "array":
        return f"list of {field.get('items', {}).get('type', 'objects')}"
    return str(field.get("type", "any"))


def _facts(field: Schema, is_required: bool) -> str:
    facts = ["required"] if is_required else []
    if "enum" in field:
        facts.append("one of " + ", ".join(f"`{value}`" for value in field["enum"]))
    if "default" in field and field["default"] not in ({}, []):
        facts.append(f"default `{field['default']}`")
    bounds = [str(field[edge]) if edge in field else "…" for edge in ("minimum", "maximum")]
    if bounds != ["…", "…"]:
        facts.append(" to ".join(bounds))
    return f" *({'; '.join(facts)})*" if facts else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
