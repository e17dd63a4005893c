"""SOAP 1.2 messages of ONVIF devices (ONVIF Core Specification, sections 5.2 and 5.9). No input or output.

Devices choose their own namespace prefixes, so answers are read by local names.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree
from xml.sax.saxutils import escape

Element = ElementTree.Element

MAX_ANSWER_BYTES = 2 * 1024 * 1024
"""A recorder with 64 channels describes its profiles in less than 1 MB."""

_UTILITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_PASSWORD_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"  # noqa: S105 # nosec B105 a type, no password
_BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>'
)


class NotSoapError(ValueError):
    """The answer is not a SOAP envelope: another kind of server listens there."""


class SoapFaultError(Exception):
    """The device answered with a fault. `codes` are the local names of its codes, such as `NotAuthorized`."""

    def __init__(self, codes: tuple[str, ...]) -> None:
        super().__init__("/".join(codes) or "fault")
        self.codes = codes

    @property
    def is_unauthorized(self) -> bool:
        """Return whether the device rejects the user name, the password or the time of the request."""
        return bool({"NotAuthorized", "FailedAuthentication", "InvalidSecurity", "FailedCheck"} & {*self.codes})


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """A user's name and password for WS-Security."""

    username: str
    password: str

    def header(self, created: datetime, nonce: bytes | None = None) -> str:
        """Return the header with a password digest (WS-Security UsernameToken Profile 1.0, section 3.1).

        `created` is in the device's time: most devices reject a request that is more than a few seconds off.
        """
        nonce = nonce or secrets.token_bytes(16)
        at = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        digest = hashlib.sha1(nonce + at.encode() + self.password.encode(), usedforsecurity=False).digest()
        return (
            f'<w:Security xmlns:w="{_SECURITY}" xmlns:u="{_UTILITY}" s:mustUnderstand="1"><w:UsernameToken>'
            f"<w:Username>{escape(self.username)}</w:Username>"
            f'<w:Password Type="{_PASSWORD_DIGEST}">{base64.b64encode(digest).decode()}</w:Password>'
            f'<w:Nonce EncodingType="{_BASE64}">{base64.b64encode(nonce).decode()}</w:Nonce>'
            f"<u:Created>{at}</u:Created></w:UsernameToken></w:Security>"
        )


def envelope(body: str, headers: tuple[str, ...] = ()) -> bytes:
    """Return the message; `body` and `headers` are XML whose values are escaped already."""
    return _ENVELOPE.format(header="".join(headers), body=body).encode()


def addressing(action: str, to: str) -> str:
    """Return the WS-Addressing headers that subscription managers require."""
    return f'<a:Action s:mustUnderstand="1">{escape(action)}</a:Action><a:To s:mustUnderstand="1">{escape(to)}</a:To>'


def read_body(content: bytes) -> Element:
    """Return the element inside the body. Raises NotSoapError or SoapFaultError."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:  # forbidden by SOAP; entities could exhaust the memory
        raise NotSoapError("a document type is not allowed in SOAP")
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 # nosec B314 no document type, and of bounded size
    except (ElementTree.ParseError, ValueError, LookupError):
        raise NotSoapError("the answer is not XML") from None
    body = child(root, "Body")
    if local_name(root) != "Envelope" or body is None:
        raise NotSoapError("the answer is not a SOAP envelope")
    inside = next(iter(body), None)
    if inside is None:
        return body
    if local_name(inside) == "Fault":
        raise SoapFaultError(tuple(_codes(inside)))
    return inside


def _codes(fault: Element) -> Iterator[str]:
    for element in fault.iter():
        if local_name(element) in {"Value", "faultcode"} and element.text:
            yield element.text.strip().rpartition(":")[2][:100]


def local_name(element: Element) -> str:
    """Return the element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def child(element: Element | None, *path: str) -> Element | None:
    """Return the first descendant along a path of local names."""
    for name in path:
        if element is None:
            return None
        element = next((one for one in element if local_name(one) == name), None)
    return element


def children(element: Element | None, name: str) -> list[Element]:
    """Return the direct children with this local name."""
    return [one for one in element if local_name(one) == name] if element is not None else []


def text(element: Element | None, *path: str) -> str:
    """Return the stripped text along a path of local names; empty if there is none."""
    found = child(element, *path)
    return ((found.text or "") if found is not None else "").strip()
