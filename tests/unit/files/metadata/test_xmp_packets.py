"""XMP packets that are written: other programs' fields hold the right values, and the reader gets back what was said."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from xml.etree.ElementTree import Element, fromstring
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.files.metadata import EmbeddedMetadata, find_writer, read_xmp, says_anything, write_xmp
from backend.files.text import WORDS, MediaText, clean_media_text, is_boilerplate, is_boilerplate_keyword
from backend.moments import GIVEN_SOURCE, Precision, Standing
from tests.support.containers import NAMESPACES
from tests.support.limits import make_limits

ID = str(uuid.UUID(int=7))
LIMITS = make_limits()
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
NOON = datetime(2004, 5, 1, 10, 30, 15, 120_000, tzinfo=UTC)


@pytest.mark.parametrize("name", WORDS)
def test_write_xmp__has_every_text_field_but_the_story(name: str) -> None:
    """A sidecar of a picture whose story alone is known says nothing. Any other field has to be written."""
    assert says_anything(write_xmp(MediaText(**{name: "words"}), ID)) == (name != "story")  # type: ignore[arg-type]


def picture_of(packet: bytes) -> Element:
    found = fromstring(packet).find(f"{RDF}RDF/{RDF}Description")
    assert found is not None
    return found


def texts_of(packet: bytes, name: str) -> list[str]:
    prefix, local = name.split(":")
    value = picture_of(packet).find(f"{{{NAMESPACES[prefix]}}}{local}")
    if value is None:
        return []
    return [item.text or "" for item in value.iter(f"{RDF}li")] or [value.text or ""]


def reread(text: MediaText, **options: Any) -> EmbeddedMetadata:
    packet = write_xmp(text, ID, **options)
    found = read_xmp(packet, LIMITS)
    assert found.warnings == ()
    return found


def test_write_xmp__what_each_program_reads() -> None:
    text = MediaText(
        title="Föhn & <rain>", caption="One.\n\nTwo", keywords=("sea", "AC/DC", "a|b"), location="Pier, Brest"
    )
    packet = write_xmp(text, ID, group="Light/houses | day")
    assert texts_of(packet, "dc:title") == ["Föhn & <rain>"]
    assert texts_of(packet, "dc:description") == ["One.\n\nTwo"]
    assert texts_of(packet, "dc:subject") == ["sea", "AC/DC", "a|b"]
    assert texts_of(packet, "lr:hierarchicalSubject") == [
        "sea", "AC/DC", "a\u2223b", "mediacluster|Light/houses \u2223 day",
    ]  # fmt: skip
    assert texts_of(packet, "digiKam:TagsList") == [
        "sea", "AC\u2215DC", "a|b", "mediacluster/Light\u2215houses | day",
    ]  # fmt: skip
    assert texts_of(packet, "Iptc4xmpCore:Location") == ["Pier, Brest"]
    title = picture_of(packet).find(f"{{{NAMESPACES['dc']}}}title/{RDF}Alt/{RDF}li")
    assert title is not None
    assert title.attrib == {"{http://www.w3.org/XML/1998/namespace}lang": "x-default"}


@pytest.mark.parametrize(
    ("precision", "written"),
    [
        (Precision.YEAR, "2004"),
        (Precision.MONTH, "2004-05"),
        (Precision.DAY, "2004-05-01"),
        (Precision.MINUTE, "2004-05-01T12:30+02:00"),
        (Precision.SECOND, "2004-05-01T12:30:15+02:00"),
        (Precision.SUBSECOND, "2004-05-01T12:30:15.12+02:00"),
    ],
)
def test_write_xmp__a_moment_as_far_as_it_is_known(precision: Precision, written: str) -> None:
    text = MediaText().with_date(NOON, precision, GIVEN_SOURCE)
    packet = write_xmp(text, ID, zone=ZoneInfo("Europe/Paris"))
    assert texts_of(packet, "photoshop:DateCreated") == [written]
    assert texts_of(packet, "exif:DateTimeOriginal") == ([written] if precision.has_clock else [])
    assert texts_of(packet, "xmp:CreateDate") == []
    (found,) = [one for one in read_xmp(packet, LIMITS).dates if one.source == "xmp:photoshop:DateCreated"]
    assert found.precision is precision


@pytest.mark.parametrize(
    ("standing", "fields"),
    [
        (Standing.ORIGINAL, {"photoshop:DateCreated", "exif:DateTimeOriginal"}),
        (Standing.DIGITIZED, {"xmp:CreateDate"}),
        (Standing.SATELLITE, set()),
        (Standing.MODIFIED, set()),
        (Standing.GUESSED, set()),
    ],
)
def test_write_xmp__a_guess_does_not_become_knowledge(standing: Standing, fields: set[str]) -> None:
    packet = write_xmp(MediaText().with_date(NOON, Precision.SECOND, "any"), ID, standing=standing)
    names = ("photoshop:DateCreated", "exif:DateTimeOriginal", "xmp:CreateDate", "exif:DateTimeDigitized")
    assert {name for name in names if texts_of(packet, name)} == fields


def test_write_xmp__the_first_years_and_zones_with_seconds() -> None:
    early = MediaText().with_date(datetime(1000, 1, 1, tzinfo=UTC), Precision.SECOND, GIVEN_SOURCE)
    assert texts_of(write_xmp(early, ID, zone=timezone(timedelta(hours=-5))), "photoshop:DateCreated") == [
        "1000-01-01T00:00:00+00:00"
    ]
    before_zones = MediaText().with_date(datetime(1850, 1, 1, 12, tzinfo=UTC), Precision.SECOND, GIVEN_SOURCE)
    assert texts_of(write_xmp(before_zones, ID, zone=ZoneInfo("Europe/Paris")), "photoshop:DateCreated") == [
        "1850-01-01T12:00:00+00:00"
    ]


@pytest.mark.parametrize("as_keyword", [False, True])
@pytest.mark.parametrize("keywords", [("sea",), ("sea", "lighthouse"), ("mediacluster",), ()])
def test_read_xmp__a_group_is_no_keyword(keywords: tuple[str, ...], as_keyword: bool) -> None:
    text = MediaText(keywords=keywords)
    assert reread(text, group="Lighthouse", group_as_keyword=as_keyword).text.keywords == keywords


def test_read_xmp__nor_after_another_program_wrote_it_again() -> None:
    """Darktable repeats each part of a path among the keywords."""
    packet = write_xmp(MediaText(keywords=("sea",)), ID, group="Lighthouse")
    again = packet.replace(
        b"<rdf:li>sea</rdf:li>",
        b"<rdf:li>sea</rdf:li><rdf:li>mediacluster</rdf:li><rdf:li>Lighthouse</rdf:li>",
        1,
    )
    assert again != packet
    assert read_xmp(again, LIMITS).text.keywords == ("sea",)


def test_write_xmp__leaves_out_what_xml_forbids() -> None:
    text = MediaText("a\x1bb\ufffec", "\ud800d", ("e\x00f", "\uffff", "g"), "h\x0bi")
    packet = write_xmp(text, ID, group="j\x01k")
    assert texts_of(packet, "dc:title") == ["abc"]
    assert texts_of(packet, "dc:description") == ["d"]
    assert texts_of(packet, "dc:subject") == ["ef", "g"]
    assert texts_of(packet, "lr:hierarchicalSubject") == ["ef", "g", "mediacluster|jk"]
    assert texts_of(packet, "Iptc4xmpCore:Location") == ["hi"]
    assert reread(text).text == MediaText("abc", "d", ("ef", "g"), "hi")
    assert not says_anything(write_xmp(MediaText("\ufffe"), ID))


def test_find_writer__only_of_what_was_written_so() -> None:
    packet = write_xmp(MediaText(title="One"), ID)
    assert find_writer(packet) == ID
    other = str(uuid.UUID(int=8))
    for changed in (
        packet.replace(b"One", b"Two"),
        packet.replace(ID.encode(), other.encode()),
        packet + b"\n",
        packet.replace(b"</x:xmpmeta>", b"<more/></x:xmpmeta>"),
        packet.replace(b"mediacluster", b"XMP Core 4.4.0"),
        b"",
    ):
        assert find_writer(changed) is None


hostile = st.lists(
    st.one_of(
        st.characters(codec="utf-8", exclude_characters="\0"),  # refused wherever words come in
        st.sampled_from("<>&;\"'|/,\\]\t\n\r\u2028\u2215\u2223\ufffe\uffff\u0085\x1b\ufeff%"),
        st.sampled_from(["]]>", "<!--", "&lt;", "<?xml", "x-default", "mediacluster", "darktable|", "AC/DC"]),
    ),
    max_size=8,
).map("".join)
moments = st.datetimes(
    datetime(1000, 1, 2),  # noqa: DTZ001 - zones are added
    datetime(9998, 12, 30),  # noqa: DTZ001
    timezones=st.timezones(),
)


@settings(max_examples=200)
@given(
    words=st.tuples(hostile, hostile, hostile),
    keywords=st.lists(hostile, max_size=5),
    group=hostile,
    as_keyword=st.booleans(),
    moment=st.none() | moments,
    precision=st.sampled_from(Precision),
    zone=st.timezones(),
)
def test_write_xmp__is_read_as_it_was(
    words: tuple[str, str, str],
    keywords: list[str],
    group: str,
    as_keyword: bool,
    moment: datetime | None,
    precision: Precision,
    zone: Any,
) -> None:
    title, caption, location = (one[:100] for one in words)
    raw = MediaText(title, caption, tuple(keywords), location)
    stored = writable(clean_media_text(raw, LIMITS))
    if moment is not None:
        stored = stored.with_date(moment.astimezone(UTC), precision, GIVEN_SOURCE)
    label = clean_media_text(MediaText(title=group), LIMITS).title
    found = reread(stored, group=label, group_as_keyword=as_keyword, zone=zone)
    # Keywords that look like a program's own come back from their paths, after the others.
    assert in_order(found.text.without_date()) == in_order(stored.without_date())
    if moment is not None:
        begin = begin_of(stored.taken_at or moment, precision)
        (read,) = [one for one in found.dates if one.source == "xmp:photoshop:DateCreated"]
        assert read.precision is precision
        assert read.moment.replace(tzinfo=read.moment.tzinfo or UTC) == begin


def in_order(text: MediaText) -> MediaText:
    return replace(text, keywords=tuple(sorted(text.keywords)))


def writable(text: MediaText) -> MediaText:
    """Without what XML cannot write, and what a reader takes for the words of a camera or a program."""

    def keep(words: str) -> str:
        kept = words.replace("\ufffe", "").replace("\uffff", "")
        return "" if is_boilerplate(kept) else kept

    internal = ("_digikam", "darktable|", "color label", "pick label")
    kept = [keep(word) for word in text.keywords if not is_boilerplate_keyword(word)]
    keywords = tuple(word for word in kept if word and not word.casefold().startswith(internal))
    cleaned = MediaText(keep(text.title), keep(text.caption), keywords, keep(text.location))
    return clean_media_text(cleaned, LIMITS)


def begin_of(moment: datetime, precision: Precision) -> datetime:
    begin = moment.astimezone(UTC)
    if precision < Precision.SUBSECOND:
        begin = begin.replace(microsecond=0)
    if precision < Precision.SECOND:
        begin = begin.replace(second=0)
    if precision < Precision.MINUTE:
        begin = begin.replace(hour=0, minute=0)
    if precision < Precision.DAY:
        begin = begin.replace(day=1)
    return begin.replace(month=1) if precision is Precision.YEAR else begin
