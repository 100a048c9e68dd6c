import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from backend.errors import ConfigurationError
from backend.files.decoding import read_words

PICTURE = Image.new("RGB", (60, 20), "white")
HEAD = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"


@pytest.fixture
def tesseract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a program called tesseract on the path that runs the given shell lines ($2 is the base of its output)."""

    def install(*lines: str) -> None:
        program = tmp_path / "tesseract"
        program.write_text(
            "\n".join(["#!/bin/sh", 'if [ "$1" = --version ]; then echo tesseract 5.3.0; exit; fi', *lines])
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return install


def table(*words: tuple[str, float]) -> str:
    rows = [f"5\t1\t1\t1\t1\t1\t0\t0\t9\t9\t{confidence}\t{word}" for word, confidence in words]
    return "\n".join([HEAD, *rows])


def test_read_words__only_those_it_is_sure_of(tesseract: Callable[..., None], tmp_path: Path) -> None:
    found = tmp_path / "found.tsv"
    found.write_text(table(("", -1), ("Fish", 96.5), ("|", 90.0), ("mrkt", 59.9), ("Market", 60.0)))
    tesseract(f'cp {found} "$2.tsv"')

    assert read_words(PICTURE) == "Fish Market"


def test_read_words__none(tesseract: Callable[..., None], tmp_path: Path) -> None:
    found = tmp_path / "found.tsv"
    found.write_text(table(("", -1)))
    tesseract(f'cp {found} "$2.tsv"')

    assert read_words(PICTURE) == ""


def test_read_words__gives_up_quietly(tesseract: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    tesseract("echo out of cheese >&2", "exit 3")

    assert read_words(PICTURE) == ""
    assert "out of cheese" in caplog.text


def test_read_words__program_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigurationError, match="tesseract") as caught:
        read_words(PICTURE)
    assert "MEDIACLUSTER_ENABLE_OCR" in str(caught.value)


def test_read_words__package_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytesseract", None)

    with pytest.raises(ConfigurationError, match="pytesseract"):
        read_words(PICTURE)
