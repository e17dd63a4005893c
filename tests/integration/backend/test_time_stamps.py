"""Time stamps (RFC 3161) by a real authority: `openssl ts` behind a small HTTP server."""

import hashlib
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vigil_apps.evidence import time_stamps
from vigil_apps.evidence.core.keys import public_pem
from vigil_apps.evidence.time_stamps import CONTENT_TYPE, TimeStampError, time_stamp
from vigil_contracts import evidence_verifier
from vigil_contracts.evidence_verifier import time_stamp_of

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

CONFIGURATION = """[authority]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1
"""


class Authority:
    """`answer`: what it does with a query instead of stamping it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.got: list[bytes] = []
        self.answer: Callable[[bytes], bytes] = self.stamp
        self.status = 200
        folder.mkdir()
        (folder / "tsa.cnf").write_text(CONFIGURATION)
        (folder / "serial").write_text("01")
        self._openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Test authority"),
            *("-keyout", "tsa.key", "-out", "tsa.pem", "-addext", "extendedKeyUsage=critical,timeStamping"),
        )

    def stamp(self, query: bytes) -> bytes:
        (self.folder / "q.tsq").write_bytes(query)
        self._openssl(
            *("ts", "-reply", "-queryfile", "q.tsq", "-config", "tsa.cnf", "-section", "authority", "-out", "r.tsr")
        )
        return (self.folder / "r.tsr").read_bytes()

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    made = Authority(tmp_path / "tsa")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == CONTENT_TYPE
            made.got.append(query)
            content = made.answer(query)
            self.send_response(made.status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            with suppress(OSError):  # the client no longer waits
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_port}/"
        yield made
        server.shutdown()


@pytest.fixture
def folder(tmp_path: Path, authority: Authority) -> Path:
    """An exported folder without videos, with a time stamp."""
    made, key = tmp_path / "out", Ed25519PrivateKey.generate()
    made.mkdir()
    manifest = b'{"files": []}'
    (made / "manifest.json").write_bytes(manifest)
    (made / "manifest.sig").write_bytes(key.sign(manifest))
    (made / "public-key.pem").write_text(public_pem(key))
    (made / "manifest.tsr").write_bytes(time_stamp(key.sign(manifest), url=authority.url))
    return made


def verify(folder: Path, *options: str) -> tuple[int, str]:
    """Run the script as a court does: isolated from all that is installed."""
    command = [sys.executable, "-I", "-S", evidence_verifier.__file__, str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_only_the_sum_is_sent_and_the_answer_is_of_it(authority: Authority) -> None:
    before = time.time()
    stamp = time_stamp_of(time_stamp(b"the signature", url=authority.url))
    assert (stamp.hash_name, stamp.digest) == ("sha256", hashlib.sha256(b"the signature").digest())
    assert stamp.time.startswith(time.strftime("%Y-%m-%dT%H:", time.gmtime(before)))
    (query,) = authority.got
    assert stamp.digest in query
    assert b"the signature" not in query


def test_the_verifier_checks_what_it_can_and_says_what_it_cannot(folder: Path, authority: Authority) -> None:
    status, words = verify(folder)
    assert status == 0, words
    assert "if the authority is genuine: check it with --timestamp-ca" in words
    status, words = verify(folder, "--timestamp-ca", str(authority.folder / "tsa.pem"))
    assert status == 0, words
    assert "by a time stamp that openssl verified" in words
    other = Authority(folder.parent / "other")
    status, words = verify(folder, "--timestamp-ca", str(other.folder / "tsa.pem"))
    assert status == 1
    assert "FAILED  manifest.tsr: openssl refuses it: " in words
    (folder / "manifest.tsr").write_bytes(time_stamp(b"another", url=authority.url))
    assert verify(folder)[1].startswith("FAILED  manifest.tsr: is not a time stamp of manifest.sig\n")
    (folder / "manifest.tsr").write_bytes(b"0")
    assert "FAILED  manifest.tsr: not a usable time stamp: it is incomplete" in verify(folder)[1]
    (folder / "manifest.tsr").unlink()
    assert verify(folder)[0] == 0
    status, words = verify(folder, "--timestamp-ca", str(authority.folder / "tsa.pem"))
    assert (status, "FAILED  manifest.tsr: is missing" in words) == (1, True)


def test_each_cut_or_changed_byte_is_an_error_or_another_stamp(folder: Path) -> None:
    content = (folder / "manifest.tsr").read_bytes()
    for length in range(0, len(content), 7):
        with pytest.raises(ValueError, match="not a usable time stamp"):
            time_stamp_of(content[:length])
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0x80
        with suppress(ValueError):  # any other exception fails the test
            time_stamp_of(bytes(changed))


@pytest.mark.parametrize(
    ("status", "answer", "problem"),
    [
        (500, b"", "invalid answer: status 500"),
        (302, b"", "invalid answer: status 302"),
        (200, b"no", "not a usable time stamp: "),
        (200, b"0" * 100_000, "invalid answer: it is too long"),
        (200, bytes.fromhex("30053003020102"), "not a usable time stamp: the authority refused it"),
    ],
)
def test_failures_are_named(authority: Authority, status: int, answer: bytes, problem: str) -> None:
    authority.status, authority.answer = status, lambda _: answer
    with pytest.raises(TimeStampError, match=problem):
        time_stamp(b"x", url=authority.url)


def test_a_stamp_of_something_else_and_a_late_answer_are_refused(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = time_stamp(b"x", url=authority.url)
    authority.answer = lambda _: first  # a replay
    with pytest.raises(TimeStampError, match="is of something else"):
        time_stamp(b"x", url=authority.url)
    monkeypatch.setattr(time_stamps, "TIMEOUT_SECONDS", 0.2)
    authority.answer = lambda query: time.sleep(1) or query  # type: ignore[func-returns-value]
    with pytest.raises(TimeStampError, match="did not answer in time"):
        time_stamp(b"x", url=authority.url)
    with pytest.raises(TimeStampError, match="is unreachable: ConnectError"):
        time_stamp(b"x", url="http://127.0.0.1:9/")
