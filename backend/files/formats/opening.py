"""Opening of pictures with Pillow: restricted to one decoder, with Pillow's exceptions mapped to ours."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Final

from PIL import ExifTags, Image, ImageFile, JpegImagePlugin, TiffImagePlugin

from backend.errors import (
    ImageCorrupt,
    ImageTruncated,
    MediaclusterError,
    MetadataTooLarge,
    TooManyPixels,
)
from backend.files.formats.formats import JPEG, JPEG_XL, PictureFormat
from backend.files.formats.jpeg import ends_like_jpeg
from backend.files.formats.mending import Mended
from backend.files.limits import Limits

# A JPEG is shrunk while it is loaded, so it may have more pixels than fit into memory. `check_size` refuses the others.
Image.MAX_IMAGE_PIXELS = 268_435_456
_MOST_PIXELS_AT_ONCE: Final = 89_000_000

# Set once for the process, because `warnings.catch_warnings` is not safe in threads.
warnings.simplefilter("error", Image.DecompressionBombWarning)
# Broken EXIF blocks are common, and the warning is of no use to anyone.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

# What libjpeg can shrink by.
_PARTS: Final = (1, 2, 4, 8)

UPRIGHT: Final = 1
_TRANSPOSES: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FIRST_SIDEWAYS_ORIENTATION: Final = 5


def mend_picture(data: bytes, picture_format: PictureFormat, limits: Limits) -> Mended:
    """Complete or leave out what decoders refuse although no pixel depends on it. Cheap where there is nothing to mend.

    Raises:
        ImageCorrupt, TooManyPixels: the file has too many blocks, or finding out whether all pixels are there would take too
            much time or memory.

    """
    if picture_format.bound is not None:
        picture_format.bound(data)
    return Mended(data) if picture_format.mend is None else picture_format.mend(data, limits.max_pixels)


@contextmanager
def open_picture(data: bytes, picture_format: PictureFormat) -> Iterator[ImageFile.ImageFile]:
    """Open `data` with the decoder of its format only. Exceptions of Pillow inside the block become InputErrors.

    Raises:
        ImageTruncated, ImageCorrupt, TooManyPixels, MetadataTooLarge: see `backend.errors`.
        ConfigurationError: HEIC is enabled but its package is missing.

    """
    if picture_format.register is not None:
        picture_format.register()
    try:
        with Image.open(BytesIO(data), formats=[picture_format.name]) as image:
            yield image
    except (MediaclusterError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels("The picture has too many pixels.", hint="Send a smaller version.") from error
    except Exception as error:  # Pillow's plugins raise a dozen unrelated types on broken input
        raise _as_input_error(error, data, picture_format) from error


@contextmanager
def open_header(data: bytes, picture_format: PictureFormat) -> Iterator[ImageFile.ImageFile]:
    """Open `data` for its size and metadata only. Its pixels must not be loaded."""
    header = data if picture_format.without_pixels is None else picture_format.without_pixels(data)
    with open_picture(header, picture_format) as image:
        yield image


def check_size(image: Image.Image, limits: Limits) -> None:
    """Raise TooManyPixels if a side or the area exceeds its limit. Formats that are decoded whole have a lower one."""
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageCorrupt(f"The picture is {width} x {height} pixels.")
    if max(width, height) > limits.max_side_pixels:
        raise TooManyPixels(
            f"The picture is {width} x {height} pixels; the longest side allowed is {limits.max_side_pixels}.",
            hint="Send a smaller version.",
        )
    is_shrunk = isinstance(image, JpegImagePlugin.JpegImageFile)
    most = limits.max_pixels if is_shrunk else min(limits.max_pixels, _MOST_PIXELS_AT_ONCE)
    if width * height > most:
        raise TooManyPixels(
            f"The picture has {width * height:,} pixels; {most:,} are allowed.", hint="Send a smaller version."
        )


def shrink_while_loading(image: ImageFile.ImageFile, shorter: int | None, longer: int = 0) -> None:
    """Let a JPEG load at an eighth, a quarter or half of its size, as long as its sides stay at least this long, and at half
    of it if the whole would not fit into memory. Other formats load whole."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return
    least, most = sorted(image.size)
    parts = 2 if least * most > _MOST_PIXELS_AT_ONCE else 1
    if shorter is not None:
        parts = max([parts, *(n for n in _PARTS if least // n >= shorter and most // n >= longer)])
    image.draft(None, (image.width // parts, image.height // parts))


def read_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 if there is none, it cannot be read, or Pillow turns the picture itself."""
    # A JPEG XL is turned by its decoder, unless a JPEG was packed into it.
    is_turned = image.format == JPEG_XL.name and not getattr(image, "jpeg", False)
    if is_turned or isinstance(image, TiffImagePlugin.TiffImageFile):
        return UPRIGHT
    try:
        # Not image.getexif(): for a PNG it would look for chunks after the pixels, which are missing here.
        value = Image.Image.getexif(image).get(ExifTags.Base.Orientation, UPRIGHT)
    except Exception:  # noqa: BLE001 - a broken EXIF block must not cost the picture
        return UPRIGHT
    return value if value in _TRANSPOSES else UPRIGHT


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Apply an EXIF orientation (1 to 8). Returns the same object if there is nothing to change."""
    transpose = _TRANSPOSES.get(orientation)
    return image if transpose is None else image.transpose(transpose)


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return (width, height) in pixels after the orientation is applied."""
    width, height = size
    return (height, width) if orientation >= _FIRST_SIDEWAYS_ORIENTATION else (width, height)


def _as_input_error(error: Exception, data: bytes, picture_format: PictureFormat) -> MediaclusterError:
    message = str(error)
    if "Decompressed data too large" in message or "Too much memory used in text chunks" in message:
        return MetadataTooLarge(
            "The picture contains too much text or too large a color profile.",
            hint="Remove the text and the profile, then send it again.",
        )
    cut = "truncated" in message.lower()
    if picture_format.name == JPEG.name:
        # libjpeg reports "truncated" or "broken" depending on the position of the cut; the end marker tells reliably.
        cut = cut or not ends_like_jpeg(data)
    if cut:
        return ImageTruncated("The picture is cut off: its data ends too early.", hint="Send the complete file.")
    return ImageCorrupt(f"The picture cannot be decoded ({message or type(error).__name__}).")
