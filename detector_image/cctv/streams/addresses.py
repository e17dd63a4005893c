"""Which network addresses a stream may come from: asked of every address that is connected to, at that time.

The rule itself is in the contracts, since the backend asks it of URLs that people write; here names are resolved, and
the connection is made to exactly the address that was checked.
"""

import socket
from collections.abc import Callable, Sequence

from cctv.streams.faults import StreamFault, from_connect_error
from vigil_contracts.addresses import AddressPolicy
from vigil_contracts.names import Reason

Resolver = Callable[[str, int], list[str]]


def system_resolver(host: str, port: int) -> list[str]:
    """Every address of `host` by the system's resolver, best first."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def resolve(host: str, port: int, policy: AddressPolicy, resolver: Resolver = system_resolver) -> Sequence[str]:
    """The addresses of `host` that may be connected to. Raises `StreamFault` where there is none."""
    try:
        found = resolver(host, port)
    except (OSError, UnicodeError) as error:
        raise from_connect_error(error if isinstance(error, OSError) else socket.gaierror()) from None
    permitted = [address for address in found if policy.permits(address)]
    if not permitted:
        raise StreamFault(Reason.STREAM_FORBIDDEN, "the host's address is not in an allowed network")
    return permitted
