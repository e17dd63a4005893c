"""Extend the OpenAPI schema that drf-spectacular generates: error responses, and an example for each body."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from rest_framework.permissions import AllowAny

from surveillance_backend.schema_examples import EXAMPLES

_JSON = "application/json"
_DETAIL = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
_FIELDS = {
    "type": "object",
    "description": "Maps each invalid field to its problems; or contains `detail`.",
    "additionalProperties": True,
}


def _error(description: str, detail: str) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": _DETAIL, "example": {"detail": detail}}}}


BAD_REQUEST = {
    "description": "The request is invalid.",
    "content": {_JSON: {"schema": _FIELDS, "example": {"name": ["This field is required."]}}},
}
ERRORS = {
    "401": _error("The token is missing or invalid.", "Invalid token."),
    "403": _error("The token's scope or the user's role does not permit this.", "This token may not do that."),
    "404": _error("The object does not exist, or you have no access to it.", "Not found."),
    "409": _error("The request conflicts with the object's current state.", "A site needs an admin."),
    "429": _error("Too many requests; see Retry-After.", "Request was throttled. Expected available in 3 seconds."),
    "503": _error(
        "Temporarily unavailable. Repeat the request.",
        "The service is not available at the moment. Send the request again.",
    ),
}


class Schema(AutoSchema):
    """Adds the error responses that are common to all views."""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        return {**bodies, **{status: body for status, body in self._errors().items() if status not in bodies}}

    def _errors(self) -> dict[str, Any]:
        is_open = AllowAny in getattr(self.view, "permission_classes", ())
        statuses = ["403", "429", "503", *([] if is_open else ["401"])]
        if is_open and self.path.endswith("/token/"):
            statuses.append("401")
        if "{" in self.path:
            statuses.append("404")
        if self.method in {"POST", "PUT", "PATCH", "DELETE"}:
            statuses += ["409"] + (["404"] if self.path.endswith("/send-alert/") else [])
        return {"400": BAD_REQUEST, **{status: ERRORS[status] for status in sorted(set(statuses))}}


def add_examples(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Post-processing: add the example of its component to each body. Raises KeyError if there is none."""
    for methods in result["paths"].values():
        for operation in methods.values():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (content for body in bodies for content in body.get("content", {}).values()):
                if not {"example", "examples"} & set(content):
                    content["example"] = example_of(content["schema"])
    return result


def nullable_as_of_3_1(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Post-processing: replace `nullable`, which OpenAPI 3.1 has removed, by a list of types."""
    _without_nullable(result)
    return result


def _without_nullable(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _without_nullable(item)
    elif isinstance(node, dict):
        if node.pop("nullable", False) and isinstance(node.get("type"), str):
            node["type"] = [node["type"], "null"]
        for item in node.values():
            _without_nullable(item)


def titles_are_names(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Post-processing: give each component that has a title its own name as title; remove all other titles.

    Generators name classes by titles. pydantic repeats the title of a model in its request component, and gives each
    property one: openapi-python-client leaves out the second class of a name, and every operation that needs it.
    """
    for name, component in result["components"]["schemas"].items():
        has_title = "title" in component
        _remove_titles(component)
        if has_title:
            component["title"] = name
    return result


_VALUES = {"const", "default", "enum", "example", "examples"}


def _remove_titles(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _remove_titles(item)
    elif isinstance(node, dict):
        if isinstance(node.get("title"), str):  # a property called `title` is a schema, not a text
            del node["title"]
        for key, item in node.items():
            if key not in _VALUES:
                _remove_titles(item)


def example_of(schema: dict[str, Any]) -> Any:
    """Return the example for a body's schema: that of its component, in a list, an object or a page if required."""
    if "examples" in schema:
        return schema["examples"][0]
    if "properties" in schema:
        return {name: example_of(inner) for name, inner in schema["properties"].items()}
    if schema.get("type") == "array":
        return [example_of(schema["items"])]
    if "$ref" not in schema:
        return "(binary)" if schema.get("format") == "binary" else "id: 17\nevent: alert\ndata: {…}\n\n"
    name = schema["$ref"].rpartition("/")[2]
    if name.startswith("Paginated"):
        inner = name.removeprefix("Paginated").removesuffix("List")
        cursors = {"next_cursor": None, "previous_cursor": None}
        return {"next": None, "previous": None, **cursors, "results": [EXAMPLES[inner]]}
    return EXAMPLES[name]
