"""API keys: authentication, scopes, allowed origins, and what is stored of a key."""

import base64
import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr
from starlette.testclient import TestClient
from typer.testing import CliRunner

from backend.cli import app as cli
from backend.cli.keys import create_key, read_keys, revoke_key
from backend.cli.servers import require_safe_address
from backend.errors import ConfigurationError, InputError, NotFound
from backend.features.services import Services
from backend.store.engine import Database
from backend.web.middleware.scopes import PUBLIC, SCOPES
from backend.web.middleware.tokens import hash_token, is_token, make_token, normal_origin
from backend.web.server import create_web_app
from tests.support.clients import Response

BLOG = "https://blog.example"
MEDIA = "01a20757-dbbc-7203-b2a8-d64a814c904f"


def last_used(database: Database) -> Any:
    with database.transaction() as session:
        return session.execute(sa.text("SELECT last_used_at FROM api_key")).scalar_one()


def code_of(response: Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


# --- every operation -----------------------------------------------------------------------------------------


def test_scopes__every_operation_of_the_app_declares_one(services: Services) -> None:
    app = create_web_app(services)
    declared = {getattr(found, "operation_id", None) for found in iter_route_contexts(app.routes)} - {None}
    assert declared == SCOPES.keys() | PUBLIC
    assert not SCOPES.keys() & PUBLIC


def test_authentication__no_key_no_answer(keyed_client: TestClient, services: Services) -> None:
    paths = [
        (method, found.path.replace("{media_id}", MEDIA))
        for found in iter_route_contexts(create_web_app(services).routes)
        # Of the pages test_accounts.py has as much.
        if found.path and found.path != "/admin" and getattr(found, "operation_id", None) not in PUBLIC
        for method in (found.methods or ["GET"])
    ]
    assert len(paths) > 35
    for method, path in [*paths, ("GET", "/nowhere"), ("PUT", "/media")]:
        response = keyed_client.request(method, path)
        assert response.status_code == 401, (method, path)
        assert response.headers["www-authenticate"].startswith("Bearer")
        if method != "HEAD":
            assert response.json()["code"] == "unauthorized"


def test_authentication__what_is_public(keyed_client: TestClient) -> None:
    assert keyed_client.get("/health/live").status_code == 200
    assert keyed_client.get("/health/ready").status_code == 200
    assert keyed_client.get("/widget/similar-media.js").headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/media", "read"),
        ("GET", "/openapi.json", "read"),
        ("POST", "/search", "read"),
        ("POST", "/media", "upload"),
        ("POST", f"/media/{MEDIA}/retry", "upload"),
        ("PATCH", f"/media/{MEDIA}", "curate"),
        ("POST", "/clusters/1/lock", "curate"),
        ("DELETE", f"/media/{MEDIA}", "curate"),
        ("GET", "/webhooks", "admin"),
    ],
)
def test_authentication__scopes(
    keyed_client: TestClient, make_key: Callable[..., dict[str, str]], method: str, path: str, needed: str
) -> None:
    scopes = ["read", "upload", "curate", "admin"]
    for scope in scopes:
        response = keyed_client.request(method, path, headers=make_key(scope))
        if scopes.index(scope) < scopes.index(needed):
            assert code_of(response) == (403, "forbidden")
            assert needed in response.json()["detail"]
        else:
            assert response.status_code not in {401, 403}


@pytest.mark.parametrize("shown", ["mc_", "mc_" + "A" * 43, "mc_" + "é" * 43, "Bearer", "x" * 5000])
def test_authentication__wrong_keys(keyed_client: TestClient, client: TestClient, shown: str) -> None:
    header = {b"Authorization": f"Bearer {shown}".encode()}
    assert code_of(keyed_client.get("/media", headers=header)) == (401, "unauthorized")
    assert code_of(client.get("/media", headers=header)) == (401, "unauthorized")


def test_authentication__none_asks_for_nothing(client: TestClient, make_key: Callable[..., dict[str, str]]) -> None:
    assert client.get("/media").status_code == 200
    assert client.get("/media", headers={"Authorization": "Basic YTpi"}).status_code == 200
    assert client.get("/media", headers=make_key("read")).status_code == 200
    # A key that is shown is held to its scope.
    assert code_of(client.get("/webhooks", headers=make_key("read"))) == (403, "forbidden")


def test_authentication__login_asks_for_a_key_where_it_is_an_admins(
    make_services: Callable[..., Services], make_key: Callable[..., dict[str, str]]
) -> None:
    with TestClient(create_web_app(make_services(authentication="login")), raise_server_exceptions=False) as client:
        assert client.get("/media").status_code == 200
        assert client.post("/clusters/1/lock").status_code == 404
        assert code_of(client.get("/webhooks")) == (401, "unauthorized")
        assert client.get("/webhooks", headers=make_key("admin")).status_code == 200
        assert code_of(client.post("/clusters/1/lock", headers={"Origin": BLOG})) == (403, "forbidden")


def test_authentication__a_key_opens_no_pages(
    keyed_client: TestClient, make_key: Callable[..., dict[str, str]]
) -> None:
    answer = keyed_client.get("/admin/", headers=make_key("admin"))
    assert answer.status_code == 401
    assert "www-authenticate" not in answer.headers


def test_authentication__revoked_at_once(
    keyed_client: TestClient, make_key: Callable[..., dict[str, str]], services: Services
) -> None:
    header = make_key()
    assert keyed_client.get("/media", headers=header).status_code == 200
    (key,) = read_keys(services.database)
    first = revoke_key(services.database, key["id"])
    assert revoke_key(services.database, key["id"])["revoked_at"] == first["revoked_at"]
    assert code_of(keyed_client.get("/media", headers=header)) == (401, "unauthorized")
    with pytest.raises(NotFound):
        revoke_key(services.database, 999)


def test_authentication__a_stranger_cannot_send_a_body(
    keyed_client: TestClient, make_jpeg: Callable[..., bytes]
) -> None:
    read: list[int] = []

    def body() -> Iterator[bytes]:
        for number in range(3):
            read.append(number)
            yield make_jpeg(number)

    response = keyed_client.post("/media", content=body(), headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert code_of(response) == (401, "unauthorized")
    assert response.headers["connection"] == "close"


def test_authentication__the_journal_names_the_key(
    keyed: Services, keyed_client: TestClient, make_key: Callable[..., dict[str, str]]
) -> None:
    with keyed.database.transaction() as session:
        media_id = session.execute(
            sa.text(
                "INSERT INTO media (id, sha256, original_key, source, status, upload_seq, embedded_at, ready_at) VALUES "
                "(gen_random_uuid(), sha256('x'), 'k', 'test', 'ready', 1, now(), now()) RETURNING id"
            )
        ).scalar_one()
        space = session.execute(
            sa.text(
                "INSERT INTO space (name, image_model, image_checkpoint, text_model, image_fingerprint, text_fingerprint, "
                "image_dimension, text_dimension, description, state) VALUES ('t', 'i', '', 't', 'i', 't', 2, 2, '{}', "
                "'active') RETURNING id"
            )
        ).scalar_one()
        session.execute(sa.text("SELECT create_space_storage(:id, 2, 2)"), {"id": space})
        session.execute(
            sa.text("INSERT INTO embedding (space_id, media_id, image_embedding) VALUES (:space, :media, '[1,0]')"),
            {"space": space, "media": media_id},
        )
        cluster = session.execute(
            sa.text("INSERT INTO cluster (representative_media_id) VALUES (:media) RETURNING id"), {"media": media_id}
        ).scalar_one()
        session.execute(
            sa.text("INSERT INTO centroid VALUES (:space, :cluster, '{1,0}', 1, '[1,0]')"),
            {"space": space, "cluster": cluster},
        )
        session.execute(
            sa.text(
                "INSERT INTO membership (media_id, cluster_id, space_id, similarity, threshold, founder) VALUES "
                "(:media, :cluster, :space, 1, 0.82, true)"
            ),
            {"media": media_id, "cluster": cluster, "space": space},
        )
    header = make_key("curate", name="Ada's script")
    renamed = keyed_client.post(f"/clusters/{cluster}/rename", json={"label": "Ours"}, headers=header)
    assert renamed.status_code == 200, renamed.text
    with keyed.database.transaction() as session:
        assert session.execute(sa.text("SELECT actor FROM cluster_event")).scalar_one() == "key:Ada's script"


# --- what is kept --------------------------------------------------------------------------------------------


def test_create_key__only_the_hash_is_kept(services: Services) -> None:
    described, token = create_key(services.database, "blog", "read", [BLOG])
    assert is_token(token)
    assert len(base64.urlsafe_b64decode(token.removeprefix("mc_") + "=")) == 32
    with services.database.transaction() as session:
        row = session.execute(sa.text("SELECT *, CAST(api_key AS text) AS whole FROM api_key")).one()
    assert row.token_sha256 == hash_token(token)
    assert token.removeprefix("mc_") not in row.whole
    assert (described["name"], described["scope"], described["origins"]) == ("blog", "read", [BLOG])
    assert "token_sha256" not in described
    assert len({make_token() for _ in range(100)}) == 100


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb"])
def test_create_key__names(services: Services, name: str) -> None:
    with pytest.raises(InputError):
        create_key(services.database, name, "read", [])


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("https://Blog.Example/", BLOG),
        ("https://blog.example:443", BLOG),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_normal_origin__as_browsers_send_it(raw: str, normal: str) -> None:
    assert normal_origin(raw) == normal


@pytest.mark.parametrize(
    "raw", ["*", "null", "blog.example", "ftp://blog.example", "https://", "https://a/b", "https://u@a", "https://a:x"]
)
def test_normal_origin__none(raw: str) -> None:
    with pytest.raises(InputError):
        normal_origin(raw)


def test_record_use__at_most_once_a_minute(
    keyed_client: TestClient, make_key: Callable[..., dict[str, str]], services: Services
) -> None:
    header = make_key()
    assert last_used(services.database) is None
    keyed_client.get("/media", headers=header)
    first = last_used(services.database)
    assert first is not None
    keyed_client.get("/media", headers=header)
    assert last_used(services.database) == first
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE api_key SET last_used_at = now() - interval '61 seconds'"))
    keyed_client.get("/media", headers=header)
    assert first <= last_used(services.database) < first + timedelta(minutes=1)


def test_authentication__keys_are_in_no_log(
    keyed_client: TestClient, make_key: Callable[..., dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    header = make_key("read")
    secret = header["Authorization"].removeprefix("Bearer mc_")
    with caplog.at_level(logging.DEBUG):
        for path in ("/media", "/webhooks", f"/media/{MEDIA}", "/search"):
            assert secret not in keyed_client.get(path, headers=header).text
        keyed_client.get("/media", headers={"Authorization": f"Bearer mc_{secret[::-1]}"})
    assert secret not in caplog.text
    assert secret[::-1] not in caplog.text


# --- pages of other sites ------------------------------------------------------------------------------------


def test_cors__only_for_origins_of_live_keys(
    keyed_client: TestClient, make_key: Callable[..., dict[str, str]], services: Services
) -> None:
    header = make_key("read", BLOG)
    answer = keyed_client.get("/media", headers={**header, "Origin": BLOG})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == BLOG
    assert "origin" in answer.headers["vary"].lower()
    stranger = keyed_client.get("/media", headers={**header, "Origin": "https://evil.example"})
    assert code_of(stranger) == (403, "forbidden")
    assert "access-control-allow-origin" not in stranger.headers
    revoke_key(services.database, read_keys(services.database)[0]["id"])
    after = keyed_client.get("/media", headers={**header, "Origin": BLOG})
    assert code_of(after) == (401, "unauthorized")
    assert "access-control-allow-origin" not in after.headers


def test_cors__a_key_for_servers_is_none_for_browsers(
    keyed_client: TestClient, make_key: Callable[..., dict[str, str]]
) -> None:
    make_key("read", BLOG)
    server_key = make_key("admin")
    assert keyed_client.get("/media", headers=server_key).status_code == 200
    refused = keyed_client.get("/media", headers={**server_key, "Origin": BLOG})
    assert code_of(refused) == (403, "forbidden")
    # Another key allows this origin, so its pages may read why.
    assert refused.headers["access-control-allow-origin"] == BLOG
    own_page = keyed_client.get("/media", headers={**server_key, "Origin": "http://testserver"})
    assert own_page.status_code == 200


def test_cors__preflight(keyed_client: TestClient, make_key: Callable[..., dict[str, str]]) -> None:
    make_key("read", BLOG)
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    answer = keyed_client.options(f"/media/{MEDIA}/similar", headers={**asked, "Origin": BLOG})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == BLOG
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    assert "origin" in answer.headers["vary"].lower()
    assert "access-control-allow-credentials" not in answer.headers
    refused = keyed_client.options("/media", headers={**asked, "Origin": "https://evil.example"})
    assert code_of(refused) == (403, "forbidden")
    assert "access-control-allow-origin" not in refused.headers
    assert "origin" in refused.headers["vary"].lower()


def test_cors__without_authentication(client: TestClient, make_key: Callable[..., dict[str, str]]) -> None:
    before = client.get("/media", headers={"Origin": BLOG})
    assert before.status_code == 200
    assert "access-control-allow-origin" not in before.headers
    make_key("read", BLOG)
    assert client.get("/media", headers={"Origin": BLOG}).headers["access-control-allow-origin"] == BLOG
    # No page of another site may change anything by the reader's mere being on this machine.
    assert code_of(client.post("/clusters/1/dissolve", headers={"Origin": BLOG})) == (403, "forbidden")
    assert client.post("/clusters/1/dissolve").status_code == 404


def test_authentication__without_a_database(make_services: Callable[..., Services]) -> None:
    services = make_services(authentication="keys", database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"))
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        answer = client.get("/media", headers={"Authorization": f"Bearer {make_token()}"})
        assert code_of(answer) == (503, "backend_unavailable")
        assert "retry-after" in answer.headers
        assert client.get("/health/live").status_code == 200


# --- around it -----------------------------------------------------------------------------------------------


def test_openapi__says_which_keys_are_needed(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert document["paths"]["/webhooks"]["get"]["security"] == [{"key": ["admin"]}]
    assert {"401", "403"} <= document["paths"]["/media"]["post"]["responses"].keys()
    assert "security" not in document["paths"]["/health/live"]["get"]


@pytest.mark.parametrize(
    ("host", "authentication", "safe"),
    [
        ("127.0.0.1", "none", True),
        ("127.0.0.1", "login", True),
        ("0.0.0.0", "login", False),
        ("::1", "none", True),
        ("localhost", "none", True),
        ("0.0.0.0", "none", False),
        ("::", "none", False),
        ("192.168.1.4", "none", False),
        ("media.example.org", "none", False),
        ("0.0.0.0", "keys", True),
    ],
)
def test_require_safe_address(services: Services, host: str, authentication: str, safe: bool) -> None:
    settings = services.settings.model_copy(update={"api_host": host, "authentication": authentication})
    if safe:
        require_safe_address(settings)
    else:
        with pytest.raises(ConfigurationError, match="MEDIACLUSTER_AUTHENTICATION"):
            require_safe_address(settings)


@pytest.mark.parametrize("command", ["serve", "up"])
def test_cli__refuses_to_serve_everybody(command: str, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    _point_at(services, monkeypatch)
    result = CliRunner().invoke(cli, [command, "--host", "0.0.0.0"])
    assert isinstance(result.exception, ConfigurationError)
    assert "mediacluster key create" in (result.exception.hint or "")


def test_cli__create_list_revoke(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    _point_at(services, monkeypatch)
    run = CliRunner()
    made = run.invoke(cli, ["key", "create", "blog", "--scope", "read", "--origin", BLOG])
    assert made.exit_code == 0
    shown = re.search(r"mc_\S+", made.stdout)
    assert shown is not None
    assert is_token(shown[0])
    second = json.loads(run.invoke(cli, ["key", "create", "ci", "--scope", "upload", "--json"]).stdout)
    assert is_token(second["key"])
    keys = json.loads(run.invoke(cli, ["key", "list", "--json"]).stdout)["keys"]
    assert [(key["name"], key["scope"], key["origins"]) for key in keys] == [
        ("blog", "read", [BLOG]),
        ("ci", "upload", []),
    ]
    assert second["key"] not in run.invoke(cli, ["key", "list"]).stdout
    assert json.loads(run.invoke(cli, ["key", "revoke", "2", "--json"]).stdout)["revoked_at"]
    assert run.invoke(cli, ["key", "create", "x", "--scope", "god"]).exit_code == 2


def _point_at(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the command line use the test's library."""
    assert services.settings.database_url is not None
    assert services.settings.redis_url is not None
    monkeypatch.setenv("DATABASE_URL", services.settings.database_url.get_secret_value())
    monkeypatch.setenv("REDIS_URL", services.settings.redis_url.get_secret_value())
    monkeypatch.setenv("MEDIACLUSTER_HOME", str(services.settings.home_path))
