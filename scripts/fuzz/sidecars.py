"""A zoo of sidecars and manifests: sound, damaged and hostile. Each is read beside a picture, which it must never refuse."""

import json
import random
import struct
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from backend.errors import InputError
from backend.files.folders import Sidecar, read_manifest, read_sidecar
from backend.files.limits import Limits
from backend.files.text import is_storable
from backend.settings import MEBIBYTE

Chance = random.Random

_MOST_SECONDS: Final = 5.0
_MOST_BYTES: Final = 256 * MEBIBYTE
_GREEDY: Final = frozenset({"wide", "too_large", "nested", "entities"})
_XMP: Final = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="13,24.6S" '
    'exif:GPSLongitude="48,15.0E"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">Zürich</rdf:li></rdf:Alt></dc:title>'
    "<dc:subject><rdf:Bag><rdf:li>lake</rdf:li><rdf:li>swan</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
)
_RECORDS: Final[tuple[Any, ...]] = (
    {"title": "T", "caption": "C", "keywords": ["k", "l"], "location": "L", "story": "S", "taken_at": "2024-05-01"},
    {
        "title": "a.jpg",
        "description": "D",
        "photoTakenTime": {"timestamp": "1714559400"},
        "geoData": {"latitude": -13.4, "longitude": 48.25, "altitude": 1.0},
        "people": [{"name": "Ann"}],
    },
    [{"SourceFile": "a.jpg", "Title": "T", "Keywords": ["k"], "GPSLatitude": "13 deg 24' 36.00\" S", "DateTimeOriginal": "2024:05:01"}],
    {"fileName": "a.jpg", "dateTaken": "2024-05-01T10:30:00Z", "albums": [{"title": "A"}], "tags": [{"value": "x/y"}], "latitude": 1},
)  # fmt: skip
_ROWS: Final = (
    'path,title,keywords\na.jpg,T,"k, l"\nb.jpg,U,\n',
    "sep=;\npath;title;latitude\n2019\\a.jpg;T;1.5\n",
    "SourceFile,Title,GPSLatitude\n./a.jpg,T,\"13 deg 24' 36.00\"\" S\"\n",
    '{"file_name": "a.jpg", "text": "words"}\n{"url": "https://example.org/a.jpg"}\n',
)  # fmt: skip
_ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 1e308, 10**400, float("nan"), float("inf"), "", "\0", "\ud800", "\u202e", "x" * 5000, "x," * 500, [], {}, [[]],
    [None], [{}], {"a": {"b": []}}, "9999-99-99", "0000:00:00 00:00:00", "-13.4, 48.25", "91, 181", "<b>x", "&#0;", "1e999", -0.0,
)  # fmt: skip
_ENCODINGS: Final = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252")
_BOMB: Final = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


@dataclass(frozen=True)
class Beside:
    """One file: what was done to it, its suffix, and its bytes."""

    number: int
    kind: str
    suffix: str
    data: bytes


@dataclass
class BesideReport:
    """How many were read without a warning, with one, and refused as a manifest; the slowest; what must not happen."""

    outcomes: Counter[str] = field(default_factory=Counter)
    by_kind: dict[str, Counter[str]] = field(default_factory=dict)
    slowest_seconds: float = 0.0
    most_bytes: int = 0
    violations: list[str] = field(default_factory=list)


def make_sidecars(seed: int, count: int) -> Iterator[Beside]:
    """`count` files, every kind in turn; each follows from the seed and its number."""
    kinds = sorted(_KINDS)
    for number in range(count):
        chance = random.Random(f"{seed} {number}")  # noqa: S311 - not a secret
        kind = kinds[number % len(kinds)]
        suffix, data = _KINDS[kind](chance)
        yield Beside(number, kind, suffix, data)


def read_zoo(zoo: Iterable[Beside], limits: Limits) -> BesideReport:
    """Read each file. A violation is any error that is not coded, an answer that cannot be stored, or one that takes too much
    time or memory."""
    report = BesideReport()
    with tempfile.TemporaryDirectory() as name:
        for one in zoo:
            folder = Path(name) / str(one.number)
            folder.mkdir()
            (folder / "a.jpg").touch()
            path = folder / f"a{one.suffix}"
            path.write_bytes(one.data)
            begun = time.perf_counter()
            try:
                outcome = _read(path, limits)
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                outcome = "violation"
                report.violations.append(
                    f"{one.number} ({one.kind}{one.suffix}): {type(error).__name__}: {error!s:.300}"
                )
            seconds = time.perf_counter() - begun
            most_bytes = _measured_bytes(path, limits) if one.kind in _GREEDY and outcome != "violation" else 0
            if seconds > _MOST_SECONDS or most_bytes > _MOST_BYTES:
                report.violations.append(
                    f"{one.number} ({one.kind}{one.suffix}): {seconds:.1f} s, {most_bytes:,} bytes"
                )
            report.slowest_seconds = max(report.slowest_seconds, seconds)
            report.most_bytes = max(report.most_bytes, most_bytes)
            report.outcomes[outcome] += 1
            report.by_kind.setdefault(one.kind, Counter())[outcome] += 1
    return report


def _measured_bytes(path: Path, limits: Limits) -> int:
    """How much memory reading takes. Measuring takes several times as long as reading."""
    tracemalloc.start()
    try:
        _read(path, limits)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _read(path: Path, limits: Limits) -> str:
    if path.suffix in {".csv", ".jsonl"}:
        try:
            rows = list(read_manifest(path, limits))
        except InputError:
            return "refused"
        return "read" if rows else "empty"
    sidecar = read_sidecar(path.with_name("a.jpg"), limits)
    _require_storable(sidecar, limits)
    return "warned" if sidecar.warnings else "read"


def _require_storable(sidecar: Sidecar, limits: Limits) -> None:
    text = sidecar.text
    words = (text.title, text.caption, text.location, text.story, *text.keywords, *sidecar.albums)
    if not all(is_storable(word) for word in words):
        raise AssertionError("a text cannot be stored")
    if len(text.caption) > limits.max_caption_characters or len(text.story) > limits.max_story_characters:
        raise AssertionError("a text is over its limit")
    json.dumps(sidecar.place, allow_nan=False)
    for date in sidecar.dates:
        date.moment.isoformat()
    if not all(warning.code and warning.detail for warning in sidecar.warnings):
        raise AssertionError("a warning says nothing")


# --- kinds -----------------------------------------------------------------------------------------------------

Made = tuple[str, bytes]


def _sound(chance: Chance) -> Made:
    suffix = chance.choice((".json", ".xmp", ".txt", ".csv", ".jsonl"))
    if suffix == ".json":
        words = json.dumps(chance.choice(_RECORDS), ensure_ascii=False)
    elif suffix in {".csv", ".jsonl"}:
        words = chance.choice(_ROWS[:3]) if suffix == ".csv" else _ROWS[3]
    else:
        words = _XMP if suffix == ".xmp" else "Zürich\nam See"
    return suffix, words.encode(chance.choice(_ENCODINGS))


def _truncated(chance: Chance) -> Made:
    suffix, data = _sound(chance)
    return suffix, data[: chance.randrange(len(data))]


def _flipped(chance: Chance) -> Made:
    suffix, data = _sound(chance)
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 3, 30))):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return suffix, bytes(damaged)


def _spliced(chance: Chance) -> Made:
    (suffix, one), (_, other) = _sound(chance), _sound(chance)
    return suffix, one[: chance.randrange(len(one))] + other[chance.randrange(len(other)) :]


def _repeated(chance: Chance) -> Made:
    suffix, data = _sound(chance)
    begin = chance.randrange(len(data))
    return suffix, data[:begin] + data[begin : begin + chance.choice((1, 9, 60))] * chance.choice((50, 3000)) + data[
        begin:
    ]


def _odd_values(chance: Chance) -> Made:
    """Records in which values are of any kind."""
    record = chance.choice(_RECORDS)
    record = dict(record[0] if isinstance(record, list) else record)
    for name in chance.sample(sorted(record), chance.randrange(1, len(record) + 1)):
        record[name] = chance.choice(_ODD_VALUES)
    record |= {str(chance.choice(_ODD_VALUES)): chance.choice(_ODD_VALUES)}
    suffix = chance.choice((".json", ".json", ".jsonl"))
    return suffix, json.dumps(record).encode()


def _odd_cells(chance: Chance) -> Made:
    names = chance.sample(
        ("path", "SourceFile", "title", "keywords", "taken_at", "latitude", "url", "text", "", '"', "GPSLatitude"), 4
    )
    cells = (chance.choice(_ODD_VALUES) for _ in range(40))
    rows = "\n".join(",".join(str(next(cells)) for _ in range(4)) for _ in range(10))
    return ".csv", f"{','.join(names)}\n{rows}".encode("utf-8", "surrogatepass")


def _nested(chance: Chance) -> Made:
    depth = chance.choice((40, 2_000, 100_000))
    return chance.choice(
        (
            (".json", b"[" * depth + b"]" * depth),
            (".json", b'{"title":' * depth + b"1" + b"}" * depth),
            (".xmp", b"<a>" * depth + b"</a>" * depth),
            (".xmp", _XMP.replace("<dc:title>", "<dc:title>" + "<a>" * depth).replace("</dc:title>", "</a>" * depth + "</dc:title>").encode()),
        )
    )  # fmt: skip


def _entities(chance: Chance) -> Made:
    body = chance.choice(("&c;" * 50, "&a;", '<rdf:li xmlns:rdf="x">&c;</rdf:li>'))
    head = chance.choice(
        (_BOMB, '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>', '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x">')
    )
    return ".xmp", f"{head}{_XMP.replace('Zürich', body)}".encode()


def _wide(chance: Chance) -> Made:
    """As much as is read, of what takes the most memory."""
    most = 1024 * 1024 - 200
    return chance.choice(
        (
            (".json", b"[" + b"[]," * (most // 3) + b"[]]"),
            (".json", b'{"keywords": [' + b'"a",' * (most // 4) + b'"b"]}'),
            (".json", b'{"title": "' + b"&lt;" * (most // 4) + b'"}'),
            (".xmp", _XMP.replace("<rdf:li>lake</rdf:li>", "<rdf:li/>" * (most // 10)).encode()),
            (".xmp", _XMP.replace("lake", "<b>" + "x" * (most - 2000) + "</b>").encode()),
            (".txt", b"<" * most),
            (".txt", b"&" * most),
            (".csv", b"path,title\n" + b"a" * most),
            (".csv", b"path" + b"," * most),
        )
    )


def _too_large(chance: Chance) -> Made:
    return chance.choice((".json", ".xmp", ".txt")), b" " * chance.choice((1024 * 1024 + 1, 3 * 1024 * 1024))


def _noise(chance: Chance) -> Made:
    head = chance.choice((b"", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xff\xfe\0\0", b"\0", b"\x1f\x8b"))
    return chance.choice((".json", ".xmp", ".txt", ".csv", ".jsonl")), head + chance.randbytes(
        chance.choice((0, 1, 3, 400))
    )


def _other_format(chance: Chance) -> Made:
    others = (
        b"\xff\xd8\xff\xe0" + chance.randbytes(90),
        b"%PDF-1.4",
        b"PK\3\4",
        b"<html></html>",
        b"<svg/>",
        struct.pack("<I", 7),
    )
    return chance.choice((".json", ".xmp", ".txt", ".csv")), chance.choice(others)


_KINDS: dict[str, Callable[[Chance], Made]] = {
    make.__name__.removeprefix("_"): make
    for make in (
        _sound, _truncated, _flipped, _spliced, _repeated, _odd_values, _odd_cells, _nested, _entities, _wide, _too_large, _noise,
        _other_format,
    )
}  # fmt: skip
SIDECAR_KINDS = tuple(sorted(_KINDS))
