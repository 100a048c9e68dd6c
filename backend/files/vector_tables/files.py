"""Readers of embedding files made elsewhere: .npz, .parquet, .json (a list of records) and .jsonl."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from backend.documents import read_json
from backend.errors import ConfigurationError, FileUnreadable, InvalidRecord
from backend.files.vector_tables.npz import read_columns, read_scalar
from backend.files.vector_tables.rows import SIDES, Dimensions, VectorRows, blocks, make_rows, match_names, split

SPACE_KEY: Final = "mediacluster_space"
SUFFIXES: Final = (".npz", ".parquet", ".json", ".jsonl")
_ROWS: Final = 4096


def parquet_modules() -> tuple[Any, Any]:
    """Import pyarrow and pyarrow.parquet. Raises ConfigurationError if they are not installed."""
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ConfigurationError(
            "Parquet needs the package pyarrow, which is not installed.",
            hint="Run pip install 'mediacluster[parquet]', or use .npz or .jsonl.",
        ) from None


def check_suffix(path: Path) -> str:
    """The suffix of a file, if its format is supported. Raises FileUnreadable."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FileUnreadable(
            f"The format of {path} is not supported.", hint=f"Supported formats: {', '.join(SUFFIXES)}."
        )
    return suffix


def read_vector_file(path: Path, dimensions: Dimensions) -> Iterator[VectorRows]:
    """Yield rows in the order of the file, some thousand at a time. Only .json is loaded as a whole.

    Raises:
        FileUnreadable: the file cannot be read, or is not of the format that its name says.
        InvalidRecord: required columns are missing.
        InvalidVector: a column of vectors has a different dimension than the space.
    """
    readers: dict[str, Callable[[Path, Dimensions], Iterator[VectorRows]]] = {
        ".npz": _read_npz, ".parquet": _read_parquet, ".json": _read_json, ".jsonl": _read_jsonl,
    }  # fmt: skip
    reader = readers[check_suffix(path)]
    if not path.is_file():
        raise FileUnreadable(f"{path} is not a file.", hint="Check the path.")
    return reader(path, dimensions)


def read_space(path: Path) -> Mapping[str, Any] | None:
    """The description of the encoders that made the vectors of a file; None if the file has none."""
    suffix, raw = check_suffix(path), None
    if not path.is_file():
        raise FileUnreadable(f"{path} is not a file.", hint="Check the path.")
    if suffix == ".npz":
        raw = read_scalar(path, SPACE_KEY)
    elif suffix == ".parquet":
        with _open_parquet(path) as file:
            raw = (file.schema_arrow.metadata or {}).get(SPACE_KEY.encode())
    try:
        told = None if raw is None else read_json(raw)
    except ValueError as error:
        raise FileUnreadable(
            f"What {path} says of its encoders is not valid JSON: {error}.", hint="Export it again."
        ) from None
    return told if isinstance(told, dict) else None


def _read_npz(path: Path, dimensions: Dimensions) -> Iterator[VectorRows]:
    first = 1
    for columns in read_columns(path, _ROWS):
        names = match_names(columns)
        masks: dict[str, str] = {f"has_{side}_embedding": side for side in SIDES}
        plain = [name for name in columns if name not in {*names.values(), *masks}]
        count = len(next(iter(columns.values())))
        values = {name: columns[name].tolist() for name in [*plain, *(names[m] for m in ("path", "id") if m in names)]}
        records = [split({name: column[row] for name, column in values.items()}, names) for row in range(count)]
        yield make_rows(
            first,
            records,
            {side: columns[names[side]] for side in SIDES if side in names},
            dimensions,
            {side: columns[mask].astype(np.bool_) for mask, side in masks.items() if mask in columns},
        )
        first += count


def _read_parquet(path: Path, dimensions: Dimensions) -> Iterator[VectorRows]:
    first = 1
    with _open_parquet(path) as file:
        names = match_names(file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=_ROWS):
            vectors, present = {}, {}
            for side in SIDES:
                if side in names:
                    vectors[side], present[side] = _column(batch.column(names[side]), dimensions.of(side))
            dropped = [names[side] for side in SIDES if side in names]
            rest = batch.drop_columns(dropped).to_pylist()
            yield make_rows(first, [split(values, names) for values in rest], vectors, dimensions, present)
            first += batch.num_rows


def _column(column: Any, dimension: int) -> tuple[Any, Any]:
    """A column of lists as an array (n, d) if all lists have length d, otherwise as Python lists; and which rows have one."""
    has = np.asarray(column.is_valid())
    filled = column.filter(column.is_valid())
    flat = filled.flatten()
    if flat.null_count or len(flat) != len(filled) * dimension or not _all_of(filled, dimension):
        return column.to_pylist(), has
    rows = np.zeros((len(column), dimension), dtype=np.float32 if flat.type.bit_width <= 32 else np.float64)
    rows[has] = flat.to_numpy(zero_copy_only=False).reshape(-1, dimension)
    return rows, has


def _all_of(filled: Any, dimension: int) -> bool:
    if hasattr(filled.type, "list_size") and filled.type.list_size > 0:
        return bool(filled.type.list_size == dimension)
    return all(length == dimension for length in filled.value_lengths().to_pylist())


def _open_parquet(path: Path) -> Any:
    arrow, parquet = parquet_modules()
    try:
        return parquet.ParquetFile(path)
    except (OSError, arrow.ArrowInvalid) as error:
        raise FileUnreadable(f"{path} is not a valid Parquet file: {error}.") from None


def _read_json(path: Path, dimensions: Dimensions) -> Iterator[VectorRows]:
    try:
        content = read_json(path.read_bytes())
    except ValueError as error:
        raise FileUnreadable(f"{path} is not valid JSON: {error}.", hint="Write a list of records.") from None
    if not isinstance(content, list):
        raise FileUnreadable(
            f"{path} is not a list of records.", hint='Write [{"path": ..., "image_embedding": [...]}].'
        )
    return _from_records(iter(content), dimensions)


def _read_jsonl(path: Path, dimensions: Dimensions) -> Iterator[VectorRows]:
    def parse() -> Iterator[Any]:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    yield read_json(line)
                except ValueError:
                    yield InvalidRecord("The line is not valid JSON.")

    return _from_records(parse(), dimensions)


def _from_records(values: Iterator[Any], dimensions: Dimensions) -> Iterator[VectorRows]:
    first = 1
    for block in blocks(values, _ROWS):
        records: list[dict[str, Any]] = []
        vectors: dict[str, list[Any]] = {side: [] for side in SIDES}
        wrong = {}
        for row, value in enumerate(block):
            names: Mapping[str, str] = {}
            try:
                if not isinstance(value, dict):
                    raise value if isinstance(value, InvalidRecord) else InvalidRecord("It is not an object.")
                names = match_names(value)
            except InvalidRecord as error:
                wrong[row] = error
            records.append(split(value, names) if names else {})
            for side in SIDES:
                vectors[side].append(value[names[side]] if side in names else None)
        rows = make_rows(first, records, vectors, dimensions, {})
        yield VectorRows(rows.first, rows.records, rows.sides, {**rows.errors, **wrong})
        first += len(block)
