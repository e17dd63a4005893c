"""Permitted addresses of streams."""

import ipaddress
import socket

import pytest

from cctv.streams.addresses import resolve
from cctv.streams.faults import StreamFault
from vigil_contracts.addresses import AddressPolicy
from vigil_contracts.names import Reason

LOOPBACK_ALLOWED = AddressPolicy((ipaddress.ip_network("127.0.0.0/8"),))


@pytest.mark.parametrize("address", ["192.168.1.20", "10.0.0.5", "8.8.8.8", "fd00::7", "2a00:1450::1"])
def test_private_and_public_camera_addresses_are_allowed(address: str) -> None:
    assert AddressPolicy().permits(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_loopback_and_link_local_are_rejected_in_any_notation(address: str) -> None:
    assert not AddressPolicy().permits(address)


def test_named_networks_replace_the_default() -> None:
    policy = AddressPolicy((ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00::/8")))

    assert policy.permits("10.1.2.3")
    assert policy.permits("::ffff:10.1.2.3")
    assert policy.permits("fd00::1")
    assert not policy.permits("10.2.0.1")
    assert not policy.permits("8.8.8.8")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "localhost", "0177.0.0.1"])
def test_loopback_spellings_are_resolved_before_the_check(host: str) -> None:
    with pytest.raises(StreamFault) as raised:
        resolve(host, 554, AddressPolicy())

    assert raised.value.reason is Reason.STREAM_FORBIDDEN


def test_only_the_permitted_addresses_of_a_name_are_used() -> None:
    addresses = resolve("camera.example", 554, AddressPolicy(), lambda host, port: ["127.0.0.1", "10.0.0.9"])

    assert addresses == ["10.0.0.9"]


def test_an_unknown_name_is_unreachable() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(StreamFault, match="host name cannot be resolved") as raised:
        resolve("nowhere.invalid", 554, LOOPBACK_ALLOWED, unknown)

    assert raised.value.reason is Reason.STREAM_UNREACHABLE
