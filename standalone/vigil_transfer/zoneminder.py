"""Convert the answers of ZoneMinder's API (`monitors.json` and `zones.json`, 1.34 to 1.38) into a plan."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from vigil_contracts.stream_url import Credentials, join_credentials
from vigil_transfer.plan import Plan, check_cameras
from vigil_transfer.report import Ledger, Path, Problem

IDLE_FUNCTIONS = frozenset({"None", "Monitor"})
"""`Function` (until 1.36) of monitors that neither detect nor record."""
MAX_FRAMES_PER_SECOND = 30.0
NOT_RTSP = "the monitor is not imported: Vigil reads RTSP, and the monitor's source is of another type"
REASONS: dict[str, str] = {
    "monitors.Monitor": "Vigil has no such setting",
    "monitors.Monitor.Height": "used to convert zones in pixels; Vigil reads the size from the stream",
    "monitors.Monitor.Width": "used to convert zones in pixels; Vigil reads the size from the stream",
    "monitors.Monitor.Id": "Vigil gives cameras its own ids",
    "monitors.Monitor.Notes": "Vigil has no notes on cameras",
    "monitors.Monitor.Device": "the device of a local camera",
    "monitors.Monitor.Controllable": "Vigil does not turn cameras",
    "monitors.Monitor.Function": "an active camera always detects",
    "monitors.Monitor.SignalCheckColour": "Vigil reports a stream problem with its reason",
    "monitors.Monitor.ImageBufferCount": "Vigil sizes its buffers itself",
    "monitors.Monitor.EventPrefix": "Vigil describes each alert itself",
    "monitors.Monitor_Status": "a state, not a setting",
    "monitors.Event_Summary": "a state, not a setting",
    "monitors.Manufacturer": "Vigil has no such field",
    "monitors.Model": "Vigil has no such field",
    "zones.Zone": "Vigil detects objects instead of changed pixels; rules have minimum_size",
    "zones.Zone.Id": "Vigil's zones have names only",
    "zones.Zone.MonitorId": "the monitor of the zone",
    "zones.Zone.NumCoords": "the number of corners follows from Coords",
    "zones.Zone.Area": "follows from Coords",
    "zones.Zone.AlarmRGB": "Vigil colours zones itself",
}
UNKNOWN = "not a key that Vigil knows"


def convert(texts: Sequence[str]) -> Plan:
    """Return the plan for the contents of one or more answers of the API."""
    document: dict[str, list[Any]] = {"monitors": [], "zones": []}
    for text in texts:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return Plan((), problems=(Problem("", "a file is not valid JSON; save the answer of api/monitors.json"),))
        for key in document:
            listed = found.get(key) if isinstance(found, dict) else None
            document[key] += listed if isinstance(listed, list) else []
    if not document["monitors"]:
        return Plan((), problems=(Problem("monitors", "must list the monitors, as api/monitors.json does"),))
    ledger = Ledger()
    cameras: list[tuple[Path, dict[str, Any]]] = []
    for index, entry in enumerate(document["monitors"]):
        path: Path = ("monitors", index, "Monitor")
        monitor = entry.get("Monitor") if isinstance(entry, Mapping) else None
        if not isinstance(monitor, Mapping) or not monitor.get("Name"):
            ledger.problem(path, "must be a monitor with a name")
        elif (camera := _camera(monitor, path, document["zones"], ledger)) is not None:
            cameras.append((path, camera))
    check_cameras(ledger, cameras)
    lines = ledger.lines(document, REASONS, UNKNOWN)
    return Plan(tuple(camera for _, camera in cameras), tuple(lines), tuple(ledger.problems))


def _camera(monitor: Mapping[str, Any], path: Path, zones: Sequence[Any], ledger: Ledger) -> dict[str, Any] | None:
    try:
        url = _url(monitor, path, ledger)
    except ValueError:
        ledger.problem(path, "must have an address like rtsp://host:554/path")
        return None
    if url is None:
        ledger.not_taken(path, NOT_RTSP)
        return None
    ledger.taken((*path, "Name"), "name")
    detection: dict[str, Any] = {}
    _add_zones(detection, monitor, zones, ledger)
    _add_rate(detection, monitor, path, ledger)
    if second := str(monitor.get("SecondPath") or ""):
        _add_second_path(detection, url, second, path, ledger)
    mode = _recording_mode(monitor, path, ledger)
    camera = {
        "name": str(monitor["Name"]),
        "rtsp_url": url,
        "transport": _transport(monitor, path, ledger),
        "is_active": _is_active(monitor, path, ledger),
        "detection": detection,
    }
    return camera if mode is None else {**camera, "recording": {"mode": mode}}


def _url(monitor: Mapping[str, Any], path: Path, ledger: Ledger) -> str | None:
    """Return the stream URL: `Path` of types Ffmpeg, Libvlc and VLC; `Host`, `Port` and `Path` of type Remote."""
    address, host = str(monitor.get("Path") or ""), str(monitor.get("Host") or "")
    used = ["Type", "Path"]
    if monitor.get("Type") == "Remote" and monitor.get("Protocol") == "rtsp" and host:
        userinfo, at, bare = host.rpartition("@")
        address = f"rtsp://{bare}:{monitor.get('Port') or 554}/{address.lstrip('/')}"
        used += ["Host", "Port", "Protocol"]
        if at:
            user, _, password = userinfo.partition(":")
            address = join_credentials(address, Credentials(user, password))
    if not re.match("rtsps?://", address, re.IGNORECASE):
        return None
    user, password = str(monitor.get("User") or ""), str(monitor.get("Pass") or "")
    if user and not urlsplit(address).username:  # ZoneMinder adds them where the URL has none
        address = join_credentials(address, Credentials(user, password))
        used += ["User", "Pass"]
    for name in used:
        if name in monitor:
            ledger.taken((*path, name), "rtsp_url")
    return address


def _add_second_path(detection: dict[str, Any], url: str, second: str, path: Path, ledger: Ledger) -> None:
    main, sub = urlsplit(url), urlsplit(second)
    if sub.scheme in ("rtsp", "rtsps") and (sub.hostname, sub.port or 554) == (main.hostname, main.port or 554):
        detection["stream_path"] = quote(sub.path or "/", safe="/%=&;:+,~.-_") + (
            f"?{sub.query}" if sub.query else ""
        )
        ledger.taken((*path, "SecondPath"), "detection.stream_path")
    else:
        ledger.not_taken((*path, "SecondPath"), "a sub-stream must be an RTSP stream of the same host")


def _transport(monitor: Mapping[str, Any], path: Path, ledger: Ledger) -> str:
    is_udp = monitor.get("Method") in ("rtpUni", "rtpMulti")
    if "Method" in monitor:
        ledger.taken((*path, "Method"), "transport")
    return "udp" if is_udp else "tcp"


def _is_active(monitor: Mapping[str, Any], path: Path, ledger: Ledger) -> bool:
    """Return whether the monitor detects: `Function` and `Enabled`, or since 1.37 `Capturing` and `Analysing`."""
    values = {
        name: str(monitor[name]) for name in ("Function", "Enabled", "Capturing", "Analysing") if name in monitor
    }
    for name in values:
        ledger.changed(
            (*path, name),
            "is_active",
            "a monitor that detects motion or records becomes an active camera, which detects objects",
        )
    if "Analysing" in values:
        is_used = values["Analysing"] != "None" or str(monitor.get("Recording", "None")) == "Always"
        return is_used and values.get("Capturing") != "None"
    return values.get("Enabled", "1") not in ("0", "False") and values.get("Function") not in IDLE_FUNCTIONS


def _recording_mode(monitor: Mapping[str, Any], path: Path, ledger: Ledger) -> str | None:
    """Return when the camera is recorded: `Recording` since 1.37, `Function` before; None if neither is given."""
    if (recording := monitor.get("Recording")) is not None:
        ledger.taken((*path, "Recording"), "recording.mode")
        return {"None": "off", "OnMotion": "motion"}.get(str(recording), "continuous")
    function = monitor.get("Function")
    if function is None:
        return None
    return {"Modect": "motion", "Record": "continuous", "Mocord": "continuous"}.get(str(function), "off")


def _add_rate(detection: dict[str, Any], monitor: Mapping[str, Any], path: Path, ledger: Ledger) -> None:
    name = next((name for name in ("AnalysisFPSLimit", "AnalysisFPS") if monitor.get(name)), None)
    if name is None:
        return
    try:
        rate = float(monitor[name])
    except (TypeError, ValueError):
        ledger.problem((*path, name), "must be a number of frames per second")
        return
    if rate > 0:
        detection["frames_per_second"] = min(rate, MAX_FRAMES_PER_SECOND)
        ledger.taken((*path, name), "detection.frames_per_second")


def _add_zones(detection: dict[str, Any], monitor: Mapping[str, Any], zones: Sequence[Any], ledger: Ledger) -> None:
    """Turn active zones into zones with a rule, unless they cover the frame, and the others into masks."""
    own = [
        (("zones", index, "Zone"), entry["Zone"])
        for index, entry in enumerate(zones)
        if isinstance(entry, Mapping)
        and isinstance(entry.get("Zone"), Mapping)
        and str(entry["Zone"].get("MonitorId")) == str(monitor.get("Id"))
    ]
    named: list[dict[str, Any]] = []
    masks: dict[str, list[list[list[float]]]] = {"motion_masks": [], "privacy_masks": []}
    for path, zone in own:
        try:
            points = polygon_of(str(zone.get("Coords") or ""), monitor)
        except ValueError as error:
            ledger.problem((*path, "Coords"), str(error))
            continue
        kind = str(zone.get("Type"))
        if kind == "Privacy":
            masks["privacy_masks"].append(points)
            target, note = "detection.privacy_masks", "black in images and video, which are encoded again for this"
        elif kind == "Inactive":
            masks["motion_masks"].append(points)
            target, note = (
                "detection.motion_masks",
                "motion is ignored there; objects that move elsewhere are detected",
            )
        elif kind in ("Active", "Inclusive", "Exclusive"):
            named.append({"name": str(zone.get("Name") or f"zone {len(named) + 1}"), "points": points})
            target, note = "detection.zones", "objects in the zone create alerts, instead of changed pixels"
        else:
            ledger.not_taken(path, "Vigil has no zones that prevent alarms")
            continue
        for name in ("Name", "Type", "Units", "Coords"):
            if name in zone:
                ledger.changed((*path, name), target, note)
    detection |= {name: polygons for name, polygons in masks.items() if polygons}
    if named and not all(_is_whole_frame(zone["points"]) for zone in named):
        detection["zones"] = named
        detection["rules"] = [{"name": zone["name"], "type": "object", "zone": zone["name"]} for zone in named]


def polygon_of(coords: str, monitor: Mapping[str, Any]) -> list[list[float]]:
    """Return the points of `x,y x,y …` as fractions. With a decimal point they are per cent, without one pixels."""
    try:
        points = [tuple(float(number) for number in pair.split(",")) for pair in coords.split()]
        is_percent = "." in coords
        width, height = (100.0, 100.0) if is_percent else (float(monitor["Width"]), float(monitor["Height"]))
        fractions = [[min(1.0, round(x / width, 5)), min(1.0, round(y / height, 5))] for x, y in points]
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        raise ValueError("must be corners as in 0,0 639,0 639,479, with Width and Height of the monitor") from None
    if len(fractions) < 3 or any(value < 0 for point in fractions for value in point):
        raise ValueError("must have at least three corners, none of them negative")
    return fractions


def _is_whole_frame(points: Sequence[Sequence[float]]) -> bool:
    """Return whether a rectangle covers the frame, as ZoneMinder's default zone «All» does."""
    x, y = [point[0] for point in points], [point[1] for point in points]
    return len(points) == 4 and min(x) < 0.01 and min(y) < 0.01 and max(x) > 0.99 and max(y) > 0.99
