"""Queries on the keys of the API."""

import enum
from collections.abc import Sequence

from sqlalchemy import any_, func, literal, select, text, update
from sqlalchemy.orm import Session

from backend.errors import NotFound
from backend.store.schema import ApiKey


class Scope(enum.StrEnum):
    """Scopes of keys. Each includes those before it."""

    READ = "read"
    UPLOAD = "upload"
    CURATE = "curate"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(other)


def insert_api_key(session: Session, name: str, token_sha256: bytes, scope: Scope, origins: Sequence[str]) -> ApiKey:
    key = ApiKey(name=name, token_sha256=token_sha256, scope=scope, origins=list(origins))
    session.add(key)
    session.flush()
    return key


def find_live_api_key(session: Session, token_sha256: bytes) -> ApiKey | None:
    """The key with this hash, None if it was revoked."""
    return session.scalar(select(ApiKey).where(ApiKey.token_sha256 == token_sha256, ApiKey.revoked_at.is_(None)))


def list_api_keys(session: Session) -> list[ApiKey]:
    """All keys, live and revoked, oldest first."""
    return list(session.scalars(select(ApiKey).order_by(ApiKey.id)))


def record_use(session: Session, key_id: int) -> None:
    """Record that a key was used, at most once a minute, so that not every request writes. A standby records nothing, so that keys can read
    there."""
    is_due = (
        (ApiKey.id == key_id)
        & (func.coalesce(ApiKey.last_used_at, text("'-infinity'")) < text("now() - interval '1 minute'"))
        & text("NOT CAST(current_setting('transaction_read_only') AS boolean)")
    )
    if session.scalar(select(ApiKey.id).where(is_due)) is not None:
        session.execute(
            update(ApiKey).where(is_due).values(last_used_at=func.now()).execution_options(synchronize_session=False)
        )


def revoke_api_key(session: Session, key_id: int) -> ApiKey:
    """Revoke a key permanently. Raises NotFound."""
    key = session.get(ApiKey, key_id, with_for_update=True)
    if key is None:
        raise NotFound(f"There is no key {key_id}.", hint="`mediacluster key list` shows all.")
    if key.revoked_at is None:
        session.execute(update(ApiKey).where(ApiKey.id == key_id).values(revoked_at=func.now()))
        session.refresh(key)
    return key


def is_origin_allowed(session: Session, origin: str) -> bool:
    """Whether any live key may be used by pages of this origin."""
    query = select(ApiKey.id).where(ApiKey.revoked_at.is_(None), literal(origin) == any_(ApiKey.origins)).limit(1)
    return session.scalar(query) is not None
