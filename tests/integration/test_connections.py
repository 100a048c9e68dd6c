"""No connection is left open for the collector to find, and none outlives the schema that it was made for."""

from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from backend.errors import TransactionConflict
from backend.features.services import Services
from backend.store import engine
from backend.store.arrays import fetch_arrays, run_statement
from backend.store.engine import Database
from backend.store.migrate import upgrade
from backend.web.server import create_web_app

# psycopg prepares a statement when it comes for the fifth time.
OFTEN = 6


def driver_connection(session: Session) -> psycopg.Connection[Any]:
    found = session.connection().connection.driver_connection
    assert isinstance(found, psycopg.Connection)
    return found


def ask_sqlalchemy(session: Session) -> object:
    return session.execute(sa.text("SELECT * FROM media")).all()


def ask_psycopg(session: Session) -> object:
    return fetch_arrays(session, "SELECT * FROM media")


def test_dispose__what_is_at_work_is_closed_when_it_comes_back(database_url: str) -> None:
    """As where a server has waited long enough for a request and ends."""
    database = Database(database_url)
    with database.transaction() as session:
        late = driver_connection(session)
        database.dispose()
        assert session.execute(sa.text("SELECT 1")).scalar_one() == 1
    assert late.closed
    with database.transaction() as session:
        kept = driver_connection(session)
    assert not kept.closed
    with database.transaction() as session:
        assert driver_connection(session) is kept
    database.dispose()
    assert kept.closed


def test_connect__one_that_cannot_be_prepared_is_closed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[psycopg.Connection[Any]] = []

    def fail(connection: psycopg.Connection[Any]) -> None:
        seen.append(connection)
        raise psycopg.errors.QueryCanceled("canceling statement due to statement timeout")

    database = Database(database_url)
    monkeypatch.setattr(engine, "register_arrays", fail)
    with pytest.raises(sa.exc.OperationalError, match="statement timeout"), database.transaction() as session:
        driver_connection(session)
    assert [one.closed for one in seen] == [True]


def test_migrate__a_pool_from_before_the_first_migration_takes_vectors(empty_database_url: str) -> None:
    """A server that was started before anybody had migrated."""
    database = Database(empty_database_url)
    with database.transaction() as session:
        session.execute(sa.text("SELECT 1"))
    upgrade(database.engine)
    vector = np.arange(3, dtype=np.float32)
    for _ in range(2):
        with database.transaction() as session:
            ((back,),) = fetch_arrays(session, "SELECT :vector::vector", {"vector": vector})
            assert np.array_equal(back, vector)
    database.dispose()


@pytest.mark.parametrize("ask", [ask_sqlalchemy, ask_psycopg], ids=["sqlalchemy", "psycopg"])
def test_migrate__prepared_statements_from_before_are_dropped(
    database: Database, database_url: str, ask: Callable[[Session], object]
) -> None:
    """One answer says that it can be tried again, whichever connection is asked; then all is as it was."""
    with database.transaction() as one, database.transaction() as two:
        for _ in range(OFTEN):
            ask(one)
            ask(two)
    with psycopg.connect(database_url) as other:
        other.execute("ALTER TABLE media ALTER COLUMN attempts TYPE bigint, ADD COLUMN more integer")
    with database.transaction() as busy:
        kept = driver_connection(busy)
        with pytest.raises(TransactionConflict, match="schema"), database.transaction() as session:
            ask(session)
    assert kept.closed
    with database.transaction() as one, database.transaction() as two:
        ask(one)
        ask(two)


def test_migrate__the_api_says_that_it_can_be_tried_again(services: Services) -> None:
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        codes = [client.get("/admin/operations").status_code for _ in range(OFTEN)]
        with psycopg.connect(services.database.url) as other:
            other.execute("ALTER TABLE media ALTER COLUMN attempts TYPE numeric")
        codes += [client.get("/admin/operations").status_code for _ in range(OFTEN)]
    assert codes == [200] * OFTEN + [503] + [200] * (OFTEN - 1)


@pytest.mark.parametrize("through_driver", [False, True])
def test_broken_constraints__are_conflicts_where_rows_may_go_meanwhile(
    database: Database, through_driver: bool
) -> None:
    """Whichever way a statement runs; elsewhere a broken constraint is a fault of the program and stays one."""

    def break_one() -> None:
        stray = "INSERT INTO near_duplicate (media_id) VALUES (gen_random_uuid())"
        with database.transaction() as session:
            run_statement(session, stray, {}) if through_driver else session.execute(sa.text(stray))

    with pytest.raises(TransactionConflict), engine.broken_constraints_as_conflicts():
        break_one()
    with pytest.raises((sa.exc.IntegrityError, psycopg.IntegrityError)):
        break_one()
