"""The cluster DNS resolves Services and denies all other names."""

from __future__ import annotations

import struct

import pytest
from tests.cluster.dns import answer
from tests.cluster.http import ApiError

A, AAAA = 1, 28


def query(name: str, kind: int = A) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", 0x1234, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def known(name: str) -> list[str] | None:
    return {"web.shop.svc.cluster.local": ["10.96.0.7", "10.96.0.8"]}.get(name)


def test_service_names_are_case_insensitive() -> None:
    asked = query("Web.shop.svc.cluster.LOCAL")
    given = answer(asked, known)
    identity, flags, questions, answers = struct.unpack_from("!4H", given)
    assert (identity, flags & 0xF, questions, answers) == (0x1234, 0, 1, 2)
    assert given[12 : len(asked)] == asked[12:], "the question is repeated as it was asked"
    records = given[len(asked) :]
    assert records[:16] == bytes.fromhex("c00c 0001 0001 00000001 0004") + bytes([10, 96, 0, 7])
    assert records[28:] == bytes([10, 96, 0, 8])


def test_ipv6_query_has_an_empty_answer() -> None:
    _, flags, _, answers = struct.unpack_from("!4H", answer(query("web.shop.svc.cluster.local", AAAA), known))
    assert (flags & 0xF, answers) == (0, 0)


def test_other_names_do_not_exist() -> None:
    _, flags, _, answers = struct.unpack_from("!4H", answer(query("example.org"), known))
    assert (flags & 0xF, answers) == (3, 0)


def test_failing_api_server_does_not_deny_names() -> None:
    def failing(name: str) -> list[str] | None:
        raise ApiError(500, "InternalError", name)

    assert struct.unpack_from("!2H", answer(query("web.shop.svc.cluster.local"), failing))[1] & 0xF == 2


@pytest.mark.parametrize(
    "garbage", [b"", b"\0" * 12, query("a.b")[:-3], b"\xff" * 40, query("a.b")[:12] + b"\xc0\x0c\0\0"]
)
def test_malformed_query_is_rejected(garbage: bytes) -> None:
    with pytest.raises(ValueError, match="no DNS query"):
        answer(garbage, known)
