"""XMP writer: the words, the group and the moment of a picture as a sidecar that other programs and `xmp` read.

digiKam reads `digiKam:TagsList` and darktable `lr:hierarchicalSubject` instead of `dc:subject`, so all three hold all keywords.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, register_namespace, tostring

from backend.files.metadata.fields import GROUP_ROOT, HIERARCHIES, join_path, without_stand_ins
from backend.files.metadata.xmp import NAMESPACES
from backend.files.text import MediaText
from backend.moments import Precision, Standing

_TREES: Final = ("xmp:lr:hierarchicalSubject", "xmp:digiKam:TagsList")
# All that XML 1.0 has no way to write.
_UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LEAST_YEAR: Final = 1000  # that readers take for one
_MARK: Final = re.compile(
    rb'<\?xml version="1\.0" encoding="UTF-8"\?>\n'
    rb'<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="mediacluster ([0-9a-f-]{36}) ([0-9a-f]{64})">\n'
)
_NOTHING: Final = b'<rdf:Description rdf:about="" />'
_END: Final = b"\n</x:xmpmeta>\n"

for _prefix in ("dc", "digiKam", "exif", "Iptc4xmpCore", "lr", "photoshop", "rdf", "xmp"):
    register_namespace(_prefix, NAMESPACES[_prefix])


def write_xmp(
    text: MediaText,
    picture_id: str,
    *,
    group: str = "",
    group_as_keyword: bool = False,
    standing: Standing = Standing.GIVEN,
    zone: tzinfo = UTC,
) -> bytes:
    """Return an XMP packet in UTF-8, the same for the same values.

    Args:
        text: title, caption, keywords, location and moment. Characters that XML forbids are left out.
        picture_id: the id of the picture, a UUID; `find_writer` returns it.
        group: the label of its group, as a path below `GROUP_ROOT`; '' if it has none.
        group_as_keyword: whether the label is a keyword too, for programs that know no paths.
        standing: what the moment says of the picture. One that only guesses at it, or is that of a change, is left out.
        zone: the zone that its clock is written in.

    """
    group = without_stand_ins(_writable(group)).strip()  # so that both paths hold it
    root = Element(_tag("rdf:RDF"))
    picture = SubElement(root, _tag("rdf:Description"), {_tag("rdf:about"): ""})
    _add_text(picture, "dc:title", text.title)
    _add_text(picture, "dc:description", text.caption)
    is_new = group.casefold() not in {word.casefold() for word in text.keywords}
    _add_list(picture, "dc:subject", [*text.keywords, *([group] if group and group_as_keyword and is_new else ())])
    for name in _TREES:
        paths = [[word] for word in text.keywords] + ([[GROUP_ROOT, group]] if group else [])
        _add_list(picture, name.removeprefix("xmp:"), _joined(paths, HIERARCHIES[name]))
    _add(picture, "Iptc4xmpCore:Location", text.location)
    if text.taken_at is not None:
        precision = Precision.of(text.taken_at_precision)
        moment = _written(text.taken_at, precision, zone)
        if standing >= Standing.ORIGINAL:
            _add(picture, "photoshop:DateCreated", moment)
            if precision.has_clock:  # readers of this one make up what is missing
                _add(picture, "exif:DateTimeOriginal", moment)
        elif standing is Standing.DIGITIZED:
            _add(picture, "xmp:CreateDate", moment)
    indent(root)
    body: bytes = tostring(root, encoding="utf-8", xml_declaration=False)
    mark = f"mediacluster {picture_id} {_digest(picture_id.encode(), body)}"
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="{mark}">\n'
    return head.encode() + body + _END


def says_anything(packet: bytes) -> bool:
    """Whether a packet of `write_xmp` has more in it than the id of its picture."""
    return _NOTHING not in packet


def find_writer(packet: bytes) -> str | None:
    """The id of the picture that `write_xmp` wrote exactly this packet for; None if another program wrote or changed it."""
    found = _MARK.match(packet)
    if found is None or not packet.endswith(_END):
        return None
    body = packet[found.end() : -len(_END)]
    return found[1].decode() if _digest(found[1], body) == found[2].decode() else None


def _digest(picture_id: bytes, body: bytes) -> str:
    return hashlib.sha256(picture_id + b"\n" + body).hexdigest()


def _tag(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def _joined(paths: Iterable[Sequence[str]], sign: str) -> list[str]:
    return [path for parts in paths if (path := join_path(parts, sign)) is not None]


def _add(picture: Element, name: str, words: str) -> None:
    if words := _writable(words):
        SubElement(picture, _tag(name)).text = words


def _add_text(picture: Element, name: str, words: str) -> None:
    """Add a text that may be in several languages; this one is that of none."""
    if words := _writable(words):
        alternatives = SubElement(SubElement(picture, _tag(name)), _tag("rdf:Alt"))
        SubElement(alternatives, _tag("rdf:li"), {_tag("xml:lang"): "x-default"}).text = words


def _add_list(picture: Element, name: str, items: Iterable[str]) -> None:
    if items := [item for one in items if (item := _writable(one))]:
        # The order of tags means something to digiKam only.
        kind = "rdf:Seq" if name == "digiKam:TagsList" else "rdf:Bag"
        bag = SubElement(SubElement(picture, _tag(name)), _tag(kind))
        for item in items:
            SubElement(bag, _tag("rdf:li")).text = item


def _writable(words: str) -> str:
    return _UNWRITABLE.sub("", words)


def _written(moment: datetime, precision: Precision, zone: tzinfo) -> str:
    """The moment as far as it is known: '2004', '2004-05', '2004-05-01', or with a clock and its zone."""
    if not precision.has_clock:
        units = (f"{moment.astimezone(UTC):%Y-%m-%d}").rjust(len("2004-05-01"), "0").split("-")
        return "-".join(units[:precision])
    local = moment.astimezone(zone)
    offset = local.utcoffset()
    if offset is None or offset.total_seconds() % 60 or local.year < _LEAST_YEAR:
        local = moment.astimezone(UTC)
    if precision is Precision.SUBSECOND:
        whole = local.isoformat(timespec="microseconds")
        clock, fraction, rest = whole[:20], whole[20:26], whole[26:]
        return f"{clock}{fraction.rstrip('0') or '0'}{rest}"
    return local.isoformat(timespec="minutes" if precision is Precision.MINUTE else "seconds")
