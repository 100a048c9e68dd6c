"""A tree like those of Google Takeout, whose right answer is known: names by Google's rules, old and new, and what goes wrong.

python -m scripts.takeout_tree FOLDER --pictures 500 --seed 7

Writes FOLDER/Takeout/Google Photos and FOLDER/right.json. The names are made as Google makes them, from the title of a picture to its
file and its JSON; reading them goes the other way, so one does not repeat the mistakes of the other.
"""

import argparse
import io
import json
import random
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from PIL import Image

TOP: Final = Path("Takeout") / "Google Photos"
_MOST_OF_A_NAME: Final = 51
_MOST_OF_A_JSON: Final = 46
_SUPPLEMENT: Final = ".supplemental-metadata"
_EDITED: Final = ("-edited", "-bearbeitet", "-modifié", "-editado", "-modificato", "-bewerkt", "-編集済み")
_PEOPLE: Final = ("Ann Lee", "Bea", "Çağla", "Doe, Jane")
_STEMS: Final = (
    "IMG_{n:04}", "DSC{n:05}", "PXL_20240{n:03}_143022123.PORTRAIT", "PXL_2023{n:04}_203449253.LONG_EXPOSURE-02.ORIGINAL",
    "Größe {n}", "Screenshot_2024-01-{n:03}_com.example.application.gallery", "{n}_327707840323_537645323_9470255_27214_n",
    "original_1d4caa6f-16c6-4c3d-901b-9387de10{n:04}_P", "IMG-20190504-WA{n:04}", "写真 {n}", "Scan (3) of {n}", "a&b+c {n}",
    "\N{GRINNING FACE}\N{SMILING FACE WITH HALO} {n}", "image{n}.final", "IMG_{n:04}~2", "Backyard ceremony wedding photography x {n} m",
)  # fmt: skip
_SUFFIXES: Final = (".jpg", ".jpg", ".JPG", ".jpeg", ".png")


@dataclass
class Right:
    """What a library has to say of a picture after the import.

    Attributes:
        caption: its words; '' if its JSON is missing or broken.
        taken_at: when it was taken, in ISO 8601, or None.
        place: latitude and longitude, or None.
        people: who is in it.
        folders: the folders that it is in, in the order of the import.
    """

    caption: str = ""
    taken_at: str | None = None
    place: tuple[float, float] | None = None
    people: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


@dataclass
class TakeoutTree:
    """The right answer of a tree.

    Attributes:
        pictures: by the path of the first copy, below `Google Photos`.
        copies: how many files are copies of others.
        warnings: JSON files that cannot be read, below `Google Photos`.
        ownerless: JSON files of no picture.
        movies: how many movies there are.
    """

    pictures: dict[str, Right] = field(default_factory=dict)
    copies: int = 0
    warnings: list[str] = field(default_factory=list)
    ownerless: list[str] = field(default_factory=list)
    movies: int = 0


def write_takeout(folder: Path, pictures: int, seed: int) -> TakeoutTree:
    """Write a tree with so many different pictures into a new folder, and return its right answer."""
    return _Writer(folder / TOP, random.Random(seed)).write(pictures)  # noqa: S311 - not a secret


class _Writer:
    def __init__(self, top: Path, chance: random.Random) -> None:
        self._top = top
        self._chance = chance
        self._tree = TakeoutTree()
        self._made = 0

    def write(self, pictures: int) -> TakeoutTree:
        kinds: list[Callable[[str], None]] = [
            self._plain, self._plain, self._numbered, self._edited, self._live, self._twins, self._without, self._broken,
            self._other_form, self._in_an_album,
        ]  # fmt: skip
        year = 0
        while self._made < pictures:
            folder = f"Photos from {2000 + year % 25}"
            (self._top / folder).mkdir(parents=True, exist_ok=True)
            kinds[year % len(kinds)](folder)
            year += 1
        for name, content in (
            ("Album 1/metadata.json", {"title": "Album 1", "description": "", "access": "protected"}),
            ("print-subscriptions.json", {}),
            ("Album 1/shared_album_comments.json", {"comments": []}),
        ):
            path = self._top / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(content))
            self._tree.ownerless.append(name)
        return self._tree

    def _title(self) -> str:
        stem = self._chance.choice(_STEMS).format(n=self._made)
        return stem + self._chance.choice(_SUFFIXES)

    def _plain(self, folder: str) -> None:
        self._item(folder, self._title())

    def _numbered(self, folder: str) -> None:
        """Several pictures of one title: the later ones are numbered, and so is their JSON."""
        title = self._title()
        is_new = self._chance.random() < 0.5  # one archive is written by one version
        for number in range(self._chance.choice((2, 3, 11))):
            self._item(folder, title, number=number, is_new=is_new)

    def _edited(self, folder: str) -> None:
        """An edited copy has other bytes and no JSON of its own."""
        title = f"IMG_E{self._made:04}.jpg"
        number = self._chance.choice((0, 0, 1))
        if number:
            self._item(folder, title)
        right = self._item(folder, title, number=number)
        stem, suffix = title[:-4], title[-4:]
        name = f"{stem}{self._chance.choice(_EDITED)}{_number(number)}{suffix}"
        self._picture(folder, name, Right(**asdict(right)))

    def _live(self, folder: str) -> None:
        title = self._title()
        self._item(folder, title)
        name = _cut(title)
        (self._top / folder / f"{_split(name)[0]}.MP4").write_bytes(b"\0\0\0\x18ftypmp42")
        self._tree.movies += 1
        if self._chance.random() < 0.5:
            # A movie that is no part of it has a JSON of its own.
            movie = f"MVI_{self._made:04}.MOV"
            (self._top / folder / movie).write_bytes(b"\0\0\0\x14ftypqt  ")
            json_name = _json_name(movie, 0, is_new=True)
            self._write_json(folder, json_name, movie, Right(caption="of the movie"))
            self._tree.movies += 1
            self._tree.ownerless.append(f"{folder}/{json_name}")

    def _twins(self, folder: str) -> None:
        """Two titles that differ after what a JSON has of them: the second is numbered though its picture is not."""
        stem = f"A very long title of a picture of the {self._made:04} harbour"[:_MOST_OF_A_JSON].ljust(
            _MOST_OF_A_JSON, "x"
        )
        for number, letter in enumerate("bc"):
            title = f"{stem}{letter} and more words.jpg"
            name = _cut(title)
            right = self._right()
            self._picture(folder, name, right)
            self._write_json(folder, f"{name[:_MOST_OF_A_JSON]}{_number(number)}.json", title, right)

    def _without(self, folder: str) -> None:
        self._picture(folder, f"WITHOUT_{self._made:04}.jpg", Right())

    def _broken(self, folder: str) -> None:
        name = f"BROKEN_{self._made:04}.jpg"
        self._picture(folder, name, Right())
        json_name = _json_name(name, 0, is_new=True)
        (self._top / folder / json_name).write_bytes(self._chance.choice((b"", b"{", b"[]", b"\0\1\2")))
        self._tree.warnings.append(f"{folder}/{json_name}")

    def _other_form(self, folder: str) -> None:
        """The JSON comes from a disk that writes names in another form, or in capitals."""
        title = f"Größe{self._made:04} für Zoë.jpg"
        right = self._right()
        self._picture(folder, unicodedata.normalize("NFD", title), right)
        name = _json_name(unicodedata.normalize("NFC", title), 0, is_new=False)
        self._write_json(folder, name.upper() if self._chance.random() < 0.5 else name, title, right)

    def _in_an_album(self, folder: str) -> None:
        """The copy in the album comes first, since folders are imported by name, and has no JSON."""
        title = f"ALBUM_{self._made:04}.jpg"
        album = f"Album {self._chance.randrange(1, 4)}"
        right = self._item(folder, title)
        del self._tree.pictures[f"{folder}/{title}"]
        (self._top / album).mkdir(exist_ok=True)
        (self._top / album / title).write_bytes((self._top / folder / title).read_bytes())
        self._tree.pictures[f"{album}/{title}"] = right
        right.folders = [album, folder]
        self._tree.copies += 1

    def _item(self, folder: str, title: str, *, number: int = 0, is_new: bool | None = None) -> Right:
        """A picture with its JSON, as Google names them."""
        name = _cut(title)
        stem, suffix = _split(name)
        right = self._right()
        self._picture(folder, f"{stem}{_number(number)}{suffix}", right)
        is_new = self._chance.random() < 0.5 if is_new is None else is_new
        self._write_json(folder, _json_name(name, number, is_new=is_new), title, right)
        return right

    def _right(self) -> Right:
        chance = self._chance
        moment = datetime.fromtimestamp(chance.randrange(-1_000_000_000, 1_700_000_000), UTC)
        place = (
            (round(chance.uniform(-80, 80), 5), round(chance.uniform(-170, 170), 5)) if chance.random() < 0.6 else None
        )
        people = chance.sample(_PEOPLE, chance.choice((0, 0, 1, 2)))
        return Right(f"words {chance.getrandbits(48):x}", moment.isoformat(), place, people)

    def _picture(self, folder: str, name: str, right: Right) -> None:
        path = self._top / folder / name
        assert not path.exists(), path
        path.write_bytes(_picture_bytes(self._made, path.suffix))
        self._made += 1
        right.folders = [folder]
        self._tree.pictures[f"{folder}/{name}"] = right

    def _write_json(self, folder: str, name: str, title: str, right: Right) -> None:
        path = self._top / folder / name
        assert not path.exists(), path
        latitude, longitude = right.place or (0.0, 0.0)
        taken = datetime.fromisoformat(right.taken_at) if right.taken_at else datetime.fromtimestamp(0, UTC)
        record: dict[str, Any] = {
            "title": title,
            "description": right.caption,
            "imageViews": "3",
            "creationTime": {"timestamp": "1700000000", "formatted": "14.11.2023, 22:13:20 UTC"},
            "photoTakenTime": {
                "timestamp": str(int(taken.timestamp())),
                "formatted": f"{taken:%d.%m.%Y, %H:%M:%S} UTC",
            },
            "geoData": {
                "latitude": latitude,
                "longitude": longitude,
                "altitude": 0.0,
                "latitudeSpan": 0.0,
                "longitudeSpan": 0.0,
            },
            "url": "https://photos.google.com/photo/AF1Q",
            "googlePhotosOrigin": {"mobileUpload": {"deviceType": "ANDROID_PHONE"}},
        }
        if right.people:
            record["people"] = [{"name": name} for name in right.people]
        path.write_text(json.dumps(record, indent=2, ensure_ascii=False), encoding="utf-8")


def _picture_bytes(number: int, suffix: str) -> bytes:
    """A small picture; each number has its own bytes."""
    colour = (number * 37 % 256, number * 91 % 256, number % 256)
    picture = Image.new("RGB", (16 + number % 5, 12), colour)
    buffer = io.BytesIO()
    if suffix.lower() == ".png":
        picture.putpixel((0, 0), (number >> 8 & 255, number & 255, 7))
        picture.save(buffer, "PNG")
    else:
        picture.save(buffer, "JPEG", comment=f"{number}".encode())
    return buffer.getvalue()


def _json_name(name: str, number: int, *, is_new: bool) -> str:
    return f"{_units(name + (_SUPPLEMENT if is_new else ''), _MOST_OF_A_JSON)}{_number(number)}.json"


def _cut(title: str) -> str:
    stem, suffix = _split(title.replace("&", "_").replace("+", "_"))
    return _units(stem, _MOST_OF_A_NAME - len(suffix)) + suffix


def _units(text: str, most: int) -> str:
    """Cut as Google does, which counts units of UTF-16."""
    return text.encode("utf-16-le")[: 2 * most].decode("utf-16-le", "ignore")


def _split(name: str) -> tuple[str, str]:
    stem, dot, suffix = name.rpartition(".")
    return stem, dot + suffix


def _number(number: int) -> str:
    return f"({number})" if number else ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.takeout_tree", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    tree = write_takeout(arguments.folder, arguments.pictures, arguments.seed)
    (arguments.folder / "right.json").write_text(
        json.dumps(asdict(tree), indent=1, ensure_ascii=False), encoding="utf-8"
    )
    print(f"{len(tree.pictures)} pictures, {tree.copies} copies, {tree.movies} movies in {arguments.folder / TOP}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
