"""Reader of IPTC-IIM, the older metadata block that photo desks write into JPEGs and TIFFs."""

import struct
from collections import defaultdict
from typing import Final

from PIL import Image

from backend.files.formats import read_tiff_value, unpack_raw_profile
from backend.files.metadata.code_pages import WESTERN, guess_code_page, say_code_page
from backend.files.metadata.encodings import as_words
from backend.files.metadata.fields import DATES, Fields
from backend.files.text import read_date

_IIM_RESOURCE: Final = 0x0404
_TIFF_TAG: Final = 33723
_TIFF_RESOURCES: Final = 34377
_RESOURCE: Final = b"8BIM"
_PROFILES: Final = ("Raw profile type iptc", "Raw profile type 8bim")
_MARKER: Final = 0x1C
_MARK: Final = bytes((_MARKER,))
_CHARACTER_SET: Final = (1, 90)
# The escape sequences of ISO 2022 that files really have.
_ENCODINGS: Final = {b"\x1b%G": "utf-8", b"\x1b%/I": "utf-8", b"\x1b.A": "latin-1", b"\x1b-A": "latin-1"}
_WORDS: Final = {
    "iptc:ObjectName": (2, 5),
    "iptc:Keywords": (2, 25),
    "iptc:City": (2, 90),
    "iptc:Sub-location": (2, 92),
    "iptc:Province-State": (2, 95),
    "iptc:Country-PrimaryLocationName": (2, 101),
    "iptc:Headline": (2, 105),
    "iptc:Caption-Abstract": (2, 120),
}
_MOMENTS: Final = {"iptc:DateCreated": ((2, 55), (2, 60)), "iptc:DigitalCreationDate": ((2, 62), (2, 63))}

Datasets = dict[tuple[int, int], list[bytes]]


def read_iptc_fields(image: Image.Image, data: bytes) -> Fields:
    """Return the words and moments of the IPTC block in a picture with these bytes, as they stand there.

    Reading stops at the first damage.
    """
    fields = Fields()
    block = _find_block(image, data)
    if not block:
        return fields
    datasets = _read_datasets(block)
    declared = next((_ENCODINGS[raw] for raw in datasets[_CHARACTER_SET] if raw in _ENCODINGS), None)
    # The values of a block are in one encoding, so they are judged together.
    others = [raw for key in _WORDS.values() for raw in datasets[key] if not _is_in(raw, declared or "utf-8")]
    page, is_certain = guess_code_page(b" ".join(others)) if others else (WESTERN, True)
    for name, key in _WORDS.items():
        fields.add_words(name, (_decoded(raw, declared, page) for raw in datasets[key]))
    if warning := say_code_page("The IPTC block", page, is_certain=is_certain):
        fields.warnings.append(warning)
    for name, keys in _MOMENTS.items():
        day, clock = (next((as_words(raw).strip() for raw in datasets[key] if raw.strip()), "") for key in keys)
        fields.add_date(read_date(f"{day}T{clock}" if clock else day, DATES[name], name))
    return fields


def _is_in(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _decoded(raw: bytes, declared: str | None, page: str) -> str:
    # Programs declare UTF-8 and leave older values as they are.
    if declared and _is_in(raw, declared):
        return raw.decode(declared)
    return as_words(raw, page)


def _find_block(image: Image.Image, data: bytes) -> bytes:
    """The IPTC block of a JPEG, a TIFF, or a PNG by ImageMagick or exiftool; b'' if there is none."""
    resources = image.info.get("photoshop")
    if isinstance(resources, dict):
        block = resources.get(_IIM_RESOURCE)
        return block if isinstance(block, bytes) else b""
    profile = next((_unhexed(image.info[name]) for name in _PROFILES if name in image.info), None)
    if profile is not None:
        return _of_resources(profile) if profile.startswith(_RESOURCE) else profile
    return _in_order(read_tiff_value(data, _TIFF_TAG)) or _of_resources(read_tiff_value(data, _TIFF_RESOURCES))


def _in_order(block: bytes) -> bytes:
    """A block as it was before its program, which declared four-byte numbers, turned each of them around."""
    if block[:1] != _MARK and block[3:4] == _MARK and not len(block) % 4:
        return struct.pack(f">{len(block) // 4}L", *struct.unpack(f"<{len(block) // 4}L", block))
    return block


def _unhexed(profile: object) -> bytes:
    try:
        return unpack_raw_profile(str(profile))
    except ValueError:
        return b""


def _of_resources(data: bytes) -> bytes:
    """The IPTC block among the resources of Photoshop."""
    position = 0
    while data[position : position + 4] == _RESOURCE and position + 12 <= len(data):
        kind = int.from_bytes(data[position + 4 : position + 6], "big")
        # The name, with its length before it, and the data fill even numbers of bytes.
        position += 6 + (data[position + 6] + 2) // 2 * 2
        size = int.from_bytes(data[position : position + 4], "big")
        position += 4
        if kind == _IIM_RESOURCE:
            return data[position : position + size]
        position += size + size % 2
    return b""


def _read_datasets(block: bytes) -> Datasets:
    datasets: Datasets = defaultdict(list)
    position = 0
    while position + 5 <= len(block) and block[position] == _MARKER:
        key = (block[position + 1], block[position + 2])
        size = int.from_bytes(block[position + 3 : position + 5], "big")
        position += 5
        if size & 0x8000:  # an extended field: this is the length of its length
            length_bytes = size & 0x7FFF
            size = int.from_bytes(block[position : position + length_bytes], "big")
            position += length_bytes
        datasets[key].append(block[position : position + size])
        position += size
    return datasets
