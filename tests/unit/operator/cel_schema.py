"""Compile CEL rules against the types of a structural schema, like an API server.

The library is Google's own CEL in C++; it knows declared object types as messages of Protocol Buffers, so that an
object with properties becomes a message, an array a repeated field and `additionalProperties` a map. What is compiled
so can name declared fields only, and compare what has the same type.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_strings
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2

Node = dict[str, Any]

FIELD = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    "string": FIELD.TYPE_STRING,
    "boolean": FIELD.TYPE_BOOL,
    "integer": FIELD.TYPE_INT64,
    "number": FIELD.TYPE_DOUBLE,
}
CEL_SCALARS = {
    "string": cel.Type.STRING,
    "boolean": cel.Type.BOOL,
    "integer": cel.Type.INT,
    "number": cel.Type.DOUBLE,
}
# The part of `metadata` that a rule may name, whatever else an object has.
METADATA: Node = {"type": "object", "properties": {"name": {"type": "string"}, "generateName": {"type": "string"}}}


EXTENSIONS = [ext_strings.ExtStrings()]
"""What API servers offer since 1.23 beside the language itself."""
UNTYPED = cel.NewEnv(
    descriptor_pool.DescriptorPool(),
    variables={"self": cel.Type.DYN, "oldSelf": cel.Type.DYN},
    extensions=EXTENSIONS,
)


class RuleError(Exception):
    """A rule that an API server would refuse, in the compiler's words."""


class TypedRules:
    """The rules of one schema node, whose `self` has the node's type."""

    def __init__(self, node: Node, *, is_root: bool = False) -> None:
        self._node = {**node, "properties": {**node.get("properties", {}), "metadata": METADATA}} if is_root else node
        self._pool = descriptor_pool.DescriptorPool()
        self._message: type[Any] | None = None
        kind = self._type()
        self._environment = cel.NewEnv(self._pool, variables={"self": kind, "oldSelf": kind}, extensions=EXTENSIONS)

    def _type(self) -> cel.Type:
        if self._node["type"] != "object":
            return CEL_SCALARS[self._node["type"]]
        _add_file(self._pool, self._node)
        self._message = message_factory.GetMessageClass(self._pool.FindMessageTypeByName("schema.Self"))
        return cel.Type("schema.Self")

    @cache  # noqa: B019 - a few rules, for as long as the tests run
    def compile(self, rule: str) -> cel.Expression:
        """Raises `RuleError` where an API server would refuse the definition."""
        try:
            compiled = self._environment.compile(rule)
        except RuntimeError as error:
            raise RuleError(str(error)) from None
        if compiled.return_type() != cel.Type.BOOL:
            raise RuleError(f"gives {compiled.return_type().name()}, not a bool")
        return compiled

    def holds(self, rule: str, value: Any, old: Any = None) -> bool:
        """The rule's answer about an object that has become `value`.

        Of the object as it is and not of a message, whose missing fields would have values. Raises `RuleError` where
        the rule asks for what is not there without `has`: a server then refuses the object.
        """
        self.compile(rule)
        known = {"self": value} | ({"oldSelf": old} if "oldSelf" in rule else {})
        answer = UNTYPED.compile(rule).eval(data=known).plain_value()
        if not isinstance(answer, bool):
            raise RuleError(f"{rule}: {answer}")
        return answer


def _add_file(pool: descriptor_pool.DescriptorPool, node: Node) -> None:
    lists = descriptor_pb2.FileDescriptorProto()
    struct_pb2.DESCRIPTOR.CopyToProto(lists)
    pool.Add(lists)
    # The second syntax: there `has` tells what is missing from what is empty, as it does in an API server.
    file = descriptor_pb2.FileDescriptorProto(
        name="schema.proto", package="schema", syntax="proto2", dependency=["google/protobuf/struct.proto"]
    )
    _fill(file.message_type.add(name="Self"), node, "schema.Self")
    pool.Add(file)


def _fill(message: descriptor_pb2.DescriptorProto, node: Node, path: str) -> None:
    for number, (name, child) in enumerate(node.get("properties", {}).items(), start=1):
        field = message.field.add(name=name, json_name=name, number=number, label=FIELD.LABEL_OPTIONAL)
        _set_type(field, message, child, path)


def _set_type(
    field: descriptor_pb2.FieldDescriptorProto, message: descriptor_pb2.DescriptorProto, node: Node, path: str
) -> None:
    kind = node.get("type")
    if kind in SCALARS:
        field.type = SCALARS[kind]
    elif kind == "array" and node["items"].get("type") != "array":
        _set_type(field, message, node["items"], path)
        field.label = FIELD.LABEL_REPEATED
    elif kind == "array":
        # There is no list of lists but this one.
        field.type, field.type_name = FIELD.TYPE_MESSAGE, ".google.protobuf.ListValue"
        field.label = FIELD.LABEL_REPEATED
    elif kind == "object" and "properties" in node:
        inner = message.nested_type.add(name=f"Type{field.number}")
        _fill(inner, node, f"{path}.{inner.name}")
        field.type, field.type_name = FIELD.TYPE_MESSAGE, f".{path}.{inner.name}"
    else:
        # Maps, numbers that may be texts, and what the schema leaves open.
        field.type, field.type_name = FIELD.TYPE_MESSAGE, ".google.protobuf.Value"
