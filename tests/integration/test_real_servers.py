"""Servers as people have them: pgvector in another schema, roles with settings of their own, poolers, standbys.

One way through the product (migrate, upload, group, search, back up) and one through the public SQL functions, on each.
"""

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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

from backend.cli.keys import create_key
from backend.embedded.pgdata import binaries
from backend.errors import ConfigurationError, DatabaseReadOnly
from backend.features.backup import back_up, restore
from backend.features.integrity import audit
from backend.features.operations import diagnose
from backend.features.operations.diagnosis import Finding
from backend.features.search import OwnVectors, exact_search, nominate, vector_source
from backend.features.search.candidates import Leg
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, open_active_space
from backend.files.storage import Storage
from backend.rules.search import Filters
from backend.store.access import Scope
from backend.store.arrays import fetch_arrays
from backend.store.engine import Database
from backend.store.evaluation import measuring
from backend.store.functions import function_names, function_source
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.migrate import upgrade
from backend.store.search import LEAST_MEDIA, ScanKeeper
from backend.store.search.scan_keeper import ScanState
from backend.store.session_settings import PINNED
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
    for at in {server.database_url, server.reads or server.database_url}:
        found = diagnose(make_services(database_url=SecretStr(at), **server.changes))
        assert [finding for finding in found if not finding.ok] == []
        detail = next(finding.detail for finding in found if finding.name == "database")
        assert (", a standby" in detail) == (at == server.reads)
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
        "search_media_batch(ARRAY[own.image_embedding], NULL, 3)": 3,
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
    # For a role that only owns the database: Postgres lets it name no settings of a library that is not loaded yet. The extension is
    # made by an administrator.
    if kind == "plain":
        execute(target, "CREATE EXTENSION vector SCHEMA public")
        target = as_role(target, make_role(target, {}))
    dump = subprocess.run(
        [binaries() / "pg_dump", "--no-owner", "--no-privileges", "--no-comments", owner],
        capture_output=True,
        check=True,
    ).stdout
    script = tmp_path / "dump.sql"
    # Older servers do not know it, nor do programs of their version write it.
    script.write_bytes(dump.replace(b"SET transaction_timeout = 0;\n", b""))
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


# --- what a role or another client has set -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["hostile role", "pooler"])
def test_session__means_the_same_whatever_others_have_set(kind: str, open_server: Callable[[str], Server]) -> None:
    server = open_server(kind)
    if kind == "pooler":  # what other clients leave behind in the sessions that they shared
        spoil(server, {name: value for name, value in HOSTILE.items() if name != "client_encoding"})
    database = open_as(server)
    for _ in range(6):
        with database.transaction() as session:
            found = {name: session.execute(sa.text(f"SHOW {name}")).scalar_one() for name in PINNED}
            assert found == PINNED | {"DateStyle": "ISO, MDY"}
            assert session.execute(sa.text("SHOW transaction_isolation")).scalar_one() == "read committed"
            row = session.execute(
                sa.text(
                    "SELECT CAST('2015-03-04 05:06:07+00' AS timestamptz) AS moment, CAST(0.1 AS real) + CAST(0.2 AS real) AS sum, 'Łódź' AS town"
                )
            ).one()
            assert (row.moment.isoformat(), row.town) == ("2015-03-04T05:06:07+00:00", "Łódź")
            assert row.sum == pytest.approx(0.3, abs=1e-7)
            session.execute(sa.text("SELECT pg_sleep(0.25)"))
    with database.transaction() as session:
        time.sleep(0.25)
        session.execute(sa.text("SELECT '[1]'::vector"))
    database.dispose()


def open_as(server: Server) -> Database:
    direct = server.changes.get("direct_database_url")
    return Database(
        server.database_url,
        pooler=server.changes.get("database_pooler", "none"),
        direct_url=None if direct is None else direct.get_secret_value(),
    )


def spoil(server: Server, settings: dict[str, str]) -> None:
    """Set what a role may set, in every session that the pooler has."""
    with ExitStack() as open_clients:
        clients = [
            open_clients.enter_context(psycopg.connect(server.client_url, prepare_threshold=None)) for _ in range(3)
        ]
        for client in clients:  # all three in a transaction at once, so that each has a session of its own
            client.execute("SELECT 1")
        for client in clients:
            for name, value in settings.items():
                client.execute(f"SET {name} TO {value}".encode())
            client.commit()


# --- poolers -------------------------------------------------------------------------------------------------


def test_pooler__takes_no_statement_of_another_client(open_server: Callable[[str], Server]) -> None:
    server = open_server("pooler")
    database = open_as(server)
    write_library(database)

    def run(number: int) -> None:
        for turn in range(30):
            expected = number * 1000 + turn
            with database.transaction() as session:
                # Not the same statements in each client, so that names of prepared ones mean different things.
                for _ in range(2):
                    rows = fetch_arrays(
                        session, f"SELECT :value::integer AS v{number}, now() AS moment", {"value": expected}
                    )
                    assert rows[0][0] == expected
                session.execute(sa.text("SELECT count(*) FROM media_embedding")).scalar_one()

    with ThreadPoolExecutor(12) as clients:
        done = [clients.submit(run, number) for number in range(12)]
    assert [one.exception() for one in done] == [None] * 12
    database.dispose()


def test_pooler__locks_that_outlive_a_transaction_go_past_it(open_server: Callable[[str], Server]) -> None:
    server = open_server("pooler")
    database = open_as(server)
    upgrade(database.direct.engine)
    with measuring(database, 1, "map") as first, measuring(database, 1, "map") as second:
        assert (first, second) == (True, False)
    with measuring(database, 1, "map") as again:
        assert again
    database.dispose()
    without = Database(server.database_url, pooler="transaction")
    with pytest.raises(ConfigurationError, match="session of its own") as refused, measuring(without, 1, "map"):
        pass
    assert "MEDIACLUSTER_DIRECT_DATABASE_URL" in (refused.value.hint or "")
    without.dispose()


# --- standbys ------------------------------------------------------------------------------------------------


def test_standby__reads_with_a_key_and_refuses_writes_by_a_code(
    open_server: Callable[[str], Server],
    make_services: Callable[..., Services],
    open_client: Callable[..., TestClient],
    make_jpeg: Callable[..., bytes],
) -> None:
    server = open_server("standby")
    primary = make_services(database_url=SecretStr(server.database_url))
    upgrade(primary.database.engine)
    open_active_space(primary)
    _, token = create_key(primary.database, "reader", Scope.ADMIN, ())
    assert server.reads is not None
    wait_for_replay(server.database_url, server.reads)
    client = open_client(make_services(database_url=SecretStr(server.reads), authentication="keys"))
    client.headers["Authorization"] = f"Bearer {token}"
    assert client.get("/media").status_code == 200
    refused = client.post("/media", files=[("file", ("a.jpg", make_jpeg(1), "image/jpeg"))])
    assert (refused.status_code, refused.json()["code"]) == (503, "database_read_only")
    assert "primary" in refused.json()["hint"]
    database = Database(server.reads)
    with pytest.raises(DatabaseReadOnly), database.transaction() as session:
        session.execute(sa.text("CREATE TABLE x ()"))
    database.dispose()


def test_standby__the_scan_finds_what_was_open_when_others_committed(
    open_server: Callable[[str], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby does not know which transactions are open. One that commits late must not count as seen."""
    for module in (exact_search, vector_source):
        monkeypatch.setattr(module, "FEW_MEDIA", 0)
    server = open_server("standby")
    primary = Database(server.database_url)
    write_library(primary, 400)
    assert server.reads is not None
    wait_for_replay(server.database_url, server.reads)
    standby = Database(server.reads)
    keeper = ScanKeeper(standby, most_bytes=1 << 30, least_media=1)
    keeper.refresh()
    assert keeper.figures().state is ScanState.READY
    generator = np.random.default_rng(1)
    first, second, third, fourth = (uuid.UUID(int=number, version=4) for number in range(1, 5))

    def is_found(media_id: uuid.UUID) -> bool:
        """Whether its own vector finds it, by the scan."""
        wait_for_replay(server.database_url, server.reads or "")
        with standby.transaction() as session:
            (own,) = fetch_arrays(
                session, "SELECT image_embedding AS image FROM media_embedding WHERE media_id = :id", {"id": media_id}
            )
            found = nominate(session, own.image, None, k=3, alpha=1, filters=Filters(), scans=OwnVectors(keeper))
        assert found.nominated_by[0] == frozenset({Leg.SCAN})
        assert found.certified
        return media_id in found.media_ids

    with primary.transaction() as session:
        space_id = session.execute(sa.text("SELECT id FROM space")).scalar_one()
    with primary.transaction() as slow:
        add_pictures(slow, space_id, [first], generator)
        with primary.transaction() as fast:
            add_pictures(fast, space_id, [second], generator)
        assert is_found(second)
    assert is_found(first)
    with primary.transaction() as slow:  # and once more, as the background follows
        add_pictures(slow, space_id, [third], generator)
        with primary.transaction() as fast:
            add_pictures(fast, space_id, [fourth], generator)
        wait_for_replay(server.database_url, server.reads)
        keeper.refresh()
    assert is_found(third)
    assert is_found(fourth)
    standby.dispose()
    primary.dispose()


# --- functions -----------------------------------------------------------------------------------------------


def test_functions__name_things_by_a_path_of_their_own() -> None:
    """But for those that Postgres has to put into the calling query, or that it resolves when they are made."""
    without = {name for name in function_names() if "\nSET search_path FROM CURRENT\n" not in function_source(name)}
    assert without == {"search_policy", "folded", "folded_keywords", "folded_trigrams", "has_filters"}


def test_functions__follow_an_extension_that_was_moved(open_server: Callable[[str], Server]) -> None:
    server = open_server("plain")
    database = Database(server.database_url)
    ids = write_library(database)
    with database.transaction() as session:
        session.execute(sa.text("SELECT 1"))  # a connection that knows where it was
    execute(server.database_url, "CREATE SCHEMA extensions", "ALTER EXTENSION vector SET SCHEMA extensions")
    with pytest.raises(ConfigurationError, match="db migrate"), database.transaction() as session:
        session.execute(sa.text("SELECT '[1]'::vector"))
    with pytest.raises(psycopg.errors.UndefinedFunction):
        call_functions(server, list(map(str, ids)))
    upgrade(database.engine)
    call_functions(server, list(map(str, ids)))
    with database.transaction() as session:
        session.execute(sa.text("SELECT '[1]'::vector"))
    database.dispose()


# --- backups -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("of", "into"), [("plain", "hostile role"), ("own schema", "plain"), ("plain", "pooler")])
def test_backup__moves_to_a_server_with_pgvector_elsewhere(
    of: str, into: str, open_server: Callable[[str], Server], tmp_path: Path
) -> None:
    source, target = open_server(of), open_server(into)
    ids = write_library(Database(source.database_url))
    if into == "plain":  # else the restore creates it where the dump has it
        execute(target.database_url, "CREATE EXTENSION vector")
    database, storage = open_as(source), Storage.open((tmp_path / "files").as_uri())
    with database.transaction() as session:  # words that look like a definition
        session.execute(sa.text("UPDATE media SET caption = 'public.vector and OPERATOR(public.<=>)'"))
    back_up(database, storage, tmp_path / "backup")
    breaches = audit(database).breaches
    database.dispose()
    restored = open_as(target)
    restore(restored, storage, tmp_path / "backup")
    with restored.transaction() as session:
        captions = session.execute(sa.text("SELECT DISTINCT caption FROM media")).scalars().all()
        assert captions == ["public.vector and OPERATOR(public.<=>)"]
    assert audit(restored).breaches == breaches
    restored.dispose()
    call_functions(Server(target.database_url, target.client_url, source.schema), list(map(str, ids)))


# --- doctor --------------------------------------------------------------------------------------------------


@pytest.fixture
def examine(make_services: Callable[..., Services]) -> Callable[..., dict[str, Finding]]:
    """The findings of `mediacluster doctor` by name."""

    def run(server: Server, **changes: object) -> dict[str, Finding]:
        services = make_services(**({"database_url": SecretStr(server.database_url)} | server.changes | changes))
        return {finding.name: finding for finding in diagnose(services)}

    return run


def test_doctor__notices_a_pooler_without_its_settings(
    open_server: Callable[[str], Server],
    examine: Callable[..., dict[str, Finding]],
    make_database_url: Callable[[str | None], str],
) -> None:
    server = open_server("pooler")
    upgrade(open_as(server).direct.engine)
    assert examine(server)["database"].ok
    for wrong, said in (
        ({"database_pooler": "none"}, "MEDIACLUSTER_DATABASE_POOLER=transaction"),
        ({"direct_database_url": None}, "MEDIACLUSTER_DIRECT_DATABASE_URL"),
        ({"direct_database_url": SecretStr(server.database_url)}, "address of the server itself"),
        ({"direct_database_url": SecretStr(make_database_url(None))}, "same database"),
    ):
        found = examine(server, **wrong)["database"]
        assert not found.ok
        assert said in (found.hint or "")


def test_doctor__calls_the_functions(
    open_server: Callable[[str], Server], examine: Callable[..., dict[str, Finding]]
) -> None:
    server = open_server("plain")
    write_library(Database(server.database_url))
    assert examine(server)["sql functions"].ok
    execute(server.database_url, "CREATE SCHEMA extensions", "ALTER EXTENSION vector SET SCHEMA extensions")
    moved = examine(server)["sql functions"]
    assert not moved.ok
    assert "db migrate" in (moved.hint or "")
    upgrade(Database(server.database_url).engine)
    assert examine(server)["sql functions"].ok
    # All that the catalogue would name is there, and yet nothing is found.
    execute(server.database_url, "ALTER FUNCTION similar_media RESET ALL")
    found = examine(server)["sql functions"]
    assert not found.ok
    assert "does not exist" in (found.reason or "")


def test_doctor__says_what_a_role_may_not_do(
    open_server: Callable[[str], Server],
    make_role: Callable[..., str],
    examine: Callable[..., dict[str, Finding]],
) -> None:
    server = open_server("plain")
    write_library(Database(server.database_url))
    role = make_role(server.database_url, {})
    found = examine(Server(as_role(server.database_url, role), server.client_url))
    assert not found["sql functions"].ok
    assert "permission denied" in (found["sql functions"].reason or "")
    assert found["sql functions"].hint


def test_doctor__compares_memory_with_the_library(
    open_server: Callable[[str], Server], examine: Callable[..., dict[str, Finding]]
) -> None:
    server = open_server("plain")
    write_library(Database(server.database_url), LEAST_MEDIA)
    found = examine(server, search_memory_bytes=100_000)
    assert "switched itself off" in found["search memory"].detail
    assert "MEDIACLUSTER_SEARCH_MEMORY_BYTES" in (found["search memory"].hint or "")
    assert found["memory"].hint is None
    name = server.database_url.partition("?")[0].rpartition("/")[2]
    execute(
        server.database_url,
        f"ALTER DATABASE {name} SET effective_cache_size TO '8kB'",
        f"ALTER DATABASE {name} SET maintenance_work_mem TO '1MB'",
    )
    short = examine(server)["memory"]
    assert short.ok
    assert "larger than effective_cache_size" in (short.hint or "")
    assert "maintenance_work_mem" in (short.hint or "")
