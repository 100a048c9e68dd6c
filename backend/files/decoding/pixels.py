"""Decoding of a picture to upright RGB pixels, no larger than needed."""

from typing import Final

import numpy as np
from PIL import Image, ImageFile

from backend.files.decoding.colors import Conversion, find_conversion, plain_mode
from backend.files.formats import (
    check_size,
    identify_format,
    mend_picture,
    open_picture,
    read_orientation,
    shrink_while_loading,
    turn_upright,
)
from backend.files.limits import Limits

_WHITE: Final = (255, 255, 255)


def decode_picture(data: bytes, limits: Limits, *, at_least: int | None = None, longest: int = 0) -> Image.Image:
    """Decode the first frame: RGB in the colors of sRGB, EXIF orientation applied, alpha flattened over white, no metadata.

    With `at_least` (the final side in pixels, such as the 224 of a model) a JPEG is shrunk by 2, 4 or 8 while loading, as
    long as both sides stay at least twice that; other formats are decoded in full size. To make thumbnails from the same
    pixels, pass their longest side as `longest`: the longer side does not become shorter.

    `image.size` is (width, height) as displayed; at full size it equals that of the `Inspection`. A JPEG of more than 89
    megapixels is never decoded at full size, but at half of it.

    Raises:
        UnsupportedFormat, ImageTruncated, ImageCorrupt, TooManyPixels.

    """
    picture_format = identify_format(data, limits)
    mended = mend_picture(data, picture_format, limits).data
    with open_picture(mended, picture_format) as image:
        check_size(image, limits)
        conversion = find_conversion(image, mended, picture_format)
        shrink_while_loading(image, None if at_least is None else 2 * at_least, longest)
        image.load()
        upright = turn_upright(_flatten(image, conversion), read_orientation(image))
        if upright is image:
            # The same pixels without the file's segments, which the opened image keeps in memory. A copy would take 3 ms.
            upright = image._new(image.im)  # noqa: SLF001 - what all operations of Pillow make their results with
    upright.info.clear()
    return upright


def _flatten(image: ImageFile.ImageFile, conversion: Conversion) -> Image.Image:
    """Convert an image of any mode to RGB."""
    if image.mode.startswith("I") or not image.has_transparency_data:
        return conversion.to_srgb(_plain(image))
    with_alpha = image.convert("RGBA")
    alpha = with_alpha.getchannel("A")
    flat = Image.new("RGB", image.size, _WHITE)
    flat.paste(conversion.to_srgb(_plain(image if plain_mode(image.mode) == "L" else with_alpha)), mask=alpha)
    return flat


def _plain(image: Image.Image) -> Image.Image:
    """Convert to the mode that `plain_mode` names, without regard to alpha."""
    if image.mode.startswith("I"):
        return _from_sixteen_bits(image)
    plain = plain_mode(image.mode)
    return image if image.mode == plain else image.convert(plain)


def _from_sixteen_bits(image: Image.Image) -> Image.Image:
    # convert() would clip all values above 255 to white, so take the high byte.
    samples = np.clip(np.asarray(image), 0, 0xFFFF).astype(np.uint16) >> 8
    return Image.fromarray(samples.astype(np.uint8))
