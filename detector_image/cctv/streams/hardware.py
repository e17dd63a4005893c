"""Decode on the configured hardware (NVDEC, VAAPI, Quick Sync), or report why that is impossible."""

import io
import threading
from collections.abc import Callable

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

from cctv.streams.faults import StreamFault
from vigil_contracts.names import Reason

SOFTWARE = "software"
DEVICE_TYPES = {"nvdec": "cuda", "vaapi": "vaapi", "qsv": "qsv"}
"""For each decoder libav's type of device."""

_PROBED_CODEC = "h264"
_ADVICE = {
    "nvdec": "check that the pod has an NVIDIA GPU, that NVIDIA_DRIVER_CAPABILITIES holds `video`, and that the MIG"
    " slice has an NVDEC",
    "vaapi": "check that /dev/dri/renderD128 is in the pod and may be used",
    "qsv": "check that /dev/dri/renderD128 is in the pod and may be used",
}

Probe = Callable[[str], None]


def decoder_problem(decoder: str, probe: Probe | None = None) -> str | None:
    """Return why streams cannot be decoded by `decoder`, and the remedy; None: they can.

    libav's own list says what it was built with; `probe` decodes a frame by a type of device, or raises.
    """
    if decoder == SOFTWARE:
        return None
    device_type = DEVICE_TYPES[decoder]
    built_in = hwdevices_available()
    known = sorted({config.device_type.name for config in av.Codec(_PROBED_CODEC, "r").hardware_configs})
    if device_type not in built_in or device_type not in known:
        there = ", ".join(name for name, kind in DEVICE_TYPES.items() if kind in known and kind in built_in) or "none"
        return (
            f"decoder {decoder}: libav in this image was built without it (it has: {there}); set decoder: software,"
            " or use an image whose libav has it"
        )
    try:
        (probe or decode_by)(device_type)
    except (OSError, ValueError, NotImplementedError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return f"decoder {decoder}: it cannot be used ({why}); {_ADVICE[decoder]}; or set decoder: software"
    return None


def decode_by(device_type: str) -> None:
    """Decode one small frame by the hardware. Raises what libav raises, or RuntimeError where software did it."""
    accelerator = HWAccel(device_type, allow_software_fallback=False)
    with av.open(io.BytesIO(_sample()), "r", hwaccel=accelerator) as container:
        for frame in container.decode(video=0):
            if is_by_hardware(frame):
                return
    raise RuntimeError("the device decodes no H.264")


def is_by_hardware(frame: av.VideoFrame) -> bool:
    """Return whether hardware decoded it: it gives semi-planar frames, which software decoders never do."""
    return frame.format.name in {"nv12", "p010le", "p016le", "nv16", "nv24"}


def _sample() -> bytes:
    written = io.BytesIO()
    with av.open(written, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame(256, 256, "yuv420p")))
        container.mux(stream.encode(None))
    return written.getvalue()


class HardwareDecoding:
    """The decoder of a process. A device that could be used once is not probed again; one that could not, is.

    A codec that the device does not support is decoded by software.
    """

    def __init__(self, decoder: str = SOFTWARE, probe: Probe | None = None) -> None:
        self.decoder = decoder
        self._probe = probe
        self._works = decoder == SOFTWARE
        self._probing = threading.Lock()

    def accelerator(self) -> HWAccel | None:
        """Return what `av.open` takes; None: decode by software. Raises `StreamFault` where there is no device."""
        with self._probing:
            if not self._works:
                if problem := decoder_problem(self.decoder, self._probe):
                    raise StreamFault(Reason.DEVICE_UNAVAILABLE, problem)
                self._works = True
        if self.decoder == SOFTWARE:
            return None
        return HWAccel(DEVICE_TYPES[self.decoder], allow_software_fallback=True)
