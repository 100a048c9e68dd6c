# ruff: noqa: INP001 - scripts, not a package
"""The search methods that `benchmarks.fusion` compares. Each finds rows of the vectors, one query at a time."""

import importlib
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from pgvector import Vector

from backend.features.search import nominate
from backend.rules.search import Filters
from backend.store.engine import Database
from backend.store.search import search_media
from benchmarks.vectors import Vectors

Find = Callable[[int, float, int], list[int]]
"""Returns the rows of the best k pictures for a query (a row) at an alpha."""

_INSERT_BATCH = 1000
# The simplest approach: each leg's nearest, united, with their exact sum.
_UNION = sa.text(
    """
WITH image_leg AS MATERIALIZED (
  SELECT media_id FROM media_embedding ORDER BY image_half <=> CAST(:image AS vector)::halfvec LIMIT :size
), text_leg AS MATERIALIZED (
  SELECT media_id FROM media_embedding ORDER BY text_half <=> CAST(:text AS vector)::halfvec LIMIT :size
), nominated AS (
  SELECT media_id FROM image_leg UNION SELECT media_id FROM text_leg
)
SELECT media_id
  FROM nominated JOIN media_embedding USING (media_id)
 ORDER BY CAST(:alpha AS float8) * (1 - (image_embedding <=> CAST(:image AS vector)))
        + (1 - CAST(:alpha AS float8)) * (1 - (text_embedding <=> CAST(:text AS vector))) DESC
 LIMIT :k
"""
)


class MilvusMissing(Exception):
    """Milvus Lite is not installed. The message says what is missing."""


def by_search_media(database: Database, vectors: Vectors) -> Find:
    """Ours, in SQL."""

    def find(query: int, alpha: float, k: int) -> list[int]:
        with database.transaction() as session:
            hits = search_media(session, vectors.image_queries[query], vectors.text_queries[query], k, alpha)
        return [_row(hit.media_id) for hit in hits]

    return find


def by_nominate(database: Database, vectors: Vectors) -> Find:
    """Ours, as the API searches."""

    def find(query: int, alpha: float, k: int) -> list[int]:
        image, text = vectors.image_queries[query], vectors.text_queries[query]
        with database.transaction() as session:
            found = nominate(session, image, text, k=k, alpha=alpha, filters=Filters())
        return [_row(media_id) for media_id in found.media_ids[:k]]

    return find


def by_union(database: Database, vectors: Vectors, size: int) -> Find:
    """The union of each leg's nearest `size`, with hnsw.ef_search of the same value, re-ranked exactly."""

    def find(query: int, alpha: float, k: int) -> list[int]:
        image, text = Vector(vectors.image_queries[query]), Vector(vectors.text_queries[query])
        with database.transaction() as session:
            session.execute(sa.text(f"SET LOCAL hnsw.ef_search = {size:d}"))
            ids = session.execute(
                _UNION, {"image": image, "text": text, "size": size, "alpha": alpha, "k": k}
            ).scalars()
            return [_row(media_id) for media_id in ids]

    return find


def by_numpy(vectors: Vectors) -> Find:
    """Brute force in memory, in single precision."""

    def find(query: int, alpha: float, k: int) -> list[int]:
        combined = vectors.images @ (np.float32(alpha) * vectors.image_queries[query])
        combined += vectors.texts @ (np.float32(1 - alpha) * vectors.text_queries[query])
        best = np.argpartition(-combined, k)[:k]
        return [int(row) for row in best[np.argsort(-combined[best])]]

    return find


@contextmanager
def open_milvus(vectors: Vectors) -> Iterator[Callable[[int], Find]]:
    """Milvus Lite, with an HNSW index per leg like ours (M 16, efConstruction 64) and its weighted ranker.

    Yields a function that makes a search method from the number of candidates per leg (also the value of `ef`).

    Raises:
        MilvusMissing: pymilvus or milvus-lite is not installed.
    """
    pymilvus = _import_milvus()
    home = Path(tempfile.mkdtemp(prefix="mediacluster-milvus-"))
    try:
        client = _fill_milvus(pymilvus, home / "media.db", vectors)
        yield lambda size: _by_milvus(pymilvus, client, vectors, size)
        client.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _by_milvus(pymilvus: Any, client: Any, vectors: Vectors, size: int) -> Find:
    settings = {"metric_type": "COSINE", "params": {"ef": size}}

    def find(query: int, alpha: float, k: int) -> list[int]:
        legs = [
            pymilvus.AnnSearchRequest([rows[query]], leg, settings, limit=size)
            for leg, rows in (("image", vectors.image_queries), ("text", vectors.text_queries))
        ]
        # Plain cosines. With normalization, the default, a picture in one list alone falls behind any that is in both.
        ranker = pymilvus.WeightedRanker(alpha, 1 - alpha, norm_score=False)
        # Ids only. By default, the response includes the vectors.
        hits = client.hybrid_search("media", legs, ranker, limit=k, output_fields=["id"])[0]
        return [int(hit["id"]) for hit in hits]

    return find


def _import_milvus() -> Any:
    # Its threads do not survive the fork that starts the next Postgres.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    try:
        importlib.import_module("milvus_lite")
        return importlib.import_module("pymilvus")
    except ImportError as error:
        raise MilvusMissing(f"{error.name} is not installed. uv pip install --group peers brings it.") from error


def _fill_milvus(pymilvus: Any, path: Path, vectors: Vectors) -> Any:
    begun = time.perf_counter()
    client = pymilvus.MilvusClient(str(path))
    schema = client.create_schema(auto_id=False)
    schema.add_field("id", pymilvus.DataType.INT64, is_primary=True)
    index = client.prepare_index_params()
    for leg, rows in (("image", vectors.images), ("text", vectors.texts)):
        schema.add_field(leg, pymilvus.DataType.FLOAT_VECTOR, dim=rows.shape[1])
        index.add_index(leg, index_type="HNSW", metric_type="COSINE", params={"M": 16, "efConstruction": 64})
    client.create_collection("media", schema=schema, index_params=index)
    for first in range(0, len(vectors.images), _INSERT_BATCH):
        batch = range(first, min(first + _INSERT_BATCH, len(vectors.images)))
        client.insert("media", [{"id": row, "image": vectors.images[row], "text": vectors.texts[row]} for row in batch])
    client.flush("media")
    client.load_collection("media")
    sys.stderr.write(f"filled Milvus Lite in {time.perf_counter() - begun:.0f} s\n")
    return client


def _row(media_id: uuid.UUID) -> int:
    return media_id.int - 1
