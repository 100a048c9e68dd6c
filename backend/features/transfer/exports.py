"""Export of the library with its vectors, in the formats that `import_embeddings` reads: .npz, .parquet, .json and .jsonl."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from backend.errors import FileUnreadable
from backend.files.text import WORDS
from backend.files.vector_tables import SPACE_KEY, NpzWriter, check_suffix, parquet_modules
from backend.store.engine import Database, Session, begin_snapshot
from backend.store.media import count_exported, get_widths, iterate_exported
from backend.store.schema import Space
from backend.store.spaces import get_active_space

VectorPrecision = Literal["float32", "float16"]
_VECTORS = {"image": "image_embedding", "text": "text_embedding", "caption_vector": "caption_embedding"}
# Digits for the requested precision and no more, since a file for a browser consists mostly of digits.
_DIGITS = {"float32": 9, "float16": 4}


@dataclass(frozen=True)
class ExportReport:
    """Number of exported pictures, and the file with its size."""

    media: int
    place: str
    byte_size: int


class _Writer(Protocol):
    def write(self, records: list[dict[str, Any]]) -> None: ...

    def close(self) -> None: ...


def export(
    database: Database,
    path: Path,
    *,
    precision: VectorPrecision = "float32",
    clusters: Sequence[int] = (),
    keywords: Sequence[str] = (),
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> ExportReport:
    """Export the ready pictures of one snapshot, in upload order, in batches. An existing file is replaced at the end, atomically.

    `clusters` and `keywords` restrict the export to pictures in one of these groups and with one of these keywords.

    Raises:
        FileUnreadable: the format is unknown, or the file cannot be written.
        NotFound: the library has no space.
    """
    check_suffix(path)
    done = 0
    with database.transaction() as session, _replaced(path) as partial:
        begin_snapshot(session)
        space = get_active_space(session)
        total = count_exported(session, space.id, clusters, keywords)
        writer = _open(path, partial, session, space, precision, clusters, keywords)
        for records in iterate_exported(session, space.id, clusters, keywords):
            writer.write(records)
            done += len(records)
            on_progress(done, total)
        writer.close()
    return ExportReport(done, str(path), path.stat().st_size)


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be written: {error.strerror}.", hint="Choose another place.") from error
    finally:
        partial.unlink(missing_ok=True)


def _open(
    path: Path,
    partial: Path,
    session: Session,
    space: Space,
    precision: VectorPrecision,
    clusters: Sequence[int],
    keywords: Sequence[str],
) -> _Writer:
    suffix = check_suffix(path)
    if suffix in {".json", ".jsonl"}:
        return _JsonWriter(partial, precision, as_list=suffix == ".json")
    told = json.dumps(_describe(space))
    if suffix == ".parquet":
        return _ParquetWriter(partial, precision, space, told)
    widths = get_widths(session, space.id, clusters, keywords)
    return _ArraysWriter(partial, precision, space, told, widths)


def _describe(space: Space) -> dict[str, Any]:
    names = ("name", "preset", "image_model", "image_checkpoint", "text_model", "image_fingerprint", "text_fingerprint")
    return {name: getattr(space, name) for name in (*names, "image_dimension", "text_dimension")}


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """A record without vectors, ready for JSON."""
    taken_at = record["taken_at"]
    rest = {name: value for name, value in record.items() if name not in _VECTORS}
    return rest | {"id": str(record["id"]), "taken_at": taken_at.isoformat() if taken_at else None}


class _JsonWriter:
    """Writes one record per line, as a JSON list or as JSON lines."""

    def __init__(self, path: Path, precision: VectorPrecision, *, as_list: bool) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._digits, self._precision = _DIGITS[precision], precision
        self._before, self._between, self._after = ("[\n", ",\n", "\n]\n") if as_list else ("", "\n", "\n")
        self._file.write(self._before)
        self._any = False

    def write(self, records: list[dict[str, Any]]) -> None:
        for record in records:
            fields = [json.dumps(_plain(record), ensure_ascii=False)[1:-1]]
            fields += [f'"{name}": {self._numbers(record[column])}' for column, name in _VECTORS.items()]
            self._file.write((self._between if self._any else "") + "{" + ", ".join(fields) + "}")
            self._any = True

    def _numbers(self, vector: Any) -> str:
        if vector is None:
            return "null"
        return "[" + ",".join([f"{value:.{self._digits}g}" for value in vector.tolist()]) + "]"

    def close(self) -> None:
        self._file.write(self._after if self._any or self._before else "")
        self._file.close()


class _ParquetWriter:
    def __init__(self, path: Path, precision: VectorPrecision, space: Space, told: str) -> None:
        self._arrow, parquet = parquet_modules()
        arrow = self._arrow
        number = arrow.float32() if precision == "float32" else arrow.float16()
        self._precision = precision
        dimensions = (space.image_dimension, space.text_dimension, space.image_dimension)
        self._schema = arrow.schema(
            [
                *[(name, arrow.string()) for name in ("id", "path", "file_name", *WORDS)],
                ("keywords", arrow.list_(arrow.string())),
                *[(name, arrow.string()) for name in ("taken_at", "taken_at_precision", "taken_at_source")],
                *[("cluster_id", arrow.int64()), ("cluster_label", arrow.string()), ("similarity", arrow.float64())],
                *[(name, arrow.list_(number, size)) for name, size in zip(_VECTORS.values(), dimensions, strict=True)],
            ],
            metadata={SPACE_KEY: told},
        )
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, records: list[dict[str, Any]]) -> None:
        arrow = self._arrow
        columns = [_plain(record) for record in records]
        arrays = [
            arrow.array([record[name] for record in columns], self._schema.field(name).type)
            for name in self._schema.names
            if name not in _VECTORS.values()
        ]
        for column, name in _VECTORS.items():
            kind = self._schema.field(name).type
            rows, has = _stack([record[column] for record in records], kind.list_size, self._precision)
            flat = arrow.array(rows.reshape(-1))
            arrays.append(arrow.FixedSizeListArray.from_arrays(flat, type=kind, mask=arrow.array(~has)))
        self._writer.write_batch(arrow.record_batch(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


class _ArraysWriter:
    """Writes one array per column. A row without a vector has zeros, and False in `has_text_embedding`."""

    def __init__(
        self, path: Path, precision: VectorPrecision, space: Space, told: str, widths: Mapping[str, int]
    ) -> None:
        self._precision = precision
        self._dimensions = (space.image_dimension, space.text_dimension, space.image_dimension)
        self._kinds = {"id": "<U36", "taken_at": "<U32", "taken_at_precision": "<U9"} | {
            name: f"<U{max(width, 1)}" for name, width in widths.items()
        }
        self._npz = NpzWriter(path)
        self._npz.add_scalar(SPACE_KEY, told)

    def write(self, records: list[dict[str, Any]]) -> None:
        plain = [_plain(record) | {"keywords": ", ".join(record["keywords"])} for record in records]
        for name, kind in self._kinds.items():
            self._npz.append(name, np.array([record[name] or "" for record in plain], dtype=kind))
        self._npz.append("cluster_id", np.array([record["cluster_id"] for record in plain], dtype=np.int64))
        self._npz.append("similarity", np.array([record["similarity"] for record in plain], dtype=np.float64))
        for (column, name), dimension in zip(_VECTORS.items(), self._dimensions, strict=True):
            rows, has = _stack([record[column] for record in records], dimension, self._precision)
            self._npz.append(name, rows)
            self._npz.append(f"has_{name}", has)

    def close(self) -> None:
        self._npz.close()


def _stack(vectors: list[Any], dimension: int, precision: VectorPrecision) -> tuple[Any, Any]:
    """Rows (n, d), zero if there is no vector, and which rows have one."""
    rows, has = np.zeros((len(vectors), dimension), dtype=precision), np.zeros(len(vectors), dtype=np.bool_)
    for row, vector in enumerate(vectors):
        if vector is not None:
            rows[row], has[row] = vector, True
    return rows, has
