"""Streaming writer of .npz files, for files larger than memory."""

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray


class NpzWriter:
    """Writes a .npz file row by row.

    An archive takes one array after another, so the columns are collected in temporary files next to it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns: dict[str, tuple[IO[bytes], np.dtype[Any], tuple[int, ...]]] = {}
        self._counts: dict[str, int] = {}
        self._scalars: dict[str, str] = {}

    def add_scalar(self, name: str, value: str) -> None:
        """Add a string next to the columns."""
        self._scalars[name] = value

    def append(self, name: str, rows: NDArray[Any]) -> None:
        """Append rows (n, ...) to a column. Their dtype and shape must be those of the first rows."""
        if name not in self._columns:
            spool = tempfile.TemporaryFile(dir=self._path.parent)  # noqa: SIM115 - closed by `close`
            self._columns[name] = spool, rows.dtype, rows.shape[1:]
            self._counts[name] = 0
        self._columns[name][0].write(np.ascontiguousarray(rows).tobytes())
        self._counts[name] += len(rows)

    def close(self) -> None:
        """Write the archive."""
        with zipfile.ZipFile(self._path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, value in self._scalars.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.array(value))
            for name, (spool, dtype, shape) in self._columns.items():
                header = {
                    "descr": np.lib.format.dtype_to_descr(dtype),
                    "fortran_order": False,
                    "shape": (self._counts[name], *shape),
                }
                spool.seek(0)
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member, spool:
                    np.lib.format.write_array_header_1_0(member, header)
                    shutil.copyfileobj(spool, member, 1 << 20)
