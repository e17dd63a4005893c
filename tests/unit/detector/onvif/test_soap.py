"""SOAP messages: authentication, faults, and answers that are none."""

import base64
from datetime import UTC, datetime

import pytest

from cctv.onvif.device_messages import MEDIA2, get_profiles, goto_preset, read_profiles, read_services, read_time
from cctv.onvif.dialects import translate
from cctv.onvif.inspection import at_host
from cctv.onvif.notifications import Notification, plain_topic, read_notifications, read_pull_point
from cctv.onvif.soap import NotSoapError, SoapFaultError, UsernameToken, envelope, read_body
from vigil_contracts.camera_events import CameraEventKind as Kind


def body(inside: str) -> bytes:
    return f'<x:Envelope xmlns:x="http://www.w3.org/2003/05/soap-envelope"><x:Body>{inside}</x:Body></x:Envelope>'.encode()


def test_password_digest_is_that_of_the_specification() -> None:
    """The example of the ONVIF Programmer's Guide, section 6.1.1.3."""
    nonce = base64.b64decode("LKqI6G/AikKCQrN0zqZFlg==")
    header = UsernameToken("user", "userpassword").header(datetime(2010, 9, 16, 7, 50, 45, tzinfo=UTC), nonce)
    assert ">tuOSpGlFlIXsozq4HFNeeGeFLEI=<" in header
    assert "<u:Created>2010-09-16T07:50:45Z</u:Created>" in header
    assert "userpassword" not in header


def test_values_are_escaped() -> None:
    sent = envelope(goto_preset("a<b", "1&2"), (UsernameToken("<x>", "p").header(datetime.now(UTC)),))
    assert b"a&lt;b" in sent
    assert b"1&amp;2" in sent
    assert b"&lt;x&gt;" in sent


@pytest.mark.parametrize(
    "content",
    [b"", b"<html></html>", b"\xff\xfe\x00", b'<!DOCTYPE e [<!ENTITY a "aa">]>' + body("&a;"), b"<Envelope/>"],
)
def test_other_answers_are_not_soap(content: bytes) -> None:
    with pytest.raises(NotSoapError):
        read_body(content)


def test_fault_names_its_codes() -> None:
    fault = (
        "<x:Fault><x:Code><x:Value>x:Sender</x:Value><x:Subcode><x:Value>ter:NotAuthorized</x:Value></x:Subcode>"
        "</x:Code><x:Reason><x:Text>the password is wrong</x:Text></x:Reason></x:Fault>"
    )
    with pytest.raises(SoapFaultError) as caught:
        read_body(body(fault))
    assert caught.value.codes == ("Sender", "NotAuthorized")
    assert caught.value.is_unauthorized
    assert "password" not in str(caught.value), "a device's text is never repeated"


def test_profiles_of_media_2_are_read() -> None:
    answer = body(
        '<GetProfilesResponse><Profiles token="p1"><Name>Main</Name><Configurations><VideoSource><SourceToken>v'
        "</SourceToken></VideoSource><VideoEncoder><Encoding>H265</Encoding><Resolution><Width>3840</Width>"
        "<Height>2160</Height></Resolution><RateControl><FrameRateLimit>12.5</FrameRateLimit></RateControl>"
        '</VideoEncoder><PTZ/></Configurations></Profiles><Profiles token="audio"/></GetProfilesResponse>'
    )
    (profile,) = read_profiles(read_body(answer))
    assert (profile.codec, profile.width, profile.height, profile.source, profile.has_ptz) == (
        *("hevc", 3840, 2160, "v", True),
    )
    assert "<Type>VideoEncoder</Type>" in get_profiles(MEDIA2)


def test_capabilities_of_old_devices_are_read() -> None:
    answer = body(
        "<GetCapabilitiesResponse><Capabilities><Media><XAddr>http://a/m</XAddr></Media><Events><XAddr>http://a/e"
        "</XAddr></Events></Capabilities></GetCapabilitiesResponse>"
    )
    assert [*read_services(read_body(answer)).values()] == ["http://a/m", "http://a/e"]


def test_time_without_utc_is_unknown() -> None:
    assert read_time(read_body(body("<R><SystemDateAndTime/></R>"))) is None


def test_pull_point_has_its_reference_parameters() -> None:
    answer = body(
        '<R><SubscriptionReference><Address>http://a/s</Address><ReferenceParameters><d:Id xmlns:d="urn:d">5</d:Id>'
        "</ReferenceParameters></SubscriptionReference></R>"
    )
    point = read_pull_point(read_body(answer))
    assert point.address == "http://a/s"
    assert len(point.reference_parameters) == 1
    assert ">5<" in point.reference_parameters[0]


def test_malformed_notifications_are_left_out() -> None:
    answer = body(
        "<R><NotificationMessage/><NotificationMessage><Topic>t:A</Topic><Message><Message UtcTime='soon' "
        "PropertyOperation='Renamed'/></Message></NotificationMessage></R>"
    )
    (only,) = read_notifications(read_body(answer))
    assert (only.topic, only.time, only.operation) == ("A", None, "Changed")
    assert translate(only) is None


def test_topics_lose_their_prefixes() -> None:
    assert plain_topic(" tns1:RuleEngine/tnsaxis:VMD3/x ") == "RuleEngine/VMD3/x"


@pytest.mark.parametrize(
    ("topic", "data", "kind", "is_active"),
    [
        ("RuleEngine/ObjectDetection/Object", (("ClassTypes", "Vehicle Human"),), Kind.VEHICLE, True),
        ("RuleEngine/TPSmartEventDetector/TPSmartEvent", (("IsPet", "true"),), Kind.ANIMAL, True),
        ("RuleEngine/TPSmartEventDetector/TPSmartEvent", (("IsPeople", "false"),), Kind.PERSON, False),
        ("RuleEngine/MyRuleDetector/DogCatDetect", (("State", "true"),), Kind.ANIMAL, True),
    ],
)
def test_objects_are_named_by_topic_or_data(
    topic: str, data: tuple[tuple[str, str], ...], kind: Kind, is_active: bool
) -> None:
    signal = translate(Notification(topic, None, None, (), (), data))
    assert signal is not None
    assert (signal.kind, signal.is_active) == (kind, is_active)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://root:pw@10.0.0.5:8554/live?x=1", "rtsp://gate.example:8554/live?x=1"),
        ("rtsp://10.0.0.5/live", "rtsp://gate.example/live"),
        ("rtsp://[fe80::1", ""),
        ("/live", ""),
    ],
)
def test_urls_get_the_address_that_was_entered(url: str, expected: str) -> None:
    assert at_host(url, "gate.example") == expected
