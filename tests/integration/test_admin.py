"""The admin pages over a real database: what they read, in how many statements, and what they refuse."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr
from starlette.testclient import TestClient

from backend.bootstrap import build_services
from backend.encoders import default_threshold
from backend.features.consolidation import apply_threshold
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.settings import Settings
from backend.store.engine import Database
from backend.store.groups import (
    WallFilter,
    WallSort,
    find_neighbours,
    list_cards,
    list_member_cards,
    list_member_ids,
    sort_key_of,
)
from backend.store.schema import Space
from backend.web.server import create_web_app
from tests.support.clients import mounted

# Clusters of 1, 2 and 3 members in turn, with labels and cohesions that repeat, so that every order has ties. `first` is the
# number of the first.
_CLUSTERS = """
WITH made AS (
  INSERT INTO cluster (label, locked)
  SELECT CASE WHEN g % 7 = 0 THEN '' ELSE 'Label ' || g % 50 END, g % 10 = 0 FROM generate_series(1, :count) g
  RETURNING id
), numbered AS (
  SELECT id, 1 + row_number() OVER (ORDER BY id) % 3 AS size, row_number() OVER (ORDER BY id) % 40 AS kind FROM made
), centroids AS (
  INSERT INTO centroid (space_id, cluster_id, embedding_sum, member_count, centroid)
  SELECT :space_id, id,
         ARRAY[size * CASE WHEN size = 1 THEN 1 ELSE 0.6 + kind / 100.0 END] || array_fill(0::float8, ARRAY[15]), size,
         (ARRAY[1.0] || array_fill(0::float8, ARRAY[15]))::vector
    FROM numbered
), new_media AS (
  INSERT INTO media (id, sha256, original_key, source, status, upload_seq, embedded_at, ready_at, title, width, height)
  SELECT gen_random_uuid(), sha256(CAST(id || '/' || n AS bytea)), 'k', 'test', 'ready', id * 10 + n, now(), now(),
         'Picture ' || id || '/' || n, 640, 480
    FROM numbered, generate_series(1, size) n
  RETURNING id, upload_seq
)
INSERT INTO membership (media_id, cluster_id, space_id, similarity, threshold, founder)
SELECT id, upload_seq / 10, :space_id, 1 - upload_seq % 10 / 100.0, 0.82, upload_seq % 10 = 1 FROM new_media
"""


def fill_wall(database: Database, space: Space, count: int) -> None:
    with database.transaction() as session:
        session.execute(sa.text(_CLUSTERS), {"count": count, "space_id": space.id})
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE centroid, cluster, membership, media"))


@contextmanager
def counted_statements(database: Database) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    seen: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", hear)
    try:
        yield seen
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", hear)


@pytest.fixture
def space(database: Database, make_test_space: Callable[..., Space]) -> Space:
    return make_test_space(database)


@pytest.fixture
def group(
    services: Services,
    database: Database,
    space: Space,
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
) -> int:
    """A group of twelve similar pictures, an outlier, and a picture in a group of its own."""
    generator = np.random.default_rng(5)
    middle = np.zeros(16)
    middle[0] = 1
    vectors = middle + 0.04 * generator.normal(size=(12, 16))
    vectors = np.vstack([vectors, middle + 0.5 * np.eye(16)[5], np.eye(16)[3]])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = insert_media(database, len(vectors), "embedded")
    embed_media(database, space, ids, vectors.astype(np.float32))
    Assigner(services, space).assign_waiting()
    with database.transaction() as session:
        return session.execute(
            sa.text("SELECT cluster_id FROM centroid ORDER BY member_count DESC LIMIT 1")
        ).scalar_one()


# --- the wall ------------------------------------------------------------------------------------------------


def test_wall__as_many_statements_for_a_full_page_as_for_three_cards(
    client: TestClient, services: Services, space: Space
) -> None:
    fill_wall(services.database, space, 3)
    with counted_statements(services.database) as few:
        assert client.get("/admin/").text.count("data-cluster=") == 3
    fill_wall(services.database, space, 97)
    with counted_statements(services.database) as many:
        assert client.get("/admin/").text.count("data-cluster=") == 48
    assert len(few) == len(many) == 3


@pytest.mark.parametrize("sort", list(WallSort))
@pytest.mark.parametrize("narrowed", [WallFilter(), WallFilter(no_singles=True), WallFilter(words="label 1")])
def test_wall__pages_hold_every_group_once_in_order(
    database: Database, space: Space, sort: WallSort, narrowed: WallFilter
) -> None:
    fill_wall(database, space, 130)
    with database.transaction() as session:
        whole = list_cards(session, sort, narrowed, limit=1000)
        paged, after = [], None
        while page := list_cards(session, sort, narrowed, after=after, limit=7):
            paged += page
            after = sort_key_of(sort, page[-1])
    assert len(whole) > 20
    assert [card.id for card in paged] == [card.id for card in whole]
    keys = {
        WallSort.LARGEST: lambda card: (-card.size, card.id),
        WallSort.NEWEST: lambda card: -card.id,
        WallSort.LEAST_COHERENT: lambda card: (card.cohesion, card.id),
        WallSort.LABEL: lambda card: (card.label == "", card.label.lower(), card.id),
    }
    assert [card.id for card in whole] == [card.id for card in sorted(whole, key=keys[sort])]


def test_wall__links_lead_through_all_pages(client: TestClient, services: Services, space: Space) -> None:
    fill_wall(services.database, space, 130)
    page = client.get("/admin/", params={"sort": "least-coherent"}).text
    seen = re.findall(r'data-cluster="(\d+)"', page)
    while more := re.search(r'class="sentinel" hx-get="([^"]+)"', page):
        page = client.get(more[1].replace("&amp;", "&")).text
        seen += re.findall(r'data-cluster="(\d+)"', page)
    assert len(seen) == len(set(seen)) == 130


def test_wall__counts(client: TestClient, services: Services, space: Space) -> None:
    fill_wall(services.database, space, 30)
    page = client.get("/admin/", params={"no_singles": True}).text
    assert "30 · 60 pictures" in page
    assert "20 groups of 30" in page


@pytest.mark.parametrize(
    ("sort", "index"),
    [
        (WallSort.LARGEST, "centroid_size_idx"),
        (WallSort.LEAST_COHERENT, "centroid_cohesion_idx"),
        (WallSort.LABEL, "cluster_label_idx"),
    ],
)
def test_wall__ten_thousand_groups_are_read_from_an_index(
    database: Database, space: Space, sort: WallSort, index: str
) -> None:
    fill_wall(database, space, 10_000)
    with database.transaction() as session, counted_statements(database) as statements:
        list_cards(session, sort, WallFilter(), limit=49)
    page = statements[0]
    with database.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN {page}", _page_parameters(page)).scalars()
        assert index in "\n".join(plan)


def _page_parameters(statement: str) -> dict[str, object]:
    known: dict[str, object] = {"state_1": "active", "param_1": 49}
    return {name: known[name] for name in re.findall(r"%\((\w+)\)s", statement)}


def test_wall__pictures_start_with_the_representative(database: Database, space: Space) -> None:
    fill_wall(database, space, 3)
    with database.transaction() as session:
        session.execute(
            sa.text(
                "UPDATE cluster SET representative_media_id = (SELECT media_id FROM membership "
                "WHERE cluster_id = cluster.id ORDER BY similarity LIMIT 1)"
            )
        )
        for card in list_cards(session, WallSort.LARGEST, WallFilter(), limit=10):
            titles = [picture.title for picture in card.pictures]
            assert titles[0] == f"Picture {card.id}/{card.size}"
            assert len(set(titles)) == len(titles) == card.size


def test_wall__news(client: TestClient, services: Services, space: Space) -> None:
    fill_wall(services.database, space, 3)
    newest = int(re.search(r'data-newest="(\d+)"', client.get("/admin/").text)[1])  # type: ignore[index]
    assert client.get("/admin/clusters/news", params={"after": newest}).json() == {"count": 0}
    fill_wall(services.database, space, 2)
    assert client.get("/admin/clusters/news", params={"after": newest}).json() == {"count": 2}


@pytest.mark.parametrize("cursor", ["nonsense", "WzEsMl0", "WyJ4IiwgInkiXQ", "e30"])
@pytest.mark.parametrize("sort", list(WallSort))
def test_wall__a_cursor_from_elsewhere(client: TestClient, sort: WallSort, cursor: str) -> None:
    answer = client.get("/admin/clusters/cards", params={"sort": sort.value, "cursor": cursor})
    assert answer.status_code in {200, 400}
    assert client.get("/admin/clusters/cards", params={"cursor": "nonsense"}).status_code == 400


def test_wall__empty(client: TestClient) -> None:
    page = client.get("/admin/")
    assert page.status_code == 200
    assert "No groups yet" in page.text


# --- one group -----------------------------------------------------------------------------------------------


def test_members__nearest_to_the_centroid_first_with_outliers(
    services: Services, group: int, database: Database
) -> None:
    with database.transaction() as session:
        whole = list_member_cards(session, group, threshold=0.5, limit=100)
        paged, after = [], None
        while page := list_member_cards(session, group, threshold=0.5, after=after, limit=4):
            paged += page
            after = page[-1].similarity, page[-1].picture.media_id
        ids = list_member_ids(session, group)
        neighbours = find_neighbours(session, group, ids[1])
    assert len(whole) == 13
    assert [member.picture.media_id for member in paged] == [member.picture.media_id for member in whole] == ids
    similarities = [member.similarity for member in whole]
    assert similarities == sorted(similarities, reverse=True)
    assert whole[-1].is_outlier
    assert not whole[5].is_outlier
    assert neighbours is not None
    assert (neighbours.previous_id, neighbours.next_id, neighbours.place) == (ids[0], ids[2], 2)


def test_members__similarity_is_to_the_centroid_as_it_is_now(database: Database, group: int) -> None:
    with database.transaction() as session:
        sums, count = session.execute(
            sa.text("SELECT embedding_sum, member_count FROM centroid WHERE cluster_id = :id"), {"id": group}
        ).one()
        members = list_member_cards(session, group, threshold=0.5, limit=100)
    # The mean cosine to the centroid is the length of the mean vector.
    assert np.mean([member.similarity for member in members]) == pytest.approx(np.linalg.norm(sums) / count, abs=1e-6)


def test_labels__may_be_as_long_as_titles(
    make_services: Callable[..., Services], open_client: Callable[..., TestClient], group: int
) -> None:
    client = open_client(make_services(max_title_characters=120))
    page = client.get(f"/admin/clusters/{group}").text
    members = re.findall(r'data-media="([^"]+)"', page)
    asked = {"kind": "extract", "cluster_id": group, "media_ids": members[-2:]}
    preview = client.post("/admin/curation/preview", json=asked).text
    halves = client.get(f"/admin/clusters/{group}/halves").text
    for form in (page, preview, halves):
        assert re.findall(r'name="label"[^>]* maxlength="(\d+)"', form) == ["120"]
    refused = client.post("/admin/curation/perform", json=asked | {"label": "x" * 121})
    assert (refused.status_code, "label" in refused.text) == (400, True)
    assert client.post("/admin/curation/perform", json=asked | {"label": "x" * 120}).status_code == 200


def test_labels__may_be_as_long_as_the_setting_says(
    make_services: Callable[..., Services], open_client: Callable[..., TestClient], group: int
) -> None:
    client = open_client(make_services(max_title_characters=1500))
    too_long = client.post(f"/clusters/{group}/rename", json={"label": "x" * 1501})
    assert (too_long.status_code, too_long.json()["code"]) == (400, "invalid_text")
    assert "1,501 characters; 1,500 are allowed" in too_long.json()["detail"]
    # Of letters that an index cannot make smaller.
    characters = np.random.default_rng(1).integers(0x4E00, 0x9FA5, 1500)
    label = "".join(map(chr, characters))
    assert client.post(f"/clusters/{group}/rename", json={"label": label}).status_code == 200
    asked = {"kind": "rename", "cluster_id": group, "label": label[::-1]}
    assert client.post("/admin/curation/perform", json=asked).status_code == 200
    assert client.get(f"/clusters/{group}").json()["label"] == label[::-1]


def test_cluster__page_and_curation(client: TestClient, group: int) -> None:
    page = client.get(f"/admin/clusters/{group}").text
    members = re.findall(r'data-media="([^"]+)"', page)
    assert len(members) == 13
    asked = {"kind": "extract", "cluster_id": group, "media_ids": members[-2:]}
    preview = client.post("/admin/curation/preview", json=asked).text
    assert "New group" in preview
    assert len(re.findall(r'data-media="', client.get(f"/admin/clusters/{group}").text)) == 13
    done = client.post("/admin/curation/perform", json=asked).json()
    assert done["go"] is None
    assert len(re.findall(r'data-media="', client.get(f"/admin/clusters/{group}").text)) == 11
    assert "data-undo" in client.get("/admin/curation/history", params={"cluster_id": group}).text
    undone = client.post(f"/admin/curation/events/{done['event_id']}/undo", params={"cluster_id": group})
    assert undone.status_code == 200
    assert re.findall(r'data-media="([^"]+)"', client.get(f"/admin/clusters/{group}").text) == members


def test_cluster__outliers_are_told_by_the_librarys_own_threshold(
    client: TestClient, services: Services, group: int, make_services: Callable[..., Services]
) -> None:
    def outliers(asked: TestClient) -> list[int]:
        return [asked.get(f"/admin/clusters/{group}{rest}").text.count("is-outlier") for rest in ("", "/members")]

    before = outliers(client)
    apply_threshold(services, default_threshold(None), actor="ann")
    with TestClient(create_web_app(make_services(threshold=0.9999))) as configured_otherwise:
        assert outliers(configured_otherwise) == before


def test_cluster__merged_away_says_where_to_go(client: TestClient, group: int, database: Database) -> None:
    with database.transaction() as session:
        other = session.execute(sa.text("SELECT id FROM cluster WHERE id <> :id"), {"id": group}).scalar_one()
    targets = client.get("/admin/curation/targets", params={"cluster_id": group}).text
    assert re.findall(r'data-target="(\d+)"', targets) == [str(other)]
    done = client.post("/admin/curation/perform", json={"kind": "merge", "cluster_id": other, "into": group}).json()
    assert done["go"] == f"/admin/clusters/{group}"
    assert client.get(f"/admin/clusters/{other}").status_code == 404


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "merge"},
        {"kind": "representative", "media_ids": []},
        {"kind": "move", "media_ids": []},
        {"kind": "nonsense"},
    ],
)
def test_curation__what_makes_no_sense_is_told(client: TestClient, group: int, asked: dict[str, object]) -> None:
    answer = client.post("/admin/curation/perform", json={"cluster_id": group, **asked}, headers={"HX-Request": "true"})
    assert answer.status_code == 400
    assert "data-problem=" in answer.text


# --- what is refused, and what is said then --------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://elsewhere.example"},
        {"origin": "null"},
        {"origin": "https://testserver"},
    ],
)
def test_guard__unsafe_requests_of_other_sites(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/admin/curation/perform", json={"kind": "lock", "cluster_id": 1}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "csrf_failed"


@pytest.mark.parametrize(
    "headers", [{}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"origin": "http://testserver"}]
)
def test_guard__own_requests(client: TestClient, space: Space, headers: dict[str, str]) -> None:
    answer = client.post("/admin/curation/perform", json={"kind": "lock", "cluster_id": 1}, headers=headers)
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/admin/", "/admin/nothing", "/admin/search"])
def test_guard__policy_for_content(client: TestClient, path: str) -> None:
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    # What the policy forbids must not be there either.
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|<style|\son[a-z]+=", answer.text)


def test_guard__cross_site_reading_is_let_in(client: TestClient) -> None:
    assert client.get("/admin/", headers={"sec-fetch-site": "cross-site"}).status_code == 200


class Markup(HTMLParser):
    """Collects the tags, the attributes that run scripts, and the addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: list[str] = []
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action", "formaction"}]


def test_pages__hostile_words_are_text(client: TestClient, services: Services, group: int, database: Database) -> None:
    """Whatever a stranger wrote, in every column where strangers' words are kept, on every page and part of a page."""
    hostile = """"><hostile-tag onload=alert(1)></script><script>alert(1)</script>'{{ 7919*7927 }}"""
    with database.transaction() as session:
        session.execute(
            sa.text(
                "UPDATE media SET title = :words, caption = :words, story = :words, ocr_text = :words,"
                " keywords = ARRAY[:words], location = :words, source_uri = 'javascript:' || :words, folders = ARRAY[:words]"
            ),
            {"words": hostile},
        )
        media_id = session.execute(sa.text("SELECT media_id FROM membership LIMIT 1")).scalar_one()
        failed = session.execute(sa.text("SELECT media_id FROM membership OFFSET 13")).scalar_one()
        session.execute(sa.text("DELETE FROM membership WHERE media_id = :it"), {"it": failed})
        session.execute(
            sa.text(
                "UPDATE media SET status = 'failed', error_code = 'image_corrupt', error_detail = :words WHERE id = :it"
            ),
            {"words": hostile, "it": failed},
        )
    for path in (f"/media/{media_id}", f"/media/{failed}", f"/clusters/{group}", "/search", "/near-duplicates"):
        client.get(path)
    answer = client.post(f"/clusters/{group}/rename", json={"label": hostile})
    assert answer.status_code == 200, answer.text
    with database.transaction() as session:  # behind the back of what cleans labels
        session.execute(sa.text("UPDATE cluster SET label = :words"), {"words": hostile})
    filled = {"cluster_id": group, "media_id": media_id, "space_id": 1, "what": "fill", "place": 0, "sha256": "0" * 64}
    pages = mounted(create_web_app(services), "/admin")
    told = 0
    for found in iter_route_contexts(pages.routes):
        if "GET" not in (found.methods or ()) or (found.path or "").endswith(
            ("/news", "/stream", "/live", "/original")
        ):
            continue
        path = re.sub(r"\{(\w+)\}", lambda name: str(filled.get(name[1], "small")), found.path or "")
        answer = client.get(f"/admin{path}", params={"q": hostile, "words": hostile, "cluster_id": group})
        if "html" not in answer.headers["content-type"]:
            continue
        markup = Markup(answer.text)
        assert "hostile-tag" not in markup.tags, path
        assert not markup.handlers, path
        assert not [one for one in markup.addresses if one.startswith("javascript:")], path
        assert "alert(1)</script>" not in answer.text, path
        assert str(7919 * 7927) not in answer.text, path
        told += "hostile-tag" in answer.text
    assert told >= 8  # pages that show the words, as text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/admin/nothing", 404, "not_found"),
        ("/admin/clusters/999", 404, "not_found"),
        ("/admin/clusters/0", 400, "malformed_request"),
        ("/admin/?sort=nonsense", 400, "malformed_request"),
        ("/admin/media/01a20757-dbbc-7203-b2a8-d64a814c904f", 404, "not_found"),
        (f"/admin/pictures/{'0' * 64}/small", 404, "original_missing"),
    ],
)
def test_errors__are_pages(client: TestClient, path: str, status: int, code: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert f'data-problem="{code}"' in answer.text
    assert "<nav" in answer.text
    fragment = client.get(path, headers={"HX-Request": "true"})
    assert "<nav" not in fragment.text


def test_errors__no_database(settings: Settings) -> None:
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    services = build_services(settings.model_copy(update={"database_url": SecretStr(url)}))
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        answer = client.get("/admin/")
    services.database.dispose()
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert 'data-problem="backend_unavailable"' in answer.text


def test_static__is_cached_for_ever_under_a_path_of_its_content(client: TestClient) -> None:
    page = client.get("/admin/").text
    paths = set(re.findall(r'(?:href|src)="(/admin/static/[^"]+)"', page))
    assert len(paths) > 5
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
