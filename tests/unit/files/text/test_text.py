import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InvalidText
from backend.files.text import (
    MediaText,
    TextChanges,
    clean_lines,
    clean_media_text,
    clean_text,
    embedding_text,
    fit_media_text,
    join_keywords,
    parse_date,
    parse_taken_at,
    split_keywords,
    text_of_record,
    unwrap_lines,
)
from tests.support.limits import make_limits


def only(field: str, words: str) -> MediaText:
    """Return a text with nothing but one field."""
    values: dict[str, Any] = {field: (words,) if field == "keywords" else words}
    return MediaText(**values)


SMALL = make_limits(
    max_title_characters=10,
    max_caption_characters=20,
    max_story_characters=30,
    max_location_characters=10,
    max_keyword_characters=5,
    max_keywords=3,
)


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("", ""),
        ("plain words", "plain words"),
        ("  a\tb\r\n\n c\u00a0d\u2003e ", "a b c d e"),
        ("1 < 2 & 3 > 2", "1 < 2 & 3 > 2"),
        ("a<b and c>d", "a<b and c>d"),
        ("x <y> z", "x <y> z"),
        ("i <3 you -> me", "i <3 you -> me"),
        ("R&D, rock&notes, AT&T", "R&D, rock&notes, AT&T"),
        ("<p>one</p><p>two</p>", "one two"),
        ("one<br/>two<BR>three", "one two three"),
        ("un<b>brea</b>kable <i>word</i>", "unbreakable word"),
        ('<a href="https://example.org/?a=1&amp;b=2">link</a> text', "link text"),
        ("<script>alert(1)</script>hello<style>p{}</style>", "hello"),
        ("<SCRIPT src='x'>alert(1)</SCRIPT >hello", "hello"),
        ("<img src=x onerror=alert(1)>hello", "hello"),
        ("<svg/onload=alert(1)>x</svg>hello", "hello"),
        ("hello<script>alert(1)", "hello"),
        ("before<!-- hidden <b>x</b> -->after", "beforeafter"),
        ("arrow <!-- no end", "arrow <!-- no end"),
        ("<!DOCTYPE html><html><head><title>t</title></head><body>b</body></html>", "b"),
        ("<o:p>from Word</o:p>", "from Word"),
        ("caf&eacute; &amp; bar &#8211; 5 &lt; 6 &#x41;", "café & bar – 5 < 6 A"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;x", "x"),
        ("&amp;lt;b&amp;gt;bold", "bold"),
        ("<scr\0ipt>alert(1)</scr\0ipt>x", "x"),
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),
        ("a\u202eb\ufeffc\u00add\x07e\x1bf", "abcdef"),
        ("👨\u200d👩\u200d👧 fam", "👨\u200d👩\u200d👧 fam"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("https://example.org/a?b=c&d=e", "https://example.org/a?b=c&d=e"),
        ("C:\\pictures\\a.jpg", "C:\\pictures\\a.jpg"),
    ],
)
def test_clean_text__examples(raw: str, cleaned: str) -> None:
    assert clean_text(raw) == cleaned


MARKUP = st.lists(
    st.sampled_from(
        [
            "<",
            ">",
            "&",
            ";",
            "amp",
            "lt",
            "gt",
            "&lt;",
            "&#60;",
            "&#x26;",
            "<b>",
            "</b>",
            "<p ",
            "script",
            "/",
            "<!--",
            "-->",
            "\0",
            "\u200b",
            "\u0301",
            "e",
            " ",
            "\n",
            "=",
            '"',
            "'",
            "\u037e",
            "\u2000",
            "<br",
            "a",
            "!doctype",
        ]
    ),
    max_size=25,
).map("".join)


@given(st.one_of(st.text(), MARKUP))
def test_clean_text__cleaning_twice_changes_nothing(raw: str) -> None:
    once = clean_text(raw)

    assert clean_text(once) == once
    assert once == " ".join(once.split())
    assert not any(ord(character) < 32 for character in once)
    once.encode("utf-8")


@given(st.text(alphabet="abc <>&;/1"))
def test_clean_text__words_between_signs_survive(raw: str) -> None:
    # No HTML can be made of these letters apart from <a>, <b> and their ends, and the entity &ac;.
    if "<" not in raw and "&ac;" not in raw:
        assert clean_text(raw) == " ".join(raw.split())


@pytest.mark.parametrize(
    "raw",
    [
        "&" + "amp;" * 10_000,
        "<b>" * 10_000,
        "<!--" * 10_000,
        "<a " * 10_000,
        "&lt;" * 10_000,
        "<p><b>x" * 5_000,
        "<svg><p>" * 5_000,
    ],
    ids=["nested entities", "deep", "open comments", "open tags", "entities", "unclosed", "invisible"],
)
def test_clean_text__hostile_text_is_no_endless_work(raw: str) -> None:
    started = time.thread_time()  # what else the machine does is not counted

    clean_text(raw)

    assert time.thread_time() - started < 3.0


def test_media_text__or_else_fills_field_by_field() -> None:
    moment = datetime(2024, 5, 1, tzinfo=UTC)
    mine = MediaText(title="mine", keywords=("a",))
    other = MediaText(title="other", caption="caption", keywords=("b",), taken_at=moment)

    assert mine.or_else(other) == MediaText(title="mine", caption="caption", keywords=("a",), taken_at=moment)
    assert MediaText().or_else(other) == other


@pytest.mark.parametrize(
    "text", [MediaText(title="x"), MediaText(keywords=("x",)), MediaText(taken_at=datetime(2024, 5, 1, tzinfo=UTC))]
)
def test_media_text__is_empty(text: MediaText) -> None:
    assert MediaText().is_empty
    assert not text.is_empty


def test_clean_media_text__every_field() -> None:
    found = clean_media_text(
        MediaText(title=" <b>T</b> ", caption="c&amp;d", keywords=("a",), location=" L\n", story="s\t\ts"), SMALL
    )

    assert found == MediaText(title="T", caption="c&d", keywords=("a",), location="L", story="s s")


@pytest.mark.parametrize(
    ("raw", "keywords"),
    [
        (("Doe, Jane", "sea; sun"), ("Doe, Jane", "sea; sun")),
        (("Sea", "sea", "SEA", "sun"), ("Sea", "sun")),
        (("sun", "sea", "SUN"), ("sun", "sea")),
        (("a\nb",), ("a", "b")),
        (("", " ", "<b>x</b>"), ("x",)),
        (("r&amp;b",), ("r&b",)),
    ],
)
def test_clean_media_text__keywords(raw: tuple[str, ...], keywords: tuple[str, ...]) -> None:
    assert clean_media_text(MediaText(keywords=raw), replace(SMALL, max_keyword_characters=10)).keywords == keywords


@pytest.mark.parametrize(
    ("raw", "keywords"),
    [
        ("sea, sun;sand", ("sea", "sun", "sand")),
        ("a\nb", ("a", "b")),
        (" ; ,\n", ()),
        ("r&amp;b; sea&#38;sun;&nothing; x", ("r&amp;b", "sea&#38;sun", "&nothing", "x")),
        ('sea, "Doe, Jane"; sun', ("sea", "Doe, Jane", "sun")),
        ('5" lens, "open, shut', ('5" lens', '"open', "shut")),
        ('"a"b, c"d"', ('"a"b', 'c"d"')),
        ('"", "x"', ("x",)),
    ],
)
def test_split_keywords(raw: str, keywords: tuple[str, ...]) -> None:
    assert split_keywords(raw) == keywords


@given(st.lists(st.text(alphabet="ab,; \n").map(lambda word: " ".join(word.split())).filter(bool)))
def test_join_keywords__is_the_way_back(keywords: list[str]) -> None:
    assert split_keywords(join_keywords(keywords)) == tuple(keywords)


@pytest.mark.parametrize(
    ("field", "length"), [("title", 10), ("caption", 20), ("story", 30), ("location", 10), ("keywords", 5)]
)
def test_clean_media_text__limits(field: str, length: int) -> None:
    def text(characters: int) -> MediaText:
        return only(field, "x" * characters)

    assert clean_media_text(text(length), SMALL) == text(length)
    for characters in (length + 1, 100_000):
        with pytest.raises(InvalidText, match="allowed") as caught:
            clean_media_text(text(characters), SMALL)
        assert caught.value.context["field"] in {field, "keyword"}


def test_clean_media_text__markup_does_not_count() -> None:
    assert clean_media_text(MediaText(title="<b><i><u>0123456789</u></i></b>"), SMALL).title == "0123456789"


def test_clean_media_text__too_many_keywords() -> None:
    assert len(clean_media_text(MediaText(keywords=("a", "b", "c", "A")), SMALL).keywords) == 3
    with pytest.raises(InvalidText, match="4 keywords"):
        clean_media_text(MediaText(keywords=("a", "b", "c", "d")), SMALL)


@pytest.mark.parametrize("field", ["title", "caption", "location", "story", "keywords"])
def test_clean_media_text__nul(field: str) -> None:
    with pytest.raises(InvalidText, match="NUL"):
        clean_media_text(only(field, "a\0b"), SMALL)


def test_fit_media_text__cuts_instead_of_refusing() -> None:
    found = fit_media_text(
        MediaText(title="one two three", caption="x" * 50, keywords=("abcdefgh, b", "b", "c", "d"), story="nul\0"),
        SMALL,
    )

    assert found == MediaText(title="one two", caption="x" * 20, keywords=("abcde", "b", "c"), story="nul")
    assert clean_media_text(found, SMALL) == found


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("First line\n\nSecond paragraph\n- item", "First line\n\nSecond paragraph\n- item"),
        ("\r\n a  b \r\n\r\n\t\n\n c\rd\u2028e\n", "a b\n\nc\nd\ne"),
        ("a\u2029b\u2028c", "a\n\nb\nc"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("one<br>two<b>!</b>", "one\ntwo!"),
        ("a&#10;b&lt;br&gt;c", "a\nb\nc"),
        ("e\u0301\ne\u0301", "é\né"),
    ],
)
def test_clean_lines__keeps_lines_and_paragraphs(raw: str, cleaned: str) -> None:
    assert clean_lines(raw) == cleaned
    text = MediaText(title=raw, caption=raw, location=raw, story=raw)
    assert clean_media_text(text, make_limits()) == fit_media_text(text, make_limits())
    assert clean_media_text(text, make_limits()) == MediaText(
        title=clean_text(raw), caption=cleaned, location=clean_text(raw), story=cleaned
    )


@given(st.one_of(st.text(), MARKUP))
def test_clean_lines__cleaning_twice_changes_nothing(raw: str) -> None:
    once = clean_lines(raw)

    assert clean_lines(once) == once
    assert once.split() == clean_text(once).split()
    assert "\n\n\n" not in once
    assert not any(ord(character) < 32 and character != "\n" for character in once)


@pytest.mark.parametrize(
    ("raw", "unwrapped"),
    [
        ("a\nb\r\nc", "a b c"),
        ("a\n\nb\r\n\r\nc", "a\n\nb\r\n\r\nc"),
        ("First line\n\nSecond paragraph\n- item\n2. item", "First line\n\nSecond paragraph\n- item\n2. item"),
        ("a\n-b", "a -b"),
    ],
)
def test_unwrap_lines(raw: str, unwrapped: str) -> None:
    assert unwrap_lines(raw) == unwrapped


def test_embedding_text__lines_are_for_readers() -> None:
    assert embedding_text(MediaText(caption="a b\nc\n\nd", story="a b c d")) == "a b c d."


def test_embedding_text__order_and_sentences() -> None:
    text = MediaText(
        title="Sunset", caption="A red sun over the sea.", keywords=("sea", "red"), location="Nosy Be", story="We came!"
    )

    assert embedding_text(text) == "Sunset. Nosy Be. A red sun over the sea. sea, red. We came!"


def test_embedding_text__says_nothing_twice() -> None:
    assert embedding_text(MediaText(title="Sunset", caption="sunset", keywords=("Sunset",))) == "Sunset."


@pytest.mark.parametrize(
    "text",
    [MediaText(), MediaText(taken_at=datetime(2024, 5, 1, tzinfo=UTC)), MediaText(location="48.858400, -2.2945")],
)
def test_embedding_text__nothing_to_embed(text: MediaText) -> None:
    assert embedding_text(text) == ""


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        ("", None),
        ("  ", None),
        ("2024-05-01T12:30:00+02:00", datetime(2024, 5, 1, 12, 30, tzinfo=timezone(timedelta(hours=2)))),
        ("2024-05-01T12:30:00Z", datetime(2024, 5, 1, 12, 30, tzinfo=UTC)),
        ("2024-05-01 12:30", datetime(2024, 5, 1, 12, 30, tzinfo=UTC)),
        ("2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024:05:01 12:30:05", datetime(2024, 5, 1, 12, 30, 5, tzinfo=UTC)),
        ("2024:05:01 12:30:05-03:00", datetime(2024, 5, 1, 15, 30, 5, tzinfo=UTC)),
        ("20240501T123005+0200", datetime(2024, 5, 1, 10, 30, 5, tzinfo=UTC)),
        ("1714559400", datetime(2024, 5, 1, 10, 30, tzinfo=UTC)),
    ],
)
def test_parse_taken_at__readable(raw: str, moment: datetime | None) -> None:
    assert parse_taken_at(raw) == moment


@pytest.mark.parametrize(
    "raw", ["yesterday", "0000:00:00 00:00:00", "2024-13-01", "0001-01-01", "9999-12-31T23:59:59-12:00", "12", "nan"]
)
def test_parse_taken_at__no_moment(raw: str) -> None:
    with pytest.raises(InvalidText, match="taken_at"):
        parse_taken_at(raw)


@pytest.mark.parametrize(
    ("value", "moment", "precision"),
    [
        (31_536_000, "1971-01-01T00:00:00+00:00", "second"),
        (-86_400, "1969-12-31T00:00:00+00:00", "second"),
        (0, "1970-01-01T00:00:00+00:00", "second"),
        (12, "1970-01-01T00:00:12+00:00", "second"),
        (-5_000_000_000, "1811-07-23T15:06:40+00:00", "second"),
        (1714559400.5, "2024-05-01T10:30:00.500000+00:00", "second"),
        ("31536000", "1971-01-01T00:00:00+00:00", "second"),
        ("-86400", "1969-12-31T00:00:00+00:00", "second"),
        ("1887", "1887-01-01T00:00:00+00:00", "year"),
        ("2004-05", "2004-05-01T00:00:00+00:00", "month"),
        ("2004-05-06", "2004-05-06T00:00:00+00:00", "day"),
        ("2004-05-06T12:30", "2004-05-06T10:30:00+00:00", "minute"),
        ("2004-05-06T12:30:15", "2004-05-06T10:30:15+00:00", "second"),
        ("2004-05-06T12:30:15.25Z", "2004-05-06T12:30:15.250000+00:00", "subsecond"),
    ],
)
def test_text_of_record__moment(value: object, moment: str, precision: str) -> None:
    text = text_of_record({"taken_at": value}, make_limits(time_zone="Europe/Paris"))

    assert text.taken_at is not None
    assert text.taken_at.astimezone(UTC).isoformat() == moment
    assert (text.taken_at_precision, text.taken_at_source) == (precision, "given")


def test_parse_date__eight_digits_are_a_date_where_it_is_said() -> None:
    assert parse_date("20240501", is_date=True) == parse_date("2024-05-01")
    assert parse_date("20240501") == (datetime(1970, 8, 23, 6, 21, 41, tzinfo=UTC), 5)


@pytest.mark.parametrize(
    "value", [True, 1e20, float("nan"), "2024-00-01", "2024-05-01T25:00", "2024-05-01T12:00+99:00", "123"]
)
def test_text_of_record__no_moment(value: object) -> None:
    with pytest.raises(InvalidText, match="taken_at"):
        text_of_record({"taken_at": value}, make_limits())


def test_media_text__a_moment_and_what_is_known_of_it_stay_together() -> None:
    mine = MediaText().given_date("2004")
    other = MediaText(title="t").given_date("2024-05-01T12:30:00Z")

    both = clean_media_text(mine.or_else(other), make_limits())

    assert (both.taken_at_precision, both.taken_at_source) == ("year", "given")
    assert both.taken_at == datetime(2004, 1, 1, tzinfo=UTC)
    assert (
        clean_media_text(MediaText(taken_at=both.taken_at).or_else(other), make_limits()).taken_at_precision == "second"
    )


def test_text_changes__of_the_moment() -> None:
    before = MediaText(title="t").given_date("2004")
    changed = TextChanges(taken_at=datetime(2024, 5, 1, tzinfo=UTC), taken_at_precision="day").apply_to(before)
    cleared = TextChanges(clear_taken_at=True).apply_to(before)
    kept = TextChanges(title="u").apply_to(before)

    assert (changed.taken_at, changed.taken_at_precision) == (datetime(2024, 5, 1, tzinfo=UTC), "day")
    assert (cleared.taken_at, cleared.taken_at_precision, cleared.taken_at_source) == (None, "", "")
    assert (kept.title, kept.taken_at, kept.taken_at_precision) == ("u", before.taken_at, "year")
