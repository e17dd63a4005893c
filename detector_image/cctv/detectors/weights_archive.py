"""Reads the weights of a `.pt` file without torch and without running the code that its pickle may hold.

A `.pt` file is a zip archive: `data.pkl` describes the objects, and each `data/<key>` holds the raw numbers of one
tensor storage (PyTorch, "Serialization semantics", format of `torch.save` since 1.6). A pickle can call any function
that it names. The reader here resolves a closed list of names: those that rebuild tensors become NumPy arrays;
classes of networks become inert `Record`s, which are never imported; every other name is refused.
"""

import math
import pickle
import pickletools
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cctv.detectors.errors import ModelInvalidError

MAX_PICKLE_BYTES = 16 * 1024**2
"""The description of the largest YOLO network takes less than 1 MB."""
MAX_ARCHIVE_BYTES = 2 * 1024**3

_NETWORK_MODULES = ("torch.nn.modules.", "ultralytics.nn.", "ultralytics.utils.loss", "ultralytics.utils.tal")
"""Where the classes of networks and their losses are. Of these modules only classes are taken, not functions."""
_INERT_NAMES = frozenset(
    {
        *(
            "ultralytics.utils IterableSimpleNamespace",
            "torch Size",
            "torch device",
            "torch float16",
            "torch float32",
            "torch float64",
        ),
        *("pathlib PosixPath", "pathlib WindowsPath", "pathlib PurePosixPath", "pathlib._local PosixPath"),
        *("numpy dtype", "numpy.core.multiarray scalar", "numpy._core.multiarray scalar", "_codecs encode"),
    }
)
"""What training leaves beside the weights (paths, dates, scores). Kept as records; nothing of it is used."""
_STORAGE_TYPES: dict[str, npt.DTypeLike] = {
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "DoubleStorage": np.float64,
    "BFloat16Storage": np.uint16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}

Array = npt.NDArray[Any]


class Record:
    """An object of a class that is named in the file and never imported: the name, and the attributes."""

    class_name = ""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.attributes = dict(state) if isinstance(state, dict) else {"state": state}

    @property
    def kind(self) -> str:
        """The class's name without its module, as in `Conv`."""
        return self.class_name.rpartition(".")[2]

    @property
    def modules(self) -> "OrderedDict[str, Record]":
        """The parts of a network's module, by name, in order (torch's `Module._modules`)."""
        parts = self.attributes.get("_modules") or {}
        return OrderedDict((str(name), part) for name, part in parts.items() if isinstance(part, Record))

    def tensor(self, name: str) -> Array | None:
        """Return a parameter or buffer (torch's `Module._parameters` and `Module._buffers`); None: there is none."""
        for group in ("_parameters", "_buffers"):
            found = (self.attributes.get(group) or {}).get(name)
            if isinstance(found, np.ndarray):
                return found
        return None


def read_weights(path: Path) -> dict[str, Any]:
    """Return what `torch.save` wrote: a checkpoint's dictionary, its tensors as arrays, its modules as records.

    Raises `ModelInvalidError` for a file that is none, is damaged or too large, or names anything that is not on the
    list above.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            checkpoint = _Archive(path, archive).read()
    except ModelInvalidError:
        raise
    except (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, OSError, RuntimeError) as error:
        raise ModelInvalidError(f"{path}: not a weights file, or damaged: {type(error).__name__}") from error
    except Exception as error:  # a damaged pickle makes the unpickler raise whatever it likes
        raise ModelInvalidError(
            f"{path}: the description of the network is damaged: {type(error).__name__}"
        ) from error
    if not isinstance(checkpoint, dict):
        raise ModelInvalidError(f"{path}: not an Ultralytics checkpoint: it must hold a dictionary")
    return checkpoint


class _Archive:
    """The zip archive of one file."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path, self._archive = path, archive
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > MAX_ARCHIVE_BYTES:
            raise ModelInvalidError(f"{path}: larger than {MAX_ARCHIVE_BYTES // 1024**3} GiB when unpacked")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ModelInvalidError(f"{path}: compressed; a weights file stores its tensors uncompressed")
        pickles = [entry for entry in entries if entry.filename.endswith("data.pkl")]
        if len(pickles) != 1:
            raise ModelInvalidError(
                f"{path}: not a weights file: it holds {len(pickles)} entries named data.pkl, not 1"
            )
        self._description = pickles[0]
        self._root = self._description.filename.removesuffix("data.pkl")
        self._storages: dict[tuple[str, str], Array] = {}

    def read(self) -> Any:
        """Return the unpickled object."""
        if self._description.file_size > MAX_PICKLE_BYTES:
            raise ModelInvalidError(f"{self.path}: the description of the network is larger than 16 MiB")
        byte_order = f"{self._root}byteorder"
        if byte_order in self._archive.namelist() and self._archive.read(byte_order).strip() != b"little":
            raise ModelInvalidError(f"{self.path}: written on a big-endian machine, which is not supported")
        data = self._archive.read(self._description)
        self._check_memo(data)
        with self._archive.open(self._description) as file:
            return _Unpickler(file, self).load()

    def storage(self, key: str, type_name: str, count: int) -> Array:
        """Return the `count` numbers of one storage; each is read once, however often the file refers to it."""
        known = self._storages.get((key, type_name))
        if known is not None and known.size == count:
            return known
        self._storages[key, type_name] = numbers = self._read_storage(key, type_name, count)
        return numbers

    def _read_storage(self, key: str, type_name: str, count: int) -> Array:
        dtype = np.dtype(_STORAGE_TYPES[type_name])
        data = self._archive.read(f"{self._root}data/{key}")
        if count < 0 or len(data) < count * dtype.itemsize:
            raise ModelInvalidError(f"{self.path}: tensor {key} is cut off")
        numbers = np.frombuffer(data, dtype, count)
        if type_name == "BFloat16Storage":  # the upper half of a float32
            return (numbers.astype(np.uint32) << 16).view(np.float32)
        return numbers

    def _check_memo(self, data: bytes) -> None:
        """Reject indexes beyond the file's length: the unpickler allocates memory for the highest index."""
        for operation, argument, _ in pickletools.genops(data):
            if operation.name in {"PUT", "BINPUT", "LONG_BINPUT"} and int(str(argument)) > len(data):
                raise ModelInvalidError(f"{self.path}: the description of the network is damaged")


class _Unpickler(pickle.Unpickler):
    """Resolves the names of the closed list."""

    def __init__(self, file: Any, archive: _Archive) -> None:
        super().__init__(file, encoding="utf-8")
        self._archive = archive
        self._classes: dict[str, type] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name of the file. Raises `ModelInvalidError` for any that is not on the list."""
        full = f"{module} {name}"
        if full == "collections OrderedDict":
            return OrderedDict
        if full in {"builtins set", "__builtin__ set"}:
            return set
        if full == "torch._utils _rebuild_tensor_v2":
            return _TensorBuilder(self._archive.path)
        if full == "torch._utils _rebuild_parameter":
            return _ParameterBuilder()
        if module in {"torch", "torch.storage"} and name in _STORAGE_TYPES:
            return self._record_class(name)
        is_class = name[:1].isupper() and name.isidentifier()
        if (module.startswith(_NETWORK_MODULES) and is_class) or full in _INERT_NAMES:
            return self._record_class(f"{module}.{name}")
        raise ModelInvalidError(
            f"{self._archive.path}: refused: the file names {module}.{name}, which is no part of a YOLO network;"
            " it would run code when it is loaded"
        )

    def persistent_load(self, pid: Any) -> Array:
        """Return a tensor's storage, as `torch.save` refers to it."""
        kind, storage_type, key, _location, count = pid
        if kind != "storage" or not (isinstance(storage_type, type) and issubclass(storage_type, Record)):
            raise ModelInvalidError(f"{self._archive.path}: refers to {kind!r} outside the file")
        return self._archive.storage(str(key), storage_type.class_name, int(count))

    def _record_class(self, name: str) -> type:
        if name not in self._classes:
            self._classes[name] = type("Record", (Record,), {"class_name": sys.intern(name)})
        return self._classes[name]


class _TensorBuilder:
    """Stands for torch's function that makes a tensor of a storage. Belongs to one file: a pickle can write to it."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, storage: Array, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Array:
        """Return the view of a storage that a tensor is. `offset` and `stride` count elements."""
        last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
        is_inside = min((offset, *stride), default=0) >= 0 and (0 in size or last < storage.size)
        # Steps of 0 would make a few numbers into a tensor of any size.
        if not is_inside or min(size, default=1) < 0 or math.prod(size) > storage.size:
            raise ModelInvalidError(f"{self._path}: a tensor reaches beyond its storage")
        steps = tuple(step * storage.itemsize for step in stride)
        return np.lib.stride_tricks.as_strided(storage[offset:], size, steps, writeable=False)


class _ParameterBuilder:
    """Stands for torch's function that makes a parameter of a tensor: the tensor itself."""

    __slots__ = ()

    def __call__(self, tensor: Array, *_: Any) -> Array:
        """Return the tensor."""
        return tensor
