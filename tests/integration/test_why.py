"""Why a picture is in its group: the same sentence on its page, in the API and on the command line."""

import json
import uuid
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

from backend.cli import app as cli
from backend.features.editing import Move, perform
from backend.features.intake import accept_picture
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, open_active_space
from backend.files.text import MediaText
from backend.settings import Settings
from backend.store.schema import Space
from backend.web.server import create_web_app
from tests.support.command_line import use_library


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with TestClient(create_web_app(services), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def pictures(
    services: Services,
    make_test_space: Callable[..., Space],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
) -> list[uuid.UUID]:
    """One that founds a group, one that joins it at 0.9, one only just at 0.83, and one that founds another group."""
    space = make_test_space(services.database, 4)
    ids = insert_media(services.database, 4, "embedded")
    angles = np.arccos([1.0, 0.9, 0.83])
    vectors = np.zeros((4, 4), dtype=np.float32)
    vectors[0, 0] = 1
    vectors[1, :2] = np.cos(angles[1]), np.sin(angles[1])
    middle = angles[1] / 2  # where the mean of the first two points
    vectors[2, :2] = np.cos(middle - angles[2]), np.sin(middle - angles[2])
    vectors[3, 3] = 1
    embed_media(services.database, space, ids, vectors)
    Assigner(services, space).assign_waiting()
    return ids


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `mediacluster media show` over the library of this test."""
    use_library(settings, monkeypatch)
    return lambda *arguments: CliRunner().invoke(cli, ["media", "show", *arguments])


def test_why__api_page_and_command_line_say_the_same(
    client: TestClient, services: Services, pictures: list[uuid.UUID], run: Callable[..., Result]
) -> None:
    perform(services, Move((pictures[3],), 1), actor="eve")
    sentences = [client.get(f"/media/{media_id}").json()["cluster"]["why"] for media_id in pictures]
    assert sentences == [
        "It started the group. There was no other group that it could join.",
        "Clearly here. It joined at 0.900, 0.080 above the threshold of 0.82; there was no other group.",
        (
            "A close call. It joined at 0.830, only 0.0100 above the threshold of 0.82; "
            "below that it would have started a group."
        ),
        f"A curator decided that it belongs here. Its similarity to the group is {_similarity_of_the_last():.3f}.",
    ]
    for media_id, sentence in zip(pictures, sentences, strict=True):
        assert f"<p>{sentence}</p>" in client.get(f"/admin/media/{media_id}").text
        said = dict(line.split(maxsplit=1) for line in run(str(media_id)).stdout.splitlines())
        assert (said["group"], said["why"]) == ("1 ''", sentence)


def _similarity_of_the_last() -> float:
    """The cosine of a vector at right angles to the other three, and the sum of all four."""
    first, second = 0.0, np.arccos(0.9)
    angles = np.array([first, second, second / 2 - np.arccos(0.83)])
    total = np.hypot(np.cos(angles).sum(), np.sin(angles).sum())
    return float(1 / np.hypot(total, 1))


def test_show__everything_that_the_library_knows(
    client: TestClient, services: Services, make_jpeg: Callable[..., bytes], run: Callable[..., Result]
) -> None:
    space = open_active_space(services)
    text = MediaText("The <b>light</b>house", keywords=("sea", "evening"), location="Cape Wrath", story="Long ago.")
    place = {"latitude_degrees": 58.6254, "longitude_degrees": -4.9988}
    media_id = accept_picture(
        services, make_jpeg(1), text, source="import", source_uri="/p/a.jpg", place=place
    ).media_id
    waiting = json.loads(run(str(media_id), "--json").stdout)
    assert (waiting["status"], waiting["cluster"]) == ("pending", None)
    assert "group" not in run(str(media_id)).stdout

    embed_batch(services, space)
    Assigner(services, space).assign_waiting()

    shown = dict(line.split(maxsplit=1) for line in run(str(media_id)).stdout.splitlines())
    made = {name: shown.pop(name) for name in ("sha256", "byte_size", "created_at", "ready_at")}
    assert shown == {
        "id": str(media_id),
        "status": "ready",
        "title": "The lighthouse",
        "shown_title": "The lighthouse",
        "keywords": "sea, evening",
        "location": "Cape Wrath",
        "story": "Long ago.",
        "width": "80",
        "height": "60",
        "mime": "image/jpeg",
        "file_name": "a.jpg",
        "source": "import",
        "source_uri": "/p/a.jpg",
        "latitude_degrees": "58.6254",
        "longitude_degrees": "-4.9988",
        "group": "1 'The lighthouse'",
        "why": "It started the group. There was no other group that it could join.",
    }
    in_full = json.loads(run(str(media_id), "--json").stdout)
    assert in_full == client.get(f"/media/{media_id}").json()
    assert in_full["exif"] == place
    assert {name: str(in_full[name]) for name in made} == made


def test_show__ids_that_are_none(run: Callable[..., Result]) -> None:
    answer = run("lighthouse")
    assert answer.exit_code == 2
    assert "Invalid value for 'media_id'" in answer.output
    assert answer.stdout == ""
