"""Reader of IPTC-IIM, the older metadata block that photo desks write into JPEGs."""

from collections import defaultdict
from typing import Final

from PIL import Image

from backend.files.metadata.exif import as_words, find_moment
from backend.files.text import WORDS, MediaText

_IIM_RESOURCE: Final = 0x0404
_MARKER: Final = 0x1C
_CHARACTER_SET: Final = (1, 90)
_UTF8: Final = b"\x1b%G"
_APPLICATION_RECORD: Final = 2
_KEYWORDS: Final = (2, 25)
_DATE_CREATED: Final = (2, 55)
_TIME_CREATED: Final = (2, 60)

Fields = dict[tuple[int, int], list[bytes]]


def read_iptc_text(image: Image.Image) -> MediaText:
    """Return the text fields, keywords and time, not yet cleaned. Reading stops at the first damage."""
    resources = image.info.get("photoshop")
    block = resources.get(_IIM_RESOURCE) if isinstance(resources, dict) else None
    if not isinstance(block, bytes):
        return MediaText()
    fields = _read_fields(block)
    declared_utf8 = _UTF8 in fields[_CHARACTER_SET]

    def words(key: tuple[int, int]) -> list[str]:
        return [raw.decode("utf-8", "replace") if declared_utf8 else as_words(raw) for raw in fields[key]]

    def first(key: tuple[int, int]) -> str:
        return next((found for found in words(key) if found.strip()), "")

    return MediaText(
        **{
            name: field.choose(first((_APPLICATION_RECORD, dataset)) for dataset in field.iptc)
            for name, field in WORDS.items()
        },
        keywords=tuple(words(_KEYWORDS)),
        taken_at=find_moment(_moment(first(_DATE_CREATED), first(_TIME_CREATED)), first(_DATE_CREATED)),
    )


def _read_fields(block: bytes) -> Fields:
    fields: Fields = defaultdict(list)
    position = 0
    while position + 5 <= len(block) and block[position] == _MARKER:
        key = (block[position + 1], block[position + 2])
        size = int.from_bytes(block[position + 3 : position + 5], "big")
        position += 5
        if size & 0x8000:  # an extended field: this is the length of its length
            length_bytes = size & 0x7FFF
            size = int.from_bytes(block[position : position + length_bytes], "big")
            position += length_bytes
        fields[key].append(block[position : position + size])
        position += size
    return fields


def _moment(date: str, time: str) -> str:
    """'20240501', '123000+0200' -> '20240501T123000+0200', which is ISO 8601 in its basic form."""
    return f"{date.strip()}T{time.strip()}" if date.strip() and time.strip() else ""
