"""Judgements: said, changed, taken back, gone with their media, and what evaluations make of them."""

import csv
import io
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from backend.cli import app
from backend.curation.deletion import delete_media
from backend.db.engine import Database
from backend.db.judgements import QueryKind
from backend.db.tables import Space
from backend.errors import InputError, InvalidQuery, NotFound
from backend.evaluation.retrieval import ndcg_at
from backend.pipeline.assign import Assigner
from backend.quality.evaluation.evaluating import Source, evaluate
from backend.quality.evaluation.options import Options
from backend.review.judging import judge, list_said
from backend.services import Services
from backend.web import create_web_app

COUNT = 40
WORDS, MEDIA = QueryKind.WORDS, QueryKind.MEDIA
QUICK = Options(ks=(1, 5), resamples=50)


@pytest.fixture
def space(services: Services, make_test_space: Callable) -> Space:
    found: Space = make_test_space(services.database, 16)
    return found


@pytest.fixture
def ids(
    services: Services, space: Space, make_mixture: Callable, insert_media: Callable, embed_media: Callable
) -> list[uuid.UUID]:
    found: list[uuid.UUID] = insert_media(services.database, COUNT, "pending")
    embed_media(services.database, space, found, make_mixture(5, COUNT))
    Assigner(services, space).assign_waiting()
    return found


def rows(database: Database, what: str) -> list[Any]:
    with database.transaction() as session:
        return [tuple(row) for row in session.execute(sa.text(what))]


def test_judge__the_last_word_counts_and_each_is_noted(services: Services, ids: list[uuid.UUID]) -> None:
    assert judge(services, WORDS, "  red   boats ", ids[0], is_right=True, actor="ada") is None
    assert judge(services, WORDS, "red boats", ids[0], is_right=False, actor="bob") is True
    assert list_said(services, WORDS, "red boats") == {ids[0]: False}
    assert judge(services, WORDS, "red boats", ids[0], is_right=None, actor="ada") is False
    assert list_said(services, WORDS, "red boats") == {}
    # Undoing that is saying what was said before.
    assert judge(services, WORDS, "red boats", ids[0], is_right=False, actor="ada") is None
    assert list_said(services, WORDS, "red boats") == {ids[0]: False}
    noted = rows(services.database, "SELECT actor, details FROM audit_log WHERE act = 'hit.judged' ORDER BY id")
    assert [(actor, details["before"], details["is_right"]) for actor, details in noted] == [
        ("ada", None, True), ("bob", True, False), ("ada", False, None), ("ada", None, False),
    ]  # fmt: skip


def test_judge__saying_the_same_again_is_nothing_new(services: Services, ids: list[uuid.UUID]) -> None:
    for _ in range(2):
        judge(services, MEDIA, str(ids[0]), ids[1], is_right=True, actor="ada")
    assert len(rows(services.database, "SELECT 1 FROM audit_log WHERE act = 'hit.judged'")) == 1


def test_judge__the_longest_query_fits_its_index(services: Services, ids: list[uuid.UUID]) -> None:
    # Four bytes a character, and nothing that compression could make shorter.
    places = np.random.default_rng(0).integers(0x20000, 0x2A000, size=500).tolist()
    longest = "".join(map(chr, places))
    assert len(longest.encode()) == 2_000
    judge(services, WORDS, longest, ids[0], is_right=True, actor="ada")
    assert list_said(services, WORDS, longest) == {ids[0]: True}


def test_judge__refuses_what_makes_no_sense(services: Services, ids: list[uuid.UUID]) -> None:
    for kind, query, media_id in (
        (WORDS, "   ", ids[0]),
        (WORDS, "x" * 501, ids[0]),
        (WORDS, "a\0b", ids[0]),
        (MEDIA, "boats", ids[0]),
        (MEDIA, str(ids[0]), ids[0]),
    ):
        with pytest.raises(InvalidQuery):
            judge(services, kind, query, media_id, is_right=True, actor="ada")
    for kind, query, media_id in ((WORDS, "boats", uuid.uuid4()), (MEDIA, str(uuid.uuid4()), ids[0])):
        with pytest.raises(NotFound):
            judge(services, kind, query, media_id, is_right=True, actor="ada")
    assert rows(services.database, "SELECT * FROM judgement") == []


def test_delete_media__takes_what_was_said_of_it_and_for_it(services: Services, ids: list[uuid.UUID]) -> None:
    judge(services, WORDS, "boats", ids[0], is_right=True, actor="ada")
    judge(services, MEDIA, str(ids[0]), ids[1], is_right=True, actor="ada")
    judge(services, MEDIA, str(ids[1]), ids[2], is_right=True, actor="ada")
    delete_media(services, [ids[0]], actor="ada")
    assert rows(services.database, "SELECT media_id FROM judgement") == [(ids[2],)]


def test_evaluate__ranks_the_judged_hits_of_each_query(services: Services, ids: list[uuid.UUID]) -> None:
    said = np.random.default_rng(3)
    truth: dict[int, dict[int, bool]] = {}
    for asked in range(6):
        others = said.choice([place for place in range(COUNT) if place != asked], 8, replace=False).tolist()
        truth[asked] = {other: place % 3 == 0 for place, other in enumerate(others)}
        for other, right in truth[asked].items():
            judge(services, MEDIA, str(ids[asked]), ids[other], is_right=right, actor="ada")
    # Of right ones alone there is nothing to be told.
    judge(services, MEDIA, str(ids[7]), ids[8], is_right=True, actor="ada")
    evaluation = evaluate(services, Source("judgements"), QUICK)
    images = evaluation.reading.sides.images
    expected = {}
    for asked, judged in truth.items():
        ranked = sorted(judged, key=lambda other: -float(images[asked] @ images[other]))
        gains = [[float(judged[other]) for other in ranked]]
        expected[str(ids[asked])] = float(ndcg_at(5, gains, [[1.0] * sum(judged.values())])[0])
    by_query = evaluation.as_json()["retrieval"]["media_to_media"]["by_query"]
    assert dict(zip(by_query["names"], by_query["ndcg@5"], strict=True)) == pytest.approx(expected, abs=1e-6)
    document = evaluation.as_json()
    assert document["labels"]["origin"] == "judgements"
    assert (document["grouping"], document["threshold"]) == (None, None)


def test_evaluate__without_a_test_set_says_how_to_get_one(services: Services, ids: list[uuid.UUID]) -> None:
    judge(services, WORDS, "boats", ids[0], is_right=True, actor="ada")
    with pytest.raises(InputError, match="0 of 1 judged queries") as raised:
        evaluate(services, Source("judgements"), QUICK)
    assert "search page" in (raised.value.hint or "")


def test_pages__say_and_read_judgements(services: Services, ids: list[uuid.UUID]) -> None:
    about = {"query_kind": "words", "query": "boats"}
    with TestClient(create_web_app(services)) as client:
        headers = {"HX-Request": "true", "Origin": "http://testserver"}
        said = {**about, "media_id": str(ids[3]), "right": True}
        assert client.post("/admin/judgements", json=said, headers=headers).json() == {"before": None}
        assert client.post("/admin/judgements/said", json=about, headers=headers).json() == {str(ids[3]): True}
        assert client.post("/admin/judgements", json={**said, "right": None}, headers=headers).json() == {
            "before": True
        }
        refused = client.post("/admin/judgements", json={**said, "query": " "}, headers=headers)
        assert refused.status_code == 422


def test_command__lists_and_exports(
    services: Services, ids: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    judge(services, WORDS, "[/b] boats, red", ids[0], is_right=True, actor="ada")
    judge(services, MEDIA, str(ids[1]), ids[0], is_right=False, actor="bob")
    monkeypatch.setattr("backend.bootstrap.build_services", lambda _settings: services)
    run = CliRunner().invoke
    listed = run(app, ["judgements"])
    assert listed.exit_code == 0, listed.output
    assert "2 judgements of 2 queries" in listed.stdout
    as_json = json.loads(run(app, ["judgements", "--json"]).stdout)
    as_csv = list(csv.DictReader(io.StringIO(run(app, ["judgements", "--csv"]).stdout)))
    assert as_json == as_csv
    assert {(one["query"], one["verdict"], one["actor"]) for one in as_json} == {
        ("[/b] boats, red", "right", "ada"), (str(ids[1]), "wrong", "bob"),
    }  # fmt: skip
