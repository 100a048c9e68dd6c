"""The second pass: as good as the offline reference, whatever the order, and never against a curator's word."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering

from backend.rules.consolidation import Library, consolidate
from backend.rules.consolidation.apart import Apartness
from backend.rules.consolidation.identity import SplitOff, rename_groups
from backend.rules.consolidation.linkage import Leaves, leave_one_out, link
from backend.rules.consolidation.settlement import settle
from backend.rules.grouping import Centroids, assign
from backend.rules.measures import adjusted_rand_index
from backend.vectors import unit_rows

THRESHOLD = 0.82


def mixture(
    seed: int,
    count: int,
    groups: int,
    *,
    dimension: int = 64,
    cohesion: tuple[float, float] = (0.75, 0.95),
    siblings: float = 0.0,
) -> tuple[NDArray[np.float32], list[int]]:
    """Unit vectors about centres of very unequal weight, and their groups.

    cohesion: range of the mean cosine between two members of a group. siblings: cosine between the centres of a family of
    eight groups.
    """
    generator = np.random.default_rng(seed)
    families = unit_rows(generator.normal(size=(groups // 8 + 1, dimension)))
    own = unit_rows(generator.normal(size=(groups, dimension)))
    centres = unit_rows(np.sqrt(siblings) * families[np.arange(groups) // 8] + np.sqrt(1 - siblings) * own)
    weights = generator.pareto(1.5, size=groups) + 0.3
    labels = generator.choice(groups, size=count, p=weights / weights.sum())
    spread = np.sqrt(1 / generator.uniform(*cohesion, size=groups) - 1)[labels]
    noise = generator.normal(size=(count, dimension)) / np.sqrt(dimension)
    return unit_rows(centres[labels] + spread[:, None] * noise).astype(np.float32), labels.tolist()


def online(vectors: NDArray[np.float32], threshold: float = THRESHOLD) -> NDArray[np.int64]:
    """Clusters (ids from 1) as the rule makes them in this order."""
    decisions = assign(vectors, Centroids.empty(vectors.shape[1]), threshold).decisions
    return np.array([decision.row + 1 for decision in decisions], dtype=np.int64)


def offline(vectors: NDArray[np.float32]) -> list[int]:
    reference = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - THRESHOLD**2
    )
    return list(reference.fit(vectors).labels_)


def free_library(vectors: NDArray[np.float32], clusters: NDArray[np.int64]) -> Library:
    return Library(vectors, clusters, np.zeros(len(vectors), dtype=np.bool_))


@pytest.mark.parametrize(
    "mixing",
    [
        {"cohesion": (0.9, 0.95)},
        {"cohesion": (0.8, 0.8)},
        {"cohesion": (0.75, 0.75)},
        {"cohesion": (0.72, 0.95)},
        {"cohesion": (0.8, 0.95), "siblings": 0.7},
        {"cohesion": (0.72, 0.95), "dimension": 512},
        {"cohesion": (0.75, 0.9), "dimension": 24},
    ],
)
def test_consolidate__as_good_as_offline_in_any_upload_order(mixing: dict[str, Any]) -> None:
    vectors, labels = mixture(3, 900, 60, **mixing)
    target = adjusted_rand_index(labels, offline(vectors))
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(vectors))
        after = consolidate(free_library(vectors[order], online(vectors[order])), THRESHOLD).renaming.clusters
        assert adjusted_rand_index([labels[row] for row in order], after.tolist()) >= 0.95 * target


def test_consolidate__the_same_groups_whatever_the_order() -> None:
    vectors, _ = mixture(5, 600, 40, cohesion=(0.72, 0.9))
    partitions = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(vectors))
        after = consolidate(free_library(vectors[order], online(vectors[order])), THRESHOLD).renaming.clusters
        partition = np.empty(len(vectors), dtype=np.int64)
        partition[order] = after
        partitions.append(partition.tolist())
    assert [adjusted_rand_index(partitions[0], other) for other in partitions[1:]] == [1.0] * 4


def test_consolidate__a_second_time_changes_nothing() -> None:
    vectors, _ = mixture(6, 500, 30)
    once = consolidate(free_library(vectors, online(vectors)), THRESHOLD).renaming.clusters
    assert len(consolidate(free_library(vectors, once), THRESHOLD).renaming.changed) == 0


def test_link__equals_the_reference_where_only_distance_counts() -> None:
    """Groups wider than the centres' test asks for: with nothing standing, linkage is scikit-learn's, merge by merge."""
    vectors, _ = mixture(7, 400, 30, cohesion=(0.69, 0.71), dimension=512)
    leaves = Leaves(vectors, np.ones(400, np.int64), np.zeros(400, np.bool_), np.zeros(400, np.int64))
    kept = link(leaves, Apartness(), THRESHOLD)
    reference = np.array(offline(vectors))
    for group in np.unique(kept):
        assert len(set(reference[kept == group])) == 1


@pytest.mark.parametrize("size", [2, 3, 10, 100])
def test_leave_one_out__is_what_the_rule_measures_when_a_member_comes_once_more(size: int) -> None:
    vectors = unit_rows(np.random.default_rng(0).normal(size=(size, 8)) * 0.2 + np.eye(8)[0])
    total = vectors.sum(axis=0)
    exact = np.mean([row @ (total - row) / np.linalg.norm(total - row) for row in vectors])
    mean = total / size
    assert leave_one_out(np.array([size]), np.array([mean @ mean]))[0] == pytest.approx(exact, abs=0.02)


def test_consolidate__what_the_rule_keeps_apart_stays_apart() -> None:
    """Two look-alikes below the threshold, and two tight groups whose centroids do not reach it."""
    angle = np.arccos(0.75)
    generator = np.random.default_rng(1)
    one, other = np.eye(16)[0], np.cos(angle) * np.eye(16)[0] + np.sin(angle) * np.eye(16)[1]
    tight = np.concatenate([centre + 0.02 * generator.normal(size=(20, 16)) for centre in (one, other)])
    vectors = unit_rows(tight).astype(np.float32)
    clusters = consolidate(free_library(vectors, online(vectors)), THRESHOLD).renaming.clusters
    assert len(set(clusters)) == 2
    pair = vectors[[0, 20]]
    assert len(set(consolidate(free_library(pair, online(pair)), THRESHOLD).renaming.clusters)) == 2


def test_consolidate__says_what_merged_what_split_and_what_moved() -> None:
    generator = np.random.default_rng(2)
    centres = np.eye(8)[[0, 0, 1, 1, 2]]
    vectors = unit_rows(np.repeat(centres, [6, 4, 5, 3, 6], axis=0) + 0.05 * generator.normal(size=(24, 8)))
    # 1 and 2 are one group; 3 holds a group and three of another one; 5 has a member that belongs to 3.
    before = np.repeat([1, 2, 3, 5, 5], [6, 4, 5, 3, 6])
    mixed = before.copy()
    mixed[16:18], mixed[15] = 5, 3
    found = consolidate(free_library(vectors.astype(np.float32), mixed), THRESHOLD)
    assert [(one.cluster, one.into, one.media_count) for one in found.renaming.merges] == [(2, 1, 4)]
    assert found.renaming.splits == ()
    assert found.renaming.moved.tolist() == [16, 17]
    assert found.renaming.clusters.tolist() == [1] * 10 + [3] * 8 + [5] * 6
    torn = consolidate(free_library(vectors.astype(np.float32), np.ones(24, dtype=np.int64)), THRESHOLD)
    assert sorted((one.cluster, one.media_count) for one in torn.renaming.splits) == [(1, 6), (1, 8)]
    assert (torn.renaming.clusters[:10] == 1).all()


def test_consolidate__the_figures_of_the_changed_are_those_of_the_new_centroids() -> None:
    vectors, _ = mixture(9, 400, 25, cohesion=(0.75, 0.85))
    found = consolidate(free_library(vectors, online(vectors)), THRESHOLD)
    clusters = found.renaming.clusters
    units = unit_rows(vectors)
    names = np.unique(clusters)
    centroids = unit_rows(np.stack([units[clusters == name].sum(axis=0) for name in names]))
    assert len(found.renaming.changed) > 20
    for place, row in enumerate(found.renaming.changed):
        similarities = centroids @ units[row]
        own = int(np.flatnonzero(names == clusters[row])[0])
        assert found.similarity[place] == pytest.approx(similarities[own], abs=1e-6)
        similarities[own] = -1
        assert found.runner_up_similarity[place] == pytest.approx(similarities.max(), abs=1e-6)
        assert found.runner_up[place] == names[similarities.argmax()]
        alone = (clusters == clusters[row]).sum() == 1
        assert found.founder[place] == alone
        expected = (
            THRESHOLD - similarities.max() if alone else found.similarity[place] - max(THRESHOLD, similarities.max())
        )
        assert found.margin[place] == pytest.approx(expected, abs=1e-6)


def test_consolidate__many_equal_pictures() -> None:
    vectors = np.repeat(unit_rows(np.random.default_rng(0).normal(size=(3, 16))), [700, 2, 1], axis=0).astype(
        np.float32
    )
    clusters = consolidate(free_library(vectors, np.arange(1, 704)), THRESHOLD).renaming.clusters
    assert np.unique(clusters, return_counts=True)[1].tolist() in ([700, 2, 1], [2, 700, 1], [1, 2, 700], [700, 1, 2])


@pytest.mark.parametrize("count", [0, 1])
def test_consolidate__hardly_anything(count: int) -> None:
    found = consolidate(free_library(np.ones((count, 4), np.float32), np.ones(count, np.int64)), THRESHOLD)
    assert found.renaming.clusters.tolist() == [1] * count
    assert len(found.similarity) == 0


@st.composite
def curated_libraries(draw: st.DrawFn) -> Library:
    """Online groups that a curator has meddled with at random."""
    vectors, _ = mixture(draw(st.integers(0, 10_000)), draw(st.integers(2, 80)), 6, dimension=8, cohesion=(0.6, 0.95))
    clusters = online(vectors)
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    # A curator's moves go anywhere.
    moved = generator.random(len(vectors)) < draw(st.sampled_from([0.0, 0.1, 0.3]))
    clusters[moved] = generator.choice(np.unique(clusters), size=int(moved.sum()))
    ids = np.unique(clusters).tolist()
    chosen = st.frozensets(st.sampled_from(ids), max_size=4)
    pairs = st.tuples(st.sampled_from(ids), st.sampled_from(ids)).filter(lambda pair: pair[0] < pair[1])
    links = draw(st.frozensets(pairs, max_size=4)) if len(ids) > 1 else frozenset()
    return Library(vectors, clusters, moved, draw(chosen), draw(chosen), links)


@settings(max_examples=60)
@given(curated_libraries())
def test_consolidate__fixed_memberships_stay(library: Library) -> None:
    after = consolidate(library, THRESHOLD).renaming.clusters
    assert (after[library.fixed] == library.clusters[library.fixed]).all()


@settings(max_examples=60)
@given(curated_libraries())
def test_consolidate__locked_clusters_neither_take_nor_give(library: Library) -> None:
    after = consolidate(library, THRESHOLD).renaming.clusters
    locked = sorted(library.locked)
    assert (np.isin(after, locked) == np.isin(library.clusters, locked)).all()
    assert (after[np.isin(after, locked)] == library.clusters[np.isin(after, locked)]).all()


@settings(max_examples=60)
@given(curated_libraries())
def test_consolidate__anchored_clusters_remain(library: Library) -> None:
    found = consolidate(library, THRESHOLD).renaming
    anchored = set(library.anchored) | set(library.clusters[library.fixed].tolist())
    assert anchored <= set(found.clusters.tolist())
    assert not anchored & {merged.cluster for merged in found.merges}


@settings(max_examples=100)
@given(curated_libraries())
def test_consolidate__nothing_crosses_a_cannot_link(library: Library) -> None:
    open_clusters = ~np.isin(library.clusters, sorted(library.locked))
    after = consolidate(library, THRESHOLD).renaming.clusters
    for one, other in library.cannot_links:
        ones = set(after[open_clusters & (library.clusters == one)].tolist())
        others = set(after[open_clusters & (library.clusters == other)].tolist())
        assert not ones & others
        assert other not in ones
        assert one not in others


@settings(max_examples=60)
@given(curated_libraries(), st.integers(0, 100))
def test_consolidate__order_of_rows_plays_no_part(library: Library, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(library.clusters))
    shuffled = replace(
        library, embeddings=library.embeddings[order], clusters=library.clusters[order], fixed=library.fixed[order]
    )
    straight = consolidate(library, THRESHOLD).renaming.clusters[order].tolist()
    assert adjusted_rand_index(straight, consolidate(shuffled, THRESHOLD).renaming.clusters.tolist()) == 1.0


@settings(max_examples=60)
@given(curated_libraries())
def test_consolidate__every_change_is_told(library: Library) -> None:
    found = consolidate(library, THRESHOLD).renaming
    assert found.changed.tolist() == np.flatnonzero(found.clusters != library.clusters).tolist()
    kept = set(found.clusters.tolist())
    assert {one.cluster for one in found.merges} == set(library.clusters.tolist()) - kept
    assert {one.created for one in found.splits} == {cluster for cluster in kept if cluster < 0}
    explained = sum(one.media_count for one in found.merges) + sum(one.media_count for one in found.splits)
    assert len(found.moved) + explained == len(found.changed)


def at(degrees: list[float]) -> NDArray[np.float32]:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_settle__a_nearer_group_takes_members_in_but_not_across_a_cannot_link() -> None:
    units, groups = at([0, 0, 20, 30, 30, 30]), np.array([0, 0, 0, 1, 1, 1])
    clusters = [1, 1, 1, 2, 2, 2]
    for links, expected in (((), [0, 0, 1, 1, 1, 1]), (((1, 2),), [0, 0, 0, 1, 1, 1])):
        apartness = Apartness(links)
        codes = np.array([apartness.code(cluster) for cluster in clusters])
        settled = settle(units, groups, np.ones(6, dtype=np.bool_), codes, apartness, THRESHOLD)
        assert settled.tolist() == expected


def test_settle__two_that_were_parted_do_not_meet_in_a_third_group() -> None:
    """Both are nearer to the group in the middle; the first one to come keeps the other out."""
    units = at([0, 0, 0, 25, 30, 30, 30, 35, 60, 60, 60])
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    apartness = Apartness([(1, 2)])
    codes = np.array([apartness.code(cluster) for cluster in [1, 1, 1, 1, 3, 3, 3, 2, 2, 2, 2]])
    settled = settle(units, groups, np.ones(11, dtype=np.bool_), codes, apartness, THRESHOLD)
    assert settled.tolist() == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]


def test_rename_groups__the_larger_part_keeps_the_name_and_the_older_of_two_equals() -> None:
    before = np.array([1, 1, 1, 2, 2, 3, 3])
    groups = np.array([0, 1, 1, 2, 2, 2, 2])
    found = rename_groups(before, groups, {})
    assert found.clusters.tolist() == [-1, 1, 1, 2, 2, 2, 2]
    assert found.survivors == {3: 2}
    assert found.splits == (SplitOff(1, -1, 1),)
    assert rename_groups(before, groups, {0: 1}).clusters.tolist() == [1, -1, -1, 2, 2, 2, 2]


@pytest.mark.parametrize("anchored", [frozenset({7}), frozenset({7, 8})])
def test_consolidate__a_merge_goes_into_the_anchored_cluster(
    anchored: frozenset[int], make_group: Callable[..., NDArray[np.float32]]
) -> None:
    library = replace(free_library(make_group(12), np.array([7] * 2 + [8] * 10)), anchored=anchored)
    found = consolidate(library, THRESHOLD).renaming
    if len(anchored) == 1:
        assert set(found.clusters.tolist()) == {7}
    else:
        assert {7, 8} == set(found.clusters.tolist())


@pytest.fixture
def make_group() -> Callable[..., NDArray[np.float32]]:
    """One tight group of unit vectors."""

    def make(count: int) -> NDArray[np.float32]:
        noise = 0.03 * np.random.default_rng(4).normal(size=(count, 8))
        return unit_rows(np.eye(8)[0] + noise).astype(np.float32)

    return make
