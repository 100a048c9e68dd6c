"""Things that several integration tests need: small pictures, and media that are embedded already."""

import io
import uuid
from collections.abc import Callable

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from PIL import Image

from backend.store.engine import Database
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.schema import Space
from backend.store.spaces import NewSpace, activate_space, create_space


def _insert_media(database: Database, count: int, status: str, first: int = 0) -> list[uuid.UUID]:
    ids = [uuid.uuid4() for _ in range(count)]
    with database.transaction() as session:
        session.execute(
            sa.text(
                "INSERT INTO media (id, sha256, original_key, source, status, upload_seq, embedded_at) "
                "SELECT id, sha256(CAST(id::text AS bytea)), 'k', 'test', :status, :first + place, "
                "CASE WHEN :status = 'embedded' THEN now() END "
                "FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS t(id, place)"
            ),
            {"ids": ids, "status": status, "first": first},
        )
    return ids


@pytest.fixture
def insert_media() -> Callable[..., list[uuid.UUID]]:
    """Insert rows in a status, in upload order, without files."""
    return _insert_media


@pytest.fixture
def make_test_space() -> Callable[..., Space]:
    """Make and activate a space of given dimensions."""

    def make(database: Database, image_dimension: int = 16, text_dimension: int = 8) -> Space:
        with database.transaction() as session:
            space = create_space(
                session, NewSpace("t", None, "i", "", "t", "i", "t", image_dimension, text_dimension, {})
            )
            activate_space(session, space)
        return space

    return make


@pytest.fixture
def embed_media() -> Callable[..., None]:
    """Record embeddings (n, d) for pending or embedded rows, as the embedding step does."""

    def embed(database: Database, space: Space, ids: list[uuid.UUID], vectors: NDArray[np.float32]) -> None:
        with database.transaction() as session:
            new = [NewEmbedding(media_id, vector, None, None) for media_id, vector in zip(ids, vectors, strict=True)]
            insert_embeddings(session, space.id, new)
            session.execute(
                sa.text("UPDATE media SET status = 'embedded', embedded_at = now() WHERE id = ANY(:ids)"), {"ids": ids}
            )

    return embed


@pytest.fixture
def make_mixture() -> Callable[..., NDArray[np.float32]]:
    """Unit vectors (n, d) about a few centres, spread so that the threshold is straddled."""

    def make(seed: int, count: int, dimension: int = 16, centres: int = 8, spread: float = 0.8) -> NDArray[np.float32]:
        generator = np.random.default_rng(seed)
        middles = generator.normal(size=(centres, dimension))
        middles /= np.linalg.norm(middles, axis=1, keepdims=True)
        points = middles[generator.integers(centres, size=count)]
        points = points + spread * generator.normal(size=points.shape) / np.sqrt(dimension)
        return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)

    return make


@pytest.fixture
def make_jpeg() -> Callable[..., bytes]:
    """A small JPEG whose content follows from its seed."""

    def make(seed: int = 0, width: int = 80, height: int = 60, quality: int = 90) -> bytes:
        generator = np.random.default_rng(seed)
        coarse = Image.fromarray(generator.integers(0, 255, size=(6, 8, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality)
        return buffer.getvalue()

    return make
