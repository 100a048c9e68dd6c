"""Curation as it is asked for over HTTP and on the command line: the same operations, previews and journal."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from typer.testing import CliRunner

from backend.cli import app as cli
from backend.features.integrity import audit
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.store.schema import Space
from backend.vectors import unit_rows
from tests.support.command_line import use_library

Call = Callable[..., Any]


def _around(axis: int, count: int) -> NDArray[np.float32]:
    points = np.random.default_rng(axis).normal(size=(count, 16)) * 0.05
    points[:, axis] += 1
    return np.asarray(unit_rows(points), dtype=np.float32)


@pytest.fixture
def members(
    services: Services,
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    embed_media: Callable[..., None],
) -> list[list[str]]:
    """Ids of the members of clusters 1, 2 and 3, four each."""
    space = make_test_space(services.database)
    groups = []
    for axis in range(3):
        ids = insert_media(services.database, 4, "pending", 4 * axis)
        embed_media(services.database, space, ids, _around(axis, 4))
        groups.append([str(media_id) for media_id in ids])
    Assigner(services, space).assign_waiting()
    return groups


@pytest.fixture
def sizes(client: TestClient) -> Callable[[], dict[int, int]]:
    return lambda: {one["id"]: one["size"] for one in client.get("/clusters").json()["clusters"]}


def test_move__preview_then_do_then_undo_then_redo(client: TestClient, members: list[list[str]], sizes: Call) -> None:
    body = {"media_ids": members[0][:1], "cluster_id": 2}
    preview = client.post("/media/move?dry_run=true", json=body).json()
    assert preview["event_id"] is None
    assert sizes() == {1: 4, 2: 4, 3: 4}
    done = client.post("/media/move", json=body).json()
    assert done["moved"] == preview["moved"]
    assert done["moved"] == [{"media_id": members[0][0], "from_cluster_id": 1, "to_cluster_id": 2}]
    assert {one["id"]: (one["size_before"], one["size_after"]) for one in done["clusters"]} == {1: (4, 3), 2: (4, 5)}
    assert sizes() == {1: 3, 2: 5, 3: 4}
    client.post(f"/history/{done['event_id']}/undo").raise_for_status()
    assert sizes() == {1: 4, 2: 4, 3: 4}
    client.post(f"/history/{done['event_id']}/redo").raise_for_status()
    assert sizes() == {1: 3, 2: 5, 3: 4}


def test_operations__each_one_over_http(
    client: TestClient, members: list[list[str]], sizes: Call, services: Services
) -> None:
    def post(path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    post("/clusters/1/rename", {"label": "Lighthouses"})
    post("/clusters/1/representative", {"media_id": members[0][2]})
    post("/clusters/1/lock")
    first = client.get("/clusters/1").json()
    assert (first["label"], first["locked"], first["representative_media_id"]) == ("Lighthouses", True, members[0][2])
    assert first["label_origin"] == "curator"
    post("/clusters/1/unlock")
    post("/clusters/1/merge", {"cluster_ids": [2]})
    assert sizes() == {1: 8, 3: 4}
    proposal = client.get("/clusters/1/split-proposal").json()
    assert {frozenset(proposal["left"]), frozenset(proposal["right"])} == {frozenset(members[0]), frozenset(members[1])}
    (new,) = post("/clusters/1/split", {"media_ids": proposal["right"]})["created_cluster_ids"]
    assert sizes()[new] == 4
    (own,) = post("/media/extract", {"media_ids": members[2][:2], "label": "Two"})["created_cluster_ids"]
    assert client.get(f"/clusters/{own}").json()["label"] == "Two"
    post("/media/confirm", {"media_ids": members[2][2:]})
    post(f"/clusters/{own}/dissolve")
    assert own not in sizes()
    post("/media/delete", {"media_ids": members[0][:1]})
    assert client.delete(f"/media/{members[0][1]}").status_code == 200
    assert client.get(f"/media/{members[0][1]}").status_code == 404
    kinds = [event["kind"] for event in client.get("/history").json()["events"]]
    assert len(kinds) == 11
    assert kinds[-1] == "rename"
    report = audit(services.database)
    assert report.is_clean, report


def test_history__pages_and_filters(client: TestClient, members: list[list[str]]) -> None:
    for number in range(5):
        client.post("/clusters/1/rename", json={"label": f"name {number}"}).raise_for_status()
    client.post("/clusters/2/lock").raise_for_status()
    client.post("/media/move", json={"media_ids": members[2][:1], "cluster_id": 2}).raise_for_status()
    seen: list[int] = []
    cursor = None
    while True:
        page = client.get("/history", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [event["id"] for event in page["events"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert len(seen) == 7
    assert seen == sorted(seen, reverse=True)
    assert len(client.get("/history?cluster_id=1").json()["events"]) == 5
    assert len(client.get("/history", params={"media_id": members[2][0]}).json()["events"]) == 1
    assert client.get("/history?cursor=x").status_code == 400


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/clusters/99/rename", {"label": "x"}, 404, "not_found"),
        ("/clusters/1/rename", {"label": ""}, 400, "malformed_request"),
        ("/clusters/1/rename", {"name": "x"}, 400, "malformed_request"),
        ("/clusters/1/merge", {"cluster_ids": []}, 400, "malformed_request"),
        ("/clusters/1/merge", {"cluster_ids": [1]}, 400, "malformed_request"),
        ("/clusters/1/merge", {"cluster_ids": [2**70]}, 400, "malformed_request"),
        ("/media/move", {"media_ids": [str(uuid.uuid4())], "cluster_id": 1}, 404, "not_found"),
        ("/media/move", {"media_ids": ["nonsense"], "cluster_id": 1}, 400, "malformed_request"),
        ("/media/delete", {"media_ids": [str(uuid.uuid4())]}, 404, "not_found"),
        ("/history/99/undo", None, 404, "not_found"),
    ],
)
def test_operations__bad_input_is_told_apart_and_changes_nothing(
    client: TestClient, members: list[list[str]], path: str, body: Any, status: int, code: str
) -> None:
    assert members
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.get("/history").json()["events"] == []


def test_undo__later_work_stands_in_the_way(client: TestClient, members: list[list[str]]) -> None:
    first = client.post("/media/move", json={"media_ids": members[0][:1], "cluster_id": 2}).json()
    client.post("/media/move", json={"media_ids": members[0][:1], "cluster_id": 3}).raise_for_status()
    answer = client.post(f"/history/{first['event_id']}/undo")
    assert (answer.status_code, answer.json()["code"]) == (409, "undo_blocked")
    assert answer.json()["obstacles"]


@pytest.fixture
def command(services: Services, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command on the test's library; returns what it prints as JSON."""
    settings = services.settings
    use_library(settings, monkeypatch)

    def call(*arguments: str) -> Any:
        answer = CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False)
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout)

    return call


def test_commands__the_same_operations(command: Call, members: list[list[str]]) -> None:
    merged = command("cluster", "merge", "1", "2", "3")
    assert merged["removed_cluster_ids"] == [2, 3]
    assert [(one["id"], one["size"]) for one in command("cluster", "list")] == [(1, 12)]
    parted = command("cluster", "split", "1", "--dry-run")
    assert parted["event_id"] is None
    command("history", "undo", str(merged["event_id"]))
    assert len(command("cluster", "list")) == 3
    command("media", "move", "2", *members[0][:2])
    assert len(command("cluster", "show", "2")["members"]) == 6
    command("media", "delete", members[0][0], "--yes")
    events = command("history", "list")
    assert [event["kind"] for event in events][-1] == "merge"
    assert all(event["actor"].startswith("cli:") for event in events)


def test_delete__asks_first(command: Call, members: list[list[str]]) -> None:
    assert CliRunner().invoke(cli, ["media", "delete", members[0][0]], input="n\n").exit_code == 1
    assert len(command("cluster", "show", "1")["members"]) == 4
