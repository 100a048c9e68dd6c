import os
import random
from pathlib import Path

import pytest

from backend.errors import InputError
from backend.files.folders import walk_pictures
from backend.web.api.folder_cursors import read_folder_cursor, sort_key_of, write_folder_cursor

# Of which some sort before a slash, some are written with a percent sign, and one is no UTF-8.
NAMES = ["a", "a b", "a-b", "a.b", "a%2Fb", "B", "ä", "z", os.fsdecode(b"\xff")]


@pytest.mark.parametrize("seed", range(5))
def test_place_of__in_the_order_of_the_walk(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    for _ in range(60):
        folders = generator.choices(NAMES, k=generator.randrange(4))
        path = tmp_path.joinpath(*folders, f"{generator.choice(NAMES)}.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    keys = [sort_key_of(path, tmp_path) for path in walk_pictures([tmp_path], follow_links=False)]

    assert len(keys) > 30
    assert keys == sorted(keys)
    assert [read_folder_cursor(write_folder_cursor(place)) for place in keys] == keys


def test_place_of__a_folder_comes_after_the_files_beside_it_and_before_those_in_it() -> None:
    top = Path("/top")
    folder = sort_key_of(top / "inner", top, is_folder=True)
    assert sort_key_of(top / "z.jpg", top) < folder < sort_key_of(top / "inner" / "a.jpg", top)
    assert write_folder_cursor(folder) == "inner/"
    assert read_folder_cursor("inner/") == folder


def test_place_of__a_picture_that_is_the_top_itself() -> None:
    assert sort_key_of(Path("/top/a.jpg"), Path("/top/a.jpg")) == ((False, ""),)


@pytest.mark.parametrize("cursor", ["", "/", "//", "/pictures/a.jpg", "\ud800"])
def test_read_folder_cursor__not_ours(cursor: str) -> None:
    with pytest.raises(InputError, match="next_after"):
        read_folder_cursor(cursor)
