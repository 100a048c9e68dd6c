"""The library of an evaluation, read in one read-only snapshot."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import Conflict
from backend.features.search import BackgroundKind, learn_backgrounds
from backend.features.services import Services
from backend.rules.consolidation import Library
from backend.rules.search import Backgrounds
from backend.settings import Settings
from backend.store.engine import Session, begin_snapshot, forbid_writes
from backend.store.evaluation import Sides, list_labels, list_sources, load_sides
from backend.store.groups import StoredGrouping, read_grouping
from backend.store.schema import Space
from backend.store.search import SampledMedia, find_background
from backend.store.spaces import find_fill, get_active_space, get_alpha, get_space, get_threshold, list_embedded

Matrix = NDArray[np.float32]

# The search samples as many.
_SAMPLED = 2_000


@dataclass(frozen=True, eq=False)
class Reading:
    """The data that an evaluation needs.

    Attributes:
        media_ids: (n,) all grouped pictures, in upload order.
        library: their groups and image vectors.
        sides: their vectors of both encoders.
        sources: where they came from.
        group_labels: labels of groups by id.
        space_id: the space.
        space: its name.
        image_model: its image model.
        text_model: its text model.
        image_fingerprint: fingerprint of its image encoder.
        text_fingerprint: fingerprint of its text encoder.
        alpha: alpha of the library.
        threshold: threshold of the space.
        stored: backgrounds that the search uses, by kind.
        missing: number of grouped pictures without vectors in this space.
    """

    media_ids: list[uuid.UUID]
    library: Library
    sides: Sides
    sources: list[tuple[uuid.UUID, str]]
    group_labels: dict[int, str]
    space_id: int
    space: str
    image_model: str
    text_model: str
    image_fingerprint: str
    text_fingerprint: str
    alpha: float
    threshold: float
    stored: Mapping[BackgroundKind, Backgrounds]
    missing: int = 0

    @cached_property
    def id_ranks(self) -> NDArray[np.int64]:
        """(n,) rank of each picture by id, which the search uses to break ties."""
        id_ranks = np.empty(len(self.media_ids), dtype=np.int64)
        id_ranks[np.argsort(np.array([str(one) for one in self.media_ids], dtype=np.str_))] = np.arange(len(id_ranks))
        return id_ranks

    def backgrounds(self, seed: int, kind: BackgroundKind = BackgroundKind.WORDS) -> Backgrounds | None:
        """The backgrounds of the search. If it has none yet, learn them in the same way, with a seed and without storing them."""
        if kind in self.stored:
            return self.stored[kind]
        generator = np.random.default_rng(seed)
        count = min(_SAMPLED, len(self.media_ids))
        rows = np.sort(generator.choice(len(self.media_ids), count, replace=False)) if count else np.empty(0, np.int64)
        return learn_backgrounds([self._sampled(row) for row in rows.tolist()], kind, generator)

    def _sampled(self, row: int) -> SampledMedia:
        sides = self.sides
        return SampledMedia(
            self.media_ids[row],
            int(self.library.clusters[row]),
            sides.images[row],
            _known(sides.texts[row]),
            _known(sides.captions[row]),
        )


def read(services: Services, name: str | None = None) -> Reading:
    """Read everything that an evaluation needs.

    `name` is the space whose vectors are read, None for the active one. Groups are the current ones. Pictures without vectors in the
    space are left out.

    Raises:
        NotFound: the space does not exist, or none is active.
        Conflict: the space has no vectors.
    """
    with services.database.transaction() as session:
        active = _begin(session)
        space = active if name is None else get_space(session, name)
        grouping = read_grouping(session, active.id)
        part = grouping if space.id == active.id else _within(grouping, list_embedded(session, space.id))
        _require_vectors(space, part)
        return _read(session, services.settings, space, active, part, len(grouping.media_ids))


def read_pair(services: Services, name: str) -> tuple[Reading, Reading]:
    """Read the active space and another one in one snapshot, restricted to pictures with vectors in both, so that queries are
    comparable.

    Raises:
        NotFound, Conflict: like `read`.
    """
    with services.database.transaction() as session:
        active, other = _begin(session), get_space(session, name)
        grouping = read_grouping(session, active.id)
        part = _within(grouping, list_embedded(session, other.id))
        _require_vectors(other, part)
        whole = len(grouping.media_ids)
        here = _read(session, services.settings, active, active, part, whole)
        return here, _read(session, services.settings, other, active, part, whole)


def _begin(session: Session) -> Space:
    """Make the transaction a read-only snapshot. Returns the active space."""
    begin_snapshot(session)
    forbid_writes(session)
    return get_active_space(session)


def _within(grouping: StoredGrouping, media_ids: set[uuid.UUID]) -> StoredGrouping:
    return grouping.take(np.flatnonzero([one in media_ids for one in grouping.media_ids]))


def _require_vectors(space: Space, grouping: StoredGrouping) -> None:
    if not grouping.media_ids and not space.is_active:
        raise Conflict(f"Space '{space.name}' has no vectors yet.", hint=f"Run `mediacluster space fill {space.name}`.")


def _read(
    session: Session, settings: Settings, space: Space, active: Space, grouping: StoredGrouping, whole: int
) -> Reading:
    sides = load_sides(session, space, grouping.media_ids)
    found = {kind: find_background(session, space.id, kind) for kind in (BackgroundKind.WORDS, BackgroundKind.MEDIA)}
    links = frozenset((one, other) for one, other, _ in grouping.cannot_links)
    return Reading(
        media_ids=grouping.media_ids,
        library=Library(sides.images, grouping.clusters, grouping.fixed, grouping.locked, grouping.anchored, links),
        sides=sides,
        sources=_within_sources(list_sources(session, active.id), set(grouping.media_ids)),
        group_labels=list_labels(session, np.unique(grouping.clusters).tolist()),
        space_id=space.id,
        space=space.name,
        image_model=space.image_model,
        text_model=space.text_model,
        image_fingerprint=space.image_fingerprint,
        text_fingerprint=space.text_fingerprint,
        alpha=get_alpha(session, settings.alpha),
        threshold=_threshold_of(session, space, settings.threshold),
        stored={kind: Backgrounds.from_json(row.content) for kind, row in found.items() if row is not None},
        missing=whole - len(grouping.media_ids),
    )


def _within_sources(sources: list[tuple[uuid.UUID, str]], media_ids: set[uuid.UUID]) -> list[tuple[uuid.UUID, str]]:
    return [one for one in sources if one[0] in media_ids]


def _threshold_of(session: Session, space: Space, setting: float | None) -> float:
    """What was chosen for a space, else what comparing it came to, else the default."""
    fill = None if space.activated_at is not None else find_fill(session, space.id)
    comparison: dict[str, Any] | None = None if fill is None else fill.comparison
    suggested = None if comparison is None else float(comparison["suggested_threshold"])
    return get_threshold(session, space.id, setting if suggested is None else suggested)


def _known(vector: Matrix) -> Matrix | None:
    return None if np.isnan(vector[0]) else vector
