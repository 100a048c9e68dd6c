"""The HTTP API over the real pipeline: uploads, reading, recommendations, problems."""

import base64
import hashlib
import hmac
import io
import json
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr
from starlette.testclient import TestClient

from backend.features.editing import delete_media
from backend.features.intake import (
    ImportReport,
    SentFile,
    accept_files,
    import_items,
    list_items,
    settle,
    wait_for_groups,
)
from backend.features.services import Services
from backend.features.steps import Assigner, deliver_due, embed_batch, fetch_next, open_active_space
from backend.files.text import MediaText
from backend.web.api.app import create_app
from backend.web.middleware.scopes import PUBLIC, SCOPES
from backend.web.server import create_web_app
from tests.support.clients import Response
from tests.support.clock import SetClock


@pytest.fixture
def work(services: Services) -> Callable[[], None]:
    """Do all the work that waits, as workers would."""
    space = open_active_space(services)
    assigner = Assigner(services, space)

    def run() -> None:
        while fetch_next(services):
            pass
        while embed_batch(services, space):
            pass
        assigner.assign_waiting()

    return run


def upload(client: TestClient, *pictures: bytes, query: str = "", **fields: Any) -> Response:
    files = [("file", (f"{number}.jpg", picture, "image/jpeg")) for number, picture in enumerate(pictures)]
    return client.post(f"/media{query}", files=files, data=fields)


def test_upload__new_then_the_same_bytes(client: TestClient, make_jpeg: Callable[..., bytes]) -> None:
    first = upload(client, make_jpeg(1), title="A <b>title</b>", keywords=["sea", "light, house"])
    assert first.status_code == 202
    media_id = first.json()["ids"][0]
    assert first.headers["location"] == f"/media/{media_id}"
    again = upload(client, make_jpeg(1), title="another title")
    assert again.status_code == 200
    assert again.json()["ids"] == [media_id]
    assert again.json()["media"][0]["duplicate"] is True
    media = client.get(f"/media/{media_id}").json()
    assert media["title"] == "A title"
    assert media["keywords"] == ["sea", "light", "house"]
    assert media["status"] == "pending"
    assert (media["width"], media["height"], media["mime"]) == (80, 60, "image/jpeg")
    assert media["sha256"] == hashlib.sha256(make_jpeg(1)).hexdigest()


def test_upload__many_with_words_of_their_own_and_a_bad_one(
    client: TestClient, make_jpeg: Callable[..., bytes], work: Callable[[], None]
) -> None:
    items = json.dumps([{"title": "one"}, {}, {"title": "three", "location": "Here"}])
    answer = upload(client, make_jpeg(1), b"no picture", make_jpeg(2), items=items, location="Everywhere")
    assert answer.status_code == 202
    body = answer.json()
    assert len(body["ids"]) == 2
    assert [one["code"] for one in body["media"]] == [None, "unsupported_format", None]
    work()
    first, third = (client.get(f"/media/{media_id}").json() for media_id in body["ids"])
    assert (first["title"], first["location"], first["status"]) == ("one", "Everywhere", "ready")
    assert (third["title"], third["location"]) == ("three", "Here")
    assert first["cluster"]["id"] >= 1


def test_upload__an_accepted_file_with_something_wrong_is_warned_of_once(
    client: TestClient, make_jpeg: Callable[..., bytes]
) -> None:
    buffer = io.BytesIO()
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>cut off"
    Image.open(io.BytesIO(make_jpeg(1))).save(buffer, "JPEG", icc_profile=b"not a profile", xmp=xmp)

    first, again = (upload(client, buffer.getvalue(), make_jpeg(2)).json()["media"] for _ in range(2))

    assert [one["code"] for one in first[0]["warnings"]] == ["color_profile_ignored", "metadata_damaged"]
    assert first[1]["warnings"] == again[0]["warnings"] == []
    assert [one["duplicate"] for one in again] == [True, True]


def test_upload__wait_seconds_answers_with_the_cluster(
    client: TestClient, make_jpeg: Callable[..., bytes], work: Callable[[], None]
) -> None:
    done = threading.Event()

    def keep_working() -> None:
        while not done.wait(0.2):
            work()

    worker = threading.Thread(target=keep_working)
    worker.start()
    answer = upload(client, make_jpeg(3), query="?wait_seconds=30", title="x")
    done.set()
    worker.join()
    assert answer.status_code == 200
    assert answer.json()["media"][0]["status"] == "ready"
    assert answer.json()["media"][0]["cluster"]["founder"] is True


def test_wait_for_groups__one_of_two_is_deleted_meanwhile(
    services: Services, make_jpeg: Callable[..., bytes], work: Callable[[], None]
) -> None:
    """It is not waited for."""
    files = [SentFile(None, io.BytesIO(make_jpeg(number)), MediaText()) for number in (3, 4)]
    sent = accept_files(services, files)
    clock = SetClock(on_sleep=lambda: delete_and_work() if len(clock.slept) == 1 else None)

    def delete_and_work() -> None:
        assert sent[0].media_id is not None
        delete_media(services, [sent[0].media_id], actor="eve")
        work()

    deleted, kept = wait_for_groups(services, sent, 30, clock=clock)

    assert (deleted.status, kept.status) == ("pending", "ready")
    assert len(clock.slept) == 1
    assert sum(clock.slept) < 28


def test_upload__wait_seconds_ends_in_time(client: TestClient, make_jpeg: Callable[..., bytes]) -> None:
    answer = upload(client, make_jpeg(4), query="?wait_seconds=0.2")
    assert answer.status_code == 202
    assert answer.json()["media"][0]["cluster"] is None


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"hello", 415, "unsupported_format"),
        (b"", 415, "unsupported_format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_format"),
        (b"\xff\xd8\xff\xe0" + bytes(4000) + b"\xff\xd9", 422, "image_corrupt"),
        (b"x" * (26 * 1024 * 1024), 413, "file_too_large"),
    ],
)
def test_upload__refused(client: TestClient, content: bytes, status: int, code: str) -> None:
    answer = upload(client, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/media").json()["media"] == []


def test_upload__truncated(client: TestClient, make_jpeg: Callable[..., bytes]) -> None:
    whole = make_jpeg(5, 400, 300)
    answer = upload(client, whole[: len(whole) // 2])
    assert (answer.status_code, answer.json()["code"]) == (422, "image_truncated")


def test_upload__text_with_nul_or_too_long(client: TestClient, make_jpeg: Callable[..., bytes]) -> None:
    for fields in ({"title": "a\x00b"}, {"caption": "x" * 2001}, {"keywords": [f"word{n}" for n in range(65)]}):
        answer = upload(client, make_jpeg(6), **fields)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_text")


def test_upload__malformed(client: TestClient, make_jpeg: Callable[..., bytes]) -> None:
    assert client.post("/media").json()["code"] == "malformed_request"
    assert upload(client, make_jpeg(), items="[]").json()["code"] == "malformed_request"
    assert upload(client, make_jpeg(), items="{").json()["code"] == "malformed_request"
    assert upload(client, make_jpeg(), taken_at="yesterday").json()["code"] == "invalid_text"


def test_upload__larger_than_a_request_may_be(make_services: Callable[..., Services]) -> None:
    with TestClient(create_app(make_services(max_request_bytes=10_000))) as client:
        announced = upload(client, b"x" * 20_000)
        assert (announced.status_code, announced.json()["code"]) == (413, "file_too_large")

        def stream() -> Iterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
            for _ in range(20):
                yield b"x" * 1000
            yield b"\r\n--b--\r\n"

        streamed = client.post("/media", content=stream(), headers={"content-type": "multipart/form-data; boundary=b"})
        assert (streamed.status_code, streamed.json()["code"]) == (413, "file_too_large")


def test_files__thumbnail_and_original(
    client: TestClient, make_jpeg: Callable[..., bytes], work: Callable[[], None]
) -> None:
    media_id = upload(client, make_jpeg(7, 800, 600)).json()["ids"][0]
    early = client.get(f"/media/{media_id}/thumbnail")
    assert (early.status_code, early.json()["code"]) == (409, "conflict")
    work()
    for size, mime in (("small", "image/webp"), ("large", "image/jpeg")):
        thumbnail = client.get(f"/media/{media_id}/thumbnail?size={size}")
        assert thumbnail.headers["content-type"] == mime
        assert Image.MIME[Image.open(io.BytesIO(thumbnail.content)).format or ""] == mime
    original = client.get(f"/media/{media_id}/original")
    assert original.content == make_jpeg(7, 800, 600)
    assert original.headers["content-disposition"] == 'attachment; filename="0.jpg"'
    assert original.headers["x-content-type-options"] == "nosniff"


def test_similar__three_with_their_cosines(
    client: TestClient, make_jpeg: Callable[..., bytes], work: Callable[[], None]
) -> None:
    ids = [upload(client, make_jpeg(number), title=f"picture {number}").json()["ids"][0] for number in range(5)]
    pending = client.get(f"/media/{ids[0]}/similar")
    assert (pending.status_code, pending.json()["code"]) == (409, "conflict")
    work()
    body = client.get(f"/media/{ids[0]}/similar?k=3&alpha=0.25").json()
    assert (body["k"], body["alpha"], len(body["results"])) == (3, 0.25, 3)
    for hit in body["results"]:
        assert hit["media_id"] in ids[1:]
        assert hit["combined"] == pytest.approx(0.25 * hit["sim_image"] + 0.75 * hit["sim_text"], abs=1e-9)
        assert hit["title"].startswith("picture")
    combined = [hit["combined"] for hit in body["results"]]
    assert combined == sorted(combined, reverse=True)
    assert client.get(f"/media/{ids[0]}/similar").json()["alpha"] == 0.6
    assert client.get(f"/media/{uuid.uuid4()}/similar").status_code == 404
    assert client.get(f"/media/{ids[0]}/similar?alpha=2").json()["code"] == "malformed_request"
    assert client.get(f"/media/{ids[0]}/similar?k=0").json()["code"] == "malformed_request"


def test_lists__keyset_pages_cover_everything_once(
    client: TestClient, make_jpeg: Callable[..., bytes], work: Callable[[], None]
) -> None:
    ids = {upload(client, make_jpeg(number)).json()["ids"][0] for number in range(7)}
    work()
    assert _walk(client, "/media?limit=3", "media", "id") == ids
    clusters = _walk(client, "/clusters?limit=1", "clusters", "id")
    total = client.get("/clusters").json()["total"]
    assert len(clusters) == total
    members: set[object] = set()
    for cluster_id in clusters:
        own = _walk(client, f"/clusters/{cluster_id}?limit=1", "members", "media_id")
        cluster = client.get(f"/clusters/{cluster_id}").json()
        assert cluster["size"] == len(own)
        assert cluster["representative_media_id"] in own
        similarities = [member["similarity"] for member in cluster["members"]]
        assert similarities == sorted(similarities, reverse=True)
        members |= own
    assert members == ids


def _walk(client: TestClient, path: str, rows: str, key: str) -> set[object]:
    found: list[object] = []
    cursor = ""
    while True:
        page = client.get(path + (f"&cursor={cursor}" if cursor else "")).json()
        found += [row[key] for row in page[rows]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize(
    "path", ["/media?cursor=%00", "/media?cursor=e30", "/clusters?cursor=WzEsICJ4Il0", "/clusters/1?cursor=abc"]
)
def test_lists__a_cursor_that_is_none(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


def test_problems__unknown_things(client: TestClient) -> None:
    for path in (f"/media/{uuid.uuid4()}", "/clusters/999", "/nowhere", f"/media/{uuid.uuid4()}/original"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert client.get("/media/not-an-id").json()["code"] == "malformed_request"
    assert client.get("/clusters/99999999999999999999").json()["code"] == "malformed_request"
    assert client.delete("/clusters").json()["code"] == "method_not_allowed"


class _Site(BaseHTTPRequestHandler):
    """Serves one picture, and keeps what is posted to it."""

    picture = b""
    posts: list[tuple[dict[str, str], bytes]]

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/a.jpg" else 404)
        self.send_header("Content-Length", str(len(self.picture)))
        self.end_headers()
        self.wfile.write(self.picture)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(500 if len(type(self).posts) == 1 else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(make_jpeg: Callable[..., bytes]) -> Iterator[str]:
    _Site.picture, _Site.posts = make_jpeg(50), []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_from_url__warnings_are_kept_and_told(make_services: Callable[..., Services], site: str) -> None:
    services = make_services(fetch_allow_private=True, fetch_ports=(int(site.rpartition(":")[2]),))
    _Site.picture = _Site.picture.removesuffix(b"\xff\xd9")
    report = ImportReport()
    items, _left_out = list_items(services, [f"{site}/a.jpg"])
    list(import_items(services, items, report))
    with TestClient(create_app(services)) as client:
        (media_id,) = report.new
        assert client.get(f"/media/{media_id}").json()["warnings"] == []
        assert fetch_next(services) == 1
        settle(services, report)
        told = client.get(f"/media/{media_id}").json()["warnings"]
        assert [one["code"] for one in told] == ["end_missing"]
        assert [(one.path, one.code) for one in report.warnings] == [(f"{site}/a.jpg", "end_missing")]
        settle(services, report)
        assert len(report.warnings) == 1


def test_from_url__fetched_duplicate_and_failed(
    make_services: Callable[..., Services], site: str, make_jpeg: Callable[..., bytes]
) -> None:
    services = make_services(fetch_allow_private=True, fetch_ports=(int(site.rpartition(":")[2]),))
    space = open_active_space(services)
    with TestClient(create_app(services)) as client:
        existing = upload(client, make_jpeg(51)).json()["ids"][0]
        posted = client.post("/media/from-url", json={"url": f"{site}/a.jpg", "title": "from afar"})
        assert (posted.status_code, posted.json()["media"][0]["status"]) == (202, "fetching")
        missing = client.post("/media/from-url", json={"url": f"{site}/b.jpg"}).json()["ids"][0]
        twice = client.post("/media/from-url", json={"url": f"{site}/a.jpg"}).json()["ids"][0]
        while fetch_next(services):
            pass
        while embed_batch(services, space):
            pass
        Assigner(services, space).assign_waiting()
        media_id = posted.json()["ids"][0]
        media = client.get(f"/media/{media_id}").json()
        assert (media["status"], media["title"]) == ("ready", "from afar")
        assert client.get(f"/media/{missing}").json()["error_code"] == "fetch_failed"
        duplicate = client.get(f"/media/{twice}").json()
        assert (duplicate["status"], duplicate["duplicate_of"]) == ("duplicate", media_id)
        assert client.get(f"/media/{twice}/thumbnail").status_code == 200
        # Pictures similar to a duplicate are those similar to its original, which is not among them.
        for asked in ("/media/{}/similar", "/media/{}/alpha", "/search?media_id={}", "/search?not_media_id={}&q=sea"):
            own, copies = (client.get(asked.format(one)) for one in (media_id, twice))
            assert (copies.status_code, copies.json() | {"media_id": media_id}) == (
                200,
                own.json() | {"media_id": media_id},
            )
        assert [hit["media_id"] for hit in client.get(f"/search?media_id={twice}").json()["hits"]] == [existing]
        assert existing != media_id
        retried = client.post(f"/media/{missing}/retry")
        assert (retried.status_code, retried.json()["status"]) == (202, "fetching")
        assert client.post(f"/media/{media_id}/retry").json()["code"] == "conflict"


@pytest.mark.parametrize(
    ("path", "step"),
    [
        ("/search?media_id={}", "backend.features.search.search.fetch_hits"),
        ("/media/{}/similar", "backend.features.search.recommendation.similar_media"),
        ("/media/{}/alpha", "backend.features.search.alpha_insight._candidates"),
        ("/admin/media/{}/similar", "backend.features.search.alpha_insight._candidates"),
    ],
    ids=["search", "similar", "alpha", "page"],
)
def test_media__deleted_while_it_is_found(
    services: Services,
    work: Callable[[], None],
    make_jpeg: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    step: str,
) -> None:
    """Each statement sees what is committed by then: a hit may be gone before its words are read."""
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        asked, gone, kept = upload(client, *map(make_jpeg, (71, 72, 73))).json()["ids"]
        work()
        module, _, name = step.rpartition(".")
        real = getattr(sys.modules[module], name)

        def deleting(*arguments: object, **named: object) -> object:
            if name == "fetch_hits":
                delete_media(services, [uuid.UUID(gone)], actor="somebody")
                return real(*arguments, **named)
            found = real(*arguments, **named)
            delete_media(services, [uuid.UUID(gone)], actor="somebody")
            return found

        monkeypatch.setattr(step, deleting)
        answer = client.get(path.format(asked))
        assert answer.status_code == 200
        assert kept in answer.text
        assert gone not in answer.text


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/a.jpg", "http://169.254.169.254/", "file:///etc/passwd", "http://[::1]/", "gopher://x"]
)
def test_from_url__forbidden(client: TestClient, url: str) -> None:
    answer = client.post("/media/from-url", json={"url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "url_forbidden")


def test_urls__name_without_a_unicode_form(client: TestClient) -> None:
    """It exists in the DNS, so it is accepted as any name is that does not resolve yet."""
    url = "http://xn--ls8h.invalid/a.jpg"
    assert client.post("/media/from-url", json={"url": url}).status_code == 202
    assert client.post("/webhooks", json={"url": url}).status_code == 201


def test_webhooks__signed_and_tried_again(
    make_services: Callable[..., Services],
    site: str,
    make_jpeg: Callable[..., bytes],
    work: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backend.store.events.webhooks.RETRY_SECONDS", (0, 0, 0))
    services = make_services(webhook_allow_private=True)
    client = TestClient(create_app(services))
    hook = client.post("/webhooks", json={"url": site, "events": ["media.ready"]})
    assert hook.status_code == 201
    assert "secret" not in client.get("/webhooks").text
    media_id = upload(client, make_jpeg(60)).json()["ids"][0]
    work()
    assert deliver_due(services) == 1  # answered with 500
    assert deliver_due(services) == 1
    assert deliver_due(services) == 0
    (first, _), (headers, body) = _Site.posts
    assert first["webhook-id"] == headers["webhook-id"]
    content = json.loads(body)
    assert (content["type"], content["media_id"]) == ("media.ready", media_id)
    assert content["cluster_id"] == client.get(f"/media/{media_id}").json()["cluster"]["id"]
    key = base64.b64decode(hook.json()["secret"].removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert client.delete(f"/webhooks/{hook.json()['id']}").status_code == 204
    assert client.get("/webhooks").json() == {"webhooks": []}


def test_health(client: TestClient, services: Services) -> None:
    assert client.get("/health/live").json()["status"] == "ok"
    ready = client.get("/health/ready")
    assert ready.status_code == 200
    assert set(ready.json()["checks"]) == {"database", "broker", "storage"}


def test_health__broker_gone(make_services: Callable[..., Services], tmp_path: object) -> None:
    services = make_services(redis_url=SecretStr(f"redis+socket://{tmp_path}/none.sock"))
    with TestClient(create_app(services)) as client:
        answer = client.get("/health/ready")
        # Uploads are taken in all the same, and wait.
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert answer.json()["checks"]["broker"] != "ok"
        assert answer.json()["checks"]["database"] == "ok"


def test_database_gone__503_with_retry_after(make_services: Callable[..., Services], tmp_path: object) -> None:
    services = make_services(database_url=SecretStr(f"postgresql://postgres@/x?host={tmp_path}"))
    with TestClient(create_app(services)) as client:
        answer = client.get("/media")
        assert (answer.status_code, answer.json()["code"]) == (503, "backend_unavailable")
        assert int(answer.headers["retry-after"]) > 0


def test_openapi__operation_ids_and_problems_are_a_contract(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert "HTTPValidationError" not in json.dumps(document)
    operations = {
        operation["operationId"]: operation for path in document["paths"].values() for operation in path.values()
    }
    # The form is the same path as the body, for other content; the document names one of them.
    assert set(operations) == (set(SCOPES) | PUBLIC) - {"search_by_form"}
    for name, operation in operations.items():
        if name not in PUBLIC:
            assert "503" in operation["responses"], name
    assert client.get("/docs").status_code == 200


def test_docs__names_an_icon_that_is_there(client: TestClient) -> None:
    """A browser that finds none asks for /favicon.ico, and reports the 404."""
    icon = re.search(r'<link rel="icon" type="image/svg\+xml" href="([^"]+)"', client.get("/docs").text)
    assert icon is not None
    answer = client.get(f"/{icon[1]}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_reference__loads_nothing_from_elsewhere(services: Services, path: str) -> None:
    with TestClient(create_web_app(services)) as client:
        page = client.get(path)
        policy = client.get("/admin/login").headers["content-security-policy"]
        assert (page.status_code, page.headers["content-security-policy"]) == (200, policy)
        loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
        assert len(loaded) == 4
        for address in loaded:
            assert "//" not in address
            got = client.get(f"/{address}")
            assert (got.status_code, got.headers.get("x-content-type-options", "nosniff")) == (200, "nosniff")
            assert "https://" not in got.text or address == "openapi.json"
        assert "<script>" not in page.text
        assert "style=" not in page.text


# --- JSON that is nested for no reason -------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [200, 900, 3_000, 100_000])
def test_json__nested_deeply_is_refused_everywhere(
    make_services: Callable[..., Services], make_jpeg: Callable[..., bytes], depth: int
) -> None:
    services = make_services(import_roots=(Path.cwd(),))
    bodies = ["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth]
    bodies += [f'{{"{name}": {bodies[0]}}}' for name in ("url", "title", "ids", "checksums", "path", "q", "media_ids")]
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        paths = client.get("/openapi.json").json()["paths"]
        asked = 0
        for path, methods in paths.items():
            place = re.sub(r"\{[^}]*\}", "1", path)
            for method, operation in methods.items():
                if "application/json" not in operation.get("requestBody", {}).get("content", {}):
                    continue
                for body in bodies:
                    answer = client.request(method, place, content=body, headers={"content-type": "application/json"})
                    assert 400 <= answer.status_code < 500, (method, path, body[:20], answer.text[:200])
                    asked += 1
        assert asked > 100
        for items in bodies:
            answer = client.post("/media", files={"file": make_jpeg(1)}, data={"items": items})
            assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request"), answer.text[:200]
        nested = base64.urlsafe_b64encode(bodies[0].encode()).decode().rstrip("=")
        if len(nested) < 10_000:
            for path in ("/media", "/search", "/exact-copies"):
                assert 400 <= client.get(path, params={"cursor": nested, "q": "sea"}).status_code < 500
