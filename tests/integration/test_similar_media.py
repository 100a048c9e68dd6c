"""`similar_media` and `search_media` against brute force in numpy, at every alpha, with and without text."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray

from backend.db.embeddings import NewEmbedding, insert_embeddings, search_media, similar_media
from backend.db.engine import Database
from backend.db.spaces import NewSpace, activate_space, create_space

ALPHAS = [step / 10 for step in range(11)]
IMAGE, TEXT = 48, 32
COUNT = 600


@dataclass
class Library:
    """Vectors as they are stored; a row of NaN where a media has no text."""

    database: Database
    ids: list[uuid.UUID]
    images: NDArray[np.float32]
    texts: NDArray[np.float32]

    def brute_force(
        self, image: NDArray[np.float32] | None, text: NDArray[np.float32] | None, alpha: float
    ) -> list[tuple[uuid.UUID, float]]:
        """Every media by combined similarity; a missing side adds nothing."""
        missing = np.zeros(len(self.ids))
        sim_image = missing if image is None else self.images.astype(np.float64) @ image.astype(np.float64)
        sim_text = missing if text is None else np.nan_to_num(self.texts.astype(np.float64) @ text.astype(np.float64))
        combined = alpha * sim_image + (1 - alpha) * sim_text
        order = np.lexsort((-sim_image, -combined))
        return [(self.ids[row], float(combined[row])) for row in order]


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def make_library(make_database_url: Callable[[str | None], str], template: str) -> Iterator[Callable[..., Library]]:
    """Libraries that tests of this module only read; the same arguments give the same one."""
    made: list[Database] = []

    @cache
    def make(count: int = COUNT, image: int = IMAGE, text: int = TEXT, without_text: float = 0.1) -> Library:
        generator = np.random.default_rng(5)
        images, texts = unit(generator.normal(size=(count, image))), unit(generator.normal(size=(count, text)))
        # Some that look alike, so that there is something to find.
        images[1::3] = unit(images[::3][: len(images[1::3])] + 0.4 * generator.normal(size=images[1::3].shape) / 7)
        texts[generator.random(count) < without_text] = np.nan
        ids = [uuid.UUID(int=number + 1) for number in range(count)]
        database = Database(make_database_url(template))
        made.append(database)
        with database.transaction() as session:
            space = create_space(session, NewSpace("s", None, "i", "", "t", "i", "t", image, text, {}))
            session.execute(
                sa.text(
                    "INSERT INTO media (id, source, source_uri, status) "
                    "SELECT unnest(CAST(:ids AS uuid[])), 'url', 'x', 'fetching'"
                ),
                {"ids": ids},
            )
            insert_embeddings(
                session,
                space.id,
                [
                    NewEmbedding(media_id, image_row, None if np.isnan(text_row[0]) else text_row, None)
                    for media_id, image_row, text_row in zip(ids, images, texts, strict=True)
                ],
            )
            activate_space(session, space)
        return Library(database, ids, images, texts)

    yield make
    for database in made:
        database.dispose()


def assert_same_hits(
    found: list[tuple[uuid.UUID, float]], expected: list[tuple[uuid.UUID, float]], tolerance: float = 1e-6
) -> None:
    """Same values in the same places; media whose values are closer than single precision tells may swap."""
    np.testing.assert_allclose([value for _, value in found], [value for _, value in expected], atol=tolerance)
    kth = expected[-1][1]
    assert {media for media, value in found if value > kth + tolerance} == {
        media for media, value in expected if value > kth + tolerance
    }


@pytest.mark.parametrize("alpha", ALPHAS)
def test_similar_media__equals_brute_force(make_library: Callable[..., Library], alpha: float) -> None:
    library = make_library()
    for row in (0, 1, 17, 299):
        text = None if np.isnan(library.texts[row][0]) else library.texts[row]
        ranked = library.brute_force(library.images[row], text, alpha)
        expected = [hit for hit in ranked if hit[0] != library.ids[row]][:10]
        with library.database.transaction() as session:
            matches = similar_media(session, library.ids[row], 10, alpha)
        assert_same_hits([(match.media_id, match.combined) for match in matches], expected)
        for match in matches:
            other = library.ids.index(match.media_id)
            assert match.sim_image == pytest.approx(float(library.images[row] @ library.images[other]), abs=1e-6)
            if text is None or np.isnan(library.texts[other][0]):
                assert match.sim_text is None
            else:
                assert match.sim_text == pytest.approx(float(text @ library.texts[other]), abs=1e-6)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_late_fusion_is_the_cosine_of_the_weighted_concatenation(
    make_library: Callable[..., Library], alpha: float
) -> None:
    """[sqrt(a) x, sqrt(1 - a) y] has length one, and its cosine to another is a * cos(x) + (1 - a) * cos(y)."""
    library = make_library(without_text=0.0)
    joined = np.concatenate([np.sqrt(alpha) * library.images, np.sqrt(1 - alpha) * library.texts], axis=1)
    np.testing.assert_allclose(np.linalg.norm(joined, axis=1), 1.0, atol=1e-6)
    with library.database.transaction() as session:
        matches = similar_media(session, library.ids[0], 20, alpha)
    for match in matches:
        cosine = float(joined[0] @ joined[library.ids.index(match.media_id)])
        assert match.combined == pytest.approx(cosine, abs=1e-6)


def test_similar_media__finds_media_without_text(make_library: Callable[..., Library]) -> None:
    library = make_library()
    library_row = next(row for row in range(1, COUNT, 3) if np.isnan(library.texts[row][0]))
    with library.database.transaction() as session:
        matches = similar_media(session, library.ids[library_row - 1], 5, 0.6)
        from_textless = similar_media(session, library.ids[library_row], 5, 0.6)
    assert library.ids[library_row] in [match.media_id for match in matches]
    assert library.ids[library_row - 1] in [match.media_id for match in from_textless]
    assert all(match.sim_text is None for match in from_textless)


def test_search_media__by_one_side_alone(make_library: Callable[..., Library]) -> None:
    library = make_library()
    generator = np.random.default_rng(1)
    image, text = unit(generator.normal(size=IMAGE)), unit(generator.normal(size=TEXT))
    for query_image, query_text, alpha in ((image, None, 1.0), (None, text, 0.0), (image, text, 0.5)):
        with library.database.transaction() as session:
            matches = search_media(session, query_image, query_text, 10, alpha)
        expected = library.brute_force(query_image, query_text, alpha)[:10]
        assert_same_hits([(match.media_id, match.combined) for match in matches], expected)


def test_search_media__always_k_hits_where_k_exist(make_library: Callable[..., Library]) -> None:
    library = make_library()
    with library.database.transaction() as session:
        assert len(similar_media(session, library.ids[0], 300, 0.6)) == 300
        assert len(similar_media(session, library.ids[0], 10_000, 0.6)) == COUNT - 1


@pytest.mark.parametrize(("k", "alpha"), [(0, 0.5), (-1, 0.5), (3, -0.1), (3, 1.1), (3, float("nan"))])
def test_search_media__refuses_senseless_parameters(make_library: Callable[..., Library], k: int, alpha: float) -> None:
    library = make_library(count=20)
    with pytest.raises(sa.exc.DataError), library.database.transaction() as session:
        search_media(session, library.images[0], None, k, alpha)


def test_similar_media__unknown_media_has_no_hits(make_library: Callable[..., Library]) -> None:
    library = make_library(count=20)
    with library.database.transaction() as session:
        assert similar_media(session, uuid.uuid4(), 3, 0.6) == []


def test_search_media__does_not_leak_its_settings(make_library: Callable[..., Library]) -> None:
    library = make_library(count=20)
    with library.database.transaction() as session:
        before = session.execute(sa.text("SHOW hnsw.ef_search")).scalar_one()
        similar_media(session, library.ids[0], 3, 0.6)
        assert session.execute(sa.text("SHOW hnsw.ef_search")).scalar_one() == before


@pytest.mark.parametrize(
    ("order", "index"),
    [
        ("image_embedding <=> (SELECT image_embedding FROM media_embedding LIMIT 1)", "image_hnsw"),
        ("text_embedding <=> (SELECT text_embedding FROM media_embedding WHERE text_embedding IS NOT NULL LIMIT 1)",
         "text_hnsw"),
        ("fused_embedding <#> (SELECT fused_embedding FROM media_embedding WHERE fused_embedding IS NOT NULL LIMIT 1)",
         "fused_hnsw"),
    ],
)  # fmt: skip
def test_media_embedding__the_view_uses_the_indexes(
    make_library: Callable[..., Library], order: str, index: str
) -> None:
    library = make_library(count=100)
    with library.database.transaction() as session:
        session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join(
            session.execute(
                sa.text(f"EXPLAIN (COSTS off) SELECT media_id FROM media_embedding ORDER BY {order} LIMIT 5")
            ).scalars()
        )
    assert index in plan
