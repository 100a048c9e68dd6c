"""Labels and representatives in a real library: made where members change, kept where a curator has chosen."""

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray

from backend.demo.gallery import render_picture
from backend.features.integrity import audit
from backend.features.naming import refresh_labels
from backend.features.services import Services
from backend.features.steps import Assigner, open_active_space
from backend.store.engine import Database
from backend.store.groups import mark_unlabelled, try_lock_labeller
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.schema import Cluster, Space

# Kinds of scene and what a label may call them.
NAMES = {
    "aurora": {"aurora", "northern"},
    "beach-umbrella": {"beach", "parasol", "umbrella"},
    "bicycle": {"bicycle"},
    "camp-fire": {"campfire"},
    "castle": {"castle", "fortress"},
    "chessboard": {"chess", "chessboard"},
    "city-skyline": {"city", "skyline"},
    "coffee-cup": {"coffee", "cappuccino"},
    "coral-reef": {"coral", "reef"},
    "desert-dunes": {"desert", "dunes"},
    "fruit-bowl": {"fruit"},
    "harbour-houses": {"harbour", "painted"},
    "hot-air-balloons": {"hot-air", "balloon"},
    "lighthouse": {"lighthouse", "beacon"},
    "mountain-lake": {"lake"},
    "sailing-boat": {"sailing", "yacht"},
    "snowy-forest": {"snowy", "forest", "snow"},
    "stone-bridge": {"bridge"},
    "sunflower-field": {"sunflower"},
    "train": {"train"},
    "tulip-garden": {"tulip"},
    "vineyard": {"vineyard"},
    "waterfall": {"waterfall"},
    "windmill": {"windmill"},
}


@pytest.fixture
def space(services: Services) -> Space:
    return open_active_space(services)


@pytest.fixture
def group(services: Services, space: Space, insert_media: Callable[..., list[uuid.UUID]]) -> Callable[..., int]:
    """Make a cluster of media with these keywords each, about an axis of the space; returns its id."""
    axes = iter(range(1000))
    generator = np.random.default_rng(0)

    def make(*keywords: Sequence[str], title: str = "") -> int:
        axis = next(axes)
        ids = insert_media(services.database, len(keywords), "embedded", first=axis * 100)
        vectors = 0.05 * generator.normal(size=(len(ids), space.image_dimension))
        vectors[:, axis] += 4.0
        add(services, space, ids, vectors, keywords, title)
        return cluster_of(services.database, ids[0])

    return make


def add(
    services: Services,
    space: Space,
    ids: list[uuid.UUID],
    vectors: NDArray[Any],
    keywords: Sequence[Sequence[str]],
    title: str = "",
) -> None:
    units = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    with services.database.transaction() as session:
        insert_embeddings(
            session, space.id, [NewEmbedding(one, unit, None, None) for one, unit in zip(ids, units, strict=True)]
        )
        for media_id, words in zip(ids, keywords, strict=True):
            session.execute(
                sa.text("UPDATE media SET keywords = :words, title = :title WHERE id = :id"),
                {"words": list(words), "title": title, "id": media_id},
            )
    Assigner(services, space).assign_waiting()


def cluster_of(database: Database, media_id: uuid.UUID) -> int:
    with database.transaction() as session:
        query = sa.text("SELECT cluster_id FROM membership WHERE media_id = :id")
        return session.execute(query, {"id": media_id}).scalar_one()


def label_of(database: Database, cluster_id: int) -> str:
    with database.transaction() as session:
        return session.get_one(Cluster, cluster_id).label


def test_refresh_labels__what_sets_the_clusters_apart(services: Services, group: Callable[..., int]) -> None:
    lighthouse = group(["sea", "lighthouse"], ["sea", "lighthouse"])
    pier = group(["sea", "pier"], ["sea", "pier"])
    report = refresh_labels(services)
    assert (report.clusters, report.labels, report.left, report.unnamed) == (2, 2, 0, 0)
    assert label_of(services.database, lighthouse) == "lighthouse, sea"
    assert label_of(services.database, pier) == "pier, sea"
    assert not services.lazy_encoders.made or not services.encoders.loaded
    assert audit(services.database).is_clean


def test_refresh_labels__nothing_changed(services: Services, group: Callable[..., int]) -> None:
    group(["sea"], ["sea"])
    assert refresh_labels(services).clusters == 1
    assert refresh_labels(services).clusters == 0
    assert refresh_labels(services, everything=True).clusters == 1


def test_refresh_labels__only_where_members_changed(
    services: Services, space: Space, group: Callable[..., int], insert_media: Callable[..., list[uuid.UUID]]
) -> None:
    clusters = [group(*[[word]] * 6) for word in ("sea", "castle", "desert")]
    refresh_labels(services)
    vectors = np.zeros((1, space.image_dimension))
    vectors[0, 1] = 1.0
    add(services, space, insert_media(services.database, 1, "embedded", first=999), vectors, [["ruin"]])
    report = refresh_labels(services)
    assert report.clusters == 1
    assert [label_of(services.database, one) for one in clusters] == ["sea", "castle", "desert"]


def test_refresh_labels__all_when_the_library_has_grown_a_lot(services: Services, group: Callable[..., int]) -> None:
    first = group(["sea", "boat"], ["sea", "boat"])
    refresh_labels(services)
    for _ in range(3):
        group(["boat", "x-ray"], ["boat", "x-ray"])
    assert refresh_labels(services).clusters == 4
    assert label_of(services.database, first).startswith("sea")


def test_refresh_labels__other_words(services: Services, group: Callable[..., int]) -> None:
    cluster = group(["sea"], ["sea"])
    other = group(["castle"])
    refresh_labels(services)
    with services.database.transaction() as session:
        query = sa.text("UPDATE media SET keywords = '{harbour}' WHERE keywords = '{sea}' RETURNING id")
        for media_id in session.execute(query).scalars().all():
            mark_unlabelled(session, media_id)
    assert refresh_labels(services).clusters == 1
    assert label_of(services.database, cluster) == "harbour"
    assert label_of(services.database, other) == "castle"


def test_refresh_labels__a_curators_choices_stay(services: Services, group: Callable[..., int]) -> None:
    named, shown = group(["sea"], ["sea"]), group(["castle"], ["castle"])
    with services.database.transaction() as session:
        first, last = session.execute(
            sa.text(
                "SELECT min(media_id::text)::uuid, max(media_id::text)::uuid FROM membership WHERE cluster_id = :id"
            ),
            {"id": shown},
        ).one()
        session.execute(
            sa.text("UPDATE cluster SET label = 'Ours', label_origin = 'curator' WHERE id = :id"), {"id": named}
        )
    for chosen in (first, last):
        with services.database.transaction() as session:
            session.execute(
                sa.text(
                    "UPDATE cluster SET representative_media_id = :media, representative_origin = 'curator' WHERE id = :id"
                ),
                {"media": chosen, "id": shown},
            )
        refresh_labels(services, everything=True)
        with services.database.transaction() as session:
            assert session.get_one(Cluster, shown).representative_media_id == chosen
            assert session.get_one(Cluster, shown).label == "castle"
            assert session.get_one(Cluster, named).label == "Ours"


def test_refresh_labels__the_representative_is_nearest_the_centroid(
    services: Services, group: Callable[..., int]
) -> None:
    cluster = group(*[["sea"]] * 9)
    refresh_labels(services)
    with services.database.transaction() as session:
        nearest = session.execute(
            sa.text(
                "SELECT m.media_id FROM membership m JOIN media_embedding e USING (media_id) JOIN centroid c "
                "USING (cluster_id) ORDER BY (e.image_embedding <=> c.centroid) + 0 LIMIT 1"
            )
        ).scalar_one()
        assert session.get_one(Cluster, cluster).representative_media_id == nearest


def test_refresh_labels__a_single_with_a_title(services: Services, group: Callable[..., int]) -> None:
    cluster = group([], title="Last Light of the Coast")
    refresh_labels(services)
    assert label_of(services.database, cluster) == "Last Light of the Coast"


def test_refresh_labels__one_at_a_time(services: Services, group: Callable[..., int]) -> None:
    group(["sea"], ["sea"])
    with services.database.transaction() as session:
        assert try_lock_labeller(session)
        report = refresh_labels(services)
    assert report.clusters == 0
    assert "Another process" in (report.note or "")
    assert refresh_labels(services).clusters == 1


_WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
 WHERE NOT granted AND locktype = 'advisory' AND datname = current_database()
"""


def test_refresh_labels__waiting_for_who_is_at_work(services: Services, group: Callable[..., int]) -> None:
    cluster = group(["sea"], ["sea"])
    waiting = threading.Thread(target=refresh_labels, args=(services,), kwargs={"wait": True})
    with services.database.transaction() as session:
        assert try_lock_labeller(session)
        waiting.start()
        while not session.execute(sa.text(_WAITING)).scalar_one():
            assert waiting.is_alive()
    waiting.join()
    assert label_of(services.database, cluster) == "sea"


def test_refresh_labels__a_cluster_in_other_hands_is_passed_by(services: Services, group: Callable[..., int]) -> None:
    held, free = group(["sea"], ["sea"]), group(["castle"], ["castle"])
    with services.database.transaction() as session:
        session.execute(sa.text("SELECT FROM cluster WHERE id = :id FOR UPDATE"), {"id": held})
        report = refresh_labels(services)
    assert (report.labels, report.left) == (1, 1)
    assert label_of(services.database, free) == "castle"
    assert refresh_labels(services).labels == 1
    assert label_of(services.database, held) == "sea"


def test_refresh_labels__out_of_time(services: Services, group: Callable[..., int]) -> None:
    group(["sea"], ["sea"])
    assert refresh_labels(services, budget_seconds=0.0).left == 1
    assert refresh_labels(services, budget_seconds=60.0).labels == 1


def test_refresh_labels__before_there_is_a_space(services: Services) -> None:
    assert refresh_labels(services).note == "There is no active space yet."


def test_refresh_labels__beside_the_assigner(
    services: Services,
    space: Space,
    insert_media: Callable[..., list[uuid.UUID]],
    make_mixture: Callable[..., NDArray[np.float32]],
) -> None:
    ids = insert_media(services.database, 300, "embedded")
    vectors = make_mixture(2, 300, dimension=space.image_dimension, centres=12)
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE media SET keywords = '{sea}'"))
        new = [NewEmbedding(one, row, None, None) for one, row in zip(ids, vectors, strict=True)]
        insert_embeddings(session, space.id, new)
    assigning = threading.Thread(target=Assigner(services, space).assign_waiting)
    assigning.start()
    while assigning.is_alive():
        refresh_labels(services, everything=True)
    assigning.join()
    refresh_labels(services)
    assert audit(services.database, replay=True).is_clean
    with services.database.transaction() as session:
        labels = set(session.execute(sa.text("SELECT label FROM cluster")).scalars())
    assert labels == {"sea"}


def test_refresh_labels__pictures_without_words_are_named_by_sight(
    services: Services, space: Space, insert_media: Callable[..., list[uuid.UUID]]
) -> None:
    pictures = [(kind, render_picture(kind, seed).image) for kind in NAMES for seed in (901, 902)]
    ids = insert_media(services.database, len(pictures), "embedded")
    vectors = services.encoders.image.embed_pictures([image for _, image in pictures])
    add(services, space, ids, vectors, [[] for _ in ids])
    report = refresh_labels(services)
    assert report.unnamed == 0
    right = {
        kind
        for (kind, _), media_id in zip(pictures, ids, strict=True)
        if NAMES[kind]
        & set(label_of(services.database, cluster_of(services.database, media_id)).replace(",", "").split())
    }
    assert len(right) >= 21, sorted(NAMES.keys() - right)


def test_refresh_labels__the_vocabulary_is_embedded_once(
    make_services: Callable[..., Services], services: Services, group: Callable[..., int]
) -> None:
    cluster = group([], [])
    refresh_labels(services)
    label = label_of(services.database, cluster)
    assert label
    (cached,) = (services.settings.home_path / "cache").glob("vocabulary-*.npy")
    again = make_services()
    refresh_labels(again, everything=True)
    assert label_of(services.database, cluster) == label
    assert not again.encoders.loaded
    cached.write_bytes(b"cut short")
    refresh_labels(make_services(), everything=True)
    assert label_of(services.database, cluster) == label


def test_refresh_labels__without_text_and_without_encoder(
    make_services: Callable[..., Services],
    services: Services,
    group: Callable[..., int],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    silent, speaking = group([], []), group(["sea"], ["sea"])
    elsewhere = make_services(home=tmp_path / "other", image_model="local-dir:/nowhere")
    with caplog.at_level(logging.WARNING, logger="backend.features.naming.labels"):
        report = refresh_labels(elsewhere)
    assert (report.unnamed, report.labels) == (1, 1)
    assert "1 groups without text stay as they are" in caplog.text
    assert label_of(services.database, silent) == ""
    assert label_of(services.database, speaking) == "sea"
    refresh_labels(services, everything=True)
    assert label_of(services.database, silent)
