"""The words of a picture, from each container and each format: none are lost, and none are a machine's."""

import struct
from xml.sax.saxutils import escape

import pytest
from PIL import Image

from backend.files.limits import Limits
from backend.files.metadata import read_metadata, read_xmp
from tests.support.containers import BASE, FORMATS, bag, exif_of, jpeg_with_exif, jpeg_with_xmp, packet
from tests.support.limits import make_limits
from tests.support.pictures import Pictures

LIMITS = make_limits(enable_heif=True, enable_avif=True)
NO_PEOPLE = make_limits(people_as_keywords=False)


def keywords(data: bytes, limits: Limits = LIMITS) -> tuple[str, ...]:
    return read_metadata(data, limits).text.keywords


def caption(data: bytes) -> str:
    return read_metadata(data, LIMITS).text.caption


def utf16(words: str) -> bytes:
    return words.encode("utf-16-le") + b"\0\0"


@pytest.mark.parametrize("name", FORMATS)
def test_words__in_every_format(name: str) -> None:
    xmp = packet(f"<dc:subject>{bag('Doe, Jane', 'Paris')}</dc:subject>")
    exif = exif_of({BASE.XPKeywords: utf16("beach;Süd; Paris"), BASE.ImageDescription: "A walk"})

    found = read_metadata(FORMATS[name](xmp, exif), LIMITS).text

    assert (found.keywords, found.caption) == (("Doe, Jane", "Paris", "beach", "Süd"), "A walk")


def test_keywords__items_of_lists_stay_whole() -> None:
    assert keywords(jpeg_with_xmp(f"<dc:subject>{bag('Doe, Jane', 'a;b')}</dc:subject>")) == ("Doe, Jane", "a;b")
    assert keywords(jpeg_with_xmp(f"<dc:subject>{bag('Doe, Jane')}</dc:subject>")) == ("Doe, Jane",)
    data = Pictures.with_iptc(Pictures.encode(Pictures.corners()), (2, 25, b"Doe, Jane"), (2, 25, b"x"))
    assert keywords(data) == ("Doe, Jane", "x")
    assert keywords(jpeg_with_exif({BASE.XPKeywords: utf16("Doe, Jane;x")})) == ("Doe, Jane", "x")


def test_keywords__a_text_instead_of_a_list_is_split() -> None:
    assert keywords(jpeg_with_xmp("<dc:subject>sea, sun; sand</dc:subject>")) == ("sea", "sun", "sand")
    assert keywords(jpeg_with_xmp("", 'dc:subject="sea, sun"')) == ("sea", "sun")


def test_keywords__union_of_containers() -> None:
    data = Pictures.with_iptc(
        jpeg_with_exif({BASE.XPKeywords: utf16("four;ONE")}),
        (1, 90, b"\x1b%G"),
        (2, 25, b"two"),
        (2, 25, "drëi".encode()),
    )
    data = Pictures.with_segments(
        data, (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet(f"<dc:subject>{bag('one')}</dc:subject>"))
    )

    assert keywords(data) == ("one", "two", "drëi", "four")


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (f"<lr:hierarchicalSubject>{bag('Nature|Animals|Cat')}</lr:hierarchicalSubject>", ("Nature", "Animals", "Cat")),
        ("<digiKam:TagsList><rdf:Seq><rdf:li>Orte/Köln</rdf:li></rdf:Seq></digiKam:TagsList>", ("Orte", "Köln")),
        (f"<MicrosoftPhoto:LastKeywordXMP>{bag('Trips/Rome')}</MicrosoftPhoto:LastKeywordXMP>", ("Trips", "Rome")),
        (f"<MicrosoftPhoto:LastKeywordIPTC>{bag('Trips/Rome')}</MicrosoftPhoto:LastKeywordIPTC>", ("Trips", "Rome")),
        (f"<mediapro:CatalogSets>{bag('Sets|Best, of')}</mediapro:CatalogSets>", ("Sets", "Best, of")),
        (f"<acdsee:keywords>{bag('a', 'b, c')}</acdsee:keywords>", ("a", "b, c")),
        (
            (
                "<mwg-kw:Keywords rdf:parseType='Resource'><mwg-kw:Hierarchy><rdf:Bag>"
                "<rdf:li rdf:parseType='Resource'><mwg-kw:Keyword>Animals</mwg-kw:Keyword><mwg-kw:Children><rdf:Bag>"
                "<rdf:li><rdf:Description mwg-kw:Keyword='Dog'/></rdf:li><rdf:li mwg-kw:Keyword='Cat'/></rdf:Bag>"
                "</mwg-kw:Children></rdf:li></rdf:Bag></mwg-kw:Hierarchy></mwg-kw:Keywords>"
            ),
            ("Animals", "Dog", "Cat"),
        ),
        (
            (
                f"<dc:subject>{bag('Cat', 'Red')}</dc:subject>"
                f"<lr:hierarchicalSubject>{bag('Animals|Cat', 'Red')}</lr:hierarchicalSubject>"
                f"<digiKam:TagsList>{bag('_Digikam_Internal_Tags_/x', 'Animals/cat')}</digiKam:TagsList>"
            ),
            ("Cat", "Red", "Animals"),
        ),
    ],
)
def test_keywords__hierarchies_are_words(properties: str, expected: tuple[str, ...]) -> None:
    assert keywords(jpeg_with_xmp(properties)) == expected
    assert read_xmp(packet(properties), LIMITS).text.keywords == expected


def test_keywords__namespace_without_its_last_slash() -> None:
    data = packet(f"<MicrosoftPhoto:LastKeywordXMP>{bag('Trips/Rome')}</MicrosoftPhoto:LastKeywordXMP>")

    found = read_xmp(data.replace(b"microsoft.com/photo/1.0/", b"microsoft.com/photo/1.0"), LIMITS)

    assert found.text.keywords == ("Trips", "Rome")


REGIONS = (
    "<mwg-rs:Regions rdf:parseType='Resource'><mwg-rs:RegionList><rdf:Bag>"
    "<rdf:li rdf:parseType='Resource'><mwg-rs:Name>Grace Hopper</mwg-rs:Name><mwg-rs:Type>Face</mwg-rs:Type></rdf:li>"
    "<rdf:li><rdf:Description mwg-rs:Name='Ada, Countess' mwg-rs:Type='Face'/></rdf:li>"
    "<rdf:li mwg-rs:Name='4006381333931' mwg-rs:Type='BarCode'/>"
    "<rdf:li mwg-rs:Type='Face'/></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
)
MICROSOFT_REGIONS = (
    "<MP:RegionInfo><rdf:Description><MPRI:Regions><rdf:Bag><rdf:li><rdf:Description MPReg:PersonDisplayName='Alan' "
    "MPReg:Rectangle='0, 0, 1, 1'/></rdf:li></rdf:Bag></MPRI:Regions></rdf:Description></MP:RegionInfo>"
)
ACDSEE_REGIONS = (
    "<acdsee-rs:Regions rdf:parseType='Resource'><acdsee-rs:RegionList><rdf:Bag>"
    "<rdf:li><rdf:Description acdsee-rs:Name='Ada Byron' acdsee-rs:Type='Face' acdsee-rs:NameAssignType='manual'/></rdf:li>"
    "<rdf:li><rdf:Description acdsee-rs:Name='Not She' acdsee-rs:Type='Face' acdsee-rs:NameAssignType='denied'/></rdf:li>"
    "</rdf:Bag></acdsee-rs:RegionList></acdsee-rs:Regions>"
)
DETAILS = (
    "<Iptc4xmpExt:PersonInImageWDetails><rdf:Bag><rdf:li rdf:parseType='Resource'><Iptc4xmpExt:PersonName><rdf:Alt>"
    "<rdf:li xml:lang='x-default'>Joan</rdf:li></rdf:Alt></Iptc4xmpExt:PersonName></rdf:li></rdf:Bag>"
    "</Iptc4xmpExt:PersonInImageWDetails>"
)


@pytest.mark.parametrize(
    ("properties", "people"),
    [
        (REGIONS, ("Grace Hopper", "Ada, Countess")),
        (MICROSOFT_REGIONS, ("Alan",)),
        (f"<Iptc4xmpExt:PersonInImage>{bag('Linus')}</Iptc4xmpExt:PersonInImage>", ("Linus",)),
        (DETAILS, ("Joan",)),
        (ACDSEE_REGIONS, ("Ada Byron",)),
    ],
)
def test_people__are_words_unless_the_setting_leaves_them_out(properties: str, people: tuple[str, ...]) -> None:
    # Programs also write the names among the keywords, and in paths below People.
    names = "".join(f"<rdf:li>{name}</rdf:li>" for name in people)
    flat = f"<dc:subject><rdf:Bag><rdf:li>sea</rdf:li>{names}</rdf:Bag></dc:subject>"
    tree = f"<lr:hierarchicalSubject>{bag('People|Nobody', 'Places|Rome')}</lr:hierarchicalSubject>"

    assert keywords(jpeg_with_xmp(properties)) == people
    assert keywords(jpeg_with_xmp(properties), NO_PEOPLE) == ()
    everything = flat + tree + properties
    assert keywords(jpeg_with_xmp(everything)) == ("sea", *people, "People", "Nobody", "Places", "Rome")
    assert keywords(jpeg_with_xmp(everything), NO_PEOPLE) == ("sea", "Places", "Rome")


@pytest.mark.parametrize(
    ("subject", "paths", "expected"),
    [
        # digiKam and Lightroom flatten their paths, so names in them are among the plain keywords too.
        (("Anna", "Bob", "sea"), ("People|Anna", "People|Friends|Bob"), ("sea",)),
        (("Anna", "sea"), ("Personen|Anna", "sea"), ("sea",)),
        # Some programs write paths among the plain keywords.
        (("People/Anna", "Anna", "People|Bob", "sea", "AC/DC"), (), ("sea", "AC/DC")),
        # One form of Unicode, and entities.
        (("Zo\u00eb", "sea"), ("People|Zoe\u0308",), ("sea",)),
        (("Tom &amp;amp; Ann", "sea"), ("People|Tom &amp; Ann",), ("sea",)),
        # People who have a place of the same name.
        (("Paris", "sea"), ("People|Paris", "Places|Paris"), ("sea", "Places")),
        (("People", "sea"), ("People",), ("People", "sea")),
    ],
)
def test_people__in_paths_are_left_out_wherever_they_are_repeated(
    subject: tuple[str, ...], paths: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    tags = [path.replace("|", "/") for path in paths]
    for tree in (
        f"<lr:hierarchicalSubject>{bag(*paths)}</lr:hierarchicalSubject>",
        f"<digiKam:TagsList>{bag(*tags)}</digiKam:TagsList>",
    ):
        assert keywords(jpeg_with_xmp(f"<dc:subject>{bag(*subject)}</dc:subject>{tree}"), NO_PEOPLE) == expected


def test_people__of_a_region_in_another_form_of_unicode() -> None:
    region = (
        "<mwg-rs:Regions><mwg-rs:RegionList><rdf:Bag><rdf:li mwg-rs:Name='Zoe\u0308' mwg-rs:Type='Face'/></rdf:Bag>"
    )
    region += "</mwg-rs:RegionList></mwg-rs:Regions>"
    data = jpeg_with_xmp(f"<dc:subject>{bag('Zoë', 'sea')}</dc:subject>{region}")

    assert keywords(data, NO_PEOPLE) == ("sea",)


@pytest.mark.parametrize(
    ("subject", "paths", "expected"),
    [
        (("darktable", "exported", "format", "nef", "Rome"), ("darktable|exported", "darktable|format|nef", "Rome"), ("Rome",)),
        (("darktable", "format", "Rome"), ("darktable|format|nef", "Art|format", "Rome"), ("format", "Rome", "Art")),
        (("darktable", "Rome"), ("darktable", "Rome"), ("darktable", "Rome")),
        (("Current Version", "Rome"), ("_Digikam_Internal_Tags_|Current Version", "Rome"), ("Rome",)),
        (("darktable|exported", "exported", "Rome"), (), ("Rome",)),
    ],
)  # fmt: skip
def test_keywords__bookkeeping_of_programs_is_none_wherever_it_is_repeated(
    subject: tuple[str, ...], paths: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    tags = [path.replace("|", "/") for path in paths]
    for tree in (
        f"<lr:hierarchicalSubject>{bag(*paths)}</lr:hierarchicalSubject>",
        f"<digiKam:TagsList>{bag(*tags)}</digiKam:TagsList>",
    ):
        assert keywords(jpeg_with_xmp(f"<dc:subject>{bag(*subject)}</dc:subject>{tree}")) == expected


@pytest.mark.parametrize(
    ("comment", "words"),
    [
        (b"ASCII\0\0\0Grandma at the lake", "Grandma at the lake"),
        (b"ASCII\0\0\0Gro\xc3\x9fmutter am See\0\0garbage", "Großmutter am See"),
        (b"ASCII\0\0\0Caf\xe9 \x96 Paris  ", "Café – Paris"),
        (b"\0\0\0\0\0\0\0\0Grandma", "Grandma"),
        (b"Grandma at the lake", "Grandma at the lake"),
        (b"UNICODE\0" + "Großmutter 🐦".encode("utf-16-le"), "Großmutter 🐦"),
        (b"UNICODE\0" + "Großmutter 🐦".encode("utf-16-be"), "Großmutter 🐦"),
        (b"UNICODE\0" + b"\xfe\xff" + "おばあちゃん".encode("utf-16-be"), "おばあちゃん"),
        (b"UNICODE\0" + "日本の海".encode("utf-16-be"), "日本の海"),
        (b"UNICODE\0" + "日本の海".encode("utf-16-le"), "日本の海"),
        (b"UNICODE\0" + "Бабушка".encode("utf-16-be") + b"\0\0", "Бабушка"),
        (b"JIS\0\0\0\0\0" + "日本の海".encode("iso2022_jp"), "日本の海"),
        (
            b"JIS\0\0\0\0\0" + "日本の海".encode("iso2022_jp").removeprefix(b"\x1b$B").removesuffix(b"\x1b(B"),
            "日本の海",
        ),
        (b"ASCII\0\0\0", ""),
        (b"UNICODE\0", ""),
        (b"JIS\0\0\0\0\0\xff\xff\xff", ""),
        (b"\0\0\0\0\0\0\0\0" + bytes(range(1, 32)) * 4, ""),
        (b"ASCII\0\0\0          ", ""),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_user_comment__by_its_code(comment: bytes, words: str, order: str) -> None:
    assert caption(with_comment(comment, order)) == words


@pytest.mark.parametrize(("order", "encoding"), [("<", "utf-16-le"), (">", "utf-16-be")])
def test_user_comment__the_order_of_the_file_where_both_are_words(order: str, encoding: str) -> None:
    for words in ("おばあちゃん", "䈰䨰"):
        assert caption(with_comment(b"UNICODE\0" + words.encode(encoding), order)) == words


def with_comment(comment: bytes, order: str) -> bytes:
    """A JPEG with a comment, in EXIF of this byte order."""
    # By hand, since Pillow writes one order only: a directory that points to the photo directory.
    block = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}L", 8)
    block += struct.pack(f"{order}HHHLLL", 1, 0x8769, 4, 1, 26, 0)
    block += struct.pack(f"{order}HHHLLL", 1, 0x9286, 7, max(len(comment), 5), 44, 0) + comment.ljust(5, b"\0")
    return Pictures.with_segments(Pictures.encode(Pictures.corners()), (0xE1, b"Exif\0\0" + block))


def test_windows__title_subject_and_comment() -> None:
    exif: dict[int, object] = {
        BASE.XPTitle: utf16("Die Möwe"), BASE.XPSubject: utf16("subject"), BASE.XPComment: utf16("A comment\r\nof two lines")
    }  # fmt: skip
    found = read_metadata(jpeg_with_exif(exif), LIMITS).text

    assert (found.title, found.caption) == ("Die Möwe", "A comment\nof two lines")
    assert caption(jpeg_with_exif({BASE.XPSubject: utf16("subject")})) == "subject"


def test_caption__paragraphs_are_kept() -> None:
    story = "First line\n\nSecond paragraph\n- item"

    for data in (
        jpeg_with_xmp(
            f"<dc:description><rdf:Alt><rdf:li xml:lang='x-default'>{story}</rdf:li></rdf:Alt></dc:description>"
        ),
        Pictures.with_iptc(Pictures.encode(Pictures.corners()), (2, 120, story.replace("\n", "\r").encode())),
        jpeg_with_exif({BASE.ImageDescription: story.replace("\n", "\r\n")}),
        jpeg_with_exif(photo={BASE.UserComment: b"UNICODE\0" + story.encode("utf-16-le")}),
    ):
        assert caption(data) == story


def test_words__one_unicode_form() -> None:
    decomposed = "Große Mu\u0308hle"
    data = jpeg_with_xmp(
        f"<dc:title>{decomposed}</dc:title><dc:description>{decomposed}</dc:description>"
        f"<dc:subject>{bag(decomposed, 'Große Mühle')}</dc:subject><photoshop:City>{decomposed}</photoshop:City>"
    )

    text = read_metadata(data, LIMITS).text

    assert (text.title, text.caption, text.location) == ("Große Mühle",) * 3
    assert text.keywords == ("Große Mühle",)


DEFAULTS = [
    "OLYMPUS DIGITAL CAMERA", "OLYMPUS DIGITAL CAMERA         ", "SONY DSC", "KODAK Digital Still Camera",
    "KONICA MINOLTA DIGITAL CAMERA", "MOULTRIE DIGITAL GAME CAMERA", "<Digimax i5, Samsung #1>", "SAMSUNG CAMERA PICTURES",
    "DCIM\\100MEDIA\\DJI_0001.JPG", "DCIM\\100GOPRO\\GOPR0042.JPG", "\\DCIM\\100MEDIA\\DJI_0001.JPG", "DCIM/100MEDIA/DJI_0001.JPG",
    "default", "Exif_JPEG_PICTURE", "Screenshot", "Bildschirmfoto", "Created with GIMP", "Created with The GIMP",
    "Processed with VSCO with c1 preset", "Edited with Snapseed", "Created by Imlib", "CREATOR: gd-jpeg v1.0 (using IJG JPEG v62)",
    "LEAD Technologies Inc. V1.01", "File written by Adobe Photoshop® 5.0", "oplus_1048608", "cof", "rhdr", "sdr_HDRB", "_cuva",
    "My beautiful picture", "HELLOMOTO", "charset=Ascii", "binary comment", "DSC_0042.JPG", "IMG_20190504_101530", "DSC00012",
    "filter: 0; fileterIntensity: 0.0; filterMask: 0; algolist: 0;",
    '{"Version":"1.0.0","BeautyInfo":{"IsAIBeauty":false}}', "Untitled", "- - -",
    "fileterIntensity: 0.0; filterMask: 0; captureOrientation: 0;", "jpegRotation: 0; captureOrientation: 0;", "multi-frame: 1; brp_mask: 0;",
    "CameraID=52.FrameCount=30.lutFilename=x.Version=AGC9.2 V6.0", "FBMD01000a8e0d0000", "Maker:0x6,Date:2018-3-14,Ver:5,Lens:Kan03",
    "File source: http://commons.wikimedia.org/wiki/File:A.jpg", "Edited in Adobe Lightroom Classic 9.1 (Windows)",
    "Created with Adobe Photoshop CC 2017 (Macintosh)", "Made with Google Photos", "Edited with Polarr Photo Editor",
    "Created with GIMP on a Mac", "Created with Inkscape (http://www.inkscape.org/)", "Edited in Lightroom and Photoshop.",
    "Processed by eBay with ImageMagick, z1.1.0. ||B2", "GIF created with https://ezgif.com/maker", "GIF made with ScreenToGif 2.3",
    "ImageMagick 6.9.10-23 Q16 x86_64 20190101 https://imagemagick.org", "AXIS 241S Video Server 4.30",
    "Type=N, Mode=P, DE=None", "0.9.142", "v01.07.1641", "EXIF_HDL_ID_1", "Made with Google AI", "Captured with ProCamera",
    "Photo taken with Camera+", "Processed with Rookie", "PicsArt", "Snapseed 2.0", "LG Electronics", "Digital StillCamera",
    "Untitled-1", "untitled (2)", "mmexport1681546530123", "Screenshot_20230415-081530",
]  # fmt: skip
WORDS = [
    "My new digital camera", "Olympus", "The default of hope", "Screenshot of the winning move", "Created with love",
    "Shot in Apple Store Bern", "Taken in Photoshop class with Ann", "Created by Apple growers of Kent", "Taken on Google Campus",
    "Made by Nokia workers on strike, 1998", "Axis of evil camera team", "Axis camera club", "Made with adobe", "Made by Apple",
    "Made with adobe bricks by the family", "Taken in Instagram museum", "Created with GIMP for Ann", "Saved by Google engineers",
    "GIF made with love by Ann", "ImageMagick workshop in Bern", "Lead technologies of Rome", "Multi-frame: a comic by Ann",
    "Edited with Photoshop (for my mother, with love)", "Filter: old; mask: new; all by Ann", "File source: my aunt",
    "Taken with Apple pickers; camera: Bob", "Edited by grandma", "DCIM is a folder", "Smart", "Burst into tears", "Nor", "P51 Mustang", "A path: C:\\DCIM",
    "1.3.2024", "Untitled love song", "Photo taken with my camera", "Instagram museum", "Prisma", "Picasa days in Rome",
]  # fmt: skip


@pytest.mark.parametrize("words", DEFAULTS)
def test_defaults__are_no_words_wherever_they_stand(words: str) -> None:
    escaped = words.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    alt = f"<rdf:Alt><rdf:li xml:lang='x-default'>{escaped}</rdf:li></rdf:Alt>"
    plain = Pictures.encode(Pictures.corners())
    png = Pictures.encode(Pictures.corners(), "PNG")
    chunk = Pictures.png_chunk(b"tEXt", b"Description\0" + words.encode("latin-1"))
    for data in (
        jpeg_with_exif({BASE.ImageDescription: words}),
        jpeg_with_exif({BASE.XPComment: utf16(words), BASE.XPTitle: utf16(words)}),
        jpeg_with_exif(photo={BASE.UserComment: b"ASCII\0\0\0" + words.encode()}),
        jpeg_with_xmp(f"<dc:description>{alt}</dc:description><dc:title>{alt}</dc:title>"),
        Pictures.with_iptc(plain, (2, 120, words.encode()), (2, 5, words.encode()), (2, 105, words.encode())),
        png[:-12] + chunk + png[-12:],
    ):
        assert read_metadata(data, LIMITS).text.is_empty


def test_defaults__somebodys_words_beside_them_are_found() -> None:
    data = Pictures.with_iptc(
        jpeg_with_exif({BASE.ImageDescription: "A real caption"}), (2, 120, b"OLYMPUS DIGITAL CAMERA")
    )

    assert caption(data) == "A real caption"


@pytest.mark.parametrize("words", WORDS)
def test_defaults__words_that_only_look_like_them_stay(words: str) -> None:
    assert caption(jpeg_with_exif({BASE.ImageDescription: words})) == words


def test_defaults__short_ones_are_keywords() -> None:
    data = jpeg_with_xmp(
        f"<dc:subject>{bag('hdr', 'camera', 'Samsung', 'SONY DSC', 'DCIM/100MEDIA/DJI_1.JPG')}</dc:subject>"
    )

    assert keywords(data) == ("hdr", "camera", "Samsung")


def test_defaults__versions_of_a_drone_are_no_keywords() -> None:
    data = jpeg_with_exif({BASE.XPKeywords: utf16("v01.07.1641;1.3.0;v1.0.0;4.5.2019;0.5.0;Rome")})

    assert keywords(data) == ("4.5.2019", "Rome")


@pytest.mark.parametrize(
    ("declared", "raw", "words"),
    [
        (b"\x1b%G", "Größe".encode(), "Größe"),
        (b"\x1b%G", "Größe".encode("latin-1"), "Größe"),
        (b"\x1b.A", "Größe".encode("latin-1"), "Größe"),
        (b"\x1b%/I", "Größe".encode(), "Größe"),
        (b"", "Größe".encode(), "Größe"),
        (b"", "Größe".encode("latin-1"), "Größe"),
        (b"", "“Größe” – 5 €".encode("cp1252"), "“Größe” – 5 €"),
        (b"\x1b(B", "Größe".encode(), "Größe"),
    ],
)
def test_iptc__with_and_without_its_character_set(declared: bytes, raw: bytes, words: str) -> None:
    data = Pictures.with_iptc(Pictures.encode(Pictures.corners()), (1, 90, declared), (2, 120, raw), (2, 25, raw))

    assert (caption(data), keywords(data)) == (words, (words,))


def test_exif__windows_1252_and_latin_1() -> None:
    for raw in ("Größe", "“Größe” – 5 €"):
        words = raw.encode("cp1252")
        data = jpeg_with_exif({BASE.ImageDescription: "x" * len(words)}).replace(b"x" * len(words), words)
        assert caption(data) == raw


def test_iptc__in_a_png_of_imagemagick() -> None:
    block = struct.pack(">BBBH", 0x1C, 2, 120, 7) + b"Caption"
    resources = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(block)) + block
    png = Pictures.encode(Pictures.corners(), "PNG")
    for name, profile in (("iptc", block), ("iptc", resources), ("8bim", resources)):
        text = f"\n{name}\n{len(profile):8}\n{profile.hex()}\n".encode()
        chunk = Pictures.png_chunk(b"tEXt", f"Raw profile type {name}".encode() + b"\0" + text)
        assert caption(png[:33] + chunk + png[33:]) == "Caption"


def test_png__text_in_utf8_and_keywords() -> None:
    png = Pictures.encode(Pictures.corners(), "PNG")
    chunks = Pictures.png_chunk(b"tEXt", b"Comment\0" + "Größe".encode()) + Pictures.png_chunk(
        b"iTXt", b"Keywords\0\0\0\0\0" + b'sea, "Doe, Jane"'
    )

    text = read_metadata(png[:33] + chunks + png[33:], LIMITS).text

    assert (text.caption, text.keywords) == ("Größe", ("sea", "Doe, Jane"))


@pytest.mark.parametrize(
    ("properties", "place"),
    [
        (
            "<exif:GPSLatitude>48,51.498N</exif:GPSLatitude><exif:GPSLongitude>2,17.67W</exif:GPSLongitude>",
            {"latitude_degrees": 48.8583, "longitude_degrees": -2.2945},
        ),
        (
            (
                "<exif:GPSLatitude>48,51,29.88S</exif:GPSLatitude><exif:GPSLongitude>2,17,40.2E</exif:GPSLongitude>"
                "<exif:GPSAltitude>1251/10</exif:GPSAltitude><exif:GPSAltitudeRef>1</exif:GPSAltitudeRef>"
            ),
            {"latitude_degrees": -48.8583, "longitude_degrees": 2.2945, "altitude_meters": -125.1},
        ),
        (
            (
                "<drone-dji:GpsLatitude>+48.8583</drone-dji:GpsLatitude><drone-dji:GpsLongtitude>-2.2945</drone-dji:GpsLongtitude>"
                "<drone-dji:AbsoluteAltitude>+125.10</drone-dji:AbsoluteAltitude>"
            ),
            {"latitude_degrees": 48.8583, "longitude_degrees": -2.2945, "altitude_meters": 125.1},
        ),
        ("<exif:GPSLatitude>0,0N</exif:GPSLatitude><exif:GPSLongitude>0,0E</exif:GPSLongitude>", {}),
        ("<exif:GPSLatitude>91,0N</exif:GPSLatitude><exif:GPSLongitude>2,0E</exif:GPSLongitude>", {}),
        ("<exif:GPSLatitude>48,51.498N</exif:GPSLatitude>", {}),
    ],
)
@pytest.mark.parametrize("name", FORMATS)
def test_place__of_xmp(name: str, properties: str, place: dict[str, float]) -> None:
    assert read_metadata(FORMATS[name](packet(properties), None), LIMITS).exif == place
    assert read_xmp(packet(properties), LIMITS).exif == place


def test_place__of_exif_before_that_of_xmp() -> None:
    exif = Image.Exif()
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "N", (10.0, 0.0, 0.0), "E", (20.0, 0.0, 0.0)
    data = FORMATS["WebP"](
        packet("<exif:GPSLatitude>48,0N</exif:GPSLatitude><exif:GPSLongitude>2,0E</exif:GPSLongitude>"), exif
    )

    assert read_metadata(data, LIMITS).exif == {"latitude_degrees": 10.0, "longitude_degrees": 20.0}


def test_xmp__in_more_than_one_segment() -> None:
    extended = packet(
        f"<lr:hierarchicalSubject>{bag(*(f'Trips|Town {n}' for n in range(2_000)))}</lr:hierarchicalSubject>"
    )
    parts = []
    for at in range(0, len(extended), 60_000):
        head = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", len(extended), at)
        parts.append((0xE1, head + extended[at : at + 60_000]))
    main = jpeg_with_xmp(
        "<dc:title>Title</dc:title>",
        f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{"0" * 32}"',
    )

    text = read_metadata(Pictures.with_segments(main, *reversed(parts)), LIMITS).text

    assert len(parts) > 1
    assert (text.title, text.keywords[:3]) == ("Title", ("Trips", "Town 0", "Town 1"))


@pytest.mark.parametrize("in_blocks", [False, True])
def test_xmp__in_a_gif(in_blocks: bool) -> None:
    gif = Pictures.encode(Pictures.corners(), "GIF")
    xmp = packet(f"<dc:subject>{bag('sea', 'Doe, Jane')}</dc:subject>")
    body = xmp + b"\1" + bytes(range(255, -1, -1))
    if in_blocks:
        body = b"".join(bytes([len(xmp[at : at + 200])]) + xmp[at : at + 200] for at in range(0, len(xmp), 200))
    at = gif.index(b"\x2c", 13)

    assert keywords(gif[:at] + b"\x21\xff\x0bXMP DataXMP" + body + b"\0" + gif[at:]) == ("sea", "Doe, Jane")


def _with_comments(*comments: bytes) -> bytes:
    return Pictures.with_segments(Pictures.encode(Pictures.corners()), *((0xFE, one) for one in comments))


def test_comment__of_a_jpeg_is_a_caption_where_there_is_no_other() -> None:
    comments = (b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90\n", "Großmutter am See\0".encode())
    assert read_metadata(_with_comments(*comments), LIMITS).text.caption == "Großmutter am See"
    described = Pictures.with_iptc(_with_comments(b"A comment"), (2, 120, b"A caption"))
    assert read_metadata(described, LIMITS).text.caption == "A caption"


def test_comment__of_a_gif() -> None:
    data = Pictures.encode(Pictures.corners(), "GIF", comment=b"Grandmother at the lake")
    assert read_metadata(data, LIMITS).text.caption == "Grandmother at the lake"


@pytest.mark.parametrize(
    "junk",
    [
        b"CREATOR: XV Version 3.10a  Rev: 12/29/94  Quality = 75, Smoothing = 0\n", b"LEAD Technologies Inc. V1.01",
        b"Intel(R) JPEG Library, version [1.51.12.44]", b"File written by Adobe Photoshop\xa8 4.0", b"Lavc58.54.100",
        b"Optimized by JPEGmini 3.13.3.15 0x8a2c", b"Compressed by jpeg-recompress", b"U-Lead Systems, Inc.",
        b"Processed By eBay with ImageMagick, z1.1.0. ||B2", b"AppleMark\n", b"OLYMPUS DIGITAL CAMERA", b"EPSON DSC picture",
        b"Date:2007:05:01 Time:12:00:01", b"quality=85", b"Created with GIMP", b"\x01\x02\x03\xff\x10binary",
        b"JPEG Encoder Copyright 1998, James R. Weeks and BioElectroMech.", b"AXIS 2100 Network Camera", b"***", b"\0\0\0",
        b"Handmade Software, Inc. Image Alchemy v1.11", b"82", b"#0017 ",
    ],
)  # fmt: skip
def test_comment__what_machines_write_is_no_caption(junk: bytes) -> None:
    assert read_metadata(_with_comments(junk), LIMITS).text.is_empty


PLACE = "<rdf:li rdf:parseType='Resource'><Iptc4xmpExt:City>{}</Iptc4xmpExt:City>{}</rdf:li>"
CATEGORIES = (
    '<Categories><Category Assigned="0">Places<Category Assigned="1">Paris</Category></Category>'
    '<Category Assigned="0">Unused</Category><Category Assigned="1">Trips</Category></Categories>'
)


@pytest.mark.parametrize(
    ("properties", "field", "expected"),
    [
        ("<tiff:ImageDescription><rdf:Alt><rdf:li>a</rdf:li></rdf:Alt></tiff:ImageDescription>", "caption", "a"),
        ("<acdsee:caption>a</acdsee:caption>", "caption", "a"),
        ("<Iptc4xmpCore:ExtDescrAccessibility>a</Iptc4xmpCore:ExtDescrAccessibility>", "caption", "a"),
        ("<acdsee:caption>a</acdsee:caption><tiff:ImageDescription>b</tiff:ImageDescription>", "caption", "b"),
        ("<acdsee:caption>a</acdsee:caption><dc:description>b</dc:description>", "caption", "b"),
        ("<pdf:Keywords>a, b; c</pdf:Keywords>", "keywords", ("a", "b", "c")),
        (
            f"<photoshop:SupplementalCategories>{bag('a, b', 'c')}</photoshop:SupplementalCategories>",
            "keywords",
            ("a, b", "c"),
        ),
        (
            f"<acdsee:categories>{escape(CATEGORIES)}</acdsee:categories>",
            "keywords",
            ("Trips", "Places", "Paris"),
        ),
        ("<acdsee:categories>&lt;Categories</acdsee:categories>", "keywords", ()),
        (
            "<Iptc4xmpExt:LocationShown><rdf:Bag>"
            + PLACE.format("Basel", "<Iptc4xmpExt:Sublocation>Dom</Iptc4xmpExt:Sublocation>")
            + PLACE.format("Bern", "")
            + "</rdf:Bag></Iptc4xmpExt:LocationShown>",
            "location",
            "Dom, Basel",
        ),
        (
            "<Iptc4xmpExt:LocationCreated><rdf:Bag>"
            + PLACE.format("Basel", "<Iptc4xmpExt:CountryName>CH</Iptc4xmpExt:CountryName>")
            + "</rdf:Bag></Iptc4xmpExt:LocationCreated>",
            "location",
            "Basel, CH",
        ),
        (
            "<Iptc4xmpExt:LocationShown><rdf:Bag>"
            + PLACE.format("Basel", "")
            + "</rdf:Bag></Iptc4xmpExt:LocationShown><photoshop:City>Bern</photoshop:City>",
            "location",
            "Bern",
        ),
    ],
)
def test_words__of_each_other_field(properties: str, field: str, expected: object) -> None:
    found = read_metadata(jpeg_with_xmp(properties), LIMITS)

    assert (getattr(found.text, field), found.warnings) == (expected, ())
