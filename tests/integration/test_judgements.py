"""Judgements: said, changed, taken back, gone with their media, and what evaluations make of them."""

import csv
import hashlib
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
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from backend.cli import app
from backend.errors import InputError, InvalidQuery, NotFound
from backend.features.editing import delete_media
from backend.features.evaluation import Options, Source, evaluate
from backend.features.review import judge, keep, list_said
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.rules.measures import ndcg_at
from backend.store.engine import Database
from backend.store.review import QueryKind
from backend.store.schema import Judgement, Space
from backend.web.server import create_web_app

COUNT = 40
WORDS, MEDIA = QueryKind.WORDS, QueryKind.MEDIA
QUICK = Options(ks=(1, 5), resamples=50)


@pytest.fixture
def space(services: Services, make_test_space: Callable[..., Space]) -> Space:
    found: Space = make_test_space(services.database, 16)
    return found


@pytest.fixture
def ids(
    services: Services,
    space: Space,
    make_mixture: Callable[..., NDArray[np.float32]],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
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


def test_command__csv_is_safe_for_spreadsheets_and_terminals_unless_raw(
    services: Services, ids: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = '=HYPERLINK("http://a.example";"\x1b]0;x\x07")'
    judge(services, WORDS, said, ids[0], is_right=True, actor="ada")
    monkeypatch.setattr("backend.bootstrap.build_services", lambda _settings: services)
    safe, raw = (CliRunner().invoke(app, ["judgements", "--csv", *more]).stdout for more in ([], ["--raw"]))
    (row,) = csv.DictReader(io.StringIO(safe))
    assert row["query"] == "'" + said.replace("\x1b", "\\x1b").replace("\x07", "\\x07")
    (row,) = csv.DictReader(io.StringIO(raw))
    assert row["query"] == said


PICTURE = QueryKind.PICTURE


def make_picture(seed: int, side: int = 2_000, *, exif: bool = False) -> bytes:
    generator = np.random.default_rng(seed)
    image = Image.fromarray(generator.integers(0, 255, (30, 40, 3), dtype=np.uint8)).resize((side, side * 3 // 4))
    told = Image.Exif()
    if exif:
        told[0x010E] = "where I live"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=told)
    return buffer.getvalue()


def test_keep__small_bare_and_once(services: Services) -> None:
    data = make_picture(1, exif=True)
    assert b"where I live" in data
    checksum = keep(services, data)
    assert checksum == hashlib.sha256(data).hexdigest() == keep(services, data)
    ((content,),) = rows(services.database, "SELECT content FROM judged_picture")
    with Image.open(io.BytesIO(content)) as kept:
        assert (kept.format, kept.size, len(kept.getexif())) == ("JPEG", (1280, 960), 0)
    assert b"where I live" not in content
    for nothing in (b"", b"hello"):
        with pytest.raises(InputError):
            keep(services, nothing)


def test_judge__hits_of_a_dropped_picture(services: Services, ids: list[uuid.UUID]) -> None:
    data = make_picture(2)
    checksum = hashlib.sha256(data).hexdigest()
    with pytest.raises(NotFound, match="not stored"):
        judge(services, PICTURE, checksum, ids[0], is_right=True, actor="ada")
    for query in ("boats", checksum[:40], f"{checksum}boats"):
        with pytest.raises(InvalidQuery):
            judge(services, PICTURE, query, ids[0], is_right=True, actor="ada")
    keep(services, data)
    judge(services, PICTURE, checksum.upper(), ids[0], is_right=True, actor="ada")
    judge(services, PICTURE, f"{checksum}  red   boats ", ids[0], is_right=False, actor="ada")
    assert list_said(services, PICTURE, checksum) == {ids[0]: True}
    assert list_said(services, PICTURE, f"{checksum} red boats") == {ids[0]: False}
    # Kept while any of its hits is judged, and for an hour after that.
    kept = "SELECT count(*) FROM judged_picture"
    judge(services, PICTURE, checksum, ids[0], is_right=None, actor="ada")
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE judged_picture SET kept_at = now() - interval '2 hours'"))
    keep(services, make_picture(3))
    assert rows(services.database, kept) == [(2,)]
    judge(services, PICTURE, f"{checksum} red boats", ids[0], is_right=None, actor="ada")
    assert rows(services.database, kept) == [(1,)]


def test_judgement__a_picture_that_is_not_that_of_its_query_cannot_be_stored(
    services: Services, ids: list[uuid.UUID]
) -> None:
    checksum = keep(services, make_picture(4))
    for query, sha256 in (("f" * 64, checksum), (checksum, None)):
        with pytest.raises(sa.exc.IntegrityError), services.database.transaction() as session:
            session.execute(
                sa.insert(Judgement).values(
                    query_kind="picture",
                    query=query,
                    media_id=ids[0],
                    query_sha256=sha256 and bytes.fromhex(sha256),
                    is_right=True,
                    actor="ada",
                )
            )


def test_api__says_lists_narrows_and_takes_back(services: Services, ids: list[uuid.UUID]) -> None:
    with TestClient(create_web_app(services)) as client:
        sent = client.post("/judgements/pictures", files={"file": make_picture(5)})
        checksum = sent.json()["sha256"]
        said = [
            ("words", "red boats", ids[0], True),
            ("words", "Boats at dusk", ids[1], False),
            ("media", str(ids[2]), ids[3], True),
            ("picture", checksum, ids[4], False),
            ("picture", f"{checksum} with 10% sky", ids[5], True),
        ]
        for kind, query, media_id, right in said:
            body = {"query_kind": kind, "query": query, "media_id": str(media_id), "right": right}
            assert client.post("/judgements", json=body).json() == {"before": None}
        assert client.post("/judgements", json=body | {"right": False}).json() == {"before": True}

        def listed(**given: str | int) -> list[tuple[str, str]]:
            found, cursor = [], None
            for _ in range(10):
                asked: dict[str, str | int] = {**given, "limit": 2} | ({"cursor": cursor} if cursor else {})
                answer = client.get("/judgements", params=asked)
                assert answer.status_code == 200, answer.text
                found += [(one["query_kind"], one["query"]) for one in answer.json()["judgements"]]
                cursor = answer.json()["next_cursor"]
                if cursor is None:
                    break
            return found

        newest = [(kind, query) for kind, query, _, _ in reversed(said)]
        assert listed() == newest
        assert listed(query_kind="picture") == newest[:2]
        assert listed(q="BOATS") == [newest[3], newest[4]]
        assert listed(q="10%") == [newest[0]]
        assert listed(q=checksum[:8]) == []
        assert listed(media_id=str(ids[3])) == [newest[2]]
        assert listed(right=True) == [newest[2], newest[4]]
        assert listed(actor="api") == newest
        assert listed(actor="bob") == []
        assert client.get("/judgements", params={"cursor": "x"}).status_code in {400, 422}
        hits = [{"query_kind": kind, "query": query, "media_id": str(one)} for kind, query, one, _ in said[:2]]
        refused = client.post("/judgements/delete", json={"hits": [*hits, hits[0] | {"query": " "}]})
        assert refused.status_code == 422
        assert len(listed()) == 5
        unknown = hits[0] | {"media_id": str(ids[9])}
        assert client.post("/judgements/delete", json={"hits": [*hits, unknown]}).json() == {"taken_back": 2}
        assert listed() == newest[:3]
        page = client.get("/admin/quality/judgements", params={"kind": "picture"}).text
        assert page.count("judged-row") == 2
        assert f"/admin/judgements/pictures/{checksum}" in page
        picture = client.get(f"/admin/judgements/pictures/{checksum}")
        assert picture.headers["content-type"] == "image/jpeg"
        for unknown_picture in ("f" * 64, "x"):
            assert client.get(f"/admin/judgements/pictures/{unknown_picture}").status_code == 404
    noted = rows(services.database, "SELECT details->>'before' FROM audit_log WHERE details->'is_right' = 'null'")
    assert sorted(noted) == [("false",), ("true",)]
