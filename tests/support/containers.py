"""Pictures of each format with metadata in each container that it has."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from tests.support.pictures import Pictures

BASE, GPS = ExifTags.Base, ExifTags.GPS

NAMESPACES: Final = {
    "acdsee": "http://ns.acdsee.com/iptc/1.0/",
    "acdsee-rs": "http://ns.acdsee.com/regions/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "drone-dji": "http://www.dji.com/drone-dji/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "mediapro": "http://ns.iview-multimedia.com/mediapro/1.0/",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "mwg-kw": "http://www.metadataworkinggroup.com/schemas/keywords/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "pdf": "http://ns.adobe.com/pdf/1.3/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}


def packet(properties: str, attributes: str = "") -> bytes:
    """An XMP packet with elements and attributes in one description."""
    declared = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in NAMESPACES.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {declared} {attributes}>{properties}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    ).encode()


def bag(*items: str) -> str:
    """The items of an unordered list."""
    return f"<rdf:Bag>{''.join(f'<rdf:li>{item}</rdf:li>' for item in items)}</rdf:Bag>"


def jpeg_with_xmp(properties: str, attributes: str = "") -> bytes:
    head = b"http://ns.adobe.com/xap/1.0/\0"
    return Pictures.with_segments(Pictures.encode(Pictures.corners()), (0xE1, head + packet(properties, attributes)))


def exif_of(main: Mapping[Any, object] | None = None, photo: Mapping[Any, object] | None = None) -> Image.Exif:
    """An EXIF block with tags in the main and in the photo directory."""
    exif = Image.Exif()
    for tag, value in (main or {}).items():
        exif[tag] = value
    directory = exif.get_ifd(ExifTags.IFD.Exif)
    for tag, value in (photo or {}).items():
        directory[tag] = value
    return exif


def jpeg_with_exif(main: Mapping[Any, object] | None = None, photo: Mapping[Any, object] | None = None) -> bytes:
    return Pictures.encode(Pictures.corners(), exif=exif_of(main, photo))


def with_satellite(exif: Image.Exif, day: str, *clock: float) -> Image.Exif:
    """Add the moment of a satellite's position, in UTC."""
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[GPS.GPSDateStamp], gps[GPS.GPSTimeStamp] = day, tuple(map(IFDRational, clock))
    return exif


def _heif(name: str) -> Callable[[bytes | None, Image.Exif | None], bytes]:
    def encode(xmp: bytes | None, exif: Image.Exif | None) -> bytes:
        from pillow_heif import register_heif_opener

        register_heif_opener()
        return _pillow(name)(xmp, exif)

    return encode


def _pillow(name: str) -> Callable[[bytes | None, Image.Exif | None], bytes]:
    def encode(xmp: bytes | None, exif: Image.Exif | None) -> bytes:
        options = {"xmp": xmp} if xmp else {}
        block = {"exif": exif.tobytes()} if exif is not None else {}
        return Pictures.encode(Pictures.corners(64, 64), name, **options, **block)

    return encode


def _png(xmp: bytes | None, exif: Image.Exif | None) -> bytes:
    data = Pictures.encode(Pictures.corners(), "PNG", **({"exif": exif.tobytes()} if exif is not None else {}))
    chunk = Pictures.png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp) if xmp else b""
    return data[:-12] + chunk + data[-12:]


FORMATS: Final[dict[str, Callable[[bytes | None, Image.Exif | None], bytes]]] = {
    "JPEG": _pillow("JPEG"),
    "PNG": _png,
    "WebP": _pillow("WEBP"),
    "HEIC": _heif("HEIF"),
    "AVIF": _pillow("AVIF"),
}
"""Makes a picture of a format with an XMP packet and an EXIF block."""
