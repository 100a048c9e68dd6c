"""The model page: permissions, refusals and their messages, records, and interrupted tasks."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from backend.errors import Conflict, NotFound
from backend.features.access import create_account
from backend.features.access.tokens import csrf_token_of
from backend.features.background import Background
from backend.features.evaluation import Source
from backend.features.model_change import Kind, activate, ask, choose_names, list_standing, make_space, perform
from backend.features.services import Services
from backend.features.steps import open_active_space
from backend.store.spaces import find_last_work, get_space
from tests.support.clients import PASSWORD


@pytest.fixture
def asking(make_services: Callable[..., Services], narrow_image_model: str, cheap_hashes: None) -> Services:
    """A library without pictures, with a second space."""
    services = make_services(authentication="keys")
    open_active_space(services)
    make_space(services, choose_names(services, None, narrow_image_model, None, None), name="narrow", actor="test")
    return services


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been started; what they do is tested by `perform`."""
    seen: list[list[str]] = []
    monkeypatch.setattr(Background, "start", lambda _self, _job, command: seen.append(list(command)))
    return seen


class Visitor:
    """Somebody who is logged in to the pages."""

    def __init__(self, client: TestClient, name: str) -> None:
        self._client = client
        client.post("/admin/login", data={"name": name, "password": PASSWORD})
        (cookie,) = client.cookies.values()
        self._headers = {"X-CSRF-Token": csrf_token_of(cookie), "HX-Request": "true"}

    def get(self, path: str) -> Any:
        return self._client.get(f"/admin/model{path}", headers=self._headers)

    def post(self, path: str, *, token: bool = True, **data: Any) -> Any:
        headers = self._headers if token else {"HX-Request": "true"}
        return self._client.post(f"/admin/model{path}", data=data, headers=headers)


@pytest.fixture
def make_visitor(asking: Services, open_client: Callable[..., TestClient]) -> Callable[[str], Visitor]:
    def make(role: str) -> Visitor:
        create_account(asking.database, role, role, PASSWORD, actor="test")
        return Visitor(open_client(asking), role)

    return make


@pytest.fixture
def ada(make_visitor: Callable[[str], Visitor]) -> Visitor:
    return make_visitor("admin")


def id_of(services: Services, name: str = "narrow") -> int:
    with services.database.transaction() as session:
        return get_space(session, name).id


def noted(services: Services) -> list[tuple[str, str, str]]:
    with services.database.transaction() as session:
        rows = session.execute(
            sa.text(
                "SELECT actor, act, subject FROM audit_log WHERE act LIKE 'space.%' AND actor <> 'test' ORDER BY id"
            )
        )
        return [tuple(row) for row in rows]


def test_model__for_admins_with_a_token_alone(
    asking: Services, make_visitor: Callable[[str], Visitor], started: list[list[str]]
) -> None:
    ben, ada = make_visitor("curator"), make_visitor("admin")
    space_id = id_of(asking)
    assert ada.get("").status_code == 200
    for path in ("", "/state", "/ask/create", f"/spaces/{space_id}/ask/drop"):
        assert ben.get(path).status_code == 403
    for path in (
        "/spaces", f"/spaces/{space_id}/fill", f"/spaces/{space_id}/pause", f"/spaces/{space_id}/compare",
        f"/spaces/{space_id}/activate", "/rollback", f"/spaces/{space_id}/drop",
    ):  # fmt: skip
        assert ben.post(path, preset="demo").status_code == 403
        assert ada.post(path, token=False, preset="demo").status_code == 403
    assert noted(asking) == []
    assert started == []
    with asking.database.transaction() as session:
        assert [space.name for space in list_standing(session)] == ["demo", "narrow"]


def test_model__one_thing_at_a_time(asking: Services, ada: Visitor, started: list[list[str]]) -> None:
    space_id = id_of(asking)
    answer = ada.post(f"/spaces/{space_id}/activate", threshold="0,8")
    assert "Activating <b>narrow</b>" in answer.text
    assert [command[:2] for command in started] == [["space", "work"]]
    refused = ada.post(f"/spaces/{space_id}/compare")
    assert (refused.status_code, refused.headers["X-Problem-Code"]) == (409, "conflict")
    assert "activate narrow" in refused.text
    assert ada.post(f"/spaces/{space_id}/drop").status_code == 409

    assert "'narrow' replaces 'demo' at threshold 0.8" in perform(asking, int(started[0][2]))

    assert "Go back to demo" in ada.get("").text
    with pytest.raises(NotFound):
        perform(asking, int(started[0][2]))  # once
    assert ada.post("/rollback").status_code == 200
    assert "'demo' replaces 'narrow'" in perform(asking, int(started[1][2]))
    assert ada.post(f"/spaces/{space_id}/drop").status_code == 200
    assert noted(asking) == [
        ("account:admin", "space.work_asked", "narrow"),
        ("account:admin", "space.activated", "narrow"),
        ("account:admin", "space.work_asked", "demo"),
        ("account:admin", "space.activated", "demo"),
        ("account:admin", "space.dropped", "narrow"),
    ]
    addresses = "SELECT DISTINCT address FROM audit_log WHERE act = 'space.activated'"
    with asking.database.transaction() as session:
        assert session.execute(sa.text(addresses)).scalars().all() == ["testclient"]  # the browser's, not the process's


def test_model__whatever_is_asked_for_is_noted(asking: Services, ada: Visitor, started: list[list[str]]) -> None:
    space_id = id_of(asking)
    ada.post(f"/spaces/{space_id}/fill", rate="60")
    ada.post(f"/spaces/{space_id}/pause")
    ada.post("/spaces", preset="demo", name="again")
    with pytest.raises(Conflict, match="already has these encoders"):
        perform(asking, int(started[0][2]))
    ada.post(f"/spaces/{space_id}/compare")
    assert noted(asking) == [
        ("account:admin", "space.fill_started", "narrow"),
        ("account:admin", "space.fill_paused", "narrow"),
        ("account:admin", "space.work_asked", "again"),
        ("account:admin", "space.work_asked", "narrow"),
    ]


def test_model__what_cannot_be_done_says_why(asking: Services, ada: Visitor, started: list[list[str]]) -> None:
    space_id = id_of(asking)
    refused: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("/spaces", {}, "No model was named"),
        ("/spaces", {"preset": "huge"}, "no preset &#39;huge&#39;"),
        (f"/spaces/{space_id}/fill", {"rate": "-1"}, "is not a valid rate"),
        (f"/spaces/{space_id}/activate", {"threshold": "warm"}, "&#39;warm&#39; is not a valid threshold"),
        (f"/spaces/{space_id}/activate", {"threshold": "nan"}, "&#39;nan&#39; is not a valid threshold"),
        (f"/spaces/{space_id}/compare", {"labels": "/etc/passwd"}, "labels"),
        (f"/spaces/{space_id}/pause", {}, "is not being filled"),
        (f"/spaces/{id_of(asking, 'demo')}/drop", {}, "is the active one"),
        ("/spaces/999/fill", {}, "This space no longer exists"),
        ("/rollback", {}, "no space to go back to"),
    )
    for path, data, words in refused:
        answer = ada.post(path, **data)
        assert 400 <= answer.status_code < 500, path
        assert words in answer.text, (path, answer.text)
    assert started == []
    # What only shows while it is done is kept, and shown.
    ada.post(f"/spaces/{space_id}/compare")
    with pytest.raises(Conflict, match="no vectors yet"):
        perform(asking, int(started[0][2]))
    page = ada.get("").text
    assert "It could not be compared" in page
    assert "has no vectors yet" in page
    assert "aria-busy" not in page


@pytest.mark.parametrize("field", ["name", "image_model", "image_checkpoint", "text_model"])
def test_model__names_that_cannot_be_stored(ada: Visitor, started: list[list[str]], field: str) -> None:
    data: dict[str, Any] = {"preset": "demo", field: "a\0b"}
    answer = ada.post("/spaces", **data)
    assert (answer.status_code, answer.headers["x-problem-code"]) == (400, "malformed_request")
    assert started == []


@pytest.mark.parametrize(("chosen", "named"), [("", None), ("judgements", "judgements"), ("groups", "groups")])
def test_model__compared_by_the_labels_that_were_chosen(
    asking: Services,
    ada: Visitor,
    started: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    chosen: str,
    named: str | None,
) -> None:
    seen: list[Source | None] = []

    def note(*_arguments: object, source: Source | None, **_more: object) -> None:
        seen.append(source)
        raise Conflict("It is enough to see them.")

    monkeypatch.setattr("backend.features.model_change.jobs.compare", note)
    ada.post(f"/spaces/{id_of(asking)}/compare", labels=chosen)
    with pytest.raises(Conflict):
        perform(asking, int(started[0][2]))
    assert seen == [None if named is None else Source(named)]


def test_model__work_that_broke_off(asking: Services, ada: Visitor, started: list[list[str]]) -> None:
    space_id = id_of(asking)
    ada.post(f"/spaces/{space_id}/compare")
    with asking.database.transaction() as session:
        session.execute(sa.text("UPDATE space_work SET seen_at = now() - interval '31 seconds'"))
    assert "its process ended without a word" in ada.get("").text
    # And it does not block other tasks.
    ada.post(f"/spaces/{space_id}/activate", threshold="0.8")
    assert len(started) == 2


def test_perform__what_nobody_expected_is_told_too(asking: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_more: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("backend.features.model_change.jobs.compare", fail)
    work_id = ask(asking, Kind.COMPARE, "narrow", {}, actor="ada", address="here")
    with pytest.raises(ZeroDivisionError):
        perform(asking, work_id)
    with asking.database.transaction() as session:
        last = find_last_work(session)
    assert last is not None
    assert (last.is_running, last.row.error_code) == (False, "internal_error")


def test_find_last_work__lives_as_long_as_its_process_is_heard_of(asking: Services) -> None:
    work_id = ask(asking, Kind.ACTIVATE, "narrow", {"threshold": 0.8, "without_failed": False}, actor="a", address="h")
    with asking.database.transaction() as session:
        session.execute(sa.text("UPDATE space_work SET seen_at = now() - interval '29 seconds'"))
        last = find_last_work(session)
    assert last is not None
    assert (last.row.id, last.is_running, last.is_broken_off) == (work_id, True, False)
    activate(asking, "narrow", threshold=0.7, actor="test")  # by a command, meanwhile
    with pytest.raises(Conflict, match="already active"):
        perform(asking, work_id)
