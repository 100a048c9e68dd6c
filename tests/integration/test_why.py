"""Why a picture is in its group: the same sentence on its page, in the API and on the command line."""

import uuid
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from fastapi.testclient import TestClient

from backend.features.editing import Move, perform
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.store.schema import Space
from backend.web.server import create_web_app


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


def test_why__the_api_and_the_page_say_the_same(
    client: TestClient, services: Services, pictures: list[uuid.UUID]
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


def _similarity_of_the_last() -> float:
    """The cosine of a vector at right angles to the other three, and the sum of all four."""
    first, second = 0.0, np.arccos(0.9)
    angles = np.array([first, second, second / 2 - np.arccos(0.83)])
    total = np.hypot(np.cos(angles).sum(), np.sin(angles).sum())
    return float(1 / np.hypot(total, 1))
