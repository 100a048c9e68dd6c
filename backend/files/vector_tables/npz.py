"""Streaming reader of .npz files, for files larger than memory."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import FileUnreadable

_CHUNK_BYTES = 1 << 24


class _Column:
    """One array of the archive, read sequentially."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._stream: IO[bytes] = archive.open(name)
        version = np.lib.format.read_magic(self._stream)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        self.shape, fortran, self.dtype = reader(self._stream)
        if fortran and len(self.shape) > 1:
            raise FileUnreadable(f"{name} is in Fortran order.", hint="Save np.ascontiguousarray(...) of it.")
        if self.dtype.hasobject:
            raise FileUnreadable(f"{name} holds Python objects.", hint="Save it as an array of numbers or strings.")

    def read(self, count: int) -> NDArray[Any]:
        width = int(np.prod(self.shape[1:], dtype=np.int64))
        size = count * width * self.dtype.itemsize
        data = bytearray()
        while len(data) < size:
            bite = self._stream.read(min(_CHUNK_BYTES, size - len(data)))
            if not bite:
                raise FileUnreadable("The archive ends in the middle of an array.", hint="Save the file again.")
            data += bite
        return np.frombuffer(bytes(data), dtype=self.dtype).reshape(count, *self.shape[1:])


def read_scalar(path: Path, name: str) -> str | None:
    """A string stored next to the columns; None if there is none."""
    with _open(path) as archive:
        if f"{name}.npy" not in archive.namelist():
            return None
        column = _Column(archive, f"{name}.npy")
        return str(column.read(1)[0]) if column.shape == () else None


def read_columns(path: Path, rows: int) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Yield up to `rows` rows of all arrays at a time. Scalars are omitted.

    Raises:
        FileUnreadable: it is not a .npz file, or its arrays have different lengths.
    """
    with _open(path) as archive:
        columns = {name.removesuffix(".npy"): _Column(archive, name) for name in archive.namelist()}
        columns = {name: column for name, column in columns.items() if column.shape}
        lengths = {name: column.shape[0] for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
            raise FileUnreadable(f"The arrays of {path} have different lengths: {told}.")
        count = next(iter(lengths.values()), 0)
        for first in range(0, count, rows):
            size = min(rows, count - first)
            yield {name: column.read(size) for name, column in columns.items()}


def _open(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be opened: {error.strerror}.", hint="Check the path.") from None
    except zipfile.BadZipFile:
        raise FileUnreadable(f"{path} is not a valid .npz file.", hint="Write it with numpy.savez.") from None
