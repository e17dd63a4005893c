"""Generate the page of the chart's values from `values.yaml` and its comments."""

from collections.abc import Iterator
from pathlib import Path

import yaml

VALUES = Path(__file__).parents[2] / "charts" / "vigil" / "values.yaml"


def page() -> str:
    """Return the page in Markdown."""
    text = VALUES.read_text()
    lines = text.splitlines()
    document = yaml.compose(text)
    assert isinstance(document, yaml.MappingNode)
    parts = [
        "# Chart values\n\n`helm install vigil charts/vigil --set NAME=VALUE`, or `--values FILE`; "
        "`values.schema.json` refuses a name or a value that is wrong and says which.\n"
    ]
    for key, value in document.value:
        parts.append(f"\n## {key.value}\n\n")
        about = _comment(lines, key)
        if about:
            parts.append(f"{about}\n\n")
        parts.append("| value | default | what it is |\n| --- | --- | --- |\n")
        parts += _rows(lines, text, key.value, value)
    return "".join(parts)


def _rows(lines: list[str], text: str, path: str, node: yaml.Node) -> Iterator[str]:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        where = f"{path}.{key.value}"
        is_block = isinstance(value, yaml.MappingNode) and not value.flow_style and value.value
        about = _cell(_comment(lines, key))
        if about or not is_block:
            default = "" if is_block else f"`{_cell(_source(text, value))}`"
            yield f"| `{where}` | {default} | {about} |\n"
        if is_block:
            yield from _rows(lines, text, where, value)


def _source(text: str, node: yaml.Node) -> str:
    return text[node.start_mark.index : node.end_mark.index].strip() or "null"


def _comment(lines: list[str], key: yaml.Node) -> str:
    """Return the comment lines above a key, and the comment on its line."""
    number = key.start_mark.line
    above: list[str] = []
    while number > 0 and lines[number - 1].lstrip().startswith("#"):
        number -= 1
        above.insert(0, lines[number].lstrip("# "))
    beside = lines[key.start_mark.line].partition("  # ")[2]
    return " ".join(part for part in (*above, beside) if part)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
