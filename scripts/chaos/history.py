"""Comparison of the clients' records with the stored rows."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from backend.features.integrity import audit, describe_breaches
from backend.files.storage import Storage
from backend.store.engine import Database
from scripts.chaos.clients import Acknowledged, Ledger

_ROWS = """
SELECT media.id::text AS id, sha256, status, error_code, original_key,
       (SELECT count(*) FROM membership WHERE media_id = media.id) AS memberships,
       (SELECT count(*) FROM embedding WHERE media_id = media.id) AS embeddings
  FROM media
"""


def check_history(ledger: Ledger, database: Database, storage: Storage) -> tuple[list[str], int]:
    """Violations, one sentence each, and the number of decisions in a serial replay."""
    violations = list(dict.fromkeys(ledger.broken))
    with database.transaction() as session:
        rows = session.execute(sa.text(_ROWS)).all()
    by_sha: dict[bytes, list[sa.Row[Any]]] = defaultdict(list)
    for row in rows:
        by_sha[bytes(row.sha256)].append(row)
    violations += _acknowledged(ledger.acknowledged, by_sha)
    sent = {one.sha256 for one in ledger.acknowledged}
    violations += [f"media {row.id} was never acknowledged" for row in rows if bytes(row.sha256) not in sent]
    for row in rows:
        violations += _row(row, storage)
    report = audit(database, replay=True)
    violations += describe_breaches(report)
    if report.replayed is None:
        violations.append(f"no serial replay: {report.replay_skipped}")
    return violations, report.replayed or 0


def _acknowledged(acknowledged: list[Acknowledged], by_sha: dict[bytes, list[sa.Row[Any]]]) -> Iterator[str]:
    firsts: dict[bytes, int] = defaultdict(int)
    by_key: dict[str, set[tuple[str, bool]]] = defaultdict(set)
    for one in acknowledged:
        found = by_sha.get(one.sha256, [])
        if [row.id for row in found] != [one.media_id]:
            yield f"picture {one.number} was acknowledged as {one.media_id}; there is {[row.id for row in found]}"
        by_key[one.key].add((one.media_id, one.duplicate))
    for key, answers in by_key.items():
        if len(answers) > 1:
            yield f"the key {key} got different answers: {sorted(answers)}"
        media_id, duplicate = min(answers)
        firsts[next(one.sha256 for one in acknowledged if one.media_id == media_id)] += not duplicate
    yield from (
        f"{count} keys were told that they were the first with {sha.hex()}"
        for sha, count in firsts.items()
        if count > 1
    )


def _row(row: sa.Row[Any], storage: Storage) -> Iterator[str]:
    if row.status not in {"ready", "failed"}:
        yield f"media {row.id} is {row.status}"
    if row.status == "failed" and not row.error_code:
        yield f"media {row.id} failed without a reason"
    if row.status == "ready" and (row.memberships, row.embeddings) != (1, 1):
        yield f"media {row.id} is ready with {row.memberships} memberships and {row.embeddings} embeddings"
    try:
        stored = storage.read(row.original_key)
    except Exception as error:  # noqa: BLE001 - any error means that the picture is lost
        yield f"the original of media {row.id} cannot be read: {error}"
        return
    if hashlib.sha256(stored).digest() != bytes(row.sha256):
        yield f"the original of media {row.id} has other bytes"
