"""Convert the configuration file of Viseron (2 and 3) into a plan, as far as it maps to Vigil."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from vigil_contracts.stream_url import Credentials, check_stream_path, join_credentials
from vigil_transfer.plan import Plan, check_cameras
from vigil_transfer.report import Ledger, Path, Problem
from vigil_transfer.yaml_text import YamlError, load_mapping

CAMERA_COMPONENTS = ("ffmpeg", "gstreamer")
MAX_FRAMES_PER_SECOND = 30.0
NEEDS_SIZE = "is in pixels: set width and height of the camera in Viseron's file, to which they refer"
_NO_FILTER = "Vigil has no such filter; rules have minimum_confidence and minimum_size"
REASONS: dict[str, str] = {
    "*": "Vigil has no such component",
    "*.camera": "Vigil opens the stream itself, and has no such setting",
    "*.camera.*.width": "used to convert coordinates in pixels; Vigil reads the size from the stream",
    "*.camera.*.height": "used to convert coordinates in pixels; Vigil reads the size from the stream",
    "*.camera.*.recorder": "set recording.mode of the camera; each alert has a clip",
    "*.camera.*.mjpeg_streams": "Vigil's live view shows the analysed frames",
    "*.motion_detector": "Vigil's motion gate adapts itself to the scene; only masks are taken",
    "*.object_detector": "choose the model with VIGIL_MODEL; only cameras, labels and zones are taken",
    "*.object_detector.cameras.*.labels": _NO_FILTER,
    "*.object_detector.cameras.*.zones.labels": _NO_FILTER,
    "*.object_detector.cameras.*.mask": "Vigil has no object masks; draw a zone that leaves the area out",
    "*.face_recognition": "Vigil recognises no faces",
    "*.image_classification": "use a second detection model (detection.models)",
    "*.license_plate_recognition": "Vigil reads no licence plates",
    "logger": "set VIGIL_LOG_LEVEL",
    "mqtt": "subscribe to alerts by MQTT with POST /api/notifications/",
    "storage": "set recording.days and retention_days of the cameras, or the limits of the server",
    "webserver": "create users in Vigil; see HOST and PORT",
}
UNKNOWN = "not a key that Vigil knows"


def convert(text: str, secrets: Mapping[str, str]) -> Plan:
    """Return the plan. `secrets`: the values of `!secret NAME`, from the environment or the file of variables."""
    try:
        document = load_mapping(text)
    except YamlError as error:
        return Plan((), problems=(Problem("", str(error)),))
    ledger = Ledger()
    cameras = [
        (path, camera)
        for path, key, settings in _cameras_of(document)
        if (camera := _Camera(document, key, settings, path, secrets, ledger).convert()) is not None
    ]
    if not cameras and not ledger.problems:
        known = " or ".join(f"{name}.camera" for name in CAMERA_COMPONENTS)
        ledger.problems.append(Problem("", f"no camera found below {known}; is this a configuration of Viseron?"))
    check_cameras(ledger, cameras)
    lines = ledger.lines(document, REASONS, UNKNOWN)
    return Plan(tuple(camera for _, camera in cameras), tuple(lines), tuple(ledger.problems))


def _cameras_of(document: Mapping[str, Any]) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    for component in CAMERA_COMPONENTS:
        section = document.get(component)
        cameras = section.get("camera") if isinstance(section, Mapping) else None
        for key, settings in cameras.items() if isinstance(cameras, Mapping) else ():
            if isinstance(settings, Mapping):
                yield (component, "camera", str(key)), str(key), settings


class _Camera:
    """The conversion of one camera."""

    def __init__(
        self,
        document: Mapping[str, Any],
        key: str,
        settings: Mapping[str, Any],
        path: Path,
        secrets: Mapping[str, str],
        ledger: Ledger,
    ) -> None:
        self._document, self._key, self._settings = document, key, settings
        self._path, self._secrets, self._ledger = path, secrets, ledger

    def convert(self) -> dict[str, Any] | None:
        """Return the camera; None if it cannot be imported, which the ledger records."""
        if self._settings.get("stream_format", "rtsp") != "rtsp":
            self._ledger.not_taken(self._path, "the camera is not imported: Vigil reads RTSP, not this stream format")
            return None
        url = self._url()
        if url is None:
            return None
        self._taken("name", "name")
        detection = self._detection()
        self._add_sub_stream(detection)
        return {
            "name": str(self._settings.get("name") or self._key),
            "rtsp_url": url,
            "transport": "udp" if self._taken("rtsp_transport", "transport") == "udp" else "tcp",
            "is_active": bool(self._settings.get("enabled", True)),
            "detection": detection,
        }

    def _taken(self, name: str, target: str) -> Any:
        if name in self._settings:
            self._ledger.taken((*self._path, name), target)
        return self._settings.get(name)

    def _secret(self, name: str) -> str:
        """Return a text setting; the value of `!secret NAME` is in another file of Viseron."""
        value = str(self._taken(name, "rtsp_url") or "")
        if not value.startswith("!secret "):
            return value
        secret = value.removeprefix("!secret ")
        if secret not in self._secrets:
            self._ledger.problem(
                (*self._path, name), f"!secret {secret} has no value: name a file with {secret}=… by --env-file"
            )
        return self._secrets.get(secret, "")

    def _url(self) -> str | None:
        problems = len(self._ledger.problems)
        host, path = self._secret("host"), self._secret("path")
        user, password = self._secret("username"), self._secret("password")
        if not host:
            self._ledger.problem(self._path, "must have a host")
        if len(self._ledger.problems) > problems:
            return None
        scheme = "rtsps" if self._taken("protocol", "rtsp_url") == "rtsps" else "rtsp"
        port = self._taken("port", "rtsp_url") or 554
        url = f"{scheme}://{host}:{port}/{quote(path.lstrip('/'), safe='/%?=&;:+,~.-_')}"
        try:
            return join_credentials(url, Credentials(user, password)) if user else url
        except ValueError:
            self._ledger.problem((*self._path, "host"), "must be the host name or address of the camera")
            return None

    def _add_sub_stream(self, detection: dict[str, Any]) -> None:
        sub = self._settings.get("substream")
        if not isinstance(sub, Mapping) or not sub.get("path"):
            return
        place = (*self._path, "substream")
        path = "/" + str(sub["path"]).lstrip("/")
        try:
            check_stream_path(path)
        except ValueError as error:
            self._ledger.problem((*place, "path"), str(error))
            return
        if (sub.get("port") or 554) != (self._settings.get("port") or 554):
            self._ledger.not_taken((*place, "path"), "a sub-stream must have the port of the main stream")
            return
        detection["stream_path"] = path
        for name in ("path", "port"):
            if name in sub:
                self._ledger.taken((*place, name), "detection.stream_path")

    def _detection(self) -> dict[str, Any]:
        detection: dict[str, Any] = {}
        masks: list[list[list[float]]] = []
        for path, settings in self._of_domain("motion_detector"):
            masks += [points for points in self._polygons(settings, path, "mask", "detection.motion_masks") if points]
        if masks:
            detection["motion_masks"] = masks
        for path, settings in self._of_domain("object_detector"):
            self._add_objects(detection, path, settings)
        return detection

    def _of_domain(self, domain: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Yield the camera's settings in each component that has the domain (`darknet`, `edgetpu`, `mog2`, …)."""
        for component, section in self._document.items():
            found: Any = section
            for name in (domain, "cameras", self._key):
                found = found.get(name) if isinstance(found, Mapping) else None
            if isinstance(found, Mapping):
                yield (str(component), domain, "cameras", self._key), found

    def _add_objects(self, detection: dict[str, Any], path: Path, settings: Mapping[str, Any]) -> None:
        if isinstance(rate := settings.get("fps"), int | float) and rate > 0:
            detection["frames_per_second"] = min(float(rate), MAX_FRAMES_PER_SECOND)
            self._ledger.taken((*path, "fps"), "detection.frames_per_second")
        labels = self._labels(settings.get("labels"), (*path, "labels"))
        zones: list[dict[str, Any]] = []
        rules = _rules(labels, None)
        polygons = self._polygons(settings, path, "zones", "detection.zones")
        for index, points in enumerate(polygons):
            zone = settings["zones"][index]
            if not isinstance(zone, Mapping):
                continue  # a problem of its coordinates
            name = str(zone.get("name") or f"zone {index + 1}")
            self._ledger.taken((*path, "zones", index, "name"), "detection.zones[].name")
            of_zone = self._labels(zone.get("labels"), (*path, "zones", index, "labels"))
            if points:
                zones.append({"name": name, "points": points})
                rules += _rules(of_zone, name)
            labels = {**of_zone, **labels}
        if labels:
            detection["classes"] = list(labels)
            detection["minimum_confidence"] = min(labels.values())
        if zones:
            detection["zones"] = zones
        if zones or len(set(labels.values())) > 1:
            detection["rules"] = rules

    def _labels(self, listed: Any, path: Path) -> dict[str, float]:
        """Return the minimum confidence by label; Viseron's default is 0.8."""
        found: dict[str, float] = {}
        for index, entry in enumerate(listed if isinstance(listed, list) else []):
            if not isinstance(entry, Mapping) or not entry.get("label"):
                continue
            confidence = entry.get("confidence", 0.8)
            if isinstance(confidence, bool) or not isinstance(confidence, int | float):
                self._ledger.problem((*path, index, "confidence"), "must be a number from 0 to 1")
                continue
            found[str(entry["label"])] = float(confidence)
            for name, target in (("label", "detection.classes"), ("confidence", "minimum_confidence")):
                if name in entry:
                    self._ledger.taken((*path, index, name), target)
        return found

    def _polygons(self, settings: Mapping[str, Any], path: Path, name: str, target: str) -> list[list[list[float]]]:
        """Return the polygons of a list of `coordinates`; an empty one stands for one that cannot be converted."""
        listed = settings.get(name)
        polygons = []
        for index, entry in enumerate(listed if isinstance(listed, list) else []):
            place: Path = (*path, name, index, "coordinates")
            points = self._points(entry.get("coordinates") if isinstance(entry, Mapping) else None, place)
            if points:
                self._ledger.taken(place, target)
            polygons.append(points)
        return polygons

    def _points(self, coordinates: Any, path: Path) -> list[list[float]]:
        width, height = self._settings.get("width"), self._settings.get("height")
        if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
            self._ledger.problem(path, NEEDS_SIZE)
            return []
        try:
            return [
                [min(1.0, round(one["x"] / width, 5)), min(1.0, round(one["y"] / height, 5))] for one in coordinates
            ]
        except (KeyError, TypeError):
            self._ledger.problem(path, "must be a list of corners, each with x and y")
            return []


def _rules(labels: Mapping[str, float], zone: str | None) -> list[dict[str, Any]]:
    """Return one rule for the labels of each confidence."""
    by_confidence: dict[float, list[str]] = defaultdict(list)
    for label, confidence in labels.items():
        by_confidence[confidence].append(label)
    return [
        {
            "name": f"{', '.join(names)} in {zone}"[:64] if zone else ", ".join(names)[:64],
            "type": "object",
            "classes": names,
            "minimum_confidence": confidence,
            **({"zone": zone} if zone else {}),
        }
        for confidence, names in by_confidence.items()
    ]
