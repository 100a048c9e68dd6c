"""XMP reader for Dublin Core, Photoshop and IPTC Core fields. Parses safely (defusedxml) and uses full names."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from PIL import Image

from backend.files.metadata.exif import find_moment
from backend.files.text import WORDS, MediaText

_MAX_BYTES: Final = 1024 * 1024
_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_NAMESPACES: Final = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "exif": "http://ns.adobe.com/exif/1.0/",
}
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"

Properties = Mapping[str, Any]


def read_xmp_text(image: Image.Image) -> MediaText:
    """Return the text fields, keywords and time, not yet cleaned. Empty if there is no readable XMP."""
    properties = _properties(image)

    def words(name: str) -> Iterator[str]:
        prefix, _, local_name = name.partition(":")
        return _words(properties.get(f"{{{_NAMESPACES[prefix]}}}{local_name}"))

    def first(name: str) -> str:
        return next(words(name), "")

    return MediaText(
        **{name: field.choose(first(one) for one in field.xmp) for name, field in WORDS.items()},
        keywords=tuple(words("dc:subject")),
        taken_at=find_moment(first("exif:DateTimeOriginal"), first("photoshop:DateCreated")),
    )


def _properties(image: Image.Image) -> Properties:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    if not packet or len(packet) > _MAX_BYTES:
        return {}
    try:
        root = image.getxmp(strip_namespaces=False)
    except Exception:  # noqa: BLE001 - parsers raise much, nesting ends in RecursionError; the picture goes on without
        return {}
    merged: dict[str, Any] = {}
    for description in _descriptions(root):
        merged = description | merged
    return merged


def _descriptions(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every rdf:Description of the packet; `x:xmpmeta` around `rdf:RDF` is optional."""
    for name, value in node.items() if isinstance(node, dict) else ():
        if name == f"{_RDF}Description":
            yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict))
        else:
            yield from _descriptions(value)


def _words(value: Any) -> Iterator[str]:
    """Yield the texts of a property: a plain value, or the items of an Alt, Bag or Seq, x-default first."""
    if isinstance(value, str):
        if value.strip():
            yield value
    elif isinstance(value, list):
        for item in sorted(value, key=_is_translation):
            yield from _words(item)
    elif isinstance(value, dict):
        if "text" in value:
            yield from _words(value["text"])
        for container in ("Alt", "Bag", "Seq", "li"):
            yield from _words(value.get(f"{_RDF}{container}"))


def _is_translation(item: Any) -> bool:
    return isinstance(item, dict) and item.get(_LANGUAGE, "x-default") != "x-default"
