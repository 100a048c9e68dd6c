"""Reader of a picture's embedded metadata, from all its containers. `WORDS` and `fields` say what is read into what."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from PIL import Image

from backend.errors import InputError
from backend.files.formats import (
    GIF,
    JPEG,
    JPEG_XL,
    PNG,
    Mended,
    PictureFormat,
    bound_exif,
    find_box,
    find_exif_block,
    gif_extensions,
    identify_format,
    mend_picture,
    open_header,
    packed_kinds,
    unpack_raw_profile,
)
from backend.files.limits import Limits
from backend.files.metadata.encodings import as_told_words, is_told
from backend.files.metadata.exif import read_exif, read_exif_fields
from backend.files.metadata.fields import (
    DATES,
    HIERARCHIES,
    KEYWORDS,
    PEOPLE,
    PLACE,
    Fields,
    split_path,
)
from backend.files.metadata.iptc import read_iptc_fields
from backend.files.metadata.json_values import JSON
from backend.files.metadata.keywords import Keyword, without_people, written_keywords
from backend.files.metadata.places import join_extended_xmp
from backend.files.metadata.xmp import read_xmp_fields
from backend.files.text import (
    WORDS,
    MediaText,
    fit_media_text,
    read_date,
    split_keywords,
)
from backend.moments import DateCandidate

_GIF_XMP: Final = b"\x21\xff\x0bXMP DataXMP"
_GIF_TRAILER: Final = b"\x01\xff\xfe\xfd\xfc"
_EXTENDED: Final = b"HasExtendedXMP"
_XMP: Final = ("xmp", "XML:com.adobe.xmp")
_XMP_SEGMENT: Final = b"http://ns.adobe.com/xap/1.0/\0"
_RAW_XMP: Final = {"Raw profile type xmp": b"", "Raw profile type APP1": _XMP_SEGMENT}
_PNG_WORDS: Final = {"png:Title": "Title", "png:Description": "Description", "png:Comment": "Comment"}
_PACKED_BOXES: Final = {
    kind: f"The {title} of the JPEG XL is compressed, so it is left out. Write it without compression."
    for kind, title in ((b"Exif", "EXIF block"), (b"xml ", "XMP packet"))
}
_MOST_COMMENTS: Final = 16
_PNG_MOMENT: Final = "png:Creation Time"


@dataclass(frozen=True, slots=True)
class EmbeddedMetadata:
    """Metadata found inside a file.

    Attributes:
        text: title, caption and other text, cleaned and cut to the limits; its moment is among `dates`.
        exif: technical data and the place, safe to store as JSON: no bytes, NUL or NaN.
        dates: all moments that it gives, for `backend.rules.dates`.
        warnings: what could not be read, in sentences.
        names_only: whether the keywords are nothing but names of people.
    """

    text: MediaText = field(default_factory=MediaText)
    exif: dict[str, JSON] = field(default_factory=dict)
    dates: tuple[DateCandidate, ...] = ()
    warnings: tuple[str, ...] = ()
    names_only: bool = field(default=True, compare=False)


def read_metadata(data: bytes, limits: Limits, mended: Mended | None = None) -> EmbeddedMetadata:
    """Read the metadata of a picture without decoding pixels. `mended` is what `mend_picture` returned for it, if that is known.

    Never raises because of the data: unreadable parts are omitted, and text over the limits is cut.
    """
    try:
        picture_format = identify_format(data, limits)
        whole = (mended or mend_picture(data, picture_format, limits)).data
        with open_header(whole, picture_format) as image:
            bound_exif(image, limits.max_exif_bytes)
            fields = Fields()
            exif = _exif_of(image)
            fields.include(read_exif_fields(exif))
            fields.include(read_iptc_fields(image, whole))
            packet = _gif_xmp(data) if picture_format == GIF else _xmp_of(image)
            if picture_format == JPEG_XL:
                packet = packet or find_box(data, b"xml ")
                missing = {b"Exif": not image.info.get("exif"), b"xml ": not packet}
                fields.warnings += [_PACKED_BOXES[kind] for kind in packed_kinds(data) if missing.get(kind)]
            fields.include(read_xmp_fields(packet))
            if _EXTENDED in packet:
                fields.include(read_xmp_fields(join_extended_xmp(data)))
            if picture_format == PNG:
                fields.include(_png_fields(image))
            fields.include(_comments(image, picture_format))
            return _metadata_of(fields, limits, read_exif(exif))
    except InputError:
        return EmbeddedMetadata()


def read_xmp(packet: bytes, limits: Limits) -> EmbeddedMetadata:
    """Read an XMP packet that is not in a picture. `exif` has nothing but the place.

    Never raises because of the data: what cannot be read is in `warnings`.
    """
    return _metadata_of(read_xmp_fields(packet), limits, {})


def _metadata_of(fields: Fields, limits: Limits, exif: Mapping[str, JSON]) -> EmbeddedMetadata:
    words: dict[str, Any] = {name: one.choose(fields.words) for name, one in WORDS.items()}
    keywords, people = _keywords(fields, with_people=limits.people_as_keywords)
    text = MediaText(**words, keywords=(*keywords, *people))
    place: Mapping[str, JSON] = next((fields.places[name] for name in PLACE if name in fields.places), {})
    return EmbeddedMetadata(
        fit_media_text(text, limits),
        {**exif, **place},
        tuple(fields.dates[name] for name in DATES if name in fields.dates),
        tuple(fields.warnings),
        names_only=not keywords,
    )


def _keywords(fields: Fields, *, with_people: bool) -> tuple[list[str], list[str]]:
    """The keywords, and the names that are keywords too."""
    keywords = [
        Keyword(tuple(split_path(item, sign)), is_path=True) if sign else Keyword((item,))
        for source in KEYWORDS
        for sign in [HIERARCHIES.get(source)]
        for item in fields.words.get(source, ())
    ]
    people = [name for source in PEOPLE for name in fields.words.get(source, ())]
    words = written_keywords(keywords)
    return (list(words), people) if with_people else (list(without_people(words, keywords, people)), [])


def _exif_of(image: Image.Image) -> Image.Exif:
    exif = Image.Exif()
    try:
        if block := find_exif_block(image):
            exif.load(block)
            return exif
        # Not image.getexif(): for a PNG it would look for chunks after the pixels, which are missing here.
        return Image.Image.getexif(image)
    except Exception:  # noqa: BLE001 - Pillow raises a dozen types on a broken block; XMP and IPTC may still be whole
        return Image.Exif()


def _xmp_of(image: Image.Image) -> bytes:
    packet = next((image.info[name] for name in _XMP if image.info.get(name)), b"")
    if isinstance(packet, str):
        return packet.encode("utf-8", "surrogatepass")
    if isinstance(packet, bytes) and packet:
        return packet
    # ImageMagick and exiftool write it into a PNG as text. APP1 is also the segment of EXIF.
    for name, head in _RAW_XMP.items():
        with suppress(ValueError):
            profile = unpack_raw_profile(str(image.info.get(name, "")))
            if profile and profile.startswith(head):
                return profile.removeprefix(_XMP_SEGMENT)
    return b""


def _gif_xmp(data: bytes) -> bytes:
    """The XMP packet of a GIF: in one piece before a trailer that all lengths lead into, as Adobe has it, or in blocks."""
    begin = data.find(_GIF_XMP)
    if begin == -1:
        return b""
    begin += len(_GIF_XMP)
    end = data.find(_GIF_TRAILER, begin)
    if end != -1:
        return data[begin:end]
    name = _GIF_XMP[3:]
    return next((one.removeprefix(name) for one in gif_extensions(data) if one.startswith(name)), b"")


def _comments(image: Image.Image, picture_format: PictureFormat) -> Fields:
    """The comments of a JPEG, its segments COM, or of a GIF. Machines keep data in them too, which is left out."""
    raw: list[object] = []
    if picture_format == JPEG:
        raw = [value for name, value in getattr(image, "applist", ()) if name == "COM"]
    elif picture_format == GIF:
        raw = [image.info.get("comment")]
    fields = Fields()
    warnings: list[str] = []
    words = [as_told_words(value, "A comment", warnings) for value in raw[:_MOST_COMMENTS] if is_told(value)]
    fields.warnings += dict.fromkeys(warnings)
    name = "jpeg:Comment" if picture_format == JPEG else "gif:Comment"
    fields.add_words(name, [one for one in words if _is_written(one)])
    return fields


def _is_written(words: str) -> bool:
    """Whether a comment is text. Numbers alone are marks that programs leave."""
    return any(map(str.isalpha, words)) and all(one.isprintable() or one.isspace() for one in words)


def _png_fields(image: Image.Image) -> Fields:
    fields = Fields()
    texts = {name: as_told_words(value) for name, value in image.info.items() if isinstance(value, str)}
    for name, keyword in _PNG_WORDS.items():
        fields.add_words(name, [texts.get(keyword, "")])
    fields.add_words("png:Keywords", split_keywords(texts.get("Keywords", "")))
    fields.add_date(read_date(texts.get("Creation Time", ""), DATES[_PNG_MOMENT], _PNG_MOMENT))
    return fields
