"""Where a picture was taken is hidden under every name that the readers give it."""

import io

from PIL import ExifTags, Image

from backend.files.metadata import PLACE_NAMES, read_metadata
from backend.web.api.places import without_place
from tests.support.limits import make_limits


def jpeg(*, gps: bool) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    if gps:
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
        for tag in (ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLongitude):
            place[tag] = (48.0, 51.0, 29.88)
        for tag in (ExifTags.GPS.GPSDestLatitude, ExifTags.GPS.GPSDestLongitude):
            place[tag] = (12.0, 0.0, 0.0)
        place[ExifTags.GPS.GPSAltitude] = 35.0
        place[ExifTags.GPS.GPSImgDirection] = 90.0
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_without_place__leaves_what_a_picture_without_gps_says() -> None:
    located, bare = (read_metadata(jpeg(gps=gps), make_limits()).exif for gps in (True, False))
    assert located.keys() - bare.keys() == set(PLACE_NAMES)
    assert without_place(located) == bare == {"make": "Maker"}
