"""Queries on webhooks and their deliveries."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.errors import NotFound
from backend.store.leases import from_now
from backend.store.schema import Webhook, WebhookDelivery

# Pauses before each retry. After the last one, the delivery is abandoned.
RETRY_SECONDS = (5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600)


@dataclass(frozen=True)
class DueDelivery:
    """A delivery claimed for one attempt."""

    id: uuid.UUID
    url: str
    secret: str
    body: dict[str, Any]
    attempts: int
    created_at: datetime


def insert_webhook(session: Session, webhook_id: uuid.UUID, url: str, secret: str, events: Sequence[str]) -> Webhook:
    webhook = Webhook(id=webhook_id, url=url, secret=secret, events=list(events))
    session.add(webhook)
    session.flush()
    session.refresh(webhook)
    return webhook


def list_webhooks(session: Session) -> list[Webhook]:
    return list(session.scalars(sa.select(Webhook).order_by(Webhook.created_at, Webhook.id)))


def delete_webhook(session: Session, webhook_id: uuid.UUID) -> None:
    """Delete a webhook. Raises NotFound."""
    deleted = session.execute(sa.delete(Webhook).where(Webhook.id == webhook_id).returning(Webhook.id))
    if deleted.scalar_one_or_none() is None:
        raise NotFound(f"There is no webhook {webhook_id}.")


def _due() -> sa.ColumnElement[bool]:
    return sa.and_(
        WebhookDelivery.delivered_at.is_(None),
        WebhookDelivery.abandoned_at.is_(None),
        WebhookDelivery.next_attempt_at <= sa.func.now(),
    )


def count_due_deliveries(session: Session) -> int:
    return session.execute(sa.select(sa.func.count()).select_from(WebhookDelivery).where(_due())).scalar_one()


def claim_deliveries(session: Session, *, limit: int, lease_seconds: float) -> list[DueDelivery]:
    """Claim due deliveries. Each becomes due again after `lease_seconds` unless its result is recorded."""
    chosen = (
        sa.select(WebhookDelivery.id)
        .where(_due())
        .order_by(WebhookDelivery.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    rows = session.execute(
        sa.update(WebhookDelivery)
        .where(WebhookDelivery.id == chosen.c.id, Webhook.id == WebhookDelivery.webhook_id)
        .values(
            attempts=WebhookDelivery.attempts + 1,
            next_attempt_at=from_now(lease_seconds),
        )
        .returning(
            WebhookDelivery.id,
            Webhook.url,
            Webhook.secret,
            WebhookDelivery.body,
            WebhookDelivery.attempts,
            WebhookDelivery.created_at,
        )
    )
    return [DueDelivery(**row._asdict()) for row in rows]


def record_delivered(session: Session, delivery_id: uuid.UUID) -> None:
    session.execute(
        sa.update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id)
        .values(delivered_at=sa.func.now(), last_error=None)
    )


def record_undelivered(session: Session, delivery: DueDelivery, error: str) -> None:
    """Schedule the next attempt, or abandon the delivery after the last."""
    last = delivery.attempts > len(RETRY_SECONDS)
    pause = RETRY_SECONDS[min(delivery.attempts, len(RETRY_SECONDS)) - 1]
    session.execute(
        sa.update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery.id)
        .values(
            last_error=error,
            abandoned_at=sa.func.now() if last else None,
            next_attempt_at=from_now(pause),
        )
    )
