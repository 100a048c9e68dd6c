"""Spaces beside the active one: made, filled while uploads go on, dropped."""

import threading
import uuid
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from backend.cli import app
from backend.cli import model_change as commands
from backend.encoders import EncoderNames, Lazy, load_encoders
from backend.errors import Conflict, EncoderUnavailable, InputError, NotFound, SpaceMismatch
from backend.features.editing import rewrite_text
from backend.features.intake import accept_picture
from backend.features.model_change import (
    SpaceStanding,
    choose_names,
    drop,
    fill,
    list_failed,
    list_standing,
    make_space,
    pause_fill,
)
from backend.features.operations.diagnosis import check_spaces
from backend.features.services import Services
from backend.features.steps import (
    Assigner,
    embed_batch,
    fill_batch,
    open_active_space,
    sweep,
)
from backend.files.text import MediaText, TextChanges
from backend.store.arrays import fetch_arrays
from backend.store.leases import Lease, renew
from backend.store.schema import Space, SpaceFillItem
from backend.store.spaces import claim_items, fail_item, get_space
from backend.web.api.app import create_app
from scripts.demo_spaces import write_narrow_model


@dataclass
class Shelf:
    """A library with the demo encoders, and a second space, `narrow`, of 96 dimensions."""

    services: Services
    space: Space
    narrow: Space
    make_jpeg: Callable[..., bytes]

    def upload(self, seed: int) -> uuid.UUID:
        text = MediaText(title=f"picture {seed}", caption=f"caption of {seed}")
        return accept_picture(self.services, self.make_jpeg(seed), text, source="test").media_id

    def settle(self) -> None:
        while embed_batch(self.services, self.space):
            pass
        Assigner(self.services, self.space).assign_waiting()

    def standing(self, name: str = "narrow") -> SpaceStanding:
        with self.services.database.transaction() as session:
            return next(one for one in list_standing(session) if one.name == name)

    def vectors(self, space: Space) -> dict[uuid.UUID, tuple[np.ndarray, ...]]:
        with self.services.database.transaction() as session:
            rows = fetch_arrays(
                session,
                "SELECT media_id, image_embedding, text_embedding, caption_embedding FROM embedding WHERE space_id = :id",
                {"id": space.id},
            )
        return {row[0]: row[1:] for row in rows}

    def execute(self, statement: str) -> None:
        with self.services.database.transaction() as session:
            session.execute(sa.text(statement))


@pytest.fixture
def shelf(services: Services, narrow_image_model: str, make_jpeg: Callable[..., bytes]) -> Shelf:
    space = open_active_space(services)
    names = choose_names(services, None, narrow_image_model, None, None)
    return Shelf(services, space, make_space(services, names, name="narrow", actor="ada"), make_jpeg)


def test_make_space__recorded_with_its_own_dimensions(shelf: Shelf) -> None:
    assert (shelf.space.image_dimension, shelf.narrow.image_dimension, shelf.narrow.text_dimension) == (128, 96, 384)
    assert (shelf.narrow.state, shelf.narrow.preset) == ("building", None)
    with pytest.raises(Conflict, match="'narrow' already"):
        make_space(
            shelf.services, replace(shelf.services.encoders.names, text_model="other"), name="narrow", actor="ada"
        )
    with pytest.raises(Conflict, match="already has these encoders"):
        make_space(shelf.services, shelf.services.encoders.names, name="again", actor="ada")
    with pytest.raises(InputError):
        make_space(shelf.services, shelf.services.encoders.names, name=" ", actor="ada")


def test_drop__takes_vectors_and_frees_the_name(shelf: Shelf) -> None:
    shelf.upload(1)
    shelf.settle()
    fill(shelf.services, "narrow", actor="ada")
    assert fill_batch(shelf.services) == 1
    with pytest.raises(Conflict, match="active"):
        drop(shelf.services, "demo", actor="ada")

    drop(shelf.services, "narrow", actor="ada")

    with shelf.services.database.transaction() as session:
        with pytest.raises(NotFound):
            get_space(session, "narrow")
        tables = session.execute(sa.text("SELECT relname FROM pg_class WHERE relname LIKE 'embedding\\_%'")).scalars()
        assert all(not name.startswith(f"embedding_{shelf.narrow.id}") for name in tables)
    assert shelf.standing("demo").counts.embedded == 1
    names = EncoderNames(shelf.narrow.image_model, None, shelf.narrow.text_model)
    assert make_space(shelf.services, names, name="narrow", actor="ada").id != shelf.narrow.id


def test_fill__the_library_and_what_comes_in_meanwhile(shelf: Shelf) -> None:
    for seed in range(5):
        shelf.upload(seed)
    shelf.settle()

    assert fill(shelf.services, "narrow", actor="ada") == 5
    shelf.upload(5)
    shelf.settle()
    assert shelf.standing().counts.waiting == 6
    assert fill(shelf.services, "narrow", actor="ada") == 0  # all of them are queued already
    while fill_batch(shelf.services):
        pass

    here, there = shelf.vectors(shelf.space), shelf.vectors(shelf.narrow)
    assert here.keys() == there.keys()
    encoders = load_encoders(
        shelf.services.settings, EncoderNames(shelf.narrow.image_model, None, shelf.narrow.text_model)
    )
    for media_id, (image, text, caption) in there.items():
        assert (image.shape, text.shape, caption.shape) == ((96,), (384,), (96,))
        assert np.allclose(text, here[media_id][1], atol=1e-5)
    words = encoders.image.embed_words(["caption of 3"])[0]
    assert max(float(words @ caption) for _, _, caption in there.values()) == pytest.approx(1, abs=1e-4)
    assert (shelf.standing().missing, shelf.standing().counts.waiting, shelf.standing().counts.failed) == (0, 0, 0)


def test_fill__a_lost_original_is_noted_and_stops_nothing(shelf: Shelf) -> None:
    ids = [shelf.upload(seed) for seed in range(3)]
    shelf.settle()
    with shelf.services.database.transaction() as session:
        key = session.execute(sa.text("SELECT original_key FROM media WHERE id = :id"), {"id": ids[1]}).scalar_one()
    data = shelf.services.storage.read(key)
    shelf.services.storage.delete(key)
    fill(shelf.services, "narrow", actor="ada")

    while fill_batch(shelf.services):
        pass

    (failed,) = list_failed(shelf.services, "narrow", 10)
    assert (failed.media_id, failed.error_code, failed.title) == (ids[1], "original_missing", "picture 1")
    assert (shelf.standing().counts.embedded, shelf.standing().counts.failed) == (2, 1)
    assert shelf.standing("demo").counts.embedded == 3  # it is still what it was where the library is served from
    shelf.services.storage.write(key, data)
    assert fill(shelf.services, "narrow", actor="ada", retry_failed=True) == 1
    assert fill_batch(shelf.services) == 1
    assert shelf.standing().missing == 0


def test_fill__a_worker_that_dies_costs_nothing(shelf: Shelf) -> None:
    for seed in range(3):
        shelf.upload(seed)
    shelf.settle()
    fill(shelf.services, "narrow", actor="ada")
    dead = Lease(uuid.uuid4(), 60)
    with shelf.services.database.transaction() as session:
        assert len(claim_items(session, shelf.narrow.id, dead, limit=2, max_attempts=3)) == 2

    assert fill_batch(shelf.services) == 1  # the third; the others are somebody else's
    assert fill_batch(shelf.services) == 0
    shelf.execute("UPDATE space_fill_item SET lease_until = now() - interval '1 second'")
    assert [fill_batch(shelf.services) for _ in range(3)] == [1, 1, 0]  # alone, since they were tried before
    with shelf.services.database.transaction() as session:
        renew(session, SpaceFillItem, dead)  # finds nothing of its own any more
    assert shelf.standing().missing == 0

    # One that takes every worker with it is given up by the sweep.
    shelf.upload(9)
    shelf.settle()
    shelf.execute("UPDATE space_fill_item SET attempts = 3")
    sweep(shelf.services)
    assert [one.error_code for one in list_failed(shelf.services, "narrow", 10)] == ["quarantined"]


def test_fill__pause_rate_and_the_sweep(shelf: Shelf) -> None:
    for seed in range(4):
        shelf.upload(seed)
    shelf.settle()
    fill(shelf.services, "narrow", actor="ada")
    pause_fill(shelf.services, "narrow", actor="ada")
    assert (fill_batch(shelf.services), shelf.standing().paused) == (0, True)

    slow = replace(shelf.services, settings=shelf.services.settings.model_copy(update={"embed_batch_size": 2}))
    fill(slow, "narrow", actor="ada", rate_per_minute=0.5)
    assert [fill_batch(slow) for _ in range(2)] == [2, 0]  # the next two in four minutes
    shelf.execute("UPDATE space_fill SET next_claim_at = now()")
    assert [fill_batch(slow) for _ in range(2)] == [2, 0]

    # What slipped by, as where a space was begun while an upload was being recorded.
    shelf.execute("DELETE FROM space_fill_item")
    shelf.execute("UPDATE space_fill SET rate_per_minute = NULL, next_claim_at = now()")
    shelf.execute(f"DELETE FROM embedding WHERE space_id = {shelf.narrow.id}")
    sweep(shelf.services)
    assert shelf.standing().counts.waiting == 4
    with pytest.raises(Conflict, match="not being filled"):
        pause_fill(shelf.services, "demo", actor="ada")


def test_rewrite__words_follow_in_every_space_and_pictures_stay(shelf: Shelf) -> None:
    media_id = shelf.upload(1)
    shelf.settle()
    fill(shelf.services, "narrow", actor="ada")
    fill_batch(shelf.services)
    before = shelf.vectors(shelf.narrow)[media_id]

    rewrite_text(
        shelf.services, media_id, TextChanges(title="a lighthouse", caption="a lighthouse at night"), actor="ada"
    )
    assert shelf.standing().counts.waiting == 1
    assert fill_batch(shelf.services) == 1

    after = shelf.vectors(shelf.narrow)[media_id]
    assert np.array_equal(before[0], after[0])
    assert not np.allclose(before[1], after[1])
    assert not np.allclose(before[2], after[2])
    assert np.allclose(after[1], shelf.vectors(shelf.space)[media_id][1], atol=1e-5)


def test_rewrite__words_need_no_picture(shelf: Shelf) -> None:
    media_id = shelf.upload(1)
    shelf.settle()
    fill(shelf.services, "narrow", actor="ada")
    fill_batch(shelf.services)
    before = shelf.vectors(shelf.narrow)[media_id]
    with shelf.services.database.transaction() as session:
        key = session.execute(sa.text("SELECT original_key FROM media")).scalar_one()
    shelf.services.storage.delete(key)

    rewrite_text(shelf.services, media_id, TextChanges(title="a lighthouse"), actor="ada")
    fill_batch(shelf.services)

    after = shelf.vectors(shelf.narrow)[media_id]
    assert (shelf.standing().counts.waiting, shelf.standing().counts.failed) == (0, 0)
    assert np.array_equal(before[0], after[0])
    assert np.allclose(after[1], shelf.vectors(shelf.space)[media_id][1], atol=1e-5)
    assert not np.allclose(before[1], after[1])


def test_rewrite__of_a_media_that_has_failed_its_words_follow_where_it_has_vectors(shelf: Shelf) -> None:
    media_id = shelf.upload(1)
    shelf.settle()
    fill(shelf.services, "demo", actor="ada")
    shelf.execute("UPDATE media SET status = 'failed', error_code = 'not_in_space'")

    rewrite_text(shelf.services, media_id, TextChanges(title="a lighthouse", caption=""), actor="ada")
    assert fill_batch(shelf.services) == 1

    expected = shelf.services.encoders.text.embed_texts(["a lighthouse."])[0]
    assert np.allclose(shelf.vectors(shelf.space)[media_id][1], expected, atol=1e-5)


def test_rewrite__right_after_a_change_of_model(shelf: Shelf) -> None:
    """What is embedded and in no group yet may have no vectors in the space that has just become the active one."""
    media_id = shelf.upload(1)
    embed_batch(shelf.services, shelf.space)
    fill(shelf.services, "narrow", actor="ada")
    shelf.execute("UPDATE space SET state = 'retired' WHERE name = 'demo'")
    shelf.execute("UPDATE space SET state = 'active' WHERE name = 'narrow'")

    with TestClient(create_app(shelf.services)) as client:
        answer = client.patch(f"/media/{media_id}", json={"title": "a lighthouse", "caption": ""})

    assert (answer.status_code, answer.json()["title"]) == (200, "a lighthouse")
    while fill_batch(shelf.services):
        pass
    expected = shelf.services.encoders.text.embed_texts(["a lighthouse."])[0]
    assert np.allclose(shelf.vectors(shelf.narrow)[media_id][1], expected, atol=1e-5)


@pytest.mark.parametrize("way", ["lost", "dead"])
def test_fill__what_fails_in_the_active_space_fails_in_one_way(shelf: Shelf, way: str) -> None:
    """Embedded into a space that is no longer the active one, and not available in the one that is."""
    bad, good = shelf.upload(1), shelf.upload(2)
    embed_batch(shelf.services, shelf.space)
    fill(shelf.services, "narrow", actor="ada")
    shelf.execute("UPDATE space SET state = 'retired' WHERE name = 'demo'")
    shelf.execute("UPDATE space SET state = 'active' WHERE name = 'narrow'")
    shelf.execute(
        "INSERT INTO webhook (id, url, secret, events) VALUES (gen_random_uuid(), 'https://hooks.example/', 'x', ARRAY['media.failed'])"
    )

    if way == "lost":
        with shelf.services.database.transaction() as session:
            key = session.execute(sa.text("SELECT original_key FROM media WHERE id = :id"), {"id": bad}).scalar_one()
        shelf.services.storage.delete(key)
    else:
        shelf.execute(f"UPDATE space_fill_item SET attempts = 3 WHERE media_id = '{bad}'")
        sweep(shelf.services)
    while fill_batch(shelf.services):
        pass

    with shelf.services.database.transaction() as session:
        failed = session.execute(sa.text("SELECT id, error_code FROM media WHERE status = 'failed'"))
        rows = {row.id: row.error_code for row in failed}
        told = session.execute(sa.text("SELECT body->>'media_id' FROM webhook_delivery")).scalars().all()
    assert rows == {bad: "original_missing" if way == "lost" else "quarantined"}
    assert told == [str(bad)]
    assert good in shelf.vectors(shelf.narrow)


def test_fail_item__of_another_worker_fails_nothing(shelf: Shelf) -> None:
    media_id = shelf.upload(1)
    embed_batch(shelf.services, shelf.space)
    fill(shelf.services, "narrow", actor="ada")
    shelf.execute("UPDATE space SET state = 'retired' WHERE name = 'demo'")
    shelf.execute("UPDATE space SET state = 'active' WHERE name = 'narrow'")

    with shelf.services.database.transaction() as session:
        fail_item(session, shelf.narrow.id, media_id, Lease(uuid.uuid4(), 60), "original_missing", "lost")

    with shelf.services.database.transaction() as session:
        assert session.execute(sa.text("SELECT status FROM media")).scalar_one() == "embedded"


def test_fill__without_the_model_nothing_is_claimed(shelf: Shelf, make_services: Callable[..., Services]) -> None:
    shelf.upload(1)
    shelf.settle()
    fill(shelf.services, "narrow", actor="ada")
    shelf.execute(f"UPDATE space SET image_model = 'local-dir:/nowhere' WHERE id = {shelf.narrow.id}")
    other = make_services()

    with pytest.raises(EncoderUnavailable, match="/nowhere"):
        fill_batch(other)
    assert "There is no image model in /nowhere. MEDIACLUSTER_IMAGE_MODEL" in (shelf.standing().problem or "")
    found = check_spaces(shelf.services)
    assert (found.ok, "Workers cannot fill space 'narrow': There is no image model" in found.detail) == (False, True)
    assert "space fill narrow" in (found.hint or "")

    shelf.execute(f"UPDATE space SET image_model = '{shelf.space.image_model}' WHERE id = {shelf.narrow.id}")
    with pytest.raises(SpaceMismatch, match="image encoder on this machine"):
        fill_batch(other)
    assert shelf.standing().counts.waiting == 1
    with shelf.services.database.transaction() as session:
        assert session.execute(sa.text("SELECT max(attempts) FROM space_fill_item")).scalar_one() == 0

    # As soon as a worker can, nothing is wrong any more.
    shelf.execute(f"UPDATE space SET image_model = '{shelf.narrow.image_model}' WHERE id = {shelf.narrow.id}")
    assert shelf.standing().problem is not None
    assert fill_batch(make_services()) == 1
    assert (shelf.standing().problem, check_spaces(shelf.services).ok) == (None, True)


def test_fill__a_space_without_its_model_keeps_no_other_waiting(
    shelf: Shelf, make_services: Callable[..., Services], tmp_path_factory: pytest.TempPathFactory
) -> None:
    another = choose_names(
        shelf.services, None, write_narrow_model(tmp_path_factory.mktemp("another"), seed=8), None, None
    )
    make_space(shelf.services, another, name="another", actor="ada")
    shelf.upload(1)
    shelf.settle()
    for name in ("narrow", "another"):
        fill(shelf.services, name, actor="ada")
    shelf.execute(f"UPDATE space SET image_model = 'local-dir:/nowhere' WHERE id = {shelf.narrow.id}")
    worker = make_services()

    with pytest.raises(EncoderUnavailable):
        fill_batch(worker)
    assert fill_batch(worker) == 1
    assert (shelf.standing("another").missing, shelf.standing("narrow").missing) == (0, 1)

    # A new request resets the problem of the last attempt.
    fill(shelf.services, "narrow", actor="ada")
    assert shelf.standing("narrow").problem is None


def test_fill__waiting_for_a_space_that_cannot_be_filled_ends(
    shelf: Shelf, make_services: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.upload(1)
    shelf.settle()
    shelf.execute(f"UPDATE space SET image_model = 'local-dir:/nowhere' WHERE id = {shelf.narrow.id}")
    worker = make_services()

    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.2):
            with suppress(EncoderUnavailable):
                fill_batch(worker)

    monkeypatch.setattr(commands, "_STUCK_SECONDS", 1.0)
    monkeypatch.setattr(commands, "open_services", lambda: nullcontext(shelf.services))
    thread = threading.Thread(target=work)
    thread.start()
    try:
        done = CliRunner().invoke(app, ["space", "fill", "narrow", "--wait"])
        listed = CliRunner().invoke(app, ["space", "list"])
    finally:
        ended.set()
        thread.join()
    assert done.exit_code == 1
    assert "workers cannot fill space 'narrow': There is no image model in /nowhere." in done.stdout
    assert "workers cannot fill space 'narrow': There is no image model in /nowhere." in listed.stdout


def test_encoders_of__a_configuration_of_no_space_is_refused(
    shelf: Shelf, make_services: Callable[..., Services]
) -> None:
    names = EncoderNames(shelf.narrow.image_model, None, shelf.narrow.text_model)
    configured = make_services(preset=None, image_model=names.image_model, text_model=names.text_model)
    # Those of a space that is being built: the library goes on with those of the active one.
    assert configured.encoders_of(shelf.space).image_fingerprint == shelf.space.image_fingerprint
    drop(shelf.services, "narrow", actor="ada")
    strange = replace(configured, lazy_encoders=Lazy(lambda: load_encoders(configured.settings, names)))
    with pytest.raises(SpaceMismatch, match="configured image encoder") as caught:
        strange.encoders_of(shelf.space)
    assert "space create" in (caught.value.hint or "")
