"""The same bytes again: they are stored once, and what came with either copy reaches the picture."""

import json
import shutil
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from backend.features.editing import rewrite_text
from backend.features.intake import ImportReport, accept_picture, count_settled, import_items, list_items
from backend.features.intake.folder_import import Completion
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, fill_batch, open_active_space
from backend.files.text import MediaText, TextChanges
from backend.moments import DateCandidate, Precision, Standing
from backend.web.api.app import create_app
from tests.support.library import stored, stored_vectors

TAKEN = datetime(2020, 5, 1, tzinfo=UTC)
TAKEOUT = {
    "title": "IMG_1.jpg",
    "description": "only here",
    "photoTakenTime": {"timestamp": str(int(TAKEN.timestamp()))},
    "geoData": {"latitude": 10.5, "longitude": 20.5, "altitude": 0},
}


def take_in(services: Services, *sources: Path, exclude: Sequence[str] = ()) -> ImportReport:
    items, left_out = list_items(services, [str(source) for source in sources], exclude=exclude)
    report = ImportReport(left_out=left_out)
    list(import_items(services, items, report))
    return report


@pytest.fixture
def takeout(tmp_path: Path, make_jpeg: Callable[..., bytes]) -> Path:
    """A picture in an album, without words, and in the folder of its year, with words."""
    top = tmp_path / "Google Photos"
    for folder in ("Album A", "Photos from 2020"):
        (top / folder).mkdir(parents=True)
        (top / folder / "IMG_1.jpg").write_bytes(make_jpeg(1))
    (top / "Photos from 2020" / "IMG_1.jpg.supplemental-metadata.json").write_text(json.dumps(TAKEOUT))
    return top


@pytest.mark.parametrize("wordless_first", [True, False])
@pytest.mark.parametrize("is_grouped", [False, True])
def test_import__words_date_and_place_of_either_copy(
    services: Services, takeout: Path, *, wordless_first: bool, is_grouped: bool
) -> None:
    album, year = takeout / "Album A", takeout / "Photos from 2020"
    order = [album, year] if wordless_first else [year, album]
    first = take_in(services, order[0])
    if is_grouped:
        space = open_active_space(services)
        embed_batch(services, space)
        Assigner(services, space).assign_waiting()
    second = take_in(services, order[1])

    (media_id,) = first.new
    media = stored(services, media_id)
    assert (media.caption, media.taken_at) == ("only here", TAKEN)
    assert media.exif == media.exif | {"latitude_degrees": 10.5, "longitude_degrees": 20.5}
    assert media.folders == [folder.name for folder in order]
    path = str(order[1] / "IMG_1.jpg")
    brought = ("caption", "taken_at", "place")
    assert second.completed == ([Completion(media_id, path, brought)] if wordless_first else [])
    assert (len(second.duplicates), first.completed) == (1, [])
    # A third copy brings nothing.
    assert take_in(services, takeout).completed == []
    assert stored(services, media_id).folders == [folder.name for folder in order]


def test_import__the_folders_below_the_source_are_kept(services: Services, takeout: Path) -> None:
    (media_id,) = take_in(services, takeout).new
    shutil.copytree(takeout / "Album A", takeout / "Albums" / "B")
    take_in(services, takeout)
    assert stored(services, media_id).folders == ["Album A", "Photos from 2020", "Albums/B"]


def test_copy__the_vectors_of_words_follow(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    space = open_active_space(services)
    media_id = accept_picture(services, make_jpeg(1), MediaText(), source="test").media_id
    embed_batch(services, space)
    Assigner(services, space).assign_waiting()
    before = stored_vectors(services, media_id)
    assert before.text_embedding is None
    report = ImportReport(new={media_id: "a"})
    assert count_settled(services, report) == 1

    accepted = accept_picture(services, make_jpeg(1), MediaText(title="A red fox"), source="upload", source_uri="b")

    assert (accepted.duplicate, accepted.completed) == (True, ("title",))
    report.completed = [Completion(media_id, "b", accepted.completed)]
    assert count_settled(services, report) == 0
    assert fill_batch(services) == 1
    assert count_settled(services, report) == 1
    after = stored_vectors(services, media_id)
    assert np.array_equal(before.image_embedding, after.image_embedding)
    (expected,) = services.encoders.text.embed_texts(["A red fox."])
    np.testing.assert_allclose(after.text_embedding, expected, atol=1e-6)


def test_copy__a_worker_that_has_read_the_old_words_records_nothing(
    services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    space = open_active_space(services)
    media_id = accept_picture(services, make_jpeg(1), MediaText(), source="test").media_id
    with services.database.transaction() as session:
        session.execute(
            sa.text("UPDATE media SET lease_token = :token, lease_until = now() + interval '1 hour', attempts = 1"),
            {"token": uuid.uuid4()},
        )
    accept_picture(services, make_jpeg(1), MediaText(title="A red fox"), source="upload", source_uri="b")
    embed_batch(services, space)
    assert stored_vectors(services, media_id).text_embedding is not None


def test_copy__words_are_not_replaced_nor_emptied(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    first = MediaText(title="A", keywords=("k",), taken_at=TAKEN)
    media_id = accept_picture(services, make_jpeg(1), first, source="test").media_id
    for text in (
        MediaText(),
        MediaText(title="B", caption="C", keywords=("x",), taken_at=datetime(2021, 1, 1, tzinfo=UTC)),
    ):
        accepted = accept_picture(services, make_jpeg(1), text, source="upload", source_uri="b")
    assert accepted.completed == ("caption",)
    media = stored(services, media_id)
    assert (media.title, media.caption, media.keywords, media.taken_at) == ("A", "C", ["k"], TAKEN)


def test_copy__what_a_curator_emptied_stays_empty(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    text = MediaText(title="A", caption="C")
    media_id = accept_picture(services, make_jpeg(1), text, source="test").media_id
    rewrite_text(services, media_id, TextChanges(caption=""), actor="ada")
    text = MediaText(title="A", caption="C", story="S")
    accepted = accept_picture(services, make_jpeg(1), text, source="upload", source_uri="b")
    assert accepted.completed == ("story",)
    assert (stored(services, media_id).caption, stored(services, media_id).story) == ("", "S")


def test_api__tells_what_a_copy_has_completed(
    services: Services, takeout: Path, make_jpeg: Callable[..., bytes]
) -> None:
    (media_id,) = take_in(services, takeout / "Album A").new
    client = TestClient(create_app(services))
    for expected in (["title"], []):
        answer = client.post("/media", files={"file": ("a.jpg", make_jpeg(1), "image/jpeg")}, data={"title": "A"})
        (one,) = answer.json()["media"]
        assert (one["id"], one["duplicate"], one["completed"]) == (str(media_id), True, expected)
    assert client.get(f"/media/{media_id}").json()["folders"] == ["Album A"]


def test_copy__a_guessed_date_gives_way(services: Services, make_jpeg: Callable[..., bytes]) -> None:
    name = "IMG-20190504-WA0003.jpg"
    media_id = accept_picture(services, make_jpeg(1), MediaText(), source="upload", source_uri=name).media_id
    assert stored(services, media_id).taken_at == datetime(2019, 5, 4, tzinfo=UTC)
    date = DateCandidate(TAKEN, Precision.SECOND, Standing.ORIGINAL, "takeout:photoTakenTime")

    accepted = accept_picture(services, make_jpeg(1), MediaText(), source="import", source_uri="/b.jpg", dates=[date])

    media = stored(services, media_id)
    assert accepted.completed == ("taken_at",)
    assert (media.taken_at, media.taken_at_source) == (TAKEN, "takeout:photoTakenTime")
    # And a guess does not replace what is known.
    assert accept_picture(services, make_jpeg(1), MediaText(), source="upload", source_uri=name).completed == ()
