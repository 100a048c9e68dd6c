import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InvalidText
from backend.files.limits import Limits
from backend.files.text import MediaText, clean_media_text, clean_text, embedding_text, fit_media_text, parse_taken_at


def only(field: str, words: str) -> MediaText:
    """Return a text with nothing but one field."""
    values: dict[str, Any] = {field: (words,) if field == "keywords" else words}
    return MediaText(**values)


SMALL = Limits(
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
        (("sea, sun;sand",), ("sea", "sun", "sand")),
        (("Sea", "sea", "SEA", "sun"), ("Sea", "sun")),
        (("sun", "sea", "SUN"), ("sun", "sea")),
        (("a\nb",), ("a", "b")),
        (("", " ; ,", "<b>x</b>"), ("x",)),
        (("r&amp;b",), ("r&b",)),
    ],
)
def test_clean_media_text__keywords(raw: tuple[str, ...], keywords: tuple[str, ...]) -> None:
    assert clean_media_text(MediaText(keywords=raw), SMALL).keywords == keywords


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
    assert len(clean_media_text(MediaText(keywords=("a,b,c,A",)), SMALL).keywords) == 3
    with pytest.raises(InvalidText, match="4 keywords"):
        clean_media_text(MediaText(keywords=("a,b,c,d",)), SMALL)


@pytest.mark.parametrize("field", ["title", "caption", "location", "story", "keywords"])
def test_clean_media_text__nul(field: str) -> None:
    with pytest.raises(InvalidText, match="NUL"):
        clean_media_text(only(field, "a\0b"), SMALL)


def test_fit_media_text__cuts_instead_of_refusing() -> None:
    found = fit_media_text(
        MediaText(title="one two three", caption="x" * 50, keywords=("abcdefgh, b", "c", "d"), story="nul\0"), SMALL
    )

    assert found == MediaText(title="one two", caption="x" * 20, keywords=("abcde", "b", "c"), story="nul")
    assert clean_media_text(found, SMALL) == found


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
