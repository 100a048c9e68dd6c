"""The examples of docs/how-to/recommendations-from-sql.md, run as they stand there."""

import re
import sys
import uuid
from pathlib import Path

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from psycopg.rows import dict_row

from backend.errors import Conflict
from backend.features.services import Services
from backend.features.steps import open_active_space
from backend.store.engine import Database
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.schema import Space
from backend.store.spaces import activate_space, find_active_space

PAGE = Path(__file__).parents[2] / "docs/how-to/recommendations-from-sql.md"
MEDIA_ID = "01a20757-dbbc-7203-b2a8-d64a814c904f"
CLUSTER_ID = 22


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


_CHANGES = re.compile(r"\b(CREATE|INSERT INTO|DELETE FROM)\b")
PROGRAMS, QUERIES = fences("python"), [one for one in fences("sql") if not _CHANGES.search(one)]
GRANTS = next(one for one in fences("sql") if "CREATE ROLE" in one)


@pytest.fixture
def library(services: Services) -> Database:
    """The media and the cluster that the page names, and some beside them, in a space of the demo encoders."""
    space = open_active_space(services)
    ids = [uuid.UUID(MEDIA_ID), *(uuid.uuid4() for _ in range(19))]
    with services.database.transaction() as session:
        session.execute(
            sa.text(
                "INSERT INTO media (id, source, source_uri, status, title, location, taken_at) "
                "SELECT unnest(CAST(:ids AS uuid[])), 'url', 'x', 'fetching', 'A title', 'Lofoten, Norway', now()"
            ),
            {"ids": ids},
        )
        insert_embeddings(session, space.id, [embedding(media_id, space) for media_id in ids])
        session.execute(
            sa.text(
                "INSERT INTO cluster (id, label) OVERRIDING SYSTEM VALUE VALUES (:own, 'trains'), (:own + 1, 'others')"
            ),
            {"own": CLUSTER_ID},
        )
        session.execute(
            sa.text(
                "INSERT INTO membership (media_id, cluster_id, space_id, similarity, threshold, founder) "
                "SELECT id, :own + (place > 10)::int, :space, 0.9, 0.82, place IN (1, 11) "
                "FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS t(id, place)"
            ),
            {"ids": ids, "own": CLUSTER_ID, "space": space.id},
        )
        session.execute(
            sa.text(
                "INSERT INTO centroid (space_id, cluster_id, embedding_sum, member_count, centroid) "
                "SELECT :space, cluster_id, avg(image_embedding)::real[], 10, avg(image_embedding) "
                "FROM media_embedding JOIN membership USING (media_id) GROUP BY cluster_id"
            ),
            {"space": space.id},
        )
    return services.database


def embedding(media_id: uuid.UUID, space: Space) -> NewEmbedding:
    generator = np.random.default_rng(media_id.int % 2**32)
    image, text, caption = (
        generator.normal(size=dimension)
        for dimension in (space.image_dimension, space.text_dimension, space.image_dimension)
    )
    sides = ((side / np.linalg.norm(side)).astype(np.float32) for side in (image, text, caption))
    return NewEmbedding(media_id, *sides)


def test_examples__of_all_three_functions_in_each_language() -> None:
    for examples in (QUERIES, PROGRAMS[:1], PROGRAMS[1:2], fences("js")):
        for function in ("similar_media(", "search_media(", "nearest_clusters("):
            assert any(function in example for example in examples)


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_sql__returns_rows(library: Database, query: str) -> None:
    with psycopg.connect(library.url) as connection:
        rows = connection.execute(query.encode()).fetchall()
    assert rows
    assert all(value is not None for value in rows[0] if not isinstance(value, str))


@pytest.mark.parametrize("program", PROGRAMS, ids=["psycopg", "sqlalchemy", "words"])
def test_python__prints_hits(
    library: Database,
    services: Services,
    program: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", library.url)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")  # nobody is rung; without it a server starts and stays
    monkeypatch.setenv("MEDIACLUSTER_HOME", str(services.settings.home))
    monkeypatch.setenv("MEDIACLUSTER_PRESET", "demo")
    monkeypatch.setattr(sys, "argv", ["search.py", "a", "train"])
    exec(compile(program, str(PAGE), "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == (3 if "load_settings" in program else 8)


def test_js__each_query_returns_rows(library: Database) -> None:
    """Its statements with the parameters that it binds, as text without a type, which is how pg sends them."""
    (program,) = fences("js")
    queries = re.findall(r'const (\w+) = await client\.query\(\s*"([^"]*)",\s*\[([^\]]*)\],?\s*\)', program)
    assert len(queries) == program.count("client.query(")
    unpacked = {rows: columns.split(", ") for columns, rows in re.findall(r"const \{ (.*) \} = (\w+)\.rows", program)}
    bound = dict(re.findall(r'const (\w+) = "(.*)";', program))
    with psycopg.connect(library.url) as connection:
        cursor = psycopg.RawCursor(connection, row_factory=dict_row)
        for result, query, parameters in queries:
            values = [bound[one] if one.isidentifier() else one for one in parameters.split(", ")]
            rows = cursor.execute(query.encode(), values).fetchall()
            assert rows
            bound |= {column: rows[0][column] for column in unpacked.get(result, [])}


def test_sql__recommendations_made_beforehand(library: Database, services: Services) -> None:
    view, table, step, sweep = (
        next(one for one in fences("sql") if words in one)
        for words in ("MATERIALIZED", "CREATE TABLE", "INSERT INTO recommended", "DELETE FROM recommended")
    )
    best = "SELECT recommended_id FROM recommended WHERE media_id = %s ORDER BY combined DESC, recommended_id LIMIT 5"
    with psycopg.connect(library.url, autocommit=True) as connection:
        connection.execute(
            "ALTER TABLE media DROP CONSTRAINT media_status_has_its_facts_check; UPDATE media SET status = 'ready'"
        )
        ids = [row[0] for row in connection.execute("SELECT id FROM media ORDER BY id")]

        def expect(media_id: uuid.UUID) -> list[uuid.UUID]:
            rows = connection.execute("SELECT media_id FROM similar_media(%s, 5, 0.6)", [media_id])
            return [row[0] for row in rows]

        def lists(of: list[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
            return {one: [row[0] for row in connection.execute(best, [one])] for one in of}

        connection.execute(view.encode())
        connection.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY recommendation")
        rows = connection.execute(
            "SELECT media_id, recommended_id FROM recommendation ORDER BY media_id, combined DESC"
        )
        assert rows.fetchall() == [(one, other) for one in ids for other in expect(one)]
        connection.execute(table.encode())
        connection.execute(step.encode())
        assert lists(ids) == {one: expect(one) for one in ids}

        # The like of an old one comes: it has a list, and is in that of the old one.
        new = uuid.uuid4()
        connection.execute("INSERT INTO media (id, source, source_uri, status) VALUES (%s, 'url', 'x', 'ready')", [new])
        connection.execute(
            "INSERT INTO embedding (space_id, media_id, image_embedding, text_embedding) "
            "SELECT space_id, %s, image_embedding, text_embedding FROM embedding WHERE media_id = %s",
            [new, ids[3]],
        )
        connection.execute(step.encode())
        assert lists([ids[3], new]) == {ids[3]: expect(ids[3]), new: expect(new)}
        assert expect(ids[3])[0] == new
        assert lists(ids) == {one: expect(one) for one in ids}

        for media_id in (new, *ids[:2]):
            connection.execute("DELETE FROM embedding WHERE media_id = %s", [media_id])
            connection.execute("DELETE FROM media WHERE id = %s", [media_id])
        connection.execute(sweep.encode())
        connection.execute(step.encode())
        assert lists(ids[2:]) == {one: expect(one) for one in ids[2:]}
    # Nothing that was made keeps another model from being activated.
    with services.database.transaction() as session:
        space = find_active_space(session)
        assert space is not None
        activate_space(session, space)


def test_sql__a_view_of_vectors_that_blocks_another_model_is_named(library: Database, services: Services) -> None:
    with services.database.transaction() as session:
        session.execute(sa.text("CREATE VIEW mine AS SELECT image_embedding FROM media_embedding"))
    with pytest.raises(Conflict, match="mine") as caught, services.database.transaction() as session:
        space = find_active_space(session)
        assert space is not None
        activate_space(session, space)
    assert "Drop these views" in str(caught.value.hint)


def test_sql__the_role_may_read_and_no_more(library: Database) -> None:
    role = f"reader_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(library.url) as connection:
        connection.execute(GRANTS.replace("reader", role).encode())
        connection.execute(f"SET LOCAL ROLE {role}".encode())
        for query in QUERIES:
            assert connection.execute(query.encode()).fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT secret FROM webhook")
        connection.rollback()
