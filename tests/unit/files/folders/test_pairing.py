import random
import time
import unicodedata
from collections.abc import Mapping

import pytest

from backend.files.folders.pairing import Pairing, pair_sidecars

LONG = "L10_" + "a" * 43  # with .jpg 51 characters, the most that Takeout writes


def paired(pictures: list[str], others: list[str], **told: str) -> Mapping[str, tuple[str, ...]]:
    return pair_sidecars(pictures, others, told.get).sidecars


@pytest.mark.parametrize(
    ("picture", "sidecar"),
    [
        # Whole names, old and new.
        ("IMG_1.jpg", "IMG_1.jpg.json"),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata.json"),
        ("IMG_1.HEIC", "IMG_1.HEIC.supplemental-metadata.json"),
        ("PXL_2.MP~2.jpg", "PXL_2.MP~2.jpg.json"),
        ("a.jpg", "a.jpg.txt"),
        ("a.jpg", "a.jpg.xmp"),
        # Cut within the new ending, down to its dot.
        *(("IMG_1.jpg", f"IMG_1.jpg.{'supplemental-metadata'[:length]}.json") for length in range(22)),
        ("PXL_20241231_151646544.MP.jpg", "PXL_20241231_151646544.MP.jpg.supplemental-met.json"),
        ("PXL_20211120_223243932.MOTION-02.ORIGINAL.jpg", "PXL_20211120_223243932.MOTION-02.ORIGINAL.jpg..json"),
        # Cut within the name: in its extension, before it, right after its dot.
        ("05yqt21kruxwwlhhgrwrdyb6chhwszi9bqmzu16w0 2.jpg", "05yqt21kruxwwlhhgrwrdyb6chhwszi9bqmzu16w0 2.jp.json"),
        ("PXL_20230809_203449253.LONG_EXPOSURE-02.ORIGINA.jpg", "PXL_20230809_203449253.LONG_EXPOSURE-02.ORIGIN.json"),
        ("PXL_20240506_142610305.LONG_EXPOSURE-01.COVER.jpg", "PXL_20240506_142610305.LONG_EXPOSURE-01.COVER..json"),
        ("original_1d4caa6f-16c6-4c3d-901b-9387de10e528_P.jpg", "original_1d4caa6f-16c6-4c3d-901b-9387de10e528_.json"),
        ("x" * 60 + ".png", "x" * 51 + ".json"),
        # An emoji is two units of UTF-16, which is what is counted.
        ("\U0001f600" * 23 + "\U0001f61b.jpg", "\U0001f600" * 23 + ".json"),
        ("é" * 47 + ".jpg", "é" * 46 + ".json"),
        # Numbered, in all positions.
        ("IMG_1(1).jpg", "IMG_1.jpg(1).json"),
        ("IMG_1(1).jpg", "IMG_1(1).jpg.json"),
        ("IMG_1(12).jpg", "IMG_1.jpg.supplemental-metadata(12).json"),
        ("IMG_1(1).jpg", "IMG_1(1).jpg.supplemental-metadata.json"),
        ("IMG_1(1).jpg", "IMG_1(1).json"),
        ("IMG_1(1).jpg", "IMG_1.supplemental-metadata(1).json"),
        ("PXL_20240827_094331806.PORTRAIT(1).jpg", "PXL_20240827_094331806.PORTRAIT.jpg.supplement(1).json"),
        ("Scan(3) of 4(1).jpg", "Scan(3) of 4.jpg(1).json"),
        ("IMG_1(18).jpg", "IMG_1(18).jpg.supple(18).json"),
        ("IMG_1(18).jpg", "IMG_1(18).jpg(18).json"),
        ("tower (2).jpg", "tower (2).jpg.supplemental-metadata.json"),
        (
            "13039_327707840323_537645323_9470255_27214_n(1).jpg",
            "13039_327707840323_537645323_9470255_27214_n.j(1).json",
        ),
        # Without the extension.
        ("D.jpg", "D.json"),
        ("D.jpg", "D.supplemental-metadata.json"),
        ("D.jpg", "D.suppl.json"),
        ("D.jpg", "D.txt"),
        ("D.jpg", "D.xmp"),
        # Other case and other form.
        ("IMG_1.JPG", "img_1.jpg.json"),
        ("IMG_1.jpg", "IMG_1.JPG.JSON"),
        ("IMG_1.jpg", "IMG_1.XMP"),
        (unicodedata.normalize("NFC", "Größe.jpg"), unicodedata.normalize("NFD", "Größe.json")),
        (unicodedata.normalize("NFD", "Größe(1).jpg"), unicodedata.normalize("NFC", "GRÖßE.JPG(1).json")),
        ("Straße.jpg", "STRASSE.JPG.json"),
        ("Caf\udce9.jpg", "Caf\udce9.jpg.json"),
        # Edited copies, whose original is not there.
        ("IMG_1-edited.jpg", "IMG_1.jpg.json"),
        ("IMG_1-edited(1).jpg", "IMG_1.jpg.supplemental-metadata(1).json"),
        ("PXL_1~2.jpg", "PXL_1.jpg.supplemental-metadata.json"),
        ("PXL_1~2.jpg", "PXL_1~2.jpg.supplemental-metadata.json"),
    ],
)
def test_pair_sidecars__names(picture: str, sidecar: str) -> None:
    assert pair_sidecars([picture], [sidecar]) == Pairing({picture: (sidecar,)})


@pytest.mark.parametrize(
    ("picture", "sidecar"),
    [
        ("IMG_1(1).jpg", "IMG_1.jpg.json"),
        ("IMG_1.jpg", "IMG_1.jpg(1).json"),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata(1).json"),
        ("IMG_1(1).jpg", "IMG_1.jpg(2).json"),
        ("IMG_10.jpg", "IMG_1.jpg.json"),
        ("IMG_1.jpg", "IMG_1.jpg.supplementary.json"),
        ("IMG_1.png", "IMG_1.jpg.json"),
        ("IMG_1.jpg", "IMG_1.MOV.json"),
        (f"{LONG}(1).jpg", f"{LONG[:46]}.json"),
        (f"{LONG}.jpg", f"{LONG[:45]}.json"),
        # A virtual copy of darktable, whose words are those of the development, not of the picture.
        ("A.jpg", "A_01.jpg.xmp"),
        ("A~x.jpg", "A.jpg.json"),
        ("~2.jpg", "A.jpg.json"),
        ("A.jpg", "metadata.json"),
        # Numbers and cuts are the habits of Takeout, which writes JSON.
        ("A(1).jpg", "A.jpg(1).xmp"),
        (f"{LONG}.jpg", f"{LONG[:46]}.txt"),
    ],
)
def test_pair_sidecars__of_another_picture(picture: str, sidecar: str) -> None:
    assert pair_sidecars([picture], [sidecar]) == Pairing(ownerless=(sidecar,))


def test_pair_sidecars__numbered_pictures_have_their_own() -> None:
    assert paired(
        [f"{LONG}.jpg", f"{LONG}(1).jpg", "A.jpg", "A(1).jpg"],
        [f"{LONG[:46]}.json", f"{LONG[:46]}(1).json", "A.jpg.json", "A.jpg(1).json"],
    ) == {
        f"{LONG}.jpg": (f"{LONG[:46]}.json",),
        f"{LONG}(1).jpg": (f"{LONG[:46]}(1).json",),
        "A.jpg": ("A.jpg.json",),
        "A(1).jpg": ("A.jpg(1).json",),
    }


def test_pair_sidecars__the_more_exact_name_and_the_richer_kind_win() -> None:
    others = ["A.txt", "A.jpg.txt", "A.xmp", "A.jpg.xmp", "A.json", "A.jpg.json"]
    assert paired(["A.jpg"], others)["A.jpg"] == tuple(reversed(others))


def test_pair_sidecars__the_same_spelling_wins() -> None:
    assert paired(["Straße.jpg", "Strasse.jpg"], ["Straße.json"]) == {"Straße.jpg": ("Straße.json",)}
    assert paired(["a.jpg", "A.jpg", "A.JPG"], ["A.jpg.json", "a.json"]) == {
        "A.jpg": ("A.jpg.json",),
        "a.jpg": ("a.json",),
    }


@pytest.mark.parametrize(
    "word",
    [
        "-edited",
        "-bearbeitet",
        "-modifié",
        "-editado",
        "-ha editado",
        "-modificato",
        "-bewerkt",
        "-編集済み",
        "-EFFECTS",
        "-COLLAGE",
        "-ANIMATION",
        "-PANO",
        "-отредактировано",
        "-편집됨",
        "-редактирано",
        "~2",
        "~13",
    ],
)
def test_pair_sidecars__edited_copies_share_what_their_original_has(word: str) -> None:
    edited = unicodedata.normalize("NFD", f"IMG{word}.jpg")

    assert paired(["IMG.jpg", edited, "IMG(1).jpg", f"IMG{word}(1).jpg"], ["IMG.jpg.json", "IMG.jpg(1).json"]) == {
        "IMG.jpg": ("IMG.jpg.json",),
        edited: ("IMG.jpg.json",),
        "IMG(1).jpg": ("IMG.jpg(1).json",),
        f"IMG{word}(1).jpg": ("IMG.jpg(1).json",),
    }


def test_pair_sidecars__edited_copies_of_another_kind_with_their_own_or_cut() -> None:
    long = "x" * 43
    pictures = ["A.HEIC", "A-edited.jpg", "B.jpg", "B-edited.jpg", f"{long}.jpg", f"{long}-edi.jpg", "well-edited.jpg"]
    others = ["A.HEIC.json", "B.jpg.json", "B-edited.jpg.json", f"{long}.jpg.s.json"]
    assert len(f"{long}-edi.jpg") == 51

    assert paired(pictures, others) == {
        "A.HEIC": ("A.HEIC.json",),
        "A-edited.jpg": ("A.HEIC.json",),
        "B.jpg": ("B.jpg.json",),
        "B-edited.jpg": ("B-edited.jpg.json",),
        f"{long}.jpg": (f"{long}.jpg.s.json",),
        f"{long}-edi.jpg": (f"{long}.jpg.s.json",),
    }


def test_pair_sidecars__what_two_could_own_goes_to_neither() -> None:
    twins = [f"{LONG[:46]}b.jpg", f"{LONG[:46]}c.jpg"]

    assert pair_sidecars(["A.jpg", "A.png", *twins], ["A.json", f"{LONG[:46]}.json"]) == Pairing(
        contested={"A.json": ("A.jpg", "A.png"), f"{LONG[:46]}.json": tuple(twins)}
    )


def test_pair_sidecars__the_name_inside_decides() -> None:
    b, c = f"{LONG[:46]}b.jpg", f"{LONG[:46]}c.jpg"
    sidecars = [f"{LONG[:46]}.json", f"{LONG[:46]}(1).json"]
    told = {"A.json": "a.PNG", sidecars[0]: f"{b[:-4]} & more.JPG", sidecars[1]: "something else.jpg"}

    assert pair_sidecars(["A.jpg", "A.png", b, c, f"{LONG}(1).jpg"], ["A.json", *sidecars], told.get) == Pairing(
        {"A.png": ("A.json",), b: (sidecars[0],)}, ownerless=(sidecars[1],)
    )


def test_pair_sidecars__names_that_differ_after_the_cut() -> None:
    stem = LONG[:46].ljust(46, "a")
    b, c = f"{stem}b.jpg", f"{stem}c.jpg"
    told = {f"{stem}.json": f"{stem}b and more.jpg", f"{stem}(1).json": f"{stem}c and more.jpg"}

    assert pair_sidecars([b, c], told, told.get) == Pairing({b: (f"{stem}.json",), c: (f"{stem}(1).json",)})
    assert pair_sidecars([b], [f"{stem}(1).json"], {f"{stem}(1).json": b}.get).ownerless == (f"{stem}(1).json",)


def test_pair_sidecars__the_same_name_inside_beats_a_like_one() -> None:
    assert paired(["A.jpg", "A.jpeg"], ["A.json"], **{"A.json": "A.jpeg"}) == {"A.jpeg": ("A.json",)}


def test_pair_sidecars__movies_of_live_photos_are_passed_by() -> None:
    pictures = ["IMG_1.HEIC", "IMG_2.HEIC", f"{LONG}.jpg"]
    others = [
        "IMG_1.MP4",
        "IMG_2.MOV",
        f"{LONG}.mp4",
        "IMG_1.HEIC.json",
        "IMG_2.json",
        "IMG_1.MP4.json",
        f"{LONG[:46]}.json",
    ]

    assert pair_sidecars(pictures, others) == Pairing(
        {"IMG_1.HEIC": ("IMG_1.HEIC.json",), "IMG_2.HEIC": ("IMG_2.json",), f"{LONG}.jpg": (f"{LONG[:46]}.json",)},
        ownerless=("IMG_1.MP4.json",),
    )
    told = {"IMG_2.json": "IMG_2.MOV", f"{LONG[:46]}.json": f"{LONG}.mp4"}
    assert pair_sidecars(pictures, others, told.get).sidecars == {"IMG_1.HEIC": ("IMG_1.HEIC.json",)}


def test_pair_sidecars__xmp_without_extension_is_of_the_raw_file() -> None:
    others = ["A.xmp", "B.xmp"]

    assert paired(["A.jpg", "A.NEF", "B.jpg"], [*others, "B.cr2"]) == {"A.NEF": ("A.xmp",), "B.jpg": ("B.xmp",)}
    assert pair_sidecars(["B.jpg"], ["B.xmp", "B.cr2"], {"B.xmp": "B.CR2"}.get).ownerless == ("B.xmp",)


def test_pair_sidecars__thousands_of_like_names_take_no_time() -> None:
    pictures = [f"{'a' * 46}{number}.jpg" for number in range(3000)]
    others = [f"{'a' * 46}({number}).json" for number in range(3000)]
    started = time.perf_counter()

    assert pair_sidecars([*pictures, "b.jpg"], [*others, "b.json"], lambda _: pictures[7]).sidecars == {}
    assert time.perf_counter() - started < 10


def test_pair_sidecars__a_picture_is_not_its_own() -> None:
    assert pair_sidecars(["list.txt", "a.json"], ["list.txt", "a.json"]) == Pairing()


def test_pair_sidecars__none_goes_to_two_pictures() -> None:
    """Whatever the names, apart from edited copies; and the order of names does not matter."""
    chance = random.Random(5)
    stems = [
        "A",
        "a",
        "A(1)",
        "A(2)",
        LONG,
        f"{LONG}(1)",
        LONG[:44],
        "B-edited",
        "B",
        "ä",
        unicodedata.normalize("NFD", "ä"),
    ]
    ends = [".jpg", ".JPG", ".png", ".mp4", ".nef"]
    tails = ["", ".jpg", ".JPG", ".supplemental-metadata", ".jpg.su", ".jpg.", "(1)", ".jpg(1)", ".jpg.supple(1)"]
    for _ in range(400):
        files = {chance.choice(stems) + chance.choice(ends) for _ in range(8)}
        pictures = [name for name in files if not name.endswith(("mp4", "nef"))]
        sidecars = {
            (chance.choice(stems) + chance.choice(tails))[:46] + chance.choice([".json", ".json", ".xmp", ".txt"])
            for _ in range(10)
        }
        others = [*(files - set(pictures)), *sidecars]
        pairing = pair_sidecars(pictures, others)
        originals = [
            sidecar for picture, owned in pairing.sidecars.items() for sidecar in owned if "edited" not in picture
        ]
        assert len(originals) == len(set(originals)), (files, sidecars)
        chance.shuffle(pictures)
        chance.shuffle(others)
        assert pair_sidecars(pictures, others) == pairing
