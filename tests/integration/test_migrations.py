"""The schema: from nothing to the newest and back, and the same as the tables say."""

import re
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg import sql
from starlette.testclient import TestClient

from backend.errors import ConfigurationError, InputError
from backend.features.services import Services
from backend.store.engine import Database
from backend.store.migrate import (
    current_revision,
    downgrade,
    leave_partitions_alone,
    migrations_folder,
    newest_revision,
    upgrade,
)
from backend.store.schema import Base, MediaStatus
from backend.store.spaces import NewSpace, activate_space, create_space
from backend.web.server import create_web_app
from tests.support.waiting import wait_for


def with_option(url: str, option: str) -> str:
    """A libpq URL whose sessions begin with a setting of the server."""
    return f"{url}{'&' if '?' in url else '?'}options=-c%20{option}"


@pytest.fixture
def limited_role(empty_database_url: str) -> Iterator[str]:
    """A role that may make tables in an empty database, and no extensions."""
    role = f"limited_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        connection.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(role)))
        yield role
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.fixture
def empty_database(empty_database_url: str) -> Iterator[Database]:
    database = Database(empty_database_url)
    yield database
    database.dispose()


def make_space(image_dimension: int = 6, text_dimension: int = 4, name: str = "small") -> NewSpace:
    return NewSpace(name, None, "image", "", "text", "i", "t", image_dimension, text_dimension, {})


def public_names(database: Database) -> set[str]:
    with database.transaction() as session:
        return set(
            session.execute(
                sa.text(
                    "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                    "UNION SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
                    "AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')"
                )
            ).scalars()
        )


def media_columns(database: Database) -> set[str]:
    with database.engine.connect() as connection:
        return {column["name"] for column in sa.inspect(connection).get_columns("media")}


def test_upgrade__from_empty_to_head_and_back(empty_database: Database) -> None:
    upgrade(empty_database.engine)
    assert {"media", "embedding", "media_embedding", "similar_media", "search_media"} <= public_names(empty_database)
    with empty_database.transaction() as session:
        assert current_revision(session.connection()) == newest_revision()
    downgrade(empty_database.engine)
    assert public_names(empty_database) <= {"alembic_version", "alembic_version_pkc"}
    upgrade(empty_database.engine)
    assert "similar_media" in public_names(empty_database)


def test_upgrade__by_a_role_that_may_not_install_the_extension(empty_database_url: str, limited_role: str) -> None:
    limited = Database(with_option(empty_database_url, f"role%3D{limited_role}"))
    with pytest.raises(ConfigurationError, match="may not install the extension `vector`") as refused:
        upgrade(limited.engine)
    limited.dispose()
    assert "CREATE EXTENSION vector" in (refused.value.hint or "")
    # What it says helps.
    with psycopg.connect(empty_database_url, autocommit=True) as administrator:
        administrator.execute("CREATE EXTENSION vector")
    upgrade(limited.engine)
    limited.dispose()


def test_upgrade__by_a_role_that_may_not_make_tables(empty_database_url: str, limited_role: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as administrator:
        administrator.execute(sql.SQL("REVOKE CREATE ON SCHEMA public FROM {}").format(sql.Identifier(limited_role)))
    limited = Database(with_option(empty_database_url, f"role%3D{limited_role}"))
    with pytest.raises(ConfigurationError, match="may not create tables"):
        upgrade(limited.engine)
    limited.dispose()


def test_upgrade__on_a_server_without_the_extension(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        if connection.info.server_version < 180000:
            pytest.skip("only Postgres 18 and newer can look for extensions elsewhere")
    # The server looks for extensions where there are none.
    bare = Database(with_option(empty_database_url, "extension_control_path%3D/nowhere"))
    with pytest.raises(ConfigurationError, match="has no pgvector") as refused:
        upgrade(bare.engine)
    bare.dispose()
    assert "Install" in (refused.value.hint or "")


def test_upgrade__no_such_revision(empty_database: Database) -> None:
    with pytest.raises(InputError, match="nonsense"):
        upgrade(empty_database.engine, "nonsense")


def test_newer_schema__the_version_before_stays_ready(services: Services) -> None:
    """Migrations run first and only add: a process that is replaced later serves until then."""
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with TestClient(create_web_app(services)) as client:
        assert client.get("/health/ready").json()["checks"]["database"] == "ok"
        assert client.get("/health/ready").status_code == 200
    with pytest.raises(ConfigurationError, match="newer version"):
        upgrade(services.database.engine)


@pytest.mark.usefixtures("next_revision")
@pytest.mark.parametrize(
    "statement", ["UPDATE alembic_version SET version_num = '0001'", "DELETE FROM alembic_version"]
)
def test_older_schema__is_not_ready(services: Services, statement: str) -> None:
    with services.database.transaction() as session:
        session.execute(sa.text(statement))
    with TestClient(create_web_app(services)) as client:
        answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert "db migrate" not in answer.json()["checks"]["broker"]
    assert "revision" in answer.json()["checks"]["database"]


def test_downgrade__with_a_space_in_use(empty_database: Database) -> None:
    upgrade(empty_database.engine)
    with empty_database.transaction() as session:
        activate_space(session, create_space(session, make_space()))
    downgrade(empty_database.engine)
    assert public_names(empty_database) <= {"alembic_version", "alembic_version_pkc"}


def test_models_and_migrations_agree(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": leave_partitions_alone}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_models_and_migrations_agree__checks_and_statuses(database: Database) -> None:
    """What alembic does not compare: CHECKs, among them the one that knows every status."""
    with database.transaction() as session:
        constraints = session.execute(
            sa.text(
                "SELECT conname::text, pg_get_constraintdef(oid) AS text FROM pg_constraint "
                "WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
            )
        )
        in_database = {row.conname: row.text for row in constraints}
    in_models = {
        str(constraint.name)
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, sa.CheckConstraint)
    }
    assert set(in_database) == in_models
    known = set(re.findall(r"WHEN '(\w+)'", in_database["media_status_has_its_facts_check"]))
    assert known == {status.value for status in MediaStatus}


def test_create_space__has_its_indexes_and_holds_its_dimensions(database: Database) -> None:
    with database.transaction() as session:
        space = create_space(session, make_space())
        activate_space(session, space)
    with database.transaction() as session:
        definitions = session.execute(
            sa.text("SELECT indexdef FROM pg_indexes WHERE tablename = :name AND indexdef LIKE '%hnsw%'"),
            {"name": f"embedding_{space.id}"},
        ).scalars()
        hnsw = "\n".join(sorted(definitions))
    assert "((image_embedding)::halfvec(6)) halfvec_cosine_ops" in hnsw
    assert "((text_embedding)::halfvec(4)) halfvec_cosine_ops" in hnsw
    assert "((caption_embedding)::halfvec(6)) halfvec_cosine_ops" in hnsw
    assert "halfvec(10)) halfvec_ip_ops" in hnsw
    with database.transaction() as session:
        session.execute(
            sa.text(
                "INSERT INTO media (id, source, source_uri, status) VALUES (gen_random_uuid(), 'url', 'x', 'fetching')"
            )
        )
    with pytest.raises(sa.exc.IntegrityError, match="image_dimension"), database.transaction() as session:
        session.execute(
            sa.text(
                "INSERT INTO embedding (space_id, media_id, image_embedding) SELECT :space, id, '[1,2]' FROM media"
            ),
            {"space": space.id},
        )


def test_activate_space__the_view_follows(database: Database) -> None:
    with database.transaction() as session:
        activate_space(session, create_space(session, make_space(6, 4, "first")))
        second = create_space(session, make_space(8, 3, "second"))
        activate_space(session, second)
    with database.transaction() as session:
        types = session.execute(
            sa.text(
                "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
                "WHERE attrelid = 'media_embedding'::regclass AND attnum > 1 ORDER BY attnum"
            )
        ).scalars()
        assert list(types) == [
            "vector(8)",
            "vector(3)",
            "vector(8)",
            "halfvec(8)",
            "halfvec(3)",
            "halfvec(8)",
            "halfvec(11)",
        ]
        assert session.execute(sa.text("SELECT count(*) FROM space WHERE state = 'active'")).scalar_one() == 1


def test_activate_space__whoever_might_read_the_view_still_may(database: Database) -> None:
    role = f"reader_{uuid.uuid4().hex[:8]}"
    with database.transaction() as session:
        session.execute(sa.text(f"CREATE ROLE {role}; GRANT SELECT ON media_embedding TO {role}"))
        activate_space(session, create_space(session, make_space(6, 4, "first")))
        activate_space(session, create_space(session, make_space(8, 3, "second")))
    with database.transaction() as session:
        may = session.execute(sa.text("SELECT has_table_privilege(:role, 'media_embedding', 'SELECT')"), {"role": role})
        assert may.scalar_one()
        session.execute(sa.text(f"DROP OWNED BY {role}; DROP ROLE {role}"))


_LATER = sorted(path for path in migrations_folder().glob("versions/*.py") if not path.stem.startswith("0001_"))


@pytest.mark.parametrize("path", [migrations_folder() / "script.py.mako", *_LATER], ids=lambda path: path.stem)
def test_migration__does_not_stop_the_traffic_behind_a_lock(path: Path) -> None:
    """A waiting ALTER TABLE holds up every reader that comes after it: it gives up soon."""
    assert re.search(r"SET LOCAL lock_timeout = '\d+s'", path.read_text(encoding="utf-8"))


def test_upgrade__while_old_workers_are_at_work(empty_database: Database, next_revision: str) -> None:
    """What the version before reads and writes goes on while the schema is brought from there to the newest."""
    upgrade(empty_database.engine, "0001")
    done = threading.Event()
    made: list[uuid.UUID] = []

    def work() -> None:
        while not done.is_set():
            media_id = uuid.uuid4()
            with empty_database.transaction() as session:
                session.execute(
                    sa.text("INSERT INTO media (id, source, source_uri, status) VALUES (:id, 'url', 'x', 'fetching')"),
                    {"id": media_id},
                )
                session.execute(
                    sa.text(
                        "UPDATE media SET attempts = attempts + 1, lease_token = id, lease_until = now() WHERE id = :id"
                    ),
                    {"id": media_id},
                )
            made.append(media_id)

    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work)
        try:
            wait_for(lambda: worker.done() or len(made) > 1)
            upgrade(empty_database.engine)
            before = len(made)
            wait_for(lambda: worker.done() or len(made) > before + 1)
        finally:
            done.set()
        worker.result()
    with empty_database.transaction() as session:
        assert current_revision(session.connection()) == newest_revision() == next_revision
        kept = session.execute(sa.text("SELECT id FROM media WHERE attempts = 1")).scalars().all()
    assert sorted(kept) == sorted(made)


def test_upgrade__to_the_next_release_and_back(database: Database, next_revision: str) -> None:
    assert "next" not in media_columns(database)
    upgrade(database.engine)
    assert "next" in media_columns(database)
    downgrade(database.engine, "0001")
    assert "next" not in media_columns(database)
    with database.transaction() as session:
        assert current_revision(session.connection()) == "0001" != next_revision
