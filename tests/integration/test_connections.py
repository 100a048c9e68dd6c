"""No connection is left open for the collector to find."""

from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.db import engine
from backend.db.engine import Database


def driver_connection(session: Session) -> psycopg.Connection[Any]:
    found = session.connection().connection.driver_connection
    assert isinstance(found, psycopg.Connection)
    return found


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
