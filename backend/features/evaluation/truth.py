"""Labels: which pictures belong together according to folders, a file, or groups that curators corrected."""

import csv
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.documents import read_json
from backend.errors import FileUnreadable, InputError
from backend.features.evaluation.library import Reading

FOLDERS = "folders"
GROUPS = "groups"

_REFERENCE_NAMES = ("media_id", "id", "path", "file", "filename", "image", "url", "image_url")
_HOW = (
    "Import from one folder per label, give --labels a file of labels by picture or path, or "
    "correct groups and use --labels groups. See docs/how-to/evaluate.md."
)


@dataclass(frozen=True, eq=False)
class Truth:
    """Labels of the library.

    Attributes:
        origin: where the labels come from.
        names: the labels, in alphabetical order.
        codes: (n,) index of each picture's label in `names`, -1 if it has none.
        unknown: number of labelled items that are not in the library.
        judged: number of judged pictures, if labels come from judgements.
    """

    origin: str
    names: list[str]
    codes: NDArray[np.int64]
    unknown: int = 0
    judged: int | None = None

    @property
    def media_count(self) -> int:
        """Number of pictures with a label."""
        return len(self.labelled) if self.judged is None else self.judged

    @property
    def labelled(self) -> NDArray[np.int64]:
        """Rows with a label."""
        return np.flatnonzero(self.codes >= 0)


def find_truth(reading: Reading, labels: str, column: str) -> Truth:
    """Find the labels. `labels` is `folders`, `groups`, or a file (.csv, .tsv, .jsonl with the label in `column`; .json by id or path).

    Raises:
        FileUnreadable: the file cannot be opened.
        InputError: the labels are invalid, or there are fewer than two.
    """
    if labels == FOLDERS:
        truth = _from_folders(reading)
    elif labels == GROUPS:
        truth = _from_groups(reading)
    else:
        truth = _from_file(reading, Path(labels).expanduser(), column)
    if len(truth.names) < 2:
        known = f"{len(truth.labelled):,} of {len(reading.media_ids):,} pictures have a label by {truth.origin}"
        which = f", and all the same one, '{truth.names[0]}'" if truth.names else ""
        raise InputError(f"There is nothing to compare: {known}{which}.", hint=_HOW)
    return truth


def _from_folders(reading: Reading) -> Truth:
    folders = {media_id: name for media_id, source in reversed(reading.sources) if (name := _folder_of(source))}
    return _as_truth(reading, FOLDERS, folders)


def _folder_of(source: str) -> str:
    """Name of the folder that contains a file, empty for a bare name or a URL."""
    if "://" in source:
        return ""
    return (PureWindowsPath(source) if "\\" in source else PurePosixPath(source)).parent.name


def _from_groups(reading: Reading) -> Truth:
    """Groups that a curator labelled or locked, and pictures that a curator put into a group."""
    library = reading.library
    vouched = library.fixed | np.isin(library.clusters, sorted(library.locked | library.anchored))
    names = {}
    for row in np.flatnonzero(vouched).tolist():
        cluster_id = int(library.clusters[row])
        # Two groups with the same label are still two groups.
        names[reading.media_ids[row]] = f"{reading.group_labels.get(cluster_id) or 'group'} ({cluster_id})"
    return _as_truth(reading, GROUPS, names)


def _from_file(reading: Reading, path: Path, column: str) -> Truth:
    by_reference: dict[str, uuid.UUID] = {str(media_id): media_id for media_id in reading.media_ids}
    by_name: dict[str, set[uuid.UUID]] = {}
    for media_id, source in reversed(reading.sources):
        by_reference[source] = media_id
        by_name.setdefault(Path(source).name, set()).add(media_id)
    # A bare file name is used only if it is unique.
    by_reference = {name: min(ids) for name, ids in by_name.items() if len(ids) == 1} | by_reference
    found: dict[uuid.UUID, str] = {}
    unknown = 0
    for reference, label in _read_labels(path, column):
        known = by_reference.get(reference) or by_reference.get(str((path.parent / reference).resolve()))
        known = known or by_reference.get(Path(reference).name)
        if known is None:
            unknown += 1
        else:
            found[known] = label
    return _as_truth(reading, path.name, found, unknown)


def _as_truth(reading: Reading, origin: str, found: Mapping[uuid.UUID, str], unknown: int = 0) -> Truth:
    names = sorted(set(found.values()))
    number_of = {name: number for number, name in enumerate(names)}
    codes = np.array([number_of[found[one]] if one in found else -1 for one in reading.media_ids], dtype=np.int64)
    # Pictures without a group cannot be measured.
    present = sorted({int(code) for code in codes if code >= 0})
    renumbered = np.full(len(names) + 1, -1, dtype=np.int64)
    renumbered[present] = np.arange(len(present))
    return Truth(origin, [names[code] for code in present], renumbered[codes], unknown)


def _read_labels(path: Path, column: str) -> Iterator[tuple[str, str]]:
    """Yield references to pictures (ids, paths or URLs), with their labels."""
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise FileUnreadable(f"{path} cannot be read: {reason}.", hint=_HOW) from error
    match path.suffix.lower():
        case ".csv" | ".tsv":
            yield from _of_records(path, _csv_records(content), column)
        case ".jsonl" | ".ndjson":
            yield from _of_records(path, (_parse(path, line) for line in content.splitlines() if line.strip()), column)
        case _:
            parsed = _parse(path, content)
            yield from ((str(reference), str(label)) for reference, label in parsed.items() if str(label).strip())


def _csv_records(content: str) -> Iterator[dict[str, Any]]:
    lines = content.splitlines()
    head = lines[0] if lines else ""
    delimiter = max(",;\t", key=head.count)
    for record in csv.DictReader(lines, delimiter=delimiter):
        yield {name.strip().lower(): value for name, value in record.items() if name}


def _parse(path: Path, content: str) -> dict[str, Any]:
    try:
        parsed = read_json(content)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise InputError(f"{path} is not a JSON object of labels.", hint='Write it like {"MEDIA_ID": "harbour"}.')
    return parsed


def _of_records(path: Path, records: Iterator[dict[str, Any]], column: str) -> Iterator[tuple[str, str]]:
    columns: Counter[str] = Counter()
    used = 0
    for record in records:
        columns.update(record.keys())
        reference = next((str(record[name]) for name in _REFERENCE_NAMES if record.get(name)), "")
        label = record.get(column.lower(), record.get(column))
        if reference and label is not None and str(label).strip():
            used += 1
            yield reference, str(label).strip()
    if not used:
        raise InputError(
            f"{path} has no labels: it needs a column that names pictures "
            f"({', '.join(_REFERENCE_NAMES[:3])}, ...) and {column!r}.",
            hint=f"It has {', '.join(sorted(columns)) or 'no columns'}. Name the label column with --column.",
        )
