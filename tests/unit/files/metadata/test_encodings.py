"""Texts of EXIF in another encoding than the one that they declare."""

import pytest

from backend.files.metadata.encodings import as_comment, as_utf16

UNICODE = b"UNICODE\0"
NARROW = ["Hello there, plain text", "Hello there plain text", "hello", "word", "HELLO WORLD", "Größe über", "Zürich", "写真", "море",
          "Born 1998, in Köln", "line one\nline two", "A"]  # fmt: skip
WIDE = ["Größe", "Hello", "日本の写真", "中华", "中文照片", "あいうえお", "はな", "море и солнце", "서울", "한국", "שלום", "A",
        "人民", "图片", "杭州湾", "你好世界"]  # fmt: skip


@pytest.mark.parametrize("words", NARROW)
@pytest.mark.parametrize("padding", [b"", b"\0", b"\0\0", bytes(9)])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_as_comment__utf8_declared_as_unicode(words: str, padding: bytes, byte_order: str) -> None:
    assert as_comment(UNICODE + words.encode() + padding, byte_order) == words


@pytest.mark.parametrize("words", WIDE)
@pytest.mark.parametrize("padding", [b"", b"\0\0", bytes(8)])
@pytest.mark.parametrize(("byte_order", "encoding"), [("<", "utf-16-le"), (">", "utf-16-be")])
def test_as_comment__utf16(words: str, padding: bytes, byte_order: str, encoding: str) -> None:
    assert as_comment(UNICODE + words.encode(encoding) + padding, byte_order) == words


@pytest.mark.parametrize("words", NARROW)
def test_as_utf16__fields_of_windows_in_utf8(words: str) -> None:
    assert as_utf16(words.encode() + b"\0") == words


@pytest.mark.parametrize("words", WIDE)
def test_as_utf16__fields_of_windows(words: str) -> None:
    assert as_utf16(words.encode("utf-16-le") + b"\0\0") == words
    assert as_utf16(tuple(words.encode("utf-16-le"))) == words


def test_as_utf16__last_character_that_ends_in_a_zero() -> None:
    assert as_utf16("第一".encode("utf-16-le") + b"\0\0") == "第一"
