"""Servers as people have them: pgvector in another schema, roles with settings of their own, poolers, standbys.

One way through the product (migrate, upload, group, search, back up) and one through the public SQL functions, on each.
"""

import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from starlette.testclient import TestClient

from backend.embedded.pgdata import binaries
from backend.features.integrity import audit
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, open_active_space
from backend.store.engine import Database
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.migrate import upgrade
from backend.store.spaces import NewSpace, activate_space, create_space
from tests.support.poolers import transaction_pooler
from tests.support.standbys import standby_of, wait_for_replay

HOSTILE = {
    "search_path": "''",
    "DateStyle": "'German, DMY'",
    "IntervalStyle": "'sql_standard'",
    "TimeZone": "'Asia/Kolkata'",
    "extra_float_digits": "'-10'",
    "bytea_output": "'escape'",
    "standard_conforming_strings": "'off'",
    "array_nulls": "'off'",
    "transform_null_equals": "'on'",
    "gin_fuzzy_search_limit": "'1'",
    "statement_timeout": "'150ms'",
    "lock_timeout": "'1ms'",
    "idle_in_transaction_session_timeout": "'150ms'",
    "default_transaction_isolation": "'serializable'",
    "client_encoding": "'latin1'",
}
TITLES = ("A lighthouse", "Zürich", "A bowl of fruit", "A lighthouse at night", "Łódź", "Bowl")


@dataclass
class Server:
    """A server: where the product connects, and where anybody with a SQL client does."""

    database_url: str
    client_url: str
    schema: str = "public"
    changes: dict[str, Any] = field(default_factory=dict)
    reads: str | None = None
    """Where to read what was written, if that is another server."""


@pytest.fixture
def make_role(server_url: str) -> Iterator[Callable[..., str]]:
    """Make a login role without rights of its own, with settings. It owns the database, and goes with the test."""
    made: list[tuple[str, str]] = []

    def make(url: str, settings: dict[str, str]) -> str:
        role = f"role_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(url, autocommit=True) as connection:
            (database,) = connection.execute("SELECT current_database()").fetchone() or ("",)
            connection.execute(f"CREATE ROLE {role} LOGIN".encode())
            made.append((role, url))
            connection.execute(f"ALTER DATABASE {database} OWNER TO {role}".encode())
            connection.execute(f"GRANT CREATE ON SCHEMA public TO {role}".encode())
            for name, value in settings.items():
                connection.execute(f"ALTER ROLE {role} SET {name} TO {value}".encode())
        return role

    yield make
    for role, url in made:
        with psycopg.connect(url, autocommit=True) as connection:
            (database,) = connection.execute("SELECT current_database()").fetchone() or ("",)
            connection.execute(f"ALTER DATABASE {database} OWNER TO postgres".encode())
            connection.execute(f"DROP OWNED BY {role} CASCADE".encode())
            connection.execute(f"DROP ROLE {role}".encode())


def as_role(url: str, role: str) -> str:
    return url.replace("postgres@", f"{role}@", 1)


def execute(url: str, *statements: str) -> list[Any]:
    """Run statements, and return the rows of the last."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def put_extension(url: str, schema: str = "extensions") -> None:
    """As an administrator of Supabase has it."""
    execute(
        url,
        f"CREATE SCHEMA {schema}",
        f"CREATE EXTENSION vector SCHEMA {schema}",
        f"GRANT USAGE ON SCHEMA {schema} TO PUBLIC",
    )


@pytest.fixture
def open_server(
    make_database_url: Callable[[str | None], str], make_role: Callable[..., str], servers_home: Path
) -> Iterator[Callable[[str], Server]]:
    """A server of a kind, with an empty database."""
    with ExitStack() as running:

        def make(kind: str) -> Server:
            url = make_database_url(None)
            match kind:
                case "extension elsewhere":
                    put_extension(url)
                    return Server(url, url)
                case "hostile role":
                    put_extension(url)
                    theirs = as_role(url, make_role(url, HOSTILE))
                    return Server(theirs, theirs)
                case "own schema":
                    put_extension(url, '"Add-ons"')
                    role = make_role(url, {"search_path": "photos"})
                    execute(url, f"CREATE SCHEMA photos AUTHORIZATION {role}")
                    return Server(as_role(url, role), url, "photos")
                case "pooler":
                    put_extension(url)
                    pooled = running.enter_context(transaction_pooler(servers_home, url))
                    return Server(
                        pooled,
                        pooled,
                        changes={"database_pooler": "transaction", "direct_database_url": SecretStr(url)},
                    )
                case "standby":
                    standby = running.enter_context(standby_of(servers_home, url))
                    return Server(url, standby, reads=standby)
            return Server(url, url)

        yield make


KINDS = ("plain", "extension elsewhere", "hostile role", "own schema", "pooler", "standby")


@pytest.mark.parametrize("kind", KINDS)
def test_library__lives_on_such_a_server(
    kind: str,
    open_server: Callable[[str], Server],
    make_services: Callable[..., Services],
    open_client: Callable[..., TestClient],
    make_jpeg: Callable[..., bytes],
) -> None:
    server = open_server(kind)
    services = make_services(database_url=SecretStr(server.database_url), **server.changes)
    upgrade(services.database.direct.engine)
    upgrade(services.database.direct.engine)
    space = open_active_space(services)
    client = open_client(services)
    files = [("file", (f"{number}.jpg", make_jpeg(number), "image/jpeg")) for number in range(len(TITLES))]
    items = json.dumps(
        [{"title": title, "taken_at": f"2015-06-0{1 + row}T12:00:00Z"} for row, title in enumerate(TITLES)]
    )
    answer = client.post("/media", files=files, data={"items": items, "keywords": ["sea", "NULL"]})
    assert answer.status_code == 202, answer.text
    ids = answer.json()["ids"]
    while embed_batch(services, space):
        pass
    Assigner(services, space).assign_waiting()
    if server.reads is not None:
        wait_for_replay(server.database_url, server.reads)
        client = open_client(make_services(database_url=SecretStr(server.reads), **server.changes))
    assert_reads(client, ids)
    assert audit(services.database).breaches == {}
    call_functions(server, ids)


def assert_reads(client: TestClient, ids: list[str]) -> None:
    """The main path of a reader through the API."""
    assert client.get("/health/ready").status_code == 200
    media = {one["id"]: one for one in client.get("/media?limit=50").json()["media"]}
    assert {media[one]["status"] for one in ids} == {"ready"}
    shown = client.get(f"/media/{ids[1]}").json()
    assert (shown["title"], shown["keywords"]) == ("Zürich", ["sea", "NULL"])
    assert shown["taken_at"] in {"2015-06-02T12:00:00Z", "2015-06-02T12:00:00+00:00"}
    found = client.get("/search", params={"q": "A lighthouse", "k": 3})
    assert found.status_code == 200, found.text
    assert len(found.json()["hits"]) == 3
    kept = client.get(
        "/search",
        params={"q": "bowl", "keywords_all": "null", "taken_from": "2015-06-06T00:00:00Z", "method": "raw", "k": 3},
    ).json()
    assert [hit["media_id"] for hit in kept["hits"]] == ids[5:]
    similar = client.get(f"/media/{ids[0]}/similar", params={"k": 3})
    assert similar.status_code == 200, similar.text
    assert len(similar.json()["results"]) == 3
    assert client.get("/clusters").status_code == 200
    assert client.get("/metrics").status_code == 200


def call_functions(server: Server, ids: list[str]) -> None:
    """The public functions, called by a client whose search path has none of their names."""
    schema = server.schema
    calls = {
        "similar_media(own.media_id, k => 3)": 3,
        "search_media(own.image_embedding, own.text_embedding, 3)": 3,
        "search_media_exactly(own.image_embedding, NULL, 3, 1)": 3,
        "search_media_by_index(own.image_embedding, own.text_embedding, 3, 0.6, 100)": 3,
        "nearest_clusters(own.image_embedding, 1)": 1,
    }
    with psycopg.connect(server.client_url) as connection:
        connection.execute("SET LOCAL search_path TO ''")
        for call, count in calls.items():
            query = f"SELECT * FROM {schema}.media_embedding own, LATERAL {schema}.{call} WHERE own.media_id = %s"
            assert len(connection.execute(query.encode(), [ids[0]]).fetchall()) == count, call
        connection.rollback()


@pytest.mark.parametrize("kind", ["plain", "extension elsewhere", "own schema"])
def test_functions__serve_a_materialized_view_and_outlive_a_dump(
    kind: str,
    open_server: Callable[[str], Server],
    make_database_url: Callable[[str | None], str],
    make_role: Callable[..., str],
    tmp_path: Path,
) -> None:
    """Postgres 17 and newer fill materialized views without a search path, pg_dump sets none, and the target's may be any."""
    server = open_server(kind)
    ids = write_library(Database(server.database_url))
    owner = server.database_url
    execute(
        owner,
        f"CREATE MATERIALIZED VIEW {server.schema}.neighbours AS SELECT m.media_id AS of, s.media_id, s.combined "
        f"FROM {server.schema}.media_embedding m, LATERAL {server.schema}.similar_media(m.media_id, 2) s",
        f"REFRESH MATERIALIZED VIEW {server.schema}.neighbours",
    )
    target = make_database_url(None)
    name = target.partition("?")[0].rpartition("/")[2]
    execute(target, f"ALTER DATABASE {name} SET search_path TO nowhere")
    dump = subprocess.run(
        [binaries() / "pg_dump", "--no-owner", "--no-privileges", owner], capture_output=True, check=True
    ).stdout
    script = tmp_path / "dump.sql"
    script.write_bytes(dump)
    done = subprocess.run(
        [binaries() / "psql", "-v", "ON_ERROR_STOP=1", "-q", "-f", script, target],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (count,) = execute(target, f"SELECT count(*) FROM {server.schema}.neighbours")[0]
    assert count == 2 * len(ids)
    call_functions(Server(target, target, server.schema), list(map(str, ids)))
    restored = Database(target)  # finds the library, wherever it is
    with restored.transaction() as session:
        assert session.execute(sa.text("SELECT count(*) FROM media_embedding")).scalar_one() == len(ids)
    upgrade(restored.engine)
    restored.dispose()


def write_library(database: Database, count: int = 6) -> list[uuid.UUID]:
    """A migrated library of a few pictures with vectors of 6 and 4 dimensions, without files."""
    upgrade(database.direct.engine)
    generator = np.random.default_rng(7)
    ids = [uuid.UUID(bytes=generator.bytes(16), version=4) for _ in range(count)]
    with database.transaction() as session:
        space = create_space(session, NewSpace("s", None, "i", "", "t", "i", "t", 6, 4, {}))
        activate_space(session, space)
        add_pictures(session, space.id, ids, generator)
        # A group, so that nearest_clusters has something to find.
        session.execute(sa.text("INSERT INTO cluster (label) VALUES ('all')"))
        session.execute(
            sa.text(
                "INSERT INTO centroid (space_id, cluster_id, embedding_sum, member_count, centroid) "
                "SELECT :space, id, '{1,0,0,0,0,0}', 1, '[1,0,0,0,0,0]' FROM cluster"
            ),
            {"space": space.id},
        )
    database.dispose()
    return ids


def add_pictures(session: Any, space_id: int, ids: list[uuid.UUID], generator: np.random.Generator) -> None:
    session.execute(
        sa.text(
            "INSERT INTO media (id, source, source_uri, status) SELECT id, 'url', 'x', 'fetching' FROM unnest(CAST(:ids AS uuid[])) AS t(id)"
        ),
        {"ids": ids},
    )
    images, texts = (generator.normal(size=(len(ids), size)).astype(np.float32) for size in (6, 4))
    insert_embeddings(
        session,
        space_id,
        [
            NewEmbedding(one, image / np.linalg.norm(image), text / np.linalg.norm(text), None)
            for one, image, text in zip(ids, images, texts, strict=True)
        ],
    )
