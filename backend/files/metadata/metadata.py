"""Reader of a picture's embedded metadata. XMP takes precedence over IPTC, EXIF and PNG text, in this order."""

from dataclasses import dataclass, field

from PIL import Image

from backend.errors import InputError
from backend.files.formats import PNG, bound_exif, identify_format, mend_picture, open_header
from backend.files.limits import Limits
from backend.files.metadata.exif import JSON, read_exif, read_exif_text
from backend.files.metadata.iptc import read_iptc_text
from backend.files.metadata.xmp import read_xmp_text
from backend.files.text import MediaText, fit_media_text


@dataclass(frozen=True, slots=True)
class EmbeddedMetadata:
    """Metadata found inside a file.

    Attributes:
        text: title, caption and other text, cleaned and cut to the limits.
        exif: technical data, safe to store as JSON: no bytes, NUL or NaN.
    """

    text: MediaText = field(default_factory=MediaText)
    exif: dict[str, JSON] = field(default_factory=dict)


def read_metadata(data: bytes, limits: Limits) -> EmbeddedMetadata:
    """Read the metadata of a picture without decoding pixels.

    Never raises because of the data: unreadable parts are omitted, and text over the limits is cut.
    """
    try:
        picture_format = identify_format(data, limits)
        with open_header(mend_picture(data, picture_format, limits).data, picture_format) as image:
            bound_exif(image, limits.max_exif_bytes)
            exif = _exif_of(image)
            found = read_xmp_text(image).or_else(read_iptc_text(image)).or_else(read_exif_text(exif))
            if picture_format == PNG:
                found = found.or_else(_png_text(image))
            return EmbeddedMetadata(fit_media_text(found, limits), read_exif(exif))
    except InputError:
        return EmbeddedMetadata()


def _exif_of(image: Image.Image) -> Image.Exif:
    try:
        # Not image.getexif(): for a PNG it would look for chunks after the pixels, which are missing here.
        return Image.Image.getexif(image)
    except Exception:  # noqa: BLE001 - Pillow raises a dozen types on a broken block; XMP and IPTC may still be whole
        return Image.Exif()


def _png_text(image: Image.Image) -> MediaText:
    def words(key: str) -> str:
        value = image.info.get(key)
        return value if isinstance(value, str) else ""

    return MediaText(title=words("Title"), caption=words("Description"))
