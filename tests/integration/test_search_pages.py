"""Pages over a library larger than the first candidates: every media exactly once, in the order of brute force."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray

from backend.features.search import (
    BackgroundKind,
    Effort,
    Find,
    Hit,
    QueryEncoder,
    Searcher,
    SearchQuery,
    exact_search,
    search,
    vector_source,
)
from backend.rules.search import Backgrounds, Filters, FusionMethod, fuse
from backend.store.engine import Database
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.search import record_background
from backend.store.spaces import NewSpace, activate_space, create_space

IMAGE, TEXT, COUNT = 24, 16, 1_300
ASKED = 7
# Scales as far apart as those of large models, and a skewed one, so that raw sums order quite differently.
IMAGE_BACKGROUND = 0.02 + 0.05 * np.random.default_rng(1).normal(size=20_000)
TEXT_BACKGROUND = 0.8 * np.random.default_rng(2).beta(0.4, 6, size=20_000)


@dataclass(frozen=True)
class Library:
    searcher: Searcher
    ids: list[uuid.UUID]
    images: NDArray[np.float64]
    texts: NDArray[np.float64]
    backgrounds: Backgrounds

    def expected(self, method: FusionMethod, alpha: float) -> NDArray[np.float64]:
        """The value of every media by brute force (n,)."""
        image, text = self.images @ self.images[ASKED], self.texts @ self.texts[ASKED]
        return fuse(method, image, text, alpha, self.backgrounds).combined

    def pages(self, query: SearchQuery) -> Iterator[Hit]:
        while True:
            answer = self.searcher.search(query)
            assert len(answer.hits) <= query.k
            yield from answer.hits
            if answer.next_cursor is None:
                return
            query = replace(query, cursor=answer.next_cursor)


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def make_sides(kind: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    generator = np.random.default_rng(11)
    if kind == "clustered":
        centres = generator.integers(20, size=COUNT)
        raw_images = generator.normal(size=(20, IMAGE))[centres] + 0.5 * generator.normal(size=(COUNT, IMAGE))
        raw_texts = generator.normal(size=(20, TEXT))[centres] + 0.5 * generator.normal(size=(COUNT, TEXT))
    else:
        raw_images, raw_texts = generator.normal(size=(COUNT, IMAGE)), generator.normal(size=(COUNT, TEXT))
    images, texts = unit(raw_images), unit(raw_texts)
    texts[generator.random(COUNT) < 0.2] = np.nan
    texts[ASKED] = unit(np.ones(TEXT))
    return images, texts


@pytest.fixture(scope="module", params=["random", "clustered"])
def library(
    request: pytest.FixtureRequest, make_database_url: Callable[[str | None], str], template: str
) -> Iterator[Library]:
    images, texts = make_sides(request.param)
    backgrounds = Backgrounds.from_pairs(IMAGE_BACKGROUND, TEXT_BACKGROUND)
    ids = [uuid.UUID(int=number + 1) for number in range(COUNT)]
    database = Database(make_database_url(template))
    with database.transaction() as session:
        space = create_space(session, NewSpace("s", None, "i", "", "t", "i", "t", IMAGE, TEXT, {}))
        session.execute(
            sa.text(
                "INSERT INTO media (id, source, source_uri, status, keywords) "
                "SELECT id, 'url', 'x', 'fetching', CASE WHEN place % 3 = 1 THEN '{third}' ELSE '{}' END::text[] "
                "FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS t(id, place)"
            ),
            {"ids": ids},
        )
        rows = zip(ids, images, texts, strict=True)
        insert_embeddings(
            session,
            space.id,
            [NewEmbedding(one, image, None if np.isnan(text[0]) else text, image) for one, image, text in rows],
        )
        activate_space(session, space)
        for kind in BackgroundKind:
            record_background(session, space.id, kind, backgrounds.to_json(), COUNT)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))

    def no_encoders(_space: object) -> None:
        raise AssertionError("stored media need no encoder")

    encoder = QueryEncoder(no_encoders, None, None)  # type: ignore[arg-type]
    yield Library(
        Searcher(database, encoder, 0.6), ids, images.astype(np.float64), texts.astype(np.float64), backgrounds
    )
    database.dispose()


@pytest.fixture(params=["measured", "by index"])
def small_steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """First candidates that are far fewer than the library."""
    monkeypatch.setattr(search, "_LEAST_DEPTH", 40)
    if request.param == "by index":
        for module in (exact_search, vector_source):
            monkeypatch.setattr(module, "FEW_MEDIA", 0)
        for module in (exact_search, vector_source):
            monkeypatch.setattr(module, "FEW_FILTERED_MEDIA", 0)


@pytest.mark.parametrize("filters", [Filters(), Filters(keywords_any=("third",))])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("method", [FusionMethod.RAW, FusionMethod.CALIBRATED])
@pytest.mark.usefixtures("small_steps")
def test_pages__every_media_once_in_the_order_of_brute_force(
    library: Library, method: FusionMethod, alpha: float, filters: Filters
) -> None:
    matching = [place for place in range(COUNT) if filters.is_empty or place % 3 == 0]
    query = SearchQuery(
        media_ids=(library.ids[ASKED],), k=130, alpha=alpha, method=method, filters=filters, effort=Effort.CERTIFIED
    )
    found = [hit.media_id for hit in library.pages(query)]
    assert len(found) == len(set(found))
    assert set(found) == {library.ids[place] for place in matching if place != ASKED}
    values = library.expected(method, alpha)[[media_id.int - 1 for media_id in found]]
    assert np.diff(values).max() <= 1e-5


@pytest.mark.parametrize("alpha", [0.2, 0.6])
@pytest.mark.usefixtures("small_steps")
def test_pages__calibrated_equal_brute_force_at_the_least_effort(
    library: Library, monkeypatch: pytest.MonkeyPatch, alpha: float
) -> None:
    """The raw sum draws other candidates than calibrated values put first, so a page has to look deeper to be settled."""
    monkeypatch.setattr(search, "_LEAST_DEPTH", 8)
    monkeypatch.setattr(search, "_OVERDRAW", 2)
    query = SearchQuery(media_ids=(library.ids[ASKED],), k=5, alpha=alpha, method=FusionMethod.CALIBRATED)
    found = [hit.combined for hit in islice(library.pages(query), 100)]
    expected = np.sort(np.delete(library.expected(FusionMethod.CALIBRATED, alpha), ASKED))[::-1]
    np.testing.assert_allclose(found, expected[:100], atol=1e-4)


@pytest.mark.usefixtures("small_steps")
def test_pages__captions_in_the_order_of_brute_force(library: Library) -> None:
    """The captions of this library are its pictures."""
    query = SearchQuery(media_ids=(library.ids[ASKED],), find=Find.CAPTIONS, k=130)
    found = [hit.media_id for hit in library.pages(query)]
    assert len(found) == len(set(found)) == COUNT - 1
    values = library.expected(FusionMethod.RAW, 1.0)[[media_id.int - 1 for media_id in found]]
    assert np.diff(values).max() <= 1e-5
