"""Find the RTSP source of a camera behind go2rtc's streams, and write stream URLs as Vigil reads them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from vigil_transfer.frigate.sections import as_list
from vigil_transfer.report import Ledger, Path

RESTREAM_PORT = 8554
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1", "0.0.0.0"})  # noqa: S104 not an address to listen on
_USER_AND_PASSWORD = re.compile(r"(?P<before>://[A-Za-z0-9_-]+:)(?P<password>\S+)(?=@)")
_VARIABLE = re.compile(r"\{(FRIGATE_[A-Za-z0-9_]+)\}")


class UnusableSourceError(Exception):
    """Vigil cannot read the source; the message says why and contains no part of it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A stream of the camera itself. `note`: what is different from Frigate."""

    url: str
    note: str = ""


def missing_variable(url: str) -> str | None:
    """Return the name of a `{FRIGATE_…}` variable that has no value."""
    found = _VARIABLE.search(url)
    return found[1] if found else None


def input_url(path: str) -> str:
    """Return the URL of `ffmpeg.inputs[].path`: Frigate takes the password as it is and encodes it itself."""
    return _USER_AND_PASSWORD.sub(lambda found: found["before"] + quote(found["password"], safe=""), path, count=1)


def restream_name(url: str, streams: Mapping[str, Any]) -> str | None:
    """Return the go2rtc stream that a URL of this machine names; None for a camera's own URL."""
    try:
        parts = urlsplit(url)
        is_restream = parts.port == RESTREAM_PORT and (parts.hostname or "") in _LOCAL
    except ValueError:
        return None
    name = parts.path.strip("/")
    return name if is_restream or (parts.port == RESTREAM_PORT and name in streams) else None


class Restreams:
    """The streams of `go2rtc.streams`."""

    def __init__(self, streams: Mapping[str, Any], ledger: Ledger) -> None:
        self._streams = streams
        self._ledger = ledger

    def resolve(self, url: str) -> Source:
        """Return the camera's own stream. Raises UnusableSourceError."""
        name = restream_name(url, self._streams)
        if name is None:
            return _usable(url)
        found = self._of_stream(name, ())
        return Source(found.url, _joined("read from the camera instead of go2rtc", found.note))

    def _of_stream(self, name: str, before: tuple[str, ...]) -> Source:
        if name in before:
            raise UnusableSourceError("its go2rtc stream refers to itself")
        if name not in self._streams:
            raise UnusableSourceError(f"go2rtc.streams has no stream {name}")
        listed = [str(text) for text in as_list(self._streams[name])]
        path: Path = ("go2rtc", "streams", name)
        try:
            used = self._first_usable(listed, (*before, name))
        except UnusableSourceError as error:
            self._ledger.not_taken(path, str(error))
            raise UnusableSourceError(f"go2rtc stream {name}: {error}") from None
        if note := _joined(used.note, "its other sources are not needed" if len(listed) > 1 else ""):
            self._ledger.changed(path, "rtsp_url", note)
        else:
            self._ledger.taken(path, "rtsp_url")
        return used

    def _first_usable(self, listed: list[str], before: tuple[str, ...]) -> Source:
        """Return the first source that Vigil can read; one without ffmpeg is the camera's own stream."""
        problems: list[str] = []
        for text in sorted(listed, key=lambda text: text.startswith("ffmpeg:")):
            try:
                return self._source(text, before)
            except UnusableSourceError as error:
                problems.append(str(error))
        raise UnusableSourceError(_joined(*problems) or "has no source")

    def _source(self, text: str, before: tuple[str, ...]) -> Source:
        """Return the stream of one source; options after `#` are for go2rtc."""
        bare = text.partition("#")[0]
        note = ""
        if bare.startswith("ffmpeg:"):
            bare = bare.removeprefix("ffmpeg:")
            note = "without ffmpeg's transcoding"
            if "://" not in bare:
                return self._of_stream(bare, before)
        if (name := restream_name(bare, self._streams)) is not None:
            return self._of_stream(name, before)
        found = _usable(bare)
        return Source(found.url, _joined(found.note, note))


def _joined(*texts: str) -> str:
    """Return the different texts that are not empty, separated by semicolons."""
    return "; ".join(dict.fromkeys(text for text in texts if text))


def _usable(url: str) -> Source:
    scheme, colon, _ = url.lower().partition(":")
    if scheme in ("rtsp", "rtsps"):
        return Source(url)
    if scheme == "rtspx":
        return Source("rtsps" + url[len(scheme) :], "rtspx:// is rtsps://, whose certificate Vigil verifies")
    is_type = bool(colon) and re.fullmatch("[a-z0-9]{1,12}", scheme) is not None
    kind = f"a source of type {scheme}" if is_type else "this source"
    raise UnusableSourceError(f"Vigil reads RTSP; it cannot read {kind}")
