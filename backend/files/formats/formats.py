"""The picture formats, identified by content, never by file name.

A `PictureFormat` holds what the program knows about a format. To add one, define it here and add it to `FORMATS`. Only admins can
then read its originals, until `metadata.places` knows where such a file can hide coordinates.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Final

from PIL import AvifImagePlugin

from backend.errors import ConfigurationError, UnsupportedFormat
from backend.files.formats.blocks import bound_gif, bound_iso, bound_jpeg, bound_png, bound_tiff, bound_webp
from backend.files.formats.jpeg import check_scans
from backend.files.formats.jpeg_xl import MAGIC, walk_jpeg_xl
from backend.files.formats.mending import Mended, mend_gif, mend_jpeg, mend_png, mend_webp
from backend.files.formats.raw import extract_preview
from backend.files.formats.structure import (
    PNG_SIGNATURE,
    iso_code_points,
    png_code_points,
    png_without_pixels,
    walk_gif,
    walk_iso,
    walk_png,
    walk_webp,
)
from backend.files.formats.tiff import find_raw_maker, is_tiff, walk_tiff
from backend.files.limits import Limits

_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """A picture format."""

    name: str
    """Name of the format in Pillow."""
    title: str
    """Name of the format in sentences."""
    mime: str
    """MIME type."""
    suffixes: tuple[str, ...]
    """File name suffixes, without the dot. Originals are stored with the first."""
    is_in: Callable[[bytes], bool]
    """Returns whether the data begins like this format."""
    walk: Callable[[bytes, int], int]
    """Checks the container and counts its frames, see `structure`."""
    bound: Callable[[bytes], None] | None = None
    """Raises ImageCorrupt if there are more blocks than any program writes, see `blocks`."""
    mend: Callable[[bytes, int], Mended] | None = None
    """Completes or leaves out what decoders refuse although no pixel depends on it, see `mending`; of a raw picture, returns
    the JPEG in it. Decodes no more than the given number of pixels."""
    is_proven_by_walk: bool = False
    """Whether the check of the container suffices, so that the file is not decoded at upload."""
    without_pixels: Callable[[bytes], bytes] | None = None
    """Makes a smaller copy with the size and all metadata."""
    code_points: Callable[[bytes], tuple[int, int] | None] | None = None
    """Finds the color primaries and transfer characteristics after H.273; None if the file has none."""
    switch: str | None = None
    """The field of `Limits` that enables the format; None if it is always enabled."""
    extra: tuple[str, str] | None = None
    """The extra that installs the decoder, and its package; None if every set-up has it."""
    register: Callable[[], None] | None = None
    """Registers the decoder with Pillow."""

    @property
    def extension(self) -> str:
        return self.suffixes[0]

    @property
    def is_installed(self) -> bool:
        """Whether the extra is installed that reads it, if it needs one."""
        return self.extra is None or _is_installed(self.extra[1])

    def is_accepted(self, limits: Limits) -> bool:
        is_on = self.switch is None or bool(getattr(limits, self.switch))
        return is_on and self.is_installed


@cache
def _is_installed(package: str) -> bool:
    return find_spec(package) is not None


def _begins_with(*magic: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(magic)


def _walk_jpeg(data: bytes, _max_frames: int) -> int:
    check_scans(data)
    return 1


def _register_heif() -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise ConfigurationError(
            "HEIC is switched on, but the package pillow-heif is missing.",
            hint="Run pip install pillow-heif, or set MEDIACLUSTER_ENABLE_HEIF=false.",
        ) from None
    # One thread: decoders run side by side already, and the stacks of more would count against their memory limit.
    register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)


def _register_avif() -> None:
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # as for HEIC


JPEG: Final = PictureFormat(
    "JPEG",
    "JPEG",
    "image/jpeg",
    ("jpg", "jpeg", "jpe", "jfif"),
    _begins_with(b"\xff\xd8\xff"),
    _walk_jpeg,
    bound=bound_jpeg,
    mend=mend_jpeg,
)
PNG: Final = PictureFormat(
    "PNG",
    "PNG",
    "image/png",
    ("png",),
    _begins_with(PNG_SIGNATURE),
    walk_png,
    bound=bound_png,
    mend=mend_png,
    is_proven_by_walk=True,
    # Without the pixels, Pillow also finds the metadata that is written after them.
    without_pixels=png_without_pixels,
    code_points=png_code_points,
)
WEBP: Final = PictureFormat(
    "WEBP",
    "WebP",
    "image/webp",
    ("webp",),
    lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP",
    walk_webp,
    bound=bound_webp,
    mend=mend_webp,
)
GIF: Final = PictureFormat(
    "GIF", "GIF", "image/gif", ("gif",), _begins_with(b"GIF87a", b"GIF89a"), walk_gif, bound_gif, mend_gif
)
HEIF: Final = PictureFormat(
    "HEIF",
    "HEIC",
    "image/heic",
    ("heic", "heif"),
    # An AVIF file may name a HEIF brand in addition to its own.
    lambda data: bool(_iso_brands(data) & _HEIF_BRANDS) and not _iso_brands(data) & _AVIF_BRANDS,
    walk_iso,
    bound_iso,
    code_points=iso_code_points,
    switch="enable_heif",
    register=_register_heif,
)
AVIF: Final = PictureFormat(
    "AVIF",
    "AVIF",
    "image/avif",
    ("avif",),
    lambda data: bool(_iso_brands(data) & _AVIF_BRANDS),
    walk_iso,
    bound_iso,
    code_points=iso_code_points,
    switch="enable_avif",
    register=_register_avif,
)
TIFF: Final = PictureFormat(
    "TIFF", "TIFF", "image/tiff", ("tif", "tiff"), is_tiff, walk_tiff, bound_tiff, switch="enable_tiff"
)


def _register_jpeg_xl() -> None:
    from pillow_jxl import JpegXLImagePlugin

    JpegXLImagePlugin.DECODE_THREADS = 0  # as for HEIC


JPEG_XL: Final = PictureFormat(
    "JXL",
    "JPEG XL",
    "image/jxl",
    ("jxl",),
    _begins_with(*MAGIC),
    walk_jpeg_xl,
    extra=("jxl", "pillow_jxl"),
    register=_register_jpeg_xl,
)


def _mend_raw(data: bytes, most_pixels: int) -> Mended:
    preview = extract_preview(data)
    bound_jpeg(preview)
    return mend_jpeg(preview, most_pixels)


def _raw(title: str, mime: str, *suffixes: str, is_in: Callable[[bytes], bool]) -> PictureFormat:
    return PictureFormat(
        JPEG.name,
        title,
        mime,
        suffixes,
        is_in,
        _walk_jpeg,
        mend=_mend_raw,
        extra=("raw", "rawpy"),
    )


def _is_raw_of(*makers: str) -> Callable[[bytes], bool]:
    return lambda data: find_raw_maker(data) in makers


_RAW_FORMATS: Final = (
    _raw("DNG", "image/x-adobe-dng", "dng", is_in=_is_raw_of("dng")),
    _raw("CR2", "image/x-canon-cr2", "cr2", is_in=_is_raw_of("canon")),
    _raw("CR3", "image/x-canon-cr3", "cr3", is_in=lambda data: b"crx " in _iso_brands(data)),
    _raw("NEF", "image/x-nikon-nef", "nef", "nrw", is_in=_is_raw_of("nikon")),
    _raw("ARW", "image/x-sony-arw", "arw", is_in=_is_raw_of("sony")),
    _raw("RAF", "image/x-fuji-raf", "raf", is_in=_begins_with(b"FUJIFILMCCD-RAW")),
    _raw("ORF", "image/x-olympus-orf", "orf", is_in=_begins_with(b"IIRO", b"IIRS", b"MMOR")),
)

FORMATS: Final = (JPEG, PNG, WEBP, GIF, HEIF, AVIF, TIFF, JPEG_XL, *_RAW_FORMATS)
"""All formats, accepted or not, in the order in which messages name them."""

PICTURE_SUFFIXES: Final = frozenset(suffix for one in FORMATS for suffix in one.suffixes)
"""The suffixes of all formats, without dots."""

_HEAD_BYTES: Final = 1024

# For the message only: what people send instead of a picture.
_OTHER_KINDS: Final = (
    (b"%PDF", "a PDF"),
    (b"%!PS", "PostScript"),
    (b"II*\0", "a raw picture of a kind that is not known"),
    (b"MM\0*", "a raw picture of a kind that is not known"),
    (b"II+\0", "a BigTIFF"),
    (b"MM\0+", "a BigTIFF"),
    (b"BM", "a BMP"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"8BPS", "a Photoshop file"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
)


def identify_format(data: bytes, limits: Limits) -> PictureFormat:
    """Identify the format of `data` by its first bytes.

    Raises:
        UnsupportedFormat: the file is empty, not a picture, or of a format that is not accepted.

    """
    if not data:
        raise UnsupportedFormat("The file is empty.", hint="Send it again; the upload may have been cut off.")
    picture_format = find_format(data)
    if picture_format is None:
        raise UnsupportedFormat(f"The file is {_describe(data)}, whatever its name says.", hint=_send_others(limits))
    if not picture_format.is_accepted(limits):
        raise _switched_off(picture_format)
    return picture_format


def find_format(data: bytes) -> PictureFormat | None:
    """The format by the first bytes, accepted or not; None if it is none of `FORMATS`."""
    return next((one for one in FORMATS if one.is_in(data)), None)


def list_accepted(limits: Limits) -> list[PictureFormat]:
    """The formats that may be uploaded."""
    return [one for one in FORMATS if one.is_accepted(limits)]


def suffixes_like(extension: str) -> tuple[str, ...]:
    """All suffixes of the format whose originals are stored with this one; itself if there is no such format."""
    return next((one.suffixes for one in FORMATS if one.extension == extension), (extension,))


def mime_of(stored: bytes) -> str:
    """The MIME type of a picture from the storage."""
    found = find_format(stored)
    return "application/octet-stream" if found is None else found.mime


def _send_others(limits: Limits) -> str:
    *titles, last = [one.title for one in list_accepted(limits) if one.extra is None]
    return f"Send {', '.join(titles)} or {last}."


def _switched_off(picture_format: PictureFormat) -> UnsupportedFormat:
    title = picture_format.title
    if picture_format.extra:
        enable = f"Install it with pip install 'mediacluster[{picture_format.extra[0]}]'"
    else:
        enable = f"Set MEDIACLUSTER_{(picture_format.switch or '').upper()}=true"
    return UnsupportedFormat(
        f"The file is {'an' if title[0] in 'AEIOUNR' else 'a'} {title} picture; this server does not accept {title}.",
        hint=f"{enable} or convert it to JPEG.",
    )


def _iso_brands(data: bytes) -> frozenset[bytes]:
    if data[4:8] != b"ftyp":
        return frozenset()
    box = data[: min(int.from_bytes(data[:4], "big"), _HEAD_BYTES)]
    return frozenset({box[8:12], *(box[start : start + 4] for start in range(16, len(box), 4))})


def _describe(data: bytes) -> str:
    for magic, kind in _OTHER_KINDS:
        if data.startswith(magic):
            return kind
    if data[4:8] == b"ftyp":
        return "a video or another ISO media file"
    head = data[:_HEAD_BYTES]
    if b"<svg" in head.lower():
        return "an SVG"
    if b"\0" not in head and _is_text(head):
        return "a text"
    return "not a picture in a supported format"


def _is_text(head: bytes) -> bool:
    # The head may end within a character, so up to three bytes at its end are ignored.
    for end in range(len(head), max(len(head) - 4, 0), -1):
        try:
            head[:end].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return True
    return False
