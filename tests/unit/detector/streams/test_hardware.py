"""Decoders: each name is a libav device, and an unusable one is never replaced silently."""

from typing import get_args

import av
import pytest
from av.codec.hwaccel import HWDeviceType, hwdevices_available

from cctv.config import Settings, load_settings
from cctv.streams.faults import StreamFault
from cctv.streams.hardware import DEVICE_TYPES, SOFTWARE, HardwareDecoding, decode_by, decoder_problem
from vigil_contracts.names import Reason


def works(device_type: str) -> None:
    """A device that decodes."""


def test_every_decoder_is_a_device_of_libav() -> None:
    accepted = set(get_args(Settings.model_fields["hardware_decoder"].annotation))
    assert accepted == {SOFTWARE, *DEVICE_TYPES}
    assert set(DEVICE_TYPES.values()) <= {kind.name for kind in HWDeviceType}


@pytest.mark.parametrize("decoder", DEVICE_TYPES)
def test_a_decoder_is_accepted_only_if_libav_lists_it_for_its_codecs(decoder: str) -> None:
    """By libav's own list of hardware configurations, whatever PyAV's wheel of the day was built with."""
    listed = {config.device_type.name for config in av.Codec("h264", "r").hardware_configs}
    has = DEVICE_TYPES[decoder] in listed and DEVICE_TYPES[decoder] in hwdevices_available()
    problem = decoder_problem(decoder, works)
    assert (problem is None) is has
    assert has or f"decoder {decoder}: libav in this image was built without it" in (problem or "")


def test_the_wheel_has_nvdec() -> None:
    assert decoder_problem("nvdec", works) is None


def test_software_needs_no_device() -> None:
    assert HardwareDecoding().accelerator() is None


def test_unusable_decoder_is_a_fault_with_cause_and_remedy() -> None:
    def refuse(device_type: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    decoding = HardwareDecoding("nvdec", refuse)
    for _ in range(2):
        with pytest.raises(StreamFault, match="Operation not permitted") as caught:
            decoding.accelerator()
        assert caught.value.reason is Reason.DEVICE_UNAVAILABLE
        assert "NVIDIA_DRIVER_CAPABILITIES holds `video`" in str(caught.value)
        assert "or set decoder: software" in str(caught.value)


def test_recovered_decoder_is_used_and_not_probed_again() -> None:
    probed: list[str] = []

    def probe(device_type: str) -> None:
        probed.append(device_type)
        if len(probed) == 1:
            raise OSError("busy")

    decoding = HardwareDecoding("nvdec", probe)
    with pytest.raises(StreamFault):
        decoding.accelerator()
    for _ in range(2):
        found = decoding.accelerator()
        assert found is not None
    assert probed == ["cuda", "cuda"]


def test_silent_software_fallback_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a MIG slice without NVDEC, where libav falls back by itself: the frames tell."""
    monkeypatch.setattr("cctv.streams.hardware.HWAccel", lambda *_, **__: None)
    with pytest.raises(RuntimeError, match="the device decodes no H"):
        decode_by("cuda")


@pytest.mark.parametrize(("value", "decoder"), [("", "software"), ("cuda", "nvdec"), ("nvdec", "nvdec")])
def test_old_decoder_names_are_accepted(value: str, decoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_TOKEN", "t")
    monkeypatch.setenv("VIGIL_HARDWARE_DECODER", value)
    assert load_settings().hardware_decoder == decoder
