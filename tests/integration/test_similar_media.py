"""`similar_media` and `search_media` against brute force in numpy, at every alpha, with and without text."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from pgvector import Vector
from sqlalchemy.orm import Session

from backend.store.engine import Database
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.search import search_media, similar_media
from backend.store.spaces import NewSpace, activate_space, create_space

ALPHAS = [step / 10 for step in range(11)]
IMAGE, TEXT = 48, 32
COUNT = 600


@dataclass
class Library:
    """Vectors as stored. A picture without text has a row of NaN."""

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
        for k in (10_000, 1_000_000_000):
            assert len(similar_media(session, library.ids[0], k, 0.6)) == COUNT - 1


@pytest.mark.parametrize(("k", "alpha"), [(0, 0.5), (-1, 0.5), (3, -0.1), (3, 1.1), (3, float("nan"))])
def test_search_media__refuses_senseless_parameters(make_library: Callable[..., Library], k: int, alpha: float) -> None:
    library = make_library(count=20)
    with pytest.raises(sa.exc.DataError), library.database.transaction() as session:
        search_media(session, library.images[0], None, k, alpha)


def sqlstate_and_hint(database: Database, call: str, **parameters: object) -> tuple[str | None, str, str]:
    """What a call of a public function is refused with."""
    with pytest.raises(sa.exc.DBAPIError) as caught, database.engine.connect() as connection:
        connection.execute(sa.text(f"SELECT * FROM {call}"), parameters)
    original = caught.value.orig
    assert isinstance(original, psycopg.Error)
    diagnostics = original.diag
    return diagnostics.sqlstate, diagnostics.message_primary or "", diagnostics.message_hint or ""


@pytest.mark.parametrize(
    ("call", "says", "hints"),
    [
        ("search_media(:long, NULL)", "the image query has 5 dimensions, but the active space has 48", "vector(48)"),
        ("search_media(NULL, :long)", "the text query has 5 dimensions, but the active space has 32", "vector(32)"),
        ("search_media_exactly(:long, NULL)", "the image query has 5 dimensions", "vector(48)"),
        ("search_media_by_index(NULL, :long, 3, 0.5, 40)", "the text query has 5 dimensions", "vector(32)"),
        ("search_media_batch(ARRAY[:long], NULL)", "the image query has 5 dimensions", "vector(48)"),
        ("search_media_batch(NULL, ARRAY[NULL, :long])", "the text query has 5 dimensions", "vector(32)"),
        (
            "search_media_batch(ARRAY[NULL]::vector[], '{}')",
            "there are 1 image queries and 0 text queries",
            "as many of both",
        ),
        ("search_media_batch(NULL, NULL, 0)", "k has to be at least 1, not 0", "how many rows"),
        ("nearest_clusters(:long)", "the image query has 5 dimensions", "vector(48)"),
        ("nearest_clusters(:long, 0)", "k has to be at least 1, not 0", "how many rows"),
        ("search_media(NULL, NULL, 0)", "k has to be at least 1, not 0", "how many rows"),
        ("search_media(NULL, NULL, NULL)", "k has to be at least 1, not NULL", "how many rows"),
        ("search_media(NULL, NULL, 3, 1.5)", "alpha has to be between 0 and 1, not 1.5", "weight of the image side"),
        ("search_media(NULL, NULL, 3, 'NaN')", "alpha has to be between 0 and 1, not NaN", "weight of the image side"),
        ("similar_media(:known, 2147483647)", "k has to be at most 1000000000, not 2147483647", "how many rows"),
        ("search_media_by_index(NULL, NULL, 2147483647, 0.5, 40)", "k has to be at most 1000000000", "how many rows"),
        ("search_media(NULL, NULL, 1100000000)", "k has to be at most 1000000000, not 1100000000", "how many rows"),
        ("similar_media(:known, 0)", "k has to be at least 1, not 0", "how many rows"),
        ("similar_media(:known, 3, -0.1)", "alpha has to be between 0 and 1, not -0.1", "weight of the image side"),
    ],
)
def test_public_functions__refuse_with_a_hint(
    make_library: Callable[..., Library], call: str, says: str, hints: str
) -> None:
    library = make_library(count=20)
    call = call.replace(":long", "'[1,2,3,4,5]'::vector").replace(":known", f"'{library.ids[0]}'")
    state, message, hint = sqlstate_and_hint(library.database, call.replace("'NaN'", "'NaN'::float8"))
    assert state == "22023"
    assert says in message
    assert hints in hint


def test_similar_media__unknown_media(make_library: Callable[..., Library]) -> None:
    library, unknown = make_library(count=20), uuid.uuid4()
    state, message, hint = sqlstate_and_hint(library.database, "similar_media(:id)", id=unknown)
    assert (state, message) == ("P0002", f"there is no media {unknown}")
    assert "table media" in hint


def test_similar_media__before_it_is_embedded(database: Database, insert_media: Callable[..., list[uuid.UUID]]) -> None:
    media_id = insert_media(database, 1, "pending")[0]
    with database.transaction() as session:
        assert similar_media(session, media_id, 3, 0.6) == []
        assert session.execute(sa.text("SELECT * FROM similar_media(NULL)")).all() == []
        # Without a space no dimension is wrong.
        assert session.execute(sa.text("SELECT * FROM search_media('[1,2]'::vector, NULL)")).all() == []


def test_public_functions__need_no_right_but_to_the_view(make_library: Callable[..., Library]) -> None:
    library, role = make_library(count=20), f"reader_{uuid.uuid4().hex[:8]}"
    with library.database.transaction() as session:
        session.execute(sa.text(f"CREATE ROLE {role}; GRANT SELECT ON media_embedding TO {role}"))
    with library.database.transaction() as session:
        session.execute(sa.text(f"SET LOCAL ROLE {role}"))
        assert len(search_media(session, library.images[0], None, 3, 1.0)) == 3
        assert len(similar_media(session, library.ids[0], 3, 0.6)) == 3
    with library.database.transaction() as session:
        session.execute(sa.text(f"DROP OWNED BY {role}; DROP ROLE {role}"))


def test_search_media__does_not_leak_its_settings(make_library: Callable[..., Library]) -> None:
    library = make_library(count=20)
    with library.database.transaction() as session:
        session.execute(sa.text("SET LOCAL hnsw.ef_search = 77; SET LOCAL hnsw.iterative_scan = strict_order"))
        call = "SELECT count(*) FROM media_embedding own, search_media_by_index(own.image_embedding, own.text_embedding, {}, 0.6, 40)"
        assert session.scalar(sa.text(call.format(3)))
        with pytest.raises(sa.exc.DBAPIError), session.begin_nested():
            session.scalar(sa.text(call.format(0)))
        assert session.execute(sa.text("SHOW hnsw.ef_search")).scalar_one() == "77"
        assert session.execute(sa.text("SHOW hnsw.iterative_scan")).scalar_one() == "strict_order"


@pytest.mark.parametrize(
    ("order", "index"),
    [
        ("image_half <=> (SELECT image_half FROM media_embedding LIMIT 1)", "image_hnsw"),
        ("text_half <=> (SELECT text_half FROM media_embedding WHERE text_embedding IS NOT NULL LIMIT 1)",
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


def index_scans(session: Session) -> dict[str, int]:
    """How often each index of the space was scanned, in this transaction and others not yet in the statistics."""
    rows = session.execute(
        sa.text(
            "SELECT substring(c.relname from 'embedding_[0-9]+_(.*)'), pg_stat_get_xact_numscans(c.oid) "
            "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname ~ '^embedding_[0-9]+_.*(hnsw|idx)$'"
        )
    )
    return {name: scans for name, scans in rows if scans}


@pytest.mark.parametrize(
    ("alpha", "indexes"),
    [
        (0.0, {"text_hnsw", "fused_hnsw"}),
        (0.2, {"text_hnsw", "fused_hnsw"}),
        (0.5, {"fused_hnsw"}),
        (0.8, {"image_hnsw", "fused_hnsw"}),
        (1.0, {"image_hnsw", "fused_hnsw"}),
    ],
)
def test_search_media__scans_the_indexes_that_suit_alpha(
    make_library: Callable[..., Library], alpha: float, indexes: set[str]
) -> None:
    """What the statements inside of the function do: counted, since no EXPLAIN sees them."""
    library = make_library(count=2_400, image=16, text=12)
    image, text = library.images[0], next(row for row in library.texts if not np.isnan(row[0]))
    with library.database.transaction() as session:
        session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        before = index_scans(session)
        matches = search_media(session, image, text, 10, alpha)
        scans = {name for name, count in index_scans(session).items() if count > before.get(name, 0)}
    assert {name for name in scans if not name.startswith("textless")} == indexes
    assert any(name.startswith("textless") for name in scans)
    expected = library.brute_force(image, text, alpha)[:10]
    assert_same_hits([(match.media_id, match.combined) for match in matches], expected)


def test_search_media__reads_all_of_a_small_library(make_library: Callable[..., Library]) -> None:
    library = make_library()
    text = next(row for row in library.texts if not np.isnan(row[0]))
    with library.database.transaction() as session:
        before = index_scans(session)
        search_media(session, library.images[0], text, 10, 0.5)
        assert index_scans(session) == before


def test_search_media__reads_all_where_the_index_does_not_serve(
    make_database_url: Callable[..., str], template: str
) -> None:
    """An index over directions that are all alike, made with the least of care: only reading all finds the nearest."""
    generator = np.random.default_rng(2)
    count, dimension = 2_400, 256
    images = unit(generator.normal(size=(count, dimension)))
    query = unit(generator.normal(size=dimension))
    database = Database(make_database_url(template))
    with database.transaction() as session:
        space = create_space(session, NewSpace("s", None, "i", "", "t", "i", "t", dimension, 4, {}))
        ids = [uuid.UUID(int=number + 1) for number in range(count)]
        session.execute(
            sa.text(
                "INSERT INTO media (id, source, source_uri, status) SELECT unnest(CAST(:ids AS uuid[])), 'url', 'x', 'fetching'"
            ),
            {"ids": ids},
        )
        session.execute(sa.text(f"DROP INDEX embedding_{space.id}_image_hnsw"))
        insert_embeddings(session, space.id, [NewEmbedding(*row, None, None) for row in zip(ids, images, strict=True)])
        session.execute(
            sa.text(
                f"CREATE INDEX ON embedding_{space.id} USING hnsw "
                f"((image_embedding::halfvec({dimension})) halfvec_cosine_ops) WITH (m = 2, ef_construction = 4)"
            )
        )
        activate_space(session, space)
        by_index = session.execute(
            sa.text("SELECT media_id FROM search_media_by_index(CAST(:query AS vector), NULL, 10, 1, 40)"),
            {"query": Vector(query)},
        ).scalars()
        best = {ids[row] for row in np.argsort(-(images @ query))[:10]}
        assert len(best.intersection(by_index)) < 10
        assert {match.media_id for match in search_media(session, query, None, 10, 1.0)} == best
    database.dispose()


def test_nearest_clusters__equals_brute_force(database: Database) -> None:
    generator = np.random.default_rng(3)
    with database.transaction() as session:
        for name in ("retired", "active"):
            space = create_space(session, NewSpace(name, None, "i", "", "t", "i", "t", 6, 4, {}))
            centroids = unit(generator.normal(size=(40, 6)))
            centroids[7] = centroids[3]
            clusters = (
                session.execute(
                    sa.text(
                        "INSERT INTO cluster (label) SELECT 'label ' || n FROM generate_series(0, 39) n RETURNING id"
                    )
                )
                .scalars()
                .all()
            )
            for place, (cluster_id, centroid) in enumerate(zip(clusters, centroids, strict=True)):
                session.execute(
                    sa.text(
                        "INSERT INTO centroid (space_id, cluster_id, embedding_sum, member_count, centroid) "
                        "VALUES (:space, :cluster, CAST(:sum AS float8[]), :count, CAST(:centroid AS vector))"
                    ),
                    {
                        "space": space.id,
                        "cluster": cluster_id,
                        "count": place + 1,
                        "sum": centroid.tolist(),
                        "centroid": Vector(centroid),
                    },
                )
            activate_space(session, space)
        call = "SELECT cluster_id, label, similarity, member_count FROM nearest_clusters(CAST(:query AS vector), :k)"
        rows = session.execute(sa.text(call), {"query": Vector(centroids[3]), "k": 5}).all()
        all_rows = session.execute(sa.text(call), {"query": Vector(centroids[3]), "k": 100}).all()
        none = session.execute(sa.text(call), {"query": None, "k": 5}).all()
    similarities = centroids.astype(np.float64) @ centroids[3].astype(np.float64)
    expected = sorted(range(40), key=lambda place: (-round(similarities[place], 6), place))
    assert [row.cluster_id for row in rows] == [clusters[place] for place in expected[:5]]
    assert [row.label for row in rows] == [f"label {place}" for place in expected[:5]]
    assert [row.member_count for row in rows] == [place + 1 for place in expected[:5]]
    np.testing.assert_allclose([row.similarity for row in rows], similarities[expected[:5]], atol=1e-6)
    assert len(all_rows) == 40
    assert none == []


def test_public_functions__are_commented(database: Database) -> None:
    with database.transaction() as session:
        uncommented = session.execute(
            sa.text(
                "SELECT proname::text FROM pg_proc WHERE proname ~ '^(search_media|similar_media|nearest_clusters|check_query)' "
                "AND obj_description(oid, 'pg_proc') IS NULL"
            )
        ).scalars()
        assert list(uncommented) == []
