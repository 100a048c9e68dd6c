"""Inspection of a picture at upload: format, size and completeness. Cheap enough to run within the request."""

from dataclasses import dataclass

from PIL import ImageFile

from backend.errors import FileTooLarge, TooManyPixels
from backend.files.decoding.colors import Conversion, find_conversion
from backend.files.formats import (
    JPEG,
    Mended,
    PictureWarning,
    bound_exif,
    check_size,
    identify_format,
    mend_picture,
    open_header,
    read_orientation,
    shorten_jpeg,
    upright_size,
)
from backend.files.limits import Limits


@dataclass(frozen=True, slots=True)
class Inspection:
    """Properties of an accepted picture.

    Attributes:
        mime: MIME type.
        extension: extension that the original is stored with, without a dot.
        width: width in pixels as displayed (EXIF orientation applied).
        height: height in pixels as displayed.
        byte_size: size of the file.
        frames: number of frames.
        warnings: what is not right with the file, although it is accepted.
    """

    mime: str
    extension: str
    width: int
    height: int
    byte_size: int
    frames: int
    warnings: tuple[PictureWarning, ...] = ()


def inspect_picture(data: bytes, limits: Limits, mended: Mended | None = None) -> Inspection:
    """Validate one picture by its content. `mended` is what `mend_picture` returned for it, if that is known.

    A JPEG with a single scan is checked by its markers and the beginning of its pixel data, any other JPEG is decoded in
    grey at an eighth of its size. A PNG is checked chunk by chunk against its checksums. Of other formats the first frame
    is decoded.

    Raises:
        FileTooLarge, UnsupportedFormat, ImageTruncated, ImageCorrupt, TooManyPixels, MetadataTooLarge.

    """
    if len(data) > limits.max_body_bytes:
        raise FileTooLarge(
            f"The file has {len(data):,} bytes; {limits.max_body_bytes:,} are allowed.",
            hint="Send a smaller version.",
        )
    picture_format = identify_format(data, limits)
    mended = mended or mend_picture(data, picture_format, limits)
    judged = shorten_jpeg(mended.data) if picture_format.name == JPEG.name else mended.data
    frames = picture_format.walk(judged, limits.max_frames)
    if frames > limits.max_frames:
        raise TooManyPixels(
            f"The animation has more than {limits.max_frames} frames.", hint="Send its first frame as a picture."
        )
    with open_header(judged, picture_format) as image:
        check_size(image, limits)
        width, height = upright_size(image.size, read_orientation(image))
        warnings = _find_warnings(image, find_conversion(image, judged, picture_format), limits)
        if picture_format.name == JPEG.name:
            image.draft("L", (max(image.width // 8, 1), max(image.height // 8, 1)))
        if not picture_format.is_proven_by_walk:
            image.load()
    return Inspection(
        mime=picture_format.mime,
        extension=picture_format.extension,
        width=width,
        height=height,
        byte_size=len(data),
        frames=frames,
        warnings=mended.warnings + warnings,
    )


def _find_warnings(image: ImageFile.ImageFile, conversion: Conversion, limits: Limits) -> tuple[PictureWarning, ...]:
    found = [] if conversion.warning is None else [conversion.warning]
    exif_bytes = bound_exif(image, limits.max_exif_bytes)
    if exif_bytes > limits.max_exif_bytes:
        detail = (
            f"The EXIF block has {exif_bytes:,} bytes; {limits.max_exif_bytes:,} are read, without its longest values."
        )
        found.append(PictureWarning("exif_too_long", detail))
    return tuple(found)
