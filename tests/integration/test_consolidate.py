"""The second pass on a real library: one event, undone exactly, with uploads and curators at work."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray

from backend.errors import Conflict
from backend.features.consolidation import consolidate as consolidate_module
from backend.features.consolidation import consolidate_library, machine_edits
from backend.features.editing import Extract, Lock, Move, Rename, list_history, perform, redo, undo
from backend.features.integrity import audit
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.rules.consolidation import consolidate
from backend.rules.grouping.assignment import exact_similarity
from backend.store.engine import Database
from backend.store.schema import Space
from backend.vectors import unit_rows


@dataclass
class Shelf:
    """A library with media in their groups: ids and vectors in upload order."""

    services: Services
    space: Space
    ids: list[uuid.UUID]
    vectors: NDArray[np.float32]

    def clusters(self) -> dict[uuid.UUID, int]:
        return dict(rows(self.services.database, "SELECT media_id, cluster_id FROM membership"))

    def cluster_of(self, row: int) -> int:
        return self.clusters()[self.ids[row]]


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.transaction() as session:
        return [tuple(row) for row in session.execute(sa.text(query))]


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All that a grouping is made of, sums to the last bit."""
    return {
        "memberships": rows(database, "SELECT * FROM membership ORDER BY media_id"),
        "clusters": rows(database, "SELECT * FROM cluster ORDER BY id"),
        "sums": rows(database, "SELECT cluster_id, embedding_sum::text, member_count FROM centroid ORDER BY 1"),
        "links": rows(database, "SELECT * FROM cluster_cannot_link ORDER BY 1, 2, 3"),
    }


@pytest.fixture
def make_shelf(
    services: Services,
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    embed_media: Callable[..., None],
) -> Callable[[NDArray[np.float32]], Shelf]:
    def make(vectors: NDArray[np.float32]) -> Shelf:
        space = make_test_space(services.database, vectors.shape[1])
        ids = insert_media(services.database, len(vectors), "pending")
        embed_media(services.database, space, ids, vectors)
        Assigner(services, space).assign_waiting()
        return Shelf(services, space, ids, vectors)

    return make


@pytest.fixture
def shelf(make_shelf: Callable[..., Shelf], make_mixture: Callable[..., NDArray[np.float32]]) -> Shelf:
    """300 media of 12 wide groups, which the rule breaks into many."""
    return make_shelf(make_mixture(21, 300, dimension=32, centres=12, spread=0.52))


@pytest.fixture
def torn(make_shelf: Callable[..., Shelf]) -> Shelf:
    """A group of which the first two stand apart, because those between them came later."""
    angle = np.arccos(0.8)
    first = np.eye(8)[0]
    second = np.cos(angle) * np.eye(8)[0] + np.sin(angle) * np.eye(8)[1]
    middle = unit_rows((first + second)[None])[0]
    generator = np.random.default_rng(0)
    later = middle + 0.08 * generator.normal(size=(20, 8))
    return make_shelf(unit_rows(np.vstack([first, second, later])).astype(np.float32))


def test_consolidate_library__mends_what_the_order_did(torn: Shelf) -> None:
    before = set(torn.clusters().values())
    assert len(before) == 2
    report = consolidate_library(torn.services, actor="ann")
    assert len(set(torn.clusters().values())) == 1
    assert (report.clusters_before, report.clusters_after) == (2, 1)
    assert [(one.cluster_id, one.into) for one in report.merges] == [
        tuple(sorted(before - set(torn.clusters().values())) + list(set(torn.clusters().values())))
    ]
    assert report.outcome.removed_cluster_ids == tuple(before - set(torn.clusters().values()))
    assert audit(torn.services.database).breaches == {}


def test_consolidate_library__undo_restores_exactly_and_redo_too(shelf: Shelf) -> None:
    database = shelf.services.database
    before = everything(database)
    report = consolidate_library(shelf.services, actor="ann")
    after = everything(database)
    assert len(report.merges) > 3
    assert report.clusters_after < report.clusters_before
    assert audit(database).breaches == {}
    assert report.outcome.event_id is not None
    undone = undo(shelf.services, report.outcome.event_id, actor="ann")
    assert everything(database) == before
    assert audit(database).breaches == {}
    assert undone.event_id is not None
    redo(shelf.services, report.outcome.event_id, actor="ann")
    assert shelf_partition(everything(database)) == shelf_partition(after)
    assert audit(database).breaches == {}


def shelf_partition(state: dict[str, list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    return [row[:3] for row in state["memberships"]]


def test_consolidate_library__a_preview_changes_nothing_and_says_the_same(shelf: Shelf) -> None:
    before = everything(shelf.services.database)
    preview = consolidate_library(shelf.services, actor="ann", dry_run=True)
    assert everything(shelf.services.database) == before
    assert preview.outcome.event_id is None
    with shelf.services.database.transaction() as session:
        assert list_history(session, limit=9) == []
    real = consolidate_library(shelf.services, actor="ann")
    assert (preview.merges, preview.moved, len(preview.splits)) == (real.merges, real.moved, len(real.splits))
    assert preview.outcome.summary == real.outcome.summary


def test_consolidate_library__a_second_time_there_is_nothing_to_do(shelf: Shelf) -> None:
    consolidate_library(shelf.services, actor="ann")
    before = everything(shelf.services.database)
    again = consolidate_library(shelf.services, actor="ann")
    assert again.outcome.event_id is None
    assert everything(shelf.services.database) == before


def test_consolidate_library__records_how_near_the_changed_are(shelf: Shelf) -> None:
    report = consolidate_library(shelf.services, actor="ann")
    found = rows(
        shelf.services.database,
        "SELECT media_id, similarity, threshold, origin, event_id, embedding_sum "
        "FROM membership JOIN centroid USING (space_id, cluster_id) WHERE event_id IS NOT NULL",
    )
    assert {row[0] for row in found} == {media_id for media_id, _, _ in report.outcome.moved}
    units = dict(zip(shelf.ids, unit_rows(shelf.vectors), strict=True))
    for media_id, similarity, threshold, origin, event_id, total in found:
        assert similarity == pytest.approx(exact_similarity(units[media_id], np.array(total)), abs=1e-6)
        assert (threshold, origin, event_id) == (0.82, "auto", report.outcome.event_id)


def test_consolidate_library__leaves_a_curators_decisions_alone(torn: Shelf) -> None:
    services = torn.services
    alone = perform(services, Extract([torn.ids[5], torn.ids[6]], label="mine"), actor="ann").created_cluster_ids[0]
    locked = torn.cluster_of(1)
    perform(services, Lock(locked), actor="ann")
    kept = {media_id for media_id, cluster in torn.clusters().items() if cluster in {alone, locked}}
    before = torn.clusters()
    consolidate_library(services, actor="machine")
    after = torn.clusters()
    assert {media_id: after[media_id] for media_id in kept} == {media_id: before[media_id] for media_id in kept}
    # The rest is like the extracted ones, but was parted from them.
    assert {media_id for media_id, cluster in after.items() if cluster == alone} == {torn.ids[5], torn.ids[6]}
    assert audit(services.database).breaches == {}


def test_consolidate_library__a_named_cluster_takes_the_other_in(torn: Shelf) -> None:
    small = min(set(torn.clusters().values()), key=list(torn.clusters().values()).count)
    perform(torn.services, Rename(small, "Harbour"), actor="ann")
    consolidate_library(torn.services, actor="machine")
    assert set(torn.clusters().values()) == {small}
    assert rows(torn.services.database, "SELECT label, label_origin FROM cluster") == [("Harbour", "curator")]


def test_consolidate_library__what_is_split_off_stays_parted_too(make_shelf: Callable[..., Shelf]) -> None:
    """A curator parts x from a cluster of two groups; the machine splits it, and may join neither half with x."""
    generator = np.random.default_rng(3)
    groups = np.repeat(np.eye(8)[[0, 1]], 8, axis=0) + 0.03 * generator.normal(size=(16, 8))
    shelf = make_shelf(unit_rows(groups).astype(np.float32))
    services = shelf.services
    first, second = shelf.cluster_of(0), shelf.cluster_of(8)
    perform(services, Move(shelf.ids[8:], first), actor="ann")
    # As if the machine had put them there, so that it may split them again.
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE membership SET origin = 'auto'"))
        session.execute(sa.text("DELETE FROM cluster_cannot_link"))
    x = perform(services, Extract([shelf.ids[15]]), actor="ann").created_cluster_ids[0]
    report = consolidate_library(services, actor="machine")
    (split,) = report.splits
    linked = {
        frozenset(pair) for pair in rows(services.database, "SELECT cluster_a, cluster_b FROM cluster_cannot_link")
    }
    assert linked == {frozenset({first, x}), frozenset({split.created_cluster_id, x})}
    assert second not in shelf.clusters().values()
    assert consolidate_library(services, actor="machine").outcome.event_id is None


def test_consolidate_library__what_came_in_meanwhile_follows_its_cluster(
    torn: Shelf,
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Uploads are assigned while the second pass computes."""
    services = torn.services
    late = insert_media(services.database, 2, "pending", first=100)
    vectors = torn.vectors[[0, 1]]

    def slow(*arguments: object) -> object:
        embed_media(services.database, torn.space, late, vectors)
        assert Assigner(services, torn.space).assign_waiting() == 2
        return consolidate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(consolidate_module, "consolidate", slow)
    report = consolidate_library(services, actor="ann")
    assert report.outcome.event_id is not None
    assert len(set(torn.clusters().values())) == 1
    assert len(torn.clusters()) == 24
    assert audit(services.database).breaches == {}


def test_consolidate_library__a_curators_change_meanwhile_is_seen(torn: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    services = torn.services
    calls: list[int] = []

    def slow(*arguments: object) -> object:
        if not calls:
            perform(services, Lock(torn.cluster_of(1)), actor="ann")
        calls.append(1)
        return consolidate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(consolidate_module, "consolidate", slow)
    before = torn.clusters()
    consolidate_library(services, actor="machine")
    assert len(calls) == 2
    assert torn.clusters() == before


def test_consolidate_library__gives_up_when_curators_never_rest(torn: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    read = machine_edits.read_library
    names = iter("abcdef")

    def restless(services: Services) -> machine_edits.Reading:
        reading = read(services)
        perform(services, Extract([torn.ids[ord(next(names)) - ord("a") + 2]]), actor="ann")
        return reading

    monkeypatch.setattr(machine_edits, "read_library", restless)
    with pytest.raises(Conflict, match="every attempt"):
        consolidate_library(torn.services, actor="machine")


def test_consolidate_library__with_assigners_at_work(
    shelf: Shelf,
    make_services: Callable[..., Services],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., NDArray[np.float32]],
) -> None:
    ids = insert_media(shelf.services.database, 200, "pending", first=1000)
    vectors = make_mixture(22, 200, dimension=32, centres=12, spread=0.52)
    own = make_services(assign_batch_size=5)

    def upload() -> None:
        assigner = Assigner(own, shelf.space)
        for start in range(0, 200, 10):
            embed_media(own.database, shelf.space, ids[start : start + 10], vectors[start : start + 10])
            assigner.assign_waiting()

    thread = threading.Thread(target=upload)
    thread.start()
    while thread.is_alive():
        consolidate_library(shelf.services, actor="machine")
        assert audit(shelf.services.database).breaches == {}
    thread.join()
    Assigner(own, shelf.space).assign_waiting()
    assert len(shelf.clusters()) == 500
    assert audit(shelf.services.database).breaches == {}


def test_consolidate_library__an_empty_library(make_shelf: Callable[..., Shelf]) -> None:
    report = consolidate_library(make_shelf(np.empty((0, 8), np.float32)).services, actor="ann")
    assert (report.media, report.clusters_after, report.outcome.event_id) == (0, 0, None)
