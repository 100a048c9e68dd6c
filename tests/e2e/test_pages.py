"""The test bed itself: pages are served, libraries are copies, and what goes wrong in a page is seen."""

import json
import re
import urllib.request
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page

from backend.features.services import Services
from backend.store.media import count_media_by_status
from backend.store.schema import MediaStatus
from tests.support.pages import pause_of
from tests.support.waiting import wait_for


def test_openapi__is_served(demo_server: str, page: Page) -> None:
    answer = page.goto(f"{demo_server}/openapi.json")
    assert answer is not None
    assert answer.json()["info"]["title"] == "mediacluster"


def test_own_library__changes_stay_there(own_library: Services, own_server: str, demo_server: str) -> None:
    with own_library.database.transaction() as session:
        assert count_media_by_status(session)[MediaStatus.READY] == 60
        session.execute(sa.text("UPDATE media SET title = 'changed'"))
    assert _titles(own_server) == {"changed"}
    assert "changed" not in _titles(demo_server)


@pytest.mark.parametrize(
    ("script", "seen"),
    [
        ("console.error('bad')", "console error: bad"),
        ("setTimeout(() => { throw new Error('worse') })", "page error: .*worse"),
        ("fetch('/media/nothing')", "response 400: GET"),
        ("fetch('http://127.0.0.1:9/').catch(() => 0)", "request failed: GET http://127.0.0.1:9/"),
    ],
)
def test_faults__are_seen(demo_server: str, page: Page, faults: Any, script: str, seen: str) -> None:
    page.goto(f"{demo_server}/openapi.json")
    page.evaluate(script)
    wait_for(lambda: any(re.search(seen, line) for line in faults.unexpected), pause=pause_of(page))
    faults.allow(".")


def _titles(server: str) -> set[str]:
    with urllib.request.urlopen(f"{server}/media?limit=100") as answer:
        return {media["title"] for media in json.load(answer)["media"]}
