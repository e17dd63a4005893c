"""Generate the page of the HTTP API: a table of all endpoints, and the interactive schema."""

from pathlib import Path
from typing import Any

import yaml

DESCRIPTION = Path(__file__).parents[2] / "docs" / "openapi.yaml"
_METHODS = ("get", "post", "put", "patch", "delete")


def page() -> str:
    """Return the page in Markdown."""
    document: dict[str, Any] = yaml.load(DESCRIPTION.read_text(), Loader=yaml.CSafeLoader)
    rows = [
        f"| `{method.upper()}` | `{path}` | {_first_sentence(operation)} |\n"
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in _METHODS
    ]
    return (
        "# HTTP API\n\nEvery request but a few carries `Authorization: Token <token>`. A running backend describes"
        " itself at `/api/schema/`; this is [the same description](../openapi.yaml).\n\n"
        "| | path | what it does |\n| --- | --- | --- |\n" + "".join(rows) + "\n## Try it\n\n"
        '<swagger-ui src="../openapi.yaml" supportedSubmitMethods="[]"/>\n'
    )


def _first_sentence(operation: dict[str, Any]) -> str:
    text = " ".join(str(operation.get("summary") or operation.get("description", "")).split())
    return text.split(". ")[0].rstrip(".").replace("|", "\\|")
