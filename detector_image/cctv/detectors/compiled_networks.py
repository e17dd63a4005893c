"""Keep compiled networks on disk. A later start neither reads nor compiles them, which saves most of its CPU time.

`<model folder>/compiled/v3-<key>/` holds `network.json` and a file for each input size. The key is a hash of the
network's files, the OpenVINO release, the processor with the instructions in use, and the precision: if any of them
changes, the folder is another. Files are written to a temporary name and moved into place, and each begins with the
hash of its content. If the folder is not writable, each start compiles.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import openvino as ov

from cctv.detectors import cpu_instructions
from cctv.detectors.families.base import Metadata, NetworkInfo, TensorInfo
from cctv.detectors.model_files import model_folder
from cctv.detectors.network_metadata import metadata_files

log = logging.getLogger(__name__)

_VERSION = 3
"""Increase it when the preparation of networks changes; earlier folders are then ignored."""
_MOST_FOLDERS = 12
_DIGEST_BYTES = hashlib.sha256().digest_size

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class KnownNetwork:
    """What is needed of a network besides its compiled form."""

    info: NetworkInfo
    input_size: Size
    is_resizable: bool
    is_quantised: bool
    is_cut: bool
    """Whether its compiled forms end before its head's last operations: see `openvino_head`."""

    def to_json(self) -> str:
        """Return a text for `from_json`."""
        names = sorted(self.info.metadata.names.items())
        return json.dumps(asdict(self) | {"names": names})

    @classmethod
    def from_json(cls, text: str) -> "KnownNetwork":
        """Parse the result of `to_json`. Raises ValueError, KeyError or TypeError."""
        found = json.loads(text)
        info = found["info"]
        metadata = info["metadata"] | {"names": {int(number): str(name) for number, name in found["names"]}}
        for name in ("input_size", "mean", "std"):
            metadata[name] = tuple(metadata[name]) if metadata[name] else None
        inputs, outputs = (
            tuple(TensorInfo(tensor["name"], tuple(tensor["shape"])) for tensor in info[name])
            for name in ("inputs", "outputs")
        )
        width, height = found["input_size"]
        return cls(
            NetworkInfo(inputs, outputs, Metadata(**metadata)),
            (int(width), int(height)),
            bool(found["is_resizable"]),
            bool(found["is_quantised"]),
            bool(found["is_cut"]),
        )


class CompiledNetworks:
    """The kept forms of one network file on this processor."""

    def __init__(self, core: ov.Core, path: Path, device: str, precision: str) -> None:
        self._core, self._device = core, device
        instructions = os.environ.get(cpu_instructions.VARIABLE, "")
        environment = [ov.__version__, device, _processor(core, device), instructions, precision]
        self._folder = model_folder() / "compiled" / f"v{_VERSION}-{_key(path, environment)}"

    def network(self) -> KnownNetwork | None:
        """Return what is known of the network; None if it must be read."""
        try:
            known = KnownNetwork.from_json((self._folder / "network.json").read_text(encoding="utf-8"))
            os.utime(self._folder)  # the least recently used folders are removed
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return known

    def keep_network(self, known: KnownNetwork) -> None:
        """Write what is known of the network."""
        self._write("network.json", known.to_json().encode())

    def compiled(self, size: Size, options: Mapping[str, object]) -> ov.CompiledModel | None:
        """Return the compiled network for an input size; None if it must be compiled."""
        file = self._folder / _name(size)
        try:
            content = file.read_bytes()
        except OSError:
            return None
        digest, blob = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(blob).digest() != digest:
            log.warning("%s is damaged; compiling the network again", file)
            return None
        try:
            return self._core.import_model(blob, self._device, options)
        except RuntimeError as error:
            log.warning("OpenVINO cannot use %s (%s); compiling the network again", file, str(error).strip()[-200:])
            return None

    def keep_compiled(self, size: Size, compiled: ov.CompiledModel) -> None:
        """Write the compiled network for an input size."""
        try:
            blob = compiled.export_model().getvalue()
        except RuntimeError as error:  # such as an operation that cannot be written
            log.debug("OpenVINO cannot export the compiled network: %s", str(error).strip()[-200:])
            return
        self._write(_name(size), hashlib.sha256(blob).digest() + blob)

    def _write(self, name: str, content: bytes) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._folder.parent, prefix=".part-") as folder:
                part = Path(folder) / name
                part.write_bytes(content)
                part.replace(self._folder / name)
            _remove_oldest(self._folder.parent)
        except OSError as error:
            log.debug("cannot keep the compiled network in %s: %s", self._folder, error)


def _name(size: Size) -> str:
    return f"{size[0]}x{size[1]}.blob"


def _key(path: Path, environment: list[str]) -> str:
    digest = hashlib.sha256("\0".join(environment).encode())
    for file in (path, path.with_suffix(".bin"), *metadata_files(path)):
        digest.update(b"\0")
        if file.is_file():
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:32]


def _processor(core: ov.Core, device: str) -> str:
    capabilities: Any = core.get_property(device, "OPTIMIZATION_CAPABILITIES")
    return f"{core.get_property(device, 'FULL_DEVICE_NAME')} {','.join(capabilities)}"


def _remove_oldest(parent: Path) -> None:
    folders = sorted(parent.glob("v*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in folders[_MOST_FOLDERS:]:
        shutil.rmtree(folder, ignore_errors=True)
