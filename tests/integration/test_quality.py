"""The quality page over a real database: what is sampled, what is kept, and in how many statements it is shown."""

import json
import re
import uuid
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from starlette.testclient import TestClient

from backend.errors import NotFound
from backend.features.evaluation import Job, measure
from backend.features.evaluation import measurement as service
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.rules.measures import projection
from backend.store.engine import Database
from backend.store.evaluation import (
    count_sizes,
    find_map_points,
    find_mapped_media,
    find_standing,
    list_mapped,
    measuring,
    pack_points,
    record_report,
    sample_background_pairs,
    sample_cohesion,
    sample_same_pairs,
)
from backend.store.evaluation import quality as queries
from backend.store.schema import Space
from backend.store.spaces import get_active_space

MOST = 100_000


@pytest.fixture
def space(database: Database, make_test_space: Callable[..., Space]) -> Space:
    return make_test_space(database)


@pytest.fixture
def library(
    services: Services,
    database: Database,
    space: Space,
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., NDArray[np.float32]],
) -> dict[uuid.UUID, NDArray[np.float32]]:
    """Sixty media in groups of several sizes: their vectors by id."""
    vectors = make_mixture(3, 60, spread=0.6)
    ids = insert_media(database, len(vectors), "embedded")
    embed_media(database, space, ids, vectors)
    Assigner(services, space).assign_waiting()
    return dict(zip(ids, vectors, strict=True))


@pytest.fixture(autouse=True)
def without_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    """It compiles itself for half a minute; its own test does that once."""
    monkeypatch.setattr(projection, "has_umap", lambda: False)


def clusters_of(database: Database) -> dict[uuid.UUID, int]:
    with database.transaction() as session:
        return {row[0]: row[1] for row in session.execute(sa.text("SELECT media_id, cluster_id FROM membership"))}


def all_pairs(
    library: dict[uuid.UUID, NDArray[np.float32]], clusters: dict[uuid.UUID, int], *, same: bool
) -> list[float]:
    ids = list(library)
    return [
        float(library[one] @ library[other])
        for place, one in enumerate(ids)
        for other in ids[place + 1 :]
        if (clusters[one] == clusters[other]) == same
    ]


@pytest.mark.parametrize("small", [True, False])
def test_samples__are_pairs_of_that_kind(
    database: Database,
    space: Space,
    library: dict[uuid.UUID, NDArray[np.float32]],
    monkeypatch: pytest.MonkeyPatch,
    small: bool,
) -> None:
    if not small:
        monkeypatch.setattr(queries, "_SMALL_LIBRARY", 0)
    clusters = clusters_of(database)
    for same, sample in ((True, sample_same_pairs), (False, sample_background_pairs)):
        truth = np.array(all_pairs(library, clusters, same=same))
        with database.transaction() as session:
            found = sample(session, space.id, len(library), 800)
        assert 20 < len(found) <= 800
        assert all(np.abs(truth - one).min() < 1e-6 for one in found)
        if small:
            # Not one pair again and again.
            assert len(np.unique(found.round(9))) > min(len(truth), 800) / 4


def test_same_pairs__each_media_counts_the_same_whatever_the_size_of_its_group(
    database: Database, space: Space, library: dict[uuid.UUID, NDArray[np.float32]]
) -> None:
    clusters = clusters_of(database)
    sizes = Counter(clusters.values())
    expected = np.mean(
        [
            np.mean([library[one] @ library[other] for other in library if other != one and clusters[other] == cluster])
            for one, cluster in clusters.items()
            if sizes[cluster] > 1
        ]
    )
    with database.transaction() as session:
        found = sample_same_pairs(session, space.id, len(library), 20_000)
    assert found.mean() == pytest.approx(expected, abs=0.01)


def test_sizes_and_cohesion__as_counted(
    database: Database, space: Space, library: dict[uuid.UUID, NDArray[np.float32]]
) -> None:
    clusters = clusters_of(database)
    sizes = Counter(clusters.values())
    with database.transaction() as session:
        found = count_sizes(session, space.id, (1, 2, 5, 1000))
        cohesion = sample_cohesion(session, space.id, 100)
    assert [(one.least, one.clusters) for one in found] == [
        (least, sum(least <= size < bound for size in sizes.values()))
        for least, bound in ((1, 2), (2, 5), (5, 1000), (1000, 10**9))
    ]
    assert sum(one.media for one in found) == 60
    members = (np.stack([library[one] for one in library if clusters[one] == cluster]) for cluster in sizes)
    expected = sorted(np.linalg.norm(rows.mean(axis=0)) for rows in members if len(rows) > 1)
    assert sorted(cohesion) == pytest.approx(expected, abs=1e-6)


def test_measure__reports_are_kept_and_grow_stale(
    services: Services, database: Database, library: dict[uuid.UUID, NDArray[np.float32]]
) -> None:
    assert measure(services, Job.FIGURES)
    with database.transaction() as session:
        standing = find_standing(session)
    assert standing is not None
    assert standing.media_count == 60
    assert standing.running == frozenset()
    similarities = standing.reports["similarities"]
    assert similarities.centroid_version == standing.centroid_version
    assert 0.8 < similarities.content["area_under_curve"] <= 1
    reports = standing.reports["thresholds"].content["reports"]
    assert [one["threshold"] for one in reports] == sorted({*service.THRESHOLDS, 0.82})
    (present,) = [one for one in reports if one["threshold"] == 0.82]
    assert present["moved"] == 0
    assert present["clusters"] == len(set(clusters_of(database).values()))


def test_measure__what_fails_is_told_and_the_old_is_kept(
    services: Services,
    database: Database,
    client: TestClient,
    library: dict[uuid.UUID, NDArray[np.float32]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measure(services, Job.MAP)

    def fail(*_: object) -> None:
        raise MemoryError("too large")

    with monkeypatch.context() as patch:
        patch.setattr(service, "project", fail)
        with pytest.raises(MemoryError):
            measure(services, Job.MAP)
    page = client.get("/admin/quality/map").text
    assert "It could not be drawn: MemoryError: too large" in page
    assert "hx-trigger" not in page  # it does not start again and again by itself
    with database.transaction() as session:
        assert find_map_points(session, get_active_space(session).id) is not None
    measure(services, Job.MAP)
    assert "could not" not in client.get("/admin/quality/map").text


def test_measure__one_process_at_a_time(services: Services, database: Database, space: Space) -> None:
    with measuring(database, space.id, Job.MAP) as won:
        assert won
        assert not measure(services, Job.MAP)
        with database.transaction() as session:
            standing = find_standing(session)
        assert standing is not None
        assert standing.running == {"map"}
    with database.transaction() as session:
        standing = find_standing(session)
    assert standing is not None
    assert standing.running == frozenset()


def test_measure__before_there_is_a_space(services: Services, client: TestClient) -> None:
    with pytest.raises(NotFound):
        measure(services, Job.FIGURES)
    for path in ("/admin/quality", "/admin/quality/map"):
        page = client.get(path)
        assert page.status_code == 200
        assert "yet" in page.text
    assert client.get("/admin/quality/map/points").status_code == 404


def test_map__points_are_those_of_the_media_and_groups_as_they_are_now(
    services: Services,
    database: Database,
    space: Space,
    library: dict[uuid.UUID, NDArray[np.float32]],
    client: TestClient,
) -> None:
    assert client.get("/admin/quality/map/points").status_code == 404
    measure(services, Job.MAP)
    with database.transaction() as session:
        drawn = list_mapped(session, space.id, MOST)
        assert sorted(drawn) == sorted(library)
        assert [find_mapped_media(session, space.id, place) for place in (0, 7, 59, 60)] == [
            *(drawn[i] for i in (0, 7, 59)),
            None,
        ]
        session.execute(sa.text("DELETE FROM membership WHERE media_id = :gone"), {"gone": drawn[7]})
    clusters = clusters_of(database)
    content = client.get("/admin/quality/map/points").content
    length = int.from_bytes(content[:4], "little")
    head = json.loads(content[4 : 4 + length])
    count = head["count"]
    assert count == 59
    rest = content[4 + length :]
    points = np.frombuffer(rest[: 8 * count], "<f4").reshape(-1, 2)
    places = np.frombuffer(rest[8 * count : 12 * count], "<u4")
    groups = np.frombuffer(rest[12 * count :], "<u4")
    assert np.abs(points).max() <= 1
    assert 7 not in places
    for place, group in zip(places.tolist(), groups.tolist(), strict=True):
        assert head["groups"][group][0] == clusters[drawn[place]]
    about = client.get(f"/admin/quality/map/points/{places[0]}").json()
    assert about["href"] == f"/admin/media/{drawn[int(places[0])]}"
    assert client.get("/admin/quality/map/points/60").status_code == 404
    assert client.get("/admin/quality/map/points/-1").status_code == 400


def test_map__what_came_later_is_counted(
    services: Services,
    database: Database,
    space: Space,
    library: dict[uuid.UUID, NDArray[np.float32]],
    client: TestClient,
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., NDArray[np.float32]],
) -> None:
    measure(services, Job.MAP)
    assert "not on the map yet" not in client.get("/admin/quality/map").text
    ids = insert_media(database, 3, "embedded", 100)
    embed_media(database, space, ids, make_mixture(8, 3))
    Assigner(services, space).assign_waiting()
    assert "3 not on the map yet" in re.sub("<[^>]*>", "", client.get("/admin/quality/map").text)


def test_map__more_than_are_fitted_are_placed(
    services: Services,
    database: Database,
    space: Space,
    library: dict[uuid.UUID, NDArray[np.float32]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "_MAP_FITTED", 20)
    monkeypatch.setattr(service, "_BLOCK", 16)
    monkeypatch.setattr(service, "MAP_POINTS", 50)
    measure(services, Job.MAP)
    with database.transaction() as session:
        found = find_map_points(session, space.id)
        standing = find_standing(session)
    assert found is not None
    assert standing is not None
    assert len(found.points) == 50
    assert standing.reports["map"].content["fitted"] == 20
    assert np.isfinite(found.points).all()


def test_map__a_join_that_sorts_carries_no_points_along(
    database: Database, space: Space, library: dict[uuid.UUID, NDArray[np.float32]]
) -> None:
    """In a large library the planner sorts or hashes. With all points in each row, 5,000 of them would take 600 MB."""
    generator = np.random.default_rng(3)
    media_ids = [*library, *(uuid.UUID(bytes=generator.bytes(16)) for _ in range(5000))]
    with database.transaction() as session:
        standing = find_standing(session)
        assert standing is not None
        points = generator.uniform(-1, 1, (len(media_ids), 2)).astype(np.float32)
        record_report(session, standing, "map", {"points": len(media_ids)}, pack_points(media_ids, points))
    for way in ("hashjoin", "mergejoin"):
        with database.transaction() as session:
            session.execute(sa.text("SET LOCAL temp_file_limit = '50MB'"))
            session.execute(sa.text("SET LOCAL work_mem = '64kB'"))
            for other in {"hashjoin", "mergejoin", "nestloop"} - {way}:
                session.execute(sa.text(f"SET LOCAL enable_{other} = off"))
            found = find_map_points(session, space.id)
        assert found is not None
        assert sorted(found.map_indexes.tolist()) == list(range(len(library)))


def test_map__of_what_has_gone_altogether(
    database: Database, space: Space, library: dict[uuid.UUID, NDArray[np.float32]], client: TestClient
) -> None:
    with database.transaction() as session:
        standing = find_standing(session)
        assert standing is not None
        record_report(
            session,
            standing,
            "map",
            {"points": 2},
            pack_points([uuid.uuid4(), uuid.uuid4()], np.zeros((2, 2), np.float32)),
        )
        found = find_map_points(session, space.id)
    assert found is not None
    assert (found.points.shape, found.map_indexes.tolist(), found.cluster_ids) == ((0, 2), [], [])
    answer = client.get("/admin/quality/map/points")
    assert (answer.status_code, json.loads(answer.content[4:])["count"]) == (200, 0)


def test_pages__as_many_statements_whatever_there_is(
    services: Services, library: dict[uuid.UUID, NDArray[np.float32]], client: TestClient
) -> None:
    def statements(path: str) -> int:
        seen: list[str] = []

        def hear(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            seen.append(statement)

        sa.event.listen(services.database.engine, "before_cursor_execute", hear)
        assert client.get(path).status_code == 200
        sa.event.remove(services.database.engine, "before_cursor_execute", hear)
        return len(seen)

    assert (statements("/admin/quality"), statements("/admin/quality/map")) == (4, 2)
    measure(services, Job.FIGURES)
    measure(services, Job.MAP)
    assert (statements("/admin/quality"), statements("/admin/quality/map")) == (4, 2)
    assert statements("/admin/quality/map/points") == 2  # and two that go by the driver
    measure(services, Job.EVALUATION)
    assert statements("/admin/quality/labels") == 2


def test_evaluation__is_kept_and_shown_or_says_how_to_get_labels(
    services: Services, database: Database, library: dict[uuid.UUID, NDArray[np.float32]], client: TestClient
) -> None:
    path = "/admin/quality/labels"
    assert "Not evaluated yet" in client.get(path).text
    assert measure(services, Job.EVALUATION)
    # Nobody has said what belongs together.
    empty = client.get(path).text
    assert "Nothing to measure by yet" in empty
    assert 'class="plot"' not in empty
    clusters = clusters_of(database)
    with database.transaction() as session:
        session.execute(
            sa.text(
                "UPDATE media SET source_uri = '/photos/' || label || '/' || id FROM unnest(CAST(:ids AS uuid[]), "
                "CAST(:labels AS text[])) AS t(media_id, label) WHERE id = media_id"
            ),
            {"ids": list(clusters), "labels": [f"kind {one}" for one in clusters.values()]},
        )
    assert measure(services, Job.EVALUATION)
    page = client.get(path).text
    # Without models nothing is asked in words; similar pictures and the threshold have their curves.
    assert page.count('class="plot"') == 2
    assert "by the folders that pictures came from: 60 pictures" in page
    assert "adjusted Rand index" in page
    # The groups are the labels here, so the present threshold is as good as any.
    assert "The present <b>0.82</b> is as good as the best." in page
    with database.transaction() as session:
        standing = find_standing(session)
    assert standing is not None
    document = standing.reports["evaluation"].content["document"]
    assert "by_query" not in document["retrieval"]["media_to_media"]
    assert document["grouping"]["groupings"][0]["measures"]["adjusted_rand_index"]["value"] == 1.0


def test_threshold__preview_apply_and_undo(
    database: Database, library: dict[uuid.UUID, NDArray[np.float32]], client: TestClient
) -> None:
    before = clusters_of(database)
    preview = client.post("/admin/quality/threshold/preview", json={"threshold": 0.6})
    assert preview.status_code == 200
    assert clusters_of(database) == before
    said = int(re.search(r"<b>(\d+) pictures?</b>", preview.text)[1])  # type: ignore[index]
    done = client.post("/admin/quality/threshold/apply", json={"threshold": 0.6}).json()
    after = clusters_of(database)
    assert sum(before[one] != after[one] for one in before) == said > 0
    undone = client.post(f"/admin/quality/events/{done['event_id']}/undo")
    assert undone.status_code == 200
    assert clusters_of(database) == before


@pytest.mark.parametrize("threshold", [0, 1.01, "much", None])
def test_threshold__that_is_none(client: TestClient, space: Space, threshold: object) -> None:
    answer = client.post("/admin/quality/threshold/preview", json={"threshold": threshold})
    assert answer.status_code == 400


def test_threshold__a_large_library_is_sent_to_the_command_line(
    library: dict[uuid.UUID, NDArray[np.float32]], client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.web.pages.routes.quality.MOST_APPLIED_HERE", 59)
    for path in ("preview", "apply"):
        answer = client.post(f"/admin/quality/threshold/{path}", json={"threshold": 0.7})
        assert answer.status_code == 409
        assert "mediacluster threshold 0.7 --apply --dry-run" in answer.text
