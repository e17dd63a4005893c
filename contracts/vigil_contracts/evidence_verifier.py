#!/usr/bin/env python3
"""Verify a folder of exported recordings: `python3 verify.py FOLDER`. Needs Python 3.9 or newer and nothing else.

Each export contains a copy of this file, so that a machine without Vigil can verify it. A copy that came with the
evidence proves nothing by itself: take this file from Vigil's source, or use openssl and sha256sum as described in
`docs/evidence.md`, and get the public key, or its id, from the operator of the system and not from the folder.
"""

from __future__ import annotations  # for Python 3.9

import argparse
import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

MANIFEST, SIGNATURE, PUBLIC_KEY, TIME_STAMP = "manifest.json", "manifest.sig", "public-key.pem", "manifest.tsr"
NOT_LISTED = {MANIFEST, SIGNATURE, PUBLIC_KEY, TIME_STAMP}
"""The files that the manifest cannot contain a sum of."""
_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""Of an Ed25519 public key in DER (RFC 8410)."""


_HASHES = {"2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512"}
_OPENSSL_SECONDS = 60


class _UnusableError(ValueError):
    """What a time stamp lacks."""


class TimeStamp(NamedTuple):
    """What a time stamp says (RFC 3161, section 2.4.2). Its signature is not checked."""

    hash_name: str
    digest: bytes
    time: str
    nonce: int | None


def key_id(public_key: bytes) -> str:
    """Return the id of a public key of 32 bytes: the beginning of the SHA-256 sum of its DER form."""
    return hashlib.sha256(_SPKI_PREFIX + public_key).hexdigest()[:16]


def public_key_of(pem: bytes) -> bytes:
    """Return the 32 bytes of an Ed25519 public key in PEM. Raises ValueError."""
    lines = [line.strip() for line in pem.decode("ascii").splitlines()]
    der = base64.b64decode("".join(line for line in lines if line and not line.startswith("-----")), validate=True)
    if len(der) != 44 or not der.startswith(_SPKI_PREFIX):
        raise ValueError("it is not an Ed25519 public key in PEM")
    return der[12:]


def problems_of(folder: Path, public_key: bytes) -> list[str]:
    """Return what differs from what was signed, each with the file's name; empty if nothing does."""
    try:
        manifest, signature = (folder / MANIFEST).read_bytes(), (folder / SIGNATURE).read_bytes()
    except OSError as error:
        return [f"{Path(error.filename).name}: cannot be read: {error.strerror}"]
    if not is_signed(manifest, signature, public_key):
        return [f"{MANIFEST}: the signature is not by this key, or the file was changed after it was signed"]
    sums = {str(one["name"]): str(one["sha256"]) for one in json.loads(manifest)["files"]}
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    problems = [f"{name}: is missing" for name in sorted(sums.keys() - found.keys())]
    problems += [
        f"{name}: was added, it is not in the manifest" for name in sorted(found.keys() - sums.keys() - NOT_LISTED)
    ]
    for name in sorted(sums.keys() & found.keys()):
        try:
            if sha256_of(found[name]) != sums[name]:
                problems.append(f"{name}: was changed, its SHA-256 sum differs")
        except OSError as error:
            problems.append(f"{name}: cannot be read: {error.strerror}")
    return problems


def time_stamp_of(response: bytes) -> TimeStamp:
    """Return the time stamp in an authority's response (TimeStampResp in DER). Raises ValueError."""
    try:
        answer = _parts(_only(response, 0x30))
        if _integer(_parts(answer[0][1])[0][1]) > 1:
            raise _UnusableError("the authority refused it")
        signed = _parts(_only(_parts(answer[1][1])[1][1], 0x30))
        content = _parts(signed[2][1])
        info = _parts(_only(_only(content[1][1], 0x04), 0x30))
        algorithm, digest = _parts(info[2][1])
        name = _HASHES.get(_oid(_parts(algorithm[1])[0][1]), "")
        if not name:
            raise _UnusableError("its hash algorithm is not SHA-256, SHA-384 or SHA-512")
        found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?Z", info[4][1].decode("ascii"))
        if info[4][0] != 0x18 or found is None:
            raise _UnusableError("it has no time")
        nonces = [_integer(value) for tag, value in info[5:] if tag == 0x02]
    except (IndexError, ValueError) as error:
        reason = str(error) if isinstance(error, _UnusableError) else "it is incomplete"
        raise ValueError(f"not a usable time stamp: {reason}") from None
    year, month, day, hour, minute, second, fraction = found.groups()
    time = f"{year}-{month}-{day}T{hour}:{minute}:{second}{fraction or ''}Z"
    return TimeStamp(name, digest[1], time, nonces[0] if nonces else None)


def _parts(content: bytes) -> list[tuple[int, bytes]]:
    """Return tag and content of each element in DER (X.690)."""
    found, at = [], 0
    while at < len(content):
        tag, length, at = content[at], content[at + 1], at + 2
        if length > 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(content[at : at + size], "big"), at + size
        elif length == 0x80:
            raise _UnusableError("it is not in DER")
        if at + length > len(content):
            raise _UnusableError("it is cut off")
        found.append((tag, content[at : at + length]))
        at += length
    return found


def _only(content: bytes, tag: int) -> bytes:
    found = _parts(content)
    if len(found) != 1 or found[0][0] != tag:
        raise _UnusableError("it has another structure")
    return found[0][1]


def _integer(content: bytes) -> int:
    return int.from_bytes(content, "big", signed=True)


def _oid(content: bytes) -> str:
    numbers, value = [content[0] // 40, content[0] % 40], 0
    if content[0] >= 80:
        numbers = [2, content[0] - 80]
    for byte in content[1:]:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(value)
            value = 0
    return ".".join(map(str, numbers))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 sum of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


# Ed25519 (RFC 8032, section 5.1): points in extended coordinates (X, Y, Z, T) on -x² + y² = 1 + d x² y².
_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]


def is_signed(message: bytes, signature: bytes, public_key: bytes) -> bool:
    """Return whether the Ed25519 signature of the message is by this key."""
    if len(signature) != 64:
        return False
    r, a = _decompressed(signature[:32]), _decompressed(public_key)
    s = int.from_bytes(signature[32:], "little")
    if r is None or a is None or s >= _L:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    expected = _sum(r, _times(int.from_bytes(digest, "little") % _L, a))
    return _is_same(_times(s, _BASE), expected)


def _sum(one: _Point, other: _Point) -> _Point:
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % _P, (one[1] + one[0]) * (other[1] + other[0]) % _P
    c, d = 2 * one[3] * other[3] * _D % _P, 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(factor: int, point: _Point) -> _Point:
    product = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            product = _sum(product, point)
        point = _sum(point, point)
        factor >>= 1
    return product


def _is_same(one: _Point, other: _Point) -> bool:
    is_x_same = (one[0] * other[2] - other[0] * one[2]) % _P == 0
    return is_x_same and (one[1] * other[2] - other[1] * one[2]) % _P == 0


def _decompressed(encoded: bytes) -> _Point | None:
    if len(encoded) != 32:
        return None
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = _P - x if (x & 1) != sign else x
    return (x, y, 1, x * y % _P)


_BASE_Y = 4 * pow(5, -1, _P) % _P
_base = _decompressed(_BASE_Y.to_bytes(32, "little"))
assert _base is not None
_BASE: _Point = _base


def main(arguments: list[str] | None = None) -> int:
    """Return exit status 0 if the folder is unchanged, 1 if it is not, 2 if it cannot be checked."""
    parser = argparse.ArgumentParser(description="Verify exported recordings. Works offline.")
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments to a parser."""
    parser.add_argument("folder", type=Path, help="the folder with manifest.json")
    parser.add_argument("--public-key", type=Path, help="PEM file from the operator of the system")
    parser.add_argument(
        "--key-id", help="instead of --public-key: the id of the key, from the operator of the system"
    )
    parser.add_argument(
        "--timestamp-ca", type=Path, help="PEM file with the authority's certificates: checks manifest.tsr by openssl"
    )


def run(arguments: argparse.Namespace) -> int:
    """Verify the folder and print the result; return the exit status of `main`."""
    path = arguments.public_key or arguments.folder / PUBLIC_KEY
    try:
        public_key = public_key_of(path.read_bytes())
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{path}: not a usable key: {error}\n")
        return 2
    if arguments.key_id and arguments.key_id != key_id(public_key):
        sys.stdout.write(f"FAILED  {path.name}: its id is {key_id(public_key)}, not {arguments.key_id}\n")
        return 1
    problems = problems_of(arguments.folder, public_key)
    if arguments.timestamp_ca and not shutil.which("openssl"):
        sys.stderr.write("--timestamp-ca needs openssl, which is not installed\n")
        return 2
    stamp, problem_of_stamp = _checked_time_stamp(arguments.folder, arguments.timestamp_ca)
    problems += [problem_of_stamp] if problem_of_stamp else []
    for problem in problems:
        sys.stdout.write(f"FAILED  {problem}\n")
    if problems:
        return 1
    sys.stdout.write(f"OK      unchanged since it was signed with the key {key_id(public_key)}\n")
    if stamp:
        sys.stdout.write(f"TIME    {stamp}\n")
    if not arguments.public_key and not arguments.key_id:
        sys.stdout.write("WARNING the key came with the folder: compare its id with that of the system's operator\n")
    return 0


def _checked_time_stamp(folder: Path, authority: Path | None) -> tuple[str, str]:
    """Return what the time stamp of the folder proves, and what is wrong with it; empty without one."""
    path = folder / TIME_STAMP
    if not path.is_file():
        return "", f"{TIME_STAMP}: is missing" if authority else ""
    try:
        stamp, signature = time_stamp_of(path.read_bytes()), (folder / SIGNATURE).read_bytes()
    except (OSError, ValueError) as error:
        return "", f"{TIME_STAMP}: {error}"
    if hashlib.new(stamp.hash_name, signature).digest() != stamp.digest:
        return "", f"{TIME_STAMP}: is not a time stamp of {SIGNATURE}"
    if authority is None:
        return f"signed before {stamp.time} if the authority is genuine: check it with --timestamp-ca", ""
    command = [
        "openssl",
        "ts",
        "-verify",
        "-data",
        str(folder / SIGNATURE),
        "-in",
        str(path),
        "-CAfile",
        str(authority),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_OPENSSL_SECONDS)
    if done.returncode:
        return (
            "",
            f"{TIME_STAMP}: openssl refuses it: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}",
        )
    return f"signed before {stamp.time}, by a time stamp that openssl verified", ""


if __name__ == "__main__":
    sys.exit(main())
