"""Forms as detectors write them are read without Django's parser, with the same result."""

import io
from typing import Any

import httpx
import pytest
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser
from hypothesis import given
from hypothesis import strategies as st

from surveillance.core.plain_form import PlainForm, plain_form

KIND = b"multipart/form-data; boundary=limit"
FIELD = b'--limit\r\nContent-Disposition: form-data; name="zone"\r\n\r\ngate\r\n'
FILE = (
    b'--limit\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\n\xff\xd8\r\n\r\n"
)
END = b"--limit--\r\n"


def by_django(body: bytes) -> PlainForm:
    meta = {"CONTENT_TYPE": KIND.decode(), "CONTENT_LENGTH": len(body)}
    handler: Any = MemoryFileUploadHandler()
    handler.handle_raw_input(None, meta, len(body), b"limit")
    data: Any
    files: Any
    data, files = MultiPartParser(meta, io.BytesIO(body), [handler], "utf-8").parse()
    return PlainForm(data.dict(), files["image"].read() if "image" in files else None)


@pytest.mark.parametrize("image", [None, b"", b"\xff\xd8\r\n--other\r\n\r\n", bytes(range(256)) * 300])
def test_form_of_the_detectors_client_is_read_like_by_django(image: bytes | None) -> None:
    fields = {"event_id": "event-0001", "description": "Grüße 🚪\r\n", "label": "", "box": '{"x_min": 0.1}'}
    files: Any = [(name, (None, text)) for name, text in fields.items()]
    files += [("image", ("snapshot.jpg", image, "image/jpeg"))] if image is not None else []
    request = httpx.Request("POST", "http://testserver/", files=files, headers={"content-type": KIND.decode()})
    found = plain_form(KIND, request.read(), file="image")
    assert found == PlainForm(fields, image) == by_django(request.read())


@given(
    st.lists(st.sampled_from([b"\r\n", b"\n", b"-", b"--", b"limit", b"--limit", b"a", b"\xff", FIELD, FILE, END]))
)
def test_whatever_is_read_is_read_like_by_django(pieces: list[bytes]) -> None:
    for body in (FIELD + b"".join(pieces) + END, FIELD[:-6] + b"".join(pieces) + b"\r\n" + FILE + END):
        found = plain_form(KIND, body, file="image")
        assert found is None or found == by_django(body)


STRANGE = {
    "no end": FIELD,
    "text before": b"text" + FIELD + END,
    "text after": FIELD + END + b"text",
    "no parts": END,
    "nothing": b"",
    "repeated field": FIELD + FIELD + END,
    "two files": FILE + FILE + END,
    "another file": FILE.replace(b'"image"', b'"clip"') + END,
    "a boundary in the text": FIELD.replace(b"gate", b"--limit") + END,
    "no valid UTF-8": FIELD.replace(b"gate", b"\xff") + END,
    "a long field": FIELD.replace(b"gate", b"x" * 70_000) + END,
    "an encoding": FIELD.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1) + END,
    "a quoted name": FIELD.replace(b'"zone"', b'"zo\\"ne"') + END,
    "a path": FILE.replace(b'"a.jpg"', b'"../a.jpg"') + END,
    "no file name": FILE.replace(b'"a.jpg"', b'""') + END,
    "too many fields": b"".join(FIELD.replace(b"zone", b"z" * number) for number in range(1, 65)) + END,
}


@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE)
def test_other_forms_are_left_to_django(body: bytes) -> None:
    assert plain_form(KIND, body, file="image") is None


@pytest.mark.parametrize(
    "kind", [b"", b"multipart/form-data", b"text/plain; boundary=limit", KIND + b"; charset=latin1"]
)
def test_other_content_types_are_left_to_django(kind: bytes) -> None:
    assert plain_form(kind, FIELD + END, file="image") is None
    assert plain_form(KIND, FIELD + END, file="image") == PlainForm({"zone": "gate"}, None)
