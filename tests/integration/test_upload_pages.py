"""Uploading from the admin pages: what is known, what is refused, and how far each upload has come."""

import asyncio
import hashlib
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from backend.errors import BackendUnavailable, Quarantined, RateLimited
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.store.engine import Database
from backend.store.schema import Space
from backend.web.pages.streams import Listeners, stream_changes
from backend.web.server import create_web_app
from scripts.demo_site import serving
from tests.support.clients import mounted

JSON = {"accept": "application/json"}


def send(client: TestClient, data: bytes, name: str = "a.jpg", key: str = "k", **words: str) -> Any:
    return client.post(
        "/admin/upload/file", files={"file": (name, data)}, data=words, headers={**JSON, "Idempotency-Key": key}
    )


def events(text: str) -> list[tuple[str, Any]]:
    parts = [part.split("\n") for part in text.split("\n\n") if part.startswith("event:")]
    return [(event.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for event, data in parts]


@pytest.mark.parametrize("path", ["/media/known", "/admin/upload/known"])
def test_known__only_what_is_here(client: TestClient, make_jpeg: Callable[..., bytes], path: str) -> None:
    here = send(client, make_jpeg(1)).json()["ids"][0]
    checksums = [hashlib.sha256(make_jpeg(seed)).hexdigest() for seed in (1, 2)]
    assert client.post(path, json={"checksums": checksums}).json() == {
        "known": [{"sha256": checksums[0], "id": here, "status": "pending"}]
    }
    assert client.post(path, json={"checksums": []}).json() == {"known": []}


@pytest.mark.parametrize("checksums", [["abc"], ["G" * 64], ["0" * 64] * 1001])
def test_known__what_is_no_checksum(client: TestClient, checksums: list[str]) -> None:
    answer = client.post("/media/known", json={"checksums": checksums})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


def test_page__words_for_all_have_the_limits_of_the_settings(
    make_services: Callable[..., Services], open_client: Callable[..., TestClient]
) -> None:
    services = make_services(max_title_characters=120, max_location_characters=80, max_caption_characters=500)
    page = open_client(services).get("/admin/upload").text
    fields = re.findall(r'<(?:input|textarea) class="input" name="(\w+)"[^>]* maxlength="(\d+)"', page)
    assert dict(fields) == {"title": "120", "location": "80", "caption": "500"}


def test_file__with_words_and_again(client: TestClient, make_jpeg: Callable[..., bytes]) -> None:
    first = send(client, make_jpeg(1), name="day one/a.jpg", keywords="sea, sun", location="Skagen")
    again = send(client, make_jpeg(1), name="day one/a.jpg", keywords="sea, sun", location="Skagen")
    assert first.status_code == 202
    assert again.json() == first.json()
    media = client.get(f"/media/{first.json()['ids'][0]}").json()
    assert (media["keywords"], media["location"], media["source_uri"]) == (["sea", "sun"], "Skagen", "day one/a.jpg")


def test_file__refusals_are_problems_for_scripts_and_pages_for_others(client: TestClient) -> None:
    problem = send(client, b"a letter")
    assert (problem.status_code, problem.json()["code"]) == (415, "unsupported_format")
    page = client.post("/admin/upload/file", files={"file": ("a.jpg", b"a letter")})
    assert page.status_code == 415
    assert 'data-problem="unsupported_format"' in page.text


def test_stream__every_stage_until_it_is_settled(
    services: Services,
    database: Database,
    make_test_space: Callable[..., Space],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., Any],
) -> None:
    space = make_test_space(database)
    ids = insert_media(database, 2, "pending")
    gone = uuid.uuid4()
    with serving(create_web_app(services)) as server, httpx.Client(base_url=server, timeout=30) as client:
        asked = {"ids": [str(one) for one in (*ids, gone)]}
        told: list[tuple[str, Any]] = []
        with client.stream("POST", "/admin/upload/stream", json=asked) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for part in _parts(answer):
                told += events(part)
                if len(told) == 1:
                    assert services.database.engine.pool.checkedout() == 0, "it waits without a connection"  # type: ignore[attr-defined]
                    embed_media(database, space, ids, make_mixture(1, 2))
                elif {row["stage"] for row in told[-1][1]} == {"embedded"}:
                    Assigner(services, space).assign_waiting()
        polled = client.post("/admin/upload/progress", json=asked).json()
    assert [sorted({row["stage"] for row in rows}) for name, rows in told if name == "changes"] == [
        ["gone", "stored"],
        ["embedded"],
        ["grouped"],
    ]
    assert told[-1] == ("settled", {})
    assert told[-2][1][0]["group"]["founded"]
    assert [row["stage"] for row in polled] == ["grouped", "grouped", "gone"]


def _parts(answer: httpx.Response) -> Iterator[str]:
    rest = ""
    for piece in answer.iter_text():
        *parts, rest = (rest + piece).split("\n\n")
        yield from (f"{part}\n\n" for part in parts)


def test_stream__ends_when_the_server_stops(
    services: Services, database: Database, insert_media: Callable[..., list[uuid.UUID]]
) -> None:
    ids = [str(one) for one in insert_media(database, 1, "pending")]
    app = create_web_app(services)
    heard = threading.Event()
    ended: list[bool] = []

    def listen(server: str) -> None:
        with httpx.stream("POST", f"{server}/admin/upload/stream", json={"ids": ids}, timeout=30) as answer:
            for _part in _parts(answer):
                heard.set()
        # Cut off, it would have raised.
        ended.append(True)

    with serving(app) as server:
        thread = threading.Thread(target=listen, args=(server,))
        thread.start()
        assert heard.wait(30)
    thread.join(30)
    assert ended == [True]


def test_stream__is_refused_where_too_many_listen(
    services: Services, database: Database, insert_media: Callable[..., list[uuid.UUID]]
) -> None:
    """By caller and in all, with the places given back; pages poll then. Each open stream is an open file of the server."""
    asked = {"ids": [str(one) for one in insert_media(database, 1, "pending")]}
    app = create_web_app(services)
    pages = mounted(app, "/admin")
    pages.state.listeners = Listeners(most=8)
    json = {"Accept": "application/json"}
    with serving(app) as server, ExitStack() as opened:

        def listen() -> httpx.Response:
            answer = opened.enter_context(
                httpx.stream("POST", f"{server}/admin/upload/stream", json=asked, headers=json, timeout=30)
            )
            assert answer.status_code == 200
            parts.append(answer.iter_bytes())  # kept, since an iterator that is dropped closes its stream
            next(parts[-1])
            return answer

        parts: list[Iterator[bytes]] = []
        first = [listen(), listen()]
        refused = httpx.post(f"{server}/admin/upload/stream", json=asked, headers=json)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) > 0
        assert httpx.post(f"{server}/admin/upload/progress", json=asked, headers=json).status_code == 200
        first[0].close()
        deadline = time.monotonic() + 30
        while pages.state.listeners._open.total() > 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        listen()


def test_listeners__in_all_and_of_each() -> None:
    listeners = Listeners(most=4)
    with ExitStack() as held:
        for caller in ("one", "two", "three", "four"):
            held.enter_context(listeners.listen(caller))
        with pytest.raises(RateLimited), listeners.listen("one"):
            pass
        with pytest.raises(BackendUnavailable), listeners.listen("five"):
            pass
    assert not listeners._open


async def _all(stream: Any) -> list[bytes]:
    return [piece async for piece in stream]


def test_stream__says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.web.pages.streams._HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr("backend.web.pages.streams._QUICK_SECONDS", 0.001)
    answers = iter([({"a": 1}, False), ({"a": 1}, False), ({"a": 2}, True)])
    # In a thread of its own: the browser that other tests open has a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        stream = stream_changes(lambda: next(answers), threading.Event())
        pieces = pool.submit(asyncio.run, _all(stream)).result()
    assert pieces == [
        b"event: changes\ndata: [1]\n\n",
        b": still here\n\n",
        b"event: changes\ndata: [2]\n\n",
        b"event: settled\ndata: {}\n\n",
    ]


def test_media__on_its_way_failed_and_tried_again(
    client: TestClient, database: Database, make_jpeg: Callable[..., bytes]
) -> None:
    media = f"/admin/media/{send(client, make_jpeg(1)).json()['ids'][0]}"
    assert "to be embedded" in client.get(media).text
    news = client.get(f"{media}/news", params={"status": "pending"})
    assert (news.status_code, "HX-Refresh" in news.headers) == (204, False)
    with database.transaction() as session:
        session.execute(
            sa.text("UPDATE media SET status = 'failed', error_code = 'quarantined', error_detail = 'It crashed.'")
        )
    assert "HX-Refresh" in client.get(f"{media}/news", params={"status": "pending"}).headers
    page = client.get(media).text
    assert "It crashed." in page
    assert Quarantined.advice in page
    assert "HX-Refresh" in client.post(f"{media}/retry").headers
    assert "to be embedded" in client.get(media).text
