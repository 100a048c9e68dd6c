"""HTTP and command line of the review queue, near-duplicates and exact copies: three things under names of their own."""

import base64
import io
import json
import re
import uuid
from collections.abc import Callable

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image
from starlette.testclient import TestClient
from typer.testing import CliRunner

from backend.cli import app as cli
from backend.cli.console import output
from backend.demo.gallery.picture import render_picture
from backend.errors import Conflict
from backend.features.duplicates import compare_waiting
from backend.features.review import refresh_queue
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.settings import Settings
from backend.store.review import record_hashes
from backend.store.schema import Space
from backend.web.server import create_web_app
from tests.support.command_line import use_library


@pytest.fixture
def library(
    services: Services,
    make_test_space: Callable[..., Space],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
) -> list[uuid.UUID]:
    """Three of one look, the last of which joined narrowly, and one of another; the first two are near-duplicates."""
    space = make_test_space(services.database, 4)
    ids = insert_media(services.database, 4, "embedded")
    vectors = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0.83, np.sqrt(1 - 0.83**2), 0, 0], [0, 0, 0, 1]], dtype=np.float32)
    embed_media(services.database, space, ids, vectors)
    with services.database.transaction() as session:
        session.execute(
            sa.text(
                "UPDATE media SET width = 40 - upload_seq, height = 10, byte_size = 100, mime = 'image/png', "
                "title = 'number ' || upload_seq"
            )
        )
        record_hashes(session, dict(zip(ids, [7, 7, -8, 9], strict=True)))
    Assigner(services, space).assign_waiting()
    compare_waiting(services)
    return ids


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run the command line over the library of this test."""
    use_library(settings, monkeypatch)

    def invoke(*arguments: str) -> str:
        result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return invoke


def test_review__read_and_decide(client: TestClient, services: Services, library: list[uuid.UUID]) -> None:
    page = client.get("/review", params={"kind": "small_margin"}).json()
    (item,) = page["items"]
    assert page["counts"]["small_margin"] == 1
    assert page["is_stale"] is False
    assert item["media_id"] == str(library[2])
    assert item["title"] == "number 3"
    assert item["cluster"]["size"] == 3
    assert item["other_cluster"] is None
    assert item["why"].startswith("It joined at 0.830")
    wanted = {"item": item["id"], "decision": "accept"}
    preview = client.post("/review/decisions?dry_run=true", json=wanted).json()
    assert preview["outcome"]["event_id"] is None
    answer = client.post("/review/decisions", json=wanted)
    assert answer.status_code == 200
    assert answer.json()["outcome"]["kind"] == "confirm"
    assert client.get("/review").json()["items"] == []
    with services.database.transaction() as session:
        assert session.execute(sa.text("SELECT kind, actor FROM cluster_event")).all() == [("confirm", "api")]
    again = client.post("/review/decisions", json=wanted)
    assert (again.status_code, again.json()["code"]) == (404, "not_found")
    taken_back = client.post("/review/decisions/take-back", json={"item": item["id"]})
    assert taken_back.json()["outcome"]["kind"] == "undo"
    assert client.get("/review").json()["items"] == [item]
    nothing = client.post("/review/decisions/take-back", json={"item": item["id"]})
    assert (nothing.status_code, nothing.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/review/decisions", {"item": "odd:1", "decision": "accept"}),
        ("/review/decisions", {"item": "outlier:1", "decision": "merge"}),
        ("/near-duplicates/decisions", {"decision": "keep_best", "keep_media_id": str(uuid.uuid4()), "media_ids": []}),
        ("/near-duplicates/decisions", {"decision": "keep_some", "keep_media_id": str(uuid.uuid4())}),
    ],
)
def test_decisions__malformed(client: TestClient, path: str, body: dict[str, object]) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


DAY = "2026-01-01T00:00:00+00:00"


def cursor_of(content: str) -> str:
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "path",
    [
        "/review",
        "/near-duplicates",
        "/exact-copies",
        "/media",
        "/clusters",
        "/clusters/1",
        "/history",
        "/judgements",
        "/admin/clusters/cards?sort=largest",
        "/admin/clusters/cards?sort=label",
        "/admin/clusters/cards?sort=newest",
        "/admin/clusters/1/members",
    ],
)
def test_cursors__malformed(services: Services, path: str) -> None:
    contents = [
        "nonsense",
        *('["a"]', '["a","b"]', "[null,null]", "{}", '"ab"', "7"),
        "[" * 3_000,
        *(f"[{many}]" for many in (2**63, 10**400, "Infinity", "true")),
        *(f"[{many},{many}]" for many in (2**63, 10**400, "true")),
        *('["a\\u0000",1]', '[1,"a\\u0000"]', '[1,"\\ud800"]', f'[{10**400},"a"]'),
        *(f'["{DAY}",Infinity]', f'["{DAY}",{2**63}]', f'["{DAY}","words","a\\u0000","{uuid.uuid4()}"]'),
    ]
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        for cursor in ["nonsense", "WyJhIl0", *map(cursor_of, contents)]:
            answer = client.get(path, params={"cursor": cursor})
            # Pages of a cluster that is not there may say so first.
            assert answer.status_code in {400, 404}, (path, cursor, answer.status_code)


@pytest.mark.parametrize("item", ["outlier:a\0", "outlier:\ud800"])
def test_decisions__names_that_no_database_takes(client: TestClient, item: str) -> None:
    for path, more in (("/review/decisions", {"decision": "dismiss"}), ("/review/decisions/take-back", {})):
        answer = client.post(
            path, content=json.dumps({"item": item, **more}), headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


def test_addresses__that_cannot_be_read(services: Services) -> None:
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        assert client.get("/judgements?actor=%00").status_code == 200
        assert client.get("/media", headers={"Origin": "http://["}).status_code == 200
        assert client.post("/clusters/1/lock", headers={"Origin": "http://["}).status_code == 403
        refused = client.post("/admin/review/decisions", json={}, headers={"Origin": "http://["})
        assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")


def test_review__pages(client: TestClient, services: Services, library: list[uuid.UUID]) -> None:
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE membership SET margin = 0.001 * assign_seq WHERE origin = 'auto'"))
    refresh_queue(services)
    first = client.get("/review", params={"limit": 3}).json()
    second = client.get("/review", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [len(first["items"]), len(second["items"]), second["next_cursor"]] == [3, 1, None]
    assert [item["media_id"] for item in first["items"] + second["items"]] == [str(one) for one in library]


def test_near_duplicates__read_preview_and_keep_best(client: TestClient, library: list[uuid.UUID]) -> None:
    page = client.get("/near-duplicates").json()
    (group,) = page["groups"]
    assert (page["group_count"], page["spare_count"], page["next_cursor"]) == (1, 1, None)
    assert group["keep"]["media_id"] == str(library[0])
    assert group["why"] == "It has the most pixels (39 x 10)."
    assert [(one["media_id"], one["hash_distance"]) for one in group["members"]] == [(str(library[1]), 0)]
    wanted = {"decision": "keep_best", "keep_media_id": str(library[0]), "media_ids": [str(library[1])]}
    preview = client.post("/near-duplicates/decisions?dry_run=true", json=wanted).json()
    assert preview["outcome"]["moved"][0]["media_id"] == str(library[1])
    assert client.post("/near-duplicates/decisions", json=wanted).status_code == 200
    assert client.get(f"/media/{library[1]}").status_code == 404
    assert client.get("/near-duplicates").json()["groups"] == []
    again = client.post("/near-duplicates/decisions", json=wanted)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_near_duplicates__keep_all(client: TestClient, library: list[uuid.UUID]) -> None:
    wanted = {"decision": "keep_all", "keep_media_id": str(library[0]), "media_ids": [str(library[1])]}
    assert client.post("/near-duplicates/decisions?dry_run=true", json=wanted).json()["outcome"] is None
    assert len(client.get("/near-duplicates").json()["groups"]) == 1
    assert client.post("/near-duplicates/decisions", json=wanted).json() == {"decision": "keep_all", "outcome": None}
    assert client.get("/near-duplicates").json()["groups"] == []


def test_three_kinds__are_never_mixed(client: TestClient, services: Services) -> None:
    """The same bytes twice are an exact copy, and of the versions of a picture nothing else is; a cluster is neither."""
    image = render_picture("lighthouse", 3, 320).image
    large, small = io.BytesIO(), io.BytesIO()
    image.save(large, "JPEG", quality=90)
    image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS).save(small, "JPEG")
    ids = [
        client.post("/media", files=[("file", (name, content.getvalue(), "image/jpeg"))]).json()["ids"][0]
        for name, content in (("large.jpg", large), ("again.jpg", large), ("small.jpg", small))
    ]
    assert ids[0] == ids[1]
    from backend.features.steps import embed_batch, open_active_space

    space = open_active_space(services)
    while embed_batch(services, space):
        pass
    Assigner(services, space).assign_waiting()
    compare_waiting(services)
    copies = client.get("/exact-copies").json()["copies"]
    assert [(one["media_id"], one["source"], one["source_uri"]) for one in copies] == [(ids[0], "upload", "again.jpg")]
    assert client.get("/exact-copies", params={"media_id": ids[2]}).json()["copies"] == []
    (group,) = client.get("/near-duplicates").json()["groups"]
    assert [group["keep"]["media_id"], group["members"][0]["media_id"]] == [ids[0], ids[2]]
    assert client.get("/clusters").json()["total"] == 1


def test_cli__review_and_decide(run: Callable[..., str], library: list[uuid.UUID]) -> None:
    shown = json.loads(run("review", "--kind", "small_margin", "--json"))
    (item,) = shown["items"]
    assert shown["counts"]["small_margin"] == 1
    text = run("review", "--refresh")
    assert "1 small_margin" in text
    assert item["id"] in text
    assert "It joined at 0.830" in text
    assert json.loads(run("decide", item["id"], "accept", "--dry-run", "--json"))["outcome"]["event_id"] is None
    assert "dismiss: small_margin:" in run("decide", item["id"], "dismiss")
    assert json.loads(run("review", "--kind", "small_margin", "--json"))["items"] == []


def test_cli__duplicates_and_copies(
    run: Callable[..., str], library: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = json.loads(run("duplicates", "--json"))
    assert (shown["groups"], shown["spare"]) == (1, 1)
    assert shown["shown"][0]["keep"]["media_id"] == str(library[0])
    text = run("duplicates", "--refresh")
    assert f"keep  {library[0]}  number 1" in text
    assert "1 groups with 1 pictures that need not be kept" in text
    assert json.loads(run("copies", "--json")) == []
    monkeypatch.setattr(output, "width", 200)
    assert "came again" in run("copies")


def test_cli__keep_best_and_all(run: Callable[..., str], library: list[uuid.UUID]) -> None:
    shown = json.loads(run("duplicates", "--json"))["shown"][0]
    keep, spare = shown["keep"]["media_id"], shown["members"][0]["media_id"]
    assert json.loads(run("keep", "best", keep, spare, "--dry-run", "--json"))["event_id"] is None
    assert "Kept all 2 pictures" in run("keep", "all", keep, spare)
    assert json.loads(run("duplicates", "--json"))["groups"] == 0
    # They are no group any more; nothing is deleted by a list that was read before.
    with pytest.raises(Conflict):
        run("keep", "best", keep, spare, "--yes")
    # What can be copied is whole, however narrow the terminal is.
    cluster = json.loads(run("cluster", "list", "--json"))[0]["id"]
    assert len(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", run("cluster", "show", str(cluster)))) > 0
