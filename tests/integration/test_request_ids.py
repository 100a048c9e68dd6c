"""One grep shows the whole way of an upload: through the API, the embedding worker and the assigner."""

import json
import logging
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient

from backend.cli.keys import create_key
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, open_active_space, sweep
from backend.logs import JsonFormatter
from backend.store.telemetry import Measure
from backend.store.telemetry.histograms import fetch_histograms
from backend.web.server import create_web_app


@pytest.fixture
def lines() -> Iterator[list[dict[str, object]]]:
    """What is logged from now on, as JSON."""
    collected: list[dict[str, object]] = []

    class _Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            collected.append(json.loads(JsonFormatter().format(record)))

    collector = _Collector()
    root = logging.getLogger("backend")
    root.addHandler(collector)
    before = root.level
    root.setLevel(logging.DEBUG)
    yield collected
    root.removeHandler(collector)
    root.setLevel(before)


def test_upload__its_id_is_in_every_line(
    client: TestClient, services: Services, make_jpeg: Callable[..., bytes], lines: list[dict[str, object]]
) -> None:
    for name in ("order-1", "order-2"):
        files = {"file": ("a.jpg", make_jpeg(len(name) + int(name[-1])), "image/jpeg")}
        answer = client.post("/media", files=files, headers={"X-Request-ID": name})
        assert (answer.status_code, answer.headers["x-request-id"]) == (202, name)
    media_id = answer.json()["ids"][0]
    space = open_active_space(services)
    assert embed_batch(services, space) == 2
    assert Assigner(services, space).assign_waiting() == 2
    with services.database.transaction() as session:
        measured = {name: sum(found.counts) for name, found in fetch_histograms(session).items()}
    assert measured == dict.fromkeys(Measure, 0) | {
        Measure.DECODE: 2,
        Measure.ENCODE: 1,
        Measure.RECORD: 1,
        Measure.ASSIGN: 1,
        Measure.ASSIGN_BATCH: 1,
        Measure.UPLOAD_TO_READY: 2,
    }
    told = [line for line in lines if line.get("request_id") == "order-2"]
    assert [str(line["message"]) for line in told if line.get("media_id")] == [
        f"Picture {media_id} is taken in.",
        f"Picture {media_id} is embedded.",
        next(f"Picture {media_id} is ready in group {line['cluster_id']}." for line in told if "cluster_id" in line),
    ]
    (answered,) = [line for line in told if "status" in line]
    assert (answered["method"], answered["path"], answered["status"]) == ("POST", "/media", 202)


def test_failure_in_a_worker__names_the_request(
    client: TestClient, services: Services, make_jpeg: Callable[..., bytes], lines: list[dict[str, object]]
) -> None:
    files = {"file": ("a.jpg", make_jpeg(4), "image/jpeg")}
    media_id = client.post("/media", files=files, headers={"X-Request-ID": "order-4"}).json()["ids"][0]
    for key in services.storage.list_keys("originals"):
        services.storage.delete(key)
    assert embed_batch(services, open_active_space(services)) == 1
    (told,) = [line for line in lines if line.get("code") == "original_missing"]
    assert (told["media_id"], told["request_id"]) == (media_id, "order-4")


def test_quarantine_by_the_sweep__names_the_request(
    client: TestClient, services: Services, make_jpeg: Callable[..., bytes], lines: list[dict[str, object]]
) -> None:
    files = {"file": ("a.jpg", make_jpeg(3), "image/jpeg")}
    media_id = client.post("/media", files=files, headers={"X-Request-ID": "order-3"}).json()["ids"][0]
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE media SET attempts = :most"), {"most": services.settings.max_attempts})
    sweep(services)
    (told,) = [line for line in lines if line.get("code") == "quarantined"]
    assert (told["media_id"], told["request_id"]) == (media_id, "order-3")


def test_request_id__is_made_where_none_is_sent_and_in_refusals(
    client: TestClient, lines: list[dict[str, object]]
) -> None:
    answer = client.get("/media/nonsense?token=mc_secret", headers={"X-Request-ID": "no good\tone"})
    assert answer.status_code == 400
    assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers["x-request-id"] in {line.get("request_id") for line in lines}
    assert client.get("/admin/nothing").headers["x-request-id"]
    assert "mc_secret" not in json.dumps(lines)


@pytest.mark.parametrize(
    ("path", "broken"),
    [
        ("/media", "backend.web.api.routes.media.list_media"),
        ("/media", "backend.web.middleware.rate_limit.RateLimit.__call__"),
        ("/media", "backend.web.middleware.authentication._judge"),
        ("/admin/upload", "backend.web.pages.routes.upload.render"),
    ],
    ids=["route", "middleware", "outer_middleware", "page"],
)
def test_request_id__is_in_the_answer_and_the_log_of_what_nobody_expected(
    services: Services, lines: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch, path: str, broken: str
) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("a fault of the program")

    create_key(services.database, "blog", "read", ["https://blog.example"])
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        assert client.get(path).status_code == 200
        monkeypatch.setattr(broken, fail)
        answer = client.get(path, headers={"X-Request-ID": "order-9", "Origin": "https://blog.example"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "order-9")
    (told,) = [line for line in lines if line["message"] == "Unexpected error"]
    assert told["request_id"] == "order-9"
    assert "a fault of the program" in json.dumps(told)
    (answered,) = [line for line in lines if line.get("status") == 500]
    assert answered["request_id"] == "order-9"
    if path == "/media":
        assert answer.json()["code"] == "internal_error"
    if broken.startswith(("backend.web.api.routes", "backend.web.middleware.rate_limit")):
        assert answer.headers["access-control-allow-origin"] == "https://blog.example"
        assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


def test_unexpected__after_the_answer_has_begun_it_is_broken_off(
    services: Services, lines: list[dict[str, object]]
) -> None:
    def half() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("a fault of the program")

    app = create_web_app(services)
    app.add_api_route("/half", lambda: StreamingResponse(half()))
    with TestClient(app) as client, pytest.raises(RuntimeError):
        client.get("/half", headers={"X-Request-ID": "order-8"})
    (told,) = [line for line in lines if line["message"] == "Unexpected error"]
    assert told["request_id"] == "order-8"
