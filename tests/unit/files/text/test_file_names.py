import re
import unicodedata
from string import printable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.files.formats import PICTURE_SUFFIXES, suffixes_like
from backend.files.text import ascii_name, clean_file_name, download_name, file_name_in


def download(name: str, extension: str = "jpg") -> str:
    return download_name(name, suffixes_like(extension), PICTURE_SUFFIXES, substitute="id")


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("IMG_2041.HEIC", "IMG_2041.HEIC"),
        ("/home/ann/Pictures/a.jpg", "a.jpg"),
        (r"C:\Users\ann\a.jpg", "a.jpg"),
        ("../../etc/passwd", "passwd"),
        ("day one/a.jpg", "a.jpg"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("a\r\nb\0c\x7f\x85.jpg", "abc.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("a\u2028b.jpg", "a b.jpg"),
        ("Screenshot 9.41\u202fAM.png", "Screenshot 9.41\u202fAM.png"),
        ("👨\u200d👩.jpg", "👨\u200d👩.jpg"),
        ("\udcff.jpg", "?.jpg"),
        ("  a.jpg \n", "a.jpg"),
        ("é" * 300 + ".jpeg", "é" * 250 + ".jpeg"),
        ("..", ""),
        (". .", ""),
        ("folder/", ""),
        ("\0", ""),
        ("", ""),
    ],
)
def test_clean_file_name(name: str, cleaned: str) -> None:
    assert clean_file_name(name) == cleaned
    assert clean_file_name(cleaned) == cleaned


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://example.org/a/b.jpg?size=2#top", "b.jpg"),
        ("https://example.org/M%C3%B6we%20two.png", "Möwe two.png"),
        ("https://example.org/..%2F..%2Fpasswd", "passwd"),
        ("https://example.org/photos/", ""),
        ("https://example.org", ""),
        ("https://[broken/a.jpg", ""),
        ("https://ada:pass@example.org", ""),
        ("/home/ann/a?b.jpg", "a?b.jpg"),
    ],
)
def test_file_name_in(source: str, name: str) -> None:
    assert file_name_in(source) == name


@pytest.mark.parametrize(
    ("name", "extension", "saved"),
    [
        ("IMG_2041.HEIC", "heic", "IMG_2041.HEIC"),
        ("a.jpeg", "jpg", "a.jpeg"),
        ("Ära.TIFF", "tif", "Ära.TIFF"),
        # The suffix fits the bytes.
        ("IMG_2041.HEIC", "jpg", "IMG_2041.jpg"),
        ("image.php", "png", "image.php.png"),
        ("photo.exe", "jpg", "photo.exe.jpg"),
        ("Mr. Smith", "jpg", "Mr. Smith.jpg"),
        ("a.jpg.", "jpg", "a.jpg"),
        # Windows.
        ('a"b;c:d*e?f<g>h|i.jpg', "jpg", "a_b;c_d_e_f_g_h_i.jpg"),
        ("CON.jpg", "jpg", "_CON.jpg"),
        ("lpt1", "jpg", "_lpt1.jpg"),
        ("com¹.2.jpg", "jpg", "_com¹.2.jpg"),
        ("aux .jpg", "jpg", "_aux.jpg"),
        ("console.jpg", "jpg", "console.jpg"),
        # Files that are hidden or read by programs.
        (".htaccess", "jpg", "_htaccess.jpg"),
        # Nothing left.
        ("", "png", "id.png"),
        ("...", "png", "id.png"),
        ("..", "png", "id.png"),
        ("?.jpg", "jpg", "id.jpg"),
    ],
)
def test_download_name(name: str, extension: str, saved: str) -> None:
    assert download(name, extension) == saved


def test_download_name__fits_into_a_directory() -> None:
    saved = download("港" * 200 + ".jpg")
    assert saved == "港" * 83 + ".jpg"
    assert len(saved.encode()) == 253


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a b.jpg", "a b.jpg"),
        ("Möwe é.jpg", "Mowe e.jpg"),
        ("Straße.jpg", "Stra_e.jpg"),
        ("50%41.jpg", "50_41.jpg"),
        ("港.jpg", "id.jpg"),
        ("Москва 1.jpg", "______ 1.jpg"),
    ],
)
def test_ascii_name(name: str, plain: str) -> None:
    assert ascii_name(name, substitute="id") == plain


@given(st.text(), st.sampled_from(["jpg", "png", "heic", "dng"]))
def test_names__of_any_text_are_safe(name: str, extension: str) -> None:
    kept = clean_file_name(name)
    assert len(kept) <= 255
    assert unicodedata.is_normalized("NFC", kept)
    assert not re.search(r"[/\\\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", kept)
    assert kept not in {".", ".."}
    saved = download(name, extension)
    assert len(saved.encode()) <= 255
    assert saved.rpartition(".")[2].lower() in suffixes_like(extension)
    assert not saved.startswith(".")
    assert saved == download(saved, extension)
    plain = ascii_name(saved, substitute="id")
    assert set(plain) <= set(printable) - set('"\\%\t\n\r\x0b\x0c')
