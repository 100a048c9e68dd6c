"""XMP reader for Dublin Core, Photoshop and IPTC Core fields. Parses safely (defusedxml) and uses full names."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from PIL import Image

from backend.files.metadata.exif import find_moment
from backend.files.metadata.iptc import join_places
from backend.files.text import MediaText

_MAX_BYTES: Final = 1024 * 1024
_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC: Final = "{http://purl.org/dc/elements/1.1/}"
_PHOTOSHOP: Final = "{http://ns.adobe.com/photoshop/1.0/}"
_IPTC_CORE: Final = "{http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/}"
_EXIF: Final = "{http://ns.adobe.com/exif/1.0/}"
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"

Properties = Mapping[str, Any]


def read_xmp_text(image: Image.Image) -> MediaText:
    """Return title, caption, keywords, place and time, not yet cleaned. Empty if there is no readable XMP."""
    properties = _properties(image)

    def first(name: str) -> str:
        return next(_words(properties.get(name)), "")

    return MediaText(
        title=first(f"{_DC}title") or first(f"{_PHOTOSHOP}Headline"),
        caption=first(f"{_DC}description"),
        keywords=tuple(_words(properties.get(f"{_DC}subject"))),
        location=join_places(
            first(f"{_IPTC_CORE}Location"),
            first(f"{_PHOTOSHOP}City"),
            first(f"{_PHOTOSHOP}State"),
            first(f"{_PHOTOSHOP}Country"),
        ),
        taken_at=find_moment(first(f"{_EXIF}DateTimeOriginal"), first(f"{_PHOTOSHOP}DateCreated")),
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
