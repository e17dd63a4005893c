"""Decode on hardware (NVDEC as `cuda`, VAAPI, Quick Sync) if it is configured and available."""

import logging
from collections.abc import Callable

import av
from av.codec.hwaccel import HWAccel

log = logging.getLogger("cctv")

_PROBED_CODEC = "h264"


class HardwareDecoding:
    """Checks the device once per process: either all cameras use it, or one log line says why none does.

    A stream whose codec the device does not support is decoded in software.
    """

    def __init__(self, device_type: str) -> None:
        self._device_type = device_type if device_type and _works(device_type) else ""

    @property
    def is_used(self) -> bool:
        """Return whether the device is available."""
        return bool(self._device_type)

    def accelerator(self) -> HWAccel | None:
        """Return the argument for `av.open`; None means software decoding."""
        return HWAccel(self._device_type, allow_software_fallback=True) if self._device_type else None


Probe = Callable[[str], None]


def _probe(device_type: str) -> None:
    HWAccel(device_type).create(av.Codec(_PROBED_CODEC, "r"))


def _works(device_type: str, probe: Probe = _probe) -> bool:
    try:
        probe(device_type)
    except (OSError, ValueError, NotImplementedError, RuntimeError) as error:
        log.warning(
            "VIGIL_HARDWARE_DECODER=%s cannot be used (%s); decoding by software", device_type, type(error).__name__
        )
        return False
    return True
