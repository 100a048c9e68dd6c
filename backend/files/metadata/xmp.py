"""XMP reader. Parses safely (defusedxml), uses full names, and needs no picture: sidecars are the same packets."""

import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Final
from xml.etree.ElementTree import Element

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from backend.files.metadata.fields import DATES, HIERARCHIES, KEYWORDS, PEOPLE, Fields
from backend.files.metadata.json_values import JSON
from backend.files.metadata.places import PLACE_NAMES
from backend.files.metadata.xml_repair import repair_xml
from backend.files.text import WORDS, read_date, read_latitude, read_longitude, read_number

MAX_PACKET_BYTES: Final = 1024 * 1024

_PREFIX: Final = "xmp:"
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
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "mwg-kw": "http://www.metadataworkinggroup.com/schemas/keywords/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "pdf": "http://ns.adobe.com/pdf/1.3/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xml": "http://www.w3.org/XML/1998/namespace",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
_KNOWN_PREFIXES: Final = NAMESPACES | {"x": "adobe:ns:meta/"}
# Structures, which are read below; of everything else the texts are taken.
_REGIONS, _MICROSOFT_REGIONS = PEOPLE[0], PEOPLE[1]
_PERSON_DETAILS, _ACDSEE_REGIONS = PEOPLE[3], PEOPLE[4]
_KEYWORD_TREE: Final = "xmp:mwg-kw:Keywords"
_CATEGORIES: Final = "xmp:acdsee:categories"
_LOCATIONS: Final = ("xmp:Iptc4xmpExt:LocationShown", "xmp:Iptc4xmpExt:LocationCreated")
# Of the structure of such a location, the narrowest first.
LOCATION_PARTS: Final = ("Sublocation", "City", "ProvinceState", "CountryName")
_STRUCTURED: Final = frozenset({_KEYWORD_TREE, _CATEGORIES, *_LOCATIONS})
_PLAIN: Final = tuple(
    name
    for name in (*(name for words in WORDS.values() for name in words.sources), *KEYWORDS, PEOPLE[2])
    if name.startswith(_PREFIX) and name not in _STRUCTURED
)
_LISTS: Final = frozenset((*KEYWORDS, *PEOPLE))
_LIST_SIGNS: Final = re.compile(r"[,;]")
FACES: Final = frozenset({"face", "pet", ""})
"""The types of regions that are people. A region without a type is one."""

_PLACES: Final = {
    "xmp:exif:GPSLatitude": ("xmp:exif:GPSLatitude", "xmp:exif:GPSLongitude", "xmp:exif:GPSAltitude"),
    # Older drones spell it so.
    "xmp:drone-dji:GpsLatitude": (
        "xmp:drone-dji:GpsLatitude",
        "xmp:drone-dji:GpsLongitude",
        "xmp:drone-dji:AbsoluteAltitude",
    ),
}
_ALIASES: Final = {"xmp:drone-dji:GpsLongitude": "xmp:drone-dji:GpsLongtitude"}
_BELOW_SEA_LEVEL: Final = "1"
_DEEPEST: Final = 32
_CONTROL_CHARACTERS: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# How a packet begins in the encodings that have more than one byte for each character.
_WIDE: Final = {
    b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"<\0\0\0": "utf-32-le", b"\0\0\0<": "utf-32-be",
    b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be",
}  # fmt: skip
# The parser knows few encodings, of a byte a character each.
_ENCODING: Final = re.compile(
    rb"\A\s*<\?xml\b[^>]*?\bencoding\s*=\s*[\"']((?:gb|big5|shift_?jis|euc|iso-2022|cp9[345])[\w-]{0,20})[\"']",
    re.IGNORECASE,
)
_DECLARATION: Final = re.compile(r"^\s*<\?xml\b[^>]*\?>")


@cache
def _tag(name: str) -> str:
    """'xmp:dc:title' -> '{http://purl.org/dc/elements/1.1}title'. Some programs leave the last slash out."""
    prefix, _, local = name.removeprefix(_PREFIX).rpartition(":")
    return f"{{{NAMESPACES[prefix].rstrip('/')}}}{local}"


_RDF_VALUE, _DESCRIPTION, _LI, _ALT = _tag("rdf:value"), _tag("rdf:Description"), _tag("rdf:li"), _tag("rdf:Alt")
_CONTAINERS: Final = (_ALT, _tag("rdf:Bag"), _tag("rdf:Seq"))
_LANGUAGE: Final = _tag("xml:lang")

Value = Element | str


def read_xmp_fields(packet: bytes) -> Fields:
    """Return what an XMP packet says. If it is not valid XML, what is understood and a warning; else nothing but a warning."""
    fields = Fields()
    if not packet.strip(b"\0 \r\n\t"):
        return fields
    if len(packet) > MAX_PACKET_BYTES:
        fields.warnings.append(
            f"The XMP packet has {len(packet):,} bytes; {MAX_PACKET_BYTES:,} are read at most, so it is left out."
        )
        return fields
    try:
        root, repaired = _parse(_in_utf8(packet))
        properties = _properties(root)
    except DefusedXmlException:
        fields.warnings.append("The XMP packet declares entities, which are not resolved, so it is left out.")
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        fields.warnings.append(f"The XMP packet is not valid XML ({error}), so it is left out.")
    else:
        if repaired is not None:
            fields.warnings.append(
                f"The XMP packet is not valid XML ({repaired}). What breaks it is left out or replaced, and the rest is read."
            )
        _read(properties, fields)
    return fields


def _in_utf8(packet: bytes) -> bytes:
    """The packet in UTF-8, without what is around it. The parser would not know wide encodings without a mark."""
    encoding = next((name for begin, name in _WIDE.items() if packet.startswith(begin)), None) or _declared(packet)
    if encoding is not None:
        words = packet.decode(encoding, "replace").removeprefix("\ufeff")
        packet = _DECLARATION.sub("", words, count=1).encode("utf-8", "replace")
    return packet.strip(b"\0 \r\n\t")


def _declared(packet: bytes) -> str | None:
    """The encoding that a packet declares, if all of it is in that, and not in UTF-8."""
    found = _ENCODING.match(packet)
    if found is None:
        return None
    with suppress(UnicodeDecodeError):
        packet.decode()
        return None
    name = found[1].decode()
    with suppress(LookupError, UnicodeError):
        packet.decode(name)
        return name
    return None


def _parse(packet: bytes) -> tuple[Element, Exception | None]:
    """The root of a packet, and the error for which it had to be repaired."""
    root, repaired = None, None
    try:
        root = ElementTree.fromstring(packet, forbid_dtd=True)
    except ElementTree.ParseError as error:
        # Texts with control characters are common, although XML forbids them.
        cleaned = _CONTROL_CHARACTERS.sub(b"", packet)
        if cleaned != packet:
            with suppress(ElementTree.ParseError):
                root = ElementTree.fromstring(cleaned, forbid_dtd=True)
        if root is None:
            repaired = error
            try:
                root = ElementTree.fromstring(repair_xml(cleaned, _KNOWN_PREFIXES), forbid_dtd=True)
            except ElementTree.ParseError:
                raise error from None
    assert isinstance(root, Element)
    for element in root.iter():
        element.tag = element.tag.replace("/}", "}", 1)
        if element.attrib:
            attributes = {name.replace("/}", "}", 1): value for name, value in element.attrib.items()}
            element.attrib.clear()
            element.attrib.update(attributes)
    return root, repaired


def _properties(root: Element) -> dict[str, Value]:
    """The properties of the picture by full name, the first of each: children and attributes of each description."""
    properties: dict[str, Value] = {}
    for rdf in root.iter(_tag("rdf:RDF")):
        for description in rdf.iterfind(_DESCRIPTION):
            for child in description:
                properties.setdefault(child.tag, child)
            for name, value in description.attrib.items():
                properties.setdefault(name, value)
    return properties


def _read(properties: dict[str, Value], fields: Fields) -> None:
    for name in _PLAIN:
        value = properties.get(_tag(name))
        words = list(_texts(value))
        # Items of a list are keywords as they are; a text with several of them is not a list.
        if name in _LISTS and (isinstance(value, str) or (value is not None and not _is_list(value))):
            words = [part for text in words for part in _LIST_SIGNS.split(text)]
        fields.add_words(name, words)
    fields.add_words(_KEYWORD_TREE, _paths(properties.get(_tag(_KEYWORD_TREE)), HIERARCHIES[_KEYWORD_TREE]))
    fields.add_words(_CATEGORIES, assigned_categories(_first(properties, _CATEGORIES), HIERARCHIES[_CATEGORIES]))
    for name in _LOCATIONS:
        value = properties.get(_tag(name))
        fields.add_words(name, map(_location, _items(value) if isinstance(value, Element) else ()))
    for name in (_REGIONS, _ACDSEE_REGIONS):
        fields.add_words(name, _faces(properties.get(_tag(name)), name.rpartition(":")[0]))
    fields.add_words(
        _MICROSOFT_REGIONS, _named(properties.get(_tag(_MICROSOFT_REGIONS)), _tag("MPReg:PersonDisplayName"))
    )
    fields.add_words(_PERSON_DETAILS, _named(properties.get(_tag(_PERSON_DETAILS)), _tag("Iptc4xmpExt:PersonName")))
    for name, standing in DATES.items():
        if name.startswith(_PREFIX):
            fields.add_date(read_date(_first(properties, name), standing, name))
    for name, parts in _PLACES.items():
        if place := _place(properties, *parts):
            fields.places[name] = place


def _first(properties: dict[str, Value], name: str) -> str:
    return next(_texts(properties.get(_tag(name))), "")


def _is_list(value: Element) -> bool:
    return any(child.tag in _CONTAINERS for child in value)


def _texts(value: Value | None, depth: int = 0) -> Iterator[str]:
    """Yield the texts of a property: a plain value, or the items of an Alt, Bag or Seq, x-default first."""
    if isinstance(value, str):
        if value.strip():
            yield value
        return
    if value is None or depth > _DEEPEST:
        return
    lists = [child for child in value if child.tag in _CONTAINERS]
    for container in lists:
        items = [item for item in container if item.tag == _LI]
        for item in sorted(items, key=_is_translation) if container.tag == _ALT else items:
            yield from _texts(item, depth + 1)
    if not lists:
        # With qualifiers, the text is in a value beside them.
        qualified = next((one for holder in _holders(value) for one in holder.iterfind(_RDF_VALUE)), value)
        text = qualified.text or value.get(_RDF_VALUE) or ""
        if text.strip():
            yield text


def _is_translation(item: Element) -> bool:
    return item.get(_LANGUAGE, "x-default") != "x-default"


def _holders(item: Element) -> Iterator[Element]:
    """Yield what the fields of a structure are in: the element itself, or a description within it."""
    yield item
    yield from item.iterfind(_DESCRIPTION)


def _field(item: Element, name: str) -> str:
    """The text of a field of a structure, which is an attribute or a child."""
    for holder in _holders(item):
        if (value := holder.get(name)) is not None:
            return value
        if (child := holder.find(name)) is not None:
            return next(_texts(child), "")
    return ""


def _faces(regions: Value | None, prefix: str) -> Iterator[str]:
    """Yield the names of regions that are faces, not of codes or of what was in focus."""
    if isinstance(regions, Element):
        for item in regions.iter(_LI):
            is_face = _field(item, _tag(f"{prefix}:Type")).strip().casefold() in FACES
            # ACDSee keeps names that somebody refused.
            if is_face and _field(item, _tag(f"{prefix}:NameAssignType")) != "denied":
                yield _field(item, _tag(f"{prefix}:Name"))


def _named(value: Value | None, name: str) -> Iterator[str]:
    """Yield the texts of all fields of this name, at any depth."""
    if isinstance(value, Element):
        for element in value.iter():
            if name in element.attrib:
                yield element.attrib[name]
            elif element.tag == name:
                yield from _texts(element)


def _paths(value: Value | None, sign: str) -> Iterator[str]:
    """Yield the keywords of a tree as paths."""
    if not isinstance(value, Element):
        return
    keyword, children = _tag("mwg-kw:Keyword"), _tag("mwg-kw:Children")
    # Not recursive, since the tree is as deep as its author wants.
    waiting = [(item, "") for item in _items(value.find(_tag("mwg-kw:Hierarchy")) if value.tag != children else value)]
    for holder in _holders(value):
        waiting = waiting or [(item, "") for item in _items(holder.find(_tag("mwg-kw:Hierarchy")))]
    while waiting:
        item, above = waiting.pop(0)
        path = f"{above}{sign}{_field(item, keyword)}".strip(sign)
        below = [one for holder in _holders(item) for one in _items(holder.find(children))]
        if len(path) > MAX_PACKET_BYTES // 16:
            return
        if below:
            waiting += [(one, path) for one in below]
        else:
            yield path


def assigned_categories(tree: str, sign: str) -> Iterator[str]:
    """Yield the categories of ACDSee, XML within a text, that the picture is in, as paths."""
    try:
        root = ElementTree.fromstring(tree, forbid_dtd=True) if tree else None
    except (ElementTree.ParseError, DefusedXmlException, ValueError):
        return
    waiting = deque([(root, "")] if root is not None else [])
    room = MAX_PACKET_BYTES  # of all paths together, each of which repeats those above it
    while waiting and room > 0:
        category, above = waiting.popleft()
        path = f"{above}{sign}{(category.text or '').strip()}".strip(sign)
        room -= len(path)
        if category.get("Assigned") == "1":
            yield path
        waiting += [(one, path) for one in category]


def _location(item: Element) -> str:
    parts = (_field(item, _tag(f"Iptc4xmpExt:{name}")).strip() for name in LOCATION_PARTS)
    return ", ".join(dict.fromkeys(part for part in parts if part))


def _items(value: Element | None) -> Iterator[Element]:
    if value is not None:
        for container in value:
            if container.tag in _CONTAINERS:
                yield from container.iterfind(_LI)


def _place(properties: dict[str, Value], latitude: str, longitude: str, altitude: str) -> dict[str, JSON]:
    north = read_latitude(_first(properties, latitude))
    east = read_longitude(_first(properties, longitude) or _first(properties, _ALIASES.get(longitude, longitude)))
    if north is None or east is None or north == east == 0.0:
        return {}
    meters = read_number(_first(properties, altitude))
    if meters is not None and _first(properties, "xmp:exif:GPSAltitudeRef").strip() == _BELOW_SEA_LEVEL:
        meters = -meters
    place = dict(zip(PLACE_NAMES, (north, east, meters), strict=True))
    return {name: value for name, value in place.items() if value is not None}
