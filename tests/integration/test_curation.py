"""What a curator does, over a real database: exact afterwards, previewed without a trace, undone without a rest."""

import itertools
import re
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa

from backend.errors import Conflict, InputError, InvalidText, MediaclusterError, NotFound, UndoBlocked
from backend.features.consolidation import apply_threshold, consolidate_library
from backend.features.editing import (
    ChooseRepresentative,
    Confirm,
    Dissolve,
    Extract,
    Lock,
    Merge,
    Move,
    Operation,
    Rename,
    Split,
    Unlock,
    delete_media,
    list_history,
    perform,
    propose_split,
    redo,
    undo,
    write_edit,
)
from backend.features.editing.apply import apply_edit
from backend.features.integrity import audit
from backend.features.naming import refresh_labels
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.rules.editing import AUTO, TO_BE_GIVEN, Edit, Outcome, Snapshot, plan_lock
from backend.rules.grouping.assignment import exact_similarity
from backend.store.engine import Database
from backend.store.events.events import CHANNEL
from backend.store.groups import list_cannot_links, lock_clusters, read_snapshot
from backend.store.schema import Space
from backend.vectors import unit_rows

LIBRARY = ("cluster", "centroid", "membership", "cluster_cannot_link", "media")


def around(axis: int, count: int, seed: int, spread: float = 0.25, dimension: int = 16) -> np.ndarray:
    """Unit vectors (count, dimension) near one axis: near enough to be one cluster."""
    points = np.random.default_rng(seed).normal(size=(count, dimension)) * spread / np.sqrt(dimension)
    points[:, axis] += 1
    return unit_rows(points).astype(np.float32)


def dump(database: Database, *tables: str) -> dict[str, list[str]]:
    """Every row of the tables as text, floats to the last bit."""
    with database.transaction() as session:
        return {
            table: sorted(session.execute(sa.text(f"SELECT to_jsonb({table})::text FROM {table}")).scalars())
            for table in tables or (*LIBRARY, "cluster_event", "webhook_delivery", "space", "embedding")
        }


@dataclass
class Library:
    """Three clusters of six around three axes, numbered 1 to 3, and a way to add more."""

    services: Services
    space: Space
    assigner: Assigner
    insert: Callable[..., list[uuid.UUID]]
    embed: Callable[..., None]
    uploads: int = 0

    def add(self, vectors: np.ndarray) -> list[uuid.UUID]:
        ids = self.insert(self.services.database, len(vectors), "pending", self.uploads)
        self.uploads += len(ids)
        with self.services.database.transaction() as session:
            for place, media_id in enumerate(ids):
                session.execute(
                    sa.text("UPDATE media SET title = :title WHERE id = :id"),
                    {"id": media_id, "title": f"picture {self.uploads - len(ids) + place}"},
                )
        self.embed(self.services.database, self.space, ids, vectors)
        assert self.assigner.assign_waiting() == len(ids)
        return ids

    def do(self, operation: Operation, *, dry_run: bool = False) -> Outcome:
        outcome = perform(self.services, operation, actor="eve", dry_run=dry_run)
        self.check()
        return outcome

    def undo(self, event_id: int | None) -> Outcome:
        assert event_id is not None
        outcome = undo(self.services, event_id, actor="eve")
        self.check()
        return outcome

    def redo(self, event_id: int | None) -> Outcome:
        assert event_id is not None
        outcome = redo(self.services, event_id, actor="eve")
        self.check()
        return outcome

    def check(self) -> None:
        assert audit(self.services.database, replay=True).breaches == {}

    def members(self) -> dict[int, list[uuid.UUID]]:
        found: dict[int, list[uuid.UUID]] = {}
        for media_id, cluster_id in self.rows("SELECT media_id, cluster_id FROM membership ORDER BY assign_seq"):
            found.setdefault(cluster_id, []).append(media_id)
        return found

    def rows(self, query: str, **parameters: object) -> list[tuple[Any, ...]]:
        with self.services.database.transaction() as session:
            return [tuple(row) for row in session.execute(sa.text(query), parameters)]

    def value(self, query: str, **parameters: object) -> Any:
        return self.rows(query, **parameters)[0][0]

    def dump(self) -> dict[str, list[str]]:
        return dump(self.services.database, *LIBRARY)


@pytest.fixture
def library(
    services: Services,
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    embed_media: Callable[..., None],
) -> Library:
    space = make_test_space(services.database)
    library = Library(services, space, Assigner(services, space), insert_media, embed_media)
    for axis in range(3):
        library.add(around(axis, 6, seed=axis))
    assert {id_: len(found) for id_, found in library.members().items()} == {1: 6, 2: 6, 3: 6}
    return library


# --- one operation after another -----------------------------------------------------------------------------


def test_move__only_the_selected(library: Library) -> None:
    before = library.members()
    chosen = before[1][1:3]
    outcome = library.do(Move(chosen, 2))
    assert library.members() == {
        1: [media_id for media_id in before[1] if media_id not in chosen],
        2: before[2] + chosen,
        3: before[3],
    }
    assert outcome.moved == ((chosen[0], 1, 2), (chosen[1], 1, 2))
    assert [(one.id, one.size_before, one.size_after) for one in outcome.clusters] == [(1, 6, 4), (2, 6, 8)]
    assert set(library.rows("SELECT media_id FROM membership WHERE origin = 'curator'")) == {(id_,) for id_ in chosen}
    rows = library.rows(
        "SELECT similarity, margin, runner_up_cluster_id, runner_up_similarity, founder, event_id FROM membership "
        "WHERE media_id = ANY(:ids)",
        ids=chosen,
    )
    for similarity, *others in rows:
        assert similarity < 0.9
        assert others == [None, None, None, False, outcome.event_id]
    assert library.rows("SELECT * FROM cluster_cannot_link") == [(1, 2, outcome.event_id)]


def test_move__similarity_is_the_cosine_to_the_centroid_afterwards(library: Library) -> None:
    media_id = library.members()[1][2]
    library.do(Move([media_id], 3))
    with library.services.database.transaction() as session:
        from backend.store.arrays import fetch_arrays

        (vector, total, similarity) = fetch_arrays(
            session,
            "SELECT image_embedding, embedding_sum, similarity FROM membership JOIN embedding USING (media_id, space_id) "
            "JOIN centroid USING (cluster_id) WHERE media_id = :id",
            {"id": media_id},
        )[0]
    assert similarity == pytest.approx(exact_similarity(unit_rows(vector[None])[0], total), abs=1e-6)


def test_move__the_last_members_take_their_cluster_along(library: Library) -> None:
    library.do(Rename(1, "Lighthouses"))
    outcome = library.do(Move(library.members()[1], 2))
    assert outcome.removed_cluster_ids == (1,)
    assert outcome.warnings == ("Group 1 'Lighthouses' has no members left and is removed.",)
    assert set(library.members()) == {2, 3}
    assert library.rows("SELECT * FROM cluster_cannot_link") == []


def test_move__those_already_there_stay_as_they_are(library: Library) -> None:
    members = library.members()
    outcome = library.do(Move([*members[2], members[1][0], members[1][0]], 2))
    assert len(outcome.moved) == 1
    assert outcome.warnings == ("6 pictures already there: unchanged.",)
    assert library.value("SELECT count(*) FROM membership WHERE origin = 'curator'") == 1


def test_move__into_a_locked_cluster(library: Library) -> None:
    library.do(Lock(2))
    library.do(Move(library.members()[1][:1], 2))
    assert len(library.members()[2]) == 7


def test_merge__marks_all_and_hands_cannot_links_on(library: Library) -> None:
    first = library.do(Move(library.members()[1][:1], 2))
    second = library.do(Move(library.members()[3][:1], 1))
    outcome = library.do(Merge([1, 1, 2], 2))
    assert outcome.removed_cluster_ids == (1,)
    assert len(library.members()[2]) == 13
    assert library.rows("SELECT origin, count(*) FROM membership WHERE cluster_id = 2 GROUP BY origin") == [
        ("curator", 13)
    ]
    # That 1 and 2 are apart is taken back; that 1 and 3 are is 2's now.
    assert library.rows("SELECT * FROM cluster_cannot_link") == [(2, 3, second.event_id)]
    library.undo(outcome.event_id)
    assert library.rows("SELECT * FROM cluster_cannot_link ORDER BY 1, 2") == [
        (1, 2, first.event_id),
        (1, 3, second.event_id),
    ]


def test_merge__names_what_goes(library: Library) -> None:
    library.do(Rename(1, "Boats"))
    library.do(Lock(1))
    assert library.do(Merge([1], 3)).warnings == (
        "The label 'Boats', which a curator gave group 1, is lost.",
        "Group 1 was locked; its lock is lost.",
    )


def test_split__marks_both_halves(library: Library) -> None:
    chosen = library.members()[1][:2]
    outcome = library.do(Split(1, chosen, "Small boats"))
    (new_id,) = outcome.created_cluster_ids
    assert library.members()[new_id] == chosen
    assert library.rows("SELECT label, label_origin FROM cluster WHERE id = :id", id=new_id) == [
        ("Small boats", "curator")
    ]
    assert library.value("SELECT count(*) FROM membership WHERE origin = 'curator'") == 6
    assert library.rows("SELECT * FROM cluster_cannot_link") == [(1, new_id, outcome.event_id)]


def test_extract__from_several_clusters(library: Library) -> None:
    members = library.members()
    outcome = library.do(Extract([members[1][0], members[2][0]]))
    (new_id,) = outcome.created_cluster_ids
    assert library.members()[new_id] == [members[1][0], members[2][0]]
    assert library.value("SELECT count(*) FROM membership WHERE origin = 'curator'") == 2
    # Without a label it takes the title of the picture that stands for it.
    label, title = library.rows(
        "SELECT label, title FROM cluster JOIN media ON media.id = representative_media_id WHERE cluster.id = :id",
        id=new_id,
    )[0]
    assert label == title != ""


def test_move__takes_along_what_it_was_parted_from(library: Library) -> None:
    """Parted from its cluster and put into a third: by that detour no machine may bring it together with the others again."""
    links = "SELECT cluster_a, cluster_b, event_id FROM cluster_cannot_link ORDER BY 1, 2"
    chosen = library.members()[1][:1]
    parted = library.do(Extract(chosen))
    (between,) = parted.created_cluster_ids
    moved = library.do(Move(chosen, 3))
    assert moved.removed_cluster_ids == (between,)
    assert library.rows(links) == [(1, 3, moved.event_id)]
    library.undo(moved.event_id)
    assert library.rows(links) == [(1, between, parted.event_id)]


def test_undo__what_was_parted_since_stays_parted(library: Library) -> None:
    """A picture returns to its former group, with the cannot-links that the group it leaves has gained since."""
    first = library.members()[1][0]
    moved = library.do(Move([first], 2))
    library.do(Extract(library.members()[2][:1]))
    undone = library.undo(moved.event_id)
    new = library.value("SELECT max(id) FROM cluster")
    found = library.rows(
        "SELECT cluster_a, cluster_b FROM cluster_cannot_link WHERE event_id = :id", id=undone.event_id
    )
    assert found == [(1, new)]


def test_lock__takes_no_automatic_members(library: Library) -> None:
    library.do(Lock(1))
    assert library.value("SELECT locked_at IS NOT NULL FROM cluster WHERE id = 1")
    (late,) = library.add(around(0, 1, seed=9))
    assert library.members()[4] == [late]
    library.do(Unlock(1))
    # The cache is told: the next one joins again.
    library.add(around(0, 1, seed=10, spread=0.01))
    assert len(library.members()[1]) + len(library.members()[4]) == 8
    library.check()


def test_confirm__marks_and_moves_nothing(library: Library) -> None:
    members = library.members()
    outcome = library.do(Confirm(members[1][:3]))
    assert library.members() == members
    assert outcome.moved == ()
    assert library.value("SELECT count(*) FROM membership WHERE origin = 'curator' AND margin IS NULL") == 3
    assert library.do(Confirm(members[1])).warnings == ("3 pictures already confirmed: unchanged.",)


def test_rename_and_representative(library: Library) -> None:
    chosen = library.members()[2][4]
    library.do(Rename(2, "  <b>Trains</b> "))
    library.do(ChooseRepresentative(2, chosen))
    state = "SELECT label, label_origin, representative_media_id, representative_origin FROM cluster WHERE id = 2"
    assert library.rows(state) == [("Trains", "curator", chosen, "curator")]
    # It leaves: the nearest stands in, by the machine's choice.
    library.do(Move([chosen], 1))
    label, origin, representative, chosen_by = library.rows(state)[0]
    assert (label, origin, chosen_by) == ("Trains", "curator", "auto")
    assert representative in library.members()[2]


def test_representative__the_member_nearest_the_centroid(library: Library) -> None:
    library.do(Move(library.members()[1][:1], 2))
    for cluster_id in (1, 2):
        nearest = library.value(
            "SELECT media_id FROM membership JOIN embedding USING (media_id) JOIN centroid USING (cluster_id) "
            "WHERE cluster_id = :id ORDER BY image_embedding <=> centroid LIMIT 1",
            id=cluster_id,
        )
        assert nearest == library.value("SELECT representative_media_id FROM cluster WHERE id = :id", id=cluster_id)


def test_dissolve__the_near_join_others_the_rest_stand_alone(library: Library) -> None:
    halfway = unit_rows(np.array([[1.0, 1.0, *[0.0] * 14]])).astype(np.float32)
    (between,) = library.add(halfway)
    stray = library.members()[2][0]
    library.do(Move([between, stray], 3))
    library.do(Dissolve(3))
    members = library.members()
    assert 3 not in members
    # What a curator took out of cluster 2 does not go back there.
    assert stray not in members[2]
    assert len(members) == 2 + 8 + 1 - 1
    assert all(len(members[id_]) == 1 for id_ in members if id_ > 4)


def test_dissolve__never_into_a_locked_cluster(library: Library) -> None:
    twins = library.add(around(0, 2, seed=20, spread=0.01))
    outcome = library.do(Extract(twins))
    (new_id,) = outcome.created_cluster_ids
    with library.services.database.transaction() as session:
        session.execute(sa.text("DELETE FROM cluster_cannot_link"))
    library.do(Lock(1))
    assert len(library.do(Dissolve(new_id)).created_cluster_ids) == 2
    assert len(library.members()[1]) == 6


# --- exact ---------------------------------------------------------------------------------------------------


def test_centroids__as_if_the_assigner_had_added_them_up(library: Library) -> None:
    """After a move the sum is that of one addition after another, to the last bit, and the assigner goes on from it."""
    members = library.members()
    library.do(Move(members[1][:3], 2))
    library.add(around(1, 4, seed=30))
    library.do(Merge([3], 2))
    for cluster_id, ids in library.members().items():
        with library.services.database.transaction() as session:
            from backend.store.arrays import fetch_arrays

            vectors = dict(fetch_arrays(session, "SELECT media_id, image_embedding FROM embedding"))
            stored = fetch_arrays(
                session, "SELECT embedding_sum FROM centroid WHERE cluster_id = :id", {"id": cluster_id}
            )[0][0]
        total = np.zeros(16)
        for media_id in ids:
            total = total + unit_rows(vectors[media_id][None])[0]
        assert stored.tobytes() == total.tobytes()


OPERATIONS: dict[str, Callable[[dict[int, list[uuid.UUID]]], Operation]] = {
    "rename": lambda _: Rename(1, "Boats"),
    "choose_representative": lambda members: ChooseRepresentative(1, members[1][3]),
    "move": lambda members: Move([*members[1][:2], members[3][1]], 2),
    "move_all": lambda members: Move(members[1], 2),
    "merge": lambda _: Merge([1, 3], 2),
    "split": lambda members: Split(1, members[1][2:4], "Half"),
    "extract": lambda members: Extract([members[1][0], *members[2]]),
    "lock": lambda _: Lock(1),
    "dissolve": lambda _: Dissolve(1),
    "confirm": lambda members: Confirm(members[1][:2]),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_dry_run__changes_nothing_and_says_the_same(name: str, library: Library) -> None:
    operation = OPERATIONS[name](library.members())
    before = dump(library.services.database)
    preview = library.do(operation, dry_run=True)
    assert dump(library.services.database) == before
    assert preview.event_id is None
    outcome = library.do(operation)
    created = dict(zip(preview.created_cluster_ids, outcome.created_cluster_ids, strict=True))

    def same(cluster_id: int) -> int:
        return created.get(cluster_id, cluster_id)

    moved = [(media_id, from_, None if to is None else same(to)) for media_id, from_, to in preview.moved]
    assert moved == list(outcome.moved)
    assert [replace(one, id=same(one.id)) for one in preview.clusters] == list(outcome.clusters)
    assert preview.warnings == outcome.warnings


@pytest.mark.parametrize("name", OPERATIONS)
def test_undo_and_redo__restore_everything_exactly(name: str, library: Library) -> None:
    before = library.dump()
    outcome = library.do(OPERATIONS[name](library.members()))
    after = library.dump()
    assert after != before
    undone = library.undo(outcome.event_id)
    assert without_lock_times(library.dump()) == without_lock_times(before)
    library.redo(outcome.event_id)
    assert without_lock_times(library.dump()) == without_lock_times(after)
    again = library.undo(outcome.event_id)
    assert without_lock_times(library.dump()) == without_lock_times(before)
    # Undoing an undo is redoing.
    library.undo(again.event_id)
    assert without_lock_times(library.dump()) == without_lock_times(after)
    with pytest.raises(Conflict, match="already undone"):
        undo(library.services, undone.event_id or 0, actor="eve")


def without_lock_times(tables: dict[str, list[str]]) -> dict[str, list[str]]:
    """When a lock came back is another moment than when it was set."""
    return tables | {"cluster": [re.sub(r'"locked_at": "[^"]*"', "", row) for row in tables["cluster"]]}


def test_undo__while_automatic_members_have_joined(library: Library) -> None:
    chosen = library.members()[1][:2]
    outcome = library.do(Move(chosen, 2))
    late = library.add(np.vstack([around(0, 2, seed=40), around(1, 2, seed=41)]))
    library.undo(outcome.event_id)
    members = library.members()
    assert set(chosen) <= set(members[1])
    assert set(late[2:]) <= set(members[2])
    library.redo(outcome.event_id)
    assert set(chosen) <= set(library.members()[2])


def test_undo__older_work_on_other_media(library: Library) -> None:
    members = library.members()
    first = library.do(Move(members[1][:1], 2))
    library.do(Move(members[1][1:2], 2))
    library.undo(first.event_id)
    assert members[1][0] in library.members()[1]
    assert members[1][1] in library.members()[2]
    # The second move says still that the two are apart.
    assert [row[:2] for row in library.rows("SELECT * FROM cluster_cannot_link")] == [(1, 2)]


def test_undo__brings_an_emptied_cluster_back_and_redo_too(library: Library) -> None:
    members = library.members()
    first = library.do(Move(members[1][:1], 2))
    library.do(Move(members[2], 3))
    # Taking the first back empties 2; redoing needs it again.
    assert library.undo(first.event_id).removed_cluster_ids == (2,)
    library.redo(first.event_id)
    assert library.members()[2] == [members[1][0]]


BLOCKED: dict[str, tuple[Callable[..., Any], Callable[..., Any], str]] = {
    "moved on": (
        lambda members: Move(members[1][:1], 2),
        lambda library, _, members: library.do(Move(members[1][:1], 3)),
        "has since been moved to group 3 by event",
    ),
    "confirmed": (
        lambda members: Split(1, members[1][:1]),
        lambda library, outcome, _: library.do(Move(library.members()[outcome.created_cluster_ids[0]], 3)),
        "has since been moved to group 3",
    ),
    "renamed": (
        lambda _: Rename(1, "Boats"),
        lambda library, *_: library.do(Rename(1, "Ships")),
        "since been renamed to 'Ships'",
    ),
    "chosen again": (
        lambda members: ChooseRepresentative(1, members[1][3]),
        lambda library, _, members: library.do(ChooseRepresentative(1, members[1][4])),
        "A different representative has since been chosen for group 1",
    ),
    "deleted": (
        lambda members: Move(members[1][:1], 2),
        lambda library, _, members: delete_media(library.services, members[1][:1], actor="eve"),
        "has since been deleted",
    ),
    "new members": (
        lambda members: Extract(members[1][:3]),
        lambda library, *_: (library.do(Lock(1)), library.add(around(0, 2, seed=50, spread=0.1))),
        "2 pictures joined it since",
    ),
    "cluster gone": (
        lambda members: Move(members[1][:1], 2),
        lambda library, *_: library.do(Merge([1], 3)),
        "Group 1 no longer exists",
    ),
    "locked": (
        lambda members: Extract(members[1][:3]),
        lambda library, outcome, _: library.do(Lock(outcome.created_cluster_ids[0])),
        "would be removed, but has since been locked",
    ),
    "named": (
        lambda members: Extract(members[1][:3]),
        lambda library, outcome, _: library.do(Rename(outcome.created_cluster_ids[0], "Kept")),
        "has since been renamed to 'Kept'",
    ),
}


@pytest.mark.parametrize("name", BLOCKED)
def test_undo__refused_with_what_stands_in_the_way(name: str, library: Library) -> None:
    operation, later, reason = BLOCKED[name]
    members = library.members()
    outcome = library.do(operation(members))
    later(library, outcome, members)
    library.check()
    before = library.dump()
    with pytest.raises(UndoBlocked) as caught:
        undo(library.services, outcome.event_id or 0, actor="eve")
    assert any(reason in obstacle for obstacle in caught.value.context["obstacles"])
    assert caught.value.code == "undo_blocked"
    assert library.dump() == before


def test_undo__of_a_rename_leaves_later_moves_alone(library: Library) -> None:
    renamed = library.do(Rename(1, "Boats"))
    library.do(Move(library.members()[1][:2], 2))
    library.undo(renamed.event_id)
    assert library.value("SELECT label_origin FROM cluster WHERE id = 1") == "auto"
    assert len(library.members()[2]) == 8


def test_undo__what_cannot_be(library: Library) -> None:
    event_id = library.do(Rename(1, "Boats")).event_id or 0
    with pytest.raises(Conflict, match="nothing to redo"):
        redo(library.services, event_id, actor="eve")
    with pytest.raises(NotFound, match="no event 999"):
        undo(library.services, 999, actor="eve")
    deleted = delete_media(library.services, library.members()[1][:1], actor="eve")
    with pytest.raises(Conflict, match="deletion cannot be undone"):
        undo(library.services, deleted.event_id or 0, actor="eve")


def test_list_history__who_when_and_what_is_in_force(library: Library) -> None:
    members = library.members()
    moved = library.do(Move(members[1][:1], 2)).event_id
    renamed = library.do(Rename(3, "Boats")).event_id
    undone = library.undo(moved).event_id
    with library.services.database.transaction() as session:
        events = list_history(session, limit=10)
        assert [(one.id, one.kind, one.undone_by) for one in events] == [
            (undone, "undo", None),
            (renamed, "rename", None),
            (moved, "move", undone),
        ]
        assert [(one.undoable, one.redoable) for one in events] == [(True, False), (True, False), (False, True)]
        assert events[2].summary == "Moved 1 picture from group 1 to group 2 'picture 6'"
        assert events[0].actor == "eve"
        assert events[0].target_event_id == moved
        assert [one.id for one in list_history(session, before_id=renamed, limit=10)] == [moved]
        assert [one.id for one in list_history(session, cluster_id=3, limit=10)] == [renamed]
        assert [one.id for one in list_history(session, media_id=members[1][0], limit=1)] == [undone]
        assert list_history(session, media_id=members[1][1], limit=10) == []


# --- refused -------------------------------------------------------------------------------------------------


UNKNOWN = uuid.UUID(int=7)
REFUSED: dict[str, tuple[Callable[[dict[int, list[uuid.UUID]]], Operation], type[MediaclusterError], str]] = {
    "no media": (lambda _: Move([], 1), InputError, "No picture was named"),
    "too many": (lambda _: Confirm([uuid.uuid4() for _ in range(10_001)]), InputError, "10,001 pictures were named"),
    "unknown media": (lambda _: Move([UNKNOWN], 1), NotFound, f"no picture {UNKNOWN}"),
    "unknown target": (lambda members: Move(members[1], 99), NotFound, "no group 99"),
    "same cluster": (lambda members: Move(members[1][:1], 1), Conflict, "already in group 1"),
    "into itself": (lambda _: Merge([2, 2], 2), InputError, "into itself"),
    "merge nothing": (lambda _: Merge([], 2), InputError, "No group was named"),
    "merge the unknown": (lambda _: Merge([99], 2), NotFound, "no group 99"),
    "split none": (lambda _: Split(1, []), InputError, "No picture was named"),
    "split all": (lambda members: Split(1, members[1]), InputError, "all members of group 1"),
    "split others": (lambda members: Split(1, members[2][:1]), Conflict, "not in group 1"),
    "extract the whole": (lambda members: Extract(members[1]), Conflict, "the whole of group 1"),
    "no label": (lambda _: Rename(1, " <i></i> "), InvalidText, "label is empty"),
    "long label": (lambda _: Rename(1, "x" * 301), InvalidText, "The label has 301 characters"),
    "rename the unknown": (lambda _: Rename(99, "x"), NotFound, "no group 99"),
    "no member": (lambda members: ChooseRepresentative(1, members[2][0]), Conflict, "not in group 1"),
    "unlocked already": (lambda _: Unlock(1), Conflict, "already unlocked"),
    "dissolve the unknown": (lambda _: Dissolve(99), NotFound, "no group 99"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_perform__refused(name: str, library: Library) -> None:
    make, kind, words = REFUSED[name]
    before = dump(library.services.database)
    with pytest.raises(kind, match=words) as caught:
        perform(library.services, make(library.members()), actor="eve")
    assert type(caught.value) is kind
    assert caught.value.hint or kind is NotFound
    assert dump(library.services.database) == before


def test_perform__media_that_is_not_ready(library: Library, insert_media: Callable[..., list[uuid.UUID]]) -> None:
    (waiting,) = insert_media(library.services.database, 1, "pending", 100)
    with pytest.raises(Conflict, match="not in a group yet: its status is pending"):
        perform(library.services, Move([waiting], 1), actor="eve")


# --- told, applied by machines, proposed -----------------------------------------------------------------------


def test_move__tells_listeners(library: Library) -> None:
    (media_id,) = library.members()[1][:1]
    with psycopg.connect(library.services.database.url, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}".encode())
        library.do(Move([media_id], 2), dry_run=True)
        library.do(Move([media_id], 2))
        # Notices come in the order of their commits: after this one there is none of the edits left.
        listener.execute(f"NOTIFY {CHANNEL}, 'end'".encode())
        heard = list(
            itertools.takewhile(lambda payload: payload != "end", (one.payload for one in listener.notifies()))
        )
    assert len(heard) == 1
    assert f'"type": "media.moved", "media_id": "{media_id}", "cluster_id": 2' in heard[0]


def test_apply_edit__by_a_machine(library: Library) -> None:
    media_id = library.members()[1][0]
    with library.services.database.transaction() as session:
        before = read_snapshot(session, [], [media_id])
    state = before.memberships[media_id]
    assert state is not None
    there = replace(state, cluster_id=2, similarity=None, assign_seq=TO_BE_GIVEN, event_id=TO_BE_GIVEN)
    edit = Edit("consolidate", before, Snapshot(memberships={media_id: there}), "Put one right")
    with library.services.database.transaction() as session:
        outcome = apply_edit(session, library.space, edit, actor="machine")
    library.check()
    assert library.rows("SELECT cluster_id, origin FROM membership WHERE media_id = :id", id=media_id) == [(2, AUTO)]
    with pytest.raises(Conflict, match="in the meantime"), library.services.database.transaction() as session:
        apply_edit(session, library.space, edit, actor="machine")
    library.undo(outcome.event_id)
    assert library.members()[1][0] == media_id


def test_write_edit__a_label_that_came_meanwhile_stays(library: Library) -> None:
    """Labels are made without the assigner's lock: one may come between the reading and the writing of an edit."""
    with library.services.database.transaction() as session:
        edit = plan_lock(read_snapshot(session, [1], []), 1, locked=True)
    with library.services.database.transaction() as session:
        session.execute(sa.text("UPDATE cluster SET label = 'boats at sea' WHERE id = 1"))
    with library.services.database.transaction() as session:
        outcome = write_edit(session, library.space, edit, actor="eve")
    assert library.rows("SELECT label, locked FROM cluster WHERE id = 1") == [("boats at sea", True)]
    library.undo(outcome.event_id)
    assert library.rows("SELECT label, locked FROM cluster WHERE id = 1") == [("boats at sea", False)]


def test_propose_split__finds_the_two(library: Library) -> None:
    merged = library.members()
    library.do(Merge([2], 1))
    proposal = propose_split(library.services, 1)
    assert {frozenset(proposal.left), frozenset(proposal.right)} == {frozenset(merged[1]), frozenset(merged[2])}
    assert proposal.cohesion < proposal.left_cohesion
    assert proposal.similarity < 0.5
    library.do(Split(1, proposal.right))
    assert {frozenset(ids) for ids in library.members().values()} == {frozenset(ids) for ids in merged.values()}


def test_propose_split__nothing_to_part(library: Library) -> None:
    (alone,) = library.add(around(9, 1, seed=60))
    with pytest.raises(Conflict, match="are all alike"):
        propose_split(
            library.services, library.value("SELECT cluster_id FROM membership WHERE media_id = :id", id=alone)
        )
    with pytest.raises(NotFound):
        propose_split(library.services, 99)


# --- at once -------------------------------------------------------------------------------------------------


def in_threads(jobs: Sequence[Callable[[], object]]) -> list[object]:
    """Run all at once; returns what each returned, or the MediaclusterError that it raised."""
    results: list[object] = [None] * len(jobs)
    barrier = threading.Barrier(len(jobs))

    def run(place: int) -> None:
        barrier.wait()
        try:
            results[place] = jobs[place]()
        except MediaclusterError as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_undo__two_at_once_one_wins(library: Library) -> None:
    outcome = library.do(Move(library.members()[1][:2], 2))
    results = in_threads([lambda: undo(library.services, outcome.event_id or 0, actor="eve")] * 2)
    assert [type(result) for result in results if isinstance(result, Conflict)] == [Conflict]
    assert sum(isinstance(result, Outcome) for result in results) == 1
    library.check()


def test_perform__curators_machines_and_assigners_at_once(
    library: Library,
    make_services: Callable[..., Services],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
) -> None:
    database = library.services.database
    vectors = np.vstack([around(axis % 4, 10, seed=100 + axis) for axis in range(12)])
    ids = insert_media(database, len(vectors), "pending", 1000)
    done = threading.Event()

    def curate(seed: int) -> None:
        own = make_services()
        generator = np.random.default_rng(seed)
        for _ in range(25):
            members = {id_: found for id_, found in library.members().items() if found}
            clusters = list(members)
            cluster_id = clusters[generator.integers(len(clusters))]
            other = clusters[generator.integers(len(clusters))]
            media_id = members[cluster_id][generator.integers(len(members[cluster_id]))]
            choices: list[Callable[..., object]] = [
                partial(perform, own, Move([media_id], other)),
                partial(perform, own, Extract([media_id])),
                partial(perform, own, Merge([cluster_id], other)),
                partial(perform, own, Lock(cluster_id)),
                partial(undo, own, int(generator.integers(1, 30))),
                partial(delete_media, own, [media_id]),
                partial(consolidate_library, own),
                partial(apply_threshold, own, float(generator.choice([0.7, 0.82, 0.9]))),
            ]
            try:
                choices[generator.integers(len(choices))](actor=f"curator {seed}")
            except (Conflict, NotFound, InputError):
                continue

    def embed() -> None:
        for start in range(0, len(ids), 5):
            embed_media(database, library.space, ids[start : start + 5], vectors[start : start + 5])
        done.set()

    def assign() -> None:
        assigner = Assigner(make_services(assign_batch_size=3), library.space)
        while not done.is_set():
            assigner.assign_waiting()

    def label() -> None:
        while not done.is_set():
            refresh_labels(library.services)

    jobs = [embed, assign, assign, label, lambda: curate(1), lambda: curate(2)]
    assert in_threads(jobs) == [None] * len(jobs)
    library.assigner.assign_waiting()
    library.check()
    assert library.value("SELECT count(*) FROM media WHERE status <> 'ready'") == 0


def test_edits__of_more_clusters_than_a_statement_has_parameters(database: Database) -> None:
    """As a change of the threshold of a large library makes them."""
    cluster_ids = range(1, 70_000)
    with database.transaction() as session:
        lock_clusters(session, cluster_ids)
        assert list_cannot_links(session, cluster_ids) == frozenset()
        assert read_snapshot(session, cluster_ids, ()).clusters == dict.fromkeys(cluster_ids)
