"""Pictures that an earlier version made of bare values are made again in their colors; all others stay as they are."""

import io
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from backend.cli.application import app
from backend.demo.gallery import render_gallery
from backend.errors import Conflict
from backend.features.editing import undo
from backend.features.intake import accept_picture
from backend.features.integrity import audit
from backend.features.model_change import choose_names, fill, make_space
from backend.features.refresh import refresh_pixels
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, fill_batch, open_active_space
from backend.files.decoding.perceptual_hash import perceptual_hash
from backend.files.decoding.thumbnails import make_thumbnails
from backend.files.decoding.work import fit_picture
from backend.files.storage import read_thumbnail, write_thumbnails
from backend.files.text import MediaText
from backend.settings import Settings
from backend.store.groups import bump_centroid_version, list_events, resum_centroids
from backend.store.media import get_media, replace_image
from backend.store.review import record_hashes
from backend.store.schema import Embedding, Membership
from tests.support.command_line import use_library
from tests.support.profiles import DISPLAY_P3, PROPHOTO, SRGB


@dataclass(frozen=True)
class State:
    """All that is made of a picture, and its place."""

    thumbnails: list[bytes]
    perceptual_hash: int | None
    image: list[float]
    text: list[float]
    cluster_id: int


def state_of(services: Services, space_id: int, media_id: uuid.UUID) -> State:
    with services.database.transaction() as session:
        media = get_media(session, media_id)
        embedding = session.get(Embedding, (space_id, media_id))
        membership = session.get(Membership, media_id)
        assert embedding is not None
        assert embedding.text_embedding is not None
        assert membership is not None
        assert media.sha256 is not None
        return State(
            [read_thumbnail(services.storage, media.sha256, size) for size in ("small", "large")],
            media.perceptual_hash,
            list(embedding.image_embedding),
            list(embedding.text_embedding),
            membership.cluster_id,
        )


def make_blind(services: Services, space_id: int, media_id: uuid.UUID, values: Image.Image) -> None:
    """Have a picture as an earlier version made it: of its bare values."""
    encoder = services.encoders.image
    image = encoder.embed_pictures([fit_picture(values, encoder.first_resize)])[0]
    with services.database.transaction() as session:
        media = get_media(session, media_id)
        assert media.sha256 is not None
        assert replace_image(session, space_id, media_id, np.asarray(image))
        record_hashes(session, {media_id: perceptual_hash(values)})
        membership = session.get(Membership, media_id)
        assert membership is not None
        resum_centroids(session, space_id, [membership.cluster_id])
        bump_centroid_version(session, space_id)
        write_thumbnails(services.storage, media.sha256, make_thumbnails(values))


@pytest.fixture
def library(services: Services) -> tuple[int, dict[str, uuid.UUID], dict[str, Image.Image]]:
    """Pictures in four spaces of colors, in their groups; and the bare values of each."""
    space = open_active_space(services)
    spaces = {"none": None, "srgb": SRGB, "p3": DISPLAY_P3, "prophoto": PROPHOTO}
    ids, values = {}, {}
    for (name, colors), picture in zip(spaces.items(), render_gallery(4, seed=3, size=256), strict=True):
        values[name] = picture.image if colors is None else colors.twin_of(picture.image)
        buffer = io.BytesIO()
        values[name].save(buffer, "PNG", **({} if colors is None else {"icc_profile": colors.profile()}))
        ids[name] = accept_picture(services, buffer.getvalue(), MediaText(title=name), source="t").media_id
    while embed_batch(services, space):
        pass
    Assigner(services, space).assign_waiting()
    return space.id, ids, values


def test_refresh_pixels__makes_again_what_was_made_of_bare_values(
    services: Services, library: tuple[int, dict[str, uuid.UUID], dict[str, Image.Image]]
) -> None:
    space_id, ids, values = library
    right = {name: state_of(services, space_id, media_id) for name, media_id in ids.items()}
    for name in ("p3", "prophoto"):
        make_blind(services, space_id, ids[name], values[name])
    blind = {name: state_of(services, space_id, media_id) for name, media_id in ids.items()}
    for name in ("p3", "prophoto"):
        assert blind[name].thumbnails != right[name].thumbnails
        assert np.dot(blind[name].image, right[name].image) < 0.9999

    preview = refresh_pixels(services, dry_run=True)

    assert (preview.pictures, preview.other_colors, preview.refreshed, preview.failed) == (4, 2, 2, 0)
    assert {name: state_of(services, space_id, media_id) for name, media_id in ids.items()} == blind

    report = refresh_pixels(services, actor="somebody")

    assert (report.pictures, report.other_colors, report.refreshed) == (4, 2, 2)
    assert set(report.refreshed_media_ids) == {ids["p3"], ids["prophoto"]}
    for name, media_id in ids.items():
        found = state_of(services, space_id, media_id)
        assert found.thumbnails == right[name].thumbnails
        assert (found.perceptual_hash, found.text, found.cluster_id) == (
            right[name].perceptual_hash, right[name].text, right[name].cluster_id,
        )  # fmt: skip
        assert np.dot(found.image, right[name].image) > 0.999999
    for name in ("none", "srgb"):
        assert state_of(services, space_id, ids[name]).image == right[name].image
    assert audit(services.database, replay=True).is_clean

    again = refresh_pixels(services)

    assert (again.other_colors, again.refreshed) == (2, 0)


def test_refresh_pixels__is_in_the_journal_and_cannot_be_undone(
    services: Services, library: tuple[int, dict[str, uuid.UUID], dict[str, Image.Image]]
) -> None:
    space_id, ids, values = library
    make_blind(services, space_id, ids["p3"], values["p3"])

    refresh_pixels(services, actor="somebody")

    with services.database.transaction() as session:
        (event,) = list_events(session, before_id=None, cluster_id=None, media_id=ids["p3"], limit=5)
    assert (event.kind, event.actor, event.undoable) == ("refresh", "somebody", False)
    assert event.summary == "Refreshed the pixels of 1 picture"
    with pytest.raises(Conflict, match="refresh cannot be undone"):
        undo(services, event.id, actor="somebody")


def test_refresh_pixels__a_run_that_ends_before_the_thumbnails_is_repeated(
    services: Services,
    library: tuple[int, dict[str, uuid.UUID], dict[str, Image.Image]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space_id, ids, values = library
    right = state_of(services, space_id, ids["p3"])
    make_blind(services, space_id, ids["p3"], values["p3"])

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("backend.features.refresh.pixels.write_thumbnails", end)
        refresh_pixels(services)
    assert refresh_pixels(services).refreshed == 1
    assert state_of(services, space_id, ids["p3"]).thumbnails == right.thumbnails
    assert audit(services.database).is_clean


def test_refresh_pixels__names_what_cannot_be_read_and_goes_on(
    services: Services, library: tuple[int, dict[str, uuid.UUID], dict[str, Image.Image]]
) -> None:
    space_id, ids, values = library
    make_blind(services, space_id, ids["p3"], values["p3"])
    with services.database.transaction() as session:
        key = get_media(session, ids["none"]).original_key
    assert key is not None
    services.storage.delete(key)

    report = refresh_pixels(services)

    assert (report.failed, report.failed_media_ids, report.refreshed) == (1, [ids["none"]], 1)


def test_refresh_pixels__other_spaces_that_are_kept_up_follow(
    services: Services,
    library: tuple[int, dict[str, uuid.UUID], dict[str, Image.Image]],
    narrow_image_model: str,
) -> None:
    space_id, ids, values = library
    narrow = make_space(services, choose_names(services, None, narrow_image_model, None, None), name="n", actor="ada")
    fill(services, "n", actor="ada")
    while fill_batch(services):
        pass
    make_blind(services, space_id, ids["p3"], values["p3"])
    with services.database.transaction() as session:
        before = list(session.get_one(Embedding, (narrow.id, ids["p3"])).image_embedding)
        assert replace_image(session, narrow.id, ids["p3"], np.eye(96, dtype=np.float32)[0])

    refresh_pixels(services)

    assert fill_batch(services) == 1
    with services.database.transaction() as session:
        assert list(session.get_one(Embedding, (narrow.id, ids["p3"])).image_embedding) == pytest.approx(
            before, abs=1e-5
        )


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The command line over the test's library; what it prints."""
    use_library(settings, monkeypatch)
    monkeypatch.setenv("MEDIACLUSTER_PRESET", "demo")

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return call


def test_refresh__on_the_command_line(
    services: Services,
    library: tuple[int, dict[str, uuid.UUID], dict[str, Image.Image]],
    run: Callable[..., str],
) -> None:
    space_id, ids, values = library
    make_blind(services, space_id, ids["p3"], values["p3"])

    preview = json.loads(run("refresh", "--what", "pixels", "--dry-run", "--json"))
    said = run("refresh", "--what", "pixels")

    assert (preview["dry_run"], preview["refreshed"], preview["refreshed_media_ids"]) == (True, 1, [str(ids["p3"])])
    assert "looked at 4 pictures, 2 with colors other than sRGB" in said
    assert "1 picture refreshed" in said
