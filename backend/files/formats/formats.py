"""Which picture formats are let in, told by content and never by name."""

from dataclasses import dataclass
from typing import Final

from backend.errors import UnsupportedFormat
from backend.files.limits import Limits


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """One format: Pillow's name of it, MIME type and the extension that originals are stored under."""

    name: str
    mime: str
    extension: str


JPEG: Final = PictureFormat("JPEG", "image/jpeg", "jpg")
PNG: Final = PictureFormat("PNG", "image/png", "png")
WEBP: Final = PictureFormat("WEBP", "image/webp", "webp")
GIF: Final = PictureFormat("GIF", "image/gif", "gif")
HEIF: Final = PictureFormat("HEIF", "image/heic", "heic")
AVIF: Final = PictureFormat("AVIF", "image/avif", "avif")

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_MAGIC: Final = ((b"\xff\xd8\xff", JPEG), (PNG_SIGNATURE, PNG), (b"GIF87a", GIF), (b"GIF89a", GIF))
_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEAD_BYTES: Final = 1024

# For the message only: what people send instead of a picture.
_OTHER_KINDS: Final = (
    (b"%PDF", "a PDF"),
    (b"%!PS", "PostScript"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"BM", "a BMP"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"8BPS", "a Photoshop file"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
)


def identify_format(data: bytes, limits: Limits) -> PictureFormat:
    """Tell the format of `data` by its first bytes.

    Raises:
        UnsupportedFormat: the file is empty, no picture, or of a format that is not let in.

    """
    if not data:
        raise UnsupportedFormat("The file is empty.", hint="Send it again; the upload may have been cut off.")
    picture_format = find_format(data)
    if picture_format == HEIF and not limits.enable_heif:
        raise UnsupportedFormat(
            "The file is a HEIC picture; this server does not accept HEIC.",
            hint="Set MEDIACLUSTER_ENABLE_HEIF=true (extra `heif`) or convert it to JPEG.",
        )
    if picture_format == AVIF and not limits.enable_avif:
        raise UnsupportedFormat(
            "The file is an AVIF picture; this server does not accept AVIF.",
            hint="Set MEDIACLUSTER_ENABLE_AVIF=true or convert it to JPEG.",
        )
    if picture_format is None:
        raise UnsupportedFormat(
            f"The file is {_describe(data)}, whatever its name says.", hint="Send JPEG, PNG, WebP or GIF."
        )
    return picture_format


def find_format(data: bytes) -> PictureFormat | None:
    """The format by the first bytes, whether it is let in or not; None where it is none of these."""
    for magic, picture_format in _MAGIC:
        if data.startswith(magic):
            return picture_format
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return WEBP
    brands = _iso_brands(data)
    if brands & _AVIF_BRANDS:
        return AVIF
    if brands & _HEIF_BRANDS:
        return HEIF
    return None


def mime_of(stored: bytes) -> str:
    """The MIME type of a picture that we have stored ourselves."""
    found = find_format(stored)
    return "application/octet-stream" if found is None else found.mime


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
    # A character may be cut at the end of the head, so up to three bytes are forgiven.
    for end in range(len(head), max(len(head) - 4, 0), -1):
        try:
            head[:end].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return True
    return False
