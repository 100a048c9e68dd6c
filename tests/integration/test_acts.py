"""Whatever changes something leaves a trace of who did it: in the journal of groups, or in the log of what admins do."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import sqlalchemy as sa
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from backend.cli.keys import create_key
from backend.features.access import create_account
from backend.features.access.tokens import csrf_token_of
from backend.features.services import Services
from backend.features.steps import Assigner

_TRACES = """
SELECT actor FROM cluster_event UNION ALL SELECT actor FROM audit_log
UNION ALL SELECT actor FROM marked_for_deletion UNION ALL SELECT actor FROM not_near_duplicate
"""
# Routes that leave no trace, and why.
_WITHOUT = {
    ("POST", "/media"): "the media itself says where it came from",
    ("POST", "/media/from-url"): "as above",
    ("POST", "/media/from-folder"): "as above",
    ("POST", "/media/known"): "reads",
    ("POST", "/search"): "reads",
    ("POST", "/admin/curation/preview"): "reads",
    ("POST", "/admin/search/hits"): "reads",
    ("POST", "/admin/judgements/said"): "reads",
    ("POST", "/judgements/pictures"): "goes within the hour, unless something is said of its hits",
    ("POST", "/admin/judgements/picture"): "as above",
    ("POST", "/admin/upload/known"): "reads",
    ("POST", "/admin/upload/file"): "as an upload",
    ("POST", "/admin/upload/url"): "as an upload",
    ("POST", "/admin/upload/progress"): "reads",
    ("POST", "/admin/upload/stream"): "reads",
    ("POST", "/admin/quality/figures/measure"): "reads",
    ("POST", "/admin/quality/labels/evaluate"): "reads",
    ("POST", "/admin/quality/map/draw"): "reads",
    ("POST", "/admin/quality/threshold/preview"): "reads",
    ("POST", "/admin/operations/audit"): "reads",
    ("POST", "/admin/review/near-duplicates/take-back"): "takes back what had a trace",
}
# Review decisions are operations of curation, or deletions: their traces are tested with them.
_ELSEWHERE = {
    ("POST", "/review/decisions"): "test_review_api.py",
    ("POST", "/review/decisions/take-back"): "test_review_api.py",
    ("POST", "/near-duplicates/decisions"): "test_near_duplicates.py",
    ("POST", "/admin/review/decisions"): "test_taking_back.py",
    ("POST", "/admin/review/decisions/take-back"): "test_taking_back.py",
    ("POST", "/admin/review/near-duplicates"): "test_taking_back.py",
    ("POST", "/admin/model/spaces"): "test_model_page.py",
    ("POST", "/admin/model/spaces/{space_id}/fill"): "test_model_page.py",
    ("POST", "/admin/model/spaces/{space_id}/pause"): "test_model_page.py",
    ("POST", "/admin/model/spaces/{space_id}/compare"): "test_model_page.py",
    ("POST", "/admin/model/spaces/{space_id}/activate"): "test_model_page.py",
    ("POST", "/admin/model/spaces/{space_id}/drop"): "test_model_page.py",
    ("POST", "/admin/model/rollback"): "test_model_page.py",
    ("POST", "/admin/review/marked/delete"): "test_taking_back.py",
}


class Caller:
    """Asks, and holds that each act left a trace with the name of who asked."""

    def __init__(
        self, client: TestClient, services: Services, headers: dict[str, str], actor: str, prefix: str
    ) -> None:
        self._client, self._services, self._headers = client, services, headers
        self._actor, self._prefix = actor, prefix
        self.done: set[tuple[str, str]] = set()

    def __call__(
        self, method: str, path: str, *, json: Any = None, data: Any = None, params: Any = None, **names: object
    ) -> Any:
        before = self._traces()
        answer = self._client.request(
            method,
            self._prefix + path.format(**names),
            json=json,
            data=data,
            params=params,
            headers=self._headers,
            follow_redirects=False,
        )
        assert answer.status_code < 400, (path, answer.text[:500])
        after = self._traces()
        assert after > before, f"{method} {path} left no trace of {self._actor}"
        self.done.add((method, self._prefix + path))
        return (
            answer.json()
            if answer.content and answer.headers["content-type"].startswith("application/json")
            else answer
        )

    def _traces(self) -> int:
        with self._services.database.transaction() as session:
            return sum(actor == self._actor for (actor,) in session.execute(sa.text(_TRACES)))


def test_who_did_what_is_noted_by_every_route_that_changes_something(
    keyed_client: TestClient,
    keyed: Services,
    make_test_space: Callable[..., Any],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
) -> None:
    space = make_test_space(keyed.database)
    ids = insert_media(keyed.database, 40, "embedded")
    vectors = np.repeat(np.eye(16)[:4], 10, axis=0) + 0.02 * np.random.default_rng(1).normal(size=(40, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    embed_media(keyed.database, space, ids, vectors.astype(np.float32))
    Assigner(keyed, space).assign_waiting()
    failed = insert_media(keyed.database, 3, "pending", first=900)
    with keyed.database.transaction() as session:
        groups = {
            row.media_id: row.cluster_id
            for row in session.execute(sa.text("SELECT media_id, cluster_id FROM membership"))
        }
        session.execute(
            sa.text("UPDATE media SET status = 'failed', error_code = 'image_corrupt' WHERE id = ANY(:ids)"),
            {"ids": failed},
        )
    a, b, c, d = (groups[ids[place]] for place in (0, 10, 20, 30))
    named = [[str(one) for one in ids[place : place + 10]] for place in (0, 10, 20, 30)]

    _key, secret = create_key(keyed.database, "ops", "admin", [])
    api = Caller(keyed_client, keyed, {"Authorization": f"Bearer {secret}"}, "key:ops", "")
    api("POST", "/clusters/{cluster_id}/rename", cluster_id=a, json={"label": "Sea"})
    api("POST", "/clusters/{cluster_id}/representative", cluster_id=a, json={"media_id": named[0][3]})
    api("POST", "/clusters/{cluster_id}/lock", cluster_id=a)
    api("POST", "/clusters/{cluster_id}/unlock", cluster_id=a)
    api("POST", "/media/move", json={"media_ids": named[0][:1], "cluster_id": b})
    api("POST", "/media/extract", json={"media_ids": named[0][1:2]})
    api("POST", "/media/confirm", json={"media_ids": named[0][2:3]})
    event = api("POST", "/clusters/{cluster_id}/split", cluster_id=a, json={"media_ids": named[0][5:]})["event_id"]
    api("POST", "/history/{event_id}/undo", event_id=event)
    api("POST", "/history/{event_id}/redo", event_id=event)
    api("POST", "/clusters/{cluster_id}/merge", cluster_id=a, json={"cluster_ids": [b]})
    api("POST", "/clusters/{cluster_id}/dissolve", cluster_id=d)
    api("POST", "/media/{media_id}/retry", media_id=failed[0])
    api("PATCH", "/media/{media_id}", media_id=failed[0], json={"title": "new"})
    api("POST", "/media/delete", json={"media_ids": named[3][:1]})
    api("DELETE", "/media/{media_id}", media_id=named[3][1])
    hit = {"query_kind": "words", "query": "boats", "media_id": named[2][5]}
    api("POST", "/judgements", json=hit | {"right": True})
    api("POST", "/judgements/delete", json={"hits": [hit]})
    hook = api("POST", "/webhooks", json={"url": "https://192.0.43.8/"})["id"]
    api("DELETE", "/webhooks/{webhook_id}", webhook_id=hook)

    create_account(keyed.database, "ada", "admin", "correct horse battery", actor="test")
    pages = Caller(keyed_client, keyed, {}, "account:ada", "/admin")
    pages("POST", "/login", data={"name": "ada", "password": "correct horse battery"})
    (cookie,) = keyed_client.cookies.values()
    pages = Caller(keyed_client, keyed, {"X-CSRF-Token": csrf_token_of(cookie)}, "account:ada", "/admin")
    pages.done.add(("POST", "/admin/login"))
    event = pages("POST", "/curation/perform", json={"kind": "rename", "cluster_id": c, "label": "Hill"})["event_id"]
    pages("POST", "/curation/events/{event_id}/undo", event_id=event, params={"cluster_id": c})
    pages("POST", "/curation/events/{event_id}/redo", event_id=event, params={"cluster_id": c})
    pages("POST", "/media/{media_id}/retry", media_id=failed[1])
    pages("POST", "/media/{media_id}/text", media_id=failed[1], data={"title": "other"})
    said = {"query_kind": "media", "query": named[2][0], "media_id": named[2][1], "right": True}
    pages("POST", "/judgements", json=said)
    taken = {"kind": "media", "query": named[2][0], "media_id": named[2][1]}
    pages("POST", "/quality/judgements/take-back", data=taken)
    pages("POST", "/operations/retry", data={"code": "image_corrupt"})
    pages("POST", "/operations/pause")
    pages("POST", "/operations/resume")
    event = pages("POST", "/quality/threshold/apply", json={"threshold": 0.7})["event_id"]
    if event is not None:
        pages("POST", "/quality/events/{event_id}/undo", event_id=event)

    create_account(keyed.database, "ben", "curator", "correct horse battery", actor="test")
    with TestClient(keyed_client.app) as other:
        other.post("/admin/login", data={"name": "ben", "password": "correct horse battery"})
    with keyed.database.transaction() as session:
        session_id = session.execute(sa.text("SELECT max(id) FROM account_session")).scalar_one()
    pages("POST", "/account/sessions/{session_id}/revoke", session_id=session_id)
    pages("POST", "/account/password", data={"current": "correct horse battery", "new": "another horse battery"})
    pages("POST", "/logout")

    changing = set(_changing_routes(keyed_client.app))
    assert changing - api.done - pages.done - set(_WITHOUT) - set(_ELSEWHERE) == set()


def _changing_routes(app: Any) -> Iterator[tuple[str, str]]:
    admin = next(route.app for route in app.routes if getattr(route, "path", "") == "/admin")
    for prefix, routes in (("", app.routes), ("/admin", admin.routes)):
        for found in iter_route_contexts(routes):
            for method in set(found.methods or ()) - {"GET", "HEAD"}:
                yield method, f"{prefix}{found.path}"
