"""The certificates that the tests make are good for clients that check strictly, as Python 3.13 does by default."""

import socket
import ssl
import threading
from pathlib import Path

from tests.cluster.certificates import CertificateAuthority


def test_a_strict_client_takes_a_server_of_the_test_authority(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    server = authority.server("api", ["localhost", "127.0.0.1"])
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(server.certificate, server.key)
    asking = ssl.create_default_context(cafile=str(authority.files.certificate))
    asking.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with serving.wrap_socket(theirs, server_side=True) as answered:
            answered.sendall(b"hello")

    thread = threading.Thread(target=serve)
    thread.start()
    with asking.wrap_socket(ours, server_hostname="localhost") as connection:
        assert connection.recv(5) == b"hello"
    thread.join(5)
