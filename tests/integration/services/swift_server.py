"""OpenStack Swift in one process; started by `s3.py` with Debian's Python, which has Swift's packages.

    /usr/bin/python3 swift_server.py FOLDER PROXY_PORT ACCOUNT_PORT CONTAINER_PORT OBJECT_PORT

FOLDER holds `swift.conf` and one `<name>-server.conf` for each of the four servers.
"""

import sys
from pathlib import Path

import eventlet  # Debian's, as is all of Swift
from eventlet import wsgi
from swift.common import utils
from swift.common.ring import RingBuilder
from swift.common.wsgi import loadapp

STORAGE = ("account", "container", "object")


def make_rings(folder: Path, ports: list[int]) -> None:
    """Write the rings: accounts, containers and objects are on one disk, with one replica."""
    for name, port in zip(STORAGE, ports, strict=True):
        if (folder / f"{name}.ring.gz").exists():
            continue
        builder = RingBuilder(4, 1, 0)
        place = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
        builder.add_dev({"id": 0, "region": 1, "zone": 1, "device": "disk", "weight": 1.0, "meta": "", **place})
        builder.rebalance()
        builder.get_ring().save(str(folder / f"{name}.ring.gz"))


def main() -> None:
    """Serve until it is stopped."""
    folder, ports = Path(sys.argv[1]), [int(port) for port in sys.argv[2:]]
    utils.SWIFT_CONF_FILE = str(folder / "swift.conf")
    eventlet.patcher.monkey_patch(all=False, socket=True, select=True, thread=True)
    make_rings(folder, ports[1:])
    servers = []
    for name, port in zip(("proxy", *STORAGE), ports, strict=True):
        application = loadapp(str(folder / f"{name}-server.conf"))
        listening = eventlet.listen(("127.0.0.1", port))
        servers.append(eventlet.spawn(wsgi.server, listening, application, log_output=False))
    for server in servers:
        server.wait()


if __name__ == "__main__":
    main()
