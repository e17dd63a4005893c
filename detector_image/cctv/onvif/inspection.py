"""Ask a device for its streams by its address, user name and password alone."""

import contextlib
from urllib.parse import SplitResult, urlsplit, urlunsplit

from cctv.onvif import device_messages as messages
from cctv.onvif.client import DeviceAddress, OnvifClient, ask_device
from cctv.onvif.device_messages import MediaProfile
from cctv.onvif.soap import Element, SoapFaultError, text
from cctv.streams.faults import StreamFault
from cctv.streams.rtsp_gate import GateOptions
from vigil_contracts.bounds import MAX_URL_LENGTH
from vigil_contracts.device import DeviceResult, DeviceStream
from vigil_contracts.names import Reason
from vigil_contracts.stream_url import InvalidStreamUrlError, check_stream_path, validate_stream_url

SMALLEST_SUB_STREAM = 480
"""Width in pixels below which people in a frame are too small to be detected."""
_MAX_ASKED = 32
"""A recorder may have hundreds of profiles; each costs two requests."""

_Described = tuple[MediaProfile, DeviceStream]


def inspect(address: DeviceAddress, options: GateOptions) -> DeviceResult:
    """Return what the device offers; never raises for a device that does not answer as it should."""
    refusal = "The device refuses the request ({}). Update its firmware."
    try:
        return ask_device(address, options, lambda client: _inspect(client, address), refusal=refusal)
    except StreamFault as fault:
        return DeviceResult.fault(fault.reason, str(fault))


def _inspect(client: OnvifClient, address: DeviceAddress) -> DeviceResult:
    information = client.call_optional(messages.DEVICE, messages.GET_INFORMATION)
    described = _streams(client, address.host)
    if not described:
        raise StreamFault(
            Reason.STREAM_UNSUPPORTED,
            text="The device answers by ONVIF but has no video stream. Check its video settings and the user's"
            " rights.",
        )
    main, sub = choose_streams(described)
    offset = client.clock_offset
    return DeviceResult(
        answers=True,
        reason=Reason.STREAMING,
        message=client.clock_problem,
        manufacturer=text(information, "Manufacturer")[:500],
        model=text(information, "Model")[:500],
        firmware=text(information, "FirmwareVersion")[:500],
        time_difference_seconds=round(offset.total_seconds(), 1) if offset is not None else None,
        streams=tuple(stream for _, stream in described),
        main_stream=main,
        sub_stream=sub,
        stream_path=_path_on_same_host(main, sub) if sub is not None else "",
        has_events=messages.EVENTS in client.services,
        has_ptz=messages.PTZ in client.services and any(profile.has_ptz for profile, _ in described),
    )


def profiles_of(client: OnvifClient) -> tuple[str, list[MediaProfile]]:
    """Return the media service that describes the streams, and its profiles. Only Media 2 knows H.265."""
    for service in (messages.MEDIA2, messages.MEDIA):
        if service in client.services:
            with contextlib.suppress(SoapFaultError):
                profiles = messages.read_profiles(client.call(service, messages.get_profiles(service)))
                if profiles:
                    return service, profiles
    return messages.MEDIA, []


def _streams(client: OnvifClient, host: str) -> list[_Described]:
    service, profiles = profiles_of(client)
    described = []
    for profile in profiles[:_MAX_ASKED]:
        answer = client.call_optional(service, messages.get_stream_uri(service, profile.token))
        url = at_host(messages.read_uri(answer), host) if answer is not None else ""
        with contextlib.suppress(InvalidStreamUrlError):
            validate_stream_url(url)
            snapshot = client.call_optional(service, messages.get_snapshot_uri(service, profile.token))
            described.append((profile, _stream(profile, url, snapshot, host)))
    return described


def _stream(profile: MediaProfile, url: str, snapshot: Element | None, host: str) -> DeviceStream:
    return DeviceStream(
        name=(profile.name or profile.token)[:100],
        rtsp_url=url,
        snapshot_url=at_host(messages.read_uri(snapshot), host) if snapshot is not None else "",
        codec=profile.codec,
        width=profile.width or None,
        height=profile.height or None,
        frames_per_second=profile.frames_per_second or None,
    )


def at_host(url: str, host: str) -> str:
    """Return the URL with this host and without credentials: behind NAT, devices name an address of their own."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if not parts.hostname or len(url) > MAX_URL_LENGTH - len(host):
        return ""
    name = f"[{host}]" if ":" in host else host
    return urlunsplit(SplitResult(parts.scheme, f"{name}:{port}" if port else name, parts.path, parts.query, ""))


def choose_streams(described: list[_Described]) -> tuple[DeviceStream, DeviceStream | None]:
    """Return the largest stream of the first video source, and a smaller one to analyse if there is one."""
    first = described[0][0].source
    same = [one for one in described if one[0].source == first and one[0].codec != "mjpeg"] or described[:1]
    by_size = sorted(same, key=lambda one: -one[0].width * one[0].height)
    main_profile, main = by_size[0]
    smaller = [one for one in by_size if 0 < one[0].width < main_profile.width]
    large_enough = [one for one in smaller if one[0].width >= SMALLEST_SUB_STREAM]
    chosen = next(iter(reversed(large_enough)), next(iter(smaller), None))
    return main, chosen[1] if chosen is not None else None


def _path_on_same_host(main: DeviceStream, sub: DeviceStream) -> str:
    """Return the sub-stream's path, where it differs from the main stream in nothing else."""
    first, second = urlsplit(main.rtsp_url), urlsplit(sub.rtsp_url)
    path = urlunsplit(second._replace(scheme="", netloc=""))
    if first.netloc != second.netloc or first.scheme != second.scheme or len(path) > 500:
        return ""
    try:
        check_stream_path(path)
    except ValueError:
        return ""
    return path
