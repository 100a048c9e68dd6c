"""`GET /media` in order of upload and of date: exact under filters, each picture once over pages of any size."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from backend.features.services import Services
from backend.store.engine import Database
from backend.store.search import MediaOrder, list_media

COUNT = 60
WORDS = ("sea", "Zürich", "STRASSE")


def insert(database: Database, rows: list[dict[str, Any]]) -> None:
    shared: dict[str, Any] = {
        "keywords": [],
        "location": "",
        "taken_at": None,
        "precision": "",
        "source": "url",
        "created_at": None,
    }
    with database.transaction() as session:
        for row in rows:
            session.execute(
                sa.text(
                    "INSERT INTO media (id, source, source_uri, status, keywords, location, taken_at, taken_at_precision, created_at) "
                    "VALUES (:id, :source, 'x', 'fetching', :keywords, :location, :taken_at, :precision, coalesce(:created_at, now()))"
                ),
                shared | row,
            )


def make_rows() -> list[dict[str, Any]]:
    """Pictures of which many have the same date, and some none; ids in no order."""
    random = np.random.default_rng(5)
    begin = datetime(2015, 1, 1, tzinfo=UTC)
    return [
        {
            "id": uuid.UUID(int=int(random.integers(1, 2**62))),
            "keywords": [word for word in WORDS if random.random() < 0.5],
            "location": ("Zürich, Schweiz", "Bergen", "")[number % 3],
            "taken_at": None if number % 5 == 0 else begin + timedelta(days=int(random.integers(0, 12))),
            "source": ("url", "import")[number % 2],
            "created_at": begin + timedelta(seconds=int(random.integers(0, 20))),
        }
        for number in range(COUNT)
    ]


def in_order(rows: list[dict[str, Any]], order: str) -> list[str]:
    """Brute force."""
    if order == "uploaded_newest":
        rows = sorted(rows, key=lambda row: (row["created_at"], row["id"]), reverse=True)
    else:
        newest = order == "taken_newest"
        dated = [row for row in rows if row["taken_at"] is not None]
        dated.sort(key=lambda row: (row["taken_at"], row["id"]), reverse=newest)
        rows = dated + sorted((r for r in rows if r["taken_at"] is None), key=lambda row: row["id"], reverse=newest)
    return [str(row["id"]) for row in rows]


def walk(client: TestClient, **parameters: Any) -> list[str]:
    """The ids of all pages."""
    found: list[str] = []
    while True:
        answer = client.get("/media", params=parameters)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["media"]) <= parameters["limit"]
        found += [one["id"] for one in page["media"]]
        if page["next_cursor"] is None:
            return found
        parameters["cursor"] = page["next_cursor"]


FILTERS: list[tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = [
    ({}, lambda row: True),
    ({"keywords_any": ["zurich"]}, lambda row: "Zürich" in row["keywords"]),
    ({"keywords_all": ["SEA", "strasse"]}, lambda row: {"sea", "STRASSE"} <= set(row["keywords"])),
    ({"location": "zurich, sch"}, lambda row: row["location"].startswith("Z")),
    ({"source": ["import"], "taken_from": "2015-01-04", "taken_until": "2015-01-06"},
     lambda row: row["source"] == "import" and row["taken_at"] is not None and 4 <= row["taken_at"].day <= 6),
    ({"mime": ["image/png"]}, lambda row: False),
]  # fmt: skip


@pytest.mark.parametrize("order", list(MediaOrder))
def test_media__in_order_under_filters_on_pages_of_any_size(
    services: Services, open_client: Callable[..., TestClient], order: MediaOrder
) -> None:
    rows = make_rows()
    insert(services.database, rows)
    client = open_client(services)
    for parameters, passes in FILTERS:
        expected = in_order([row for row in rows if passes(row)], order)
        for limit in (1, 7, 500) if not parameters else (7,):
            assert walk(client, order_by=order.value, limit=limit, **parameters) == expected


def test_media__in_order_of_date_while_pictures_come_and_go(
    services: Services, open_client: Callable[..., TestClient]
) -> None:
    """What is added or deleted meanwhile shifts nothing, be it the last picture of the page."""
    rows = make_rows()
    insert(services.database, rows)
    client = open_client(services)
    expected = in_order(rows, "taken_newest")
    page = client.get("/media", params={"order_by": "taken_newest", "limit": 10}).json()
    insert(services.database, [{"id": uuid.uuid4(), "taken_at": datetime(2020, 1, 1, tzinfo=UTC)}])
    with services.database.transaction() as session:
        session.execute(sa.text("DELETE FROM media WHERE id = :id"), {"id": expected[9]})
    rest = walk(client, order_by="taken_newest", limit=10, cursor=page["next_cursor"])
    assert [one["id"] for one in page["media"]] + rest == expected


def test_media__a_date_of_less_precision_counts_as_its_beginning(
    services: Services, open_client: Callable[..., TestClient]
) -> None:
    """So a year is before all that is known more exactly in it, and behind it where the newest come first."""
    named = {
        "december": (datetime(2014, 12, 31, 23, 59, tzinfo=UTC), "minute"),
        "the year": (datetime(2015, 1, 1, tzinfo=UTC), "year"),
        "the month": (datetime(2015, 6, 1, tzinfo=UTC), "month"),
        "the day": (datetime(2015, 6, 6, tzinfo=UTC), "day"),
        "the second": (datetime(2015, 6, 6, 0, 0, 1, tzinfo=UTC), "second"),
        "no date": (None, ""),
    }
    ids = {name: uuid.uuid4() for name in named}
    insert(
        services.database, [{"id": ids[name], "taken_at": at, "precision": unit} for name, (at, unit) in named.items()]
    )
    client = open_client(services)
    oldest = [str(ids[name]) for name in named]
    assert walk(client, order_by="taken_oldest", limit=2) == oldest
    assert walk(client, order_by="taken_newest", limit=2) == [*oldest[-2::-1], oldest[-1]]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/media?order_by=date", "malformed_request"),
        ("/media?keyword_any=sea", "malformed_request"),
        ("/media?taken_from=yesterday", "invalid_query"),
        ("/media?keywords_any=%20", "invalid_query"),
        ("/media?order_by=taken_newest&cursor=WyIyMDE1LTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwgIjAxOTJmMGMxLTdkMWUtN2NjMC04ZDNjLTBjNmEzZjFiMmExMSJd",
         "malformed_request"),
        ("/media?order_by=taken_newest&cursor=WyJ0YWtlbl9uZXdlc3QiLCAieCIsICIwMTkyZjBjMS03ZDFlLTdjYzAtOGQzYy0wYzZhM2YxYjJhMTEiXQ",
         "malformed_request"),
    ],
)  # fmt: skip
def test_media__mistakes(services: Services, open_client: Callable[..., TestClient], path: str, code: str) -> None:
    answer = open_client(services).get(path)
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] == code


def test_media__a_cursor_of_the_other_direction(services: Services, open_client: Callable[..., TestClient]) -> None:
    insert(services.database, make_rows())
    client = open_client(services)
    cursor = client.get("/media?order_by=taken_newest&limit=3").json()["next_cursor"]
    answer = client.get("/media", params={"order_by": "taken_oldest", "cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["hint"] == "Use `next_cursor` with the same `order_by`."


@pytest.mark.parametrize("order", [MediaOrder.TAKEN_NEWEST, MediaOrder.TAKEN_OLDEST])
def test_list_media__reads_the_index_of_dates_in_its_order(database: Database, order: MediaOrder) -> None:
    """A page costs what it shows, in either direction, before the undated and among them."""
    insert(database, [{"id": uuid.uuid4(), "taken_at": datetime(2015, 1, 1, tzinfo=UTC)}])
    with database.transaction() as session:
        session.execute(
            sa.text(
                "INSERT INTO media (id, source, source_uri, status, taken_at) SELECT gen_random_uuid(), 'url', 'x', 'fetching', "
                "CASE WHEN n % 2 = 0 THEN timestamptz '2015-01-01' + n * interval '1 hour' END FROM generate_series(1, 4000) AS n"
            )
        )
        session.execute(sa.text("ANALYZE media"))
        session.execute(sa.text("SET LOCAL enable_sort = off"))
        statements: list[tuple[Any, Any]] = []

        def keep(_c: Any, _cu: Any, statement: str, parameters: Any, *_rest: Any) -> None:
            statements.append((statement, parameters))

        connection = session.connection()
        sa.event.listen(connection, "before_cursor_execute", keep)
        first = list_media(session, order=order, limit=5)
        list_media(session, order=order, after=(first[-1].taken_at, first[-1].id), limit=5)
        list_media(session, order=order, after=(None, first[-1].id), limit=5)
        sa.event.remove(connection, "before_cursor_execute", keep)
        assert len(statements) == 3
        for statement, parameters in statements:
            plan = "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
            assert "media_taken_at_idx" in plan
            assert "Sort" not in plan, plan
