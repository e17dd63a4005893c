"""`.pt` weights are read without executing the pickle: names outside an allow-list are rejected."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.weights_archive import Record, read_weights
from cctv.detectors.yolo_builder import build_network


class Named:
    """Is pickled as a call of a function by name, as the pickles of `torch.save` hold them."""

    def __init__(self, name: str, *arguments: Any) -> None:
        self.name, self.arguments = name, arguments


# The C pickler cannot be made to write the name of a module that is not installed.
_PythonPickler: Any = pickle._Pickler


class Pickler(_PythonPickler):  # type: ignore[misc]
    """Writes `Named` objects and storages."""

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if not isinstance(obj, Named):
            super().save(obj, save_persistent_id)
            return
        module, _, name = obj.name.rpartition(".")
        self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        if obj.arguments != ("the name alone",):
            super().save(obj.arguments)
            self.write(pickle.REDUCE)

    def persistent_id(self, obj: Any) -> Any:
        return obj[1:] if isinstance(obj, tuple) and obj[:1] == ("a storage",) else None


def storage(count: int, kind: str = "FloatStorage") -> tuple[Any, ...]:
    return ("a storage", "storage", Named(f"torch.{kind}", "the name alone"), "0", "cpu", count)


def tensor(count: int, size: tuple[int, ...], stride: tuple[int, ...], offset: int = 0) -> Named:
    hooks: OrderedDict[str, Any] = OrderedDict()
    return Named("torch._utils._rebuild_tensor_v2", storage(count), offset, size, stride, False, hooks)


def archive(path: Path, content: Any, numbers: bytes = b"", compression: int = zipfile.ZIP_STORED) -> Path:
    buffer = io.BytesIO()
    Pickler(buffer, protocol=2).dump(content)
    with zipfile.ZipFile(path, "w", compression) as made:
        made.writestr("weights/data.pkl", buffer.getvalue())
        made.writestr("weights/byteorder", "little")
        made.writestr("weights/data/0", numbers)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.pt"


def test_a_tensor_is_the_view_that_its_strides_say(path: Path) -> None:
    numbers = np.arange(12, dtype=np.float32)
    read = read_weights(archive(path, {"w": tensor(12, (2, 3), (1, 2), offset=4)}, numbers.tobytes()))
    assert read["w"].tolist() == [[4.0, 6.0, 8.0], [5.0, 7.0, 9.0]]


def test_a_module_is_a_record_and_its_class_is_not_imported(path: Path) -> None:
    read = read_weights(archive(path, {"model": Named("ultralytics.nn.tasks.DetectionModel")}))
    assert isinstance(read["model"], Record)
    assert read["model"].kind == "DetectionModel"


@pytest.mark.parametrize(
    "name",
    [
        *("builtins.print", "os.getcwd", "torch.hub.load", "torch.nn.Conv2d", "numpy.load", "pickle.loads"),
        *("ultralytics.utils.downloads.safe_download", "torch.nn.modules.module.register_module_forward_hook"),
    ],
)
def test_unknown_pickle_names_are_rejected_and_not_called(
    path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        ModelInvalidError, match=f"refused: the file names {name}, which is no part of a YOLO network"
    ):
        read_weights(archive(path, {"model": Named(name, "text")}))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [((5,), (1,), 0), ((2, 2), (3, 1), 0), ((4,), (1,), 1), ((2,), (-1,), 1), ((9, 9), (0, 0), 0)],
)
def test_a_tensor_beyond_its_storage_is_refused(
    path: Path, size: tuple[int, ...], stride: tuple[int, ...], offset: int
) -> None:
    made = archive(path, {"w": tensor(4, size, stride, offset)}, bytes(16))
    with pytest.raises(ModelInvalidError, match="a tensor reaches beyond its storage"):
        read_weights(made)


def test_damaged_files_are_refused(path: Path) -> None:
    with pytest.raises(ModelInvalidError, match="tensor 0 is cut off"):
        read_weights(archive(path, {"w": tensor(4, (4,), (1,))}, bytes(8)))
    with pytest.raises(ModelInvalidError, match="compressed; a weights file stores its tensors uncompressed"):
        read_weights(archive(path, {}, compression=zipfile.ZIP_DEFLATED))
    path.write_bytes(archive(path, {"w": [1, 2, 3]}).read_bytes()[:-40])
    with pytest.raises(ModelInvalidError, match="not a weights file, or damaged"):
        read_weights(path)


def test_unsupported_archive_error_names_the_missing_part(path: Path) -> None:
    with pytest.raises(ModelInvalidError, match="not an Ultralytics checkpoint: it must hold a dictionary"):
        read_weights(archive(path, [1]))
    with pytest.raises(ModelInvalidError, match="it holds no network under `model`"):
        build_network(read_weights(archive(path, {"epoch": 3})), path)


def test_shared_storage_is_read_once(path: Path) -> None:
    made = archive(path, {"model": [tensor(4, (4,), (1,)) for _ in range(50)]}, bytes(16))
    tensors = read_weights(made)["model"]
    assert len({one.__array_interface__["data"][0] for one in tensors}) == 1


@pytest.mark.parametrize("ema", [[1], tensor(4, (4,), (1,))])
def test_a_malformed_checkpoint_is_refused_with_a_sentence(path: Path, ema: Any) -> None:
    read = read_weights(archive(path, {"ema": ema, "model": None}, bytes(16)))
    with pytest.raises(ModelInvalidError, match="it holds no network under `model`"):
        build_network(read, path)
