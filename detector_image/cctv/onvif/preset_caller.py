"""Move a camera to the preset of a rule that has created an alert, without delaying the analysis."""

import threading

from cctv.logs import camera_logger
from cctv.onvif.client import address_of_stream
from cctv.onvif.control import control
from cctv.streams.rtsp_gate import GateOptions
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.device import ControlAction, ControlCommand


class PresetCaller:
    """One movement at a time; of those requested meanwhile, only the last one follows."""

    def __init__(self, camera_id: int, options: GateOptions) -> None:
        self._log, self._options = camera_logger(camera_id), options
        self._lock = threading.Lock()
        self._next: tuple[CameraConfiguration, str] | None = None
        self._is_busy = False

    def note_alert(self, camera: CameraConfiguration, rule_name: str) -> None:
        """Call the preset of this rule, if it has one."""
        preset = next((rule.ptz_preset for rule in camera.detection.rules if rule.name == rule_name), "")
        if not preset:
            return
        with self._lock:
            self._next = camera, preset
            if self._is_busy:
                return
            self._is_busy = True
        threading.Thread(target=self._run, name=f"preset-{camera.id}", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                following, self._next = self._next, None
                if following is None:
                    self._is_busy = False
                    return
            try:
                self._move(*following)
            except Exception:  # noqa: BLE001 a later alert must still move the camera
                self._log.exception("could not call a preset")

    def _move(self, camera: CameraConfiguration, preset: str) -> None:
        address = address_of_stream(camera.rtsp_url.get_secret_value(), camera.detection.onvif_port)
        result = control(address, ControlCommand(action=ControlAction.PRESET, preset=preset), self._options)
        if result.answers:
            self._log.info("moved to preset %r", preset)
        else:
            self._log.warning("could not move to preset %r: %s", preset, result.message)
