"""Texts that are not UTF-8 and name no encoding are read in the code page that fits, or marked as doubtful."""

import io
import struct
import time

import pytest
from PIL import Image

from backend.files.metadata import read_metadata
from backend.files.metadata.code_pages import WESTERN, guess_code_page
from tests.support.limits import make_limits

WESTERN_TEXTS = (
    "Zürich", "Größe", "ÜBERSICHT", "Müller’s café – Zürich", "España, niño", "crème brûlée", "CAFÉ ÉTÉ", "fiancée créée",
    "Œuvre d’art, l’été à Nîmes", "São João, coração", "Ærø, Århus, smørrebrød", "Þingvellir, Ísafjörður", "Jane’s photo",
    "“Quoted” – and so", "25 °C © Bob", "½ price £5", "5 µm × 3 µm", "à",
)  # fmt: skip
OTHER_TEXTS = (
    ("mac_roman", "Zürich, café à la crème"),
    ("mac_roman", "Größe"),
    ("mac_roman", "María en Málaga"),
    ("mac_roman", "“Hello” – it’s"),
    ("cp1251", "Москва зимой, вид на Кремль"),
    ("cp1251", "МОСКВА"),
    ("cp1251", "Київ взимку"),
    ("koi8_r", "Москва зимой"),
    ("cp1253", "Αθήνα το καλοκαίρι"),
    ("cp1255", "ירושלים בחורף"),
    ("cp1250", "Žluťoučký kůň úpěl"),
    ("cp1250", "Łódź zimą"),
    ("cp1250", "A fájlt külső program módosította"),
    ("cp1250", "Příliš žluťoučký kůň"),
    ("cp1254", "İstanbul'da güneşli bir gün"),
    ("cp1256", "صورة من القاهرة"),
    ("cp874", "ภาพถ่ายที่กรุงเทพ"),
    ("gbk", "北京的冬天很冷"),
    ("gbk", "北京"),
    ("gbk", "我们在北京看了长城，很高兴。"),
    ("gbk", "奶奶的生日"),
    ("gbk", "用iPhone拍的 IMG_1 照片"),
    ("big5", "台北的夜市"),
    ("big5", "我們在台北看夜景"),
    ("big5", "畢業典禮"),
    ("euc_kr", "서울의 봄"),
    ("euc_kr", "제주도 여행"),
    ("shift_jis", "東京タワーの夜景"),
    ("shift_jis", "家族写真"),
    ("shift_jis", "ポチ"),
    ("euc_jp", "夏の海で花火を見た"),
    ("euc_jp", "富士山"),
)


def jpeg(*datasets: tuple[int, bytes]) -> bytes:
    """A JPEG with an IPTC block of these datasets of record 2."""
    block = b"".join(b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(raw)) + raw for number, raw in datasets)
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block + bytes(len(block) % 2)
    contents = b"Photoshop 3.0\0" + resource
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    data = file.getvalue()
    return data[:2] + b"\xff\xed" + struct.pack(">H", len(contents) + 2) + contents + data[2:]


@pytest.mark.parametrize("text", WESTERN_TEXTS)
def test_guess_code_page__western_texts_stay_what_they_are(text: str) -> None:
    assert guess_code_page(text.encode(WESTERN)) == (WESTERN, True)


@pytest.mark.parametrize(("page", "text"), OTHER_TEXTS)
def test_iptc__is_read_in_the_code_page_that_fits(page: str, text: str) -> None:
    found = read_metadata(jpeg((120, text.encode(page)), (25, text.encode(page)), (5, b"Plain")), make_limits())

    assert (found.text.caption, found.text.title) == (text, "Plain")
    assert text in ", ".join(found.text.keywords)
    assert len(found.warnings) == 1
    assert "which fits best" in found.warnings[0]


@pytest.mark.parametrize("raw", [b"\xac\xfe\xb7\xbf\xd7 \xf7\xa9\xac", b"a \xd7\xf7\xd7\xf7\xd7 b"])
def test_iptc__that_fits_no_code_page_is_a_warning(raw: bytes) -> None:
    found = read_metadata(jpeg((120, raw)), make_limits())

    assert len(found.warnings) == 1
    assert "may be wrong" in found.warnings[0]


@pytest.mark.parametrize(("page", "text"), [one for one in OTHER_TEXTS if one[1].isprintable()])
def test_exif__is_read_in_the_code_page_that_fits(page: str, text: str) -> None:
    description, comment = Image.Exif(), Image.Exif()
    description[0x010E] = text.encode(page)
    comment.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + text.encode(page)
    for exif, warned in ((description, 1), (comment, 0)):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
        found = read_metadata(file.getvalue(), make_limits())

        assert found.text.caption == text
        assert len(found.warnings) == warned


def test_comment__is_read_in_the_code_page_that_fits() -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", comment="Москва зимой".encode("cp1251"))

    assert read_metadata(file.getvalue(), make_limits()).text.caption == "Москва зимой"


def test_comment__of_data_is_no_caption() -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", comment=bytes(range(128, 256)) * 9)
    found = read_metadata(file.getvalue(), make_limits())

    assert (found.text.caption, found.warnings) == ("", ())


@pytest.mark.parametrize("text", WESTERN_TEXTS)
def test_exif__western_texts_are_no_warning(text: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = text.encode(WESTERN)
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
    found = read_metadata(file.getvalue(), make_limits())

    assert (found.text.caption, found.warnings) == (text, ())


def test_guess_code_page__of_long_data_takes_no_time() -> None:
    begun = time.perf_counter()
    for raw in (b"\xe4\xa4" * 500_000, b"\x81" * 1_000_000, ("海 " * 300_000).encode("euc_jp")):
        guess_code_page(raw)

    assert time.perf_counter() - begun < 5.0


@pytest.mark.parametrize("text", ["Zürich", "Москва", "北京", "Plain"])
def test_iptc__in_utf8_is_no_warning(text: str) -> None:
    found = read_metadata(jpeg((120, text.encode())), make_limits())

    assert (found.text.caption, found.warnings) == (text, ())


def test_iptc__values_of_both_kinds_are_read_each_in_its_own() -> None:
    found = read_metadata(jpeg((120, "Москва".encode("cp1251")), (5, "Зима".encode())), make_limits())

    assert (found.text.caption, found.text.title) == ("Москва", "Зима")


@pytest.mark.parametrize("text", ["北京", "서울", "日本", "ไทย", "Hello", "Größe", "Привет"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_user_comment__of_a_few_letters_is_read_in_either_byte_order(text: str, encoding: str, order: str) -> None:
    exif = Image.Exif()
    exif.endian = order
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode(encoding)
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)

    assert read_metadata(file.getvalue(), make_limits()).text.caption == text
