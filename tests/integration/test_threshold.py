"""What other thresholds would come to, and choosing one, on a real library."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from backend.cli import app
from backend.encoders import PRESETS, presets
from backend.errors import InputError
from backend.features.consolidation import apply_threshold, compare_thresholds, consolidate_library, machine_edits
from backend.features.editing import Extract, Lock, Rename, perform, redo, undo
from backend.features.integrity import audit
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.rules.grouping import Centroids, assign
from backend.rules.measures import adjusted_rand_index
from backend.store.engine import Database
from backend.store.groups import load_embeddings
from backend.store.schema import Space
from backend.store.spaces import NewSpace, activate_space, create_space, get_threshold

COUNT = 240


def partition(database: Database) -> dict[uuid.UUID, int]:
    with database.transaction() as session:
        return {row[0]: row[1] for row in session.execute(sa.text("SELECT media_id, cluster_id FROM membership"))}


def everything(database: Database) -> list[list[tuple[Any, ...]]]:
    queries = (
        "SELECT * FROM membership ORDER BY media_id",
        "SELECT * FROM cluster ORDER BY id",
        "SELECT cluster_id, embedding_sum::text, member_count FROM centroid ORDER BY 1",
    )
    with database.transaction() as session:
        return [[tuple(row) for row in session.execute(sa.text(query))] for query in queries]


def really_run(vectors: NDArray[np.float32], threshold: float) -> list[int]:
    return [decision.row for decision in assign(vectors, Centroids.empty(vectors.shape[1]), threshold).decisions]


def threshold_of(services: Services, space: Space) -> float:
    with services.database.transaction() as session:
        return get_threshold(session, space.id, services.settings.threshold)


def test_get_threshold__a_curator_before_the_settings_before_the_preset(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "_PRESETS", (replace(PRESETS["cpu"], threshold=0.7), PRESETS["guide"]))
    with services.database.transaction() as session:
        spaces = {
            name: create_space(session, NewSpace(str(name), name, "i", "", "t", "i", "t", 16, 8, {}))
            for name in ("cpu", "guide", None)
        }
        activate_space(session, spaces["cpu"])
    assert {name: threshold_of(services, space) for name, space in spaces.items()} == {
        "cpu": 0.7,
        "guide": 0.82,
        None: 0.82,
    }
    with services.database.transaction() as session:
        assert get_threshold(session, None, None) == 0.82
        assert get_threshold(session, spaces["cpu"].id, 0.9) == 0.9
    apply_threshold(services, 0.75, actor="ann")
    with services.database.transaction() as session:
        assert get_threshold(session, spaces["cpu"].id, 0.9) == 0.75


@pytest.fixture
def vectors(make_mixture: Callable[..., NDArray[np.float32]]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = make_mixture(31, COUNT, dimension=24, centres=10, spread=0.5)
    return found


@pytest.fixture
def space(services: Services, make_test_space: Callable[..., Space]) -> Space:
    found: Space = make_test_space(services.database, 24)
    return found


@pytest.fixture
def ids(
    services: Services,
    space: Space,
    vectors: NDArray[np.float32],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
) -> list[uuid.UUID]:
    """Media in their groups, in upload order."""
    found: list[uuid.UUID] = insert_media(services.database, COUNT, "pending")
    embed_media(services.database, space, found, vectors)
    Assigner(services, space).assign_waiting()
    return found


@pytest.mark.parametrize("threshold", [0.6, 0.75, 0.82, 0.9, 1.0])
def test_compare_thresholds__equals_really_running(
    services: Services, ids: list[uuid.UUID], vectors: NDArray[np.float32], threshold: float
) -> None:
    labels = {media_id: str(row % 3) for row, media_id in enumerate(ids[:100])}
    before = everything(services.database)
    (report,) = compare_thresholds(services, [threshold], labels=labels)
    run = really_run(vectors, threshold)
    sizes = np.unique(run, return_counts=True)[1]
    assert (report.media, report.sampled) == (COUNT, False)
    assert (report.clusters, report.largest) == (len(sizes), sizes.max())
    assert sum(size.clusters for size in report.sizes) == len(sizes)
    assert report.sizes[0].clusters == (sizes == 1).sum()
    assert report.adjusted_rand_index == pytest.approx(
        adjusted_rand_index([labels[media_id] for media_id in ids[:100]], run[:100])
    )
    assert (report.moved == 0) == (threshold == 0.82)
    assert everything(services.database) == before


def test_compare_thresholds__a_sample_says_so(services: Services, ids: list[uuid.UUID]) -> None:
    first, second = compare_thresholds(services, [0.82, 0.9], most_media=100)
    assert (first.media, first.sampled, second.sampled) == (100, True, True)
    assert compare_thresholds(services, [0.82], most_media=100) == [first]
    assert len(ids) == COUNT


def test_compare_thresholds__reads_no_more_than_the_sample_and_runs_the_rule_on_it(
    services: Services, ids: list[uuid.UUID], vectors: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[uuid.UUID] = []

    def load(session: Session, space_id: int, media_ids: list[uuid.UUID], dimension: int) -> NDArray[np.float32]:
        loaded.extend(media_ids)
        return load_embeddings(session, space_id, media_ids, dimension)

    monkeypatch.setattr(machine_edits, "load_embeddings", load)
    reports = compare_thresholds(services, [0.6, 0.9], most_media=100)
    rows = [ids.index(media_id) for media_id in loaded]
    assert len(rows) == 100
    assert rows == sorted(rows)
    for report in reports:
        sizes = np.unique(really_run(vectors[rows], report.threshold), return_counts=True)[1]
        assert (report.clusters, report.largest) == (len(sizes), sizes.max())


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.1, float("nan")])
def test_compare_thresholds__no_threshold(services: Services, threshold: float) -> None:
    with pytest.raises(InputError):
        compare_thresholds(services, [threshold])
    with pytest.raises(InputError):
        apply_threshold(services, threshold, actor="ann")


def test_apply_threshold__the_groups_are_those_that_were_promised(
    services: Services, ids: list[uuid.UUID], vectors: NDArray[np.float32]
) -> None:
    (report,) = compare_thresholds(services, [0.7])
    outcome = apply_threshold(services, 0.7, actor="ann")
    assert len(outcome.moved) == report.moved > 0
    after = partition(services.database)
    assert adjusted_rand_index(really_run(vectors, 0.7), [after[media_id] for media_id in ids]) == 1.0
    assert audit(services.database).breaches == {}


def test_apply_threshold__later_uploads_follow_and_undo_brings_the_old_one_back(
    services: Services,
    space: Space,
    ids: list[uuid.UUID],
    vectors: NDArray[np.float32],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
) -> None:
    before = everything(services.database)
    event_id = apply_threshold(services, 0.7, actor="ann").event_id
    assert event_id is not None
    assert threshold_of(services, space) == 0.7
    undo(services, event_id, actor="ann")
    assert everything(services.database) == before
    assert threshold_of(services, space) == 0.82
    redo(services, event_id, actor="ann")
    assert threshold_of(services, space) == 0.7
    (late,) = insert_media(services.database, 1, "pending", first=1000)
    embed_media(services.database, space, [late], vectors[:1])
    Assigner(services, space).assign_waiting()
    with services.database.transaction() as session:
        query = sa.text("SELECT threshold FROM membership WHERE media_id = :id")
        assert session.execute(query, {"id": late}).scalar_one() == 0.7
    # The second pass goes by it too.
    assert consolidate_library(services, actor="ann", dry_run=True).threshold == 0.7
    assert len(ids) == COUNT


def test_apply_threshold__the_newest_choice_in_force_holds(
    services: Services, space: Space, ids: list[uuid.UUID]
) -> None:
    first = apply_threshold(services, 0.7, actor="ann").event_id
    second = apply_threshold(services, 0.9, actor="ann").event_id
    assert first is not None
    assert second is not None
    assert threshold_of(services, space) == 0.9
    undo(services, second, actor="ann")
    assert threshold_of(services, space) == 0.7
    undo(services, first, actor="ann")
    assert threshold_of(services, space) == 0.82
    assert len(ids) == COUNT


def test_apply_threshold__a_preview_changes_nothing(services: Services, space: Space, ids: list[uuid.UUID]) -> None:
    before = everything(services.database)
    outcome = apply_threshold(services, 0.9, actor="ann", dry_run=True)
    assert outcome.event_id is None
    assert outcome.moved
    assert everything(services.database) == before
    assert threshold_of(services, space) == 0.82
    assert len(ids) == COUNT


def test_apply_threshold__the_same_one_is_an_event_that_moves_nothing(
    services: Services, space: Space, ids: list[uuid.UUID]
) -> None:
    outcome = apply_threshold(services, 0.82, actor="ann")
    assert outcome.event_id is not None
    assert outcome.moved == ()
    undo(services, outcome.event_id, actor="ann")
    assert threshold_of(services, space) == 0.82
    assert len(ids) == COUNT


@pytest.mark.parametrize("threshold", [0.3, 0.95])
def test_apply_threshold__a_curators_decisions_stay(services: Services, ids: list[uuid.UUID], threshold: float) -> None:
    mine = perform(services, Extract(ids[3:6], label="mine"), actor="ann").created_cluster_ids[0]
    by_size = sorted(
        set(partition(services.database).values()) - {mine}, key=list(partition(services.database).values()).count
    )
    locked, named = by_size[-1], by_size[-2]
    perform(services, Lock(locked), actor="ann")
    perform(services, Rename(named, "Harbour"), actor="ann")
    before = partition(services.database)
    apply_threshold(services, threshold, actor="ann")
    after = partition(services.database)
    assert all(after[media_id] == mine for media_id in ids[3:6])
    assert {one for one, cluster in after.items() if cluster == locked} == {
        one for one, cluster in before.items() if cluster == locked
    }
    assert named in after.values()
    # What was parted from them by hand does not come to them at any threshold.
    with services.database.transaction() as session:
        links = session.execute(sa.text("SELECT cluster_a, cluster_b FROM cluster_cannot_link")).all()
    parted = {other for pair in links for other in pair if mine in pair} - {mine}
    assert parted
    assert not any(after[one] == mine for one, cluster in before.items() if cluster in parted)
    assert audit(services.database).breaches == {}


def test_threshold_command(
    services: Services, space: Space, ids: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = services.settings.database_url
    assert secret is not None
    monkeypatch.setenv("DATABASE_URL", secret.get_secret_value())
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("MEDIACLUSTER_HOME", str(tmp_path))
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({str(media_id): "a" for media_id in ids}))
    runner = CliRunner()
    shown = runner.invoke(app, ["threshold", "0.7", "0.9", "--labels", str(labels), "--json"])
    assert shown.exit_code == 0, shown.output
    assert [one["threshold"] for one in json.loads(shown.stdout)] == [0.7, 0.9]
    assert "0.7" in runner.invoke(app, ["threshold", "0.7"]).output
    preview = runner.invoke(app, ["consolidate", "--dry-run", "--json"])
    assert preview.exit_code == 0, preview.output
    assert json.loads(preview.stdout)["outcome"]["event_id"] is None
    assert "merged" in runner.invoke(app, ["consolidate", "--dry-run"]).output
    refused = runner.invoke(app, ["threshold", "0.7", "0.9", "--apply"])
    assert isinstance(refused.exception, InputError)
    applied = runner.invoke(app, ["threshold", "0.7", "--apply"])
    assert applied.exit_code == 0, applied.output
    assert "undo" in applied.output
    assert threshold_of(services, space) == 0.7
