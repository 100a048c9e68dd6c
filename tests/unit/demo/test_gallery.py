from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.demo import gallery
from backend.demo.gallery import KIND_QUERIES, KINDS, Picture, render_gallery, render_picture, write_gallery, writer
from backend.demo.gallery import picture as pictures
from backend.demo.gallery.kept import KeptPictures

SIZE = 96


@pytest.fixture(scope="module")
def sample() -> list[Picture]:
    return list(render_gallery(72, seed=3, size=SIZE))


def pixels(picture: Picture, side: int = 32) -> np.ndarray:
    return np.asarray(picture.image.resize((side, side)), float)


def test_kinds__many_and_each_with_a_query() -> None:
    assert len(KINDS) >= 20
    assert len(set(KINDS)) == len(KINDS)
    assert set(KIND_QUERIES) == set(KINDS)
    assert len(set(KIND_QUERIES.values())) == len(KINDS)


def test_render_gallery__same_seed_same_pictures(sample: list[Picture]) -> None:
    again = list(render_gallery(6, seed=3, size=SIZE))
    for first, second in zip(sample, again, strict=False):
        assert first.image.tobytes() == second.image.tobytes()
        assert (first.name, first.caption, first.keywords, first.taken_at) == (
            second.name,
            second.caption,
            second.keywords,
            second.taken_at,
        )


def test_render_gallery__other_seed_other_pictures(sample: list[Picture]) -> None:
    other = list(render_gallery(12, seed=4, size=SIZE))
    assert [p.kind for p in other] != [p.kind for p in sample[:12]]
    assert not {p.image.tobytes() for p in other} & {p.image.tobytes() for p in sample}


def test_render_gallery__every_kind_and_uneven_numbers() -> None:
    counts = Counter(pictures.kinds_of_gallery(300, 0))
    assert set(counts) == set(KINDS)
    assert min(counts.values()) >= 4
    assert max(counts.values()) >= 2 * min(counts.values())


def test_render_gallery__no_pictures_for_a_count_of_nothing() -> None:
    assert list(render_gallery(0)) == []
    with pytest.raises(ValueError, match="negative"):
        list(render_gallery(-1))
    with pytest.raises(ValueError, match="smaller than 32"):
        list(render_gallery(1, size=8))


def test_render_gallery__size_and_orientation(sample: list[Picture]) -> None:
    shapes = Counter((p.image.width > p.image.height) - (p.image.width < p.image.height) for p in sample)
    assert set(shapes) == {-1, 0, 1}
    assert all(0.8 * SIZE <= max(p.image.size) <= SIZE and p.image.mode == "RGB" for p in sample)


def test_render_gallery__words(sample: list[Picture]) -> None:
    worded = [p for p in sample if p.title]
    assert 0.8 * len(sample) < len(worded) < len(sample)
    for p in worded:
        assert p.caption
        assert p.location
        assert len(p.keywords) >= 3
        assert len(set(p.keywords)) == len(p.keywords)
        assert "{" not in p.caption + p.title + "".join(p.keywords)
        assert p.caption.lower().rstrip(".") not in KIND_QUERIES.values()
    for p in sample:
        if not p.title:
            assert (p.caption, p.keywords, p.location, p.story, p.taken_at) == ("", (), "", "", None)
    assert len({p.caption for p in worded}) == len(worded)
    assert any(p.story for p in worded)
    assert any(not p.story for p in worded)
    assert all(p.taken_at.tzinfo is not None for p in worded if p.taken_at)


def test_render_gallery__pictures_of_a_kind_differ() -> None:
    for kind in KINDS:
        some = [pixels(render_picture(kind, seed, SIZE)) for seed in range(3)]
        difference = np.mean([np.abs(a - b).mean() for a, b in combinations(some, 2)])
        assert difference > 10, kind


def test_render_gallery__pictures_are_not_flat(sample: list[Picture]) -> None:
    for p in sample:
        assert pixels(p).std() > 8, p.name


def test_render_picture__deterministic_and_known_kinds_only() -> None:
    one, two = render_picture("castle", 5, SIZE), render_picture("castle", 5, SIZE)
    assert one.image.tobytes() == two.image.tobytes()
    assert one.kind == "castle"
    with pytest.raises(KeyError):
        render_picture("no-such-kind", 5, SIZE)


def test_generator__purposes_share_no_seeds() -> None:
    # Training draws under another purpose: for any pair of seeds and places its numbers are unrelated to the gallery's.
    drawn = {
        (purpose, seed, index): pictures.generator(purpose, seed, index).integers(2**63)
        for purpose in (pictures.GALLERY, pictures.TRAINING, pictures.SINGLE)
        for seed in range(20)
        for index in range(20)
    }
    assert len(set(drawn.values())) == len(drawn)


def test_training__renders_under_its_own_purpose() -> None:
    source = (Path(gallery.__file__).parents[1] / "training/world.py").read_text("utf-8")
    assert "generator(TRAINING," in source
    assert "GALLERY" not in source
    assert "render_gallery" not in source


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_SIZE", SIZE)


@pytest.mark.usefixtures("small")
def test_write_gallery__pictures_sidecars_labels(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    assert write_gallery(tmp_path, 40, 3, on_progress=lambda done, of: seen.append((done, of))) == 40
    assert seen == [(i, 40) for i in range(1, 41)]
    files = sorted(tmp_path.glob("*.jpg"))
    labels = json.loads((tmp_path / ".labels.json").read_text("utf-8"))
    assert [f.name for f in files] == sorted(labels)
    assert set(labels.values()) <= set(KINDS)
    wordless = 0
    for file in files:
        with Image.open(file) as image:
            assert image.format == "JPEG"
        beside = file.with_suffix(".json")
        if not beside.exists():
            wordless += 1
            continue
        words = json.loads(beside.read_text("utf-8"))
        assert set(words) == {"title", "caption", "keywords", "location", "story", "taken_at"}
        assert words["title"]
        assert words["caption"]
        assert isinstance(words["keywords"], list)
        if words["taken_at"] is not None:
            assert datetime.fromisoformat(words["taken_at"]).tzinfo is not None
    assert wordless == sum(not p.title for p in render_gallery(40, 3, SIZE))
    assert wordless > 0
    stems = {f.stem for f in files} | {".labels", ".stamp"}
    assert {p.stem for p in tmp_path.glob("*.json")} <= stems
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.usefixtures("small")
def test_write_gallery__repeated_writes_nothing(tmp_path: Path) -> None:
    seen: list[int] = []
    write_gallery(tmp_path, 5)
    assert write_gallery(tmp_path, 5, on_progress=lambda done, _of: seen.append(done)) == 5
    assert seen == []
    next(tmp_path.glob("*.jpg")).unlink()
    write_gallery(tmp_path, 5, on_progress=lambda done, _of: seen.append(done))
    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("small")
def test_write_gallery__interrupted_is_repeated(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    write_gallery(whole, 8)

    def interrupt(done: int, _of: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_gallery(broken, 8, on_progress=interrupt)
    assert not (broken / ".stamp.json").exists()
    write_gallery(broken, 8)
    assert {p.name: p.read_bytes() for p in broken.iterdir()} == {p.name: p.read_bytes() for p in whole.iterdir()}


@pytest.mark.usefixtures("small")
def test_write_gallery__kept_pictures_are_not_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "a" / "cache"
    write_gallery(tmp_path / "drawn", 12)
    write_gallery(tmp_path / "first", 8, keep_in=cache)
    (version,) = cache.iterdir()
    assert {mode_of(path) for path in (cache, version)} == {0o700}
    assert {mode_of(path) for path in version.iterdir()} == {0o600}
    damaged = version / "0003"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    drawn: list[list[int]] = []
    render_all = writer._render_all

    def recorded(folder: Path, missing: list[tuple[int, str]], seed: int, kept: KeptPictures | None) -> Iterator[None]:
        drawn.append([index for index, _kind in missing])
        return render_all(folder, missing, seed, kept)

    monkeypatch.setattr(writer, "_render_all", recorded)
    seen: list[int] = []
    for home in ("second", "third"):
        write_gallery(tmp_path / home, 12, keep_in=cache, on_progress=lambda done, _of: seen.append(done))
        assert contents_of(tmp_path / home) == contents_of(tmp_path / "drawn")
    assert drawn == [[3, 8, 9, 10, 11]]
    assert seen == [*range(1, 13)] * 2


@pytest.mark.usefixtures("small")
def test_write_gallery__keeps_one_version(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    mine = cache / "mine"
    mine.mkdir(mode=0o700, parents=True)
    cache.chmod(0o700)
    write_gallery(tmp_path / "a", 2, keep_in=cache)
    (of_before,) = set(cache.iterdir()) - {mine}
    write_gallery(tmp_path / "b", 2, seed=5, keep_in=cache)
    (of_now,) = set(cache.iterdir()) - {mine}
    assert of_now != of_before


@pytest.mark.usefixtures("small")
def test_write_gallery__takes_nothing_from_a_folder_in_which_others_write(tmp_path: Path) -> None:
    cache, elsewhere = tmp_path / "cache", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    cache.mkdir()
    cache.chmod(0o777)
    link = tmp_path / "link"
    link.symlink_to(elsewhere)
    for number, place in enumerate((cache, link)):
        assert write_gallery(tmp_path / str(number), 2, keep_in=place) == 2
    assert list(cache.iterdir()) == list(elsewhere.iterdir()) == []


@pytest.mark.usefixtures("small")
def test_write_gallery__goes_without_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    cache = tmp_path / "a file"
    cache.write_text("x")
    assert write_gallery(tmp_path / "home", 2, keep_in=cache) == 2
    assert len(list((tmp_path / "home").glob("*.jpg"))) == 2


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def contents_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.usefixtures("small")
def test_write_gallery__clears_what_it_replaces_and_nothing_else(tmp_path: Path) -> None:
    write_gallery(tmp_path, 8, seed=1)
    (tmp_path / "mine.jpg").write_bytes(b"x")
    write_gallery(tmp_path, 4, seed=2)
    assert {p.name for p in tmp_path.glob("*.jpg")} == {p.name for p in render_gallery(4, 2, 32)} | {"mine.jpg"}
    assert len(json.loads((tmp_path / ".labels.json").read_text("utf-8"))) == 4
