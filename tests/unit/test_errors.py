"""Messages of errors, whatever libraries put into them."""

import io

import pytest
from PIL import Image

from backend.errors import ImageCorrupt


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("It cannot be read (cannot identify image file <_io.BytesIO object at 0x7f5a3c0d2b60>).", "(cannot identify image file)"),
        ("<function f.<locals>.g at 0xdeadBEEF> failed.", "failed."),
        ("A bound method <bound method A.b of <a.A object at 0x7f00>>", "A bound method"),
        ("0xff bytes at offset 12 are kept.", "0xff bytes at offset 12 are kept."),
    ],
)  # fmt: skip
def test_detail__names_no_address_of_memory(message: str, shown: str) -> None:
    detail = ImageCorrupt(message).detail
    assert " at 0x" not in detail
    assert shown in detail


def test_detail__of_a_library() -> None:
    with pytest.raises(OSError, match="0x") as caught:
        Image.open(io.BytesIO(b"no picture"))
    assert "0x" not in str(ImageCorrupt(f"It cannot be decoded ({caught.value})."))
