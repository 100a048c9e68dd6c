"""A whole Takeout, made by Google's rules, comes in as it was: each picture with its own words and nobody else's."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from backend.features.intake import ImportReport, import_items, list_items
from backend.features.services import Services
from backend.files.folders import Kind
from backend.store.schema import Media
from scripts.takeout_tree import TOP, Right, TakeoutTree, write_takeout


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TakeoutTree]:
    folder = tmp_path_factory.mktemp("takeout")
    return folder / TOP, write_takeout(folder, 500, seed=7)


def taken_in(services: Services, sources: Sequence[Path]) -> ImportReport:
    items, left_out = list_items(services, [str(source) for source in sources])
    report = ImportReport(left_out=left_out)
    list(import_items(services, items, report))
    return report


def answers(services: Services, top: Path) -> dict[str, Right]:
    """What the library says of each picture, by its path below the top."""
    with services.database.transaction() as session:
        rows = session.scalars(sa.select(Media))
        return {
            str(Path(media.source_uri or "").relative_to(top.resolve())): Right(
                media.caption,
                media.taken_at.isoformat() if media.taken_at else None,
                (media.exif["latitude_degrees"], media.exif["longitude_degrees"])
                if "latitude_degrees" in media.exif
                else None,
                media.keywords,
                media.folders,
            )
            for media in rows
        }


def test_takeout__each_picture_has_its_own_words(services: Services, written: tuple[Path, TakeoutTree]) -> None:
    top, tree = written

    report = taken_in(services, [top])

    found = answers(services, top)
    wrong = {path: (right, found.get(path)) for path, right in tree.pictures.items() if found.get(path) != right}
    assert wrong == {}
    assert len(found) == len(tree.pictures) == len(report.new) >= 500
    assert (len(report.duplicates), len(report.completed), report.failed) == (tree.copies, tree.copies, [])
    assert sorted(warning.path for warning in report.warnings) == sorted(str(top / path) for path in tree.warnings)
    assert report.left_out.counts == {Kind.MOVIE: tree.movies, Kind.SIDECAR: len(tree.ownerless)}


def test_takeout__pictures_in_the_bin_are_left_out_and_told(
    services: Services, tmp_path: Path, make_jpeg: Callable[..., bytes]
) -> None:
    for seed, name in enumerate(("kept.jpg", "gone.jpg"), start=1):
        (tmp_path / name).write_bytes(make_jpeg(seed))
        record = {"title": name, "photoTakenTime": {"timestamp": "1588291200"}, "trashed": name == "gone.jpg"}
        (tmp_path / f"{name}.supplemental-metadata.json").write_text(json.dumps(record))

    report = taken_in(services, [tmp_path])

    assert [Path(name).name for name in report.new.values()] == ["kept.jpg"]
    assert report.left_out.counts == {Kind.TRASHED: 1}
    assert report.left_out.examples == {Kind.TRASHED: [tmp_path / "gone.jpg"]}


def test_takeout__folders_the_other_way_round(services: Services, written: tuple[Path, TakeoutTree]) -> None:
    """The words come first then, and the albums later."""
    top, tree = written
    folders = sorted((path for path in top.iterdir() if path.is_dir()), reverse=True)

    report = taken_in(services, folders[:6])
    albums = taken_in(services, folders[-3:])

    assert (report.completed, albums.completed) == ([], [])
    assert Counter(right.folders[0].split()[0] for right in tree.pictures.values())["Album"] == tree.copies
    found = answers(services, top)
    for path, right in tree.pictures.items():
        if path in found and len(right.folders) == 1:
            assert found[path] == right
