"""A format is one value: what is in it is all that the rest of the program asks."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from backend.errors import UnsupportedFormat
from backend.files.decoding import inspect_picture
from backend.files.formats import FORMATS, PictureFormat, formats, identify_format, list_accepted, open_picture
from backend.files.limits import Limits
from tests.support.limits import make_limits

ROOT = Path(__file__).parents[4]
BMP = PictureFormat(
    "BMP", "BMP", "image/bmp", ("bmp", "dib"), lambda data: data.startswith(b"BM"), lambda _data, _most: 1
)


def make_bmp() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (7, 5), "teal").save(buffer, "BMP")
    return buffer.getvalue()


def test_formats__a_new_one_is_one_value(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        UnsupportedFormat, match=r"a BMP, whatever its name says\. Send JPEG, PNG, WebP, GIF, HEIC, AVIF or TIFF"
    ):
        identify_format(make_bmp(), make_limits())
    monkeypatch.setattr(formats, "FORMATS", (*FORMATS, BMP))
    found = inspect_picture(make_bmp(), make_limits())
    assert (found.mime, found.extension, found.width, found.height, found.frames) == ("image/bmp", "bmp", 7, 5, 1)
    assert BMP in list_accepted(make_limits())
    with pytest.raises(UnsupportedFormat, match="Send JPEG, PNG, WebP, GIF, HEIC, AVIF, TIFF or BMP"):
        identify_format(b"a letter", make_limits())


def test_formats__one_with_a_switch_is_let_in_by_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "FORMATS", (*FORMATS, replace(BMP, switch="enable_avif")))
    with pytest.raises(UnsupportedFormat, match="Set MEDIACLUSTER_ENABLE_AVIF=true or convert it"):
        identify_format(make_bmp(), make_limits(enable_avif=False))
    assert identify_format(make_bmp(), make_limits()).title == "BMP"


def test_formats__a_decoder_of_another_package_is_registered_before_it_is_asked() -> None:
    asked: list[str] = []
    with open_picture(make_bmp(), replace(BMP, register=lambda: asked.append("registered"))) as image:
        assert image.size == (7, 5)
    assert asked == ["registered"]


def test_list_accepted__follows_the_switches_and_the_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    def titles(limits: Limits) -> list[str]:
        return [one.title for one in list_accepted(limits)]

    monkeypatch.setattr(formats, "_is_installed", lambda _: False)
    assert titles(make_limits()) == ["JPEG", "PNG", "WebP", "GIF", "HEIC", "AVIF", "TIFF"]
    off = make_limits(enable_heif=False, enable_avif=False, enable_tiff=False)
    assert titles(off) == ["JPEG", "PNG", "WebP", "GIF"]
    monkeypatch.setattr(formats, "_is_installed", lambda package: package == "rawpy")
    assert titles(off) == ["JPEG", "PNG", "WebP", "GIF", "DNG", "CR2", "CR3", "NEF", "ARW", "RAF", "ORF"]


def test_formats__the_manual_names_each_and_its_switch() -> None:
    manual = (ROOT / "docs/how-to/own-photos.md").read_text(encoding="utf-8")
    row = next(line for line in manual.splitlines() if line.startswith("| `unsupported_format`"))
    for one in FORMATS:
        assert one.title in row
        assert one.switch is None or f"`MEDIACLUSTER_{one.switch.upper()}`" in row
