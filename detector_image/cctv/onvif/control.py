"""Move a camera, call its presets and switch its relays."""

from cctv.onvif import device_messages as messages
from cctv.onvif.client import DeviceAddress, OnvifClient, ask_device
from cctv.onvif.inspection import profiles_of
from cctv.streams.faults import StreamFault
from cctv.streams.rtsp_gate import GateOptions
from vigil_contracts.device import ControlAction, ControlCommand, ControlResult, Preset, Relay
from vigil_contracts.names import Reason


def control(address: DeviceAddress, command: ControlCommand, options: GateOptions) -> ControlResult:
    """Do what the command asks for; never raises for a device that does not answer as it should."""
    refusal = "The camera refuses the command ({}). Check its PTZ settings and the user's rights."
    try:
        return ask_device(address, options, lambda client: _perform(client, command), refusal=refusal)
    except StreamFault as fault:
        return ControlResult.fault(fault.reason, str(fault))


def _perform(client: OnvifClient, command: ControlCommand) -> ControlResult:
    if command.action is ControlAction.RELAY:
        assert command.relay is not None, "checked by ControlCommand"
        client.call(messages.DEVICE, messages.set_relay(command.relay, is_on=command.on))
        return _accepted()
    if command.action is ControlAction.STATUS:
        profile = _ptz_profile(client)
        presets = _presets(client, profile) if profile is not None else ()
        return _accepted(has_ptz=profile is not None, presets=presets, relays=_relays(client))
    profile = _ptz_profile(client)
    if profile is None:
        raise StreamFault(Reason.STREAM_UNSUPPORTED, text="The camera cannot turn or zoom by ONVIF (no PTZ profile).")
    client.call(messages.PTZ, _movement(client, profile, command))
    return _accepted()


def _movement(client: OnvifClient, profile: str, command: ControlCommand) -> str:
    if command.action is ControlAction.MOVE:
        return messages.continuous_move(profile, command.pan, command.tilt, command.zoom, command.seconds)
    if command.action is ControlAction.STOP:
        return messages.stop(profile)
    presets = _presets(client, profile)
    token = next((one.token for one in presets if command.preset in {one.token, one.name}), None)
    if token is None:
        known = ", ".join(one.name for one in presets[:20]) or "none"
        raise StreamFault(
            Reason.STREAM_UNSUPPORTED, text=f"The camera has no preset {command.preset!r}; it has {known}."
        )
    return messages.goto_preset(profile, token)


def _ptz_profile(client: OnvifClient) -> str | None:
    """Return the token of the first profile that can be moved."""
    if messages.PTZ not in client.services:
        return None
    _, profiles = profiles_of(client)
    return next((one.token for one in profiles if one.has_ptz), None)


def _presets(client: OnvifClient, profile: str) -> tuple[Preset, ...]:
    answer = client.call_optional(messages.PTZ, messages.get_presets(profile))
    return messages.read_presets(answer) if answer is not None else ()


def _relays(client: OnvifClient) -> tuple[Relay, ...]:
    answer = client.call_optional(messages.DEVICE, messages.GET_RELAYS)
    return messages.read_relays(answer) if answer is not None else ()


def _accepted(
    *, has_ptz: bool = False, presets: tuple[Preset, ...] = (), relays: tuple[Relay, ...] = ()
) -> ControlResult:
    return ControlResult(answers=True, reason=Reason.STREAMING, has_ptz=has_ptz, presets=presets, relays=relays)
