"""Read forms as detectors write them; Django reads all others.

Django's parser of multipart forms takes a third of the time of storing an alert. It supports nested transfer
encodings, folded headers and streams. A detector sends a few short fields and one file, in a body that is in memory.
"""

import re
from dataclasses import dataclass

_BOUNDARY = re.compile(rb"multipart/form-data; ?boundary=([A-Za-z0-9'_.+-]{1,70})")
_FIELD = re.compile(rb'^\r\nContent-Disposition: form-data; name="([a-z_]{1,64})"\r\n\r\n')
_FILE = re.compile(
    rb'^\r\nContent-Disposition: form-data; name="([a-z_]{1,64})"; filename="[A-Za-z0-9_-]+(?:\.[A-Za-z0-9]+)?"\r\n'
    rb"(?:Content-Type: [a-z]+/[a-z0-9.+-]+\r\n)?\r\n"
)
_END, _LAST = b"\r\n", b"--\r\n"
_MOST_PARTS, _LONGEST_FIELD = 64, 1 << 16


@dataclass(frozen=True, slots=True)
class PlainForm:
    """The fields of a form and its file, if there is one."""

    fields: dict[str, str]
    file: bytes | None


def plain_form(content_type: bytes, body: bytes, *, file: str) -> PlainForm | None:
    """Return the fields and the file named `file` (RFC 7578).

    None if the form is any different, so that another parser has to read it or to find the mistake: another file,
    a name that repeats, headers or characters that detectors do not send.
    """
    kind = _BOUNDARY.fullmatch(content_type)
    if kind is None:
        return None
    before, *parts = body.split(b"--" + kind[1], _MOST_PARTS)
    if before or len(parts) < 2 or parts.pop() != _LAST:
        return None
    fields, files = dict[str, str](), list[bytes]()
    for part in parts:
        if not part.endswith(_END):
            return None
        if found := _FIELD.match(part):
            name, content = found[1].decode(), part[found.end() : -2]
            if name in fields or len(content) > _LONGEST_FIELD:
                return None
            try:
                fields[name] = content.decode()
            except UnicodeDecodeError:
                return None
        elif (found := _FILE.match(part)) and found[1].decode() == file and not files:
            files.append(part[found.end() : -2])
        else:
            return None
    return PlainForm(fields, files[0] if files else None)
