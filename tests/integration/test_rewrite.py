"""Change of a picture's text: the text vectors follow, the image vector and the group stay."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from backend.errors import Conflict, InvalidText, NotFound
from backend.features.editing import rewrite, rewrite_text, wording
from backend.features.intake import accept_picture
from backend.features.integrity import audit
from backend.features.services import Services
from backend.features.steps import (
    Assigner,
    embed_batch,
    open_active_space,
    sweep,
)
from backend.files.text import MediaText, TextChanges
from backend.store.leases import Lease
from backend.store.media import claim_pending, get_media
from backend.web.api.app import create_app
from tests.support.library import stored_vectors


@pytest.fixture
def ready_media(services: Services, make_jpeg: Callable[..., bytes]) -> uuid.UUID:
    space = open_active_space(services)
    text = MediaText(title="A lighthouse", keywords=("sea",))
    media_id = accept_picture(services, make_jpeg(1), text, source="test").media_id
    embed_batch(services, space)
    Assigner(services, space).assign_waiting()
    return media_id


def test_rewrite__the_words_vectors_are_those_of_the_new_text(services: Services, ready_media: uuid.UUID) -> None:
    image, text, caption = stored_vectors(services, ready_media)
    rewrite_text(services, ready_media, TextChanges(title="A red fox", caption="A fox in the snow"), actor="test")
    new_image, new_text, new_caption = stored_vectors(services, ready_media)
    assert np.array_equal(image, new_image)
    assert not np.allclose(text, new_text)
    assert not np.allclose(caption, new_caption)
    expected = services.encoders.text.embed_texts(["A red fox. A fox in the snow. sea."])[0]
    assert np.allclose(new_text, expected, atol=1e-6)
    with services.database.transaction() as session:
        media = get_media(session, ready_media)
    assert (media.title, media.keywords, media.status) == ("A red fox", ["sea"], "ready")
    assert audit(services.database, replay=True).is_clean


def test_rewrite__no_text_left_leaves_no_text_vector(services: Services, ready_media: uuid.UUID) -> None:
    rewrite_text(services, ready_media, TextChanges(title="", keywords=()), actor="test")
    _image, text, caption = stored_vectors(services, ready_media)
    assert text is None
    assert caption is None


def test_rewrite__too_long_changes_nothing(services: Services, ready_media: uuid.UUID) -> None:
    with pytest.raises(InvalidText):
        rewrite_text(services, ready_media, TextChanges(caption="x" * 3000), actor="test")
    with services.database.transaction() as session:
        assert get_media(session, ready_media).caption == ""


def test_rewrite__unknown(services: Services) -> None:
    with pytest.raises(NotFound):
        rewrite_text(services, uuid.uuid4(), TextChanges(title="x"), actor="test")


def test_rewrite__somebody_else_was_faster(
    services: Services, ready_media: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = wording.encode_wordings

    def interrupted(*arguments: Any) -> Any:
        monkeypatch.setattr(rewrite, "encode_wordings", encode)
        rewrite_text(services, ready_media, TextChanges(title="The other's title"), actor="test")
        return encode(*arguments)

    monkeypatch.setattr(rewrite, "encode_wordings", interrupted)
    with pytest.raises(Conflict):
        rewrite_text(services, ready_media, TextChanges(title="Mine"), actor="test")
    with services.database.transaction() as session:
        assert get_media(session, ready_media).title == "The other's title"


def test_rewrite__a_worker_that_has_read_the_old_text_records_nothing(
    services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    space = open_active_space(services)
    media_id = accept_picture(services, make_jpeg(3), MediaText(title="old"), source="test").media_id
    lease = Lease(uuid.uuid4(), 60)
    with services.database.transaction() as session:
        assert claim_pending(session, lease, limit=1, max_attempts=3)
    rewrite_text(services, media_id, TextChanges(title="new"), actor="test")
    with services.database.transaction() as session:
        assert get_media(session, media_id).lease_token is None
    embed_batch(services, space)
    _image, text, _caption = stored_vectors(services, media_id)
    assert np.allclose(text, services.encoders.text.embed_texts(["new."])[0], atol=1e-6)


def test_rewrite__while_it_is_being_embedded_costs_no_attempt(
    services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    space = open_active_space(services)
    media_id = accept_picture(services, make_jpeg(3), MediaText(title="old"), source="test").media_id
    for number in range(3):
        with services.database.transaction() as session:
            assert claim_pending(session, Lease(uuid.uuid4(), 60), limit=1, max_attempts=3)
        rewrite_text(services, media_id, TextChanges(title=f"new {number}"), actor="test")

    sweep(services)

    with services.database.transaction() as session:
        assert get_media(session, media_id).status == "pending"
    assert embed_batch(services, space) == 1


def test_rewrite__an_attempt_that_its_worker_did_not_survive_stays_counted(
    services: Services, make_jpeg: Callable[..., bytes]
) -> None:
    media_id = accept_picture(services, make_jpeg(3), MediaText(title="old"), source="test").media_id
    with services.database.transaction() as session:
        assert claim_pending(session, Lease(uuid.uuid4(), -1), limit=1, max_attempts=3)
    rewrite_text(services, media_id, TextChanges(title="new"), actor="test")
    with services.database.transaction() as session:
        assert get_media(session, media_id).attempts == 1


def test_patch__changes_what_is_named_and_forgets_a_moment(services: Services, ready_media: uuid.UUID) -> None:
    rewrite_text(services, ready_media, TextChanges(taken_at=datetime(2024, 5, 1, tzinfo=UTC)), actor="test")
    with TestClient(create_app(services)) as client:
        answer = client.patch(f"/media/{ready_media}", json={"location": "Cape Wrath", "taken_at": ""})
        assert answer.status_code == 200
        assert answer.json()["location"] == "Cape Wrath"
        assert answer.json()["title"] == "A lighthouse"
        assert answer.json()["taken_at"] is None
        assert answer.json()["cluster"]["similarity"] == pytest.approx(1.0)
        assert client.patch(f"/media/{ready_media}", json={"titel": "x"}).json()["code"] == "malformed_request"
        refused = client.patch(f"/media/{ready_media}", json={"taken_at": "yesterday"})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_text")


def test_page__changes_the_fields_that_its_form_has(
    client: TestClient, services: Services, ready_media: uuid.UUID
) -> None:
    moment = datetime(2024, 5, 1, tzinfo=UTC)
    before = TextChanges(caption="At dusk", location="Skagen", story="It was late.", taken_at=moment)
    rewrite_text(services, ready_media, before, actor="test")

    def save(**form: str) -> MediaText:
        assert client.post(f"/admin/media/{ready_media}/text", data=form).status_code == 200
        with services.database.transaction() as session:
            return MediaText.of(get_media(session, ready_media))

    kept = MediaText("A red fox", "At dusk", ("sea",), "Skagen", "It was late.", moment)
    assert save(title="A red fox") == kept
    assert save(caption="", keywords="", taken_at="") == replace(kept, caption="", keywords=())
