"""The effort of `search_media` is learned from the library, used in one pass, and learned again as the library grows."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.features.evaluation import audit_recall, learn_efforts
from backend.store.engine import Database
from backend.store.evaluation import is_audit_due, lock_efforts
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.search import search_media
from backend.store.spaces import NewSpace, activate_space, create_space

IMAGE, TEXT = 24, 16
COUNT = 2_400  # more than are measured all at once
ALPHAS = [step / 10 for step in range(11)]

Rows = NDArray[np.float32]


@dataclass
class Library:
    database: Database
    ids: list[uuid.UUID]
    images: Rows
    texts: Rows

    def best(self, image: Rows | None, text: Rows | None, alpha: float, k: int) -> list[float]:
        """The k best combined values, by brute force."""
        values = np.zeros(len(self.ids))
        if image is not None:
            values += alpha * (self.images.astype(np.float64) @ image)
        if text is not None:
            values += (1 - alpha) * np.nan_to_num(self.texts.astype(np.float64) @ text)
        return np.sort(values)[::-1][:k].tolist()


def unit(rows: NDArray[np.float64]) -> Rows:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def fill(database: Database, images: Rows, texts: Rows) -> list[uuid.UUID]:
    ids = [uuid.UUID(int=number + 1) for number in range(len(images))]
    with database.transaction() as session:
        space = create_space(session, NewSpace("s", None, "i", "", "t", "i", "t", images.shape[1], texts.shape[1], {}))
        session.execute(
            sa.text(
                "INSERT INTO media (id, source, source_uri, status) SELECT unnest(CAST(:ids AS uuid[])), 'url', 'x', 'fetching'"
            ),
            {"ids": ids},
        )
        sides = (
            (image, *(None if np.isnan(text[0]) else side for side in (text, image)))
            for image, text in zip(images, texts, strict=True)
        )
        rows = [NewEmbedding(media_id, *side) for media_id, side in zip(ids, sides, strict=True)]
        insert_embeddings(session, space.id, rows)
        activate_space(session, space)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))
    return ids


@pytest.fixture(scope="module")
def template_of_ours(make_database_url: Callable[[str | None], str], template: str) -> Iterator[Library]:
    generator = np.random.default_rng(5)
    images, texts = unit(generator.normal(size=(COUNT, IMAGE))), unit(generator.normal(size=(COUNT, TEXT)))
    texts[generator.random(COUNT) < 0.1] = np.nan
    database = Database(make_database_url(template))
    ids = fill(database, images, texts)
    database.dispose()  # a database is copied when nobody is connected
    yield Library(database, ids, images, texts)
    database.dispose()


@pytest.fixture
def library(template_of_ours: Library, copy_database: Callable[[str], str]) -> Iterator[Library]:
    shared = template_of_ours
    own = Database(copy_database(str(shared.database.engine.url.database)))
    yield Library(own, shared.ids, shared.images, shared.texts)
    own.dispose()


def passes(session: Session, search: Callable[[], object]) -> int:
    """How often the index of both sides was read meanwhile."""
    session.execute(sa.text("SET LOCAL enable_seqscan = off"))
    count = "SELECT pg_stat_get_xact_numscans('embedding_1_fused_hnsw'::regclass)"
    before = session.execute(sa.text(count)).scalar_one()
    search()
    return int(session.execute(sa.text(count)).scalar_one() - before)


def effort(session: Session, sides: str = "both", k: int = 10, alpha: float = 0.6) -> int | None:
    asked = {"sides": sides, "k": k, "alpha": alpha}
    found: int | None = session.execute(sa.text("SELECT learned_effort(:sides, :k, :alpha)"), asked).scalar_one()
    return found


def test_learned__one_pass_finds_the_best(library: Library) -> None:
    image, text = library.images[7], next(row for row in library.texts if not np.isnan(row[0]))
    with library.database.transaction() as session:
        assert passes(session, lambda: search_media(session, image, text, 10, 0.6)) >= 2
    learned = learn_efforts(library.database)
    assert {(one.sides, one.alpha, one.k) for one in learned} == {
        (sides, alpha, k)
        for k in (11, 101)
        for sides, alpha in [("image", 1.0), ("text", 0.0), *(("both", alpha) for alpha in ALPHAS)]
    }
    assert all(one.effort >= 60 and one.recall >= 0.995 for one in learned)
    found = []
    for alpha in [*ALPHAS, 0.55]:
        for k in (3, 10, 100):
            for looks, words in ((image, text), (image, None), (None, text)):
                with library.database.transaction() as session:
                    hits = search_media(session, looks, words, k, alpha)
                best = library.best(looks, words, alpha, k)
                found.append(sum(hit.combined >= best[-1] - 1e-6 for hit in hits) / k)
    assert np.mean(found) >= 0.99
    with library.database.transaction() as session:
        assert passes(session, lambda: search_media(session, image, text, 10, 0.6)) == 1
        # Nobody has learned what so many rows need.
        assert passes(session, lambda: search_media(session, image, text, 102, 0.6)) >= 2


def test_learned__the_greater_of_both_alphas(library: Library) -> None:
    learn_efforts(library.database, sample=3)
    with library.database.transaction() as session:
        session.execute(sa.text("UPDATE search_effort SET effort = 100 + 10 * alpha"))
        assert [effort(session, alpha=alpha) for alpha in (0.0, 0.3, 0.31, 0.39, 0.4, 0.7, 1.0)] == [
            *(100, 103, 104, 104, 104, 107, 110)
        ]
        assert effort(session, "image", alpha=0.0) == 110
        assert effort(session, "text", alpha=1.0) == 100
        session.execute(sa.text("UPDATE search_effort SET effort = 0 WHERE alpha BETWEEN 0.25 AND 0.35"))
        assert [effort(session, alpha=alpha) for alpha in (0.2, 0.25, 0.3, 0.4)] == [102, 0, 0, 104]
        assert [effort(session, k=k) for k in (1, 11, 101, 102)] == [106, 106, 106, None]


def test_learned__until_the_library_has_doubled(library: Library) -> None:
    learn_efforts(library.database, sample=3)
    with library.database.transaction() as session:
        assert effort(session) is not None
        assert not is_audit_due(session, 2_000, 900)
        session.execute(sa.text("UPDATE search_effort SET media_count = :half"), {"half": COUNT // 2})
        assert effort(session) is not None
        assert is_audit_due(session, 2_000, 900)
        session.execute(sa.text("UPDATE search_effort SET media_count = :half - 1"), {"half": COUNT // 2})
        assert effort(session) is None


def test_audit__is_due_and_learns(library: Library) -> None:
    with library.database.transaction() as session:
        assert is_audit_due(session, 2_000, 900)
        assert not is_audit_due(session, COUNT, 900)
    assert audit_recall(library.database, sample=2, alphas=(0.5,)).sampled == 2
    with library.database.transaction() as session:
        assert effort(session) is not None
        # Even if it has grown since.
        session.execute(sa.text("DELETE FROM search_effort"))
        assert not is_audit_due(session, 2_000, 900)
        assert is_audit_due(session, 2_000, 0)


def test_learned__while_another_process_learns(library: Library) -> None:
    with library.database.transaction() as session:
        assert lock_efforts(session)
        assert learn_efforts(library.database) == []
    assert learn_efforts(library.database, sample=3) != []


def test_learned__where_no_effort_serves_all_is_read_at_once(library: Library) -> None:
    learn_efforts(library.database, sample=3)
    image, text = library.images[7], next(row for row in library.texts if not np.isnan(row[0]))
    with library.database.transaction() as session:
        session.execute(sa.text("UPDATE search_effort SET effort = 0"))
        hits: list[float] = []

        def search() -> None:
            hits.extend(hit.combined for hit in search_media(session, image, text, 10, 0.6))

        assert passes(session, search) == 0
    np.testing.assert_allclose(hits, library.best(image, text, 0.6, 10), atol=1e-6)


def test_learned__nothing_of_an_empty_library(database: Database) -> None:
    assert learn_efforts(database) == []
