"""Repair of XML that a strict parser refuses for a single bad token: wrong bytes, references, ampersands and prefixes.

Each step is one pass over the text, which hardly grows. A document type stays, so that the parser still refuses it.
"""

import re
from collections.abc import Mapping
from typing import Final

# What stands for bytes that are not UTF-8, by the bytes as Windows-1252, which leaves five of them to Latin-1.
_BYTES: Final = {
    0xDC00 + byte: bytes((byte,)).decode("cp1252", "ignore") or bytes((byte,)).decode("latin-1")
    for byte in range(0x80, 0x100)
}
_DECLARATION: Final = re.compile(r"\A\s*<\?xml\b[^>]*\?>")
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCE: Final = re.compile(r"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));")
_MOST_DIGITS: Final = 8
_LAST_CHARACTER: Final = 0x10FFFF
# XML does not know the entities of HTML. Their names stay, since texts are cleaned of HTML later.
_AMPERSAND: Final = re.compile(r"&(?!#[0-9]+;|#x[0-9a-fA-F]+;|(?:amp|lt|gt|quot|apos);)")
_TAG: Final = re.compile(r"<[^<>]*>")
_PREFIX: Final = re.compile(r"(?:(?<=<)|(?<=</)|(?<=\s))([A-Za-z_][\w.-]*):(?=[A-Za-z_])")
_DECLARED: Final = re.compile(r"\sxmlns:([\w.-]+)")
_ROOT: Final = re.compile(r"<[A-Za-z_][\w.:-]*")
_LAST_TAG: Final = re.compile(r"</(?:[\w.-]+:)?(?:xmpmeta|xapmeta|RDF)\s*>")
_RESERVED: Final = frozenset({"xml", "xmlns"})
_MOST_PREFIXES: Final = 64


def repair_xml(document: bytes, namespaces: Mapping[str, str]) -> bytes:
    """Return a document in UTF-8 without what a parser of XML refuses most often. It may still be refused.

    Bytes that are not UTF-8 are read as Windows-1252; characters that XML forbids are removed, and so are references to
    them; other ampersands are escaped; undeclared prefixes are declared; what follows the end of the packet is dropped.

    Args:
        document: the document, in UTF-8 as far as it is valid, whatever it declares.
        namespaces: the names of known prefixes. Any other gets one that no reader knows.
    """
    text = document.decode("utf-8", "surrogateescape").translate(_BYTES)
    text = _FORBIDDEN.sub("", _DECLARATION.sub("", text, count=1))
    text = _AMPERSAND.sub("&amp;", _REFERENCE.sub(_allowed, text))
    last = max((found.end() for found in _LAST_TAG.finditer(text)), default=len(text))
    return _with_prefixes(text[:last], namespaces).encode()


def _allowed(reference: re.Match[str]) -> str:
    """A reference in the form that XML knows; '' if it is to no character of XML."""
    hexadecimal, decimal = reference.groups()
    digits = (hexadecimal or decimal).lstrip("0")
    number = int(digits or "0", 16 if hexadecimal else 10) if len(digits) <= _MOST_DIGITS else 0
    return f"&#{number};" if number <= _LAST_CHARACTER and not _FORBIDDEN.match(chr(number)) else ""


def _with_prefixes(text: str, namespaces: Mapping[str, str]) -> str:
    """Declare the prefixes of all tags in the first one, unless it does. Declarations further in go before these."""
    root = _ROOT.search(text)
    if root is None:
        return text
    head = text[root.end() : text.find(">", root.end()) + 1]
    used = dict.fromkeys(prefix for tag in _TAG.findall(text) for prefix in _PREFIX.findall(tag))
    known = _RESERVED.union(_DECLARED.findall(head))
    missing = [prefix for prefix in used if prefix not in known]
    declared = "".join(
        f' xmlns:{prefix}="{namespaces.get(prefix, f"urn:undeclared:{prefix}")}"' for prefix in missing[:_MOST_PREFIXES]
    )
    return text[: root.end()] + declared + text[root.end() :]
