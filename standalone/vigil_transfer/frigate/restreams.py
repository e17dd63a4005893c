"""Find the RTSP source of a camera behind go2rtc's streams, and write stream URLs as Vigil reads them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from vigil_transfer.report import Ledger, Path

RESTREAM_PORT = 8554
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1", "0.0.0.0"})  # noqa: S104 not an address to listen on
_USER_AND_PASSWORD = re.compile(r"(?P<before>://[A-Za-z0-9_-]+:)(?P<password>\S+)(?=@)")
_VARIABLE = re.compile(r"\{(FRIGATE_[A-Za-z0-9_]+)\}")
NOT_NEEDED = "not needed: Vigil reads an earlier source of this stream"


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
        return Source(
            found.url, "; ".join(dict.fromkeys(("read from the camera instead of go2rtc", found.note))).strip("; ")
        )

    def _of_stream(self, name: str, before: tuple[str, ...]) -> Source:
        if name in before:
            raise UnusableSourceError("its go2rtc stream refers to itself")
        if name not in self._streams:
            raise UnusableSourceError(f"go2rtc.streams has no stream {name}")
        sources = self._streams[name]
        listed = sources if isinstance(sources, list) else [sources]
        path: Path = ("go2rtc", "streams", name)
        used: Source | None = None
        notes: list[str] = []
        for is_transcoded in (False, True):  # a source without ffmpeg is the camera's own stream
            for text in listed:
                if used is None and str(text).startswith("ffmpeg:") is is_transcoded:
                    try:
                        used = self._source(str(text), (*before, name))
                    except UnusableSourceError as error:
                        notes.append(str(error))
        if used is None:
            self._ledger.not_taken(path, "; ".join(dict.fromkeys(notes)) or "has no source")
            raise UnusableSourceError(f"go2rtc stream {name}: {'; '.join(dict.fromkeys(notes)) or 'has no source'}")
        more = ["its other sources are not needed"] if len(listed) > 1 else []
        texts = [text for text in (used.note, *more) if text]
        if texts:
            self._ledger.changed(path, "rtsp_url", "; ".join(texts))
        else:
            self._ledger.taken(path, "rtsp_url")
        return used

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
        return Source(found.url, "; ".join(part for part in (found.note, note) if part))


def _usable(url: str) -> Source:
    scheme = url.partition("://")[0].lower() if "://" in url else url.partition(":")[0].lower()
    if scheme in ("rtsp", "rtsps"):
        return Source(url)
    if scheme == "rtspx":
        return Source("rtsps" + url[len(scheme) :], "rtspx:// is rtsps://, whose certificate Vigil verifies")
    shown = scheme if re.fullmatch("[a-z0-9]{1,12}", scheme) else "this"
    raise UnusableSourceError(f"Vigil reads RTSP; it cannot read a source of type {shown}")
