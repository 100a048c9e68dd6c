"""Raw pictures of cameras are read by the preview that the camera has put into them, a JPEG (extra `raw`)."""

from io import BytesIO

from backend.errors import ImageCorrupt


def extract_preview(data: bytes) -> bytes:
    """The largest embedded JPEG, with the orientation and the main EXIF fields of the picture.

    Raises:
        ImageCorrupt: the file is damaged, or has no JPEG in it.

    """
    import rawpy

    try:
        with rawpy.imread(BytesIO(data)) as raw:
            thumbnail = raw.extract_thumb()
    except rawpy.LibRawError as error:
        raise ImageCorrupt(
            f"The raw picture has no preview that can be read ({error}).", hint="Convert it to JPEG."
        ) from error
    if thumbnail.format != rawpy.ThumbFormat.JPEG:
        raise ImageCorrupt("The preview of the raw picture is not a JPEG.", hint="Convert the picture to JPEG.")
    return bytes(thumbnail.data)
