"""Libraries of random vectors that change, for tests of searches in memory."""

import uuid

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from backend.store.engine import Database
from backend.store.media import NewEmbedding, insert_embeddings, replace_wording
from backend.store.schema import Space
from backend.store.spaces import NewSpace, activate_space, create_space

IMAGE, TEXT = 24, 16
COUNT = 900
Matrix = NDArray[np.float32]


def unit(rows: NDArray[np.float64]) -> Matrix:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


class Library:
    """A space that grows, shrinks and is reworded; a quarter has no text, and an eighth has the vectors of another."""

    def __init__(self, database: Database, seed: int = 0) -> None:
        self.database = database
        self.generator = np.random.default_rng(seed)
        self.ids: list[uuid.UUID] = []
        with database.transaction() as session:
            self.space: Space = create_space(session, NewSpace("s", None, "i", "", "t", "i", "t", IMAGE, TEXT, {}))
            activate_space(session, self.space)

    def add(self, count: int, session: Session | None = None) -> list[uuid.UUID]:
        if session is None:
            with self.database.transaction() as own:
                return self.add(count, own)
        ids = [uuid.UUID(bytes=self.generator.bytes(16), version=4) for _ in range(count)]
        session.execute(
            sa.text(
                "INSERT INTO media (id, source, source_uri, status, keywords) "
                "SELECT id, 'url', 'x', 'fetching', CASE WHEN place % 4 = 0 THEN '{Fourth}' ELSE '{}' END::text[] "
                "FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS t(id, place)"
            ),
            {"ids": ids},
        )
        images, texts = self.vectors(count, IMAGE), self.vectors(count, TEXT)
        images[: count // 8], texts[: count // 8] = images[count - 1], texts[count - 1]
        has_text = self.generator.random(count) < 0.75
        insert_embeddings(
            session,
            self.space.id,
            [NewEmbedding(ids[row], images[row], texts[row] if has_text[row] else None, None) for row in range(count)],
        )
        self.ids += ids
        return ids

    def remove(self, count: int) -> None:
        gone = [self.ids.pop(int(self.generator.integers(len(self.ids)))) for _ in range(count)]
        with self.database.transaction() as session:
            session.execute(sa.text("DELETE FROM media WHERE id = ANY(:ids)"), {"ids": gone})

    def reword(self, count: int) -> None:
        for media_id in self.generator.choice(np.array(self.ids, dtype=object), count, replace=False):
            with self.database.transaction() as session:
                text = self.vectors(1, TEXT)[0] if self.generator.random() < 0.7 else None
                replace_wording(session, self.space.id, media_id, text, None)

    def vectors(self, count: int, dimension: int) -> Matrix:
        return unit(self.generator.normal(size=(count, dimension)))
