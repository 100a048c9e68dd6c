"""No call and no file is answered with 500: calls generated from the OpenAPI documents, and a zoo of hostile files."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from starlette.testclient import TestClient

from backend.features.background import Background
from backend.features.services import Services
from backend.features.steps import open_active_space
from backend.store.spaces import record_outcome
from backend.web.server import create_web_app
from scripts.fuzz.corpus import write_corpus
from scripts.fuzz.sidecars import SIDECAR_KINDS, make_sidecars, read_zoo
from scripts.fuzz.uploading import upload_zoo
from scripts.fuzz.zoo import KINDS, make_zoo
from tests.support.clients import mounted
from tests.support.limits import make_limits

EXAMPLES = 5
OF_EACH_KIND = 3
MEBIBYTE = 1024 * 1024


@pytest.fixture
def openapi(make_services: Callable[..., Services], make_jpeg: Callable[..., bytes]) -> Any:
    """The document of an application with a picture in it, over a real database."""
    services = make_services(max_wait_seconds=0.0, uploads_per_minute=0, searches_per_minute=0)
    open_active_space(services)
    app = create_web_app(services)
    TestClient(app).post("/media", files={"file": ("a.jpg", make_jpeg(1), "image/jpeg")})
    return schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.fixture
def page_operations(openapi: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same of the admin pages, which publish no document of their own. Tasks on spaces end at once, so that the next can be asked."""
    start = Background.start

    def end(self: Background, job: str, command: list[str]) -> None:
        if command[:2] == ["space", "work"]:
            with openapi.app.state.services.database.transaction() as session:
                record_outcome(session, int(command[2]), "done")
        else:
            start(self, job, command)

    monkeypatch.setattr(Background, "start", end)
    pages = mounted(openapi.app, "/admin")
    assert isinstance(pages, FastAPI)
    pages.openapi_url = "/openapi.json"
    pages.setup()
    pages.state.ending.set()  # so that streams of events end
    return schemathesis.openapi.from_asgi("/openapi.json", pages)


def test_api__no_call_is_answered_with_500(openapi: Any) -> None:
    """A few calls of each operation, most of them wrong in one way or another."""

    def check(case: Any, answer: Any) -> None:
        if answer.status_code >= 400:
            assert answer.headers["content-type"][0].startswith("application/problem+json"), case.as_curl_command()
            assert answer.json()["code"]

    assert _call_all(openapi, check) > 40


def test_pages__no_call_is_answered_with_500(page_operations: Any) -> None:
    """As for the API: a few calls of each route, most of them wrong."""

    def check(case: Any, answer: Any) -> None:
        if answer.status_code >= 400:
            assert answer.headers["x-problem-code"], case.as_curl_command()

    assert _call_all(page_operations, check) > 80


HOSTILE = (
    "",
    "a\x00b",
    "\ud800",
    "9" * 30,
    "9" * 5000,
    "-1",
    "\uff11\u0662",
    "nan",
    "-0001-01-01",
    "%s%(x)s{0}'; --",
    "../../etc/passwd",
    "e\u0301\U0001f469\u200d" * 1000,
)


_URLENCODED = "application/x-www-form-urlencoded"
_VALID = {"preset": "demo"}  # where only certain words are, which the document does not tell


@pytest.mark.parametrize("where", ["openapi", "page_operations"])
def test_hostile_values__are_answered_below_500(where: str, request: pytest.FixtureRequest) -> None:
    """Each hostile value in each parameter of the path and the query, and in each field of a form or of a JSON body."""
    document = request.getfixturevalue(where)
    asked = 0
    with TestClient(document.app, raise_server_exceptions=False, follow_redirects=False) as client:
        for found in document.get_all_operations():
            operation = found.ok()
            for value in HOSTILE:
                for call in _calls_with(operation, value):
                    answer = client.request(operation.method, **call)
                    assert answer.status_code < 500, (operation.label, call, answer.text[:500])
                    asked += 1
    assert asked > 1000


def _calls_with(operation: Any, value: str) -> Iterator[dict[str, Any]]:
    """Calls of an operation with the value in one place each, and plain values in the others."""
    plain = {one.name: _plain(one.definition) for one in operation.path_parameters}
    named = quote(value.encode("utf-8", "surrogatepass"), safe="")
    query = {one.name: _plain(one.definition) for one in operation.query if one.is_required}
    address = operation.full_path.format(**plain)
    for one in operation.path_parameters:
        yield {"url": operation.full_path.format(**{**plain, one.name: named or "%20"}), "params": query}
    for one in operation.query:
        known = "&".join(f"{name}={value}" for name, value in query.items() if name != one.name)
        yield {"url": f"{address}?{known}&{one.name}={named}"}
    for body in operation.body:
        schema = body.definition.get("schema", {})
        fields = _fields_of(schema, schema)
        others = {name: _plain({"schema": one}) for name, one in fields.items() if "contentMediaType" not in str(one)}
        others |= {name: value for name, value in _VALID.items() if name in fields}
        for name in fields:
            # Alone too: what others say may be why it is not looked at.
            if body.media_type == _URLENCODED:
                yield {"url": address, "content": f"{name}={named}".encode(), "headers": {"Content-Type": _URLENCODED}}
            if body.media_type == "application/json":
                for wrong in (value, [value], {value: value}) if value == HOSTILE[1] else (value,):
                    sent = json.dumps({**others, name: wrong}).encode()
                    yield {"url": address, "content": sent, "headers": {"Content-Type": "application/json"}}
            else:
                form = f"{urlencode(others)}&{name}={named}".encode()
                yield {"url": address, "content": form, "headers": {"Content-Type": _URLENCODED}}
            if body.media_type == "multipart/form-data":
                data = value.encode("utf-8", "surrogatepass")
                head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="'.encode()
                form = head + data + b'"\r\n\r\n' + data + b"\r\n--b--\r\n"
                yield {"url": address, "content": form, "headers": {"Content-Type": f"{body.media_type}; boundary=b"}}


def _fields_of(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """The properties of a schema, with those of its alternatives. References lead into the whole schema of the body."""
    while "$ref" in schema:
        found: Any = whole
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    fields = dict(schema.get("properties", {}))
    for one in schema.get("anyOf", []) + schema.get("oneOf", []):
        fields.update(_fields_of(one, whole))
    return fields


def _plain(definition: dict[str, Any]) -> Any:
    schema = definition.get("schema", {})
    kinds = {schema.get("type")} | {one.get("type") for one in schema.get("anyOf", [])}
    if schema.get("format") == "uuid":
        return "01a20757-dbbc-7203-b2a8-d64a814c904f"
    if kinds & {"integer", "number"}:
        return 1
    return [] if "array" in kinds else "1"


def _call_all(document: Any, check: Callable[[Any, Any], None]) -> int:
    """Call each operation of a document a few times. Returns how many operations there are."""
    called = 0
    for found in document.get_all_operations():
        operation = found.ok()

        @settings(max_examples=EXAMPLES, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def call(case: Any) -> None:
            answer = case.call()
            assert answer.status_code < 500, f"{case.as_curl_command()}\n{answer.text}"
            check(case, answer)

        call()
        called += 1
    return called


@pytest.fixture
def services(make_services: Callable[..., Services]) -> Services:
    """Without a limit on how fast uploads come."""
    return make_services(uploads_per_minute=0)


def test_zoo__every_file_gets_a_coded_answer(client: TestClient, services: Services) -> None:
    report = upload_zoo(client, services, make_zoo(seed=3, count=OF_EACH_KIND * len(KINDS)))
    assert report.violations == []
    # The zoo is what it says: much is refused, for different reasons, and some is taken, which is sound.
    assert {"taken", "unsupported_format", "image_corrupt", "image_truncated", "too_many_pixels"} <= set(report.codes)
    assert report.by_kind["pick"]["taken"] > 0
    assert set(report.by_kind["only_a_head"]) <= {"unsupported_format", "image_corrupt", "image_truncated"}
    assert report.by_kind["script_in_a_head"]["taken"] == 0
    assert report.by_kind["huge_dimensions"]["taken"] == 0
    assert report.grown_bytes < 512 * MEBIBYTE
    assert report.statuses.get("failed", 0) == 0


def test_zoo__a_refusal_before_the_door_is_a_violation(services: Services) -> None:
    """Answers may all have codes, and yet nothing was tried: by a wrong name of the server, without a key, too often."""
    count = len(KINDS)
    with TestClient(create_web_app(services), base_url="http://elsewhere.example") as stranger:
        report = upload_zoo(stranger, services, make_zoo(3, count))
    assert report.codes == {"forbidden": count}
    assert len(report.violations) == count + 1  # and that no sound picture was taken


def test_sidecars__none_refuses_its_picture_or_costs_much() -> None:
    report = read_zoo(make_sidecars(3, 4 * len(SIDECAR_KINDS)), make_limits())
    assert report.violations == []
    assert report.by_kind["sound"] == {"read": 4}
    for kind in ("entities", "too_large"):
        assert report.by_kind[kind] == {"warned": 4}
    assert {"read", "warned", "refused"} <= set(report.outcomes)


def test_corpus__is_the_zoo_as_files(tmp_path: Path) -> None:
    count = write_corpus(tmp_path / "corpus", 3, 2 * len(KINDS))
    assert len(list((tmp_path / "corpus").iterdir())) == count > len(KINDS)
    small = {specimen.data for specimen in make_zoo(3, 2 * len(KINDS)) if len(specimen.data) <= 20_000}
    assert {path.read_bytes() for path in (tmp_path / "corpus").iterdir()} == small
