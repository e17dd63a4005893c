"""Resolve a stream's host and check its network addresses, immediately before connecting.

The rule itself is in the contracts, since the backend applies it to the URLs that users enter. The connection is made
to exactly the address that was checked, so a second DNS answer cannot bypass the check.
"""

import socket
from collections.abc import Callable, Sequence

from cctv.streams.faults import StreamFault, from_connect_error
from vigil_contracts.addresses import AddressPolicy
from vigil_contracts.names import Reason

Resolver = Callable[[str, int], list[str]]


def system_resolver(host: str, port: int) -> list[str]:
    """Return every address of `host` from the system's resolver, best first."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def resolve(host: str, port: int, policy: AddressPolicy, resolver: Resolver = system_resolver) -> Sequence[str]:
    """Return the permitted addresses of `host`. Raises `StreamFault` if there is none."""
    try:
        found = resolver(host, port)
    except (OSError, UnicodeError) as error:
        raise from_connect_error(error if isinstance(error, OSError) else socket.gaierror()) from None
    permitted = [address for address in found if policy.permits(address)]
    if not permitted:
        raise StreamFault(Reason.STREAM_FORBIDDEN, "the host's address is not in an allowed network")
    return permitted
