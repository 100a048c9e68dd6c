"""XMP that a strict parser refuses for one bad token is read without it, within bounds and with a warning."""

import time
from pathlib import Path

import pytest

from backend.files.folders import read_sidecar
from backend.files.metadata import read_xmp
from backend.files.metadata.xmp import MAX_PACKET_BYTES
from tests.support.containers import bag, packet
from tests.support.limits import make_limits

LIMITS = make_limits()
KEYWORDS = f"<dc:subject>{bag('sea', 'sun')}</dc:subject>"


def described(words: str, attributes: str = "") -> bytes:
    return packet(f"<dc:description>{words}</dc:description>{KEYWORDS}", attributes)


BROKEN = {
    "undeclared prefix of an attribute": (described("words", 'photoshopx:Credit="x"'), "words"),
    "undeclared prefix of an element": (described("words<other:a/>"), "words"),
    "undeclared prefix of an element beside": (packet(f"<other:a>x</other:a>{KEYWORDS}", 'dc:description="words"'), "words"),
    "undeclared prefix that is known": (described("words").replace(b' xmlns:dc="http://purl.org/dc/elements/1.1/"', b""), "words"),
    "undeclared prefix of RDF": (
        described("words").replace(b' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"', b""),
        "words",
    ),
    "a byte of Latin-1": (described("Zürich").replace("ü".encode(), b"\xfc"), "Zürich"),
    "a byte of Windows-1252": (described("5 €").replace("€".encode(), b"\x80"), "5 €"),
    "both encodings": (described("Zürich, Größe").replace("ß".encode(), b"\xdf"), "Zürich, Größe"),
    "a reference to a control character": (described("Hello&#x1;"), "Hello"),
    "a decimal reference": (described("Hel&#0;lo&#11;"), "Hello"),
    "a reference beyond Unicode": (described("Hello&#x110000;&#xFFFFFFFFFF;&#xD800;"), "Hello"),
    "a reference in capitals": (described("Z&#XFC;rich"), "Zürich"),
    "an ampersand": (described("Tom & Jerry, R&D"), "Tom & Jerry, R&D"),
    "an entity of HTML": (described("Caf&eacute;"), "Café"),
    "a forbidden character": (described("Hello\ufffe"), "Hello"),
    "more after its end": (described("words") + b"<x>\xff\xd9", "words"),
    "all of them": (
        described("Z\x01ürich & &#x1;Bern &lt; 5", 'other:a="x"').replace("ü".encode(), b"\xfc"),
        "Zürich & Bern < 5",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_xmp__one_bad_token_costs_only_itself(kind: str) -> None:
    data, caption = BROKEN[kind]

    found = read_xmp(data, LIMITS)

    assert (found.text.caption, found.text.keywords) == (caption, ("sea", "sun"))
    (warning,) = found.warnings
    assert "not valid XML" in warning


@pytest.mark.parametrize("kind", [kind for kind in BROKEN if "RDF" not in kind])  # without it, it is no sidecar
def test_sidecar__one_bad_token_costs_only_itself(tmp_path: Path, kind: str) -> None:
    data, caption = BROKEN[kind]
    (tmp_path / "a.jpg.xmp").write_bytes(data)

    found = read_sidecar(tmp_path / "a.jpg", LIMITS)

    assert (found.text.caption, found.text.keywords, found.is_whole) == (caption, ("sea", "sun"), True)
    assert len(found.warnings) == 1


def test_xmp__whole_packets_have_no_warning() -> None:
    assert read_xmp(described("Zürich &#252; &amp; &#x1F600;"), LIMITS).warnings == ()


@pytest.mark.parametrize(
    "document",
    [
        b'\xff<!DOCTYPE x [<!ENTITY a "boom">]>' + described("&a;"),
        b'<!DOCTYPE x [<!ENTITY a "\xff\x01boom">]>' + described("&a;"),
        b"<?xml version='1.0'?>\x02<!DOCTYPE x>" + described("&#1;"),
        described("words").replace(b"</dc:description>", b"</dc:title>"),
        described("words")[:-200],
    ],
)
def test_xmp__what_stays_refused(document: bytes) -> None:
    found = read_xmp(document, LIMITS)

    assert found.text.is_empty
    (warning,) = found.warnings
    assert "so it is left out" in warning


def fill(piece: str) -> bytes:
    room = MAX_PACKET_BYTES - len(described("")) - 10
    return described("\x01&" + piece * (room // len(piece)))


@pytest.mark.parametrize(
    "document",
    [
        fill("&"),
        fill("&#x1;"),
        fill("&#" + "9" * 5000 + ";"),
        fill("<b:a/>"),
        fill("<"),
        fill("</RDF"),
        fill("\n"),
        described("&" + "".join(f"<p{n}:a/>" for n in range(60_000))),
        described("&" + "<o:a>" * 40_000 + "</o:a>" * 40_000),
        described("&").replace(b"<x:xmpmeta", b"<x:xmpmeta " + b" xmlns:q" * 90_000),
        b"\xff" * (MAX_PACKET_BYTES - 1),
    ],
)
def test_xmp__repair_takes_bounded_time(document: bytes) -> None:
    assert len(document) <= MAX_PACKET_BYTES
    started = time.thread_time()

    assert len(read_xmp(document, LIMITS).warnings) == 1

    assert time.thread_time() - started < 3.0
