"""Inspection of a picture at upload: format, size and completeness. Cheap enough to run within the request."""

from dataclasses import dataclass

from backend.errors import FileTooLarge, TooManyPixels
from backend.files.formats import (
    JPEG,
    check_size,
    identify_format,
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
    """

    mime: str
    extension: str
    width: int
    height: int
    byte_size: int
    frames: int


def inspect_picture(data: bytes, limits: Limits) -> Inspection:
    """Validate one picture by its content.

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
    judged = shorten_jpeg(data) if picture_format == JPEG else data
    frames = picture_format.walk(judged, limits.max_frames)
    if frames > limits.max_frames:
        raise TooManyPixels(
            f"The animation has more than {limits.max_frames} frames.", hint="Send its first frame as a picture."
        )
    with open_header(judged, picture_format) as image:
        check_size(image, limits)
        width, height = upright_size(image.size, read_orientation(image))
        if picture_format == JPEG:
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
    )
