"""What strangers and non-admins are not told, how often anybody may ask, where webhooks may lead, and what no log says."""

import errno
import io
import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from PIL import Image
from pydantic import SecretStr
from starlette.routing import BaseRoute, Mount
from starlette.testclient import TestClient

from backend.errors import BackendUnavailable
from backend.features.access import Browser, create_account, log_in_by_link, make_login_link
from backend.features.intake import ImportReport, accept_picture, import_items, list_items
from backend.features.services import Services
from backend.features.steps import deliver_due
from backend.files.text import MediaText
from backend.logs import JsonFormatter, TextFormatter
from backend.store.engine import Database
from backend.store.media import record_exact_copy
from backend.web.middleware.rate_limit import SEARCHES, UPLOADS, Buckets, limited_routes
from backend.web.server import create_web_app

LATITUDE = "48.8583"


@pytest.fixture
def keyed(make_services: Callable[..., Services]) -> Services:
    return make_services(authentication="keys", uploads_per_minute=4, searches_per_minute=3)


def located_jpeg() -> bytes:
    """A picture that says it was taken at 48.8583 N, 2.2945 E."""
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    gps = exif.get_ifd(0x8825)
    gps.update({1: "N", 2: (48.0, 51.0, 29.88), 3: "E", 4: (2.0, 17.0, 40.2)})
    buffer = io.BytesIO()
    Image.radial_gradient("L").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def upload(client: TestClient, picture: bytes, headers: dict[str, str]) -> Any:
    return client.post("/media", files={"file": ("a.jpg", picture, "image/jpeg")}, headers=headers)


def acts(database: Database) -> list[tuple[str, str, str]]:
    with database.transaction() as session:
        rows = session.execute(sa.text("SELECT actor, act, address FROM audit_log ORDER BY id"))
        return [(row.actor, row.act, row.address) for row in rows]


def log_in(client: TestClient, services: Services, name: str, role: str) -> None:
    create_account(services.database, name, role, None, actor="test")
    _name, link = make_login_link(services.database, name, actor="test")
    client.cookies.clear()
    assert client.post("/admin/login", data={"link": link}, follow_redirects=False).status_code == 303


# --- where a picture was taken ---------------------------------------------------------------------------------


def test_places__are_for_admins(
    keyed_client: TestClient, keyed: Services, make_key: Callable[..., dict[str, str]]
) -> None:
    upload_key, read_key, admin_key = make_key("upload"), make_key("read"), make_key("admin")
    answer = upload(keyed_client, located_jpeg(), upload_key)
    assert LATITUDE not in answer.text
    media_id = answer.json()["ids"][0]
    for header in (upload_key, read_key, make_key("curate")):
        for path in (f"/media/{media_id}", "/media"):
            told = keyed_client.get(path, headers=header).text
            assert "Maker" in told
            assert LATITUDE not in told
        refused = keyed_client.get(f"/media/{media_id}/original", headers=header)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    changed = keyed_client.patch(f"/media/{media_id}", json={"title": "x"}, headers=make_key("curate"))
    assert changed.status_code == 200
    assert LATITUDE not in changed.text
    assert keyed_client.get(f"/media/{media_id}", headers=admin_key).json()["exif"]["latitude_degrees"] == float(
        LATITUDE
    )
    assert keyed_client.get(f"/media/{media_id}/original", headers=admin_key).content == located_jpeg()
    log_in(keyed_client, keyed, "carl", "curator")
    page = keyed_client.get(f"/admin/media/{media_id}").text
    assert "Maker" in page
    assert "latitude" not in page
    assert keyed_client.get(f"/admin/media/{media_id}/original").status_code == 403
    log_in(keyed_client, keyed, "ada", "admin")
    assert LATITUDE in keyed_client.get(f"/admin/media/{media_id}").text
    assert keyed_client.get(f"/admin/media/{media_id}/original").status_code == 200


def test_places__from_google_takeout_too(
    keyed_client: TestClient, keyed: Services, make_key: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    # Two pictures: one that says nothing of itself, one that names a city and its own coordinates.
    takeout = {"photoTakenTime": {"timestamp": "1714559400"}, "geoData": {"latitude": 12.34567, "longitude": 2.2945}}
    Image.linear_gradient("L").save(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(located_jpeg())
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / f"{name}.json").write_text(json.dumps(takeout))
    report = ImportReport()
    items, _skipped = list_items(keyed, [str(tmp_path)])
    list(import_items(keyed, items, report))
    bare, located = report.new
    for media_id in (bare, located):
        for path in (f"/media/{media_id}", "/media"):
            told = keyed_client.get(path, headers=make_key("read")).text
            assert "12.34" not in told
            assert LATITUDE not in told
    admin_key = make_key("admin")
    told = keyed_client.get(f"/media/{bare}", headers=admin_key).json()
    assert (told["location"], told["exif"]["latitude_degrees"]) == ("", 12.34567)
    # What the camera wrote is not displaced.
    assert keyed_client.get(f"/media/{located}", headers=admin_key).json()["exif"]["latitude_degrees"] == float(
        LATITUDE
    )


def test_places__in_a_location_too(
    make_services: Callable[..., Services],
    make_key: Callable[..., dict[str, str]],
    make_jpeg: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    services = make_services(authentication="keys", fetch_allow_private=True, fetch_ports=(9,))
    upload_key, read_key, admin_key = make_key("upload"), make_key("read"), make_key("admin")
    said = "47.3712, 8.5412"
    (tmp_path / "a.csv").write_text(f'url,location\nhttp://127.0.0.1:9/a.jpg,"{said}"\n')
    (tmp_path / "b.jpg").write_bytes(make_jpeg(2))
    (tmp_path / "b.csv").write_text(f'path,location\nb.jpg,"{said}"\n')
    with TestClient(create_web_app(services)) as client:
        ids = [
            client.post("/media", files={"file": make_jpeg(1)}, data={"location": said}, headers=upload_key).json()[
                "ids"
            ][0],
            client.post(
                "/media/from-url",
                json={"url": "http://127.0.0.1:9/b.jpg", "location": "47°22'16\"N 8°32'28\"E"},
                headers=upload_key,
            ).json()["ids"][0],
        ]
        report = ImportReport()
        list(
            import_items(services, list_items(services, [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")])[0], report)
        )
        ids += map(str, report.new)
        assert len(ids) == 4
        edited = client.post("/media", files={"file": make_jpeg(4)}, headers=upload_key).json()["ids"][0]
        told = client.patch(
            f"/media/{edited}", json={"location": f"geo:{said.replace(' ', '')}"}, headers=make_key("curate")
        )
        assert "47.37" not in told.text
        for media_id in (*ids, edited):
            assert "47.37" not in client.get(f"/media/{media_id}", headers=read_key).text
            shown = client.get(f"/media/{media_id}", headers=admin_key).json()
            assert (shown["location"], round(shown["exif"]["latitude_degrees"], 2)) == ("", 47.37)


def test_addresses__that_let_others_fetch_are_for_admins(
    keyed_client: TestClient, keyed: Services, make_key: Callable[..., dict[str, str]]
) -> None:
    read_key = make_key("read")
    address = "https://ada:pass@pictures.example/a.png?X-Signature=tell-nobody"
    media_id = accept_picture(keyed, located_jpeg(), MediaText(), source="url", source_uri=address).media_id
    with keyed.database.transaction() as session:
        record_exact_copy(session, media_id, "url", address)
    for path in (f"/media/{media_id}", "/media", "/exact-copies"):
        told = keyed_client.get(path, headers=read_key).text
        assert "https://pictures.example/a.png" in told
        assert "tell-nobody" not in told
        assert "ada:pass" not in told
        assert address in keyed_client.get(path, headers=make_key("admin")).text
    log_in(keyed_client, keyed, "carl", "curator")
    page = keyed_client.get(f"/admin/media/{media_id}").text
    assert "https://pictures.example/a.png" in page
    assert "tell-nobody" not in page
    log_in(keyed_client, keyed, "ada", "admin")
    assert "tell-nobody" in keyed_client.get(f"/admin/media/{media_id}").text


def test_places__in_xmp_too(keyed_client: TestClient, make_key: Callable[..., dict[str, str]]) -> None:
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:GPSLatitude>48,51.498N</exif:GPSLatitude></x:xmpmeta>'
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "JPEG", xmp=packet)
    media_id = upload(keyed_client, buffer.getvalue(), make_key("upload")).json()["ids"][0]
    assert keyed_client.get(f"/media/{media_id}/original", headers=make_key("read")).status_code == 403


def test_original__is_nothing_to_run(
    keyed_client: TestClient, make_key: Callable[..., dict[str, str]], make_jpeg: Callable[..., bytes]
) -> None:
    # A picture that is a page too, were somebody to take it for one.
    polyglot = make_jpeg(1) + b"<script>alert(1)</script>"
    media_id = upload(keyed_client, polyglot, make_key("upload")).json()["ids"][0]
    answer = keyed_client.get(f"/media/{media_id}/original", headers=make_key("read"))
    assert answer.content == polyglot
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-disposition"].startswith("attachment; ")


# --- folders of the server -------------------------------------------------------------------------------------


def test_import_folder__below_the_roots_and_no_link_leads_out(
    make_services: Callable[..., Services], make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "inner").mkdir(parents=True)
    outside.mkdir()
    for number, name in enumerate(("a.jpg", "b.jpg", "inner/c.jpg")):
        (root / name).write_bytes(make_jpeg(number))
    (root / "bad.jpg").write_bytes(b"no picture")
    (outside / "secret.jpg").write_bytes(make_jpeg(9))
    (root / "link.jpg").symlink_to(outside / "secret.jpg")
    (root / "linked").symlink_to(outside)
    services = make_services(import_roots=(root,), max_files_per_request=3)
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        first = client.post("/media/from-folder", json={"path": str(root)}).json()
        assert [Path(one["filename"]).name for one in first["media"]] == ["a.jpg", "b.jpg", "bad.jpg"]
        assert first["media"][2]["code"] == "unsupported_format"
        second = client.post("/media/from-folder", json={"path": str(root), "after": first["next_after"]}).json()
        assert [Path(one["filename"]).name for one in second["media"]] == ["c.jpg"]
        assert second["next_after"] is None
        again = client.post("/media/from-folder", json={"path": str(root / "inner")}).json()
        assert again["media"][0]["duplicate"]
        for path in (outside, root / "link.jpg", root / "linked", root / "../outside", Path("/etc"), Path("x\0y")):
            answer = client.post("/media/from-folder", json={"path": str(path)})
            assert (answer.status_code, answer.json()["code"]) == (422, "path_forbidden"), path
    with TestClient(create_web_app(make_services()), raise_server_exceptions=False) as client:
        answer = client.post("/media/from-folder", json={"path": str(root)})
        assert (answer.status_code, answer.json()["code"]) == (422, "path_forbidden")


def test_import_folder__names_folders_that_cannot_be_opened(
    make_services: Callable[..., Services],
    make_jpeg: Callable[..., bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each once, whichever page it falls on."""
    for number, name in enumerate(("a.jpg", "one/b.jpg", "shut/hidden.jpg", "three/c.jpg", "zero/hidden.jpg")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(make_jpeg(number))
    scandir = os.scandir

    def refuse(path: str | Path) -> object:
        if Path(path).name in {"shut", "zero"}:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    services = make_services(import_roots=(tmp_path,), max_files_per_request=3)
    named: list[list[tuple[str, str | None]]] = []
    after = None
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        while not named or after:
            answer = client.post("/media/from-folder", json={"path": str(tmp_path), "after": after}).json()
            named.append([(Path(one["filename"]).name, one["code"]) for one in answer["media"]])
            assert len(answer["ids"]) == sum(code is None for _, code in named[-1])
            after = answer["next_after"]
        with pytest.raises(OSError, match="Permission"):
            list(os.scandir(tmp_path / "shut"))
        answer = client.post("/media/from-folder", json={"path": str(tmp_path / "shut")})
    assert named == [
        [("a.jpg", None), ("b.jpg", None), ("shut", "file_unreadable")],
        [("c.jpg", None), ("zero", "file_unreadable")],
    ]
    assert (answer.status_code, answer.json()["code"]) == (400, "file_unreadable")


def test_import_folder__goes_on_where_what_came_last_has_gone(
    make_services: Callable[..., Services], make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    """A script may well remove what has been taken in. And a name may be no UTF-8."""
    names = (b"a.jpg", b"b\xff%2F.jpg", b"c.jpg", b"in/d.jpg", b"z\xe4/e.jpg", b"z\xe4/f.jpg")
    for number, name in enumerate(names):
        path = tmp_path / "pictures" / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(make_jpeg(number))
    services = make_services(import_roots=(tmp_path / "pictures",), max_files_per_request=1)
    taken: list[str] = []
    body: dict[str, str | None] = {"path": str(tmp_path / "pictures"), "after": None}
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        while not taken or body["after"]:
            answer = client.post("/media/from-folder", json=body).json()
            taken += [one["filename"].removeprefix(f"{body['path']}/") for one in answer["media"]]
            (tmp_path / "pictures" / os.fsdecode(names[len(taken) - 1])).unlink()
            body["after"] = answer["next_after"]
        assert taken == ["a.jpg", "b?%2F.jpg", "c.jpg", "in/d.jpg", "z?/e.jpg", "z?/f.jpg"]
        for after in ("/pictures/a.jpg", "", "/", "\ud800"):
            answer = client.post("/media/from-folder", content=json.dumps(body | {"after": after}))
            assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request"), after


# --- how often -------------------------------------------------------------------------------------------------


def test_rate_limit__each_key_has_its_own(
    keyed_client: TestClient, make_key: Callable[..., dict[str, str]], make_jpeg: Callable[..., bytes]
) -> None:
    busy, calm = make_key("upload", name="busy"), make_key("upload", name="calm")
    codes = [upload(keyed_client, make_jpeg(1), busy).status_code for _ in range(5)]
    assert 429 not in codes[:4]
    assert codes[4] == 429
    refused = upload(keyed_client, make_jpeg(1), busy)
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert upload(keyed_client, make_jpeg(1), calm).status_code == 200
    assert keyed_client.get("/media", headers=busy).status_code == 200
    searches = [keyed_client.get("/search", headers=make_key("read", name="busy")).status_code for _ in range(4)]
    assert searches[:3] == [422, 422, 422]
    assert searches[3] == 429


def test_rate_limit__uploads_in_the_pages(keyed_client: TestClient, keyed: Services) -> None:
    log_in(keyed_client, keyed, "ada", "admin")
    token = {
        "X-CSRF-Token": re.findall(r'name="csrf-token" content="([^"]+)"', keyed_client.get("/admin/upload").text)[0]
    }
    answers = [keyed_client.post("/admin/upload/file", headers=token) for _ in range(3)]
    answers += [keyed_client.post("/admin/upload/url", json={}, headers=token) for _ in range(2)]
    assert answers[-1].status_code == 429
    assert [one.status_code for one in answers].count(429) == 1
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


# A picture that is dropped to be judged is not stored as one of the library: it belongs to an opinion.
_UNLIMITED_FILES = {"/judgements/pictures", "/admin/judgements/picture"}


def test_rate_limit__every_route_that_takes_pictures_has_one(keyed_client: TestClient) -> None:
    app = keyed_client.app
    assert isinstance(app, FastAPI)
    limits = {(method, path): kind for method, path, kind in limited_routes(app.routes)}
    taking = {("POST", path) for path in _paths_that_take_pictures(app.routes)}
    assert len(taking) >= 6
    assert {path for method, path in taking - limits.keys()} == _UNLIMITED_FILES
    assert limits == {
        ("POST", "/media"): UPLOADS,
        ("POST", "/media/from-url"): UPLOADS,
        ("POST", "/admin/upload/file"): UPLOADS,
        ("POST", "/admin/upload/url"): UPLOADS,
        ("GET", "/search"): SEARCHES,
        ("POST", "/search"): SEARCHES,
        ("POST", "/admin/search/hits"): SEARCHES,
        ("GET", "/admin/clusters/found"): SEARCHES,
    }


def _paths_that_take_pictures(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[str]:
    """Whatever has a file or the URL of a picture in its body."""
    for found in iter_route_contexts(routes):
        if isinstance(found.route, Mount):
            yield from _paths_that_take_pictures(found.route.routes, prefix + found.route.path)
        elif found.path is not None and callable(found.endpoint):
            hints = get_type_hints(found.endpoint, include_extras=True).values()
            said = " ".join(f"{hint} {getattr(_plain(hint), 'model_fields', '')}" for hint in hints)
            if "UploadFile" in said or "UrlInput" in said:
                yield prefix + found.path


def _plain(hint: Any) -> Any:
    """A type without what `Annotated` adds to it."""
    return getattr(hint, "__origin__", hint)


def test_rate_limit__nobody_on_this_machine(make_services: Callable[..., Services]) -> None:
    services = make_services(authentication="login", uploads_per_minute=1)
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        assert {client.post("/media").status_code for _ in range(5)} == {400}


def test_buckets__fill_evenly() -> None:
    now = 0.0
    buckets = Buckets(60, clock=lambda: now)
    assert [buckets.take("a") for _ in range(61)] == [0] * 60 + [1]
    assert buckets.take("b") == 0
    now = 2.0
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 1]
    now = 1000.0
    assert [buckets.take("a") for _ in range(61)][-2:] == [0, 1]


# --- where webhooks may lead -----------------------------------------------------------------------------------


class _Inside(BaseHTTPRequestHandler):
    """A service of the network that nobody outside may ask."""

    asked = 0

    def do_POST(self) -> None:
        type(self).asked += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "http://169.254.169.254/latest",
        "http://[::1]:80/",
        "http://10.0.0.1/",
        "http://u:p@example.org/",
    ],
)
def test_webhooks__forbidden_addresses(services: Services, url: str) -> None:
    with TestClient(create_web_app(services)) as client:
        answer = client.post("/webhooks", json={"url": url})
        assert (answer.status_code, answer.json()["code"]) == (422, "url_forbidden")


def test_webhooks__checked_at_each_delivery(services: Services) -> None:
    """A name may lead elsewhere by then."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Inside)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with services.database.transaction() as session:
            session.execute(
                sa.text(
                    "INSERT INTO webhook (id, url, secret, events) VALUES (gen_random_uuid(), :url, 'whsec_AAAA', '{media.ready}')"
                ),
                {"url": f"http://localhost:{server.server_port}/"},
            )
            session.execute(
                sa.text(
                    "INSERT INTO webhook_delivery (webhook_id, event, body) SELECT id, 'media.ready', '{}' FROM webhook"
                )
            )
        assert deliver_due(services) == 1
        assert _Inside.asked == 0
        with services.database.transaction() as session:
            error = session.execute(sa.text("SELECT last_error FROM webhook_delivery")).scalar_one()
        assert error.startswith("url_forbidden")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# --- what is noted ---------------------------------------------------------------------------------------------


def test_audit_log__who_what_and_from_where(
    keyed_client: TestClient, keyed: Services, make_key: Callable[..., dict[str, str]], make_jpeg: Callable[..., bytes]
) -> None:
    admin = make_key("admin", name="ops")
    media_id = upload(keyed_client, make_jpeg(1), admin).json()["ids"][0]
    hook = keyed_client.post("/webhooks", json={"url": "https://192.0.43.8/"}, headers=admin)
    assert hook.status_code == 201, hook.text
    assert keyed_client.delete(f"/webhooks/{hook.json()['id']}", headers=admin).status_code == 204
    (actor, act, address), *rest = acts(keyed.database)
    assert (actor, act, address[:16]) == ("cli", "key.created", "command line of ")
    assert rest == [
        ("key:ops", "webhook.created", "testclient"),
        ("key:ops", "webhook.deleted", "testclient"),
    ]
    assert media_id


# --- what no log says ------------------------------------------------------------------------------------------


def _refusal(services: Services, statement: sa.TextClause, values: dict[str, str]) -> sa.exc.DBAPIError:
    """The error by which Postgres refuses a statement."""
    with pytest.raises(sa.exc.DBAPIError) as caught, services.database.transaction() as session:
        session.execute(statement, values)
    return caught.value


def _record_of(error: Exception) -> logging.LogRecord:
    return logging.LogRecord("a", logging.ERROR, "p", 1, "refused", (), (type(error), error, error.__traceback__))


@pytest.mark.parametrize("formatter", [JsonFormatter, TextFormatter])
def test_logs__hold_no_values_of_a_row_that_was_refused(
    services: Services, formatter: type[JsonFormatter] | type[TextFormatter]
) -> None:
    refused = sa.text("INSERT INTO media (title, source, status) VALUES (:title, 'test', 'embedded')")
    values = {"title": "what she wrote"}
    error = _refusal(services, refused, values)
    assert isinstance(error, sa.exc.IntegrityError)
    assert "what she wrote" in str(error.orig)  # else this would prove nothing
    line = formatter().format(_record_of(error))
    assert "Failing row contains (***)" in line
    assert "she wrote" not in line


@pytest.mark.parametrize("formatter", [JsonFormatter, TextFormatter])
def test_logs__hold_no_json_that_was_refused(
    services: Services, formatter: type[JsonFormatter] | type[TextFormatter]
) -> None:
    refused = sa.text("SELECT CAST(:document AS jsonb)")
    values = {"document": '{"title": "what she wrote \\u0000"}'}
    error = _refusal(services, refused, values)
    assert "she wrote" in str(error.orig)  # else this would prove nothing
    line = formatter().format(_record_of(error))
    assert "JSON data, line 1: ***" in line
    assert "wrote" not in line


def test_logs__hold_no_secret(
    keyed_client: TestClient,
    keyed: Services,
    make_key: Callable[..., dict[str, str]],
    make_services: Callable[..., Services],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Everything that is logged at DEBUG, tracebacks too, while each kind of secret is used rightly and wrongly."""
    caplog.set_level(logging.DEBUG)
    password, database_password = "correct horse battery", "hunter2-of-the-database"
    create_account(keyed.database, "eve", "admin", password, actor="test")
    _name, link = make_login_link(keyed.database, "eve", actor="test")
    session_secret = log_in_by_link(keyed.database, link, Browser("127.0.0.1", ""), session_seconds=60)
    admin = make_key("admin")
    hook_path = "T0000-path-that-lets-in"
    hook = keyed_client.post("/webhooks", json={"url": f"https://192.0.43.8/{hook_path}"}, headers=admin).json()
    keyed_client.post("/admin/login", data={"name": "eve", "password": password})
    keyed_client.post("/admin/login", data={"name": "eve", "password": f"{password}x"})
    keyed_client.post("/admin/login", data={"link": f"{link}x"})
    keyed_client.get("/admin/", headers={"Cookie": f"mediacluster-80={session_secret}"})
    keyed_client.get("/media", headers={"Authorization": admin["Authorization"] + "x"})
    with keyed.database.engine.connect() as connection, connection.begin(), pytest.raises(sa.exc.DBAPIError):
        # A statement that fails is logged with its traceback.
        try:
            connection.execute(
                sa.text(
                    "INSERT INTO webhook (id, url, secret, events) VALUES (CAST(:id AS uuid), :url, :secret, '{}')"
                ),
                {"id": hook["id"], "url": hook["url"], "secret": hook["secret"]},
            )
        except sa.exc.DBAPIError:
            logging.getLogger("backend").exception("it failed")
            raise
    url = SecretStr(f"postgresql://nobody:{database_password}@127.0.0.1:1/none")
    broken = make_services(authentication="keys", database_url=url)
    with TestClient(create_web_app(broken), raise_server_exceptions=False) as other:
        assert other.get("/media", headers=admin).status_code == 503
        assert database_password not in other.get("/health/ready").text
    with pytest.raises(BackendUnavailable) as told, broken.database.transaction() as session:
        session.execute(sa.text("SELECT 1"))
    logging.getLogger("backend").error("no database", exc_info=told.value)
    captured = capfd.readouterr()
    said = caplog.text + captured.out + captured.err + repr(broken.settings) + repr(broken.database)
    assert "it failed" in said
    assert "no database" in said
    secrets = [password, database_password, link, session_secret, hook["secret"], hook_path]
    secrets.append(admin["Authorization"].removeprefix("Bearer mc_"))
    assert [secret for secret in secrets if secret in said] == []
