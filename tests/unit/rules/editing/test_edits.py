"""Edits as values: planning, their form in the journal, and what blocks undoing them."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import UndoBlocked
from backend.rules.editing import (
    AUTO,
    CURATOR,
    TO_BE_GIVEN,
    ClusterState,
    MembershipState,
    Snapshot,
    find_halves,
    plan_dissolve,
    plan_extract,
    plan_merge,
    plan_move,
    plan_restoration,
    snapshot_from_json,
    snapshot_to_json,
)
from backend.rules.grouping import NearestSearch

MEDIA = [uuid.UUID(int=number) for number in range(1, 9)]
NOW = datetime(2026, 11, 23, 9, 30, 0, 123456, tzinfo=UTC)


def member(cluster_id: int, seq: int, **changes: Any) -> MembershipState:
    state = MembershipState(cluster_id, 1, 0.9, 2, 0.5, 0.08, 0.82, False, seq, AUTO, None, NOW)
    return replace(state, **changes)


def library() -> Snapshot:
    """Media 1 to 3 in cluster 1, 4 and 5 in cluster 2, assigned in the opposite order."""
    places = {1: 1, 2: 1, 3: 1, 4: 2, 5: 2}
    return Snapshot(
        {1: ClusterState("one"), 2: ClusterState("two")},
        {MEDIA[number - 1]: member(cluster_id, 10 - number) for number, cluster_id in places.items()},
        frozenset({(1, 2, 3), (1, 7, 4)}),
    )


def some(snapshot: Snapshot, *numbers: int) -> Snapshot:
    return replace(snapshot, memberships={MEDIA[n - 1]: snapshot.memberships[MEDIA[n - 1]] for n in numbers})


# --- planning ------------------------------------------------------------------------------------------------


def test_plan_move__in_the_order_of_assignment() -> None:
    edit = plan_move(some(library(), 1, 3), 2, 0.7)
    assert list(edit.after.memberships) == [MEDIA[2], MEDIA[0]]
    assert edit.after.memberships[MEDIA[0]] == MembershipState(
        2, 1, None, None, None, None, 0.7, False, TO_BE_GIVEN, CURATOR, TO_BE_GIVEN, None
    )
    assert edit.after.cannot_links - edit.before.cannot_links == {(1, 2, TO_BE_GIVEN)}
    assert edit.summary == "Moved 2 pictures from group 1 to group 2 'two'"


def test_plan_merge__members_that_stay_keep_their_place() -> None:
    edit = plan_merge(library(), [1], 2, 0.82)
    stays = edit.after.memberships[MEDIA[3]]
    assert stays is not None
    assert (stays.cluster_id, stays.assign_seq, stays.origin) == (2, 6, CURATOR)
    # The link between the two goes; the other is handed on when the edit is applied.
    assert edit.after.cannot_links == {(1, 7, 4)}
    assert edit.survivors == {1: 2}


def test_plan_extract__keeps_the_new_one_apart_from_each_source() -> None:
    edit = plan_extract(some(library(), 1, 4), 9, "", {1: 3, 2: 2}, 0.82)
    assert edit.after.cannot_links - edit.before.cannot_links == {(1, 9, TO_BE_GIVEN), (2, 9, TO_BE_GIVEN)}
    assert edit.before.clusters[9] is None
    assert edit.after.clusters[9] == ClusterState()


def test_plan_dissolve__near_and_alone() -> None:
    edit = plan_dissolve(some(library(), 1, 2, 3), 1, {MEDIA[0]: 2, MEDIA[1]: None, MEDIA[2]: None}, [8, 9], 0.82)
    homes = {media_id: state.cluster_id for media_id, state in edit.after.memberships.items() if state}
    assert homes == {MEDIA[0]: 2, MEDIA[1]: 8, MEDIA[2]: 9}


# --- the journal's form --------------------------------------------------------------------------------------

moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001
reals = st.floats(-1, 1)
whole = st.integers(1, 2**62)
memberships = st.builds(
    MembershipState,
    whole,
    st.integers(1, 9),
    reals,
    st.none() | whole,
    st.none() | reals,
    st.none() | reals,
    reals,
    st.booleans(),
    whole,
    st.sampled_from([AUTO, CURATOR]),
    st.none() | whole,
    moments,
)
clusters = st.builds(
    ClusterState,
    st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    st.sampled_from([AUTO, CURATOR]),
    st.none() | st.uuids(),
    st.sampled_from([AUTO, CURATOR]),
    st.booleans(),
    moments,
)


@given(
    st.builds(
        Snapshot,
        st.dictionaries(whole, st.none() | clusters, max_size=3),
        st.dictionaries(st.uuids(), st.none() | memberships, max_size=6),
        st.frozensets(st.tuples(whole, whole, whole), max_size=3),
    )
)
def test_journal__comes_back_exactly(snapshot: Snapshot) -> None:
    media_ids = list(snapshot.memberships)
    document = json.loads(json.dumps(snapshot_to_json(snapshot, media_ids)))
    assert snapshot_from_json(document, media_ids) == snapshot


def test_journal__a_merge_of_many_is_small() -> None:
    media_ids = [uuid.uuid4() for _ in range(1000)]
    generator = np.random.default_rng(0)
    before = {id_: member(1, seq, similarity=generator.random()) for seq, id_ in enumerate(media_ids, 10_000)}
    after = {
        id_: member(2, seq, similarity=generator.random(), margin=None, origin=CURATOR, event_id=5)
        for seq, id_ in enumerate(media_ids, 20_000)
    }
    size = sum(len(json.dumps(snapshot_to_json(Snapshot(memberships=states), media_ids))) for states in (before, after))
    assert size < 70 * len(media_ids)


# --- putting back --------------------------------------------------------------------------------------------


def restore(wanted: Snapshot, left: Snapshot, current: Snapshot, others: dict[int, int] | None = None) -> Snapshot:
    return plan_restoration("undo", wanted, left, current, others or {}, "Undid it").after


def test_restoration__labels_that_the_machine_gave_since_stay() -> None:
    want, left = Snapshot({1: ClusterState("a")}), Snapshot({1: ClusterState("b")})
    assert restore(want, left, left).clusters[1] == ClusterState("a")
    assert restore(want, left, Snapshot({1: ClusterState("c")})).clusters[1] == ClusterState("c")


def test_restoration__of_a_label_that_a_curator_gave_again() -> None:
    want, left = Snapshot({1: ClusterState("a")}), Snapshot({1: ClusterState("b", CURATOR)})
    with pytest.raises(UndoBlocked) as caught:
        restore(want, left, Snapshot({1: ClusterState("c", CURATOR)}))
    assert caught.value.context["obstacles"] == ["Group 1 has since been renamed to 'c'."]


def test_restoration__a_representative_that_changed_since_is_chosen_anew() -> None:
    memberships = {MEDIA[0]: member(1, 1)}
    want = Snapshot({1: ClusterState(representative_media_id=MEDIA[0])}, memberships)
    left = Snapshot({1: ClusterState(representative_media_id=MEDIA[1])}, memberships)
    now = Snapshot({1: ClusterState(representative_media_id=MEDIA[2])}, memberships)
    assert restore(want, left, left).clusters[1] == want.clusters[1]
    assert restore(want, left, now).clusters[1] == ClusterState(representative_media_id=None)
    chosen = Snapshot({1: ClusterState(representative_media_id=MEDIA[2], representative_origin=CURATOR)}, memberships)
    assert restore(want, left, chosen).clusters[1] == chosen.clusters[1]


def test_restoration__of_a_cluster_that_others_have_joined() -> None:
    want, left = Snapshot({1: None}), Snapshot({1: ClusterState()})
    assert restore(want, left, left).clusters[1] is None
    with pytest.raises(UndoBlocked, match="would be removed, but 2 pictures joined it since"):
        restore(want, left, left, {1: 2})


def test_restoration__says_how_many_obstacles_there_are() -> None:
    wanted = {uuid.UUID(int=number): member(1, number) for number in range(1, 101)}
    left = {media_id: replace(state, cluster_id=2) for media_id, state in wanted.items()}
    current = {media_id: replace(state, cluster_id=3, event_id=8) for media_id, state in wanted.items()}
    with pytest.raises(UndoBlocked, match=r"moved to group 3 by event 8\. Number of further obstacles: 99") as caught:
        restore(
            Snapshot(memberships=wanted),
            Snapshot(memberships=left),
            Snapshot({1: ClusterState()}, current),
        )
    assert len(caught.value.context["obstacles"]) == 21


def test_restoration__brings_back_the_links_that_the_edit_took() -> None:
    want, left = Snapshot(cannot_links=frozenset({(1, 2, 3)})), Snapshot(cannot_links=frozenset({(2, 4, 3)}))
    edit = plan_restoration("undo", want, left, Snapshot(cannot_links=frozenset({(5, 6, 9)})), {}, "")
    assert edit.before.cannot_links == left.cannot_links
    assert edit.after.cannot_links == want.cannot_links


# --- geometry ------------------------------------------------------------------------------------------------


def test_find_halves__two_groups() -> None:
    generator = np.random.default_rng(1)
    groups = np.repeat(np.eye(8)[[0, 1]], [20, 12], axis=0) + generator.normal(size=(32, 8)) * 0.1
    halves = find_halves(groups[generator.permutation(32)])
    assert halves is not None
    assert halves.in_right.sum() == 12
    assert min(halves.left_cohesion, halves.right_cohesion) > halves.cohesion > halves.similarity


def test_find_halves__all_alike() -> None:
    assert find_halves(np.ones((5, 4))) is None


def test_nearest_search__over_blocks_as_over_all() -> None:
    generator = np.random.default_rng(2)
    embeddings, sums = generator.normal(size=(30, 6)), generator.normal(size=(50, 6))
    ids = np.arange(100, 150)
    whole_search, blocks = NearestSearch(embeddings), NearestSearch(embeddings)
    whole_search.look_at(ids, sums)
    for start in range(0, 50, 7):
        blocks.look_at(ids[start : start + 7], sums[start : start + 7])
    assert (blocks.cluster_ids == whole_search.cluster_ids).all()
    cosines = embeddings @ sums.T / np.linalg.norm(embeddings, axis=1)[:, None] / np.linalg.norm(sums, axis=1)
    assert (blocks.cluster_ids == ids[cosines.argmax(axis=1)]).all()
    assert blocks.similarities == pytest.approx(cosines.max(axis=1))
