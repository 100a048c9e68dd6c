"""The assigner over a real database: exact, single-writer, in upload order, and safe to run twice at once."""

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray

from backend.encoders import default_threshold
from backend.features.integrity import audit
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.rules.grouping.assignment import exact_similarity
from backend.store.engine import Database
from backend.store.groups import lock_assigner
from backend.store.schema import Space
from backend.vectors import unit_rows
from tests.support.waiting import PATIENCE_SECONDS


@dataclass
class SerialAssigner:
    """The rule, one after another and without any cleverness."""

    threshold: float
    sums: list[np.ndarray] = field(default_factory=list)

    def add(self, vector: np.ndarray) -> int:
        unit = unit_rows(vector[None])[0]
        similarities = [exact_similarity(unit, total) for total in self.sums]
        best = max(range(len(similarities)), key=lambda row: (similarities[row], -row), default=None)
        if best is None or similarities[best] < self.threshold:
            self.sums.append(unit)
            return len(self.sums) - 1
        self.sums[best] = self.sums[best] + unit
        return best


def serial_partition(vectors: np.ndarray, threshold: float) -> list[int]:
    assigner = SerialAssigner(threshold)
    return [assigner.add(vector) for vector in vectors]


def stored_partition(database: Database, ids: list[uuid.UUID]) -> list[int]:
    """Clusters of the media in upload order, numbered as they first appear."""
    with database.transaction() as session:
        of = {
            row.media_id: row.cluster_id
            for row in session.execute(sa.text("SELECT media_id, cluster_id FROM membership"))
        }
    numbers: dict[int, int] = {}
    return [numbers.setdefault(of[media_id], len(numbers)) for media_id in ids]


@pytest.mark.parametrize("memory_bytes", [2**32, 0], ids=["in memory", "in blocks"])
def test_assign_waiting__equals_serial_assignment(
    memory_bytes: int,
    make_services: Callable[..., Services],
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., NDArray[np.float32]],
) -> None:
    services = make_services(assign_memory_bytes=memory_bytes)
    space = make_test_space(services.database)
    vectors = make_mixture(1, 500)
    ids = insert_media(services.database, 500, "pending")
    embed_media(services.database, space, ids, vectors)
    assert Assigner(services, space).assign_waiting() == 500
    assert stored_partition(services.database, ids) == serial_partition(vectors, default_threshold(None))
    report = audit(services.database, replay=True)
    assert report.breaches == {}
    assert report.replayed == 500


def test_assign_waiting__two_processes_worth_of_assigners_at_once(
    services: Services,
    make_services: Callable[..., Services],
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., NDArray[np.float32]],
) -> None:
    """Embedded out of order by two, assigned by three, each with a cache of its own: the outcome of one."""
    space = make_test_space(services.database)
    vectors = make_mixture(2, 600)
    ids = insert_media(services.database, 600, "pending")
    chunks = [range(start, start + 10) for start in range(0, 600, 10)]
    done = threading.Event()

    def embed(part: list[range]) -> None:
        own = make_services()
        for chunk in part:
            embed_media(own.database, space, [ids[row] for row in chunk], vectors[list(chunk)])
            time.sleep(random.random() / 200)

    def assign() -> None:
        assigner = Assigner(make_services(assign_batch_size=7), space)
        while not done.is_set():
            assigner.assign_waiting()

    assigners = [threading.Thread(target=assign) for _ in range(3)]
    embedders = [threading.Thread(target=embed, args=(chunks[part::2],)) for part in range(2)]
    for thread in assigners + embedders:
        thread.start()
    for thread in embedders:
        thread.join()
    done.set()
    for thread in assigners:
        thread.join()
    Assigner(services, space).assign_waiting()
    assert stored_partition(services.database, ids) == serial_partition(vectors, default_threshold(None))
    assert audit(services.database, replay=True).breaches == {}


def test_assign_waiting__waits_for_an_earlier_upload_but_not_for_ever(
    make_services: Callable[..., Services],
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., NDArray[np.float32]],
) -> None:
    services = make_services(assign_wait_seconds=60.0)
    space = make_test_space(services.database)
    ids = insert_media(services.database, 4, "pending")
    vectors = make_mixture(3, 4)
    embed_media(services.database, space, [ids[0], ids[2]], vectors[[0, 2]])
    assigner = Assigner(services, space)
    assert assigner.assign_waiting() == 1  # the first; the third waits for the second
    with services.database.transaction() as session:
        session.execute(
            sa.text("UPDATE media SET embedded_at = embedded_at - interval '61 s' WHERE id = :id"), {"id": ids[2]}
        )
    embed_media(services.database, space, [ids[3]], vectors[[3]])
    # The third has waited long enough, which gives the second up, so that the fourth need not wait for it either.
    assert assigner.assign_waiting() == 2
    embed_media(services.database, space, [ids[1]], vectors[[1]])
    assert assigner.assign_waiting() == 1
    assert audit(services.database, replay=True).is_clean


def test_assign_waiting__failed_uploads_hold_nobody_back(
    services: Services,
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., NDArray[np.float32]],
) -> None:
    space = make_test_space(services.database)
    ids = insert_media(services.database, 2, "pending")
    with services.database.transaction() as session:
        session.execute(
            sa.text("UPDATE media SET status = 'failed', error_code = 'image_corrupt' WHERE id = :id"), {"id": ids[0]}
        )
    embed_media(services.database, space, [ids[1]], make_mixture(4, 1))
    assert Assigner(services, space).assign_waiting() == 1


def test_assign_waiting__leaves_the_work_to_whoever_holds_the_lock(
    services: Services,
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., NDArray[np.float32]],
) -> None:
    space = make_test_space(services.database)
    embed_media(services.database, space, insert_media(services.database, 3, "pending"), make_mixture(5, 3))
    assigner = Assigner(services, space)
    with services.database.transaction() as session:
        lock_assigner(session)
        assert assigner.assign_waiting() == 0
    assert assigner.assign_waiting() == 3


def test_assign_waiting__a_failed_commit_leaves_no_trace_in_the_cache(
    services: Services,
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., NDArray[np.float32]],
) -> None:
    space = make_test_space(services.database)
    vectors = make_mixture(6, 60)
    ids = insert_media(services.database, 60, "pending")
    embed_media(services.database, space, ids[:30], vectors[:30])
    assigner = Assigner(services, space)
    assigner.assign_waiting()
    with services.database.transaction() as session:
        session.execute(
            sa.text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'refused'; END $$; "
                "CREATE TRIGGER refuse BEFORE UPDATE ON space FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
        )
    embed_media(services.database, space, ids[30:], vectors[30:])
    with pytest.raises(sa.exc.DBAPIError, match="refused"):
        assigner.assign_waiting()
    with services.database.transaction() as session:
        session.execute(sa.text("DROP TRIGGER refuse ON space"))
    assert assigner.assign_waiting() == 30
    assert stored_partition(services.database, ids) == serial_partition(vectors, default_threshold(None))
    assert audit(services.database, replay=True).breaches == {}


def test_assign_waiting__tells_listeners(
    services: Services,
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., NDArray[np.float32]],
) -> None:
    space = make_test_space(services.database)
    ids = insert_media(services.database, 1, "pending")
    embed_media(services.database, space, ids, make_mixture(7, 1))
    with psycopg.connect(services.database.url, autocommit=True) as listener:
        listener.execute("LISTEN mediacluster")
        Assigner(services, space).assign_waiting()
        heard = next(listener.notifies(timeout=PATIENCE_SECONDS))
    assert f'"media_id": "{ids[0]}"' in heard.payload
    assert '"type": "media.ready"' in heard.payload
    assert '"cluster_id": 1' in heard.payload


BREAKS = {
    "ready_without_embedding": "DELETE FROM embedding WHERE media_id = (SELECT min(media_id::text)::uuid FROM embedding)",
    "ready_without_membership": "DELETE FROM membership WHERE assign_seq = 1",
    "wrong_member_count": "UPDATE centroid SET member_count = member_count + 1 WHERE cluster_id = 1",
    "centroid_off_the_mean": "UPDATE centroid SET centroid = l2_normalize(centroid + l2_normalize(array_fill(1, ARRAY[16])::vector)) "
    "WHERE cluster_id = 1",
    "empty_cluster": "INSERT INTO cluster DEFAULT VALUES",
    "joined_below_threshold": "UPDATE membership SET similarity = 0.1 WHERE assign_seq = (SELECT max(assign_seq) FROM membership WHERE NOT founder)",
    "membership_of_unready_media": "UPDATE media SET status = 'embedded' WHERE upload_seq = 1",
    "curated_without_event": "UPDATE membership SET origin = 'curator' WHERE assign_seq = 1",
    "joined_locked_cluster": "UPDATE cluster SET locked = true, locked_at = created_at - interval '1 s' WHERE id = 1",
    "representative_not_a_member": "UPDATE cluster SET representative_media_id = NULL WHERE id = 1",
    "sum_differs": "UPDATE centroid SET embedding_sum[1] = embedding_sum[1] + 1e-12 WHERE cluster_id = 1",
    "replay_differs": "UPDATE membership SET cluster_id = (SELECT max(id) FROM cluster) WHERE cluster_id = 1",
}


@pytest.mark.parametrize("invariant", BREAKS)
def test_audit__each_breach_is_found(
    invariant: str,
    services: Services,
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
    embed_media: Callable[..., None],
    make_mixture: Callable[..., NDArray[np.float32]],
) -> None:
    space = make_test_space(services.database)
    embed_media(
        services.database, space, insert_media(services.database, 40, "pending"), make_mixture(8, 40, spread=0.4)
    )
    Assigner(services, space).assign_waiting()
    assert audit(services.database, replay=True).is_clean
    with services.database.transaction() as session:
        session.execute(sa.text(BREAKS[invariant]))
    report = audit(services.database, replay=True)
    assert invariant in report.breaches
    assert report.breaches[invariant]
