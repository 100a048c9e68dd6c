"""The library as it stands, read in one snapshot that cannot write."""

import uuid
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from backend.clustering.consolidation import Library
from backend.db.alphas import get_alpha
from backend.db.backgrounds import SampledMedia, find_background
from backend.db.consolidation import read_grouping
from backend.db.evaluation import Sides, list_labels, list_sources, load_sides
from backend.db.spaces import get_active_space
from backend.db.thresholds import get_threshold
from backend.search.background_sampling import BackgroundKind, learn_backgrounds
from backend.search.backgrounds import Backgrounds
from backend.services import Services

Matrix = NDArray[np.float32]

# As many as the search samples.
_SAMPLED = 2_000


@dataclass(frozen=True, eq=False)
class Reading:
    """media_ids: (n,) of all media that have a group, in upload order; library, sides: their groups and vectors; sources: where
    they came from; group_labels: what groups are called; alpha, threshold: what the library goes by; stored: the background
    of words that its search has."""

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
    stored: Backgrounds | None

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """(n,) the order of the media ids, by which the search breaks ties."""
        places = np.empty(len(self.media_ids), dtype=np.int64)
        places[np.argsort(np.array([str(one) for one in self.media_ids], dtype=np.str_))] = np.arange(len(places))
        return places

    def backgrounds(self, seed: int) -> Backgrounds | None:
        """Those of the search; where it has none yet, learnt as it would, but by a seed and not stored."""
        if self.stored is not None:
            return self.stored
        generator = np.random.default_rng(seed)
        count = min(_SAMPLED, len(self.media_ids))
        rows = np.sort(generator.choice(len(self.media_ids), count, replace=False)) if count else np.empty(0, np.int64)
        return learn_backgrounds([self._sampled(row) for row in rows.tolist()], BackgroundKind.WORDS, generator)

    def _sampled(self, row: int) -> SampledMedia:
        sides = self.sides
        return SampledMedia(
            self.media_ids[row],
            int(self.library.clusters[row]),
            sides.images[row],
            _known(sides.texts[row]),
            _known(sides.captions[row]),
        )


def read(services: Services) -> Reading:
    """Read everything that an evaluation needs.

    Raises:
        NotFound: there is no active space yet.
    """
    with services.database.transaction() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        session.execute(sa.text("SET TRANSACTION READ ONLY"))
        space = get_active_space(session)
        grouping = read_grouping(session, space.id)
        sides = load_sides(session, space, grouping.media_ids)
        stored = find_background(session, space.id, BackgroundKind.WORDS)
        links = frozenset((one, other) for one, other, _ in grouping.cannot_links)
        return Reading(
            media_ids=grouping.media_ids,
            library=Library(sides.images, grouping.clusters, grouping.fixed, grouping.locked, grouping.anchored, links),
            sides=sides,
            sources=list_sources(session, space.id),
            group_labels=list_labels(session, np.unique(grouping.clusters).tolist()),
            space_id=space.id,
            space=space.name,
            image_model=space.image_model,
            text_model=space.text_model,
            image_fingerprint=space.image_fingerprint,
            text_fingerprint=space.text_fingerprint,
            alpha=get_alpha(session, services.settings.alpha),
            threshold=get_threshold(session, space.id, services.settings.threshold),
            stored=None if stored is None else Backgrounds.from_json(stored.content),
        )


def _known(vector: Matrix) -> Matrix | None:
    return None if np.isnan(vector[0]) else vector
