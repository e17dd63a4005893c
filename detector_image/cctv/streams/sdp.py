"""The audio of a camera's session description (SDP, RFC 8866): which track is asked for. Pure.

Cameras list audio that no client can use: the track for speaking through the camera (ONVIF's back channel), tracks
that are switched off, and codecs that cannot be stored. Asking for such a track may make a camera refuse the session.
"""

import re
from dataclasses import dataclass

_STATIC = {"0": "PCMU", "8": "PCMA", "9": "G722"}
"""Payload types that need no rtpmap (RFC 3551, section 6)."""
_KEPT_ENCODINGS = re.compile(r"PCMU|PCMA|MPEG4-GENERIC|MP4A-LATM|OPUS|L16|G722|(AAL2-)?G726-\d+", re.IGNORECASE)
"""What `cctv.clips.audio` can store."""


@dataclass(frozen=True, slots=True)
class AudioOffer:
    """What a camera offers: a description with at most one audio track, and the properties of that track."""

    body: bytes
    control: str = ""
    """The track's control attribute; empty where there is none."""
    problem: str = ""
    """Why no track was chosen."""


def choose_audio(body: bytes) -> AudioOffer:
    """Return the description with the first audio track that can be stored, and without all others."""
    session, *media = re.split(rb"(?m)^(?=m=)", body)
    audio = [number for number, section in enumerate(media) if section.startswith(b"m=audio")]
    usable = [number for number in audio if _is_usable(media[number])]
    # In plain SDP the camera's own audio may be "sendonly"; with ONVIF that is the back channel.
    chosen = min(usable, key=lambda number: _has(media[number], "sendonly"), default=None)
    kept = b"".join(section for number, section in enumerate(media) if number not in audio or number == chosen)
    if chosen is not None:
        return AudioOffer(session + kept, control=_attribute(media[chosen], "control"))
    return AudioOffer(session + kept, problem=_problem([_encoding(media[number]) for number in audio]))


def is_setup_of(uri: str, control: str) -> bool:
    """Return whether a SETUP request is for the track with this control attribute (RFC 2326, appendix C.1.1)."""
    return bool(control) and (uri == control or uri.endswith("/" + control))


def interleaved_channel(transport: str) -> int | None:
    """Return the channel of the media in a Transport header; None where it is not interleaved."""
    found = re.search(r"interleaved=(\d{1,3})", transport, re.IGNORECASE)
    return int(found[1]) if found else None


def _is_usable(section: bytes) -> bool:
    return _KEPT_ENCODINGS.fullmatch(_encoding(section)) is not None and not _has(section, "inactive")


def _problem(encodings: list[str]) -> str:
    if not encodings:
        return "the camera offers no audio; switch its microphone on, or use a stream with audio"
    names = ", ".join(encodings)
    return f"the camera's audio ({names}) cannot be stored; set its audio codec to AAC or G.711"


def _encoding(section: bytes) -> str:
    first, *lines = section.decode("utf-8", "replace").splitlines()
    words = first.split()
    payload_type = words[3] if len(words) > 3 else ""
    for line in lines:
        if line.startswith(f"a=rtpmap:{payload_type} "):
            name = line.partition(" ")[2].partition("/")[0].strip()[:32]
            return "".join(letter for letter in name if letter.isalnum() or letter in "-_.+")
    return _STATIC.get(payload_type, f"payload type {payload_type[:3]}")


def _attribute(section: bytes, name: str) -> str:
    for line in section.decode("utf-8", "replace").splitlines():
        if line.startswith(f"a={name}:"):
            return line.partition(":")[2].strip()
    return ""


def _has(section: bytes, attribute: str) -> bool:
    return re.search(rf"(?m)^a={attribute}\s*$".encode(), section) is not None
