"""An alpha of the library: suggested by evidence, applied as an event, undone by the history."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from typer.testing import CliRunner

from backend.cli import app
from backend.errors import InputError
from backend.features.editing import apply_alpha, redo, undo
from backend.features.integrity import audit
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.schema import Space

COUNT = 120
LABELS = 6


@pytest.fixture
def space(services: Services, make_test_space: Callable[..., Space]) -> Space:
    found: Space = make_test_space(services.database, 16, 8)
    return found


@pytest.fixture
def ids(services: Services, space: Space, insert_media: Callable[..., list[uuid.UUID]]) -> list[uuid.UUID]:
    """Media in folders that words tell apart and looks do not, grouped far too widely by the default threshold."""
    found: list[uuid.UUID] = insert_media(services.database, COUNT, "pending")
    generator = np.random.default_rng(0)
    labels = np.arange(COUNT) % LABELS
    texts = np.eye(8)[labels] + 0.1 * generator.normal(size=(COUNT, 8))
    # Groups are a little apart by looks, at cosines of about 0.93, which a threshold of 0.82 does not see.
    images = np.ones(16) + 1.1 * np.eye(16)[labels] + 0.02 * generator.normal(size=(COUNT, 16))
    rows = [
        NewEmbedding(media_id, _unit(image), _unit(text), None)
        for media_id, image, text in zip(found, images, texts, strict=True)
    ]
    with services.database.transaction() as session:
        insert_embeddings(session, space.id, rows)
        session.execute(
            sa.text(
                "UPDATE media SET status = 'embedded', embedded_at = now(), source_uri = '/photos/' || label || '/' || id "
                "FROM unnest(CAST(:ids AS uuid[]), CAST(:labels AS text[])) AS t(media_id, label) WHERE id = media_id"
            ),
            {"ids": found, "labels": [f"kind {label}" for label in labels.tolist()]},
        )
    Assigner(services, space).assign_waiting()
    return found


def _unit(vector: Any) -> Any:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@pytest.fixture
def run(services: Services, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr("backend.bootstrap.build_services", lambda _settings: services)
    return lambda *arguments: CliRunner().invoke(app, ["suggest", *arguments])


def test_suggest__says_applies_and_is_undone(services: Services, ids: list[uuid.UUID], run: Callable[..., Any]) -> None:
    said = json.loads(run("--json").stdout)
    assert said["origin"] == "folders"
    threshold = next(one for one in said["suggestions"] if one["knob"] == "threshold")
    assert threshold["value"] > 0.9
    assert "adjusted Rand index" in threshold["reason"]
    assert said["outcomes"] == []
    planned = json.loads(run("--apply", "--dry-run", "--json").stdout)
    assert [one["event_id"] for one in planned["outcomes"]] == [None]
    applied = run("--apply")
    assert applied.exit_code == 0, applied.output
    assert "undo it with" in applied.stdout
    with services.database.transaction() as session:
        groups = session.execute(sa.text("SELECT count(DISTINCT cluster_id) FROM membership")).scalar_one()
    assert groups == LABELS
    again = json.loads(run("--json").stdout)
    assert [one["value"] for one in again["suggestions"]] == [None, None]


def test_suggest__without_evidence_suggests_nothing(
    services: Services,
    space: Space,
    make_mixture: Callable[..., NDArray[np.float32]],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
    run: Callable[..., Any],
) -> None:
    found = insert_media(services.database, 10, "pending")
    embed_media(services.database, space, found, make_mixture(1, 10))
    Assigner(services, space).assign_waiting()
    result = run("--apply")
    assert (result.exit_code, "Nothing is suggested" in result.stdout) == (0, True)
    assert isinstance(run("--dry-run").exception, InputError)


def test_apply_alpha__holds_until_it_is_undone(services: Services, ids: list[uuid.UUID]) -> None:
    configured = services.settings.alpha
    assert services.read_alpha() == configured
    assert apply_alpha(services, 0.3, actor="ada", dry_run=True).event_id is None
    assert services.read_alpha() == configured
    first = apply_alpha(services, 0.3, actor="ada")
    second = apply_alpha(services, 0.9, actor="ada")
    assert services.read_alpha() == 0.9
    assert (first.event_id, second.event_id) != (None, None)
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE space SET state = 'retired'"))
    assert services.read_alpha() == 0.9, "a change of model loses no choice"
    with services.database.transaction() as session:
        session.execute(sa.text("UPDATE space SET state = 'active'"))
    undo(services, second.event_id or 0, actor="ada")
    assert services.read_alpha() == 0.3
    redo(services, second.event_id or 0, actor="ada")
    assert services.read_alpha() == 0.9
    undo(services, second.event_id or 0, actor="ada")
    undo(services, first.event_id or 0, actor="ada")
    assert services.read_alpha() == configured
    # No group was touched, so a replay still finds every decision.
    report = audit(services.database, replay=True)
    assert report.is_clean
    assert report.replayed == COUNT
    with pytest.raises(InputError):
        apply_alpha(services, 1.5, actor="ada")
