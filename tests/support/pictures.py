"""Pictures for the tests: photographs that scikit-image carries, and builders of everything odd."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import skimage
from PIL import Image

PHOTOGRAPHS = Path(skimage.__file__).parent / "data"


class Pictures:
    """Builders; every one returns the bytes of a file."""

    @staticmethod
    def photograph(name: str = "rocket.jpg") -> bytes:
        """Read a real photograph."""
        return (PHOTOGRAPHS / name).read_bytes()

    @staticmethod
    def corners(width: int = 40, height: int = 24) -> Image.Image:
        """Return a picture whose four quarters differ: red, green / blue, yellow."""
        image = Image.new("RGB", (width, height), "yellow")
        image.paste("red", (0, 0, width // 2, height // 2))
        image.paste("green", (width // 2, 0, width, height // 2))
        image.paste("blue", (0, height // 2, width // 2, height))
        return image

    @staticmethod
    def encode(image: Image.Image, name: str = "JPEG", **options: Any) -> bytes:
        """Encode with Pillow."""
        buffer = io.BytesIO()
        image.save(buffer, name, **options)
        return buffer.getvalue()

    @staticmethod
    def with_segments(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
        """Put (marker, payload) segments right after the start of a JPEG."""
        blocks = b"".join(struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload for marker, payload in segments)
        return jpeg[:2] + blocks + jpeg[2:]

    @classmethod
    def with_iptc(cls, jpeg: bytes, *fields: tuple[int, int, bytes]) -> bytes:
        """Add an IPTC-IIM block of (record, dataset, value)."""
        block = b"".join(struct.pack(">BBBH", 0x1C, one, two, len(value)) + value for one, two, value in fields)
        resource = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(block)) + block + b"\0" * (len(block) % 2)
        return cls.with_segments(jpeg, (0xED, b"Photoshop 3.0\0" + resource))

    @classmethod
    def with_xmp(cls, jpeg: bytes, properties: str) -> bytes:
        """Add an XMP packet with the given elements inside one rdf:Description."""
        return cls.with_segments(jpeg, (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + cls.xmp(properties)))

    @staticmethod
    def xmp(properties: str) -> bytes:
        """Return an XMP packet."""
        return (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
            ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
            ' xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"'
            ' xmlns:other="http://example.org/other/">'
            f"{properties}</rdf:Description></rdf:RDF></x:xmpmeta>"
        ).encode()

    @staticmethod
    def png_chunk(kind: bytes, payload: bytes) -> bytes:
        """Return one PNG chunk with its checksum."""
        return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))
