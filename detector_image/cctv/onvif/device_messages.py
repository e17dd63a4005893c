"""Requests to a device's services and their answers (ONVIF Core, Media 1 and 2, PTZ). No input or output."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

from cctv.onvif.soap import Element, child, children, local_name, text
from vigil_contracts.device import MAX_PRESETS, MAX_PROFILES, MAX_RELAYS, Preset, Relay

DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
EVENTS = "http://www.onvif.org/ver10/events/wsdl"
PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"
_NOTIFICATION = "http://docs.oasis-open.org/wsn/b-2"
_SUBSCRIPTIONS = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager"

PULL_ACTION = f"{EVENTS}/PullPointSubscription/PullMessagesRequest"
CREATE_PULL_POINT_ACTION = f"{EVENTS}/EventPortType/CreatePullPointSubscriptionRequest"
RENEW_ACTION = f"{_SUBSCRIPTIONS}/RenewRequest"
UNSUBSCRIBE_ACTION = f"{_SUBSCRIPTIONS}/UnsubscribeRequest"

GET_TIME = f'<GetSystemDateAndTime xmlns="{DEVICE}"/>'
GET_INFORMATION = f'<GetDeviceInformation xmlns="{DEVICE}"/>'
GET_SERVICES = f'<GetServices xmlns="{DEVICE}"><IncludeCapability>false</IncludeCapability></GetServices>'
GET_CAPABILITIES = f'<GetCapabilities xmlns="{DEVICE}"><Category>All</Category></GetCapabilities>'
GET_RELAYS = f'<GetRelayOutputs xmlns="{DEVICE}"/>'
UNSUBSCRIBE = f'<Unsubscribe xmlns="{_NOTIFICATION}"/>'

_NAMESPACE_OF_CAPABILITY = {"Media": MEDIA, "Events": EVENTS, "PTZ": PTZ}


@dataclass(frozen=True, slots=True)
class MediaProfile:
    """One combination of a video source and an encoder."""

    token: str
    name: str
    source: str
    codec: str
    """libav's name, such as `h264`; lower case if unknown."""
    width: int
    height: int
    frames_per_second: float
    has_ptz: bool


def get_profiles(service: str) -> str:
    """Return the request for all profiles; Media 2 returns only the requested configurations."""
    kinds = "<Type>VideoSource</Type><Type>VideoEncoder</Type><Type>PTZ</Type>" if service == MEDIA2 else ""
    return f'<GetProfiles xmlns="{service}">{kinds}</GetProfiles>'


def get_stream_uri(service: str, profile: str) -> str:
    """Return the request for a profile's RTSP URL."""
    token = f"<ProfileToken>{escape(profile)}</ProfileToken>"
    if service == MEDIA2:
        return f'<GetStreamUri xmlns="{service}"><Protocol>RTSP</Protocol>{token}</GetStreamUri>'
    setup = (
        f'<StreamSetup><Stream xmlns="{_SCHEMA}">RTP-Unicast</Stream>'
        f'<Transport xmlns="{_SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
    )
    return f'<GetStreamUri xmlns="{service}">{setup}{token}</GetStreamUri>'


def get_snapshot_uri(service: str, profile: str) -> str:
    """Return the request for the URL of a profile's JPEG."""
    return f'<GetSnapshotUri xmlns="{service}"><ProfileToken>{escape(profile)}</ProfileToken></GetSnapshotUri>'


def create_pull_point(seconds: int) -> str:
    """Return the request for a subscription to all events."""
    return (
        f'<CreatePullPointSubscription xmlns="{EVENTS}"><InitialTerminationTime>PT{seconds}S'
        "</InitialTerminationTime></CreatePullPointSubscription>"
    )


def pull_messages(seconds: int) -> str:
    """Return the request for the next messages, for which the device waits up to `seconds`."""
    limits = f"<Timeout>PT{seconds}S</Timeout><MessageLimit>100</MessageLimit>"
    return f'<PullMessages xmlns="{EVENTS}">{limits}</PullMessages>'


def renew(seconds: int) -> str:
    """Return the request that prolongs a subscription."""
    return f'<Renew xmlns="{_NOTIFICATION}"><TerminationTime>PT{seconds}S</TerminationTime></Renew>'


def continuous_move(profile: str, pan: float, tilt: float, zoom: float, seconds: float) -> str:
    """Return the request to move at these speeds (-1 to 1); the device stops by itself after `seconds`."""
    return (
        f'<ContinuousMove xmlns="{PTZ}"><ProfileToken>{escape(profile)}</ProfileToken><Velocity>'
        f'<PanTilt xmlns="{_SCHEMA}" x={quoteattr(f"{pan:.3f}")} y={quoteattr(f"{tilt:.3f}")}/>'
        f'<Zoom xmlns="{_SCHEMA}" x={quoteattr(f"{zoom:.3f}")}/></Velocity>'
        f"<Timeout>PT{seconds:.1f}S</Timeout></ContinuousMove>"
    )


def stop(profile: str) -> str:
    """Return the request to stop all movements."""
    return (
        f'<Stop xmlns="{PTZ}"><ProfileToken>{escape(profile)}</ProfileToken><PanTilt>true</PanTilt>'
        "<Zoom>true</Zoom></Stop>"
    )


def get_presets(profile: str) -> str:
    """Return the request for a profile's presets."""
    return f'<GetPresets xmlns="{PTZ}"><ProfileToken>{escape(profile)}</ProfileToken></GetPresets>'


def goto_preset(profile: str, preset: str) -> str:
    """Return the request to move to a preset."""
    return (
        f'<GotoPreset xmlns="{PTZ}"><ProfileToken>{escape(profile)}</ProfileToken>'
        f"<PresetToken>{escape(preset)}</PresetToken></GotoPreset>"
    )


def set_relay(token: str, *, is_on: bool) -> str:
    """Return the request to switch a relay output."""
    state = "active" if is_on else "inactive"
    return (
        f'<SetRelayOutputState xmlns="{DEVICE}"><RelayOutputToken>{escape(token)}</RelayOutputToken>'
        f"<LogicalState>{state}</LogicalState></SetRelayOutputState>"
    )


def read_time(response: Element) -> datetime | None:
    """Return the device's time; None if it does not tell it in UTC."""
    utc = child(response, "SystemDateAndTime", "UTCDateTime")
    date, time = child(utc, "Date"), child(utc, "Time")
    try:
        year, month, day = (int(text(date, name)) for name in ("Year", "Month", "Day"))
        hour, minute, second = (int(text(time, name)) for name in ("Hour", "Minute", "Second"))
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None


def read_services(response: Element) -> dict[str, str]:
    """Return the address of each service by its namespace, from `GetServices` or `GetCapabilities`."""
    services = {text(one, "Namespace"): text(one, "XAddr") for one in children(response, "Service")}
    capabilities = child(response, "Capabilities")
    for name, namespace in _NAMESPACE_OF_CAPABILITY.items():
        if address := text(capabilities, name, "XAddr"):
            services.setdefault(namespace, address)
    return {namespace: address for namespace, address in services.items() if address}


def read_profiles(response: Element) -> list[MediaProfile]:
    """Return the profiles that have a video encoder."""
    found = []
    for one in children(response, "Profiles")[:MAX_PROFILES]:
        configurations = child(one, "Configurations")
        encoder = child(one, "VideoEncoderConfiguration")
        if encoder is None:
            encoder = child(configurations, "VideoEncoder")
        if encoder is None:
            continue
        source = text(one, "VideoSourceConfiguration", "SourceToken")
        has_ptz = child(one, "PTZConfiguration") is not None or child(configurations, "PTZ") is not None
        found.append(
            MediaProfile(
                token=one.attrib.get("token", "")[:200],
                name=text(one, "Name")[:100],
                source=source or text(configurations, "VideoSource", "SourceToken"),
                codec=_codec(text(encoder, "Encoding")),
                width=_number(text(encoder, "Resolution", "Width")),
                height=_number(text(encoder, "Resolution", "Height")),
                frames_per_second=float(_number(text(encoder, "RateControl", "FrameRateLimit"), 1000)),
                has_ptz=has_ptz,
            )
        )
    return found


def read_uri(response: Element) -> str:
    """Return the URI of a stream or snapshot: Media 1 wraps it in another element than Media 2."""
    return text(response, "MediaUri", "Uri") or text(response, "Uri")


def read_presets(response: Element) -> tuple[Preset, ...]:
    """Return the presets, by their names where they have any."""
    found = ((one.attrib.get("token", ""), text(one, "Name")) for one in children(response, "Preset"))
    named = [Preset(token=token, name=(name or token)[:100]) for token, name in found if 0 < len(token) <= 100]
    return tuple(named[:MAX_PRESETS])


def read_relays(response: Element) -> tuple[Relay, ...]:
    """Return the relay outputs."""
    tokens = [one.attrib.get("token", "") for one in response if local_name(one) == "RelayOutputs"]
    return tuple(Relay(token=token) for token in tokens if 0 < len(token) <= 100)[:MAX_RELAYS]


def _codec(encoding: str) -> str:
    name = encoding.lower().replace(".", "")
    return {"h265": "hevc", "jpeg": "mjpeg", "mp4v-es": "mpeg4"}.get(name, name)[:32]


def _number(value: str, most: int = 65_535) -> int:
    try:
        return min(most, max(0, round(float(value))))
    except (ValueError, OverflowError):
        return 0


def path_of(address: str) -> str:
    """Return the path and query of a service's address; empty if it is no HTTP URL."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if parts.scheme.lower() not in {"http", "https"}:
        return ""
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
