"""Arrays and the JSON that describes them in one file: an uncompressed zip for `numpy.load`, checked as it is read.

The JSON (the array `state`, as bytes) holds its own checksum and that of every array. A file is never given more
memory than it takes on the disk: nothing in it is compressed, and no array is read whose header promises another size
than the file has.
"""

from __future__ import annotations

import hashlib
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from testis_abm.support import files

STATE, _SUMS = "state", "arrays"
_MOST_TEXT = 400_000_000  # bytes of JSON
_SUFFIX = ".npy"
# What reading a file that is none of these, or a damaged one, may raise.
FAULTS = (
    OSError,
    ValueError,
    LookupError,
    ArithmeticError,
    EOFError,
    TypeError,
    AttributeError,
    RuntimeError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
)


class Header(NamedTuple):
    """Type and shape of an array that has not been read."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Return its bytes."""
        return self.dtype.itemsize * math.prod(self.shape)


def write(path: str | Path, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
    """Write arrays and what is to be known of them, whole or not at all.

    Args:
        path: the file.
        arrays: name -> numbers.
        state: what JSON can hold, numbers of numpy included.

    Raises:
        TestisError: the disk refuses.
    """
    plain = {name: np.asarray(array) for name, array in arrays.items()}
    text = files.sealed({**state, _SUMS: {name: _sum(array) for name, array in plain.items()}}, indent=None)
    described: Any = {**plain, STATE: np.frombuffer(text.encode(), dtype=np.uint8)}
    with files.whole(path) as file:
        np.savez(file, allow_pickle=False, **described)


def _sum(array: np.ndarray) -> str:
    return hashlib.sha256(f"{array.dtype.str}{array.shape}".encode() + array.tobytes()).hexdigest()


class Archive:
    """A file of arrays that is open to be checked, and then read.

    Attributes:
        headers: of its arrays, by name (without the state).
        state: what the file says of itself; not yet checked.
        text: the same as JSON, with its checksum.

    Raises:
        FAULTS: it is no such file, or damaged.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file)
        self.headers = {entry.filename.removesuffix(_SUFFIX): self._header(entry) for entry in self._zip.infolist()}
        if len(self.headers) != len(self._zip.infolist()):
            raise ValueError("two arrays have one name")
        if self.headers[STATE].size > _MOST_TEXT:
            raise ValueError("its state is too large")
        self.text = self._read(STATE).tobytes()
        self.state: Any = files.parsed(self.text)
        del self.headers[STATE]

    def _header(self, entry: zipfile.ZipInfo) -> Header:
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise ValueError(f"{entry.filename} is compressed")
        with self._zip.open(entry) as member:
            version = np.lib.format.read_magic(member)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            with warnings.catch_warnings():  # a damaged header may look like one of Python 2
                warnings.simplefilter("ignore")
                shape, _, dtype = read(member)
            header = Header(dtype, tuple(shape))
            if dtype.hasobject or min(shape, default=0) < 0 or member.tell() + header.size != entry.file_size:
                raise ValueError(f"{entry.filename} is not of the size that it promises")
        return header

    def _read(self, name: str) -> np.ndarray:
        with self._zip.open(f"{name}{_SUFFIX}") as member:
            return np.ascontiguousarray(np.lib.format.read_array(member, allow_pickle=False)).reshape(
                self.headers[name].shape
            )

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays.

        Raises:
            FAULTS: an array or the state is not what was written.
        """
        sums = files.unsealed(self.text)[_SUMS]
        if sums.keys() != self.headers.keys():
            raise ValueError("arrays are missing, or one too many")
        arrays = {name: self._read(name) for name in self.headers}
        for name, array in arrays.items():
            if _sum(array) != sums[name]:
                raise ValueError(f"{name} is not what was written (its checksum differs)")
        return arrays
