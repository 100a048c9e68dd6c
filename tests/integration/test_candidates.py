"""`nominate` against brute force: every mode, alpha and filter, media without text, adversarial data, and the plans."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from pgvector import Vector

from backend.errors import InputError, InvalidVector
from backend.features.evaluation import audit_recall
from backend.features.search import Effort, exact_search, nominate, vector_source
from backend.features.search.candidates import Leg
from backend.features.search.captions import nearest_captions
from backend.rules.search import Filters
from backend.store.arrays import fetch_arrays
from backend.store.engine import Database
from backend.store.evaluation import find_last_recall_audit, record_recall_audit
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.search import Limits, Matching, QueryVectors, candidates, match, nominate_by_index, search_media
from backend.store.spaces import NewSpace, activate_space, create_space
from backend.store.statements import Statements

_SQL = Statements(candidates.__file__)

IMAGE, TEXT = 24, 16
COUNT = 2_500
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass
class Library:
    """Vectors as stored. A picture without text has a row of NaN."""

    database: Database
    ids: list[uuid.UUID]
    images: NDArray[np.float32]
    texts: NDArray[np.float32]
    captions: NDArray[np.float32]

    def combined(
        self, image: NDArray[np.float32] | None, text: NDArray[np.float32] | None, alpha: float
    ) -> NDArray[np.float64]:
        nothing = np.zeros(len(self.ids))
        sim_image = nothing if image is None else self.images.astype(np.float64) @ image.astype(np.float64)
        sim_text = nothing if text is None else np.nan_to_num(self.texts.astype(np.float64) @ text.astype(np.float64))
        return alpha * sim_image + (1 - alpha) * sim_text


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def make_vectors(kind: str, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    generator = np.random.default_rng(3)
    if kind == "equal":
        return np.tile(unit(np.ones(IMAGE)), (count, 1)), np.tile(unit(np.ones(TEXT)), (count, 1))
    if kind == "orthogonal":
        images, texts = np.eye(IMAGE, dtype=np.float32), np.eye(TEXT, dtype=np.float32)
        return images[np.arange(count) % IMAGE], texts[np.arange(count) % TEXT]
    images, texts = unit(generator.normal(size=(count, IMAGE))), unit(generator.normal(size=(count, TEXT)))
    texts[generator.random(count) < (1.0 if kind == "textless" else 0.2)] = np.nan
    return images, texts


@pytest.fixture(scope="module")
def make_library(make_database_url: Callable[[str | None], str], template: str) -> Iterator[Callable[..., Library]]:
    """Libraries that tests of this module only read. Every tenth media has the keyword `Tenth`, dates go by the day."""
    made: list[Database] = []

    def make(kind: str = "random", count: int = COUNT) -> Library:
        return make_once(kind, count)  # whether the defaults are named or not

    @cache
    def make_once(kind: str, count: int) -> Library:
        images, texts = make_vectors(kind, count)
        # Captions are other media's pictures; where there are no words there is none.
        captions = np.where(np.isnan(texts[:, :1]), np.nan, np.roll(images, 1, axis=0))
        ids = [uuid.UUID(int=number + 1) for number in range(count)]
        database = Database(make_database_url(template))
        made.append(database)
        with database.transaction() as session:
            space = create_space(session, NewSpace("s", None, "i", "", "t", "i", "t", IMAGE, TEXT, {}))
            session.execute(
                sa.text(
                    "INSERT INTO media (id, source, source_uri, status, mime, location, keywords, taken_at) "
                    "SELECT id, 'url', 'x', 'fetching', 'image/png', 'Old Harbour', "
                    "CASE WHEN place % 10 = 1 THEN '{Tenth,All}' ELSE '{All}' END::text[], "
                    "CAST(:begin AS timestamptz) + (place - 1) * interval '1 day' "
                    "FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS t(id, place)"
                ),
                {"ids": ids, "begin": BEGIN},
            )
            rows = [
                NewEmbedding(media_id, image, *(None if np.isnan(side[0]) else side for side in (text, caption)))
                for media_id, image, text, caption in zip(ids, images, texts, captions, strict=True)
            ]
            insert_embeddings(session, space.id, rows)
            activate_space(session, space)
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("ANALYZE"))
        return Library(database, ids, images, texts, captions)

    yield make
    for database in made:
        database.dispose()


@pytest.fixture
def by_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have even a small library searched by its indexes."""
    for module in (exact_search, vector_source):
        monkeypatch.setattr(module, "FEW_MEDIA", 0)
    for module in (exact_search, vector_source):
        monkeypatch.setattr(module, "FEW_FILTERED_MEDIA", 0)


def query(seed: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    generator = np.random.default_rng(seed)
    return unit(generator.normal(size=IMAGE)), unit(generator.normal(size=TEXT))


@pytest.mark.parametrize("mode", list(Effort))
@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.5, 0.8, 1.0])
@pytest.mark.usefixtures("by_index")
def test_nominate__equals_brute_force(make_library: Callable[..., Library], alpha: float, mode: Effort) -> None:
    library = make_library()
    image, text = query()
    expected = library.combined(image, text, alpha)
    with library.database.transaction() as session:
        found = nominate(session, image, text, k=10, alpha=alpha, filters=Filters(), mode=mode)
    values = [expected[media_id.int - 1] for media_id in found.media_ids[:10]]
    np.testing.assert_allclose(values, np.sort(expected)[::-1][:10], atol=1e-6)
    combined = alpha * found.sim_image + (1 - alpha) * np.nan_to_num(found.sim_text)
    np.testing.assert_allclose(combined, [expected[media_id.int - 1] for media_id in found.media_ids], atol=1e-6)
    legs = frozenset().union(*found.nominated_by)
    assert legs == {Leg.EXACT} if mode is Effort.EXACT else Leg.EXACT not in legs or mode is Effort.CERTIFIED
    if mode is not Effort.FAST:
        assert found.certified
        assert found.bound is not None
        assert found.bound <= values[-1] + 1e-6
        unseen = np.delete(expected, [media_id.int - 1 for media_id in found.media_ids])
        assert unseen.max() <= found.bound + 1e-6


@pytest.mark.parametrize("kind", ["equal", "orthogonal", "textless"])
@pytest.mark.parametrize("mode", list(Effort))
@pytest.mark.usefixtures("by_index")
def test_nominate__adversarial_data(make_library: Callable[..., Library], kind: str, mode: Effort) -> None:
    library = make_library(kind, 400)
    for alpha in (0.0, 0.5, 1.0):
        for image, text in (query(), (query()[0], None), (None, query()[1])):
            expected = library.combined(image, text, alpha)
            with library.database.transaction() as session:
                found = nominate(session, image, text, k=20, alpha=alpha, filters=Filters(), mode=mode)
            values = [expected[media_id.int - 1] for media_id in found.media_ids[:20]]
            np.testing.assert_allclose(values, np.sort(expected)[::-1][:20], atol=1e-6)


@pytest.mark.parametrize("few_media", [0, 5_000])
@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        (Filters(keywords_any=("tenth", "none")), lambda place: place % 10 == 0),
        (Filters(keywords_all=("TENTH", "all")), lambda place: place % 10 == 0),
        (Filters(taken_from=BEGIN + timedelta(days=10), taken_until=BEGIN + timedelta(days=1260)),
         lambda place: 10 <= place <= 1260),
        (Filters(taken_until=BEGIN + timedelta(days=2)), lambda place: place <= 2),
        (Filters(keywords_any=("tenth",), taken_from=BEGIN + timedelta(days=2_000)),
         lambda place: place % 10 == 0 and place >= 2_000),
        (Filters(mime=("image/png",), source=("url",), location="old h"), lambda _place: True),
        (Filters(mime=("image/gif",)), lambda _place: False),
        (Filters(cluster_ids=(1,)), lambda _place: False),
    ],
)  # fmt: skip
def test_nominate__filters(
    make_library: Callable[..., Library],
    monkeypatch: pytest.MonkeyPatch,
    filters: Filters,
    matches: Callable[[int], bool],
    few_media: int,
) -> None:
    """The best of those that match, and as many as match where they are fewer than k."""
    for module in (exact_search, vector_source):
        monkeypatch.setattr(module, "FEW_FILTERED_MEDIA", few_media)
    library = make_library()
    image, text = query(2)
    matching = [place for place in range(COUNT) if matches(place)]
    for alpha in (0.0, 0.6, 1.0):
        expected = np.sort(library.combined(image, text, alpha)[matching])[::-1][:10]
        with library.database.transaction() as session:
            found = nominate(session, image, text, k=10, alpha=alpha, filters=filters)
        assert {media_id.int - 1 for media_id in found.media_ids} <= set(matching)
        values = [library.combined(image, text, alpha)[media_id.int - 1] for media_id in found.media_ids[:10]]
        np.testing.assert_allclose(values, expected, atol=1e-6)


@pytest.mark.usefixtures("by_index")
def test_nominate__finds_media_without_text(make_library: Callable[..., Library]) -> None:
    """They are not in the fused index, and the image index is not asked at this alpha."""
    library = make_library()
    place = int(np.flatnonzero(np.isnan(library.texts[:, 0]))[0])
    with library.database.transaction() as session:
        found = nominate(session, library.images[place], query()[1], k=3, alpha=0.6, filters=Filters())
    assert found.media_ids[0] == library.ids[place]
    assert found.nominated_by[0] == {Leg.TEXTLESS}
    assert np.isnan(found.sim_text[0])


@pytest.mark.usefixtures("by_index")
def test_nominate__exclude(make_library: Callable[..., Library]) -> None:
    library = make_library()
    image, text = query()
    with library.database.transaction() as session:
        best = nominate(session, image, text, k=3, alpha=0.5, filters=Filters()).media_ids[:3]
        others = nominate(session, image, text, k=3, alpha=0.5, filters=Filters(), exclude=best[:1]).media_ids
    assert best[0] not in others
    assert others[:2] == best[1:]


@pytest.mark.usefixtures("by_index")
def test_nominate__more_than_there_are(make_library: Callable[..., Library]) -> None:
    library = make_library("textless", 400)
    with library.database.transaction() as session:
        found = nominate(session, *query(), k=500, alpha=0.5, filters=Filters())
    assert len(found.media_ids) == 400
    assert found.bound is None
    assert found.certified


@pytest.mark.usefixtures("by_index")
def test_nominate__leaves_the_settings_alone(make_library: Callable[..., Library]) -> None:
    library = make_library()
    with library.database.transaction() as session:
        session.execute(sa.text("SET LOCAL hnsw.ef_search = 77"))
        nominate(session, *query(), k=3, alpha=0.5, filters=Filters())
        assert session.execute(sa.text("SHOW hnsw.ef_search")).scalar_one() == "77"
        assert session.execute(sa.text("SHOW hnsw.iterative_scan")).scalar_one() == "off"


def test_nominate__refuses_senseless_input(make_library: Callable[..., Library]) -> None:
    library = make_library()
    image, text = query()
    with library.database.transaction() as session:
        for k, alpha in ((0, 0.5), (3, 1.5), (3, float("nan"))):
            with pytest.raises(InputError):
                nominate(session, image, text, k=k, alpha=alpha, filters=Filters())
        with pytest.raises(InputError):
            nominate(session, None, None, k=3, alpha=0.5, filters=Filters())
        for bad in (np.zeros(IMAGE), np.full(IMAGE, np.nan), np.ones((2, IMAGE))):
            with pytest.raises(InvalidVector):
                nominate(session, bad, text, k=3, alpha=0.5, filters=Filters())


def explain(library: Library, matching: Matching, limits: Limits) -> str:
    """The plan of one pass over the indexes."""
    image, text = query()
    parameters = matching.parameters | QueryVectors(image, text, 0.5).parameters()
    parameters |= {"image_limit": limits.image, "text_limit": limits.text, "fused_limit": limits.fused}
    parameters |= {"textless_limit": limits.textless, "unmeasured_limit": 0}
    with library.database.transaction() as session:
        session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        statement = "EXPLAIN (COSTS off) " + matching.applied_to(_SQL("nominate"))
        return "\n".join(row[0] for row in fetch_arrays(session, statement, parameters))


def test_nominate_by_index__uses_the_indexes(make_library: Callable[..., Library]) -> None:
    plan = explain(make_library(), match(), Limits(10, 10, 10, 10, 40))
    # The few media without text are sorted, out of their own small index or the HNSW one.
    for index in ("image_hnsw", "text_hnsw", "fused_hnsw", "textless_"):
        assert index in plan


def test_nominate_captions__uses_the_index(make_library: Callable[..., Library]) -> None:
    """The planner's own choice, also under a filter that most media pass."""
    library = make_library()
    for matching in (match(), match(keywords_any=("all",))):
        parameters = matching.parameters | {"image": Vector(query()[0]), "k": 10, "depth": 60}
        with library.database.transaction() as session:
            rows = fetch_arrays(session, "EXPLAIN " + matching.applied_to(_SQL("nominate_captions")), parameters)
            plan = "\n".join(row[0] for row in rows)
        assert "caption_hnsw" in plan
        assert "Seq Scan on embedding" not in plan


@pytest.mark.parametrize("mode", list(Effort))
@pytest.mark.parametrize("kind", ["random", "equal", "orthogonal", "textless"])
@pytest.mark.usefixtures("by_index")
def test_nearest_captions__equals_brute_force(make_library: Callable[..., Library], kind: str, mode: Effort) -> None:
    library = make_library(kind, COUNT if kind == "random" else 400)
    image, _ = query(5)
    expected = np.nan_to_num(library.captions.astype(np.float64) @ image, nan=-2.0)
    for filters, matching in (
        (Filters(), np.ones(len(expected), dtype=bool)),
        (Filters(keywords_any=("tenth",)), np.arange(len(expected)) % 10 == 0),
    ):
        best = np.sort(expected[matching])[::-1][:20]
        with library.database.transaction() as session:
            found = nearest_captions(session, image, k=20, filters=filters, mode=mode)
        assert matching[[media_id.int - 1 for media_id in found.media_ids]].all()
        np.testing.assert_allclose(found.similarity, best[best > -2], atol=1e-6)
        assert found.certified
        assert mode is not Effort.EXACT or found.exact


def test_nearest_captions__goes_by_the_index_where_many_match(
    make_library: Callable[..., Library], by_index: None
) -> None:
    library = make_library()
    with library.database.transaction() as session:
        found = nearest_captions(session, query()[0], k=10, filters=Filters())
        every = nearest_captions(session, query()[0], k=COUNT, filters=Filters())
    assert not found.exact
    # More than there are: only reading all can tell.
    assert every.exact
    assert len(every.media_ids) == np.count_nonzero(~np.isnan(library.captions[:, 0]))


def test_nearest_exactly__uses_the_index_on_keywords(make_library: Callable[..., Library]) -> None:
    library = make_library()
    matching = match(keywords_any=("rare",))
    parameters = matching.parameters | QueryVectors(*query(), 0.5).parameters() | {"k": 10}
    with library.database.transaction() as session:
        session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        statement = "EXPLAIN (COSTS off) " + matching.applied_to(_SQL("nearest_exactly"))
        rows = fetch_arrays(session, statement, parameters)
        assert "media_keywords_idx" in "\n".join(row[0] for row in rows)


def test_nominate_by_index__a_leg_of_limit_0_is_not_run(make_library: Callable[..., Library]) -> None:
    library = make_library()
    with library.database.transaction() as session:
        rows = nominate_by_index(session, QueryVectors(*query(), 0.5), match(), Limits(0, 5, 0, 0, 40))
    assert {leg for row in rows for leg in row.legs} == {"text"}
    assert len(rows) == 5


def test_search_media__by_index_and_exactly_agree(make_library: Callable[..., Library]) -> None:
    """2,500 media are more than the function reads unasked, so this goes by the indexes."""
    library = make_library()
    for alpha in (0.0, 0.3, 0.7, 1.0):
        image, text = query(4)
        with library.database.transaction() as session:
            found = search_media(session, image, text, 10, alpha)
        expected = np.sort(library.combined(image, text, alpha))[::-1][:10]
        np.testing.assert_allclose([match.combined for match in found], expected, atol=1e-6)


def test_audit_recall__of_a_sound_library(make_library: Callable[..., Library]) -> None:
    report = audit_recall(make_library().database, k=5, sample=10, alphas=(0.0, 0.6))
    assert report.sampled == 10
    assert report.fused == {0.0: 1.0, 0.6: 1.0}
    assert report.legs["image"] >= 0.9
    assert report.worst == 1.0
    assert set(report.fused_index) == {0.0, 0.6}
    assert min(report.fused_index.values()) >= 0.9


def test_audit_recall__is_stored_and_the_oldest_go(make_library: Callable[..., Library]) -> None:
    library = make_library("orthogonal", 400)
    report = audit_recall(library.database, k=5, sample=3, alphas=(0.0, 0.25))
    with library.database.transaction() as session:
        stored = find_last_recall_audit(session, 1)
        assert stored is not None
        assert (stored.k, stored.sampled, stored.fused) == (5, 3, {"0": report.fused[0.0], "0.25": report.fused[0.25]})
        assert stored.legs == report.legs
        assert list(stored.fused_index) == ["0", "0.25"]
        for k in range(1, 101):
            record_recall_audit(session, 1, k=k, sampled=1, fused={}, fused_index={}, legs={})
        kept = session.execute(sa.text("SELECT count(*), min(k) FROM recall_audit")).one()
    assert tuple(kept) == (100, 1)


@pytest.fixture
def own_database(make_library: Callable[..., Library], copy_database: Callable[[str], str]) -> Iterator[Database]:
    """A copy of the library's database that a test may break."""
    shared = make_library().database
    shared.dispose()  # a database is copied when nobody is connected
    own = Database(copy_database(str(shared.engine.url.database)))
    yield own
    own.dispose()


def test_audit_recall__finds_a_fused_index_that_lacks_media(own_database: Database) -> None:
    with own_database.transaction() as session:
        session.execute(sa.text("DROP INDEX embedding_1_fused_hnsw"))
        session.execute(
            sa.text(
                "CREATE INDEX embedding_1_fused_hnsw ON embedding_1 USING hnsw "
                f"(((image_embedding || text_embedding)::halfvec({IMAGE + TEXT})) halfvec_ip_ops) "
                "WITH (m = 2, ef_construction = 4)"
            )
        )
    report = audit_recall(own_database, k=5, sample=10, alphas=(0.5,))
    assert report.fused_index[0.5] < 0.9


def test_audit_recall__finds_an_index_that_lacks_media(own_database: Database) -> None:
    with own_database.transaction() as session:
        session.execute(sa.text("DROP INDEX embedding_1_image_hnsw"))
        session.execute(
            sa.text(
                "CREATE INDEX embedding_1_image_hnsw ON embedding_1 USING hnsw "
                f"((image_embedding::halfvec({IMAGE})) halfvec_cosine_ops) WITH (m = 2, ef_construction = 4)"
            )
        )
    report = audit_recall(own_database, k=5, sample=10, alphas=(1.0,))
    assert report.legs["image"] < 0.9


def test_audit_recall__of_an_empty_library(database: Database) -> None:
    report = audit_recall(database)
    assert report.sampled == 0
    assert report.worst is None
    with database.transaction() as session:
        assert session.execute(sa.text("SELECT count(*) FROM recall_audit")).scalar_one() == 0
