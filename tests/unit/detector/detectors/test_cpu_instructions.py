"""A process whose first network is small and INT8 does without AMX; any other choice is left to oneDNN."""

import logging
import os
from pathlib import Path

import pytest

from cctv.detectors import cpu_instructions
from cctv.detectors.cpu_instructions import SMALL_WEIGHTS_BYTES, VARIABLE, WITHOUT_AMX, choose_instructions

AMX = "flags : avx2 avx512_vnni amx_tile amx_int8"
QUANTISED, FLOAT = '<layer type="FakeQuantize"/>', '<layer type="Convolution"/>'


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_instructions, "_chosen", False)
    monkeypatch.setenv(VARIABLE, "")  # so that it is restored after the test
    del os.environ[VARIABLE]


def _network(folder: Path, name: str, layers: str, weights_bytes: int) -> Path:
    path = folder / f"{name}.xml"
    path.write_text(f"<net>{layers}</net>")
    with path.with_suffix(".bin").open("wb") as file:
        file.truncate(weights_bytes)
    return path


@pytest.mark.parametrize(
    ("layers", "weights_bytes", "cpu_flags", "expected"),
    [
        pytest.param(QUANTISED, SMALL_WEIGHTS_BYTES, AMX, WITHOUT_AMX, id="small INT8 network"),
        pytest.param(QUANTISED, SMALL_WEIGHTS_BYTES + 1, AMX, None, id="large INT8 network"),
        pytest.param(FLOAT, 1_800_000, AMX, None, id="float network"),
        pytest.param(QUANTISED, 3_000_000, "flags : avx2 avx_vnni", None, id="processor without AMX"),
    ],
)
def test_only_small_int8_networks_do_without_amx(
    tmp_path: Path, layers: str, weights_bytes: int, cpu_flags: str, expected: str | None
) -> None:
    choose_instructions(_network(tmp_path, "network", layers, weights_bytes), cpu_flags)
    assert os.environ.get(VARIABLE) == expected


def test_first_network_of_the_process_decides(tmp_path: Path) -> None:
    """oneDNN has read the limit by then, and compiled networks are kept by it."""
    choose_instructions(_network(tmp_path, "large", QUANTISED, 10_000_000), AMX)
    choose_instructions(_network(tmp_path, "small", QUANTISED, 3_000_000), AMX)
    assert VARIABLE not in os.environ


def test_larger_network_of_such_a_process_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    choose_instructions(_network(tmp_path, "small", QUANTISED, 3_000_000), AMX)
    choose_instructions(_network(tmp_path, "other", QUANTISED, 3_000_000), AMX)
    assert not caplog.messages
    choose_instructions(_network(tmp_path, "large", QUANTISED, 10_000_000), AMX)
    assert caplog.messages == ["large.xml: runs without AMX, which this process's first network does not need"]


def test_setting_of_the_user_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "DEFAULT")
    choose_instructions(_network(tmp_path, "small", QUANTISED, 3_000_000), AMX)
    assert os.environ[VARIABLE] == "DEFAULT"


def test_missing_file_is_left_to_the_reader(tmp_path: Path) -> None:
    choose_instructions(tmp_path / "missing.xml", AMX)
    assert VARIABLE not in os.environ
