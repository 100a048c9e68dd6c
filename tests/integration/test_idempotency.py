"""Uploads that are repeated because their response was lost: the same response, a single picture."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from backend.errors import IdempotencyInProgress
from backend.features.intake import intake
from backend.features.services import Services
from backend.features.steps import sweep
from backend.store.access import Claim, claim_key, record_answer, release_key
from tests.support.waiting import wait_for


def headers(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def upload(client: TestClient, data: bytes, key: str = "k", **more: Any) -> Any:
    return client.post("/media", files={"file": ("a.jpg", data)}, data=more, headers=headers(key))


def count(services: Services, table: str) -> int:
    with services.database.transaction() as session:
        return int(session.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_upload__sent_again_gets_the_same_answer(
    services: Services, client: TestClient, make_jpeg: Callable[..., bytes]
) -> None:
    first = upload(client, make_jpeg(1), title="A boat")
    again = upload(client, make_jpeg(1), title="A boat")
    without = client.post("/media", files={"file": ("a.jpg", make_jpeg(1))}, data={"title": "A boat"})

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.json()["media"][0]["duplicate"] is False  # which it would be without its key
    assert without.json()["media"][0]["duplicate"] is True
    assert again.headers["location"] == first.headers["location"]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert count(services, "media") == 1


def test_claim_key__that_is_released_at_the_same_moment(services: Services) -> None:
    """The first request was refused between the two statements of the second one, which is then the first."""
    with services.database.transaction() as session:
        first = claim_key(session, "c", "k", b"same", seconds=15)
    assert isinstance(first, Claim)
    inserted: list[bool] = []
    released: list[bool] = []

    with services.database.transaction() as session:

        @sa.event.listens_for(session, "do_orm_execute")
        def release(state: Any) -> None:
            if state.is_insert:
                inserted.append(True)
            elif state.is_select and inserted and not released:
                released.append(True)
                with services.database.transaction() as other:
                    release_key(other, first)

        second = claim_key(session, "c", "k", b"same", seconds=15)

    assert released
    assert isinstance(second, Claim)
    assert second.lease.token != first.lease.token
    with services.database.transaction() as session, pytest.raises(IdempotencyInProgress):
        claim_key(session, "c", "k", b"same", seconds=15)


@pytest.mark.parametrize("change", ["bytes", "words", "name", "url"])
def test_upload__another_request_with_the_same_key(
    client: TestClient, make_jpeg: Callable[..., bytes], change: str
) -> None:
    upload(client, make_jpeg(1), title="A boat")
    if change == "url":
        answer = client.post("/media/from-url", json={"url": "http://example.invalid/a.jpg"}, headers=headers("k"))
    elif change == "name":
        answer = client.post(
            "/media", files={"file": ("b.jpg", make_jpeg(1))}, data={"title": "A boat"}, headers=headers("k")
        )
    else:
        answer = upload(client, make_jpeg(2 if change == "bytes" else 1), title="A ship")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert upload(client, make_jpeg(1), title="A boat").status_code == 202


def test_upload__what_was_refused_or_failed_may_be_tried_again(
    services: Services, client: TestClient, make_jpeg: Callable[..., bytes]
) -> None:
    assert upload(client, b"words").status_code == 415
    assert count(services, "idempotency_key") == 0
    assert upload(client, make_jpeg(1)).status_code == 202


def test_upload_from_url__sent_again_is_fetched_once(services: Services, client: TestClient) -> None:
    body = {"url": "http://no-such-host.invalid/a.jpg"}
    answers = [client.post("/media/from-url", json=body, headers=headers("u")).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert count(services, "media") == 1
    client.post("/media/from-url", json=body)
    assert count(services, "media") == 2


def test_upload_from_url__a_server_that_died_before_it_answered(
    services: Services, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is committed and the answer is not: the repetition finds the row instead of making a second."""
    body = {"url": "http://no-such-host.invalid/a.jpg"}
    monkeypatch.setattr("backend.web.middleware.idempotency.record_answer", lambda *_: None)
    lost = client.post("/media/from-url", json=body, headers=headers("u")).json()
    monkeypatch.undo()

    held = client.post("/media/from-url", json=body, headers=headers("u"))
    assert (held.status_code, held.json()["code"]) == (409, "idempotency_in_progress")
    assert int(held.headers["retry-after"]) > 0
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE idempotency_key SET claimed_until = now()"))
    again = client.post("/media/from-url", json=body, headers=headers("u"))

    assert again.json() == lost
    assert count(services, "media") == 1


def test_upload__twice_at_once(
    services: Services, client: TestClient, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go_on = threading.Event(), threading.Event()
    real = intake.store_picture

    def slow(*arguments: Any, **named: Any) -> Any:
        entered.set()
        go_on.wait(20)
        return real(*arguments, **named)

    monkeypatch.setattr(intake, "store_picture", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(upload, client, make_jpeg(1))
        assert entered.wait(20)
        second = upload(client, make_jpeg(1))
        go_on.set()
        assert first.result().status_code == 202
    assert (second.status_code, second.json()["code"]) == (409, "idempotency_in_progress")
    assert upload(client, make_jpeg(1)).json() == first.result().json()


def test_upload__that_takes_long_keeps_its_key(
    services: Services, client: TestClient, make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hold is short, for servers that die, and is renewed while the work goes on."""
    real, held = intake.store_picture, []

    def hold() -> Any:
        with services.database.transaction() as session:
            return session.execute(sa.text("SELECT claimed_until FROM idempotency_key")).scalar_one()

    def slow(*arguments: Any, **named: Any) -> Any:
        held.append(hold())
        wait_for(lambda: hold() != held[0])
        held.append(hold())
        return real(*arguments, **named)

    monkeypatch.setattr("backend.web.middleware.idempotency.ANSWER_SECONDS", 3.0)
    monkeypatch.setattr(intake, "store_picture", slow)
    assert upload(client, make_jpeg(1)).status_code == 202
    assert held[1] > held[0]


def test_claim_key__one_of_many_wins(services: Services) -> None:
    def claim(_: int) -> Claim | str:
        try:
            with services.database.transaction() as session:
                found = claim_key(session, "api", "k", b"f", seconds=60)
        except IdempotencyInProgress as error:
            return error.code
        assert isinstance(found, Claim)
        return found

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(claim, range(16)))
    assert sum(isinstance(one, Claim) for one in outcomes) == 1
    assert outcomes.count("idempotency_in_progress") == 15


def test_record_answer__who_was_away_for_too_long_is_not_heard(services: Services) -> None:
    with services.database.transaction() as session:
        late = claim_key(session, "api", "k", b"f", seconds=0)
    with services.database.transaction() as session:
        current = claim_key(session, "api", "k", b"f", seconds=60)
    assert isinstance(late, Claim)
    assert isinstance(current, Claim)
    assert current.media_id == late.media_id
    for claim, body in ((late, "late"), (current, "current")):
        with services.database.transaction() as session:
            record_answer(session, claim, 202, {"body": body})
    with services.database.transaction() as session:
        assert claim_key(session, "api", "k", b"f", seconds=60).answer == {"body": "current"}  # type: ignore[union-attr]


def test_claim_key__callers_do_not_meet(services: Services) -> None:
    with services.database.transaction() as session:
        one = claim_key(session, "key:one", "k", b"f", seconds=60)
        other = claim_key(session, "key:two", "k", b"g", seconds=60)
    assert isinstance(one, Claim)
    assert isinstance(other, Claim)


def test_sweep__forgets_old_keys(services: Services, client: TestClient, make_jpeg: Callable[..., bytes]) -> None:
    upload(client, make_jpeg(1), "old")
    upload(client, make_jpeg(2), "new")
    with services.database.transaction() as session:
        session.execute(
            sa.text("UPDATE idempotency_key SET created_at = now() - interval '25 hours' WHERE key = 'old'")
        )
    # Before the sweep comes by it counts as forgotten already.
    assert upload(client, make_jpeg(3), "old").status_code == 202
    with services.database.transaction() as session:
        session.execute(
            sa.text("UPDATE idempotency_key SET created_at = now() - interval '25 hours' WHERE key = 'old'")
        )
    sweep(services)
    with services.database.transaction() as session:
        assert session.execute(sa.text("SELECT key FROM idempotency_key")).scalars().all() == ["new"]


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_upload__keys_that_are_none(client: TestClient, make_jpeg: Callable[..., bytes], key: str) -> None:
    answer = upload(client, make_jpeg(1), key)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert uuid.UUID(upload(client, make_jpeg(1)).json()["ids"][0])
