"""The page about metadata says what the code does: its tables are those of `fields`."""

import re
from pathlib import Path

import pytest

from backend.files.metadata.fields import DATES, HIERARCHIES, KEYWORDS, PEOPLE, PLACE
from backend.files.metadata.metadata import read_metadata
from backend.files.metadata.xmp import MAX_PACKET_BYTES
from backend.files.text import WORDS
from backend.moments import Precision, Standing
from tests.support.containers import NAMESPACES

PAGE = (Path(__file__).parents[4] / "docs/reference/metadata.md").read_text(encoding="utf-8")
FIELD = re.compile(r"`((?:exif|iptc|xmp|png|jpeg|gif):[^`]+)`")


def rows(section: str) -> list[list[str]]:
    """The cells of the lines of the tables in a section, without their heads."""
    body = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines() if line.startswith("| ")
    ]
    return [row for row in cells if row[0] not in {"Field", "Standing", "Fields, joined by commas"}]


@pytest.mark.parametrize(
    ("section", "declared"),
    [
        *((name.capitalize(), words.found_in) for name, words in WORDS.items() if words.found_in),
        *(("Keywords", KEYWORDS), ("People", PEOPLE), ("Place", PLACE)),
    ],
)
def test_reference__fields_in_order_of_precedence(section: str, declared: tuple[str | tuple[str, ...], ...]) -> None:
    parts = [(one,) if isinstance(one, str) else one for one in declared]
    assert [tuple(FIELD.findall(row[0])) for row in rows(section)] == parts


def test_reference__dates_with_their_standing() -> None:
    lines = rows("Dates")
    standings = [row[0] for row in lines if not FIELD.match(row[1])]
    fields = {FIELD.findall(row[1])[0]: row[0] for row in lines if FIELD.match(row[1])}

    assert standings == [one.name.lower() for one in sorted(Standing, reverse=True)]
    assert list(fields.items()) == [(name, standing.name.lower()) for name, standing in DATES.items()]
    assert all(f"`{one.label}`" in PAGE for one in Precision)


def test_reference__every_declared_field_is_read() -> None:
    """Each name is known to a reader: it occurs in the source of one, in full or by its parts."""
    folder = Path(read_metadata.__code__.co_filename).parent
    readers = "".join(
        (folder / name).read_text(encoding="utf-8") for name in ("exif.py", "iptc.py", "metadata.py", "xmp.py")
    )
    of_words = (name for words in WORDS.values() for name in words.sources)
    names = [*of_words, *KEYWORDS, *PEOPLE, *PLACE, *DATES, *HIERARCHIES]
    for name in names:
        prefix = name.split(":")[1]
        assert prefix in NAMESPACES if name.startswith("xmp:") else f'"{name}"' in readers, name


def test_reference__limits() -> None:
    assert MAX_PACKET_BYTES == 1024 * 1024
    assert "an XMP packet of more than 1 MiB" in PAGE
