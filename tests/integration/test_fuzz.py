"""No call and no file is answered with 500: calls generated from the OpenAPI documents, and a zoo of hostile files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from starlette.testclient import TestClient

from backend.features.services import Services
from backend.features.steps import open_active_space
from backend.files.limits import Limits
from backend.web.server import create_web_app
from scripts.fuzz.corpus import write_corpus
from scripts.fuzz.sidecars import SIDECAR_KINDS, make_sidecars, read_zoo
from scripts.fuzz.uploading import upload_zoo
from scripts.fuzz.zoo import KINDS, make_zoo
from tests.support.clients import mounted

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
def page_operations(openapi: Any) -> Any:
    """The same of the admin pages, which publish no document of their own."""
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
    report = read_zoo(make_sidecars(3, 4 * len(SIDECAR_KINDS)), Limits())
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
